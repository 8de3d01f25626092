"""The plain truth about windows, for the property tests: obvious, quadratic, over all records.

Shares no code with `stream_detector.detect`. Holds a small rule, the strategy for streams, the
query re-evaluated over every record, and the openings worked out from the list of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.options import WindowOptions
from stream_detector.rules.model import (
    Aggregate,
    AggregateKind,
    Handling,
    Match,
    Rejection,
    RuleInfo,
    Summary,
    Value,
)
from stream_detector.rules.operations import WantedOperations

WINDOW = 100
LATENESS = 240
GRACE = 20
INTERVAL = 15
OPTIONS = WindowOptions(lateness=LATENESS, close_grace=GRACE, update_interval=INTERVAL)
UNFORGETTING = replace(OPTIONS, lateness=10**9)
Choice = TypeVar("Choice")


CAPACITY = {"Things": 4, "Kinds": 2, "Distinct": 5, "Listed": 3}
_NUMBERS: dict[str, int | None] = {"t1": 3, "t2": -2, "t3": 7, "t4": 7, "t5": None, "t6": 0}


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: a column, or the number of its members, is at least or at most a number."""

    column: str
    least: int | None = None
    most: int | None = None


def number_of(record: ActivityRecord) -> int | None:
    """The number that a record stands for."""
    return _NUMBERS.get(record.resource_id)


@dataclass(frozen=True, slots=True)
class SmallRule:
    """Matches status Success; groups by caller and resource group; has an aggregate of every kind."""

    info: ClassVar[RuleInfo] = RuleInfo(
        "small", "Small", "1", "Low", (), (), "https://runbooks.example/small"
    )
    operations: ClassVar[WantedOperations] = WantedOperations(frozenset({"do/it"}))
    clauses: ClassVar[tuple[str, ...]] = ("status",)
    window: ClassVar[int] = WINDOW
    key_columns: ClassVar[tuple[str, ...]] = ("Who", "Where")
    aggregates: ClassVar[tuple[Aggregate, ...]] = (
        Aggregate("N", AggregateKind.COUNT),
        Aggregate("Things", AggregateKind.SET, CAPACITY["Things"]),
        Aggregate("Kinds", AggregateKind.SET, CAPACITY["Kinds"]),
        Aggregate("Any", AggregateKind.ANY),
        Aggregate("First", AggregateKind.FIRST),
        Aggregate("Last", AggregateKind.LAST),
        Aggregate("Odd", AggregateKind.COUNT_IF),
        Aggregate("Distinct", AggregateKind.DISTINCT, CAPACITY["Distinct"]),
        Aggregate("Sum", AggregateKind.SUM, empty=0),
        Aggregate("Greatest", AggregateKind.GREATEST),
        Aggregate("Least", AggregateKind.LEAST),
        Aggregate("Listed", AggregateKind.LIST, CAPACITY["Listed"]),
    )

    limits: tuple[Limit, ...] = ()
    ignore_case: bool = True

    @property
    def handling(self) -> Handling:
        return Handling(ignore_case=self.ignore_case)

    @property
    def opens_always(self) -> bool:
        return not self.limits

    @property
    def is_monotone(self) -> bool:
        return all(limit.most is None and limit.column != "Sum" for limit in self.limits)

    @property
    def threshold_reads(self) -> tuple[int, ...]:
        names = [aggregate.name for aggregate in self.aggregates]
        return tuple(names.index(limit.column) for limit in self.limits)

    @property
    def records_needed(self) -> int:
        return max((limit.least or 1 for limit in self.limits), default=1)

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        if record.status != "Success":
            return Rejection("status")
        number = number_of(record)
        return Match(
            key=(record.caller, record.resource_group),
            inputs=(
                record.resource_id,
                record.level,
                record.caller_ip,
                record.correlation_id.lower() == "c1",
                record.caller_ip or None,
                number,
                None if number is None else (number, (record.time, record.level)),
                None if number is None else (number, (record.time, record.level)),
                number,
            ),
        )

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        for limit in self.limits:
            names = [aggregate.name for aggregate in self.aggregates]
            value = summary.values[names.index(limit.column)]
            size = len(value) if isinstance(value, tuple) else value
            assert isinstance(size, int)
            if limit.least is not None and size < limit.least:
                return False
            if limit.most is not None and size > limit.most:
                return False
        return True

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        return dict(zip(self.key_columns, key, strict=True))

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        names = [aggregate.name for aggregate in self.aggregates]
        values = [list(v) if isinstance(v, tuple) else v for v in summary.values]
        return self.group(key) | dict(zip(names, values, strict=True))

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        return f"small {key} {since}..{until}"


