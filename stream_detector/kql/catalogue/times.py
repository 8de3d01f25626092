"""Overloads of the functions on datetimes and timespans. Tables only; the meaning stands in `kql.spans`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stream_detector.kql.function import Function
from stream_detector.kql.text import fold
from stream_detector.kql.types import Type
from stream_detector.kql.values import spans
from stream_detector.ticks import SECOND

INT, LONG, REAL = Type.INT, Type.LONG, Type.REAL
STRING, DATETIME, TIMESPAN = Type.STRING, Type.DATETIME, Type.TIMESPAN

_PARTS: tuple[tuple[str, Type, Callable[[int], int]], ...] = (
    ("dayofweek", TIMESPAN, spans.day_of_week),
    ("dayofmonth", INT, spans.day_of_month),
    ("dayofyear", INT, spans.day_of_year),
    ("hourofday", INT, spans.hour_of_day),
    ("getyear", INT, spans.year_of),
    ("getmonth", INT, spans.month_of),
    ("monthofyear", INT, spans.month_of),
)
_EDGES: tuple[tuple[str, Callable[..., int | None]], ...] = (
    ("startofday", spans.start_of_day),
    ("startofweek", spans.start_of_week),
    ("startofmonth", spans.start_of_month),
    ("startofyear", spans.start_of_year),
    ("endofday", spans.end_of_day),
    ("endofweek", spans.end_of_week),
    ("endofmonth", spans.end_of_month),
    ("endofyear", spans.end_of_year),
)
_UNIX: tuple[tuple[str, int], ...] = (
    ("unixtime_seconds_todatetime", SECOND),
    ("unixtime_milliseconds_todatetime", SECOND // 1000),
    ("unixtime_microseconds_todatetime", SECOND // 1_000_000),
)


def time_entries() -> Iterator[Function]:
    """Every overload of these functions."""
    for name, result, part in _PARTS:
        yield Function(name, (DATETIME,), result, part)
    for name, edge in _EDGES:
        yield Function(name, (DATETIME, LONG), DATETIME, edge, may_be_null=True, optional=1)
    yield Function(
        "datetime_diff",
        (STRING, DATETIME, DATETIME),
        LONG,
        spans.difference,
        may_be_null=True,
        constants=(0,),
        check=_period_check,
    )
    yield Function(
        "make_timespan", (LONG, LONG, REAL), TIMESPAN, spans.make_span, may_be_null=True, optional=1
    )
    yield Function(
        "make_timespan", (LONG, LONG, LONG, REAL), TIMESPAN, spans.make_long_span, may_be_null=True
    )
    for name, unit in _UNIX:
        yield Function(name, (LONG,), DATETIME, _from_unix(unit), may_be_null=True)


def _from_unix(unit: int) -> Callable[[int], int | None]:
    return lambda number: spans.from_unix(unit, number)


def _period_check(period: str | None, *_: object) -> str | None:
    if period is None or fold(period) in spans.PERIODS:
        return None
    return f"the period {period!r} is none of {', '.join(spans.PERIODS)}"
