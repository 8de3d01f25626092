"""Arithmetic of KQL: 64-bit whole numbers, reals as IEEE has them, timespans and datetimes in ticks.

Nothing here raises. What does not fit its type - 64 bits, or the years 1 to 9999 of a datetime - is null:
Kusto's pages say nothing of overflow. A whole number or a timespan divided by a whole zero is null; a real
by zero is infinite or NaN. `%` is never negative (numerical-operators page).
"""

from __future__ import annotations

from math import copysign, fmod, inf, isfinite, nan, trunc

from stream_detector.ticks import MAX_TICKS, MIN_TICKS

MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
MIN_INT, MAX_INT = -(2**31), 2**31 - 1


def fit(number: int) -> int | None:
    """A long or a timespan, or null beyond 64 bits."""
    return number if MIN_LONG <= number <= MAX_LONG else None


def fit_datetime(ticks: int) -> int | None:
    """A datetime, or null outside of the years 1 to 9999."""
    return ticks if MIN_TICKS <= ticks <= MAX_TICKS else None


def whole(number: float) -> int | None:
    """A real cut towards zero to 64 bits; null when it does not fit or is not finite."""
    return fit(trunc(number)) if isfinite(number) else None


def add(left: int, right: int) -> int | None:
    """`left + right` of whole numbers, or of timespans."""
    return fit(left + right)


def subtract(left: int, right: int) -> int | None:
    """`left - right` of whole numbers, or of timespans."""
    return fit(left - right)


def multiply(left: int, right: int) -> int | None:
    """`left * right` of whole numbers, or of a timespan and a whole number."""
    return fit(left * right)


def divide(left: int, right: int) -> int | None:
    """`left / right` of whole numbers, or of a timespan by a whole number: cut towards zero."""
    if right == 0:
        return None
    quotient = abs(left) // abs(right)
    return fit(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int, right: int) -> int | None:
    """`left % right` of whole numbers, or of timespans: at least 0, less than the size of `right`."""
    return left % abs(right) if right else None


def negate(number: int) -> int | None:
    """`-number` of a whole number, or of a timespan."""
    return fit(-number)


def absolute(number: int) -> int | None:
    """`abs(number)` of a whole number, or of a timespan."""
    return fit(abs(number))


def add_reals(left: float, right: float) -> float:
    """`left + right` where one side is a real."""
    return float(left) + float(right)


def subtract_reals(left: float, right: float) -> float:
    """`left - right` where one side is a real."""
    return float(left) - float(right)


def multiply_reals(left: float, right: float) -> float:
    """`left * right` where one side is a real."""
    return float(left) * float(right)


def divide_reals(left: float, right: float) -> float:
    """`left / right` where one side is a real, and of two timespans."""
    dividend, divisor = float(left), float(right)
    if divisor:
        return dividend / divisor
    if dividend != dividend or dividend == 0:
        return nan
    return copysign(inf, dividend) * copysign(1.0, divisor)


def modulo_reals(left: float, right: float) -> float:
    """`left % right` where one side is a real: at least 0, less than the size of `right`."""
    dividend, divisor = float(left), abs(float(right))
    if divisor == 0 or not isfinite(dividend) or divisor != divisor:
        return nan
    rest = fmod(dividend, divisor)
    if rest < 0:
        # A rest that is lost beside the divisor would round up to it.
        rest = rest + divisor if rest + divisor < divisor else 0.0
    return abs(rest)


def shift(moment: int, span: int) -> int | None:
    """`datetime + timespan`."""
    return fit_datetime(moment + span)


def shift_back(moment: int, span: int) -> int | None:
    """`datetime - timespan`."""
    return fit_datetime(moment - span)


def shifted_by(span: int, moment: int) -> int | None:
    """`timespan + datetime`."""
    return fit_datetime(moment + span)


def scale(span: int, factor: float) -> int | None:
    """`timespan * real`, cut towards zero to a tick."""
    return whole(span * factor)


def scaled_by(factor: float, span: int) -> int | None:
    """`real * timespan`."""
    return whole(factor * span)


def scale_down(span: int, divisor: float) -> int | None:
    """`timespan / real`, cut towards zero to a tick; null by zero."""
    return whole(span / divisor) if divisor else None


def bin_whole(value: int, size: int) -> int | None:
    """`bin` of whole numbers or timespans: the multiple of `size` at or below; null unless it is positive."""
    return fit(value // size * size) if size > 0 else None


def bin_real(value: float, size: float) -> float | None:
    """`bin` where one side is a real: floor(value / size) * size in doubles; null below zero."""
    dividend, divisor = float(value), float(size)
    if divisor < 0:
        return None
    quotient = divide_reals(dividend, divisor)
    if divisor == 0 or not isfinite(quotient):
        return nan if divisor == 0 else quotient * divisor
    return float(quotient // 1) * divisor


def bin_datetime(moment: int, size: int) -> int | None:
    """`bin(datetime, timespan)`, counted from 0001-01-01; null unless `size` is positive."""
    return (moment - MIN_TICKS) // size * size + MIN_TICKS if size > 0 else None


def has_one_origin(size: int) -> bool:
    """Whether bins of datetimes of this size are the same from 0001-01-01 and from 1970-01-01."""
    return MIN_TICKS % size == 0


def least(*values: float | None) -> float | None:
    """`min_of`: null only when every value is."""
    return min((value for value in values if value is not None), default=None)


def greatest(*values: float | None) -> float | None:
    """`max_of`: null only when every value is."""
    return max((value for value in values if value is not None), default=None)