@dataclass(frozen=True)
class Step:
    """A record that arrives, perhaps after a call of `advance`."""

    record: ActivityRecord
    now: int
    advance_first: bool
    is_copy: bool


@dataclass(frozen=True)
class Stream:
    """A rule and what arrives; `at_after` is an instant to query at, counted from the last clock."""

    rule: SmallRule
    steps: tuple[Step, ...]
    at_after: int


_CALLERS = (("ann",), ("ann", "Ann"), ("ann", "kim", "\u212aim"), ("Kim", "kim", "", "\u212aim"))
"""Callers of a stream; the Kelvin sign is a k to Unicode and not to Azure."""
_MEMBERS = (
    (("t1", "t2", "t3", "t4", "t5", "t6"), ("", "k1", "k2", "k3")),
    (("t1", "t2", "t3"), ("k1",)),
    (("t1",), ("",)),
)
"""Values of the set columns in a stream: more than the capacity, fewer, and always the same."""
_DELTAS = (0, 0, 0, 1, 5, 14, 15, 30, 60, 99, 100, 101, 119, 120, 200, 339, 340)
_SHORT_DELTAS = (0, 0, 0, 1, 1, 2, 3, 5, 8, 15, 30)
_DELAYS = (0, 0, 0, 0, 1, 10, 45, 99, 100, 101, 150, 199, 200, 239, 240, 300, 400, -1, -60, -120)
_FRESH, _COPY, _VARIANT = range(3)
_ORIGINS = (*(_FRESH,) * 6, *(_COPY,) * 2, *(_VARIANT,) * 2)
_ARRIVAL_BYTES = 12

_least = st.one_of(
    st.just(()),
    st.integers(1, 5).map(lambda least: (Limit("N", least),)),
    st.integers(1, 4).map(lambda least: (Limit("Things", least),)),
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 2)).map(
        lambda least: (Limit("N", least[0]), Limit("Things", least[1]), Limit("Kinds", least[2]))
    ),
    st.integers(1, 3).map(lambda least: (Limit("Odd", least),)),
    st.integers(1, 3).map(lambda least: (Limit("Distinct", least),)),
)
"""Thresholds that more records can only help."""
ANY_LIMITS = st.one_of(
    _least,
    st.tuples(st.integers(1, 3), st.integers(0, 2)).map(
        lambda both: (Limit("N", both[0]), Limit("Odd", most=both[1]))
    ),
    st.integers(-3, 12).map(lambda least: (Limit("Sum", least),)),
    st.integers(0, 2).map(lambda most: (Limit("N", 2), Limit("Distinct", most=most))),
    st.integers(1, 3).map(lambda most: (Limit("N", most=most), Limit("Things", 2))),
)
"""Those, and thresholds that more records can hinder."""


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    in_order: bool = False,
    caller: str | None = None,
    copies: bool = True,
    limits: st.SearchStrategy[tuple[Limit, ...]] = _least,
) -> Stream:
    """Streams in any order with copies: clocks never go back, record times do as they like."""
    callers = (caller,) if caller is not None else draw(st.sampled_from(_CALLERS))
    things, kinds = draw(st.sampled_from(_MEMBERS))
    pool = _Pool(callers, things, kinds, draw(st.sampled_from((_DELTAS, _SHORT_DELTAS))))
    count = draw(st.integers(1, 24))
    choices = draw(st.binary(min_size=count * _ARRIVAL_BYTES, max_size=count * _ARRIVAL_BYTES))
    now, steps = 1000, list[Step]()
    for number in range(count):
        step = _step(choices[number * _ARRIVAL_BYTES :][:_ARRIVAL_BYTES], pool, now, steps, in_order, copies)
        now = step.now
        steps.append(step)
    rule = SmallRule(draw(limits), draw(st.booleans()))
    return Stream(rule, tuple(steps), draw(st.sampled_from((-LATENESS, -100, -1, 0, 1, 50, 99, 100, 101))))


@dataclass(frozen=True)
class _Pool:
    """What the records of a stream choose from."""

    callers: tuple[str, ...]
    things: tuple[str, ...]
    kinds: tuple[str, ...]
    deltas: tuple[int, ...]


