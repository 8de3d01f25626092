"""Thresholds that more records can hinder: an alert is open whenever the query returns the group.

Such a row can come true without a record, when one leaves its window. The clock is advanced to every
instant at which that can happen, and the plain query over all records is asked there. Each property
is also run against windows that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_plain import (
    UNFORGETTING,
    WINDOW,
    Limit,
    SmallRule,
    Stream,
    distinct,
    group_of,
    is_counterexample_found,
    meets,
    query,
    streams,
)

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import openings
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.group import NEVER
from stream_detector.detect.openings import Opener

HINDERED = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(0, 1)).map(
        lambda both: (Limit("N", both[0]), Limit("Odd", most=both[1]))
    ),
    st.integers(-3, 8).map(lambda least: (Limit("Sum", least),)),
    st.integers(0, 1).map(lambda most: (Limit("N", 2), Limit("Distinct", most=most))),
    st.integers(1, 2).map(lambda most: (Limit("N", most=most), Limit("Things", 1))),
)


def _opened(alerts: list[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.event is AlertEvent.OPENED]


def _instants(stream: Stream) -> Iterator[tuple[int, ActivityRecord | None]]:
    """Every clock at which something can change, in order, with the record that arrives then, if any."""
    clock, left = stream.steps[0].now, set[int]()
    for step in stream.steps:
        for instant in sorted(left):
            if clock < instant <= step.now:
                yield instant, None
        clock = step.now
        left.add(step.record.time + WINDOW)
        yield clock, step.record
    yield from ((instant, None) for instant in sorted(left) if instant > clock)


def check_open_when_returned(stream: Stream) -> None:
    """At every instant the groups that the query returns have an alert that is open, and an alert opens
    only with a row that the query returns."""
    detector, live = Detector([stream.rule], UNFORGETTING), dict[str, set[tuple[str, str]]]()
    arrived = 0
    for now, record in _instants(stream):
        alerts = list(detector.advance(now))
        if record is not None:
            arrived += 1
            alerts += detector.apply(record, now).alerts
        known = distinct(stream, arrived)
        for alert in alerts:
            name = group_of(stream.rule, _named(alert, known))
            if alert.event is AlertEvent.CLOSED:
                live[alert.alert_id].discard(name)
            else:
                live.setdefault(alert.alert_id, set()).add(name)
        for alert in _opened(alerts):
            name = group_of(stream.rule, _named(alert, known))
            of = [each for each in known if group_of(stream.rule, each) == name]
            assert _is_returned(stream.rule, of, alert.opened_at)
        for name in query(stream.rule, known, now):
            assert any(name in names for names in live.values()), f"{name} is returned at {now}"


def _named(alert: Alert, known: list[ActivityRecord]) -> ActivityRecord:
    """A record of the alert's group."""
    return next(r for r in known if (r.caller, r.resource_group) == tuple(alert.group.values()))


def _is_returned(rule: SmallRule, records: list[ActivityRecord], at: int) -> bool:
    """By a query that has seen all records, or those up to `at`."""
    window = [record for record in records if record.time > at - WINDOW]
    return meets(rule, window) or meets(rule, [record for record in window if record.time <= at])


def check_advance_is_of_no_matter(stream: Stream) -> None:
    """What opens, and when, is the same when the clock is advanced at the end only."""
    ends = max(now for now, _ in _instants(stream)) + 1
    told: list[list[tuple[str, int]]] = []
    for at_every_instant in (True, False):
        detector, alerts = Detector([stream.rule], UNFORGETTING), list[Alert]()
        for now, record in _instants(stream):
            if at_every_instant:
                alerts += detector.advance(now)
            if record is not None:
                alerts += detector.apply(record, now).alerts
        alerts += detector.advance(ends)
        told.append(sorted((alert.alert_id, alert.opened_at) for alert in _opened(alerts)))
    assert told[0] == told[1]


@settings(max_examples=600, deadline=None)
@given(streams(limits=HINDERED))
def test_a_group_that_the_query_returns_has_an_open_alert(stream: Stream) -> None:
    check_open_when_returned(stream)


@settings(max_examples=400, deadline=None)
@given(streams(limits=HINDERED))
def test_what_opens_by_time_does_not_depend_on_when_the_clock_is_advanced(stream: Stream) -> None:
    check_advance_is_of_no_matter(stream)


Patch = Callable[[pytest.MonkeyPatch], None]


def _time_opens_nothing(patch: pytest.MonkeyPatch) -> None:
    right = Opener.due_by

    def wrong(self: Opener, *given: Any) -> None:
        right(self, *given)

    patch.setattr(Opener, "due_by", wrong)


def _nobody_looks_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Opener, "next_look", lambda *_: NEVER)


def _leavings_are_a_tick_late(patch: pytest.MonkeyPatch) -> None:
    right = openings.leavings
    patch.setattr(
        openings,
        "leavings",
        lambda times, window, after, until: (at + 1 for at in right(times, window, after - 1, until - 1)),
    )


def _only_the_first_to_leave_is_looked_at(patch: pytest.MonkeyPatch) -> None:
    right = openings.leavings
    patch.setattr(openings, "leavings", lambda *given: iter(list(right(*given))[:1]))


def _more_records_always_help(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SmallRule, "is_monotone", property(lambda self: True))


def _any_row_opens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SmallRule, "opens_always", property(lambda self: True))


WRONG: dict[str, tuple[Patch, Callable[[Stream], None]]] = {
    "time opens nothing": (_time_opens_nothing, check_open_when_returned),
    "nobody looks again": (_nobody_looks_again, check_open_when_returned),
    "leavings are a tick late": (_leavings_are_a_tick_late, check_open_when_returned),
    "only the first to leave is looked at": (
        _only_the_first_to_leave_is_looked_at,
        check_advance_is_of_no_matter,
    ),
    "more records always help": (_more_records_always_help, check_open_when_returned),
    "any row opens": (_any_row_opens, check_open_when_returned),
}


@pytest.mark.parametrize(("wrong", "check"), WRONG.values(), ids=WRONG.keys())
def test_wrong_openings_by_time_are_noticed(
    wrong: Patch, check: Callable[[Stream], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    case: dict[str, Any] = {"limits": HINDERED}
    assert is_counterexample_found(check, streams(**case))
