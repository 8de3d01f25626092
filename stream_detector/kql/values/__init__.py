"""What the functions of KQL compute, beyond text and dynamic values: one module for each kind of value."""
