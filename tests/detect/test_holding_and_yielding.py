"""Rules that hold an opening back, and rules that let another one speak."""

from __future__ import annotations

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from runs import NOON, RULE, events, machine, record
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord
from stream_detector.detect.alert import Alert
from stream_detector.detect.detector import Detector, in_turn
from stream_detector.rules.model import Handling, Match, Rejection
from stream_detector.ticks import HOUR, MINUTE

HOLD = 30 * MINUTE


def rule(name: str, handling: Handling | None = None, **changes: object) -> Rule15ByHand:
    """RULE 15 under another name."""
    return changed(RULE, info=replace(RULE.info, id=name), handling=handling or Handling(), **changes)  # type: ignore[arg-type]


def told(alerts: tuple[Alert, ...]) -> list[tuple[str, str]]:
    """Rule and event of each alert."""
    return [(alert.rule.id, alert.event.value) for alert in alerts]


def test_a_held_opening_comes_when_the_hold_is_over_and_not_before() -> None:
    windows = Detector([rule("held", Handling(hold=HOLD))])
    assert windows.apply(record(NOON), NOON).alerts == ()
    assert windows.next_due() is not None
    assert windows.advance(NOON + HOLD - 1) == ()
    (alert,) = windows.advance(NOON + HOLD)
    assert (alert.event.value, alert.opened_at, alert.late) == ("opened", NOON + HOLD, False)
    assert alert.row["ExecutionCount"] == 1
    assert windows.advance(NOON + HOLD + 1) == ()


def test_a_held_opening_does_not_depend_on_when_the_clock_is_advanced() -> None:
    first, second = (Detector([rule("held", Handling(hold=HOLD))]) for _ in range(2))
    times = [NOON, NOON + 20 * MINUTE, NOON + 50 * MINUTE]
    opened: list[list[tuple[str, int]]] = []
    for windows, minutes in ((first, range(60)), (second, (50,))):
        alerts: list[Alert] = []
        for minute in minutes:
            now = NOON + minute * MINUTE
            alerts += windows.advance(now) if windows is first else ()
            for time in times:
                if time == now or (windows is second and time <= now):
                    alerts += windows.apply(record(time), time).alerts
        opened.append([(alert.alert_id, alert.opened_at) for alert in alerts if alert.event == "opened"])
    assert opened[0] == opened[1]
    assert [at for _, at in opened[0]] == [NOON + HOLD]


def test_a_record_that_comes_hours_late_is_held_by_the_clock_and_opens_late() -> None:
    windows = Detector([rule("held", Handling(hold=HOLD))])
    now = NOON + 5 * HOUR
    assert windows.apply(record(NOON), now).alerts == ()
    assert windows.advance(now + HOLD - 1) == ()
    alerts = windows.advance(now + HOLD)
    assert told(alerts)[0] == ("held", "opened")
    assert alerts[0].late


@pytest.mark.parametrize("amends", [False, True])
def test_a_rule_is_silent_while_the_one_it_yields_to_has_the_group_open(amends: bool) -> None:
    other = rule("other", Handling(yields_to=("rule15",), amends=amends))
    windows = Detector([other, RULE])
    assert told(windows.apply(record(NOON), NOON).alerts) == [("rule15", "opened")]
    again = windows.apply(record(NOON + MINUTE, "vm1", correlation_id="later"), NOON + 6 * MINUTE).alerts
    assert told(again) == ([("rule15", "updated")] if amends else [])


def test_a_record_of_a_rule_that_amends_is_evidence_of_the_other_alert() -> None:
    failures = changed(
        rule("failures", Handling(yields_to=("rule15",), amends=True)),
        is_success=lambda status: status == "Failure",
    )
    windows = Detector([failures, RULE])
    windows.apply(record(NOON), NOON)
    failed = record(NOON + MINUTE, "vm2", status="Failure")
    (alert,) = windows.apply(failed, NOON + 6 * MINUTE).alerts
    assert (alert.rule.id, alert.event.value, alert.revision) == ("rule15", "updated", 2)
    assert [evidence.status for evidence in alert.evidence] == ["Success", "Failure"]
    assert alert.row["AffectedVMs"] == ["vm1"], "the row is the other rule's own"


def test_another_group_is_no_reason_to_be_silent() -> None:
    windows = Detector([rule("other", Handling(yields_to=("rule15",)), is_success=lambda status: True), RULE])
    windows.apply(record(NOON), NOON)
    failed = record(NOON, "vm2", status="Failure", resource_group="rg-2", resource_id=machine("vm2"))
    assert told(windows.apply(failed, NOON).alerts) == [("other", "opened")]