def _step(choices: bytes, pool: _Pool, now: int, before: list[Step], in_order: bool, copies: bool) -> Step:
    """One arrival: a byte for each choice (a draw for each would be slow)."""
    choice = iter(choices)

    def pick(values: tuple[Choice, ...]) -> Choice:
        return values[next(choice) % len(values)]

    now += pick(pool.deltas)
    delay = pick(_DELAYS)
    record = ActivityRecord(
        time=now if in_order else now - delay,
        operation="Do/It",
        status=pick(("Success",) * 7 + ("Failure",)),
        status_detail=pick(("", "x")),
        caller=pick(pool.callers),
        caller_ip=pick(("", "1", "2")),
        subscription_id="s",
        resource_group="rg",
        resource_id=pick(pool.things),
        properties="{}",
        correlation_id=pick(("c1", "c2", "c3")),
        level=pick(pool.kinds),
        category="Administrative",
        origin=Origin(str(len(before) % 3), 500 + len(before)),
    )
    origin = pick(_ORIGINS) if before and copies else _FRESH
    if in_order and origin == _VARIANT:
        origin = _FRESH
    advance_first = pick((False, True))
    if origin != _FRESH:
        other = before[choices[0] % len(before)].record
        changed = pick(("status_detail", "correlation_id", "resource_id")) if origin == _VARIANT else None
        variant = {changed: getattr(record, changed)} if changed else {}
        record = altered(other, origin=record.origin, operation="DO/it", **variant)
    return Step(record, now, advance_first, origin == _COPY)


def is_counterexample_found(
    check: Callable[[Choice], None], cases: st.SearchStrategy[Choice], examples: int = 1000
) -> bool:
    """Whether hypothesis finds a case on which `check` fails; the same cases every time."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def attempt(case: Choice) -> None:
        check(case)

    try:
        attempt()
    except AssertionError:
        return True
    return False


@dataclass
class Run:
    """A detector's answers to a stream, step by step."""

    detector: Detector
    outcomes: list[str] = field(default_factory=list)
    opened: list[Alert | None] = field(default_factory=list)
    """The `opened` alert of each step, if any."""
    alerts: list[Alert] = field(default_factory=list)
    per_step: list[list[Alert]] = field(default_factory=list)


def run(
    stream: Stream,
    options: WindowOptions = OPTIONS,
    *,
    advance: bool = True,
    after_each: Callable[[Detector, int], None] = lambda detector, count: None,
) -> Run:
    """Feed a stream to a new detector, calling `advance` where the stream says so.

    `after_each` is called with the number of steps taken.
    """
    result = Run(Detector([stream.rule], options))
    for step in stream.steps:
        if advance and step.advance_first:
            result.alerts += result.detector.advance(step.now)
        applied = result.detector.apply(step.record, step.now)
        (verdict,) = applied.verdicts
        result.outcomes.append(verdict.outcome.value)
        opened = [alert for alert in applied.alerts if alert.event is AlertEvent.OPENED]
        assert len(opened) <= 1
        result.opened.append(opened[0] if opened else None)
        result.alerts += applied.alerts
        result.per_step.append(list(applied.alerts))
        after_each(result.detector, len(result.outcomes))
    return result


# The plain query


def folded(text: str) -> str:
    """ASCII lower case, letter by letter."""
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


def group_of(rule: SmallRule, record: ActivityRecord) -> tuple[str, str]:
    if rule.ignore_case:
        return folded(record.caller), folded(record.resource_group)
    return record.caller, record.resource_group


def content(record: ActivityRecord) -> tuple[object, ...]:
    texts = (record.correlation_id, record.operation, record.resource_id, record.status, record.status_detail)
    return (record.time, *map(folded, texts))


def distinct(stream: Stream, steps: int | None = None) -> list[ActivityRecord]:
    """All matching records of the first `steps`, without later copies inside a group."""
    seen, records = set(), []
    for step in stream.steps[:steps]:
        name = (group_of(stream.rule, step.record), content(step.record))
        if step.record.status == "Success" and name not in seen:
            seen.add(name)
            records.append(step.record)
    return records


def plain_values(records: list[ActivityRecord]) -> dict[str, Any]:
    """The row of these records where its values are determined; sets without their capacity."""
    numbers = [number for record in records if (number := number_of(record)) is not None]
    return {
        "N": len(records),
        "Things": {record.resource_id for record in records},
        "Kinds": {record.level for record in records},
        "First": min(record.time for record in records),
        "Last": max(record.time for record in records),
        "Odd": sum(record.correlation_id.lower() == "c1" for record in records),
        "Distinct": min(len({record.caller_ip for record in records} - {""}), CAPACITY["Distinct"]),
        "Sum": sum(numbers),
        "Greatest": max(numbers, default=None),
        "Least": min(numbers, default=None),
    }


def meets(rule: SmallRule, records: list[ActivityRecord]) -> bool:
    """Whether the row of these records is within the rule's limits."""
    if not records:
        return False
    values = plain_values(records)
    for limit in rule.limits:
        value = values[limit.column]
        size = min(len(value), CAPACITY[limit.column]) if isinstance(value, set) else value
        if size < (size if limit.least is None else limit.least):
            return False
        if size > (size if limit.most is None else limit.most):
            return False
    return True


