"""Which records open an alert: exactly those that the plain model says, whatever the order.

The plain model keeps a list of all records and works out chains and windows anew each time.
Each property is also run against windows that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered
from window_plain import (
    LATENESS,
    UNFORGETTING,
    WINDOW,
    Known,
    Limit,
    PlainOpenings,
    Run,
    Stream,
    chains,
    distinct,
    group_of,
    is_counterexample_found,
    meets,
    run,
    streams,
)

from stream_detector.activity.record import Origin
from stream_detector.detect import identity, openings
from stream_detector.detect import times as remembered
from stream_detector.detect.alert import AlertEvent
from stream_detector.detect.chains import Chains
from stream_detector.detect.episode import Episode
from stream_detector.detect.group import Group
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.openings import Opener
from stream_detector.rules import model


def _opened_at(result: Run) -> list[int | None]:
    return [None if alert is None else alert.opened_at for alert in result.opened]


def check_openings(stream: Stream) -> None:
    """Outcome and opening of every record are the plain model's; `late` says that the window had passed."""
    result = run(stream)
    plain = PlainOpenings(stream.rule)
    expected = [plain.apply(step.record, step.now) for step in stream.steps]
    assert list(zip(result.outcomes, _opened_at(result), strict=True)) == expected
    for step, alert in zip(stream.steps, result.opened, strict=True):
        if alert is not None:
            assert alert.late == (step.record.time + WINDOW <= step.now)
            assert alert.detected_at == step.now
            assert alert.evidence[0].time == step.record.time


def _episodes(stream: Stream) -> list[list[Known]]:
    """The episodes of the whole stream, from all its records at once."""
    groups: dict[tuple[str, str], list[Known]] = {}
    for record in distinct(stream):
        groups.setdefault(group_of(stream.rule, record), []).append(Known(record, 0))
    return [chain for known in groups.values() for chain in chains(known)]


def _instants(stream: Stream, episode: list[Known]) -> list[int]:
    """The records' times at which the episode's row meets the minimums."""
    times = [each.record.time for each in episode]
    return [
        instant
        for instant in times
        if meets(stream.rule, [e.record for e in episode if instant - WINDOW < e.record.time <= instant])
    ]


def check_every_episode_opens(stream: Stream) -> None:
    """One group in any order, nothing forgotten, no record ahead of the clock: an episode opens at
    least once if, and only if, a row of it meets the minimums, and at an instant at which one does."""
    end = max(step.record.time for step in stream.steps) + WINDOW
    calm = replace(stream, steps=tuple(replace(step, now=end, advance_first=False) for step in stream.steps))
    opened = [alert.opened_at for alert in run(calm, UNFORGETTING).opened if alert is not None]
    found = 0
    for episode in _episodes(stream):
        instants = _instants(stream, episode)
        inside = [at for at in opened if episode[0].record.time <= at <= episode[-1].record.time]
        assert bool(inside) == bool(instants)
        assert set(inside) <= set(instants)
        found += len(inside)
    assert found == len(opened)


def check_in_order(stream: Stream) -> None:
    """In order, every episode that meets the minimums opens exactly once, at the first instant it does."""
    opened = sorted(at for at in _opened_at(run(stream, UNFORGETTING)) if at is not None)
    expected = [instants[0] for episode in _episodes(stream) if (instants := _instants(stream, episode))]
    assert opened == sorted(expected)


def check_ids(stream: Stream) -> None:
    """Nothing forgotten: no two alerts share an id, and a replay that receives the copies elsewhere,
    in another spelling and the other copy first gives the same ids."""
    first = [alert for alert in run(stream, UNFORGETTING).opened if alert is not None]
    assert len({alert.alert_id for alert in first}) == len(first)
    again = [
        alert for alert in run(_mirrored(stream), UNFORGETTING, advance=False).opened if alert is not None
    ]
    assert [alert.alert_id for alert in again] == [alert.alert_id for alert in first]
    assert [alert.dedup_key for alert in again] == [alert.dedup_key for alert in first]


def _mirrored(stream: Stream) -> Stream:
    """The stream as another replica receives it: other places, other casing of Azure's names."""
    steps = tuple(
        replace(
            step,
            record=altered(
                step.record,
                operation=step.record.operation.swapcase(),
                correlation_id=step.record.correlation_id.swapcase(),
                origin=Origin("9", 7_000 - number, 3),
            ),
        )
        for number, step in enumerate(stream.steps)
    )
    return replace(stream, steps=steps)


