"""A rule that correlates counts operations by all that is known of them, whatever order rows arrive in.

As long as nothing opens, the row of a group is what the query gives over rows that know everything
about their operations. Once alerts open, no operation is paged twice. Each property is also run
against windows that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered
from window_plain import UNFORGETTING, WINDOW, is_counterexample_found

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord, Origin
from stream_detector.detect import columns, operations
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.correlation import Correlator
from stream_detector.detect.detector import Detector
from stream_detector.detect.operations import OperationWindow
from stream_detector.detect.window import RuleWindow
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

_FINAL = ("Success", "Failure")


@dataclass(frozen=True)
class OperationRule:
    """Matches rows of operations that have a caller and have not succeeded; groups by that caller."""

    returns: list[bool] = field(default_factory=lambda: [True])
    """Whether a row is returned; changed from outside, so that rows can be asked for and nothing opens."""
    needs_caller: bool = True

    info: ClassVar[RuleInfo] = RuleInfo("ops", "Ops", "1", "Low", (), (), "https://runbooks.example/ops")
    handling: ClassVar[Handling] = Handling(correlate=True)
    operations: ClassVar[WantedOperations] = WantedOperations(frozenset({"do/it"}))
    clauses: ClassVar[tuple[str, ...]] = ("OperationCaller", "OperationOutcome")
    window: ClassVar[int] = WINDOW
    key_columns: ClassVar[tuple[str, ...]] = ("Caller",)
    aggregates: ClassVar[tuple[Aggregate, ...]] = (
        Aggregate("N", AggregateKind.COUNT),
        Aggregate("Ended", AggregateKind.COUNT_IF),
        Aggregate("IPs", AggregateKind.SET, 10),
        Aggregate("First", AggregateKind.FIRST),
        Aggregate("Last", AggregateKind.LAST),
    )
    opens_always: ClassVar[bool] = False
    is_monotone: ClassVar[bool] = True
    threshold_reads: ClassVar[tuple[int, ...]] = ()
    records_needed: ClassVar[int] = 1

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        assert isinstance(record, CorrelatedRecord)
        if self.needs_caller and not record.operation_caller:
            return Rejection("OperationCaller")
        if record.operation_outcome == "Success":
            return Rejection("OperationOutcome")
        inputs = (record.status == "Failure", record.operation_caller_ip or None)
        return Match((record.operation_caller,), inputs)

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        return self.returns[0]

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        return {"Caller": key[0]}

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        return {"Caller": key[0]} | dict(zip((a.name for a in self.aggregates), summary.values, strict=True))

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        return ""


def _row(operation: int, status: str, time: int, who: int) -> ActivityRecord:
    """The caller and the address stand on some rows only, and are the same for one operation."""
    return ActivityRecord(
        time=time,
        operation="Do/It",
        status=status,
        status_detail="",
        caller=f"caller {operation % 2}" if who & 1 else "",
        caller_ip=f"address {operation}" if who & 2 else "",
        subscription_id="s",
        resource_group="rg",
        resource_id="r",
        properties="{}",
        correlation_id=f"c{operation}",
        level="",
        category="",
        origin=Origin("0", 0),
    )


ROWS = st.lists(
    st.builds(
        _row,
        operation=st.integers(1, 4),
        status=st.sampled_from(("Start", "Accept", "Failure", "Success")),
        time=st.integers(1000, 1250),
        who=st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: (row.time, row.correlation_id, row.status),
)


def _knowing(rows: list[ActivityRecord]) -> list[CorrelatedRecord]:
    """Each row with what all of its operation say, worked out the plain way."""
    known = []
    for row in rows:
        own = sorted(
            (r for r in rows if r.correlation_id == row.correlation_id), key=lambda r: (r.time, r.status)
        )
        ended = max(((r.time, r.status) for r in own if r.status in _FINAL), default=(0, ""))
        columns_ = {name: getattr(row, name) for name in row.__struct_fields__}
        known.append(
            CorrelatedRecord(
                **columns_,
                operation_caller=next((r.caller for r in own if r.caller), ""),
                operation_caller_ip=next((r.caller_ip for r in own if r.caller_ip), ""),
                operation_outcome=ended[1],
            )
        )
    return known


def check_rows(rows: list[ActivityRecord]) -> None:
    """Nothing has opened: the rows are those over all rows that know everything."""
    for needs_caller in (True, False):
        _check_rows_of(OperationRule([False], needs_caller), rows)


def _check_rows_of(rule: OperationRule, rows: list[ActivityRecord]) -> None:
    detector = Detector([rule], UNFORGETTING)
    for record in rows:
        assert detector.apply(record, 1250).alerts == ()
    rule.returns[0] = True
    for at in (1100, 1150, 1250):
        expected: dict[str, list[CorrelatedRecord]] = {}
        for row in _knowing(rows):
            if row.time > at - WINDOW and isinstance(rule.evaluate(row), Match):
                expected.setdefault(row.operation_caller, []).append(row)
        got = {row["Caller"]: row for row in detector.rows(at)}
        assert set(got) == set(expected)
        for caller, members in expected.items():
            shown = got[caller]
            assert shown["N"] == len({row.correlation_id for row in members})
            failed = {row.correlation_id for row in members if row.status == "Failure"}
            assert shown["Ended"] == len(failed)
            assert set(shown["IPs"]) == {r.operation_caller_ip for r in members} - {""}  # type: ignore[call-overload]
            assert shown["First"] == min(row.time for row in members)
            assert shown["Last"] == max(row.time for row in members)


def check_pages(rows: list[ActivityRecord]) -> None:
    """Within a window an alert opens with the first row that suffices, and no row of its operation opens
    another one."""
    rows = [altered(row, time=1000 + row.time % WINDOW) for row in rows]
    detector, alerts = Detector([OperationRule(needs_caller=False)], UNFORGETTING), list[Alert]()
    paged: dict[str, str] = {}
    for record in rows:
        applied = detector.apply(record, 1250)
        opened = [alert for alert in applied.alerts if alert.event is AlertEvent.OPENED]
        alerts += applied.alerts
        for alert in opened:
            correlation = alert.evidence[0].correlation_id
            assert paged.setdefault(correlation, alert.alert_id) == alert.alert_id
    revisions: dict[str, int] = {}
    for alert in alerts:
        assert alert.revision == revisions.get(alert.alert_id, 0) + 1
        revisions[alert.alert_id] = alert.revision


@settings(max_examples=500, deadline=None)
@given(ROWS)
def test_rows_are_those_of_operations_that_are_known_whole(rows: list[ActivityRecord]) -> None:
    check_rows(rows)


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_no_operation_is_paged_twice_while_nothing_is_forgotten(rows: list[ActivityRecord]) -> None:
    check_pages(rows)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_copies_of_rows_change_nothing(rows: list[ActivityRecord], chance: object) -> None:
    shuffled = rows + [altered(row, origin=Origin("1", 7)) for row in rows]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    check_rows(shuffled)


Patch = Callable[[pytest.MonkeyPatch], None]


def _rows_are_judged_once(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.take
    patch.setattr(Correlator, "take", lambda self, record, now: right(self, record, now)[:1])


def _nothing_is_taken_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RuleWindow, "retract", lambda *_: [])


def _nothing_is_amended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RuleWindow, "_amend", lambda *_: [])


def _rows_are_counted(patch: pytest.MonkeyPatch) -> None:
    right = columns.Columns.inputs
    count = iter(range(10**9))
    patch.setattr(
        columns.Columns,
        "inputs",
        lambda self, match, operation: right(self, match, str(next(count)).encode()),
    )


def _an_operation_has_the_group_of_each_row(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operations, "operation_digest", lambda record: None)


def _callers_that_become_known_open_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OperationWindow, "_has_opened", lambda *_: False)


WRONG: dict[str, tuple[Patch, Callable[[list[ActivityRecord]], None]]] = {
    "rows are judged once": (_rows_are_judged_once, check_rows),
    "nothing is taken out": (_nothing_is_taken_out, check_rows),
    "nothing is amended": (_nothing_is_amended, check_rows),
    "rows are counted": (_rows_are_counted, check_rows),
    "an operation has the group of each row": (_an_operation_has_the_group_of_each_row, check_rows),
    "callers that become known open again": (_callers_that_become_known_open_again, check_pages),
}


@pytest.mark.parametrize(("wrong", "check"), WRONG.values(), ids=WRONG.keys())
def test_wrong_counts_of_operations_are_noticed(
    wrong: Patch, check: Callable[[list[ActivityRecord]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check, ROWS)
