"""The texts that `todatetime` reads, as ticks. Anything else is null; nothing here raises.

The datetime page documents ISO 8601, RFC 822 and RFC 850, and recommends the first. Second-hand: a month
may come first (02/17/2016), and eight digits are a date. A text without a zone is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stream_detector.kql.values.numbers import fit_datetime
from stream_detector.ticks import DAY, HOUR, MINUTE, SECOND

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
_ZONE = r"\s?(?P<zone>Z|GMT|[+-]\d{2}:?\d{2})?"
_WEEKDAY = r"(?:(?P<weekday>[A-Za-z]{3,9}),\s+)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FORMS = tuple(
    re.compile(rf"\s*{form}\s*", re.ASCII)
    for form in (
        rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:[T ]{_CLOCK}{_ZONE})?",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[ -](?P<name>[A-Za-z]{{3}})[ -](?P<year>\d{{2}}|\d{{4}})"
        rf"(?: {_CLOCK}{_ZONE})?",
        rf"(?P<month>\d{{1,2}})[/-](?P<day>\d{{1,2}})[/-](?P<year>\d{{4}})(?: {_CLOCK})?",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    )
)
_CENTURY_TURN = 50
"""Years of two digits from here on are of the twentieth century, as .NET has it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION_DIGITS = 7
_MOST_EAST = 14
"""Hours; no zone is farther from UTC."""


def parse_moment(text: str) -> int | None:
    """`todatetime(text)`."""
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return _moment(found.groupdict())
    return None


def fraction_ticks(digits: str | None) -> int:
    """Ticks of the digits behind the point of seconds; those beyond a tick are cut."""
    return int((digits or "")[:_FRACTION_DIGITS].ljust(_FRACTION_DIGITS, "0"))


def _moment(parts: dict[str, str | None]) -> int | None:
    month, offset = _month(parts), _offset(parts.get("zone"))
    if month is None or offset is None:
        return None
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(_year(parts), month, int(parts["day"] or 0), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    weekday = parts.get("weekday")
    if weekday and _WEEKDAYS[moment.weekday()] != weekday.lower() != _WEEKDAYS[moment.weekday()][:3]:
        return None
    since = moment - _EPOCH
    ticks = since.days * DAY + since.seconds * SECOND + fraction_ticks(parts.get("fraction"))
    return fit_datetime(ticks - offset)


def _year(parts: dict[str, str | None]) -> int:
    digits = parts["year"] or ""
    if len(digits) == len("2026"):
        return int(digits)
    return int(digits) + (1900 if int(digits) >= _CENTURY_TURN else 2000)


def _month(parts: dict[str, str | None]) -> int | None:
    name = parts.get("name")
    if name is None:
        return int(parts["month"] or 0)
    return _MONTHS.index(name.lower()) + 1 if name.lower() in _MONTHS else None


def _offset(zone: str | None) -> int | None:
    """Ticks east of UTC."""
    if zone is None or zone in ("Z", "GMT"):
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > _MOST_EAST or minutes > 59:
        return None
    return (hours * HOUR + minutes * MINUTE) * (-1 if zone[0] == "-" else 1)
