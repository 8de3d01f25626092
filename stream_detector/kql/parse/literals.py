"""Values of KQL's literals: strings, numbers, timespans and datetimes, from the text that was written.

Every function gives the value or raises `Unreadable` with a sentence. Where Kusto's reading is not
documented the literal is refused rather than guessed: octal escapes, halves of surrogate pairs,
timespans finer than a tick, and datetimes in any other form than ISO 8601.

Sources: Kusto's pages on the string, long, real, bool, timespan and datetime types, and the token rules
of Microsoft's published grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf, isfinite, nan

from stream_detector.kql.types import Type
from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MIN_TICKS, MINUTE, SECOND, from_datetime

MOST_LONG = 2**63 - 1
_MOST_INT = 2**31 - 1


class Unreadable(Exception):
    """A literal that has no value here. The text says what is wrong and what to write instead."""


_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[\s\S])")
_ESCAPED = {"'": "'", '"': '"', "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r"}
_ESCAPED |= {"t": "\t", "v": "\v"}
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9A-Fa-f]+)", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,25}", re.ASCII)
_REAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SPAN = re.compile(r"([+-]?)\s*([0-9]+)(?:\.([0-9]+))?\s*([a-z]+)", re.ASCII)
_CLOCK = re.compile(
    r"(-?)(?:([0-9]{1,8})\.)?([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,7}))?)?", re.ASCII
)
_DAYS = re.compile(r"-?[0-9]{1,8}", re.ASCII)
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:(?:T|\s+)([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,7}))?)?(?:\s*(Z|GMT|[+-][0-9]{2}:[0-9]{2}))?)?",
    re.ASCII,
)
_UNITS = {
    ("d", "day", "days"): (DAY, 1),
    ("h", "hr", "hrs", "hour", "hours"): (HOUR, 1),
    ("m", "min", "minute", "minutes"): (MINUTE, 1),
    ("s", "sec", "second", "seconds"): (SECOND, 1),
    ("ms", "milli", "millis", "millisec", "millisecond", "milliseconds"): (SECOND // 1000, 1),
    ("micro", "micros", "microsec", "microsecond", "microseconds"): (10, 1),
    ("nano", "nanos", "nanosec", "nanosecond", "nanoseconds"): (1, 100),
    ("tick", "ticks"): (1, 1),
}
_TICKS = {spelling: ticks for spellings, ticks in _UNITS.items() for spelling in spellings}
"""Ticks of a unit as a fraction."""


def string_value(literal: str) -> str:
    """Value of one string literal, with its quotes and prefix: `"a"`, `@'a'`, `h"a"`, or between ```."""
    body = literal[1:] if literal[0] in "hH" else literal
    if body[0] == "`":
        return body[3:-3]
    if body[0] == "@":
        quote = body[1]
        return body[2:-1].replace(quote + quote, quote)
    inside = body[1:-1]
    if "\\" not in inside:
        return inside
    return _paired(_ESCAPE.sub(_unescape, inside))


def _unescape(match: re.Match[str]) -> str:
    escape = match.group()[1:]
    plain = _ESCAPED.get(escape)
    if plain is not None:
        return plain
    if len(escape) > 1:
        number = int(escape[1:], 16)
        if number > 0x10FFFF:
            raise Unreadable(f"\\{escape} is beyond the last character of Unicode, \\U0010FFFF")
        return chr(number)
    if escape in "uUx":
        digits = {"u": 4, "U": 8, "x": 2}[escape]
        raise Unreadable(f"\\{escape} needs {digits} hexadecimal digits; for a backslash write \\\\")
    if escape in "01234567":
        raise Unreadable("octal escapes are not supported; write \\u and four hexadecimal digits")
    raise Unreadable(
        f"\\{escape} is no escape in KQL; for a backslash write \\\\, or put @ before the string, as in a "
        f'regular expression: @"\\{escape}"'
    )


