"""The life of alerts: revisions, updates, closings, and what is open.

Against chains worked out from the list of all records. Each property is also run against windows
that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from window_plain import (
    CAPACITY,
    GRACE,
    INTERVAL,
    UNFORGETTING,
    WINDOW,
    Known,
    Stream,
    chains,
    distinct,
    group_of,
    is_counterexample_found,
    run,
    streams,
)

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import window
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.chains import Chains
from stream_detector.detect.detector import Detector
from stream_detector.detect.episode import Episode, Raised, Stage
from stream_detector.detect.group import Group
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.schedule import Schedule


@dataclass
class Told:
    """What sinks know of the alerts, checked as they hear it."""

    stream: Stream
    openings: dict[str, ActivityRecord] = field(default_factory=dict)
    """Alert id to the record that opened it."""
    events: dict[str, list[Alert]] = field(default_factory=dict)

    def hear(
        self, alerts: tuple[Alert, ...], record: ActivityRecord | None, chain_of: _ChainOf, now: int
    ) -> None:
        for alert in alerts:
            before = self.events.setdefault(alert.alert_id, [])
            assert alert.revision == len(before) + 1
            assert (alert.event is AlertEvent.OPENED) == (not before)
            assert alert.detected_at == now
            if alert.event is AlertEvent.OPENED:
                assert record is not None
                self.openings[alert.alert_id] = record
            else:
                self._check_later_event(alert, before[-1], chain_of)
            before.append(alert)

    def _check_later_event(self, alert: Alert, before: Alert, chain_of: _ChainOf) -> None:
        now, last = alert.detected_at, chain_of(self.openings[alert.alert_id])[-1].time
        assert alert.opened_at == before.opened_at
        if alert.event is AlertEvent.CLOSED:
            assert before.event is not AlertEvent.CLOSED
            assert last + WINDOW + GRACE <= now
        elif before.event is AlertEvent.CLOSED:
            assert last + WINDOW > now, "only a group that is open again brings an alert back"
        else:
            assert now - before.detected_at >= INTERVAL

    def is_live(self, alert_id: str) -> bool:
        return self.events[alert_id][-1].event is not AlertEvent.CLOSED


_ChainOf = Callable[[ActivityRecord], list[ActivityRecord]]


def _chain_of(stream: Stream, steps: int) -> _ChainOf:
    """Finds the chain that a record is in, after the first `steps`."""
    records = distinct(stream, steps)

    def find(record: ActivityRecord) -> list[ActivityRecord]:
        group = group_of(stream.rule, record)
        known = [Known(each, 0) for each in records if group_of(stream.rule, each) == group]
        found = [[each.record for each in chain] for chain in chains(known)]
        return next(chain for chain in found if any(each is record for each in chain))

    return find


def check_life(stream: Stream) -> None:
    """Nothing forgotten: every alert's events follow the rules, at the right times, to the end."""
    detector = Detector([stream.rule], UNFORGETTING)
    told = Told(stream)
    for count, step in enumerate(stream.steps, 1):
        if step.advance_first:
            chain_of = _chain_of(stream, count - 1)
            told.hear(detector.advance(step.now), None, chain_of, step.now)
            for alert_id, record in told.openings.items():
                if told.is_live(alert_id):
                    assert chain_of(record)[-1].time + WINDOW + GRACE > step.now, "a closing is missing"
        before = _chain_of(stream, count - 1)
        applied = detector.apply(step.record, step.now)
        closings = tuple(alert for alert in applied.alerts if alert.event is AlertEvent.CLOSED)
        told.hear(closings, None, before, step.now)
        chain_of = _chain_of(stream, count)
        told.hear(applied.alerts[len(closings) :], step.record, chain_of, step.now)
        _check_chains(told, chain_of, step.now, detector, stream.at_after)
    _check_end(told, detector, _chain_of(stream, len(stream.steps)), stream.steps[-1].now)


