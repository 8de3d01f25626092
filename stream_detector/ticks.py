"""Time inside the core: an int of 100 ns ticks since 1970-01-01T00:00:00Z, as Kusto's datetime counts.

The one module that converts between ticks and datetime, seconds and text. It reads no clock.
Odd spellings of time in records are read by `activity.times`, which builds on this module.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

TICKS_PER_SECOND = 10_000_000
SECOND = TICKS_PER_SECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_TICKS = -719_162 * DAY
"""0001-01-01, the first instant of Kusto's datetime."""
MAX_TICKS = 2_932_897 * DAY - 1
"""The last tick of the year 9999."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def from_datetime(moment: datetime) -> int:
    """Ticks of an aware datetime (a naive one is taken as UTC)."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 10


def to_datetime(ticks: int) -> datetime:
    """Aware UTC datetime, cut to whole microseconds.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    return _EPOCH + timedelta(microseconds=ticks // 10)


def from_unix_seconds(seconds: float) -> int:
    """Ticks of a Unix time in seconds, such as `time.time()` gives."""
    return round(seconds * SECOND)


def to_unix_seconds(ticks: int) -> float:
    """Unix time in seconds."""
    return ticks / SECOND


def format_ticks(ticks: int) -> str:
    """ISO 8601 with seven fractional digits and Z, as the table and alerts show times."""
    seconds, fraction = divmod(ticks, SECOND)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]}.{fraction:07d}Z"


def parse_duration(text: str) -> int:
    """Ticks of a duration such as `30s`, `10m`, `2h`, `1h30m` or `500ms`.

    Raises:
        ValueError: another form, with a text that says what is expected.
    """
    compact = text.strip().lower().replace(" ", "")
    parts = list(_DURATION.finditer(compact))
    if not parts or "".join(part.group(0) for part in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write 30s, 10m, 2h or 1d")
    return sum(round(float(part.group(1)) * _UNITS[part.group(2)]) for part in parts)


def format_duration(ticks: int) -> str:
    """The shortest text that `parse_duration` reads back as `ticks`."""
    rest, out = ticks, ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            out += f"{count}{unit}"
    return out or "0s"
