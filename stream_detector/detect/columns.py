"""The columns of a rule's row, and the row of some episodes at an instant.

    row at E    records with time > E - window, without an upper bound, as the query asks for them

count, min and max of the time need the episodes' times only; every other aggregate has a `Column`
with a state of its own per episode, which is bounded and can be merged. Most groups hold one record
for ever, so its inputs stay the plain tuple that the rule gave until a second record joins: a state
per column would double the size of a group.

A rule that correlates counts operations, not rows: there count() is the number of distinct operations,
and countif() that of operations with a row that gave True.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from stream_detector.detect import times as remembered
from stream_detector.detect.latest import LatestColumn
from stream_detector.detect.ranked import ListColumn, ranked
from stream_detector.detect.tallies import CountIfColumn, SumColumn
from stream_detector.rules.model import Aggregate, AggregateKind, Match, Rule, Summary

Inputs = tuple[object, ...]
Seen = Inputs | list[Any] | None
"""Inputs of the only record, or a state for each column; None when a record was taken out, and the states
have to be made anew of what is left."""


class Column(Protocol):
    """One incremental aggregate. States are made by `begin` and only handed back to the same column."""

    @property
    def makes_news(self) -> bool:
        """Whether a new member is worth an `updated`."""

    def begin(self) -> Any: ...

    def of_one(self, given: object) -> object: ...

    def add(self, state: Any, given: object, time: int, shown_after: int, shows_after: int) -> bool: ...

    def join(self, into: Any, other: Any, shown_after: int, shows_after: int) -> bool: ...

    def value(self, states: Sequence[Any], floor: int) -> object: ...

    def forget(self, state: Any, past: int) -> None: ...

    def limit(self, state: Any, most: int) -> None: ...


class Remembered(Protocol):
    """What a row is made of: an episode."""

    first: int
    last: int
    times: Any
    seen: Seen
    inputs: list[Inputs] | None
    """Of each record, where `seen` may be None."""


class Columns(Struct, frozen=True, gc=False):
    """All columns of a rule that have a state."""

    kinds: tuple[AggregateKind, ...]
    """Of `Rule.aggregates`."""
    columns: tuple[Column, ...]
    """One for each aggregate that takes an input; in a rule that correlates, the operations come last."""
    places: tuple[int, ...]
    """Position in `columns` for each aggregate; -1 where the times are enough."""
    correlates: bool
    wanted: tuple[int, ...]
    """Positions of the aggregates that thresholds look at."""

    def inputs(self, match: Match, operation: bytes) -> Inputs:
        """What a record hands to the columns; `operation` names its operation."""
        if not self.correlates:
            return match.inputs
        kinds = [kind for kind in self.kinds if kind.takes_input]
        counted = AggregateKind.COUNT_IF
        given = [
            (operation if value is True else None) if kind is counted else value
            for kind, value in zip(kinds, match.inputs, strict=True)
        ]
        return (*given, operation)

    def states(self, episode: Remembered) -> list[Any]:
        """A state per column, made now if there is none."""
        if not isinstance(episode.seen, list):
            alone = episode.seen
            states = [column.begin() for column in self.columns]
            for position, inputs in enumerate((episode.inputs or ()) if alone is None else (alone,)):
                time = remembered.time_at(episode.times, position)
                self.add(states, inputs, time, time, time)
            episode.seen = states
        return episode.seen

    def add(self, states: list[Any], inputs: Inputs, time: int, shown_after: int, shows_after: int) -> bool:
        """Take in a record; gives whether a set of the row gained a member.

        A row shows values seen after its floor: `shown_after` before, `shows_after` from now on.
        """
        gained = False
        for column, state, given in zip(self.columns, states, inputs, strict=True):
            gained |= column.add(state, given, time, shown_after, shows_after)
        return gained

    def join(self, into: list[Any], other: list[Any], shown_after: int, shows_after: int) -> bool:
        """Take in the records of `other`; gives whether a set of the row gained a member."""
        gained = False
        for column, state, more in zip(self.columns, into, other, strict=True):
            gained |= column.join(state, more, shown_after, shows_after)
        return gained

    def forget(self, seen: Seen, past: int) -> None:
        """Drop the records at or before `past`, which no row will ask for."""
        if isinstance(seen, list):
            for column, state in zip(self.columns, seen, strict=True):
                column.forget(state, past)

    def limit(self, seen: Seen, most: int) -> None:
        """Drop the oldest records beyond `most`."""
        if isinstance(seen, list):
            for column, state in zip(self.columns, seen, strict=True):
                column.limit(state, most)

    def summary(
        self, episodes: Sequence[Remembered], floor: int, *, for_thresholds: bool = False
    ) -> Summary | None:
        """What summarize gives for the records later than `floor`; None when there are none.

        `for_thresholds` leaves the values None that thresholds do not look at.
        """
        asked = [episode for episode in episodes if episode.last > floor]
        if not asked:
            return None
        if len(asked) == 1 and isinstance(asked[0].seen, tuple):
            return self.of_one(asked[0].last, asked[0].seen)
        begins = [remembered.count_through(episode.times, floor) for episode in asked]
        count = sum(remembered.size(e.times) - begin for e, begin in zip(asked, begins, strict=True))
        first = min(remembered.time_at(e.times, begin) for e, begin in zip(asked, begins, strict=True))
        last = max(episode.last for episode in asked)
        states = [self.states(episode) for episode in asked]
        return self._summary(states, count, first, last, floor, for_thresholds=for_thresholds)

    def count(self, episode: Remembered, floor: int) -> int:
        """The row's count() for the records of one episode later than `floor`."""
        if self.correlates:
            return int(self._value(len(self.columns) - 1, [self.states(episode)], floor))
        return remembered.size(episode.times) - remembered.count_through(episode.times, floor)

    def of_one(self, time: int, inputs: Inputs) -> Summary:
        """The same for a single record, which is what most episodes are."""
        values = [
            self.columns[place].of_one(inputs[place]) if place >= 0 else 1 if kind is _COUNT else time
            for kind, place in zip(self.kinds, self.places, strict=True)
        ]
        return Summary(1, time, time, tuple(values))

    def of_states(self, states: list[Any], count: int, first: int, last: int, floor: int) -> Summary:
        """The same for thresholds, from states; `count` records, `first` to `last`, lie after `floor`."""
        return self._summary([states], count, first, last, floor, for_thresholds=True)

    def _summary(
        self,
        states: list[list[Any]],
        count: int,
        first: int,
        last: int,
        floor: int,
        *,
        for_thresholds: bool,
    ) -> Summary:
        if self.correlates:
            count = self._value(len(self.columns) - 1, states, floor)
        values = [
            self._aggregate(at, count, first, last, states, floor)
            if not for_thresholds or at in self.wanted
            else None
            for at in range(len(self.kinds))
        ]
        return Summary(count, first, last, tuple(values))

    def _aggregate(
        self, at: int, count: int, first: int, last: int, states: list[list[Any]], floor: int
    ) -> object:
        place = self.places[at]
        if place >= 0:
            return self._value(place, states, floor)
        kind = self.kinds[at]
        return count if kind is _COUNT else first if kind is AggregateKind.FIRST else last

    def _value(self, place: int, states: list[list[Any]], floor: int) -> Any:
        return self.columns[place].value([each[place] for each in states], floor)