def _check_chains(told: Told, chain_of: _ChainOf, now: int, detector: Detector, later: int) -> None:
    """A chain that has opened and is open has an alert that is live, and its group counts as open."""
    opened = {id(record): alert_id for alert_id, record in told.openings.items()}
    open_now, open_later = set(), set()
    for record in told.openings.values():
        chain = chain_of(record)
        lives = [told.is_live(opened[id(each)]) for each in chain if id(each) in opened]
        if chain[-1].time + WINDOW > now:
            assert any(lives)
            open_now.add(group_of(told.stream.rule, record))
        if chain[-1].time + WINDOW > now + abs(later):
            open_later.add(group_of(told.stream.rule, record))
    assert detector.groups_open(now) == {"small": len(open_now)}
    assert detector.groups_open(now + abs(later)) == {"small": len(open_later)}


def _check_end(told: Told, detector: Detector, chain_of: _ChainOf, now: int) -> None:
    """Driven by `next_due` alone, every alert closes at the very tick; then nothing is left."""
    rounds = 0
    while (due := detector.next_due()) is not None:
        rounds += 1
        assert rounds < 1000, "the schedule does not come to an end"
        if due > now:
            assert detector.advance(due - 1) == ()
        moment = max(due, now)
        alerts = detector.advance(moment)
        told.hear(alerts, None, chain_of, moment)
        for alert in alerts:
            if alert.event is AlertEvent.CLOSED:
                last = chain_of(told.openings[alert.alert_id])[-1].time
                assert moment == max(now, last + WINDOW + GRACE)
    assert not any(map(told.is_live, told.events))
    assert detector.groups_kept() == {"small": 0}


def check_updates(stream: Stream) -> None:
    """In order, one group, no interval: `updated` comes with exactly the records that bring a new
    member to a set that is not full, or ten times the count that was shown."""
    result = run(stream, replace(UNFORGETTING, update_interval=0))
    chain: list[ActivityRecord] = []
    shown: int | None = None
    originals = distinct(stream)
    for step, alerts in zip(stream.steps, result.per_step, strict=True):
        updates = [alert for alert in alerts if alert.event is AlertEvent.UPDATED]
        if not any(step.record is record for record in originals):
            assert not updates
            continue
        if chain and step.record.time - chain[-1].time >= WINDOW:
            chain, shown = [], None
        before = _row_of(chain)
        chain.append(step.record)
        row = _row_of(chain)
        if shown is not None:
            is_news = _gains(before, row) or len(row) >= 10 * shown
            assert bool(updates) == is_news
        for alert in alerts:
            if alert.event is not AlertEvent.CLOSED:
                shown = len(row)
                assert alert.row["N"] == shown


def _row_of(chain: list[ActivityRecord]) -> list[ActivityRecord]:
    return [record for record in chain if record.time > chain[-1].time - WINDOW]


def _gains(before: list[ActivityRecord], after: list[ActivityRecord]) -> bool:
    for column, attribute in (("Things", "resource_id"), ("Kinds", "level")):
        was = {getattr(record, attribute) for record in before}
        if len(was) < CAPACITY[column] and not {getattr(record, attribute) for record in after} <= was:
            return True
    return False


IN_ORDER = {"in_order": True, "caller": "ann"}


@settings(max_examples=400, deadline=None)
@given(streams())
def test_every_alert_lives_by_the_rules_and_ends(stream: Stream) -> None:
    check_life(stream)


@settings(max_examples=400, deadline=None)
@given(streams(in_order=True, caller="ann"))
def test_updates_tell_of_new_members_and_tenfold_counts_only(stream: Stream) -> None:
    check_updates(stream)


Patch = Callable[[pytest.MonkeyPatch], None]


def _options_are(**changes: int) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(
            window,
            "Lifecycle",
            lambda rule, columns, options: Lifecycle(rule, columns, replace(options, **changes)),
        )

    return apply