def check_advance_changes_no_opening(stream: Stream) -> None:
    """`advance` may be called or not: the same records open the same alerts with the same rows."""
    with_advance, without = run(stream), run(stream, advance=False)
    assert with_advance.outcomes == without.outcomes
    assert with_advance.opened == without.opened


def check_copies_tell_nothing(stream: Stream) -> None:
    """Within the lateness copies change no alert: same ids, events, revisions and rows without them."""
    told = run(stream, UNFORGETTING, advance=False)
    originals = distinct(stream)
    kept = tuple(step for step in stream.steps if any(step.record is record for record in originals))
    assert told.outcomes.count("matched") == len(originals)
    for step, alerts in zip(stream.steps, told.per_step, strict=True):
        if not any(step.record is record for record in originals):
            assert all(alert.event is AlertEvent.CLOSED for alert in alerts)
    alone = run(replace(stream, steps=kept), UNFORGETTING, advance=False)
    end = stream.steps[-1].now + 1000
    both = [[*result.alerts, *result.detector.advance(end)] for result in (told, alone)]
    told_, alone_ = (
        sorted((a.dedup_key, a.alert_id, a.revision, a.event, repr(a.to_dict()["row"])) for a in alerts)
        for alerts in both
    )
    assert told_ == alone_


@settings(max_examples=800, deadline=None)
@given(streams())
def test_records_open_exactly_what_the_plain_model_says(stream: Stream) -> None:
    check_openings(stream)


@settings(max_examples=400, deadline=None)
@given(streams(caller="ann"))
def test_every_episode_that_meets_the_minimums_opens_in_any_order(stream: Stream) -> None:
    check_every_episode_opens(stream)


@settings(max_examples=400, deadline=None)
@given(streams(in_order=True))
def test_in_order_every_episode_opens_exactly_once(stream: Stream) -> None:
    check_in_order(stream)


@settings(max_examples=300, deadline=None)
@given(streams())
def test_ids_are_unique_and_the_same_after_a_replay(stream: Stream) -> None:
    check_ids(stream)


@settings(max_examples=400, deadline=None)
@given(streams())
def test_what_opens_does_not_depend_on_when_the_clock_is_advanced(stream: Stream) -> None:
    check_advance_changes_no_opening(stream)


@settings(max_examples=400, deadline=None)
@given(streams())
def test_copies_tell_nothing(stream: Stream) -> None:
    check_copies_tell_nothing(stream)


Patch = Callable[[pytest.MonkeyPatch], None]


def _a_window_apart_is_joined(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Chains, group: Group, time: int) -> list[Episode]:
        return [e for e in group.episodes if e.first - WINDOW <= time <= e.last + WINDOW]

    patch.setattr(Chains, "touching", wrong)


def _a_record_between_joins_only_one(patch: pytest.MonkeyPatch) -> None:
    right = Chains.touching
    patch.setattr(Chains, "touching", lambda self, group, time: right(self, group, time)[:1])


def _joining_opens_again(patch: pytest.MonkeyPatch) -> None:
    right = Chains._join

    def wrong(self: Chains, earlier: Episode, later: Episode) -> Episode:
        joined = right(self, earlier, later)
        joined.raised = None
        return joined

    patch.setattr(Chains, "_join", wrong)


def _late_records_are_left_out(patch: pytest.MonkeyPatch) -> None:
    right = Opener.opens_at

    def wrong(self: Opener, group: Group, episode: Episode, time: int, now: int) -> int | None:
        return None if time + WINDOW <= now else right(self, group, episode, time, now)

    patch.setattr(Opener, "opens_at", wrong)


def _only_the_record_s_own_window_is_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(openings, "_instants", lambda times, begin, end, arrived: iter((arrived,)))


def _the_window_at_the_clock_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    right = Opener._is_met

    def wrong(self: Opener, group: Group, of: Any, instant: int, time: int | None) -> bool:
        return of is not group.episodes and right(self, group, of, instant, time)

    patch.setattr(Opener, "_is_met", wrong)


def _thresholds_are_met_by_any_member(patch: pytest.MonkeyPatch) -> None:
    right = openings.first_met

    def wrong(rule: Any, columns: Any, key: Any, times: Any, inputs: Any, *rest: int) -> int | None:
        distinct_inputs: list[tuple[object, ...]] = [
            tuple(f"{n}" for _ in each) for n, each in enumerate(inputs)
        ]
        return right(rule, columns, key, times, distinct_inputs, *rest)

    patch.setattr(openings, "first_met", wrong)


def _the_newest_record_is_never_out_of_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Opener, "_within", lambda self, group, episode, time: time)


