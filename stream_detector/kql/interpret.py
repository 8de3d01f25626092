"""Computes checked expressions one by one, by the catalogue's implementations alone.

Slow and plain: it explains a rule on one record, and it is a second opinion on the generated code. It
shares no code with `generate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stream_detector.kql.plan.reads import Definitions, slots_below
from stream_detector.kql.typed import Apply, Choice, Column, Constant, Logic, Not, Now, Typed
from stream_detector.kql.types import Type


class Interpreter:
    """Values of expressions about one record or one row."""

    def __init__(
        self,
        definitions: Definitions,
        column: Callable[[str], object],
        slots: Mapping[int, object] | None = None,
    ) -> None:
        self._definitions = definitions
        self._column = column
        """The value of a column of the table by its name."""
        self._slots = dict(slots or {})
        """Values that are known: keys, aggregates, and definitions as they are computed."""

    def value(self, expression: Typed) -> object:
        """The value as `kql.types` holds it."""
        for slot in slots_below(expression, self._definitions, self._slots):
            self._slots[slot] = self._value(self._definitions[slot])
        return self._value(expression)

    def is_true(self, expression: Typed) -> bool:
        """Whether a condition holds: null does not."""
        return self.value(expression) is True

    def _value(self, expression: Typed) -> object:
        if isinstance(expression, Constant):
            return _of_type(expression.value, expression.type)
        if isinstance(expression, Column):
            return self._column(expression.name) if expression.slot is None else self._slots[expression.slot]
        if isinstance(expression, Apply):
            return self._applied(expression)
        if isinstance(expression, Logic):
            return _joined(expression.operator, [self._value(operand) for operand in expression.operands])
        if isinstance(expression, Not):
            operand = self._value(expression.operand)
            return None if operand is None else not operand
        assert not isinstance(expression, Now), "the planner leaves no time relative to now"
        return self._chosen(expression)

    def _applied(self, expression: Apply) -> object:
        function = expression.function
        arguments = [self._value(argument) for argument in expression.arguments]
        if function.is_strict and any(argument is None for argument in arguments):
            return _of_type(None, function.result)
        return _of_type(function.implementation(*arguments), function.result)

    def _chosen(self, choice: Choice) -> object:
        for condition, value in choice.arms:
            if self._value(condition) is True:
                return self._value(value)
        return self._value(choice.otherwise)


def _joined(operator: str, operands: list[object]) -> bool | None:
    """Three-valued: what decides wins, then null."""
    decisive = operator == "or"
    if any(operand is decisive for operand in operands):
        return decisive
    return None if any(operand is None for operand in operands) else not decisive


def _of_type(value: object, type_: Type) -> object:
    """A string has no null."""
    return "" if value is None and type_ is Type.STRING else value
