"""Questions about checked expressions: what they read, whether two mean the same. No values, no records."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from stream_detector.kql.problems import Span
from stream_detector.kql.typed import Apply, Choice, Column, Constant, Logic, Not, Now, Typed

Definitions = Mapping[int, Typed]
"""Values of computed columns by slot."""


def children(expression: Typed) -> tuple[Typed, ...]:
    """The parts of an expression, in order of the text."""
    if isinstance(expression, Apply):
        return expression.arguments
    if isinstance(expression, Logic):
        return expression.operands
    if isinstance(expression, Not):
        return (expression.operand,)
    if isinstance(expression, Choice):
        pairs = [part for arm in expression.arms for part in arm]
        return (*pairs, expression.otherwise)
    return ()


def parts(expression: Typed) -> Iterator[Typed]:
    """The expression and everything in it, in order of the text; definitions are not followed."""
    stack = [expression]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(children(current))


def resolve(expression: Typed, definitions: Definitions) -> Typed:
    """What a column stands for, when it is nothing but another name for a definition's value."""
    while isinstance(expression, Column) and expression.slot in definitions:
        assert expression.slot is not None
        expression = definitions[expression.slot]
    return expression


def columns_read(expression: Typed, definitions: Definitions) -> tuple[str, ...]:
    """The table's columns that the value depends on, in order of first appearance."""
    found: dict[str, None] = {}
    followed: set[int] = set()
    stack = [expression]
    while stack:
        current = stack.pop()
        if isinstance(current, Column):
            if current.slot is None:
                found[current.name] = None
            elif current.slot in definitions and current.slot not in followed:
                followed.add(current.slot)
                stack.append(definitions[current.slot])
        else:
            stack += reversed(children(current))
    return tuple(found)


def slots_below(expression: Typed, definitions: Definitions, known: Container[int]) -> list[int]:
    """Slots of definitions that the expression needs and that are not known yet, in an order to make them.

    A definition refers to earlier ones only, and slots are given in order of the text. Whoever goes
    through them in this order needs no recursion, however long the chain of definitions is.
    """
    needed: set[int] = set()
    stack = [expression]
    while stack:
        current = stack.pop()
        if isinstance(current, Column):
            slot = current.slot
            if slot is not None and slot in definitions and slot not in known and slot not in needed:
                needed.add(slot)
                stack.append(definitions[slot])
        else:
            stack += children(current)
    return sorted(needed)


def relative_times(expression: Typed) -> tuple[Span, ...]:
    """Where now() and ago() stand in it; definitions are not followed."""
    return tuple(part.span for part in parts(expression) if isinstance(part, Now))


def meaning(expression: Typed) -> object:
    """A key that is equal for expressions that are the same but for their place in the text."""
    if isinstance(expression, Constant):
        return ("constant", expression.type, repr(expression.value))
    if isinstance(expression, Column):
        return ("column", expression.name if expression.slot is None else expression.slot)
    if isinstance(expression, Now):
        return ("now", expression.offset)
    inner = tuple(map(meaning, children(expression)))
    if isinstance(expression, Apply):
        return ("apply", id(expression.function), inner)
    if isinstance(expression, Logic):
        return (expression.operator, inner)
    return (type(expression).__name__, inner)