def _inputs_are_kept_in_order_of_arrival(patch: pytest.MonkeyPatch) -> None:
    right = Chains._extend

    def wrong(self: Chains, episode: Episode, record: Episode, inputs: Any, mark: int) -> None:
        right(self, episode, record, inputs, mark)
        if episode.inputs is not None:
            episode.inputs.remove(inputs)
            episode.inputs.append(inputs)

    patch.setattr(Chains, "_extend", wrong)


def _an_episode_is_forgotten_with_its_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lifecycle, "_remembered_until", lambda self, episode: episode.last + WINDOW)


def _touching_does_not_keep_an_episode(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lifecycle, "_remembered_until", lambda self, episode: episode.last + WINDOW + LATENESS)


def _an_episode_is_kept_a_tick_longer(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle._remembered_until
    patch.setattr(Lifecycle, "_remembered_until", lambda self, episode: right(self, episode) + 1)


def _only_advance_forgets(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle.settle

    def wrong(self: Lifecycle, group: Group, now: int) -> list[Any]:
        kept = group.episodes
        alerts = right(self, group, now)
        if group.wake < 2**63:
            group.episodes = kept
        return alerts

    patch.setattr(Lifecycle, "settle", wrong)


def _no_copy_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered, "holds", lambda *_: False)


def _only_the_latest_record_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered, "holds", lambda times, time, mark: list(times[-2:]) == [time, mark])


def _ids_hold_the_place_of_receipt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "fingerprint", lambda record: f"{record.time} {record.origin}".encode())


def _ids_hold_the_spelling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "fold", str)
    patch.setattr(model, "fold", str)


def _ids_hold_the_group_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "alert_id", lambda digest, opening: digest.hex())


TWO_OR_THREE = st.integers(2, 3).map(lambda least: (Limit("N", least),))
THINGS = st.integers(2, 4).map(lambda least: (Limit("Things", least),))

WRONG: dict[str, tuple[Patch, Callable[[Stream], None], dict[str, Any]]] = {
    "a window apart is joined": (_a_window_apart_is_joined, check_openings, {}),
    "a record between joins only one": (_a_record_between_joins_only_one, check_openings, {}),
    "joining opens again": (_joining_opens_again, check_openings, {}),
    "late records are left out": (_late_records_are_left_out, check_openings, {}),
    "only the record's own window is checked": (
        _only_the_record_s_own_window_is_checked,
        check_openings,
        {"caller": "ann", "limits": TWO_OR_THREE},
    ),
    "the window at the clock is not checked": (_the_window_at_the_clock_is_not_checked, check_openings, {}),
    "thresholds are met by any member": (
        _thresholds_are_met_by_any_member,
        check_openings,
        {"caller": "ann", "limits": THINGS},
    ),
    "the newest record is never out of order": (
        _the_newest_record_is_never_out_of_order,
        check_openings,
        {"caller": "ann", "limits": THINGS},
    ),
    "inputs are kept in order of arrival": (
        _inputs_are_kept_in_order_of_arrival,
        check_openings,
        {"caller": "ann", "limits": THINGS},
    ),
    "an episode is forgotten with its window": (_an_episode_is_forgotten_with_its_window, check_openings, {}),
    "touching does not keep an episode": (_touching_does_not_keep_an_episode, check_openings, {}),
    "an episode is kept a tick longer": (_an_episode_is_kept_a_tick_longer, check_openings, {}),
    "any order: late records are left out": (
        _late_records_are_left_out,
        check_every_episode_opens,
        {"caller": "ann"},
    ),
    "any order: only the record's own window is checked": (
        _only_the_record_s_own_window_is_checked,
        check_every_episode_opens,
        {"caller": "ann", "limits": TWO_OR_THREE},
    ),
    "in order: a window apart is joined": (_a_window_apart_is_joined, check_in_order, {"in_order": True}),
    "ids hold the place of receipt": (_ids_hold_the_place_of_receipt, check_ids, {}),
    "ids hold the spelling": (_ids_hold_the_spelling, check_ids, {}),
    "ids hold the group alone": (_ids_hold_the_group_alone, check_ids, {}),
    "only advance forgets": (_only_advance_forgets, check_advance_changes_no_opening, {}),
    "no copy is known": (_no_copy_is_known, check_copies_tell_nothing, {}),
    "only the latest record is known": (_only_the_latest_record_is_known, check_copies_tell_nothing, {}),
}


@pytest.mark.parametrize(("wrong", "check", "kind"), WRONG.values(), ids=WRONG.keys())
def test_wrong_openings_are_noticed(
    wrong: Patch, check: Callable[[Stream], None], kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check, streams(**kind))