_COUNT = AggregateKind.COUNT


def columns_of(rule: Rule, most: int) -> Columns:
    """The columns of a rule; a group holds at most `most` records."""
    correlates = rule.handling.correlate
    columns: list[Column] = []
    places: list[int] = []
    for aggregate in rule.aggregates:
        places.append(len(columns) if aggregate.kind.takes_input else -1)
        if aggregate.kind.takes_input:
            columns.append(_column(aggregate, most, correlates=correlates))
    if correlates:
        columns.append(LatestColumn(AggregateKind.DISTINCT, most))
    kinds = tuple(aggregate.kind for aggregate in rule.aggregates)
    return Columns(kinds, tuple(columns), tuple(places), correlates, tuple(rule.threshold_reads))


def _column(aggregate: Aggregate, most: int, *, correlates: bool) -> Column:
    kind = aggregate.kind
    if kind in (AggregateKind.GREATEST, AggregateKind.LEAST):
        return ranked(aggregate, most)
    if kind is AggregateKind.COUNT_IF:
        return LatestColumn(AggregateKind.DISTINCT, most) if correlates else CountIfColumn(most)
    if kind is AggregateKind.SUM:
        return SumColumn(most, aggregate.empty)
    if kind is AggregateKind.LIST:
        return ListColumn(min(aggregate.capacity, most))
    return LatestColumn.of(aggregate, most)
