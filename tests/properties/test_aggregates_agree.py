"""Every aggregate over a sliding window is what the scheduled query computes from the same records.

Two implementations that share no code: states that are asked with a floor (`detect.columns`), and a tally
over the records in the window (`rules.scheduled`). Values are as odd as their types allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, nan
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_plain import WINDOW, is_counterexample_found

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.detect import ranked, tallies
from stream_detector.detect.detector import Detector
from stream_detector.detect.latest import Latest
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
from stream_detector.rules.scheduled import scheduled_rows

_LONGS = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from((2**63 - 1, -(2**63), 2**62)))
_REALS = st.one_of(
    st.none(),
    st.sampled_from((0.0, 0.1, 0.2, 0.3, 1e16, -1e16, 1e308, -1e308, 5e-324, inf, -inf, nan)),
    st.floats(),
)
_TEXTS = st.sampled_from(("", "a", "b", "A", "\u212a", "k", "é"))
KINDS: dict[str, tuple[Aggregate, st.SearchStrategy[Any]]] = {
    "sum of longs": (Aggregate("X", AggregateKind.SUM, empty=0), _LONGS),
    "sum of reals": (Aggregate("X", AggregateKind.SUM, empty=0.0), _REALS),
    "countif": (Aggregate("X", AggregateKind.COUNT_IF), st.sampled_from((True, False, None))),
    "dcount": (Aggregate("X", AggregateKind.DISTINCT, 10_000), st.one_of(st.none(), _TEXTS)),
    "a set of texts": (Aggregate("X", AggregateKind.SET, 100), st.one_of(st.none(), _TEXTS)),
    "a list of longs": (Aggregate("X", AggregateKind.LIST, 100), _LONGS),
    "max of longs": (Aggregate("X", AggregateKind.GREATEST), _LONGS.map(lambda value: (value, (value,)))),
    "min of texts": (Aggregate("X", AggregateKind.LEAST), _TEXTS.map(lambda value: (value, (value,)))),
    "count": (Aggregate("X", AggregateKind.COUNT), st.none()),
    "first": (Aggregate("X", AggregateKind.FIRST), st.none()),
    "last": (Aggregate("X", AggregateKind.LAST), st.none()),
}


@dataclass(frozen=True)
class OneAggregate:
    """Every record matches and hands in what stands for it in `inputs`, by its sequence number."""

    aggregate: Aggregate
    inputs: tuple[object, ...]

    info: ClassVar[RuleInfo] = RuleInfo("one", "One", "1", "Low", (), (), "https://runbooks.example/one")
    handling: ClassVar[Handling] = Handling()
    operations: ClassVar[WantedOperations] = WantedOperations(frozenset({"do/it"}))
    clauses: ClassVar[tuple[str, ...]] = ()
    window: ClassVar[int] = WINDOW
    key_columns: ClassVar[tuple[str, ...]] = ("K",)
    opens_always: ClassVar[bool] = True
    is_monotone: ClassVar[bool] = True
    threshold_reads: ClassVar[tuple[int, ...]] = ()
    records_needed: ClassVar[int] = 1

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        return (self.aggregate,)

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        given_ = (self.inputs[record.origin.sequence_number],) if self.aggregate.kind.takes_input else ()
        return Match(("k",), given_)

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        return True

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        return {"K": key[0]}

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        return {"X": summary.values[0]}

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        return ""


def _record(number: int, time: int) -> ActivityRecord:
    texts = dict.fromkeys(ActivityRecord.__struct_fields__, "")
    return ActivityRecord(
        **{
            **texts,
            "time": time,
            "operation": "do/it",
            "correlation_id": str(number),
            "origin": Origin("0", number),
        }  # type: ignore[arg-type]
    )


def _comparable(value: object, kind: AggregateKind) -> object:
    """Sets without order; NaN equal to itself."""
    if kind is AggregateKind.SET and isinstance(value, tuple):
        return frozenset(value)
    if kind in (AggregateKind.GREATEST, AggregateKind.LEAST) and isinstance(value, tuple):
        return value[0]
    return "NaN" if isinstance(value, float) and isnan(value) else value


def check(aggregate: Aggregate, inputs: list[object], times: list[int], at: int) -> None:
    """The row of the state at `at` is the scheduled query's."""
    rule = OneAggregate(aggregate, tuple(inputs))
    records = [_record(number, times[number % len(times)] + number % 3) for number in range(len(inputs))]
    detector = Detector([rule], WindowOptions(lateness=10**9))
    for record in records:
        detector.apply(record, 2000)
    shown = [_comparable(row["X"], aggregate.kind) for row in detector.rows(at)]
    expected = [_comparable(row["X"], aggregate.kind) for row in scheduled_rows(rule, records, at)]
    assert shown == expected


def cases(name: str) -> st.SearchStrategy[tuple[list[object], list[int], int]]:
    return st.tuples(
        st.lists(KINDS[name][1], min_size=1, max_size=15),
        st.lists(st.integers(1000, 1400), min_size=1, max_size=15),
        st.integers(990, 1520),
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_state_gives_what_the_scheduled_query_computes(name: str) -> None:
    @settings(max_examples=200, deadline=None)
    @given(cases(name))
    def holds(case: tuple[list[object], list[int], int]) -> None:
        check(KINDS[name][0], *case)

    holds()


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "wrong"),
    [
        ("sum of reals", tallies.Summed, "_count", lambda self, n, sign: setattr(self, "total", self.total)),
        ("sum of longs", tallies, "_LONGS", range(-(2**80), 2**80)),
        ("sum of reals", tallies, "isfinite", lambda number: True),
        ("dcount", Latest, "count_after", lambda self, floor: len(self.seen)),
        ("max of longs", ranked, "_is_comparable", lambda value: True),
    ],
    ids=["reals are lost", "no 64 bits", "infinity is a number", "nothing leaves", "null is compared"],
)
def test_a_wrong_state_is_noticed(
    name: str, owner: Any, attribute: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, attribute, wrong)

    def attempt(case: tuple[list[object], list[int], int]) -> None:
        try:
            check(KINDS[name][0], *case)
        except (TypeError, OverflowError, ValueError) as error:
            raise AssertionError from error

    assert is_counterexample_found(attempt, cases(name))
