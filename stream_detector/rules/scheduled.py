"""The rule as the scheduled query it comes from: all records in, the rows at one instant out.

Exactly the query, for comparison with the table and other engines: no episodes, no de-duplication,
no correlation, no lateness limit, and grouping by the exact spelling whatever the rule's file says.
The sliding window that pages is `stream_detector.detect`.

    records counted at `at`:   t > at - window, without an upper bound

    ----------------o------------------------------|---------->  event time
              at - window (not counted)           at    (counted: stamped in the future)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.text import coalesce
from stream_detector.rules.model import Aggregates, Match, Rule


@dataclass(slots=True)
class _Group:
    """Running aggregates of one distinct key. Its size is bounded by the capacities of the sets."""

    first: int
    last: int
    sets: tuple[dict[str, None], ...]
    """Members in order of appearance."""
    anys: list[str]
    count: int = field(default=0)

    def add(self, time: int, members: tuple[str, ...], capacities: tuple[int, ...]) -> None:
        self.count += 1
        self.first = min(self.first, time)
        self.last = max(self.last, time)
        for seen, value, capacity in zip(self.sets, members, capacities, strict=False):
            if len(seen) < capacity:
                seen[value] = None
        for position, value in enumerate(members[len(capacities) :]):
            self.anys[position] = coalesce(self.anys[position], value)

    def aggregates(self) -> Aggregates:
        return Aggregates(
            count=self.count,
            first=self.first,
            last=self.last,
            sets=tuple(tuple(seen) for seen in self.sets),
            anys=tuple(self.anys),
        )


def scheduled_rows(rule: Rule, records: Iterable[ActivityRecord], at: int) -> list[dict[str, object]]:
    """The rows that `rule` as a scheduled query returns at `at` (ticks) over `records`.

    One pass; memory follows the number of groups. Rows come in the order in which their groups
    first appear in `records`; sets hold the first distinct members, any() the first value not empty.
    """
    capacities = tuple(column.capacity for column in rule.sets)
    after = at - rule.window
    groups: dict[tuple[str, ...], _Group] = {}
    for record in records:
        if record.time <= after:
            continue
        verdict = rule.evaluate(record)
        if not isinstance(verdict, Match):
            continue
        group = groups.get(verdict.key)
        if group is None:
            group = groups[verdict.key] = _Group(
                first=record.time,
                last=record.time,
                sets=tuple({} for _ in capacities),
                anys=[""] * len(rule.anys),
            )
        group.add(record.time, verdict.members, capacities)
    summaries = ((key, group.aggregates()) for key, group in groups.items())
    return [rule.row(key, aggregates) for key, aggregates in summaries if meets_thresholds(rule, aggregates)]


def meets_thresholds(rule: Rule, aggregates: Aggregates) -> bool:
    """The `where` after `summarize`: every minimum of the rule holds."""
    sizes = {
        column.name: len(members) for column, members in zip(rule.sets, aggregates.sets, strict=True)
    } | {rule.count_column: aggregates.count}
    return all(sizes[minimum.column] >= minimum.at_least for minimum in rule.thresholds)