def _paired(text: str) -> str:
    """Two halves of a surrogate pair, written as two escapes, are one character."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise Unreadable("the string holds half of a surrogate pair; write \\ufffd in its place") from None


def whole_value(literal: str, most: int = MOST_LONG) -> int:
    """Value of a whole number, decimal or 0x. `most` is the greatest of its type."""
    if (hexadecimal := _HEXADECIMAL.fullmatch(literal)) is not None:
        value = int(hexadecimal.group(2), 16) * (-1 if hexadecimal.group(1) == "-" else 1)
    elif _WHOLE.fullmatch(literal):
        value = int(literal)
    elif literal.isdigit():
        value = most + 1
    else:
        raise Unreadable(f"{literal or 'nothing'} is no whole number")
    if not -most - 1 <= value <= most:
        kind = "long, which has 64 bits" if most == MOST_LONG else "int, which has 32 bits; write long(...)"
        raise Unreadable(f"{literal} does not fit into a {kind}")
    return value


def real_value(literal: str) -> float:
    """Value of a real number such as 1.5 or 1e3."""
    if not _REAL.fullmatch(literal):
        raise Unreadable(f"{literal or 'nothing'} is no number")
    value = float(literal)
    if not isfinite(value):
        raise Unreadable(f"{literal} is too large for a real; write real(+inf) for infinity")
    return value


def timespan_value(literal: str) -> int:
    """Ticks of a timespan such as 2h, 1.5d, 100ms or 1tick."""
    match = _SPAN.fullmatch(literal)
    unit = _TICKS.get(match.group(4)) if match else None
    if match is None or unit is None:
        raise Unreadable(
            f"{literal or 'nothing'} is no timespan; write 30s, 10m, 2h, 1.5d or time(1.02:03:04)"
        )
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(whole) + len(fraction) > 30:
        raise Unreadable(f"{literal} has more digits than a timespan can hold")
    ticks, rest = divmod(int(whole + fraction) * unit[0], unit[1] * 10 ** len(fraction))
    if rest:
        raise Unreadable(f"{literal} is no whole number of ticks; a timespan is counted in ticks of 100 ns")
    return _fitting(literal, -ticks if sign == "-" else ticks)


def _fitting(literal: str, ticks: int) -> int:
    if not -MOST_LONG - 1 <= ticks <= MOST_LONG:
        raise Unreadable(f"{literal} is longer than a timespan can be")
    return ticks


def typed_value(literal: str) -> tuple[Type, object]:
    """Type and value of `int(5)`, `bool(true)`, `time(1.02:03:04)`, `datetime(2026-01-02)`, ..."""
    name, _, rest = literal.partition("(")
    if not rest.endswith(")"):
        raise Unreadable(f"{name}( is not closed on its line; write {name}(...) on one line")
    inside = rest[:-1].strip()
    if name == "guid":
        raise Unreadable("guid is not supported; write the GUID as text in quotes and compare with =~")
    if name == "decimal":
        raise Unreadable("decimal is not supported; write real(...)")
    type_, read, example, convert = _TYPED[name]
    if inside == "null":
        return type_, None
    try:
        return type_, read(inside)
    except Unreadable as unreadable:
        if re.match(r"[A-Za-z_\[]" if type_ is Type.DATETIME else r"[A-Za-z_\[\"']", inside):
            raise Unreadable(
                f"{name}(...) takes a literal, as in {example}; to convert a value write {convert}(...)"
            ) from None
        raise unreadable from None


def _int(inside: str) -> int:
    return whole_value(inside, _MOST_INT)


def _real(inside: str) -> float:
    special = {"nan": nan, "+inf": inf, "-inf": -inf}.get(inside)
    return real_value(inside) if special is None else special


def _bool(inside: str) -> bool:
    value = _BOOLS.get(inside)
    if value is None:
        raise Unreadable("bool(...) takes true, false or null")
    return value


def _timespan(inside: str) -> int:
    """A timespan with a unit, `[-][d.]hh:mm[:ss[.fffffff]]`, or a whole number of days."""
    if _DAYS.fullmatch(inside):
        return int(inside) * DAY
    match = _CLOCK.fullmatch(inside)
    if match is None:
        return timespan_value(inside)
    sign, *numbers = match.groups()
    days, hours, minutes, seconds = (int(number or 0) for number in numbers[:4])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Unreadable(f"{inside} is no timespan: write hours up to 23, minutes and seconds up to 59")
    ticks = days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND
    ticks += int((numbers[4] or "").ljust(7, "0"))
    return _fitting(inside, -ticks if sign else ticks)


def datetime_value(inside: str) -> int:
    """Ticks of an ISO 8601 time, UTC unless it has an offset: what stands in `datetime(...)`."""
    if not inside:
        raise Unreadable(
            "datetime() is the current time in Kusto, which a stream does not have; write a time"
        )
    if len(inside) > 1 and inside[0] == inside[-1] and inside[0] in "\"'":
        inside = inside[1:-1].strip()
    match = _MOMENT.fullmatch(inside)
    if match is None:
        raise Unreadable(f"{inside} is no time in ISO 8601; write datetime(2026-01-02T03:04:05Z)")
    date, clock, second, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00'}:{second or '00'}+00:00")
        offset = 0 if zone in (None, "Z", "GMT") else _offset(zone)
    except ValueError:
        raise Unreadable(f"{inside} is no time of the calendar") from None
    ticks = from_datetime(moment) + int((fraction or "").ljust(7, "0")) - offset
    if not MIN_TICKS <= ticks <= MAX_TICKS:
        raise Unreadable(f"{inside} is outside of the years 1 to 9999")
    return ticks


def _offset(zone: str) -> int:
    """Ticks of `+02:00`. ValueError beyond the 14 hours that .NET, and so Kusto, allows."""
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59 or timedelta(hours=hours, minutes=minutes) > timedelta(hours=14):
        raise ValueError(zone)
    ticks = hours * HOUR + minutes * MINUTE
    return -ticks if zone[0] == "-" else ticks


_TYPED: dict[str, tuple[Type, Callable[[str], object], str, str]] = {
    "int": (Type.INT, _int, "int(5)", "toint"),
    "long": (Type.LONG, whole_value, "long(5)", "tolong"),
    "real": (Type.REAL, _real, "real(1.5)", "toreal"),
    "double": (Type.REAL, _real, "double(1.5)", "todouble"),
    "bool": (Type.BOOL, _bool, "bool(true)", "tobool"),
    "time": (Type.TIMESPAN, _timespan, "time(1.02:03:04)", "totimespan"),
    "timespan": (Type.TIMESPAN, _timespan, "timespan(1.02:03:04)", "totimespan"),
    "datetime": (Type.DATETIME, datetime_value, "datetime(2026-01-02)", "todatetime"),
    "date": (Type.DATETIME, datetime_value, "date(2026-01-02)", "todatetime"),
}


def bool_value(name: str) -> bool | None:
    """Value of `true` and `false` in the three spellings that Kusto knows; None for any other name."""
    return _BOOLS.get(name)
