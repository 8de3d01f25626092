"""Expressions of constants become constants, once, when a rule is checked.

So that lists, patterns and limits that a rule puts together by functions are known before any record.
What would become too large stays an expression.
"""

from __future__ import annotations

from stream_detector.kql.function import Function
from stream_detector.kql.problems import Span
from stream_detector.kql.typed import Apply, Choice, Constant, Logic, Not, Typed
from stream_detector.kql.types import Type

MOST = 200_000
"""Characters and members of a constant; no rule's text is longer, so no constant as it was written."""

_MOST_REPLACED = 10_000_000
_GROWS_BY_PRODUCT = frozenset({"replace_string"})


def applied(function: Function, arguments: tuple[Typed, ...], span: Span) -> Apply | Constant:
    """The function applied to arguments of its types: its value when all are constants."""
    expression = Apply(function, arguments, function.result, span)
    constants = [argument for argument in arguments if isinstance(argument, Constant)]
    if len(constants) < len(arguments) or not _is_small(function.name, constants):
        return expression
    values = [constant.value for constant in constants]
    if function.is_strict and None in values:
        value = None
    else:
        value = function.implementation(*values)
    if value is None and not function.result.has_null:
        value = ""
    return Constant(function.result, value, span) if size(value) <= MOST else expression


def logic(operator: str, operands: tuple[Typed, ...], span: Span) -> Logic | Constant:
    """`and` / `or` of at least two, three-valued."""
    decisive = operator == "or"
    values = []
    for operand in operands:
        if not isinstance(operand, Constant):
            return Logic(operator, operands, span)
        values.append(operand.value)
    if decisive in values:
        return Constant(Type.BOOL, decisive, span)
    return Constant(Type.BOOL, None if None in values else not decisive, span)


def negated(operand: Typed, span: Span) -> Not | Constant:
    """`not(operand)`: null stays null."""
    if isinstance(operand, Constant):
        return Constant(Type.BOOL, None if operand.value is None else not operand.value, span)
    return Not(operand, span)


def choice(
    arms: tuple[tuple[Typed, Typed], ...], otherwise: Typed, kind: Type, span: Span
) -> Choice | Constant:
    """The first value whose condition is true, when conditions and value are constants."""
    chosen = otherwise
    for condition, value in arms:
        if not isinstance(condition, Constant):
            return Choice(arms, otherwise, kind, span)
        if condition.value is True:
            chosen = value
            break
    if isinstance(chosen, Constant):
        return Constant(kind, chosen.value, span)
    return Choice(arms, otherwise, kind, span)


def size(value: object) -> int:
    """Characters and members of a value, counted up to just beyond `MOST`."""
    total, stack = 0, [value]
    while stack and total <= MOST:
        item = stack.pop()
        total += 1
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, list | tuple):
            stack += item
        elif isinstance(item, dict):
            stack += item.keys()
            stack += item.values()
    return total


def _is_small(name: str, constants: list[Constant]) -> bool:
    sizes = [size(constant.value) for constant in constants]
    if name in _GROWS_BY_PRODUCT and len(sizes) > 1:
        product = 1
        for each in sizes:
            product *= each
        return product <= _MOST_REPLACED
    return sum(sizes) <= MOST
