"""The limits: what a group may cost, and that no limit and no clock costs a page or its closing.

Each property is also run against windows that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered
from window_plain import UNFORGETTING, Limit, Stream, is_counterexample_found, run, streams

from stream_detector.detect import openings
from stream_detector.detect import times as remembered
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.episode import Episode
from stream_detector.detect.group import Group
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.openings import Opener
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.window import RuleWindow
from stream_detector.ticks import MAX_TICKS, MIN_TICKS

TIGHT = replace(UNFORGETTING, max_records_per_group=3, max_episodes_per_group=1, max_evidence=2)


def check_tight_bounds_in_order(stream: Stream) -> None:
    """In order, the bounds change no opening: they cut counts, evidence and memory only."""
    tight, free = run(stream, TIGHT), run(stream, UNFORGETTING)
    for bounded, unbounded in zip(tight.opened, free.opened, strict=True):
        assert (bounded is None) == (unbounded is None)
        if bounded is not None and unbounded is not None:
            assert (bounded.alert_id, bounded.opened_at) == (unbounded.alert_id, unbounded.opened_at)
    least = max((limit.least or 1 for limit in stream.rule.limits), default=1)
    alerts = [*tight.alerts, *tight.detector.advance(stream.steps[-1].now + 1000)]
    for alert in alerts:
        count = alert.row["N"]
        assert isinstance(count, int)
        assert 1 <= count <= max(3, least) + 1, "the record that arrives is counted before the bound cuts"
        assert 1 <= len(alert.evidence) <= 2
    opened = [alert.alert_id for alert in alerts if alert.event is AlertEvent.OPENED]
    assert sorted(opened) == sorted(alert.alert_id for alert in alerts if alert.event is AlertEvent.CLOSED)


def check_tight_bounds_in_any_order(stream: Stream) -> None:
    """With the default threshold a bound on records changes no opening, whatever the order."""
    tight = run(stream, replace(UNFORGETTING, max_records_per_group=1))
    opened = [alert and alert.alert_id for alert in run(stream, UNFORGETTING).opened]
    assert [alert and alert.alert_id for alert in tight.opened] == opened


@dataclass(frozen=True)
class Wild:
    """Limits and clocks that nobody would choose."""

    options: WindowOptions
    clocks: tuple[int, ...]
    times: tuple[int, ...]


_any_clock = st.one_of(st.integers(900, 2000), st.sampled_from((MIN_TICKS, MAX_TICKS, 0)))
_wild = st.builds(
    Wild,
    options=st.builds(
        WindowOptions,
        lateness=st.sampled_from((0, 1, 50, 240)),
        close_grace=st.sampled_from((0, 20, 400)),
        update_interval=st.sampled_from((0, 15, 500)),
        max_records_per_group=st.integers(1, 5),
        max_episodes_per_group=st.integers(1, 4),
        max_evidence=st.integers(0, 3),
        deduplicate=st.booleans(),
    ),
    clocks=st.lists(_any_clock, min_size=1, max_size=24).map(tuple),
    times=st.lists(_any_clock, min_size=1, max_size=24).map(tuple),
)


def check_wild(stream: Stream, wild: Wild) -> None:
    """With any limits, any times and a clock that jumps to and fro: an alert opens when it is not open,
    revisions rise by one, and in the end all are closed and nothing is kept."""
    detector = Detector([stream.rule], wild.options)
    alerts: list[Alert] = []
    for number, step in enumerate(stream.steps):
        now = wild.clocks[number % len(wild.clocks)]
        if step.advance_first:
            alerts += detector.advance(now)
        record = altered(step.record, time=wild.times[number % len(wild.times)])
        alerts += detector.apply(record, now).alerts
        list(detector.rows(now))
        assert 0 <= detector.groups_open(now)["small"] <= detector.groups_kept()["small"]
    alerts += detector.advance(MAX_TICKS + 10**9)
    last: dict[str, Alert] = {}
    for alert in alerts:
        before = last.get(alert.alert_id)
        if alert.event is AlertEvent.OPENED:
            assert before is None or before.event is AlertEvent.CLOSED
            assert alert.revision == 1
        else:
            assert before is not None
            assert alert.revision == before.revision + 1
        assert len(alert.evidence) <= wild.options.max_evidence
        altered(alert, detected_at=0).to_dict()
        last[alert.alert_id] = alert
    assert all(alert.event is AlertEvent.CLOSED for alert in last.values())
    assert detector.groups_kept() == {"small": 0}
    assert detector.groups_open(0) == {"small": 0}
    assert detector.next_due() is None


THREE = st.just((Limit("N", 3),))
THREE_THINGS = st.just((Limit("Things", 3),))
DEFAULT_THRESHOLD: dict[str, Any] = {"limits": st.just(())}


@settings(max_examples=300, deadline=None)
@given(streams(in_order=True, copies=False))
def test_in_order_the_bounds_change_no_opening(stream: Stream) -> None:
    check_tight_bounds_in_order(stream)


@settings(max_examples=200, deadline=None)
@given(streams(limits=st.just(())))
def test_in_any_order_a_bound_on_records_changes_no_opening(stream: Stream) -> None:
    check_tight_bounds_in_any_order(stream)


@settings(max_examples=400, deadline=None)
@given(streams(), _wild)
def test_no_limits_and_no_clock_leave_an_alert_behind(stream: Stream, wild: Wild) -> None:
    check_wild(stream, wild)


Patch = Callable[[pytest.MonkeyPatch], None]


def _the_bound_drops_the_newest(patch: pytest.MonkeyPatch) -> None:
    def wrong(times: Any, count: int) -> None:
        del times[-2 * count - 2 : -2]

    patch.setattr(remembered, "drop_oldest", wrong)


def _at_the_bound_nothing_opens(patch: pytest.MonkeyPatch) -> None:
    right = Opener.opens_at

    def wrong(self: Opener, group: Group, *rest: Any) -> int | None:
        kept = sum(remembered.size(episode.times) for episode in group.episodes)
        return None if kept > TIGHT.max_records_per_group else right(self, group, *rest)

    patch.setattr(Opener, "opens_at", wrong)


def _what_dropped_records_handed_in_is_lost(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Opener, group: Group, episode: Episode, time: int) -> int | None:
        inputs = episode.inputs or []
        return openings.first_met(self.rule, self.columns, group.key, episode.times, inputs, time)

    patch.setattr(Opener, "_within", wrong)


WRONG: dict[str, tuple[Patch, Callable[[Stream], None], dict[str, Any]]] = {
    "the bound drops the newest": (
        _the_bound_drops_the_newest,
        check_tight_bounds_in_order,
        {"in_order": True, "copies": False, "caller": "ann", "limits": THREE},
    ),
    "what dropped records handed in is lost": (
        _what_dropped_records_handed_in_is_lost,
        check_tight_bounds_in_order,
        {"in_order": True, "copies": False, "caller": "ann", "limits": THREE_THINGS},
    ),
    "at the bound nothing opens": (
        _at_the_bound_nothing_opens,
        check_tight_bounds_in_any_order,
        DEFAULT_THRESHOLD,
    ),
}


@pytest.mark.parametrize(("wrong", "check", "kind"), WRONG.values(), ids=WRONG.keys())
def test_wrong_bounds_are_noticed(
    wrong: Patch, check: Callable[[Stream], None], kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check, streams(**kind))


def _an_episode_beyond_the_bound_goes_silently(patch: pytest.MonkeyPatch) -> None:
    right = RuleWindow._keep_bounds

    def wrong(self: RuleWindow, group: Group, current: Episode, now: int) -> list[Alert]:
        if len(group.episodes) > self._options.max_episodes_per_group:
            group.episodes = (current,)
        return right(self, group, current, now)

    patch.setattr(RuleWindow, "_keep_bounds", wrong)


def _live_alerts_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lifecycle, "_is_over", lambda self, episode, now: self._remembered_until(episode) <= now)


WRONG_IN_THE_WILD: dict[str, Patch] = {
    "an episode beyond the bound goes silently": _an_episode_beyond_the_bound_goes_silently,
    "live alerts are forgotten": _live_alerts_are_forgotten,
}


@pytest.mark.parametrize("wrong", WRONG_IN_THE_WILD.values(), ids=WRONG_IN_THE_WILD.keys())
def test_an_alert_left_behind_is_noticed(wrong: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(lambda case: check_wild(*case), st.tuples(streams(), _wild))
