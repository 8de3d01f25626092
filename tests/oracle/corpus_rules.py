"""Texts of the corpus as compiled rules, for comparison with the engine."""

from __future__ import annotations

from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import AggregateKind, Handling, RuleInfo

EXACT = Handling(ignore_case=False)
"""Groups as the query says, by exact spelling."""


def compiled(text: str, name: str = "rule", *, every_record: bool = True) -> KqlRule:
    """The rule that `text` is; its id is `name`."""
    info = RuleInfo(name, name, "1", "Low", (), (), "")
    rule, problems = compile_kql(text, info, EXACT, {}, every_record=every_record)
    assert rule is not None, problems
    return rule


def sets_of(rule: KqlRule) -> dict[str, int]:
    """Columns of the result that are sets or lists, and how many members each may have."""
    shown = {name for name, _ in rule.schema}
    kinds = (AggregateKind.SET, AggregateKind.LIST)
    return {each.name: each.capacity for each in rule.aggregates if each.kind in kinds and each.name in shown}
