"""One partition: numbers, retention, positions; and which partition a key leads to."""

from __future__ import annotations

from typing import Any

import pytest
from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.amqp.sections import data_message
from stream_detector.localhub.amqp.types import Described, Symbol, ULong
from stream_detector.localhub.events import Arrival, read_submission
from stream_detector.localhub.partition import Partition, Retention, geo_offset
from stream_detector.localhub.placement import key_hash, partition_for_key
from stream_detector.localhub.selector import (
    FILTER_CODE,
    FILTER_NAME,
    Position,
    SelectorError,
    parse_selector,
    position_in,
    start_at,
)


def arrival(size: int = 10) -> Arrival:
    return read_submission(data_message(b"x" * size), 0).events[0]


def filled(count: int, retention: Retention | None = None, first: int = 0) -> Partition:
    """Event `n` was enqueued at 1000 * n milliseconds."""
    partition = Partition("0", retention or Retention(), first_sequence_number=first)
    for number in range(count):
        partition.append([arrival()], None, 1000 * number)
    return partition


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5000)), max_size=60),
    st.one_of(st.none(), st.integers(0, 3000)),
    st.one_of(st.none(), st.integers(0, 20_000)),
)
def test_retention_keeps_the_newest_within_its_limits_and_numbers_go_on(
    arrivals: list[tuple[int, int]], size: int | None, age_ms: int | None
) -> None:
    partition = Partition("0", Retention(size, age_ms))
    now = 0
    for length, pause in arrivals:
        now += pause
        partition.append([arrival(length)], None, now)
    first, following = partition.first_sequence_number, partition.next_sequence_number
    assert following == len(arrivals)
    kept = [partition.at(number) for number in range(first, following)]
    assert None not in kept
    assert partition.at(first - 1) is None
    assert partition.at(following) is None
    events = [event for event in kept if event is not None]
    assert [event.sequence_number for event in events] == list(range(first, following))
    assert sum(event.size for event in events) == partition.size
    assert partition.is_empty == (not events)
    if size is not None and len(events) > 1:
        assert partition.size <= size
    if age_ms is not None:
        assert all(event.enqueued_ms > now - age_ms for event in events)


def test_retention_keeps_its_memory_small_over_many_events() -> None:
    partition = Partition("0", Retention(size=5000))
    for number in range(20_000):
        partition.append([arrival()], None, number)
    assert partition.size <= 5000
    assert len(partition._events) < 3000
    assert partition.next_sequence_number == 20_000
    kept = partition.first_sequence_number
    event = partition.at(kept)
    assert event is not None
    assert partition.first_by_offset(event.offset, inclusive=True) == kept


def test_enqueued_times_do_not_go_back_with_the_clock() -> None:
    partition = Partition("0", Retention())
    partition.append([arrival()], None, 5000)
    partition.append([arrival()], None, 4000)
    last = partition.at(1)
    assert last is not None
    assert last.enqueued_ms == 5000


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("amqp.annotation.x-opt-offset > '-1'", 5),
        ("amqp.annotation.x-opt-offset >= '@latest'", 30),
        ("amqp.annotation.x-opt-sequence-number > '12'", 13),
        ("amqp.annotation.x-opt-sequence-number >= '12'", 12),
        ("amqp.annotation.x-opt-sequence-number >= 12", 12),
        ("amqp.annotation.x-opt-sequence-number > '2'", 5),
        ("amqp.annotation.x-opt-sequence-number > '29'", 30),
        ("amqp.annotation.x-opt-enqueued-time > '12000'", 13),
        ("amqp.annotation.x-opt-enqueued-time >= '12000'", 12),
        ("amqp.annotation.x-opt-enqueued-time > '12001'", 13),
        ("amqp.annotation.x-opt-enqueued-time > '0'", 5),
        ("amqp.annotation.x-opt-enqueued-time > '99999999999'", 30),
    ],
)
def test_a_selector_names_the_first_event(expression: str, first: int) -> None:
    partition = filled(30)
    while partition.first_sequence_number < 5:
        partition._retention = Retention(partition.size - 1)
        partition.expire(0)
    assert start_at(parse_selector(expression), partition) == first


def test_offsets_lead_to_their_events_in_both_forms() -> None:
    partition = filled(30)
    for number in range(30):
        event = partition.at(number)
        assert event is not None
        for text in (str(event.offset), geo_offset(event.offset)):
            assert start_at(Position("x-opt-offset", text, True), partition) == number
            assert start_at(Position("x-opt-offset", text, False), partition) == number + 1


@pytest.mark.parametrize(
    "position",
    [
        Position("x-opt-offset", "99999999", False),
        Position("x-opt-sequence-number", "31", False),
        Position("x-opt-offset", "abc", False),
        Position("x-opt-enqueued-time", "", False),
        Position("x-opt-sequence-number", "1" * 30, False),
    ],
)
def test_a_position_that_does_not_exist_is_refused(position: Position) -> None:
    with pytest.raises(SelectorError):
        start_at(position, filled(30))


@pytest.mark.parametrize(
    "expression", ["", "x", "amqp.annotation.x-opt-publisher = 'a'", None, 5, "a > 'b' or 1"]
)
def test_another_filter_is_refused(expression: object) -> None:
    with pytest.raises(SelectorError):
        parse_selector(expression)


def test_the_selector_is_found_by_name_or_by_descriptor_and_may_be_missing() -> None:
    text = "amqp.annotation.x-opt-offset > '5'"
    expected = Position("x-opt-offset", "5", False)
    assert position_in({Symbol(FILTER_NAME): Described(Symbol(FILTER_NAME), text)}) == expected
    assert position_in({Symbol("any"): Described(ULong(FILTER_CODE), text)}) == expected
    assert position_in({Symbol(FILTER_NAME): text.encode()}) == expected
    assert position_in({Symbol("other"): "x"}) == position_in(None)
    assert start_at(position_in(None), filled(3)) == 0


@given(st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=80))
def test_keys_are_hashed_as_the_sdk_hashes_them(key: str) -> None:
    sdk_hash: Any = generate_hash_code
    assert key_hash(key) == sdk_hash(key)


@given(st.text(max_size=30), st.integers(1, 100))
def test_a_key_always_leads_to_the_same_existing_partition(key: str, partitions: int) -> None:
    found = partition_for_key(key, partitions)
    assert 0 <= found < partitions
    assert found == partition_for_key(key, partitions)
