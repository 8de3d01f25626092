"""The rows that the state gives equal the query run over all records, at any instant.

Records in any order, with copies, thresholds, either grouping, and eviction at random times. Each
property is also run against windows that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from window_plain import (
    Stream,
    assert_row_is_legal,
    distinct,
    group_of,
    is_counterexample_found,
    query,
    run,
    streams,
)

from stream_detector.detect import group as groups
from stream_detector.detect import identity, recent, window
from stream_detector.detect import times as remembered
from stream_detector.detect.detector import Detector
from stream_detector.detect.episode import Episode
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.minimums import Minimums
from stream_detector.detect.window import RuleWindow


def check_rows(stream: Stream) -> None:
    """After each record, `rows` is the query over all distinct records so far.

    At any instant from `lateness` before the clock on.
    """
    run(stream, after_each=lambda detector, count: _check_rows_now(stream, detector, count))


def _check_rows_now(stream: Stream, detector: Detector, count: int) -> None:
    at = stream.steps[count - 1].now + stream.at_after
    spellings = {step.record.caller: group_of(stream.rule, step.record) for step in stream.steps[:count]}
    expected = query(stream.rule, distinct(stream, count), at)
    got = [(spellings[str(row["Who"])], row) for row in detector.rows(at, "small")]
    assert sorted(name for name, _ in got) == sorted(expected)
    for name, row in got:
        assert_row_is_legal(row, expected[name])


@settings(max_examples=800, deadline=None)
@given(streams())
def test_rows_equal_the_query_over_all_records(stream: Stream) -> None:
    check_rows(stream)


Patch = Callable[[pytest.MonkeyPatch], None]


def _edge_is_included(patch: pytest.MonkeyPatch) -> None:
    right = groups.aggregate
    patch.setattr(window, "aggregate", lambda columns, of, floor: right(columns, of, floor - 1))


def _sets_keep_the_first_sighting(patch: pytest.MonkeyPatch) -> None:
    right = recent._note

    def wrong(column: Any, latest: dict[str, int], value: str, *rest: Any) -> bool:
        return value not in latest and right(column, latest, value, *rest)

    patch.setattr(recent, "_note", wrong)


def _full_sets_drop_the_newest(patch: pytest.MonkeyPatch) -> None:
    right = recent._note

    def wrong(column: Any, latest: dict[str, int], value: str, *rest: Any) -> bool:
        return (value in latest or len(latest) < column.capacity) and right(column, latest, value, *rest)

    patch.setattr(recent, "_note", wrong)


def _any_takes_an_empty_value(patch: pytest.MonkeyPatch) -> None:
    def wrong(columns: Any, seen: Any, time: int) -> Any:
        return seen if isinstance(seen, list) else [{value: time} for value in seen]

    patch.setattr(recent, "spread", wrong)


def _times_are_dropped_a_window_early(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: RuleWindow, episode: Episode, now: int) -> None:
        past = min(episode.last - 1, now - self._options.lateness)
        self._drop(episode, remembered.count_through(episode.times, past))

    patch.setattr(RuleWindow, "_drop_past", wrong)


def _episodes_are_forgotten_a_tick_early(patch: pytest.MonkeyPatch) -> None:
    right = Lifecycle._remembered_until
    patch.setattr(Lifecycle, "_remembered_until", lambda self, episode: right(self, episode) - 1)


def _joining_loses_the_earlier_records(patch: pytest.MonkeyPatch) -> None:
    right = RuleWindow._join

    def wrong(self: RuleWindow, earlier: Episode, later: Episode) -> Episode:
        times = later.times
        joined = right(self, earlier, later)
        joined.times = times
        return joined

    patch.setattr(RuleWindow, "_join", wrong)


def _fingerprints_ignore(name: str) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        right = identity.fingerprint
        patch.setattr(identity, "fingerprint", lambda record: right(replace(record, **{name: ""})))

    return apply


def _folding_is_unicode(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "fold", str.casefold)


def _grouping_ignores_case_always(patch: pytest.MonkeyPatch) -> None:
    right = identity.group_digest
    patch.setattr(
        identity, "group_digest", lambda rule_id, key, ignore_case: right(rule_id, key, ignore_case=True)
    )


def _thresholds_are_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Minimums, "met_by", lambda self, row: True)


def _copies_are_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RuleWindow, "_is_known", lambda *_: False)


WRONG: dict[str, Patch] = {
    "the edge of the window is included": _edge_is_included,
    "sets keep the first sighting": _sets_keep_the_first_sighting,
    "full sets drop the newest value": _full_sets_drop_the_newest,
    "any takes an empty value": _any_takes_an_empty_value,
    "times are dropped a window early": _times_are_dropped_a_window_early,
    "episodes are forgotten a tick early": _episodes_are_forgotten_a_tick_early,
    "joining loses the earlier records": _joining_loses_the_earlier_records,
    "the content ignores the status detail": _fingerprints_ignore("status_detail"),
    "the content ignores the correlation": _fingerprints_ignore("correlation_id"),
    "the content ignores the resource": _fingerprints_ignore("resource_id"),
    "folding is Unicode": _folding_is_unicode,
    "grouping ignores case always": _grouping_ignores_case_always,
    "thresholds are ignored": _thresholds_are_ignored,
    "copies are counted": _copies_are_counted,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_rows_are_noticed(wrong: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check_rows, streams())
