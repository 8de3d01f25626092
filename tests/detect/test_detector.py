"""The detector with RULE 15: what a SOC is told, and when, along a line of time."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace as changed
from typing import Any

import pytest
from msgspec.structs import replace
from runs import NOON, RULE, RUN, detector, events, machine, record
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import Origin, TimeSource
from stream_detector.detect.alert import Alert
from stream_detector.detect.detector import Applied, Detector, Verdict
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.window import Outcome
from stream_detector.rules.model import Handling, Summary, Value
from stream_detector.rules.operations import WantedOperations
from stream_detector.ticks import DAY, HOUR, MINUTE, SECOND

WINDOW = 2 * HOUR


def _one(alerts: tuple[Alert, ...]) -> Alert:
    (alert,) = alerts
    return alert


def test_the_first_record_of_a_group_opens_an_alert_at_once() -> None:
    applied = detector().apply(record(NOON), NOON + 90 * SECOND)
    alert = _one(applied.alerts)
    assert applied.verdicts == (Verdict("rule15", Outcome.MATCHED),)
    assert json.loads(json.dumps(alert.to_dict())) == {
        "alert_id": alert.alert_id,
        "dedup_key": alert.dedup_key,
        "event": "opened",
        "revision": 1,
        "rule": {
            "id": "rule15",
            "name": RULE.info.name,
            "version": RULE.info.version,
            "severity": "High",
            "tactics": ["Execution", "Persistence"],
            "techniques": ["T1059", "T1059.009"],
        },
        "group": {"Caller": "ann@contoso.com", "ResourceGroup": "RG-App", "SubscriptionId": "s1"},
        "row": {
            "Caller": "ann@contoso.com",
            "ResourceGroup": "RG-App",
            "SubscriptionId": "s1",
            "ExecutionCount": 1,
            "AffectedVMs": ["vm1"],
            "ExtensionTypes": ["RunCommand"],
            "AffectedResources": [machine("vm1")],
            "SourceIPs": ["203.0.113.7"],
            "CallerIP": "203.0.113.7",
            "FirstSeen": "2026-03-12T12:00:00.0000000Z",
            "LastSeen": "2026-03-12T12:00:00.0000000Z",
            "AccountName": "ann",
            "AccountUPNSuffix": "contoso.com",
        },
        "opened_at": "2026-03-12T12:00:00.0000000Z",
        "detected_at": "2026-03-12T12:01:30.0000000Z",
        "late": False,
        "evidence": [
            {
                "time": "2026-03-12T12:00:00.0000000Z",
                "operation": RUN,
                "status": "Success",
                "correlationId": f"c-{NOON}-vm1",
                "resourceId": machine("vm1"),
                "partition": "2",
                "sequenceNumber": 4711,
            }
        ],
        "runbook_url": RULE.info.runbook_url,
        "pivot_query": alert.pivot_query,
    }
    assert uuid.UUID(alert.alert_id).version == 5
    assert bytes.fromhex(alert.dedup_key)
    assert "AzureActivity" in alert.pivot_query


def test_an_alert_s_repr_shows_nobody() -> None:
    alert = _one(detector().apply(record(NOON), NOON).alerts)
    assert not any(secret in repr(alert) for secret in ("ann", "203.0.113.7", "vm1", "RG-App", "c-"))


def test_a_record_of_another_operation_is_no_rule_s_business() -> None:
    assert detector().apply(record(NOON, operation="Microsoft.Compute/disks/write"), NOON) == Applied()


@pytest.mark.parametrize(
    ("operation", "is_needed"), [(RUN.lower(), True), (RUN.title(), True), (RUN + " ", False), ("", False)]
)
def test_operations_are_compared_ignoring_case_and_nothing_else(operation: str, is_needed: bool) -> None:
    assert bool(detector().apply(record(NOON, operation=operation), NOON).verdicts) == is_needed


def test_the_kelvin_sign_in_an_operation_is_not_a_k() -> None:
    windows = Detector([changed(RULE, operations=WantedOperations(frozenset({"k/write"})))])
    assert windows.apply(record(NOON, operation="K/Write"), NOON).verdicts
    assert not windows.apply(record(NOON, operation="\u212a/Write"), NOON).verdicts


def test_a_filtered_record_names_its_clause() -> None:
    applied = detector().apply(record(NOON, status="Failure"), NOON)
    assert applied == Applied((), (Verdict("rule15", Outcome.FILTERED, "ActivityStatusValue"),))


def test_every_rule_that_needs_the_operation_gives_a_verdict() -> None:
    other = changed(RULE, info=replace(RULE.info, id="other"))
    applied = Detector([RULE, other]).apply(record(NOON), NOON)
    assert [verdict.rule_id for verdict in applied.verdicts] == ["rule15", "other"]
    first, second = applied.alerts
    assert first.alert_id != second.alert_id
    assert first.dedup_key != second.dedup_key


def test_two_rules_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="rule15"):
        Detector([RULE, RULE])


def test_a_group_closes_when_its_window_is_empty_and_the_grace_is_over() -> None:
    windows = detector()
    opened = _one(windows.apply(record(NOON), NOON).alerts)
    assert windows.apply(record(NOON + HOUR), NOON + HOUR).alerts == ()
    end = NOON + HOUR + WINDOW
    assert windows.groups_open(end - 1) == {"rule15": 1}
    assert windows.groups_open(end) == {"rule15": 0}
    assert windows.advance(end + 10 * MINUTE - 1) == ()
    closed = _one(windows.advance(end + 10 * MINUTE))
    assert (closed.event.value, closed.revision, closed.alert_id) == ("closed", 2, opened.alert_id)
    assert closed.row["ExecutionCount"] == 2
    assert windows.advance(end + 20 * MINUTE) == ()


def test_exactly_a_window_later_is_another_episode_and_a_tick_less_is_not() -> None:
    windows = detector()
    assert events(windows.apply(record(NOON), NOON).alerts) == [("opened", 1)]
    assert events(windows.apply(record(NOON + WINDOW - 1), NOON + WINDOW).alerts) == []
    second = NOON + 2 * WINDOW - 1
    assert events(windows.apply(record(second), second).alerts) == [("opened", 1)]


def test_a_new_episode_has_another_id_and_the_same_dedup_key() -> None:
    windows = detector()
    first = _one(windows.apply(record(NOON), NOON).alerts)
    second = _one(windows.apply(record(NOON + WINDOW), NOON + WINDOW).alerts)
    assert first.alert_id != second.alert_id
    assert first.dedup_key == second.dedup_key


def test_the_closing_row_does_not_count_the_next_episode() -> None:
    windows = detector()
    windows.apply(record(NOON, "vm1"), NOON)
    windows.apply(record(NOON + WINDOW, "vm2"), NOON + WINDOW)
    closed = _one(windows.advance(NOON + WINDOW + 10 * MINUTE))
    assert closed.row["AffectedVMs"] == ["vm1"]
    assert closed.row["LastSeen"] == "2026-03-12T12:00:00.0000000Z"


def test_a_late_record_opens_and_says_so() -> None:
    windows = detector()
    applied = windows.apply(record(NOON), NOON + WINDOW)
    assert applied.verdicts[0].late
    assert _one(applied.alerts).late
    assert windows.groups_open(NOON + WINDOW) == {"rule15": 0}
    closed = _one(windows.advance(NOON + WINDOW + 10 * MINUTE))
    assert closed.late


def test_a_backlog_of_old_records_pages_once() -> None:
    windows, now = detector(), NOON + 7 * DAY
    alerts = [
        alert
        for minute in range(0, 60 * 24, 10)
        for alert in windows.apply(record(NOON + minute * MINUTE), now + minute * SECOND).alerts
    ]
    assert [alert.event.value for alert in alerts].count("opened") == 1


def test_a_record_between_two_episodes_joins_them_and_both_alerts_close_together() -> None:
    windows = detector()
    first = _one(windows.apply(record(NOON), NOON).alerts)
    later = NOON + 3 * HOUR
    second = _one(windows.apply(record(later), NOON + HOUR).alerts)
    assert windows.apply(record(NOON + 90 * MINUTE), NOON + 91 * MINUTE).alerts == ()
    assert windows.advance(later + WINDOW + 10 * MINUTE - 1) == ()
    closed = windows.advance(later + WINDOW + 10 * MINUTE)
    assert {alert.alert_id for alert in closed} == {first.alert_id, second.alert_id}
    assert events(closed) == [("closed", 2), ("closed", 2)]


def test_a_straggler_that_makes_the_group_open_again_brings_the_alert_back() -> None:
    windows = detector()
    opened = _one(windows.apply(record(NOON), NOON).alerts)
    windows.advance(NOON + WINDOW + 10 * MINUTE)
    straggler = NOON + 119 * MINUTE
    back = _one(windows.apply(record(straggler), NOON + WINDOW + 11 * MINUTE).alerts)
    assert (back.event.value, back.revision, back.alert_id) == ("updated", 3, opened.alert_id)
    assert windows.groups_open(straggler + HOUR) == {"rule15": 1}
    assert events(windows.advance(straggler + WINDOW + 10 * MINUTE)) == [("closed", 4)]


def test_a_straggler_that_changes_nothing_now_is_counted_and_not_told() -> None:
    windows = detector()
    windows.apply(record(NOON), NOON)
    windows.advance(NOON + 3 * HOUR)
    applied = windows.apply(record(NOON + MINUTE), NOON + 3 * HOUR)
    assert applied == Applied((), (Verdict("rule15", Outcome.MATCHED, late=True),))


def test_updates_wait_for_the_interval_and_come_by_the_clock() -> None:
    windows = detector()
    windows.apply(record(NOON, "vm1"), NOON)
    assert windows.apply(record(NOON + SECOND, "vm2"), NOON + SECOND).alerts == ()
    assert windows.apply(record(NOON + 2 * SECOND, "vm3"), NOON + 2 * SECOND).alerts == ()
    assert windows.advance(NOON + 5 * MINUTE - 1) == ()
    updated = _one(windows.advance(NOON + 5 * MINUTE))
    assert (updated.event.value, updated.revision) == ("updated", 2)
    assert updated.row["AffectedVMs"] == ["vm1", "vm2", "vm3"]


def test_a_tenfold_count_is_news_and_more_of_the_same_is_not() -> None:
    windows = detector(WindowOptions(update_interval=0))
    told = [
        (number, alert.row["ExecutionCount"])
        for number in range(1, 251)
        for alert in windows.apply(record(NOON + number * SECOND, correlation_id=str(number)), NOON).alerts
    ]
    assert told == [(1, 1), (10, 10), (100, 100)]


def test_the_copy_that_azure_exports_by_design_is_a_duplicate() -> None:
    windows = detector()
    windows.apply(record(NOON), NOON)
    copy = record(NOON, operation=RUN.lower(), resource_id=machine("VM1"), origin=Origin("0", 9))
    applied = windows.apply(copy, NOON + SECOND)
    assert applied == Applied((), (Verdict("rule15", Outcome.DUPLICATE),))
    assert next(windows.rows(NOON))["ExecutionCount"] == 1


@pytest.mark.parametrize(
    "difference",
    [
        {"time": NOON + 1},
        {"correlation_id": "c2"},
        {"resource_id": machine("vm2")},
        {"status_detail": "Created"},
    ],
)
def test_a_record_that_differs_in_content_is_no_duplicate(difference: dict[str, Any]) -> None:
    windows = detector()
    windows.apply(record(NOON), NOON)
    (verdict,) = windows.apply(replace(record(NOON), **difference), NOON).verdicts
    assert verdict.outcome is Outcome.MATCHED


def test_records_without_a_time_of_their_own_are_equal_only_when_delivered_again() -> None:
    windows = detector()
    timeless = record(NOON, time_source=TimeSource.ENQUEUED)
    outcomes = [
        windows.apply(each, NOON).verdicts[0].outcome
        for each in (timeless, replace(timeless, origin=Origin("2", 4711, 1)), timeless)
    ]
    assert outcomes == [Outcome.MATCHED, Outcome.MATCHED, Outcome.DUPLICATE]


def test_duplicates_are_counted_when_the_settings_say_so() -> None:
    windows = detector(WindowOptions(deduplicate=False))
    for _ in range(3):
        windows.apply(record(NOON), NOON)
    assert next(windows.rows(NOON))["ExecutionCount"] == 3


def test_groups_ignore_case_and_show_the_first_spelling() -> None:
    windows = detector()
    windows.apply(record(NOON, resource_group="RG-App"), NOON)
    assert (
        windows.apply(record(NOON + 1, resource_group="rg-APP", caller="Ann@Contoso.com"), NOON).alerts == ()
    )
    (row,) = windows.rows(NOON)
    assert (row["ResourceGroup"], row["Caller"], row["ExecutionCount"]) == ("RG-App", "ann@contoso.com", 2)


@pytest.mark.parametrize(("one", "other"), [("kim", "\u212aim"), ("strauss", "strau\u00df"), ("Éva", "éva")])
def test_callers_distinct_to_azure_are_never_merged(one: str, other: str) -> None:
    windows = detector()
    assert windows.apply(record(NOON, caller=one), NOON).alerts
    assert windows.apply(record(NOON + 1, caller=other), NOON).alerts


def test_exact_grouping_keeps_spellings_apart() -> None:
    windows = detector(handling=Handling(ignore_case=False))
    assert windows.apply(record(NOON, resource_group="RG"), NOON).alerts
    assert windows.apply(record(NOON + 1, resource_group="rg"), NOON).alerts


def test_the_parts_of_a_group_s_name_cannot_run_together() -> None:
    windows = detector()
    first = _one(windows.apply(record(NOON, caller="ann", resource_group="xrg"), NOON).alerts)
    second = _one(windows.apply(record(NOON + 1, caller="annx", resource_group="rg"), NOON).alerts)
    assert first.dedup_key != second.dedup_key


def test_a_threshold_opens_with_the_record_that_meets_it() -> None:
    windows = detector(thresholds=(("ExecutionCount", 3),))
    times = [NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR - 1]
    alerts = [windows.apply(record(time), time).alerts for time in times]
    assert list(map(events, alerts)) == [[], [], [], [("opened", 1)]]
    assert alerts[-1][0].opened_at == NOON + 3 * HOUR - 1
    assert len(list(windows.rows(NOON + 3 * HOUR - 1))) == 1
    assert list(windows.rows(NOON + 3 * HOUR)) == []


def test_a_record_between_two_can_complete_a_window_that_ends_later() -> None:
    windows = detector(thresholds=(("ExecutionCount", 3),))
    now = NOON + 3 * HOUR
    assert windows.apply(record(NOON), now).alerts == ()
    assert windows.apply(record(NOON + 110 * MINUTE), now).alerts == ()
    alert = _one(windows.apply(record(NOON + 60 * MINUTE), now).alerts)
    assert alert.opened_at == NOON + 110 * MINUTE
    assert alert.row["ExecutionCount"] == 3
    assert alert.evidence[0].time == NOON + 60 * MINUTE


def test_a_threshold_on_a_set_counts_members_not_records() -> None:
    windows = detector(thresholds=(("AffectedVMs", 2),))
    for second in range(5):
        assert windows.apply(record(NOON + second * SECOND, "vm1"), NOON).alerts == ()
    assert events(windows.apply(record(NOON + MINUTE, "vm2"), NOON + MINUTE).alerts) == [("opened", 1)]


def test_a_flood_of_one_machine_does_not_hide_the_others_from_a_threshold() -> None:
    windows = detector(WindowOptions(max_records_per_group=50), thresholds=(("AffectedVMs", 3),))
    windows.apply(record(NOON, "vm1"), NOON)
    for number in range(500):
        windows.apply(record(NOON + SECOND + number, "vm2"), NOON)
    assert events(windows.apply(record(NOON + MINUTE, "vm3"), NOON + MINUTE).alerts) == [("opened", 1)]


def test_evidence_is_the_opening_record_and_the_latest() -> None:
    windows = detector(WindowOptions(update_interval=0, max_evidence=3))
    for minute in range(6):
        alerts = windows.apply(record(NOON + minute * MINUTE, f"vm{minute}"), NOON + minute * MINUTE).alerts
    assert [evidence.time - NOON for evidence in alerts[0].evidence] == [0, 4 * MINUTE, 5 * MINUTE]


def test_the_bound_on_records_stops_the_count_and_no_opening() -> None:
    windows = detector(WindowOptions(max_records_per_group=10))
    for number in range(100):
        windows.apply(record(NOON + number), NOON)
    assert next(windows.rows(NOON))["ExecutionCount"] == 10
    assert windows.apply(record(NOON + 3 * HOUR), NOON + 3 * HOUR).alerts[-1].event.value == "opened"


def test_memory_returns_when_all_is_over() -> None:
    windows = detector()
    for number in range(50):
        windows.apply(
            record(NOON + number * MINUTE, caller=f"user{number}@contoso.com"), NOON + number * MINUTE
        )
    assert windows.groups_kept() == {"rule15": 50}
    windows.advance(NOON + 3 * DAY)
    assert windows.groups_kept() == {"rule15": 0}
    assert windows.next_due() is None
    assert list(windows.rows(NOON + HOUR)) == []


def test_records_ahead_of_the_clock_count_as_in_the_query() -> None:
    windows = detector()
    windows.apply(record(NOON + 10 * DAY), NOON)
    assert len(list(windows.rows(NOON))) == 1
    assert windows.groups_open(NOON + 10 * DAY) == {"rule15": 1}


def test_rows_of_an_unknown_rule_are_refused() -> None:
    with pytest.raises(KeyError, match="rule16"):
        list(detector().rows(NOON, "rule16"))


def test_the_same_bytes_give_the_same_id_whichever_copy_came_first() -> None:
    one = record(NOON)
    copy = record(NOON, operation=RUN.lower(), resource_id=machine("VM1"), origin=Origin("0", 9))
    ids = {
        _one(detector().apply(first, now).alerts).alert_id for first, now in ((one, NOON), (copy, NOON + DAY))
    }
    assert len(ids) == 1


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        WindowOptions(lateness=-1)
    with pytest.raises(ValueError, match="at least 1"):
        WindowOptions(max_records_per_group=0)


class _FailsOnce(Rule15ByHand):
    """RULE 15 with a defect: the row of a group of two records cannot be dressed."""

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        if summary.count == 2:
            raise ZeroDivisionError
        return super().row(key, summary)


def test_a_row_that_cannot_be_dressed_does_not_use_up_the_opening() -> None:
    windows = Detector([_FailsOnce(thresholds=(("ExecutionCount", 2),))])
    assert windows.apply(record(NOON), NOON).alerts == ()
    with pytest.raises(ZeroDivisionError):
        windows.apply(record(NOON + 1), NOON)
    assert events(windows.apply(record(NOON + 2), NOON).alerts) == [("opened", 1)]
