"""From the aggregates of the text to those that windows keep: each kept once, whoever shows it.

`kind` is the value of `rules.model.AggregateKind`; this layer does not know that module.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from stream_detector.kql.plan.reads import Definitions, meaning
from stream_detector.kql.plan.window import is_time
from stream_detector.kql.typed import AggregateColumn, Typed
from stream_detector.kql.types import Type

DISTINCT_CAPACITY = 10_000
"""dcount is exact up to here and stays here beyond: Kusto's own is an estimate at such sizes."""
DEFAULT_CAPACITY = 1_048_576
"""Of make_set and make_list without a size, and the most they can be given (make_set page of Kusto)."""

_COLLECTING = {"dcount": "distinct", "make_set": "set", "make_list": "list"}
_EXTREMES = {"max": "greatest", "arg_max": "greatest", "min": "least", "arg_min": "least"}


class PlannedAggregate(Struct, frozen=True, gc=False):
    """One aggregate of the model with what a record hands in for it."""

    name: str
    kind: str
    capacity: int = 0
    empty: int | float | str | None = ""
    value: Typed | None = None
    """What is handed in, or compared; None for those that take nothing and for count_if."""
    predicate: Typed | None = None
    """Only a record for which this is true hands anything in."""
    shown: tuple[Typed, ...] = ()
    """Of greatest and least: the values that go with the compared one."""

    @property
    def takes_input(self) -> bool:
        """Whether a matching record has a value for it."""
        return self.kind not in ("count", "first", "last")


class Place(Struct, frozen=True, gc=False):
    """Where the value of an aggregate column is found in a summary."""

    index: int
    """Among the aggregates of the plan."""
    shown: int | None = None
    """Of greatest and least: which of the shown values."""


def plan_aggregates(
    columns: Iterable[AggregateColumn], definitions: Definitions
) -> tuple[tuple[PlannedAggregate, ...], dict[int, Place]]:
    """The aggregates to keep, and by slot where each column of the summarize finds its value."""
    kept: list[PlannedAggregate] = []
    known: dict[object, int] = {}
    places: dict[int, Place] = {}
    for column in columns:
        aggregate = _planned(column, definitions)
        key = _key(column, aggregate)
        index = known.setdefault(key, len(kept))
        if index == len(kept):
            kept.append(aggregate)
        elif aggregate.kind in ("greatest", "least"):
            kept[index], position = _also_showing(kept[index], aggregate.shown[0])
            places[column.slot] = Place(index, position)
            continue
        places[column.slot] = Place(index, 0 if aggregate.shown else None)
    return tuple(kept), places


def _planned(column: AggregateColumn, definitions: Definitions) -> PlannedAggregate:
    name, function, arguments = column.name, column.function, column.arguments
    if function == "count":
        return PlannedAggregate(name, "count")
    if function == "countif":
        return PlannedAggregate(name, "count_if", predicate=arguments[-1])
    predicate = arguments[-1] if _has_predicate(function) else None
    value = arguments[0]
    base = function.removesuffix("_if").removesuffix("if")
    if base in ("min", "max") and is_time(value, definitions):
        return PlannedAggregate(name, "first" if base == "min" else "last")
    if base in _EXTREMES:
        return PlannedAggregate(name, _EXTREMES[base], value=value, shown=(arguments[-1],))
    if base == "sum":
        empty: int | float = 0.0 if value.type is Type.REAL else 0
        return PlannedAggregate(name, "sum", empty=empty, value=value, predicate=predicate)
    if base in _COLLECTING:
        capacity = min(column.capacity or DEFAULT_CAPACITY, DEFAULT_CAPACITY)
        if base == "dcount":
            capacity = DISTINCT_CAPACITY
        return PlannedAggregate(name, _COLLECTING[base], capacity, value=value, predicate=predicate)
    assert base == "take_any", function
    return PlannedAggregate(name, "any", empty="" if value.type is Type.STRING else None, value=value)


def _has_predicate(function: str) -> bool:
    return function.endswith("if")


def _key(column: AggregateColumn, aggregate: PlannedAggregate) -> object:
    """Columns with the same key are one aggregate. arg_max(x, a, b) is one for all its columns."""
    parts = tuple(None if part is None else meaning(part) for part in (aggregate.value, aggregate.predicate))
    call = column.span if column.function.startswith("arg_") else None
    shown = () if call else tuple(map(meaning, aggregate.shown))
    return aggregate.kind, aggregate.capacity, parts, shown, call


def _also_showing(aggregate: PlannedAggregate, value: Typed) -> tuple[PlannedAggregate, int]:
    """The aggregate with one more value to show, and the value's position."""
    for position, shown in enumerate(aggregate.shown):
        if meaning(shown) == meaning(value):
            return aggregate, position
    together = PlannedAggregate(
        aggregate.name, aggregate.kind, value=aggregate.value, shown=(*aggregate.shown, value)
    )
    return together, len(aggregate.shown)
