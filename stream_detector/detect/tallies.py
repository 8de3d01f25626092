"""countif and sum over a sliding window: the times of the records that count, and their numbers.

    records     e1    e2      e3        e4
    numbers      3     .       5         1         e2 gave none
    times     [ e1,           e3,       e4 ]
    at `floor` in e1..e3: what stands behind it, found by bisection

Sums are exact and rounded once, at the end: a real is added as the whole number of 2^-1074 that it is.
So the order of arrival, and what has left the window, never show in the last digit.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import isfinite

from msgspec import Struct

from stream_detector.rules.model import Value

_SMALLEST_REAL = 1074
"""Every finite double is a whole multiple of 2 to minus this."""
_UNIT = 1 << _SMALLEST_REAL
_LONGS = range(-(2**63), 2**63)


class CountIfColumn(Struct, frozen=True, gc=False):
    """The number of records that gave True; their times are the state."""

    most: int

    @property
    def makes_news(self) -> bool:
        return False

    def begin(self) -> array[int]:
        """The state without records."""
        return array("q")

    def of_one(self, given: object) -> object:
        """The column's value for a single record."""
        return int(given is True)

    def add(self, state: array[int], given: object, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record."""
        if given is True:
            state.insert(bisect_right(state, time), time)
            self.limit(state, self.most)
        return False

    def join(self, into: array[int], other: array[int], shown_after: int, shows_after: int) -> bool:
        """Take in the records of `other`."""
        into[:] = array("q", sorted((*into, *other)))
        self.limit(into, self.most)
        return False

    def value(self, states: Sequence[array[int]], floor: int) -> object:
        """The column's value for the records after `floor`."""
        return sum(len(state) - bisect_right(state, floor) for state in states)

    def forget(self, state: array[int], past: int) -> None:
        """Drop the records at or before `past`."""
        del state[: bisect_right(state, past)]

    def limit(self, state: array[int], most: int) -> None:
        """Drop the oldest records beyond `most`."""
        if len(state) > most:
            del state[: len(state) - most]


class Summed:
    """Numbers of one column of one episode, in order of time."""

    __slots__ = ("begin", "numbers", "special", "times", "total")

    def __init__(self) -> None:
        self.times: array[int] = array("q")
        self.numbers: list[int | float] = []
        self.begin = 0
        """Position from which on `total` and `special` are kept."""
        self.total = 0
        """Exact; in units of 2^-1074 when the numbers are reals."""
        self.special = 0
        """How many numbers of it are infinite or no number at all."""

    def insert(self, time: int, number: int | float) -> None:
        """Add a number."""
        position = bisect_right(self.times, time)
        self.times.insert(position, time)
        self.numbers.insert(position, number)
        if position < self.begin:
            self.begin += 1
        else:
            self._count(number, 1)

    def move_to(self, floor: int) -> int:
        """Let `total` be that of the numbers after `floor`; gives their position. Small moves are cheap."""
        wanted = bisect_right(self.times, floor)
        for position in range(self.begin, wanted):
            self._count(self.numbers[position], -1)
        for position in range(wanted, self.begin):
            self._count(self.numbers[position], 1)
        self.begin = wanted
        return wanted

    def drop(self, count: int) -> None:
        """Forget the `count` oldest numbers."""
        for position in range(self.begin, count):
            self._count(self.numbers[position], -1)
        del self.times[:count]
        del self.numbers[:count]
        self.begin = max(0, self.begin - count)

    def _count(self, number: int | float, sign: int) -> None:
        if isinstance(number, int):
            self.total += sign * number
        elif isfinite(number):
            numerator, denominator = number.as_integer_ratio()
            self.total += sign * numerator * (_UNIT // denominator)
        else:
            self.special += sign


class SumColumn(Struct, frozen=True, gc=False):
    """The sum of the numbers that were given; None is left out."""

    most: int
    empty: Value = 0
    """0 of the sum's type."""

    @property
    def makes_news(self) -> bool:
        return False

    def begin(self) -> Summed:
        """The state without records."""
        return Summed()

    def of_one(self, given: object) -> object:
        """The column's value for a single record."""
        return self.empty if given is None else given

    def add(self, state: Summed, given: object, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record."""
        if isinstance(given, int | float):
            state.insert(time, given)
            self.limit(state, self.most)
        return False

    def join(self, into: Summed, other: Summed, shown_after: int, shows_after: int) -> bool:
        """Take in the records of `other`."""
        for time, number in zip(other.times, other.numbers, strict=True):
            into.insert(time, number)
        self.limit(into, self.most)
        return False

    def value(self, states: Sequence[Summed], floor: int) -> object:
        """The column's value for the records after `floor`; None for a long beyond 64 bits."""
        begins = [state.move_to(floor) for state in states]
        if any(state.special for state in states):
            return sum(
                number
                for state, begin in zip(states, begins, strict=True)
                for number in state.numbers[begin:]
                if not isfinite(number)
            )
        total = sum(state.total for state in states)
        if not isinstance(self.empty, float):
            return total if total in _LONGS else None
        try:
            return total / _UNIT
        except OverflowError:
            return float("inf") if total > 0 else float("-inf")

    def forget(self, state: Summed, past: int) -> None:
        """Drop the records at or before `past`."""
        state.drop(bisect_right(state.times, past))

    def limit(self, state: Summed, most: int) -> None:
        """Drop the oldest records beyond `most`."""
        if len(state.times) > most:
            state.drop(len(state.times) - most)
