"""Conversions: tostring, tolong, toint, toreal, tobool, todatetime, totimespan and their aliases.

What cannot be converted is null, and `tostring` of null is "". Nothing here raises. The pages say little
about the accepted forms; docs/kql-functions.md tells which of them are measured by others and which chosen.
"""

from __future__ import annotations

import re
from math import isfinite, trunc

import orjson

from stream_detector.kql.dynamic import Dynamic
from stream_detector.kql.values.compare import as_real, is_number
from stream_detector.kql.values.moments import parse_moment
from stream_detector.kql.values.numbers import MAX_INT, MAX_LONG, MIN_INT, MIN_LONG, fit
from stream_detector.kql.values.spans import format_moment, format_span, parse_span
from stream_detector.ticks import MIN_TICKS

_INTEGER = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]{1,16})|0*([0-9]{1,19}))\s*", re.ASCII)
_REAL = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?\s*", re.ASCII)
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_WORDS = {"true": True, "false": False}
_WRAP = 2**32


def bool_text(flag: bool | None) -> str:
    """`tostring(bool)`: True or False, as .NET writes them; inside of a dynamic it is true or false."""
    return "" if flag is None else str(flag)


def whole_text(number: int | None) -> str:
    """`tostring` of an int or a long."""
    return "" if number is None else str(number)


def real_text(number: float | None) -> str:
    """`tostring(real)`: the shortest decimal text, as in dynamics; NaN, Infinity and -Infinity."""
    if number is None:
        return ""
    if isfinite(number):
        return orjson.dumps(number).decode()
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def datetime_text(moment: int | None) -> str:
    """`tostring(datetime)`."""
    return "" if moment is None else format_moment(moment)


def timespan_text(span: int | None) -> str:
    """`tostring(timespan)`."""
    return "" if span is None else format_span(span)


def long_of_text(text: str) -> int | None:
    """`tolong(text)`: decimal or 0x hexadecimal digits with a sign, blanks around; anything else is null."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    sign, hexadecimal, decimal = found.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return fit(-number if sign == "-" else number)


def int_of_text(text: str) -> int | None:
    """`toint(text)`: as `tolong`, null beyond 32 bits."""
    number = long_of_text(text)
    return number if number is not None and MIN_INT <= number <= MAX_INT else None


def long_of_real(number: float) -> int | None:
    """`tolong(real)`: cut towards zero; the nearest long when it is beyond; null unless it is finite."""
    return max(MIN_LONG, min(MAX_LONG, trunc(number))) if isfinite(number) else None


def int_of_real(number: float) -> int | None:
    """`toint(real)`: as `tolong`, to 32 bits."""
    return max(MIN_INT, min(MAX_INT, trunc(number))) if isfinite(number) else None


def int_of_long(number: int) -> int:
    """`toint(long)`: the lowest 32 bits, as the engine has it."""
    return (number - MIN_INT) % _WRAP + MIN_INT


def ticks_since_year_one(moment: int) -> int:
    """`tolong(datetime)`: ticks since 0001-01-01."""
    return moment - MIN_TICKS


def real_since_year_one(moment: int) -> float:
    """`toreal(datetime)`."""
    return float(moment - MIN_TICKS)


def long_of_dynamic(value: Dynamic) -> int | None:
    """`tolong(dynamic)`: what it holds is converted; an array or bag is null."""
    if isinstance(value, str):
        return long_of_text(value)
    if isinstance(value, float):
        return long_of_real(value)
    return fit(int(value)) if isinstance(value, int) else None


def int_of_dynamic(value: Dynamic) -> int | None:
    """`toint(dynamic)`."""
    if isinstance(value, str):
        return int_of_text(value)
    if isinstance(value, float):
        return int_of_real(value)
    number = long_of_dynamic(value)
    return None if number is None else int_of_long(number)


def real_of_text(text: str) -> float | None:
    """`toreal(text)`: decimal digits, perhaps with a point and an exponent; NaN, Infinity, -Infinity."""
    if _REAL.fullmatch(text):
        return float(text)
    return _NOT_FINITE.get(text.strip())


def real_of_dynamic(value: Dynamic) -> float | None:
    """`toreal(dynamic)`: what it holds is converted; an array or bag is null."""
    if isinstance(value, str):
        return real_of_text(value)
    return as_real(value) if isinstance(value, int | float) else None


def bool_of_text(text: str) -> bool | None:
    """`tobool(text)`: true and false in any case, or decimal digits with a sign; anything else is null."""
    word = _WORDS.get(text.strip().lower())
    if word is not None:
        return word
    number = None if "x" in text or "X" in text else long_of_text(text)
    return None if number is None else number != 0


def bool_of_number(number: float) -> bool:
    """`tobool(number)`: not zero."""
    return number != 0


def bool_of_dynamic(value: Dynamic) -> bool | None:
    """`tobool(dynamic)`: what it holds is converted; an array or bag is null."""
    if isinstance(value, str):
        return bool_of_text(value)
    return value != 0 if isinstance(value, int | float) else None


def datetime_of_dynamic(value: Dynamic) -> int | None:
    """`todatetime(dynamic)`: of a text; anything else is null."""
    return parse_moment(value) if isinstance(value, str) else None


def timespan_of_dynamic(value: Dynamic) -> int | None:
    """`totimespan(dynamic)`: of a text, or ticks of a number; anything else is null."""
    return parse_span(value) if isinstance(value, str) else long_of_dynamic(value)


def is_empty(value: Dynamic) -> bool:
    """`isempty(dynamic)`: null or "". An empty array is its text `[]`, and so not empty."""
    return value is None or value == ""


def type_name(value: Dynamic) -> str:
    """`gettype(dynamic)`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if is_number(value):
        return "double" if isinstance(value, float) else "long"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "dictionary"
