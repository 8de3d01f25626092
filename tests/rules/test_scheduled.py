"""The scheduled query on a handful of records; the oracle compares it over thousands."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from test_rule15 import MACHINE, RULE, WRITE, record

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.model import Minimum
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import HOUR

AT = 10 * HOUR


def rows(*records: ActivityRecord, **changes: Any) -> list[dict[str, Any]]:
    return scheduled_rows(replace(RULE, **changes), records, AT)


def test_the_window_is_open_at_its_old_end_and_has_no_new_end() -> None:
    edge = AT - 2 * HOUR
    found = rows(*(record(time=time) for time in (edge - 1, edge, edge + 1, AT, AT + 100 * HOUR)))
    assert [row["ExecutionCount"] for row in found] == [3]


def test_without_matching_records_there_are_no_rows() -> None:
    assert rows() == []
    assert rows(record(time=AT, status="Failure")) == []


def test_groups_differ_by_case_and_come_in_order_of_appearance() -> None:
    found = rows(*(record(time=AT, resource_group=group) for group in ("RG", "rg", "RG", "")))
    assert [(row["ResourceGroup"], row["ExecutionCount"]) for row in found] == [("RG", 2), ("rg", 1), ("", 1)]


def test_duplicates_count() -> None:
    assert rows(record(time=AT), record(time=AT))[0]["ExecutionCount"] == 2


def test_sets_hold_distinct_values_up_to_their_capacity() -> None:
    machines = [f"vm{number % 12}" for number in range(40)]
    base = MACHINE.removesuffix("vm1")
    (row,) = rows(*(record(time=AT, resource_id=base + machine) for machine in machines))
    assert row["AffectedVMs"] == machines[:10]
    assert row["ExecutionCount"] == 40


def test_first_and_last_do_not_depend_on_the_order_of_arrival() -> None:
    (row,) = rows(*(record(time=AT + offset) for offset in (5, 0, 9, 3)))
    assert (row["FirstSeen"][-9:], row["LastSeen"][-9:]) == (".0000000Z", ".0000009Z")


def test_thresholds_hide_rows_that_do_not_reach_all_of_them() -> None:
    minimums = (Minimum("ExecutionCount", 2), Minimum("SourceIPs", 2))
    two = [record(time=AT, caller_ip=f"203.0.113.{number}") for number in (1, 2)]
    assert len(rows(*two, thresholds=minimums)) == 1
    assert rows(two[0], two[0], thresholds=minimums) == []
    assert rows(*two, thresholds=(*minimums, Minimum("ExecutionCount", 3))) == []


def test_memory_follows_the_groups_and_not_the_records() -> None:
    def many(count: int) -> Iterator[ActivityRecord]:
        for number in range(count):
            yield record(
                time=AT, operation=WRITE, resource_id=f"{MACHINE}/{number}", caller_ip=f"10.0.{number}"
            )

    peaks = []
    for count in (1_000, 20_000):
        tracemalloc.start()
        (row,) = scheduled_rows(RULE, many(count), AT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert row["ExecutionCount"] == count
    assert peaks[1] < 2 * peaks[0] + 20_000
