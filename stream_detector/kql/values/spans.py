"""Timespans as text, and the parts of a datetime. All in ticks of 100 ns, all in UTC.

Nothing here raises or reads a clock. Texts of datetimes are read by `kql.moments`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from stream_detector.kql.values.moments import fraction_ticks
from stream_detector.kql.values.numbers import fit, fit_datetime
from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MIN_TICKS, MINUTE, SECOND, format_ticks

_SPAN = re.compile(r"\s*(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?\s*", re.ASCII)
_EPOCH_DATE = date(1970, 1, 1)
_DAYS_PER_WEEK = 7
_FIRST_WEEKDAY = 4
"""1970-01-01 was a Thursday, and Kusto's weeks begin on Sunday."""

PERIODS = (
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
)
"""What `difference` counts. Nanoseconds, finer than a tick, are not supported."""
_TICKS_OF = {
    "week": 7 * DAY,
    "day": DAY,
    "hour": HOUR,
    "minute": MINUTE,
    "second": SECOND,
    "millisecond": SECOND // 1000,
    "microsecond": SECOND // 1_000_000,
}
_MONTHS_OF = {"year": 12, "quarter": 3, "month": 1}


def format_span(ticks: int) -> str:
    """`tostring(timespan)`: [-][d.]hh:mm:ss[.fffffff], days and fraction only where there are any."""
    days, rest = divmod(abs(ticks), DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, fraction = divmod(rest, SECOND)
    sign, day = "-" if ticks < 0 else "", f"{days}." if days else ""
    return f"{sign}{day}{hours:02}:{minutes:02}:{seconds:02}" + (f".{fraction:07}" if fraction else "")


def parse_span(text: str) -> int | None:
    """`totimespan(text)`: [-][d.]hh:mm[:ss[.f]]; digits beyond a tick are cut. Null for any other form."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    sign, days, hours, minutes, seconds, fraction = found.groups()
    if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59 or len(days or "") > 8:
        return None
    ticks = int(days or 0) * DAY + int(hours) * HOUR + int(minutes) * MINUTE + int(seconds or 0) * SECOND
    ticks += fraction_ticks(fraction)
    return fit(-ticks if sign else ticks)


def make_span(hours: int, minutes: int, seconds: float = 0.0) -> int | None:
    """`make_timespan(hours, minutes, seconds)`: null for a part out of its range."""
    return make_long_span(0, hours, minutes, seconds)


def make_long_span(days: int, hours: int, minutes: int, seconds: float) -> int | None:
    """`make_timespan(days, hours, minutes, seconds)`; seconds are rounded to a tick."""
    if not (0 <= hours <= 23 and 0 <= minutes <= 59 and 0 <= seconds < 60 and days >= 0):
        return None
    return fit(days * DAY + hours * HOUR + minutes * MINUTE + round(seconds * SECOND))


def _date(moment: int) -> date:
    return _EPOCH_DATE + timedelta(days=moment // DAY)


def _first_of(year: int, month: int) -> int | None:
    """The first instant of a month; months beyond a year count on. Null out of range."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if not 1 <= year <= 9999:
        return None
    return (date(year, month, 1) - _EPOCH_DATE).days * DAY


def start_of_day(moment: int, offset: int = 0) -> int | None:
    """`startofday(moment, offset)`: 00:00 of the day that is `offset` days later."""
    return fit_datetime((moment // DAY + offset) * DAY)


def start_of_week(moment: int, offset: int = 0) -> int | None:
    """`startofweek(moment, offset)`: weeks begin on Sunday."""
    day = moment // DAY
    return fit_datetime((day - (day + _FIRST_WEEKDAY) % _DAYS_PER_WEEK + offset * _DAYS_PER_WEEK) * DAY)


def start_of_month(moment: int, offset: int = 0) -> int | None:
    """`startofmonth(moment, offset)`."""
    day = _date(moment)
    return _first_of(day.year, day.month + offset)


def start_of_year(moment: int, offset: int = 0) -> int | None:
    """`startofyear(moment, offset)`."""
    return _first_of(_date(moment).year + offset, 1)


def _last_before(start: int | None) -> int | None:
    return None if start is None else start - 1


def end_of_day(moment: int, offset: int = 0) -> int | None:
    """`endofday(moment, offset)`: the day's last tick."""
    start = start_of_day(moment, offset)
    return None if start is None else start + DAY - 1


def end_of_week(moment: int, offset: int = 0) -> int | None:
    """`endofweek(moment, offset)`: the last tick of Saturday."""
    start = start_of_week(moment, offset)
    return None if start is None else fit_datetime(start + _DAYS_PER_WEEK * DAY - 1)


def end_of_month(moment: int, offset: int = 0) -> int | None:
    """`endofmonth(moment, offset)`: the month's last tick."""
    day = _date(moment)
    is_last = (day.year * 12 + day.month + offset) == 9999 * 12 + 12
    return MAX_TICKS if is_last else _last_before(_within(_first_of(day.year, day.month + offset + 1)))


def end_of_year(moment: int, offset: int = 0) -> int | None:
    """`endofyear(moment, offset)`: the year's last tick."""
    year = _date(moment).year + offset
    return MAX_TICKS if year == 9999 else _last_before(_within(_first_of(year + 1, 1)))


def _within(start: int | None) -> int | None:
    """A start whose last tick before is still in range."""
    return start if start is not None and start > MIN_TICKS else None


def day_of_week(moment: int) -> int:
    """`dayofweek(moment)`: a timespan, whole days since the Sunday before."""
    return (moment // DAY + _FIRST_WEEKDAY) % _DAYS_PER_WEEK * DAY


def day_of_month(moment: int) -> int:
    """`dayofmonth(moment)`, from 1."""
    return _date(moment).day


def day_of_year(moment: int) -> int:
    """`dayofyear(moment)`, from 1."""
    return _date(moment).timetuple().tm_yday


def hour_of_day(moment: int) -> int:
    """`hourofday(moment)`, from 0."""
    return moment % DAY // HOUR


def year_of(moment: int) -> int:
    """`getyear(moment)`."""
    return _date(moment).year


def month_of(moment: int) -> int:
    """`getmonth(moment)` and `monthofyear(moment)`, from 1."""
    return _date(moment).month


def difference(period: str, left: int, right: int) -> int | None:
    """`datetime_diff(period, left, right)`: how many boundaries of the period lie between them, with sign."""
    name = period.lower()
    months = _MONTHS_OF.get(name)
    if months is not None:
        return _months(left) // months - _months(right) // months
    ticks = _TICKS_OF.get(name)
    if ticks is None:
        return None
    # Weeks are counted from a Sunday.
    shift = _FIRST_WEEKDAY * DAY if name == "week" else 0
    return (left + shift) // ticks - (right + shift) // ticks


def _months(moment: int) -> int:
    day = _date(moment)
    return day.year * 12 + day.month - 1


def from_unix(unit: int, number: int) -> int | None:
    """`unixtime_..._todatetime(number)` for a unit of this many ticks."""
    return fit_datetime(number * unit)


def format_moment(ticks: int) -> str:
    """`tostring(datetime)`: ISO 8601 with seven digits and Z."""
    return format_ticks(ticks)
