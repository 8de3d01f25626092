"""Reads the time of a record, in every spelling that records are known to use.

Pure functions from a JSON value to ticks (see `stream_detector.ticks`). A value that cannot be
read gives None: the caller decides what stands in. Nothing here raises, reads a clock, or takes
longer than the length of its input.
"""

from __future__ import annotations

import re
from datetime import date

from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MIN_TICKS, MINUTE, SECOND

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LONGEST = 128
"""Characters. No spelling of a time is longer; a longer text is not worth a look."""

_NORMAL = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?=\D|$)", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?=\D|$)", re.ASCII)
_CLOCK = re.compile(
    r"(?:(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d*))?)?(am|pm)?)?(z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_UNIX = re.compile(r"(\d{9,16})(?:\.(\d*))?", re.ASCII)
_DATE_CALL = re.compile(r"/Date\((\d{11,13})(?:[+-]\d{4})?\)/", re.ASCII)


def parse_time(value: object) -> int | None:
    """Ticks of a record's time, or None when it cannot be read.

    Text is ISO 8601 (0 or more fractional digits, those after the seventh cut; any offset, none
    meaning UTC; blanks anywhere after the date), a date alone, `month/day/year` with a 12 or
    24 hour clock (day first only when the first number exceeds 12), `/Date(milliseconds)/`,
    or Unix time in digits. A number is Unix time: seconds, milliseconds or microseconds, told
    apart by size. Numbers before March 1973 are placeholders, not times.
    """
    if isinstance(value, str):
        normal = _NORMAL.fullmatch(value)
        if normal is not None:
            year, month, day, hour, minute, second, fraction = normal.groups()
            days = _days(int(year), int(month), int(day))
            return _instant(days, int(hour), int(minute), int(second), fraction or "", 0)
        return _parse_text(value.strip()) if len(value) <= _LONGEST else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _unix(value, 0)
    if isinstance(value, float) and 0 < value < 1e16:
        return _unix(int(value), round(value % 1 * 1e7))
    return None


def _parse_text(text: str) -> int | None:
    unix = _UNIX.fullmatch(text)
    if unix is not None:
        return _unix(int(unix.group(1)), _fraction(unix.group(2) or ""))
    call = _DATE_CALL.fullmatch(text)
    if call is not None:
        return _unix(int(call.group(1)), 0)
    first = _YEAR_FIRST.match(text)
    if first is not None:
        days = _days(int(first.group(1)), int(first.group(2)), int(first.group(3)))
        return _with_clock(days, text[first.end() :])
    last = _YEAR_LAST.match(text)
    if last is not None:
        month, day, year = int(last.group(1)), int(last.group(2)), int(last.group(3))
        if month > 12:
            month, day = day, month
        return _with_clock(_days(year, month, day), text[last.end() :])
    return None


def _with_clock(days: int | None, rest: str) -> int | None:
    """Date, then whatever follows it: a clock time and a zone, with blanks anywhere."""
    clock = _CLOCK.fullmatch("".join(rest.split()).lower().removeprefix("t"))
    if clock is None:
        return None
    hour_text, minute, second, fraction, half, zone = clock.groups()
    hour = int(hour_text or 0)
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    offset = _offset(zone)
    if offset is None:
        return None
    return _instant(days, hour, int(minute or 0), int(second or 0), fraction or "", offset)


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01, or None for a date that no calendar holds."""
    try:
        return date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


def _instant(days: int | None, hour: int, minute: int, second: int, fraction: str, offset: int) -> int | None:
    """Ticks; second 60 (a leap second) and 24:00:00 (the end of a day) are the next instant."""
    end_of_day = hour == 24 and minute == 0 and second == 0 and not fraction.strip("0")
    if days is None or (hour > 23 and not end_of_day) or minute > 59 or second > 60:
        return None
    ticks = days * DAY + hour * HOUR + minute * MINUTE + second * SECOND + _fraction(fraction) - offset
    return ticks if MIN_TICKS <= ticks <= MAX_TICKS else None


def _fraction(digits: str) -> int:
    """Ticks of the digits after the point; what is finer than a tick is cut, as Kusto cuts it."""
    return int(digits[:7].ljust(7, "0"))


def _offset(zone: str | None) -> int | None:
    """Ticks east of UTC; None for an offset that is no offset."""
    if zone is None or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        return None
    ticks = hours * HOUR + minutes * MINUTE
    return -ticks if zone[0] == "-" else ticks


def _unix(number: int, fraction: int) -> int | None:
    """Unix time whose unit follows from its size: each range ends in the year 2286."""
    if 10**8 <= number < 10**10:
        return number * SECOND + fraction
    if 10**11 <= number < 10**13:
        return number * (SECOND // 1000)
    if 10**14 <= number < 10**16:
        return number * (SECOND // 1_000_000)
    return None