def query(
    rule: SmallRule, records: list[ActivityRecord], at: int
) -> dict[tuple[str, str], list[ActivityRecord]]:
    """The groups the query returns at `at`, each with its records."""
    groups: dict[tuple[str, str], list[ActivityRecord]] = {}
    for record in records:
        if record.time > at - WINDOW:
            groups.setdefault(group_of(rule, record), []).append(record)
    return {name: members for name, members in groups.items() if meets(rule, members)}


def assert_row_is_legal(row: dict[str, object], records: list[ActivityRecord]) -> None:
    """The row is one that summarize may give for these records."""
    values = plain_values(records)
    for column in ("N", "First", "Last", "Odd", "Distinct", "Sum"):
        assert row[column] == values[column], column
    for column in ("Things", "Kinds"):
        shown = row[column]
        assert isinstance(shown, list)
        assert len(shown) == len(set(shown)) == min(len(values[column]), CAPACITY[column])
        assert set(shown) <= values[column]
    addresses = {record.caller_ip for record in records} - {""}
    assert row["Any"] in (addresses or {""})
    for column in ("Greatest", "Least"):
        best = [record for record in records if number_of(record) == values[column] is not None]
        newest = max((record.time for record in best), default=None)
        kinds = {record.level for record in best if record.time == newest}
        pair = row[column]
        assert pair is None if newest is None else isinstance(pair, list), column
        if isinstance(pair, list):
            assert pair[0] == values[column]
            assert pair[1][0] == newest
            assert pair[1][1] in kinds
    _assert_list_is_legal(row["Listed"], records)


def _assert_list_is_legal(shown: object, records: list[ActivityRecord]) -> None:
    """The newest numbers; of records of the same time any."""
    assert isinstance(shown, list)
    numbered = sorted(
        ((record.time, number) for record in records if (number := number_of(record)) is not None),
        key=lambda entry: entry[0],
    )
    assert len(shown) == min(len(numbered), CAPACITY["Listed"])
    if shown:
        oldest = numbered[-len(shown)][0]
        surely = [number for time, number in numbered if time > oldest]
        assert sorted(surely) == sorted(shown[len(shown) - len(surely) :])
        rest = [number for time, number in numbered if time == oldest]
        for number in shown[: len(shown) - len(surely)]:
            rest.remove(number)


# The plain openings


@dataclass
class Known:
    """A record as the plain model remembers it."""

    record: ActivityRecord
    touched: int
    opened: bool = False
    is_past: bool = False
    """So old beside its chain that it no longer counts."""


def chains(known: list[Known]) -> Iterator[list[Known]]:
    """Records in order of time, cut where a window or more lies between two."""
    chain: list[Known] = []
    for each in sorted(known, key=lambda each: each.record.time):
        if chain and each.record.time - chain[-1].record.time >= WINDOW:
            yield chain
            chain = []
        chain.append(each)
    if chain:
        yield chain


class PlainOpenings:
    """Which records open an alert, worked out from the list of all records that still matter."""

    def __init__(self, rule: SmallRule, lateness: int = LATENESS) -> None:
        self.rule = rule
        self.lateness = lateness
        self.groups: dict[tuple[str, str], list[Known]] = {}

    def forget(self, now: int) -> None:
        for name, known in self.groups.items():
            self.groups[name] = [
                each
                for chain in chains(known)
                if max(chain[-1].record.time + WINDOW, *(each.touched for each in chain)) + self.lateness
                > now
                for each in chain
            ]

    def apply(self, record: ActivityRecord, now: int) -> tuple[str, int | None]:
        """The outcome, and the instant at which the record opens an alert."""
        self.forget(now)
        if record.status != "Success":
            return "filtered", None
        known = self.groups.setdefault(group_of(self.rule, record), [])
        if any(content(each.record) == content(record) and not each.is_past for each in known):
            return "duplicate", None
        arrived = Known(record, now)
        known.append(arrived)
        chain = next(chain for chain in chains(known) if any(each is arrived for each in chain))
        for each in chain:
            each.is_past |= each.record.time <= min(chain[-1].record.time, now) - WINDOW - self.lateness
        if any(each.opened for each in chain):
            return "matched", None
        instant = self.first_met(chain, known, record.time, now)
        arrived.opened = instant is not None
        return "matched", instant

    def first_met(self, chain: list[Known], known: list[Known], time: int, now: int) -> int | None:
        counted = [each.record for each in chain if not each.is_past]
        for instant in sorted({record.time for record in counted if time <= record.time < time + WINDOW}):
            row = [record for record in counted if instant - WINDOW < record.time <= instant]
            if meets(self.rule, row):
                return instant
        current = [each.record for each in known if not each.is_past and each.record.time > now - WINDOW]
        if time > now - WINDOW and meets(self.rule, current):
            return now
        return None
