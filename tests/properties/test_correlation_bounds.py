"""The limits of the correlation: whatever arrives and whenever, memory stays bounded, and what a bound
leaves is as right as without it; what is stored and loaded goes on as if nothing had happened.

Each property is also run against correlators that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from correlation_plain import (
    FOREVER,
    HOLD,
    OPTIONS,
    UNFORGETTING,
    Plain,
    Stream,
    facts_of_all,
    key_of,
    row_of,
    streams,
    taken,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from window_plain import is_counterexample_found

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import correlation
from stream_detector.detect import correlation_state as state
from stream_detector.detect.correlation import CorrelationOptions, Correlator, operation_digest
from stream_detector.detect.operation import facts_of, join
from stream_detector.ticks import MAX_TICKS, MIN_TICKS

_FACTS = ("caller", "caller_ip", "request_body", "response_body", "outcome", "started", "duration")


def check_most_operations(stream: Stream) -> None:
    """At the bound the operation longest without an arrival goes, and no other."""
    correlator = Correlator(replace(OPTIONS, max_operations=2))
    plain = Plain(HOLD, max_operations=2)
    for step in stream:
        assert taken(correlator, step.record, step.now) == plain.take(step.record, step.now)
        assert correlator.operations_held == len(plain.rows) <= 2
        assert correlator.dropped_operations == plain.dropped


def check_most_bytes(case: tuple[Stream, int]) -> None:
    """Within a bound on bytes, what is held is always a run of the latest operations, as long as may be."""
    stream, most = case
    correlator, unbounded = Correlator(replace(UNFORGETTING, max_bytes=most)), Correlator(UNFORGETTING)
    latest: dict[bytes, None] = {}
    for step in stream:
        correlator.take(step.record, step.now)
        unbounded.take(step.record, step.now)
        digest = operation_digest(step.record)
        if digest is not None:
            latest.pop(digest, None)
            latest[digest] = None
        held = [operation[0] for operation in correlator.export()[1]]
        assert held == list(latest)[len(latest) - len(held) :]
        assert correlator.bytes_held <= most
        if unbounded.bytes_held <= most:
            assert correlator.export() == unbounded.export()
            assert correlator.dropped_operations == 0
        assert correlator.dropped_operations >= len(latest) - len(held)


def check_most_rows(case: tuple[Stream, int]) -> None:
    """With few rows for each operation facts stay exact, and so few rows are handed out again; those
    are the earliest and the latest."""
    stream, most = case
    correlator = Correlator(replace(UNFORGETTING, max_rows_per_operation=most))
    arrived: dict[object, list[ActivityRecord]] = {}
    for step in stream:
        first, *others = map(row_of, correlator.take(step.record, step.now))
        rows = arrived.setdefault(key_of(step.record) or step, [])
        rows.append(step.record)
        expected = facts_of_all(rows)
        for row in (first, *others):
            assert [row[f"operation_{name}"] for name in _FACTS] == [
                expected[f"operation_{name}"] for name in _FACTS
            ]
            assert row["operation_rows"] <= most
        assert len(others) <= most
        times = sorted({row.time for row in rows})
        if others and len(others) + 1 > most >= 2:  # the row that arrived is not among those held
            assert others[0]["time"] == times[0]
            assert others[-1]["time"] == times[-1]


def check_most_rows_in_any_order(case: tuple[Stream, int]) -> None:
    """Which rows the bound leaves does not depend on the order of arrival, nor does their number."""
    stream, most = case
    left: list[Any] = []
    # A row delivered again is that row; copies received elsewhere would be told by where they were.
    for order in (stream, stream[::-1], sorted(stream, key=lambda step: step.record.properties)):
        correlator = Correlator(replace(UNFORGETTING, max_rows_per_operation=most))
        for step in order:
            last = correlator.take(step.record, 1000)[0]
        again = correlator.take(stream[0].record, 1000)
        assert len(again) == 1
        left.append(
            (
                {
                    digest: (facts, [(*row[:13], *row[14:]) for row in rows])  # type: ignore[attr-defined]
                    for digest, _, facts, rows in correlator.export()[1]
                },
                again[0].operation_rows,
            )
        )
        assert last.operation_rows <= most
    assert left[0] == left[1] == left[2]


_clocks = st.one_of(st.integers(900, 2000), st.sampled_from((MIN_TICKS, MAX_TICKS, 0)))
_options = st.builds(
    CorrelationOptions,
    hold=st.sampled_from((0, 1, 50, FOREVER)),
    max_operations=st.integers(1, 3),
    max_bytes=st.sampled_from((0, 3_000, 6_000, 10**9)),
    max_rows_per_operation=st.integers(1, 4),
)


def check_wild(stream: Stream, options: CorrelationOptions, clocks: list[int]) -> None:
    """With any limits and a clock that jumps to and fro: every row comes out, with its own facts at least,
    nothing exceeds its bound, and in the end nothing is held."""
    correlator = Correlator(options)
    for number, step in enumerate(stream):
        now = clocks[number % len(clocks)]
        if step.forget_at is not None:
            correlator.forget(clocks[-1])
        rows = correlator.take(step.record, now)
        assert rows[0].origin == step.record.origin
        assert not step.record.caller or rows[0].operation_caller
        assert rows[0].operation_started <= step.record.time
        assert rows[0].operation_started + rows[0].operation_duration >= step.record.time
        assert 1 <= len(rows) <= options.max_rows_per_operation + 1
        assert correlator.operations_held <= options.max_operations
        assert 0 <= correlator.bytes_held <= options.max_bytes
        assert (correlator.operations_held == 0) == (correlator.bytes_held == 0)
        assert (correlator.next_due() is None) == (correlator.operations_held == 0)
    correlator.forget(MAX_TICKS + FOREVER)
    assert correlator.operations_held == correlator.bytes_held == 0
    assert correlator.next_due() is None


def check_state(case: tuple[Stream, int, int]) -> None:
    """Stored and loaded anywhere, the correlator goes on as before; its holds begin anew at the clock."""
    stream, position, most = case
    position %= len(stream)
    options = replace(UNFORGETTING, max_rows_per_operation=most)
    straight, loaded = Correlator(options), Correlator(options)
    for step in stream[:position]:
        straight.take(step.record, step.now)
    stored = straight.export()
    loaded.take(stream[0].record, 0)  # what was held before is gone
    loaded.load(stored, stream[position].now)
    assert [row[:1] + row[2:] for row in loaded.export()[1]] == [row[:1] + row[2:] for row in stored[1]]
    assert loaded.bytes_held == straight.bytes_held
    assert (loaded.next_due() or FOREVER) >= stream[position].now
    for step in stream[position:]:
        assert taken(loaded, step.record, step.now) == taken(straight, step.record, step.now)


_several = streams(ids=1)
_flood = streams(most=24, ids=0)
_bytes = st.tuples(_several, st.sampled_from((0, 2_500, 4_000, 6_000, 9_000, 20_000)))
_rows = st.tuples(_flood, st.integers(1, 6))
_states = st.tuples(_flood, st.integers(0, 23), st.sampled_from((1, 2, 3, 16)))
_wild = st.tuples(streams(), _options, st.lists(_clocks, min_size=1, max_size=12))


@settings(max_examples=400, deadline=None)
@given(_several)
def test_the_operation_longest_without_an_arrival_goes_first(stream: Stream) -> None:
    check_most_operations(stream)


@settings(max_examples=300, deadline=None)
@given(_bytes)
def test_bytes_are_bounded_and_the_latest_operations_stay(case: tuple[Stream, int]) -> None:
    check_most_bytes(case)


@settings(max_examples=300, deadline=None)
@given(_rows)
def test_facts_are_exact_beyond_the_bound_on_rows(case: tuple[Stream, int]) -> None:
    check_most_rows(case)


@settings(max_examples=300, deadline=None)
@given(_rows)
def test_the_rows_that_a_bound_leaves_do_not_depend_on_order(case: tuple[Stream, int]) -> None:
    check_most_rows_in_any_order(case)


@settings(max_examples=400, deadline=None)
@given(_wild)
def test_no_limits_and_no_clock_break_a_bound(case: tuple[Stream, CorrelationOptions, list[int]]) -> None:
    check_wild(*case)


@settings(max_examples=300, deadline=None)
@given(_states)
def test_what_is_loaded_goes_on_as_what_was_stored(case: tuple[Stream, int, int]) -> None:
    check_state(case)


@settings(max_examples=100, deadline=None)
@given(_states)
def test_the_state_survives_lists_in_place_of_tuples(case: tuple[Stream, int, int]) -> None:
    stream, _, most = case
    correlator = Correlator(replace(UNFORGETTING, max_rows_per_operation=most))
    for step in stream:
        correlator.take(step.record, step.now)
    version, operations = correlator.export()
    as_lists = [[digest, *json.loads(json.dumps(rest))] for digest, *rest in operations]
    other = Correlator(replace(UNFORGETTING, max_rows_per_operation=most))
    other.load([version, as_lists], 0)
    assert other.export() == correlator.export()


Patch = Callable[[pytest.MonkeyPatch], None]


def _the_newest_operation_goes(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Correlator) -> None:
        while self.bytes_held > self._options.max_bytes or len(self._held) > self._options.max_operations:
            self._drop(next(reversed(self._held)))
            self.dropped_operations += 1

    patch.setattr(Correlator, "_keep_bounds", wrong)


def _an_arrival_does_not_renew_the_place(patch: pytest.MonkeyPatch) -> None:
    class Unmoved(dict[bytes, Any]):
        def move_to_end(self, key: bytes) -> None:
            pass

    patch.setattr(correlation, "OrderedDict", Unmoved)


def _bytes_are_never_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Correlator, "_drop", lambda self, digest: self._held.pop(digest))


def _only_rows_that_begin_an_operation_have_bytes(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._measure

    def wrong(self: Correlator, held: Any) -> None:
        if not held.size:
            right(self, held)

    patch.setattr(Correlator, "_measure", wrong)


def _drops_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._keep_bounds

    def wrong(self: Correlator) -> None:
        right(self)
        self.dropped_operations = 0

    patch.setattr(Correlator, "_keep_bounds", wrong)


def _cut_at(position: Callable[[Any, int], int]) -> Patch:
    """The bound on rows takes another row than the middle one."""
    right = Correlator._add

    def apply(patch: pytest.MonkeyPatch) -> None:
        def wrong(self: Correlator, held: Any, record: ActivityRecord) -> bool:
            most = self._options.max_rows_per_operation
            roomy = Correlator(replace(self._options, max_rows_per_operation=most + 1))
            is_new = right(roomy, held, record)
            if len(held.rows) > most:
                dropped = held.rows.pop(position(held.rows, most))
                held.distinct -= not any(correlation._is_same_row(row, dropped) for row in held.rows)
            return is_new

        patch.setattr(Correlator, "_add", wrong)

    return apply


def _rows_are_not_bounded(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._add

    def wrong(self: Correlator, held: Any, record: ActivityRecord) -> bool:
        return right(Correlator(), held, record)

    patch.setattr(Correlator, "_add", wrong)


def _a_dropped_row_counts_on(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._add

    def wrong(self: Correlator, held: Any, record: ActivityRecord) -> bool:
        before = held.distinct
        is_new = right(self, held, record)
        held.distinct = max(before, held.distinct) + (is_new and before == held.distinct)
        return is_new

    patch.setattr(Correlator, "_add", wrong)


def _facts_go_with_dropped_rows(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._learn

    def wrong(self: Correlator, held: Any, record: ActivityRecord) -> tuple[ActivityRecord, ...]:
        rest = right(self, held, record)
        held.facts = facts_of(held.rows[0])
        for row in islice(held.rows, 1, None):
            held.facts = join(held.facts, facts_of(row))
        return rest

    patch.setattr(Correlator, "_learn", wrong)


def _stored_facts_are_those_of_the_rows(patch: pytest.MonkeyPatch) -> None:
    right = state.exported

    def wrong(held: Any) -> Any:
        rows_only = [(digest, at, facts_of(rows[0]), rows) for digest, at, _, rows in held]
        return right(rows_only)

    patch.setattr(state, "exported", wrong)


def _loading_adds_to_what_was_held(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.load

    def wrong(self: Correlator, exported: Any, now: int) -> None:
        before = dict(self._held)
        right(self, exported, now)
        for digest, held in before.items():
            self._held.setdefault(digest, held)

    patch.setattr(Correlator, "load", wrong)


def _a_front_that_is_held_hides_the_rest(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.forget
    patch.setattr(Correlator, "forget", lambda self, now: right(self, min(now, 3000)))


WRONG: dict[str, tuple[Patch, Callable[[Any], None], st.SearchStrategy[Any]]] = {
    "the newest operation goes": (_the_newest_operation_goes, check_most_operations, _several),
    "the newest operation goes, by bytes": (_the_newest_operation_goes, check_most_bytes, _bytes),
    "an arrival does not renew the place": (
        _an_arrival_does_not_renew_the_place,
        check_most_operations,
        _several,
    ),
    "bytes are never given back": (
        _bytes_are_never_given_back,
        lambda stream: check_wild(stream, OPTIONS, [1000, 2000]),
        _several,
    ),
    "later rows have no bytes": (_only_rows_that_begin_an_operation_have_bytes, check_state, _states),
    "drops are not counted": (_drops_are_not_counted, check_most_operations, _several),
    "the oldest row goes": (_cut_at(lambda rows, most: 0), check_most_rows, _rows),
    "the newest row goes": (_cut_at(lambda rows, most: most), check_most_rows, _rows),
    "any row goes": (
        _cut_at(lambda rows, most: len(rows[0].caller_ip + rows[0].status) % len(rows)),
        check_most_rows_in_any_order,
        _rows,
    ),
    "rows are not bounded": (_rows_are_not_bounded, check_most_rows, _rows),
    "a dropped row counts on": (_a_dropped_row_counts_on, check_most_rows, _rows),
    "facts go with dropped rows": (_facts_go_with_dropped_rows, check_most_rows, _rows),
    "stored facts are those of the rows": (_stored_facts_are_those_of_the_rows, check_state, _states),
    "loading adds to what was held": (_loading_adds_to_what_was_held, check_state, _states),
    "a far future is never forgotten": (
        _a_front_that_is_held_hides_the_rest,
        lambda case: check_wild(*case),
        _wild,
    ),
}


@pytest.mark.parametrize(("wrong", "check", "cases"), WRONG.values(), ids=WRONG.keys())
def test_wrong_bounds_of_the_correlation_are_noticed(
    wrong: Patch,
    check: Callable[[Any], None],
    cases: st.SearchStrategy[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check, cases)
