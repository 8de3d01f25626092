"""The scheduled query on a handful of records; the oracle compares it over thousands."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from kql_samples import compiled, rule_of, sample
from rule15_text import RULE_15

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.model import Aggregate, AggregateKind, Match, Summary
from stream_detector.rules.scheduled import scheduled_rows, scheduled_summaries
from stream_detector.ticks import HOUR

AT = 10 * HOUR
RULE = compiled(RULE_15, every_record=False)
MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"


def record(**columns: Any) -> ActivityRecord:
    """A record that RULE 15 matches, but for `columns`."""
    matching = {
        "time": AT,
        "operation": "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE",
        "resource_id": MACHINE,
        "properties": '{"type":"CustomScriptExtension"}',
    }
    return sample(**{**matching, **columns})


def rows(*records: ActivityRecord, **thresholds: int) -> list[dict[str, Any]]:
    rule = compiled(RULE_15, thresholds, every_record=False) if thresholds else RULE
    return scheduled_rows(rule, records, AT)


def test_the_window_is_open_at_its_old_end_and_has_no_new_end() -> None:
    edge = AT - 2 * HOUR
    found = rows(*(record(time=time) for time in (edge - 1, edge, edge + 1, AT, AT + 100 * HOUR)))
    assert [row["ExecutionCount"] for row in found] == [3]


def test_without_matching_records_there_are_no_rows() -> None:
    assert rows() == []
    assert rows(record(status="Failure")) == []


def test_groups_differ_by_case_and_come_in_order_of_appearance() -> None:
    found = rows(*(record(resource_group=group) for group in ("RG", "rg", "RG", "")))
    assert [(row["ResourceGroup"], row["ExecutionCount"]) for row in found] == [("RG", 2), ("rg", 1), ("", 1)]


def test_duplicates_count() -> None:
    assert rows(record(), record())[0]["ExecutionCount"] == 2


def test_sets_hold_distinct_values_up_to_their_capacity() -> None:
    machines = [f"vm{number % 12}" for number in range(40)]
    base = MACHINE.removesuffix("vm1")
    (row,) = rows(*(record(resource_id=base + machine) for machine in machines))
    assert row["AffectedVMs"] == machines[:10]
    assert row["ExecutionCount"] == 40


def test_first_and_last_do_not_depend_on_the_order_of_arrival() -> None:
    (row,) = rows(*(record(time=AT + offset) for offset in (5, 0, 9, 3)))
    assert (row["FirstSeen"][-9:], row["LastSeen"][-9:]) == (".0000000Z", ".0000009Z")


def test_thresholds_hide_rows_that_do_not_reach_all_of_them() -> None:
    two = [record(caller_ip=f"203.0.113.{number}") for number in (1, 2)]
    assert len(rows(*two, ExecutionCount=2, SourceIPs=2)) == 1
    assert rows(two[0], two[0], ExecutionCount=2, SourceIPs=2) == []
    assert rows(*two, ExecutionCount=3, SourceIPs=2) == []


def test_conditions_after_summarize_hide_rows() -> None:
    rule = rule_of("", after="| where N > 1")
    found = scheduled_rows(rule, [sample(caller=caller) for caller in "abbccc"], 0)
    assert [(row["Caller"], row["N"]) for row in found] == [("b", 2), ("c", 3)]


class HandMade:
    """As much of a rule as the scheduled query asks for: one aggregate, inputs by the time of the record."""

    window = HOUR

    def __init__(self, aggregate: Aggregate, inputs: dict[int, object]) -> None:
        self.aggregates = (aggregate,)
        self._inputs = inputs

    def evaluate(self, given: ActivityRecord) -> Match:
        return Match(("one",), (self._inputs[given.time],) if self.aggregates[0].kind.takes_input else ())


KINDS: list[tuple[AggregateKind, dict[int, object], object]] = [
    (AggregateKind.COUNT, {5: None, 3: None}, 2),
    (AggregateKind.FIRST, {5: None, 3: None, 4: None}, 3),
    (AggregateKind.LAST, {5: None, 3: None, 4: None}, 5),
    (AggregateKind.COUNT_IF, {1: True, 2: False, 3: None, 4: True}, 2),
    (AggregateKind.SUM, {1: 5, 2: None, 3: -7}, -2),
    (AggregateKind.SUM, {1: None}, 0),
    (AggregateKind.SUM, {1: 2**63 - 1, 2: 1}, None),
    (AggregateKind.SUM, {1: 2**63 - 1, 2: 1, 3: -1}, 2**63 - 1),
    (AggregateKind.DISTINCT, {1: "a", 2: "a", 3: "", 4: None}, 2),
    (AggregateKind.DISTINCT, {1: "a", 2: "b", 3: "c", 4: "d"}, 3),
    (AggregateKind.SET, {1: "b", 2: None, 3: "a", 4: "b", 5: ""}, ("b", "a", "")),
    (AggregateKind.SET, {1: "a", 2: "b", 3: "c", 4: "d"}, ("a", "b", "c")),
    (AggregateKind.LIST, {4: "d", 1: "a", 3: "a", 2: None}, ("a", "a", "d")),
    (AggregateKind.LIST, {4: "d", 1: "a", 3: "c", 2: "b"}, ("b", "c", "d")),
    (AggregateKind.LIST, {1: None}, ()),
    (AggregateKind.ANY, {1: "", 2: None, 3: "b", 4: "c"}, "b"),
    (AggregateKind.ANY, {1: None, 2: False}, False),
    (AggregateKind.ANY, {1: None}, 0),
    (AggregateKind.GREATEST, {1: (5, ("a",)), 2: (7, ("b",)), 3: None, 4: (6, ("c",))}, (7, ("b",))),
    (AggregateKind.GREATEST, {3: (7, ("a",)), 1: (7, ("b",)), 4: (7, ("c",)), 2: (7, ())}, (7, ("c",))),
    (AggregateKind.GREATEST, {1: None, 2: (None, ("a",))}, (None, ("a",))),
    (AggregateKind.LEAST, {1: ("b", (1,)), 2: ("a", (2,)), 3: ("B", (3,)), 4: ("c", ())}, ("B", (3,))),
]


@pytest.mark.parametrize(("kind", "inputs", "value"), KINDS)
def test_each_kind_of_aggregate(kind: AggregateKind, inputs: dict[int, object], value: object) -> None:
    rule: Any = HandMade(Aggregate("x", kind, 3, 0), inputs)
    ((key, summary),) = scheduled_summaries(rule, [sample(time=time) for time in inputs], 0)
    assert key == ("one",)
    assert summary == Summary(len(inputs), min(inputs), max(inputs), (value,))
    assert repr(summary.values) == repr((value,))


def test_memory_follows_the_groups_and_not_the_records() -> None:
    def many(count: int) -> Iterator[ActivityRecord]:
        for number in range(count):
            yield record(resource_id=f"{MACHINE}/{number}", caller_ip=f"10.0.{number}")

    peaks = []
    for count in (1_000, 20_000):
        tracemalloc.start()
        (row,) = scheduled_rows(RULE, many(count), AT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert row["ExecutionCount"] == count
    assert peaks[1] < 2 * peaks[0] + 20_000
