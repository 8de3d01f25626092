"""What the conditions on a row ask of a window: which aggregates they read, how many records they need."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from math import ceil, isfinite

from stream_detector.kql.plan.growth import Row
from stream_detector.kql.plan.reads import children, parts, resolve
from stream_detector.kql.typed import Apply, Column, Constant, Typed
from stream_detector.kql.types import Type

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "between", "!between"})
_COUNTING = frozenset({"count", "count_if", "distinct", "set", "list"})
"""Aggregates that grow by one with a record at most."""


_MOST = 2.0**53


def aggregates_read(tests: Iterable[Typed], row: Row) -> tuple[int, ...]:
    """Positions of the aggregates that the conditions look at, in order."""
    columns = (part for test in tests for part in _parts(test, row) if isinstance(part, Column))
    slots = {column.slot for column in columns if column.slot is not None}
    return tuple(sorted({row.places[slot].index for slot in slots if slot in row.places}))


def records_needed(tests: Iterable[Typed], minimums: Iterable[tuple[Typed, int]], row: Row) -> int:
    """A number of records with which every comparison of a count or size with a number can come true.

    One more than the greatest number that such a comparison needs; 1 without any.
    """
    counts = _counting_slots(row)
    most = 0
    for test in tests:
        for part in _parts(test, row):
            if isinstance(part, Apply) and part.function.name in _COMPARISONS:
                most = max(most, *(_needed(side, part.arguments, row, counts) for side in part.arguments))
    for column, minimum in minimums:
        if _counts(column, counts):
            most = max(most, _reached(column, minimum, row, counts))
    return most + 1


def _needed(side: Typed, sides: tuple[Typed, ...], row: Row, counts: Container[int | None]) -> int:
    """Records for `side` to reach the constants that it is compared with; 0 when it is no count."""
    if not _counts(side, counts):
        return 0
    numbers = [abs(number) for other in sides if (number := _number(other, row)) is not None]
    return _reached(side, max(numbers), row, counts) if numbers else 0


def _reached(expression: Typed, number: float, row: Row, counts: Container[int | None]) -> int:
    """How large a count below the expression may have to be for the expression to reach the number."""
    stack = [(expression, number)]
    most = 0
    tried: dict[int, float] = {}
    while stack:
        current, wanted = stack.pop()
        if tried.get(id(current), -1) >= wanted:
            continue
        tried[id(current)] = wanted
        if isinstance(current, Column) and current.slot in row.definitions:
            assert current.slot is not None
            stack.append((row.definitions[current.slot], wanted))
        elif isinstance(current, Column):
            most = max(most, ceil(min(wanted, _MOST)))
        elif isinstance(current, Apply):
            for argument in current.arguments:
                wanted = _through(current.function.name, _number(argument, row), wanted)
            stack += [(argument, wanted) for argument in current.arguments if _counts(argument, counts)]
        else:
            stack += [(child, wanted) for child in children(current) if _counts(child, counts)]
    return most


def _through(operator: str, number: float | None, wanted: float) -> float:
    """What the other operand must reach for the result to be `wanted`."""
    if number is None or not number or not isfinite(number):
        return wanted
    if operator in ("+", "-"):
        return wanted + abs(number)
    if operator == "/":
        return wanted * max(1.0, abs(number))
    return wanted / abs(number) if operator == "*" else wanted


def _counting_slots(row: Row) -> set[int | None]:
    """Slots of columns that have a count or the size of a set in them."""
    found: set[int | None] = {
        slot for slot, place in row.places.items() if row.aggregates[place.index].kind in _COUNTING
    }
    for slot in sorted(row.definitions):
        if _counts(row.definitions[slot], found):
            found.add(slot)
    return found


def _counts(expression: Typed, counts: Container[int | None]) -> bool:
    return any(isinstance(part, Column) and part.slot in counts for part in parts(expression))


def _number(expression: Typed, row: Row) -> float | None:
    """The number or time span that a constant is."""
    expression = resolve(expression, row.definitions)
    if not isinstance(expression, Constant) or expression.type in (Type.BOOL, Type.DATETIME):
        return None
    value = expression.value
    return value if isinstance(value, int | float) and isfinite(value) else None


def _parts(expression: Typed, row: Row) -> Iterator[Typed]:
    """The expression and everything in it, through definitions."""
    followed: set[int] = set()
    stack = [expression]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(children(current))
        if isinstance(current, Column) and current.slot in row.definitions and current.slot not in followed:
            assert current.slot is not None
            followed.add(current.slot)
            stack.append(row.definitions[current.slot])
