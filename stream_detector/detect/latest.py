"""make_set, dcount and any over a sliding window: for each value the time it was seen last.

    value a  ----|--------------------|-------------->    last seen at e3
    value b  ---------|------------------------------>    last seen at e2
                 e1   e2              e3
    at `floor` between e2 and e3 the set is {a}: a value counts while its last sighting does

The row's set at any instant holds the values last seen after that instant minus the window. With
no more than `capacity` of them all are known, so the set is exact; above, those seen last are a legal
answer (which ones make_set returns is undefined). The largest of (last seen, value) do not depend on
the order of arrival. State: a dict, and the same times sorted, so that a count is a bisection.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence

from msgspec import Struct

from stream_detector.rules.model import Aggregate, AggregateKind, Value

_SLACK = 8
"""Values kept beyond twice the capacity before the oldest are dropped, so that dropping is rare."""
_NAN = float("nan")
"""The one NaN that is kept: it is not equal to itself, and only the same object is found again."""


class Latest:
    """Values of one column of one episode."""

    __slots__ = ("order", "seen")

    def __init__(self) -> None:
        self.seen: dict[Value, int] = {}
        """Value to the ticks it was last seen at."""
        self.order: array[int] = array("q")
        """The times of `seen`, sorted."""

    def note(self, value: Value, time: int) -> None:
        """`value` was seen at `time`."""
        known = self.seen.get(value)
        if known is not None:
            if known >= time:
                return
            del self.order[bisect_left(self.order, known)]
        self.seen[value] = time
        if not self.order or self.order[-1] <= time:
            self.order.append(time)
        else:
            insort(self.order, time)

    def count_after(self, floor: int) -> int:
        """How many values were seen after `floor`."""
        return len(self.order) - bisect_right(self.order, floor)

    def keep(self, capacity: int) -> None:
        """Forget all but the `capacity` values seen last."""
        kept = sorted(self.seen, key=lambda value: (self.seen[value], value))[-capacity:]
        self.seen = {value: self.seen[value] for value in kept}
        self.order = array("q", self.seen.values())


class LatestColumn(Struct, frozen=True, gc=False):
    """A column whose value follows from what was seen last."""

    kind: AggregateKind
    """SET, DISTINCT or ANY."""
    capacity: int
    empty: Value = ""
    """What ANY gives when there is nothing."""

    @classmethod
    def of(cls, aggregate: Aggregate, most: int) -> LatestColumn:
        """The column of an aggregate; never more than `most` values are remembered."""
        if aggregate.kind is AggregateKind.ANY:
            return cls(aggregate.kind, 1, aggregate.empty)
        return cls(aggregate.kind, min(aggregate.capacity, most))

    @property
    def makes_news(self) -> bool:
        """Whether a new member is worth an `updated`."""
        return self.kind is AggregateKind.SET

    def begin(self) -> Latest:
        """The state without records."""
        return Latest()

    def of_one(self, given: object) -> object:
        """The column's value for a single record."""
        kept = self._keeps(given)
        if self.kind is AggregateKind.SET:
            return (given,) if kept else ()
        if self.kind is AggregateKind.DISTINCT:
            return int(kept)
        return given if kept else self.empty

    def add(self, state: Latest, given: object, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record; gives whether the row gained a member by it.

        A row shows values seen after its floor: `shown_after` before, `shows_after` from now on. A full
        set cannot gain: which of too many values it shows is of no meaning.
        """
        if not self._keeps(given):
            return False
        value: Value = given if given == given else _NAN  # type: ignore[assignment]
        known = state.seen.get(value)
        was_shown = known is not None and known > shown_after
        had_room = was_shown or not self.makes_news or state.count_after(shown_after) < self.capacity
        state.note(value, time)
        if len(state.seen) > 2 * self.capacity + _SLACK:
            state.keep(self.capacity)
        return self.makes_news and not was_shown and had_room and time > shows_after

    def join(self, into: Latest, other: Latest, shown_after: int, shows_after: int) -> bool:
        """Take in all that `other` has seen; gives whether the row gained a member."""
        gained = [self.add(into, v, time, shown_after, shows_after) for v, time in other.seen.items()]
        return any(gained)

    def value(self, states: Sequence[Latest], floor: int) -> object:
        """The column's value for the records after `floor`."""
        if self.kind is AggregateKind.DISTINCT and len(states) == 1:
            return min(self.capacity, states[0].count_after(floor))
        seen = _together(states, floor)
        if self.kind is AggregateKind.DISTINCT:
            return min(self.capacity, len(seen))
        newest = sorted(seen, key=lambda value: (seen[value], value))[-self.capacity :]
        if self.kind is AggregateKind.SET:
            return tuple(newest)
        return newest[0] if newest else self.empty

    def forget(self, state: Latest, past: int) -> None:
        """Nothing has to go: at most some `capacity` values are kept, whatever their age."""

    def limit(self, state: Latest, most: int) -> None:
        """Nothing has to go: the state does not grow with the number of records."""

    def _keeps(self, given: object) -> bool:
        return given is not None and not (given == "" and self.kind is AggregateKind.ANY)


def _together(states: Iterable[Latest], floor: int) -> dict[Value, int]:
    """Values seen after `floor`, each with the time it was seen last."""
    together: dict[Value, int] = {}
    for state in states:
        for value, time in state.seen.items():
            if time > together.get(value, floor):
                together[value] = time
    return together
