"""Overloads of conversions, and of the functions on nulls and numbers.

Tables only; the meaning stands in `kql.convert` and `kql.numbers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

from stream_detector.kql import text
from stream_detector.kql.dynamic import Dynamic, parse_json, to_text
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values import convert, numbers
from stream_detector.kql.values.moments import parse_moment
from stream_detector.kql.values.spans import parse_span

BOOL, INT, LONG, REAL = Type.BOOL, Type.INT, Type.LONG, Type.REAL
STRING, DATETIME, TIMESPAN, DYNAMIC = Type.STRING, Type.DATETIME, Type.TIMESPAN, Type.DYNAMIC
NUMBERS = (INT, LONG, REAL)

_Overload = tuple[Type, Callable[..., object], str]
"""Parameter, implementation and inline."""


def _same(value: object) -> object:
    return value


def _as_long(value: bool) -> int:
    return int(value)


_CONVERSIONS: dict[tuple[str, ...], tuple[Type, tuple[_Overload, ...]]] = {
    ("tolong",): (
        LONG,
        (
            (STRING, convert.long_of_text, ""),
            (INT, _same, "{0}"),
            (LONG, _same, "{0}"),
            (REAL, convert.long_of_real, ""),
            (BOOL, _as_long, "int({0})"),
            (DATETIME, convert.ticks_since_year_one, ""),
            (TIMESPAN, _same, "{0}"),
            (DYNAMIC, convert.long_of_dynamic, ""),
        ),
    ),
    ("toint",): (
        INT,
        (
            (STRING, convert.int_of_text, ""),
            (INT, _same, "{0}"),
            (LONG, convert.int_of_long, ""),
            (REAL, convert.int_of_real, ""),
            (BOOL, _as_long, "int({0})"),
            (DYNAMIC, convert.int_of_dynamic, ""),
        ),
    ),
    ("toreal", "todouble"): (
        REAL,
        (
            (STRING, convert.real_of_text, ""),
            (INT, float, "float({0})"),
            (LONG, float, "float({0})"),
            (REAL, _same, "{0}"),
            (BOOL, float, "float({0})"),
            (DATETIME, convert.real_since_year_one, ""),
            (TIMESPAN, float, "float({0})"),
            (DYNAMIC, convert.real_of_dynamic, ""),
        ),
    ),
    ("tobool", "toboolean"): (
        BOOL,
        (
            (STRING, convert.bool_of_text, ""),
            (INT, convert.bool_of_number, "({0} != 0)"),
            (LONG, convert.bool_of_number, "({0} != 0)"),
            (REAL, convert.bool_of_number, "({0} != 0)"),
            (BOOL, _same, "{0}"),
            (DYNAMIC, convert.bool_of_dynamic, ""),
        ),
    ),
    ("todatetime",): (
        DATETIME,
        (
            (STRING, parse_moment, ""),
            (DATETIME, _same, "{0}"),
            (DYNAMIC, convert.datetime_of_dynamic, ""),
        ),
    ),
    ("totimespan", "totime"): (
        TIMESPAN,
        (
            (STRING, parse_span, ""),
            (TIMESPAN, _same, "{0}"),
            (INT, _same, "{0}"),
            (LONG, _same, "{0}"),
            (REAL, convert.long_of_real, ""),
            (DYNAMIC, convert.timespan_of_dynamic, ""),
        ),
    ),
    ("parse_json", "todynamic", "parsejson", "toobject"): (
        DYNAMIC,
        ((STRING, parse_json, ""), (DYNAMIC, _same, "{0}")),
    ),
}

_TEXTS: tuple[tuple[Type, Callable[..., object], str], ...] = (
    (STRING, _same, "{0}"),
    (BOOL, convert.bool_text, "str({0})"),
    (INT, convert.whole_text, "str({0})"),
    (LONG, convert.whole_text, "str({0})"),
    (REAL, convert.real_text, ""),
    (DATETIME, convert.datetime_text, ""),
    (TIMESPAN, convert.timespan_text, ""),
    (DYNAMIC, to_text, ""),
)


def value_entries() -> Iterator[Function]:
    """Every overload of these functions."""
    for names, (result, overloads) in _CONVERSIONS.items():
        for name, (parameter, implementation, inline) in product(names, overloads):
            may_be_null = not inline
            yield Function(name, (parameter,), result, implementation, may_be_null=may_be_null, inline=inline)
    for parameter, implementation, inline in _TEXTS:
        yield Function("tostring", (parameter,), STRING, implementation, is_strict=False, inline=inline)
    yield from _about_nothing()
    yield from _on_numbers()


def _is_null(value: object) -> bool:
    return value is None


def _is_not_null(value: object) -> bool:
    return value is not None


def _is_not_empty(value: Dynamic) -> bool:
    return not convert.is_empty(value)


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _first_real(*values: float | None) -> float | None:
    return next((float(value) for value in values if value is not None), None)


def _about_nothing() -> Iterator[Function]:
    for type_ in Type:
        is_text = type_ is STRING
        for name in ("isnull",):
            yield Function(name, (type_,), BOOL, _is_null, is_strict=False, inline="False")
        for name in ("isnotnull", "notnull"):
            yield Function(name, (type_,), BOOL, _is_not_null, is_strict=False, inline="True")
        empty, filled = ("({0} == '')", "({0} != '')") if is_text else ("", "")
        yield Function("isempty", (type_,), BOOL, convert.is_empty, is_strict=False, inline=empty)
        for name in ("isnotempty", "notempty"):
            yield Function(name, (type_,), BOOL, _is_not_empty, is_strict=False, inline=filled)
        implementation = text.coalesce if is_text else _first_real if type_ is REAL else _first
        yield Function("coalesce", (type_, type_), type_, implementation, is_strict=False, repeats=True)
    yield Function("gettype", (DYNAMIC,), STRING, convert.type_name, is_strict=False)


def _on_numbers() -> Iterator[Function]:
    for name, extreme in (("min_of", numbers.least), ("max_of", numbers.greatest)):
        for type_ in (*NUMBERS, DATETIME, TIMESPAN):
            yield Function(name, (type_, type_), type_, extreme, is_strict=False, repeats=True)
    for name in ("bin", "floor"):
        for pair in product(NUMBERS, NUMBERS):
            if REAL in pair:
                yield _bin(name, pair, REAL, numbers.bin_real)
            else:
                yield _bin(name, pair, LONG, numbers.bin_whole)
        yield _bin(name, (TIMESPAN, TIMESPAN), TIMESPAN, numbers.bin_whole)
        yield _bin(name, (DATETIME, TIMESPAN), DATETIME, numbers.bin_datetime)
    yield Function("abs", (INT,), LONG, abs, inline="abs({0})")
    yield Function("abs", (LONG,), LONG, numbers.absolute, may_be_null=True)
    yield Function("abs", (REAL,), REAL, abs, inline="abs({0})")
    yield Function("abs", (TIMESPAN,), TIMESPAN, numbers.absolute, may_be_null=True)
    for name, test in (("isnan", math.isnan), ("isinf", math.isinf), ("isfinite", math.isfinite)):
        yield Function(name, (REAL,), BOOL, test)


def _bin(name: str, pair: tuple[Type, Type], result: Type, implementation: Callable[..., object]) -> Function:
    is_datetime = pair[0] is DATETIME
    return Function(
        name,
        pair,
        result,
        implementation,
        may_be_null=True,
        constants=(1,) if is_datetime else (),
        check=_whole_bins_check if is_datetime else _bin_check,
    )


def _bin_check(_: object, size: float | None) -> str | None:
    return "a bin size must be more than zero" if size is not None and not size > 0 else None


def _whole_bins_check(value: object, size: int | None) -> str | None:
    if size is not None and size > 0 and not numbers.has_one_origin(size):
        return (
            "where bins of this size begin is not documented for datetimes; write a size that divides a day, "
            "or startofweek(...), startofmonth(...), startofyear(...)"
        )
    return _bin_check(value, size)
