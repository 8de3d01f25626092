"""max, min, arg_max, arg_min and make_list over a sliding window.

The greatest value of what is younger than any floor needs only the records that no younger one matches:

    value   9        |
            7        |     |
            5     |  |     |  |       kept: 9, 7, 6; neither the 5 before the 9 nor the one before the 6,
            6     |  |     |  |  |    since whoever asks for them is answered by a younger one
    time  --------------------------->

A list keeps its newest records. Values only; which records there are is decided in `window`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from stream_detector.rules.model import Aggregate, AggregateKind

Pair = tuple[Any, tuple[object, ...]]
"""What is compared, and what is shown."""


class Timed:
    """Records of one column of one episode in order of time."""

    __slots__ = ("given", "times")

    def __init__(self) -> None:
        self.times: array[int] = array("q")
        self.given: list[Any] = []

    def insert(self, position: int, time: int, given: object) -> None:
        """Put in a record; equal times stand in order of arrival."""
        self.times.insert(position, time)
        self.given.insert(position, given)

    def delete(self, begin: int, end: int) -> None:
        """Take out the records of these positions."""
        del self.times[begin:end]
        del self.given[begin:end]


class RankedColumn(Struct, frozen=True, gc=False):
    """The record with the greatest, or least, compared value; of equal ones the newest."""

    greatest: bool
    most: int

    @property
    def makes_news(self) -> bool:
        return False

    def begin(self) -> Timed:
        """The state without records."""
        return Timed()

    def of_one(self, given: object) -> object:
        """The column's value for a single record."""
        return given

    def add(self, state: Timed, given: Any, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record."""
        if given is None:
            return False
        end = bisect_right(state.times, time)
        if end < len(state.times) and self._matches(state.given[end], given):
            return False
        begin = end
        while begin and self._matches(given, state.given[begin - 1]):
            begin -= 1
        state.delete(begin, end)
        state.insert(begin, time, given)
        self.limit(state, self.most)
        return False

    def join(self, into: Timed, other: Timed, shown_after: int, shows_after: int) -> bool:
        """Take in the records of `other`."""
        for time, given in zip(other.times, other.given, strict=True):
            self.add(into, given, time, shown_after, shows_after)
        return False

    def value(self, states: Sequence[Timed], floor: int) -> object:
        """The column's value for the records after `floor`; None without any."""
        best: tuple[int, Pair] | None = None
        for state in states:
            position = bisect_right(state.times, floor)
            if position == len(state.times):
                continue
            time, given = state.times[position], state.given[position]
            if best is None or not self._matches(best[1], given) or self._same_but_newer(best, time, given):
                best = (time, given)
        return None if best is None else best[1]

    def forget(self, state: Timed, past: int) -> None:
        """Drop the records at or before `past`."""
        state.delete(0, bisect_right(state.times, past))

    def limit(self, state: Timed, most: int) -> None:
        """Drop the oldest records beyond `most`."""
        if len(state.times) > most:
            state.delete(0, len(state.times) - most)

    def _matches(self, one: Pair, other: Pair) -> bool:
        """Whether `one` is at least as good as `other`. What cannot be compared is worse than all else."""
        if not _is_comparable(other[0]) or not _is_comparable(one[0]):
            return not _is_comparable(other[0])
        return bool(one[0] >= other[0] if self.greatest else one[0] <= other[0])

    def _same_but_newer(self, best: tuple[int, Pair], time: int, given: Pair) -> bool:
        return time > best[0] and self._matches(given, best[1])


class ListColumn(Struct, frozen=True, gc=False):
    """The values of the newest `capacity` records that gave one."""

    capacity: int

    @property
    def makes_news(self) -> bool:
        return False

    def begin(self) -> Timed:
        """The state without records."""
        return Timed()

    def of_one(self, given: object) -> object:
        """The column's value for a single record."""
        return () if given is None else (given,)

    def add(self, state: Timed, given: object, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record."""
        if given is not None:
            state.insert(bisect_right(state.times, time), time, given)
            self.limit(state, self.capacity)
        return False

    def join(self, into: Timed, other: Timed, shown_after: int, shows_after: int) -> bool:
        """Take in the records of `other`."""
        for time, given in zip(other.times, other.given, strict=True):
            self.add(into, given, time, shown_after, shows_after)
        return False

    def value(self, states: Sequence[Timed], floor: int) -> object:
        """The column's value for the records after `floor`, oldest first."""
        found: list[tuple[int, object]] = []
        for state in states:
            begin = bisect_right(state.times, floor)
            found += zip(state.times[begin:], state.given[begin:], strict=True)
        found.sort(key=lambda entry: entry[0])
        return tuple(value for _, value in found[-self.capacity :])

    def forget(self, state: Timed, past: int) -> None:
        """Drop the records at or before `past`."""
        state.delete(0, bisect_right(state.times, past))

    def limit(self, state: Timed, most: int) -> None:
        """Drop the oldest records beyond `most`."""
        if len(state.times) > most:
            state.delete(0, len(state.times) - most)


def ranked(aggregate: Aggregate, most: int) -> RankedColumn:
    """The column of a GREATEST or LEAST aggregate."""
    return RankedColumn(aggregate.kind is AggregateKind.GREATEST, most)


def _is_comparable(value: Any) -> bool:
    """Null is not, and neither is NaN."""
    return value is not None and value == value
