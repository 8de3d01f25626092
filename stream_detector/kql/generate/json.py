"""Values of a result row, fit for JSON: times as text, numbers that JSON lacks as text, arrays as lists.

datetime as ISO 8601 with seven digits and Z, timespan in Kusto's form (`1.02:03:04`), null as None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, isnan

from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values.spans import format_span
from stream_detector.ticks import MAX_TICKS, MIN_TICKS, format_ticks


def json_datetime(ticks: int) -> str | None:
    """A datetime; null for one outside of the years 1 to 9999, which no text can show."""
    return format_ticks(ticks) if MIN_TICKS <= ticks <= MAX_TICKS else None


def json_real(number: float) -> float | str:
    """A real; "NaN", "Infinity" or "-Infinity" for those that JSON has no number for."""
    if isfinite(number):
        return number
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"


_SHOWN: dict[Type, Callable[..., object]] = {
    Type.DATETIME: json_datetime,
    Type.TIMESPAN: format_span,
    Type.REAL: json_real,
}


def shown_as_json(type_: Type) -> Function | None:
    """What makes a value of the type fit for JSON; None when it is so already."""
    return _FUNCTIONS.get(type_)


# The result is declared dynamic, since a null must stay null and a string has none.
_FUNCTIONS = {
    type_: Function("json", (type_,), Type.DYNAMIC, shown, may_be_null=True)
    for type_, shown in _SHOWN.items()
}


def collected(type_: Type) -> Function:
    """What makes a dynamic array of the members of a set or list: times in it are texts from here on."""
    return _COLLECTED.get(type_, _LIST)


def _list_of(shown: Callable[..., object]) -> Callable[[Sequence[object]], list[object]]:
    return lambda members: list(map(shown, members))


_LIST = Function("list", (Type.DYNAMIC,), Type.DYNAMIC, list)
_COLLECTED = {
    type_: Function("list", (Type.DYNAMIC,), Type.DYNAMIC, _list_of(shown)) for type_, shown in _SHOWN.items()
}
