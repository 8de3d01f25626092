"""What is handed out, row by row, against a re-computation over all rows; and in any order the same.

Each property is also run against joins that are wrong on purpose, and has to notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from correlation_plain import (
    HOLD,
    OPTIONS,
    UNFORGETTING,
    Plain,
    Row,
    Stream,
    content_of,
    facts_of_all,
    key_of,
    row_of,
    streams,
    taken,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered
from window_plain import is_counterexample_found

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord
from stream_detector.detect import correlation, operation
from stream_detector.detect.correlation import Correlator
from stream_detector.detect.operation import Facts, Known


def check_each_answer(stream: Stream) -> None:
    """With holds that run out: every answer is the plain one, whenever `forget` is called."""
    correlator, plain = Correlator(OPTIONS), Plain(HOLD)
    for step in stream:
        if step.forget_at is not None:
            correlator.forget(step.forget_at)
        assert taken(correlator, step.record, step.now) == plain.take(step.record, step.now)
    assert correlator.dropped_operations == correlator.dropped_rows == 0


def check_last_of_each_row(stream: Stream) -> None:
    """Within the hold: what was handed out last for each row has the facts of all rows of its operation."""
    correlator = Correlator(UNFORGETTING)
    last: dict[object, CorrelatedRecord] = {}
    for step in stream:
        for row in correlator.take(step.record, step.now):
            plain = ActivityRecord(*(getattr(row, name) for name in ActivityRecord.__struct_fields__))
            last[content_of(plain)] = row
    together: dict[object, list[ActivityRecord]] = {}
    for step in stream:
        key = key_of(step.record) or content_of(step.record)
        together.setdefault(key, []).append(step.record)
    expected: dict[object, Row] = {}
    for rows in together.values():
        facts = facts_of_all(rows)
        expected |= {content_of(row): facts for row in rows}
    assert last.keys() == expected.keys()
    for content, row in last.items():
        assert row_of(row) == row_of(row, expected[content])


def check_order_is_of_no_matter(case: tuple[Stream, int]) -> None:
    """Another order of arrival gives, in the end, the same facts and holds the same rows."""
    stream, seed = case
    held: list[Any] = []
    # A number's digits in the factorial base name one order each.
    shuffled, rest = [], list(stream)
    while rest:
        seed, position = divmod(seed, len(rest))
        shuffled.append(rest.pop(position))
    for order in (stream, shuffled):
        correlator = Correlator(UNFORGETTING)
        for step in order:
            correlator.take(step.record, 1000)
        _, operations = correlator.export()
        # Which of several copies is held, and so where it was received, does depend on the order.
        held.append(
            {digest: (facts, {without_origin(row) for row in rows}) for digest, _, facts, rows in operations}  # type: ignore[attr-defined]
        )
    assert held[0] == held[1]


def without_origin(row: tuple[object, ...]) -> tuple[object, ...]:
    """An exported row, but for where it was received."""
    return (*row[:13], *row[14:])


_orders = st.tuples(streams(), st.integers(0, 10**9))


@settings(max_examples=600, deadline=None)
@given(streams())
def test_each_answer_is_the_plain_one(stream: Stream) -> None:
    check_each_answer(stream)


@settings(max_examples=400, deadline=None)
@given(streams())
def test_the_last_answer_for_each_row_knows_all_rows(stream: Stream) -> None:
    check_last_of_each_row(stream)


@settings(max_examples=400, deadline=None)
@given(_orders)
def test_the_order_of_arrival_is_of_no_matter_in_the_end(case: tuple[Stream, int]) -> None:
    check_order_is_of_no_matter(case)


Patch = Callable[[pytest.MonkeyPatch], None]
_join, _facts_of, _digest = operation.join, operation.facts_of, operation.operation_digest
_content = correlation._content


def _joins(change: Callable[[Facts, Facts], dict[str, object]]) -> Patch:
    """The join with some facts joined otherwise."""
    return lambda patch: patch.setattr(
        correlation, "join", lambda some, other: altered(_join(some, other), **change(some, other))
    )


def _names(change: Callable[[ActivityRecord], ActivityRecord]) -> Patch:
    """Operations named after another record than the one that arrives."""
    return lambda patch: patch.setattr(
        correlation, "operation_digest", lambda record: _digest(change(record))
    )


def _contents(change: Callable[[ActivityRecord], ActivityRecord]) -> Patch:
    return lambda patch: patch.setattr(correlation, "_content", lambda record: _content(change(record)))


def _says(**change: Callable[[ActivityRecord], Known | None]) -> Patch:
    """A row's own facts got wrong."""

    def wrong(record: ActivityRecord) -> Facts:
        return altered(_facts_of(record), **{name: says(record) for name, says in change.items()})

    return lambda patch: patch.setattr(correlation, "facts_of", wrong)


def _names_by_upper_case(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operation, "fold", str.upper)


def _names_by_unicode_case(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operation, "fold", str.casefold)


def _names_keep_their_case(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(correlation, "operation_digest", lambda record: record.correlation_id.encode() or None)


def _body_names_of_one_casing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operation, "_NAME", re.compile('"re(?:quest|sponse)body"'))


