"""Kusto's semantics, apart from any rule: text operators, dynamic values, literals."""
