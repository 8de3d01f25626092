"""How the conditions on a row behave while records are added to its group.

`is_monotone` says that a row that is returned stays returned; windows then need not look again.
Whatever is not surely so is taken as not so: a wrong yes would lose or keep alerts, a wrong no costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from msgspec import Struct

from stream_detector.kql.plan.aggregates import Place, PlannedAggregate
from stream_detector.kql.plan.reads import Definitions, children, resolve, slots_below
from stream_detector.kql.typed import AggregateColumn, Apply, Choice, Column, Constant, Logic, Not, Typed
from stream_detector.kql.types import Type


class Growth(Enum):
    """What adding a record can do to a value, or to the truth of a condition."""

    FIXED = "fixed"
    """Nothing."""
    COUNT = "count"
    """Only raise it; never null, and too small to overflow."""
    UP = "up"
    """Only raise it, or give it its first value. Of a condition: only make it true."""
    DOWN = "down"
    """Only lower it, or give it its first value."""
    UNSURE = "unsure"


_RISING = (Growth.FIXED, Growth.COUNT, Growth.UP)
_FALLING = (Growth.FIXED, Growth.DOWN)
_MORE = {">": ("left", "right"), ">=": ("left", "right"), "<": ("right", "left"), "<=": ("right", "left")}
_OF_KIND = {
    "count": Growth.COUNT,
    "count_if": Growth.COUNT,
    "distinct": Growth.COUNT,
    "first": Growth.DOWN,
    "last": Growth.UP,
}
_ORDERED = frozenset({Type.INT, Type.LONG, Type.DATETIME, Type.TIMESPAN})
"""Of real, NaN has no place in the order."""


class Row(Struct, frozen=True, gc=False):
    """What is known of a row's columns."""

    definitions: Definitions
    """Those after summarize."""
    columns: Mapping[int, AggregateColumn]
    """The aggregates by slot; every other slot without a definition is a key."""
    aggregates: tuple[PlannedAggregate, ...]
    places: Mapping[int, Place]

    def aggregate(self, expression: Typed) -> PlannedAggregate | None:
        """The aggregate that the expression is, under whatever name."""
        found = resolve(expression, self.definitions)
        if not isinstance(found, Column) or found.slot not in self.places:
            return None
        assert found.slot is not None
        return self.aggregates[self.places[found.slot].index]


def stays_true(condition: Typed, row: Row) -> bool:
    """Whether a condition that is true of a row stays true while the group grows."""
    return _growth_of(condition, row) in (Growth.FIXED, Growth.UP)


def always_true(condition: Typed, row: Row) -> bool:
    """Whether the condition is true of every row, because a row is made of one record at least."""
    known: dict[int, bool] = {}
    for slot in slots_below(condition, row.definitions, known):
        known[slot] = _always_true(row.definitions[slot], row, known)
    return _always_true(condition, row, known)


def _always_true(condition: Typed, row: Row, known: Mapping[int, bool]) -> bool:
    if isinstance(condition, Constant):
        return condition.value is True
    if isinstance(condition, Column):
        return condition.slot is not None and known.get(condition.slot, False)
    if isinstance(condition, Logic):
        decide: Callable[..., bool] = all if condition.operator == "and" else any
        return decide(_always_true(operand, row, known) for operand in condition.operands)
    if not isinstance(condition, Apply) or condition.function.name not in _MORE:
        return False
    more, less = _sides(condition)
    at_least = _least(more, row)
    bound = resolve(less, row.definitions)
    if at_least is None or not isinstance(bound, Constant) or not isinstance(bound.value, int | float):
        return False
    if condition.function.name in (">", "<"):
        return at_least > bound.value
    return at_least >= bound.value


def always_at_least(column: Typed, minimum: int, row: Row) -> bool:
    """Whether a threshold on the column (its size, if it is an array) holds for every row."""
    least = _least_size(column, row) if column.type is Type.DYNAMIC else _least(column, row)
    return least is not None and least >= minimum


def size_stays(column: Typed, row: Row) -> bool:
    """Whether a threshold on the column (its size, if it is an array) stays met."""
    if column.type is Type.DYNAMIC:
        return _least_size(column, row) is not None
    return _growth_of(column, row) in _RISING