def _others_are_not_told(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._learn

    def wrong(self: Correlator, *rest: Any) -> tuple[ActivityRecord, ...]:
        right(self, *rest)
        return ()

    patch.setattr(Correlator, "_learn", wrong)


def _others_are_told_always(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._learn

    def wrong(self: Correlator, held: Any, record: ActivityRecord) -> tuple[ActivityRecord, ...]:
        right(self, held, record)
        return tuple(row for row in held.rows if row is not record)

    patch.setattr(Correlator, "_learn", wrong)


def _hold_begins_with_the_first_row(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.take

    def wrong(self: Correlator, record: ActivityRecord, now: int) -> tuple[CorrelatedRecord, ...]:
        held = self._held.get(_digest(record) or b"")
        touched = None if held is None else held.touched
        given = right(self, record, now)
        if held is not None and touched is not None:
            held.touched = touched
        return given

    patch.setattr(Correlator, "take", wrong)


def _hold_ends_early(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.forget
    patch.setattr(Correlator, "forget", lambda self, now: right(self, now + 1))


def _only_forget_forgets(patch: pytest.MonkeyPatch) -> None:
    right = Correlator.take

    def wrong(self: Correlator, record: ActivityRecord, now: int) -> tuple[CorrelatedRecord, ...]:
        return right(self, record, 1000)

    patch.setattr(Correlator, "take", wrong)


def _copies_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(correlation, "_is_same_row", lambda one, other: False)


def _the_newest_row_is_no_copy(patch: pytest.MonkeyPatch) -> None:
    right = Correlator._add

    def wrong(self: Correlator, held: Any, record: ActivityRecord) -> bool:
        if held.rows and record.time == held.rows[-1].time:
            held.rows.append(record)
            return True
        return right(self, held, record)

    patch.setattr(Correlator, "_add", wrong)


WRONG: dict[str, Patch] = {
    "the first to arrive is the caller": _joins(lambda some, other: {"caller": some.caller or other.caller}),
    "the last to arrive is the caller": _joins(lambda some, other: {"caller": other.caller or some.caller}),
    "the latest address": _joins(
        lambda some, other: {"caller_ip": operation._later(some.caller_ip, other.caller_ip)}
    ),
    "the latest request body": _joins(
        lambda some, other: {"request_body": operation._later(some.request_body, other.request_body)}
    ),
    "the first response body": _joins(
        lambda some, other: {"response_body": operation._earlier(some.response_body, other.response_body)}
    ),
    "the first outcome": _joins(
        lambda some, other: {"outcome": operation._earlier(some.outcome, other.outcome)}
    ),
    "the start is that of the first arrival": _joins(lambda some, other: {"started": some.started}),
    "the end is that of the last arrival": _joins(lambda some, other: {"ended": other.ended}),
    "every status is an outcome": _says(outcome=lambda record: (record.time, record.status)),
    "only Success is an outcome": _says(
        outcome=lambda record: (record.time, record.status) if record.status == "Success" else None
    ),
    "an empty caller is a caller": _says(caller=lambda record: (record.time, record.caller)),
    "bodies of one casing only": _body_names_of_one_casing,
    "operations without the resource": _names(lambda record: altered(record, resource_id="")),
    "operations without the operation": _names(lambda record: altered(record, operation="")),
    "texts run together": _names(
        lambda record: altered(record, operation=record.operation + record.resource_id, resource_id="")
    ),
    "the nil id is an id": _names(
        lambda record: altered(record, correlation_id=record.correlation_id.replace("0000-", "x"))
    ),
    "names by upper case": _names_by_upper_case,
    "names by Unicode case": _names_by_unicode_case,
    "names keep their case": _names_keep_their_case,
    "copies with another caller are copies": _contents(lambda record: altered(record, caller="")),
    "copies with other Properties are copies": _contents(lambda record: altered(record, properties="")),
    "copies count": _copies_count,
    "the newest row is no copy": _the_newest_row_is_no_copy,
    "others are not told": _others_are_not_told,
    "others are told always": _others_are_told_always,
    "the hold begins with the first row": _hold_begins_with_the_first_row,
    "the hold ends early": _hold_ends_early,
    "only forget forgets": _only_forget_forgets,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_join_is_noticed(wrong: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(monkeypatch)
    assert is_counterexample_found(check_each_answer, streams())


_WITHIN_THE_HOLD = (
    "the first to arrive is the caller",
    "the end is that of the last arrival",
    "copies with another caller are copies",
    "others are not told",
    "copies count",
)


@pytest.mark.parametrize("name", _WITHIN_THE_HOLD)
def test_a_row_that_was_left_behind_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    WRONG[name](monkeypatch)
    assert is_counterexample_found(check_last_of_each_row, streams())


@pytest.mark.parametrize("name", _WITHIN_THE_HOLD[:3])
def test_an_order_that_matters_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    WRONG[name](monkeypatch)
    assert is_counterexample_found(check_order_is_of_no_matter, _orders)


@settings(max_examples=300, deadline=None)
@given(st.lists(streams(most=1, ids=0), min_size=3, max_size=3))
def test_facts_are_joined_in_any_grouping(rows: list[Stream]) -> None:
    one, two, three = (operation.facts_of(stream[0].record) for stream in rows)
    assert _join(one, two) == _join(two, one)
    assert _join(_join(one, two), three) == _join(one, _join(two, three))
    assert _join(one, one) == one
