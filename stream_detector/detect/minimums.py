"""Thresholds: at which instant a row first meets a rule's minimums.

    minimum of 3     e1        e4  e2      e3
    event time    ---|---------|---|-------|---->     e4 arrives last
    windows that contain e4:   [..e4]  [..e2]  [..e3]     tried in this order

A record that arrives can only add to windows that contain it, and such a window is fullest where it
ends at a record: at the record itself, or at a later one less than a window away.
"""

from __future__ import annotations

from array import array

from msgspec import Struct

from stream_detector.detect import times as remembered
from stream_detector.rules.model import Aggregates, Rule


class Minimums(Struct, frozen=True, gc=False):
    """A rule's thresholds, with columns as positions."""

    count: int
    sets: tuple[tuple[int, int], ...]
    """Position of the column in `Rule.sets`, and the least number of distinct members, above 1."""

    @property
    def any_record_meets(self) -> bool:
        """Whether one record is always enough. A set of a row has at least one member."""
        return self.count <= 1 and not self.sets

    def met_by(self, row: Aggregates) -> bool:
        """Whether a row meets all."""
        return row.count >= self.count and all(len(row.sets[at]) >= least for at, least in self.sets)

    def tracked(self, members: tuple[str, ...]) -> tuple[str, ...]:
        """The values, of a match's members, that have to be remembered with the record."""
        return tuple(members[at] for at, _ in self.sets)


def minimums_of(rule: Rule) -> Minimums:
    """The thresholds of `rule`.

    Raises:
        ValueError: a threshold on a column that is neither the count nor a set.
    """
    count, sets = 1, []
    positions = {column.name: position for position, column in enumerate(rule.sets)}
    for minimum in rule.thresholds:
        if minimum.column == rule.count_column:
            count = max(count, minimum.at_least)
        elif minimum.column not in positions:
            raise ValueError(f"{rule.info.id}: no count and no set is named {minimum.column}")
        elif minimum.at_least > 1:
            sets.append((positions[minimum.column], minimum.at_least))
    return Minimums(count, tuple(sets))


def first_met(
    minimums: Minimums,
    times: array[int],
    members: list[tuple[str, ...]] | None,
    arrived: int,
    window: int,
) -> int | None:
    """The first instant, of those that the record at `arrived` can change, whose row meets `minimums`.

    The window ending at an instant is (instant - window, instant]. One pass: each record enters and
    leaves the tally once.
    """
    begin = remembered.count_through(times, arrived - window)
    end = remembered.count_through(times, arrived + window - 1)
    if end - begin < minimums.count:
        return None
    tallies: list[dict[str, int]] = [{} for _ in minimums.sets]
    oldest = begin
    for position in range(begin, end):
        _count_in(tallies, members, position)
        instant = remembered.time_at(times, position)
        while remembered.time_at(times, oldest) <= instant - window:
            _count_out(tallies, members, oldest)
            oldest += 1
        if instant < arrived or (position + 1 < end and remembered.time_at(times, position + 1) == instant):
            continue
        enough = all(len(tally) >= least for tally, (_, least) in zip(tallies, minimums.sets, strict=True))
        if enough and position + 1 - oldest >= minimums.count:
            return instant
    return None


def _count_in(tallies: list[dict[str, int]], members: list[tuple[str, ...]] | None, position: int) -> None:
    if members is not None:
        for tally, value in zip(tallies, members[position], strict=True):
            tally[value] = tally.get(value, 0) + 1


def _count_out(tallies: list[dict[str, int]], members: list[tuple[str, ...]] | None, position: int) -> None:
    if members is not None:
        for tally, value in zip(tallies, members[position], strict=True):
            tally[value] -= 1
            if not tally[value]:
                del tally[value]