def test_after_the_other_rule_has_closed_the_next_record_opens() -> None:
    other = rule("other", Handling(yields_to=("rule15",)), is_success=lambda status: status == "Failure")
    windows = Detector([other, RULE])
    windows.apply(record(NOON), NOON)
    failed = [record(NOON + minutes * MINUTE, status="Failure") for minutes in (60, 119, 121)]
    assert told(windows.apply(failed[0], failed[0].time).alerts) == []
    assert told(windows.apply(failed[1], failed[1].time).alerts) == []
    assert ("other", "opened") in told(windows.apply(failed[2], failed[2].time).alerts)


def test_rules_are_asked_behind_those_that_they_yield_to() -> None:
    a, b = rule("a", Handling(yields_to=("b",))), rule("b", Handling(yields_to=("c",)))
    c, d = rule("c"), rule("d", Handling(yields_to=("unknown",)))
    assert [each.info.id for each in in_turn([a, b, c, d])] == ["c", "d", "b", "a"]
    ring = [rule("x", Handling(yields_to=("y",))), rule("y", Handling(yields_to=("x",)))]
    assert {each.info.id for each in in_turn(ring)} == {"x", "y"}


def test_exact_keys_are_compared_by_the_other_rule_s_own_grouping() -> None:
    other = rule("other", Handling(yields_to=("rule15",)), is_success=lambda status: status == "Failure")
    windows = Detector([other, RULE])
    windows.apply(record(NOON), NOON)
    failed = record(NOON, status="Failure", caller="ANN@CONTOSO.COM")
    assert windows.apply(failed, NOON).alerts == ()


def test_a_rule_may_leave_duplicates_in() -> None:
    windows = Detector([rule("all", Handling(deduplicate=False))])
    for _ in range(3):
        windows.apply(record(NOON), NOON)
    (row,) = windows.rows(NOON)
    assert row["ExecutionCount"] == 3


def test_a_rule_may_have_a_grace_of_its_own() -> None:
    windows = Detector([rule("quick", Handling(close_grace=0)), rule("usual")])
    windows.apply(record(NOON), NOON)
    assert told(windows.advance(NOON + 2 * HOUR)) == [("quick", "closed")]
    assert events(windows.advance(NOON + 2 * HOUR + 10 * MINUTE)) == [("closed", 2)]


class _Unfinished(Rule15ByHand):
    """Rows of operations of which no end is known."""

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        assert isinstance(record, CorrelatedRecord)
        if record.operation_outcome:
            return Rejection("OperationOutcome")
        return Match(
            (record.caller, record.resource_group, record.subscription_id),
            (record.resource_id, "", record.resource_id, record.caller_ip, record.caller_ip),
        )


def _unfinished() -> Detector:
    handling = Handling(correlate=True, hold=HOLD)
    return Detector([_Unfinished(info=replace(RULE.info, id="unfinished"), handling=handling)])


def _row(run: int, minute: int, status: str) -> ActivityRecord:
    return record(NOON + minute * MINUTE, f"vm{run}", status=status, correlation_id=f"run-{run}")


def test_a_hold_is_timed_for_each_record_and_not_for_the_group() -> None:
    windows, told_ = _unfinished(), list[Alert]()
    rows = [(8 * run, run, "Start") for run in range(12)] + [
        (8 * run + 10, run, "Success") for run in range(12) if run != 7
    ]
    for minute in range(130):
        told_ += windows.advance(NOON + minute * MINUTE)
        for at, run, status in rows:
            if at == minute:
                told_ += windows.apply(_row(run, at, status), NOON + at * MINUTE).alerts
    opened = [alert.opened_at for alert in told_ if alert.event == "opened"]
    assert opened == [NOON + (56 + 30) * MINUTE], "only the eighth run never ended, and it began at minute 56"


def test_an_end_that_comes_in_time_takes_the_start_out_however_many_there_are() -> None:
    windows = _unfinished()
    for run in range(300):
        windows.apply(_row(run, 0, "Start"), NOON)
    for run in range(300):
        assert windows.apply(_row(run, 5, "Failure"), NOON + 5 * MINUTE).alerts == ()
    assert windows.advance(NOON + 3 * HOUR) == ()
    assert windows.groups_kept() == {"unfinished": 0}


def test_a_late_record_is_silent_when_the_other_rule_spoke_for_its_time() -> None:
    other = rule("other", Handling(yields_to=("rule15",)), is_success=lambda status: status == "Failure")
    windows = Detector([other, RULE])
    now = NOON + 6 * HOUR
    assert told(windows.apply(record(NOON), now).alerts) == [("rule15", "opened")]
    assert windows.apply(record(NOON + 5 * MINUTE, status="Failure"), now).alerts == ()
    assert windows.apply(record(NOON - 5 * MINUTE, status="Failure"), now).alerts == ()