def _least(value: Typed, row: Row) -> int | None:
    """The smallest that a count or the size of a set can be in a row."""
    value = resolve(value, row.definitions)
    if isinstance(value, Apply):
        return _least_size(value.arguments[0], row) if value.function.name == "array_length" else None
    aggregate = row.aggregate(value)
    if aggregate is None:
        return None
    if aggregate.kind == "count":
        return 1
    if aggregate.kind == "distinct":
        return _least_members(aggregate)
    return 0 if aggregate.kind == "count_if" else None


def _least_size(value: Typed, row: Row) -> int | None:
    aggregate = row.aggregate(value)
    if aggregate is None or aggregate.kind not in ("set", "list"):
        return None
    return _least_members(aggregate)


def _least_members(aggregate: PlannedAggregate) -> int:
    """A string is never null, and so always a member."""
    assert aggregate.value is not None
    return int(aggregate.predicate is None and aggregate.value.type is Type.STRING)


def _growth_of(expression: Typed, row: Row) -> Growth:
    known: dict[int, Growth] = {}
    for slot in slots_below(expression, row.definitions, known):
        known[slot] = _growth(row.definitions[slot], row, known)
    return _growth(expression, row, known)


def _growth(expression: Typed, row: Row, known: Mapping[int, Growth]) -> Growth:
    if isinstance(expression, Constant):
        return Growth.FIXED
    if isinstance(expression, Column):
        return _column_growth(expression, row, known)
    if isinstance(expression, Apply):
        return _apply_growth(expression, row, known)
    inner = {_growth(child, row, known) for child in children(expression)}
    if inner <= {Growth.FIXED}:
        return Growth.FIXED
    if isinstance(expression, Logic) and inner <= {Growth.FIXED, Growth.UP}:
        return Growth.UP
    assert isinstance(expression, Logic | Not | Choice)
    return Growth.UNSURE


def _column_growth(column: Column, row: Row, known: Mapping[int, Growth]) -> Growth:
    slot = column.slot
    assert slot is not None, "after summarize there are no columns of the table"
    if slot in known:
        return known[slot]
    if slot not in row.columns:
        return Growth.FIXED
    aggregate = row.aggregates[row.places[slot].index]
    if aggregate.kind in _OF_KIND:
        return _OF_KIND[aggregate.kind]
    if row.columns[slot].function in ("max", "min") and column.type in _ORDERED:
        return Growth.UP if aggregate.kind == "greatest" else Growth.DOWN
    if aggregate.kind == "sum" and aggregate.value is not None and _is_small_and_positive(aggregate.value):
        return Growth.UP
    return Growth.UNSURE


def _apply_growth(expression: Apply, row: Row, known: Mapping[int, Growth]) -> Growth:
    name, arguments = expression.function.name, expression.arguments
    if name == "array_length" and _least_size(arguments[0], row) is not None:
        return Growth.COUNT
    inner = [_growth(argument, row, known) for argument in arguments]
    if all(growth is Growth.FIXED for growth in inner):
        return Growth.FIXED
    if name in _MORE and len(arguments) == 2:
        more, less = inner if _MORE[name][0] == "left" else reversed(inner)
        return Growth.UP if more in _RISING and less in _FALLING else Growth.UNSURE
    if name == "+" and all(growth is Growth.COUNT for growth in inner):
        return Growth.COUNT
    if name == "-" and len(arguments) == 2 and {argument.type for argument in arguments} == {Type.DATETIME}:
        # The difference of two times of the calendar cannot overflow; other differences can.
        return Growth.UP if inner[0] in _RISING and inner[1] in _FALLING else Growth.UNSURE
    return Growth.UNSURE


def _sides(comparison: Apply) -> tuple[Typed, Typed]:
    left, right = comparison.arguments
    return (left, right) if _MORE[comparison.function.name][0] == "left" else (right, left)


_MOST = 2**31


def _is_small_and_positive(value: Typed) -> bool:
    """Whether a sum of such values only grows and cannot leave 64 bits."""
    if value.type not in (Type.INT, Type.LONG):
        return False
    if isinstance(value, Constant):
        return isinstance(value.value, int) and 0 <= value.value < _MOST
    if isinstance(value, Choice):
        return all(map(_is_small_and_positive, (*(shown for _, shown in value.arms), value.otherwise)))
    return isinstance(value, Apply) and value.function.name in ("strlen", "array_length")