def _joined_alerts_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    right = Chains._join

    def wrong(self: Chains, earlier: Episode, later: Episode) -> Episode:
        joined = right(self, earlier, later)
        joined.absorbed = ()
        return joined

    patch.setattr(Chains, "_join", wrong)


def _a_closed_alert_stays_closed(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.tell_joined

    def wrong(self: Lifecycle, group: Group, episode: Episode, raised: Raised, now: int) -> list[Alert]:
        return [] if raised.stage is Stage.CLOSED else right(self, group, episode, raised, now)

    patch.setattr(Lifecycle, "tell_joined", wrong)


def _an_alert_that_is_back_is_not_closed_again(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.tell_joined

    def wrong(self: Lifecycle, group: Group, episode: Episode, raised: Raised, now: int) -> list[Alert]:
        was_closed = raised.stage is Stage.CLOSED
        alerts = right(self, group, episode, raised, now)
        if was_closed:
            raised.stage = Stage.CLOSED
        return alerts

    patch.setattr(Lifecycle, "tell_joined", wrong)


def _any_straggler_brings_an_alert_back(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Lifecycle, group: Group, episode: Episode, raised: Raised, now: int) -> list[Alert]:
        raised.stage = Stage.OPEN
        return [self._update(group, episode, raised, now)]

    patch.setattr(Lifecycle, "tell_joined", wrong)


def _updates_keep_their_revision(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle._update

    def wrong(self: Lifecycle, group: Group, episode: Episode, raised: Raised, now: int) -> Alert:
        alert = right(self, group, episode, raised, now)
        raised.revision -= 1
        return alert

    patch.setattr(Lifecycle, "_update", wrong)


def _every_record_is_news(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.note_growth
    patch.setattr(
        Lifecycle, "note_growth", lambda self, raised, gained, count: right(self, raised, True, count)
    )


def _counts_are_no_news(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.note_growth
    patch.setattr(
        Lifecycle, "note_growth", lambda self, raised, gained, count: right(self, raised, gained, 0)
    )


def _members_are_no_news(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.note_growth
    patch.setattr(
        Lifecycle, "note_growth", lambda self, raised, gained, count: right(self, raised, False, count)
    )


def _the_schedule_is_late(patch: pytest.MonkeyPatch) -> None:
    right = Schedule.put
    patch.setattr(Schedule, "put", lambda self, due, name: right(self, due + 1, name))


def _what_has_lapsed_counts_as_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Schedule, "coming", lambda self, now: iter(()))


WRONG: dict[str, tuple[Patch, Callable[[Stream], None], dict[str, Any]]] = {
    "closes without grace": (_options_are(close_grace=0), check_life, {}),
    "closes a tick late": (_options_are(close_grace=GRACE + 1), check_life, {}),
    "updates at any time": (_options_are(update_interval=INTERVAL - 1), check_life, {}),
    "joined alerts are forgotten": (_joined_alerts_are_forgotten, check_life, {}),
    "a closed alert stays closed": (_a_closed_alert_stays_closed, check_life, {}),
    "an alert that is back is not closed again": (_an_alert_that_is_back_is_not_closed_again, check_life, {}),
    "any straggler brings an alert back": (_any_straggler_brings_an_alert_back, check_life, {}),
    "updates keep their revision": (_updates_keep_their_revision, check_life, {}),
    "the schedule is late": (_the_schedule_is_late, check_life, {}),
    "what has lapsed counts as open": (_what_has_lapsed_counts_as_open, check_life, {}),
    "every record is news": (_every_record_is_news, check_updates, IN_ORDER),
    "counts are no news": (_counts_are_no_news, check_updates, IN_ORDER),
    "members are no news": (_members_are_no_news, check_updates, IN_ORDER),
}


@pytest.mark.parametrize(("wrong", "check", "kind"), WRONG.values(), ids=WRONG.keys())
def test_wrong_lives_are_noticed(
    wrong: Patch, check: Callable[[Stream], None], kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check, streams(**kind))
