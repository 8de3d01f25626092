"""The rule as the scheduled query it comes from: all records in, the rows at one instant out.

Exactly the query, for comparison with the table and other engines: no episodes, no de-duplication,
no correlation, no lateness limit, and grouping by the exact spelling whatever the rule's file says.
The sliding window that pages is `stream_detector.detect`; what an aggregate means is said here once more,
record by record, and shares no code with it.

    records counted at `at`:   t > at - window, without an upper bound

    ----------------o------------------------------|---------->  event time
              at - window (not counted)           at    (counted: stamped in the future)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from math import inf, isfinite
from operator import gt, lt
from typing import Any, Protocol

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.model import Aggregate, AggregateKind, Match, Rule, Summary, Value


class _Tally(Protocol):
    """The running value of one aggregate of one group."""

    def add(self, time: int, value: Any) -> None:
        """Take in what a match handed in; None where the kind takes nothing."""

    def result(self) -> object:
        """The value so far, as the kind says."""


class _Count:
    """COUNT, and COUNT_IF when only True counts."""

    def __init__(self, *, only_true: bool) -> None:
        self._only_true = only_true
        self._count = 0

    def add(self, time: int, value: Any) -> None:
        if value is True or not self._only_true:
            self._count += 1

    def result(self) -> int:
        return self._count


class _Time:
    """FIRST and LAST."""

    def __init__(self, choose: Callable[[int, int], int]) -> None:
        self._choose = choose
        self._time: int | None = None

    def add(self, time: int, value: Any) -> None:
        self._time = time if self._time is None else self._choose(self._time, time)

    def result(self) -> int | None:
        return self._time


class _Sum:
    """SUM: exact, and rounded once at the end; null for a whole number beyond 64 bits."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._is_real = isinstance(aggregate.empty, float)
        self._sum = Fraction(0)
        self._infinite = 0.0
        """The sum of what no fraction can be: infinities and NaN."""

    def add(self, time: int, value: Any) -> None:
        if value is None:
            return
        if isfinite(value):
            self._sum += Fraction(value)
        else:
            self._infinite += value

    def result(self) -> object:
        if not self._is_real:
            return int(self._sum) if -(2**63) <= self._sum < 2**63 else None
        if self._infinite != 0.0:
            return self._infinite
        try:
            return float(self._sum)
        except OverflowError:
            return inf if self._sum > 0 else -inf


class _Members:
    """SET and DISTINCT: the first distinct values in order of appearance."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._counts = aggregate.kind is AggregateKind.DISTINCT
        self._capacity = aggregate.capacity
        self._members: dict[object, None] = {}

    def add(self, time: int, value: Any) -> None:
        if value is not None and len(self._members) < self._capacity:
            self._members[value] = None

    def result(self) -> object:
        return len(self._members) if self._counts else tuple(self._members)


class _List:
    """LIST: the newest values, oldest first; of one time those that came last."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._capacity = aggregate.capacity
        self._times: list[int] = []
        self._values: list[object] = []

    def add(self, time: int, value: Any) -> None:
        if value is None:
            return
        at = bisect_right(self._times, time)
        self._times.insert(at, time)
        self._values.insert(at, value)
        del self._times[: -self._capacity], self._values[: -self._capacity]

    def result(self) -> tuple[object, ...]:
        return tuple(self._values)


class _Any:
    """ANY: the first value that is neither null nor ""."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._empty = aggregate.empty
        self._value: Value = None

    def add(self, time: int, value: Any) -> None:
        if self._value is None or self._value == "":
            self._value = value if value is not None else self._value

    def result(self) -> Value:
        return self._empty if self._value is None else self._value


class _Extreme:
    """GREATEST and LEAST; of equal ones the newest record, of one time the one that came last."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._is_better = gt if aggregate.kind is AggregateKind.GREATEST else lt
        self._time = 0
        self._best: tuple[Any, tuple[object, ...]] | None = None

    def add(self, time: int, value: Any) -> None:
        if value is None:
            return
        is_tie = self._best is not None and value[0] == self._best[0]
        if self._best is None or self._beats(value[0], self._best[0]) or (is_tie and time >= self._time):
            self._best, self._time = value, time

    def _beats(self, value: Any, best: Any) -> bool:
        """Null is worse than everything, and a row of it is shown only where there is nothing else."""
        return value is not None and (best is None or self._is_better(value, best))

    def result(self) -> object:
        return self._best


def _tally(aggregate: Aggregate) -> _Tally:
    match aggregate.kind:
        case AggregateKind.COUNT | AggregateKind.COUNT_IF:
            return _Count(only_true=aggregate.kind is AggregateKind.COUNT_IF)
        case AggregateKind.FIRST:
            return _Time(min)
        case AggregateKind.LAST:
            return _Time(max)
        case AggregateKind.SUM:
            return _Sum(aggregate)
        case AggregateKind.SET | AggregateKind.DISTINCT:
            return _Members(aggregate)
        case AggregateKind.LIST:
            return _List(aggregate)
        case AggregateKind.ANY:
            return _Any(aggregate)
        case AggregateKind.GREATEST | AggregateKind.LEAST:
            return _Extreme(aggregate)


class _Group:
    """Running aggregates of one distinct key. Its size is bounded by the capacities of sets and lists."""

    def __init__(self, aggregates: tuple[Aggregate, ...], time: int) -> None:
        self._takes_input = [aggregate.kind.takes_input for aggregate in aggregates]
        self._tallies = [_tally(aggregate) for aggregate in aggregates]
        self._count = 0
        self._first = self._last = time

    def add(self, time: int, inputs: tuple[object, ...]) -> None:
        self._count += 1
        self._first = min(self._first, time)
        self._last = max(self._last, time)
        handed_in = iter(inputs)
        for tally, takes_input in zip(self._tallies, self._takes_input, strict=True):
            tally.add(time, next(handed_in) if takes_input else None)

    def summary(self) -> Summary:
        values = tuple(tally.result() for tally in self._tallies)
        return Summary(self._count, self._first, self._last, values)


def scheduled_rows(rule: Rule, records: Iterable[ActivityRecord], at: int) -> list[dict[str, object]]:
    """The rows that `rule` as a scheduled query returns at `at` (ticks) over `records`.

    One pass; memory follows the number of groups. Rows come in the order in which their groups
    first appear in `records`; sets hold the first distinct members, any() the first value not empty.
    """
    summaries = scheduled_summaries(rule, records, at)
    return [rule.row(key, summary) for key, summary in summaries if rule.meets(key, summary)]


def scheduled_summaries(
    rule: Rule, records: Iterable[ActivityRecord], at: int
) -> Iterator[tuple[tuple[Value, ...], Summary]]:
    """Key and summary of every group at `at`, whether or not the query returns its row."""
    after = at - rule.window
    groups: dict[object, tuple[tuple[Value, ...], _Group]] = {}
    for record in records:
        if record.time <= after:
            continue
        verdict = rule.evaluate(record)
        if not isinstance(verdict, Match):
            continue
        # The types of a key's columns never vary, so that equal keys are the same for KQL too.
        key, group = groups.get(verdict.key) or (verdict.key, _Group(rule.aggregates, record.time))
        groups[verdict.key] = key, group
        group.add(record.time, verdict.inputs)
    return iter([(key, group.summary()) for key, group in groups.values()])
