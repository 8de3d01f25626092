"""Messages on their way in and out: sections, batches, annotations; nothing of a body is changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.amqp.decoder import decode
from stream_detector.localhub.amqp.encoder import encode, encode_described
from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.sections import (
    APPLICATION_PROPERTIES,
    DATA,
    DELIVERY_ANNOTATIONS,
    FOOTER,
    HEADER,
    MESSAGE_ANNOTATIONS,
    PROPERTIES,
    VALUE,
    data_bounds,
    data_message,
    map_pairs,
    split_sections,
)
from stream_detector.localhub.amqp.types import Symbol, Timestamp
from stream_detector.localhub.events import BATCH_FORMAT, encode_stored, read_submission


def section(code: int, value: object) -> bytes:
    return encode_described(code, encode(value))


FULL = (
    section(HEADER, [True])
    + section(DELIVERY_ANNOTATIONS, {Symbol("mine"): 1})
    + section(MESSAGE_ANNOTATIONS, {Symbol("custom"): 2, Symbol("x-opt-offset"): "forged"})
    + section(PROPERTIES, ["id"])
    + section(APPLICATION_PROPERTIES, {"k": "v"})
    + section(DATA, b"body")
    + section(FOOTER, {})
)


def annotations_of(stored: bytes) -> dict[object, object]:
    first = split_sections(stored)[0]
    assert first.code == MESSAGE_ANNOTATIONS
    value = decode(stored[first.value : first.end])
    assert isinstance(value, dict)
    return value


def test_sections_are_found_in_their_order() -> None:
    codes = [found.code for found in split_sections(FULL)]
    assert codes == [0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x78]


def test_a_section_may_have_a_symbolic_or_a_wide_descriptor() -> None:
    symbolic = b"\x00" + encode(Symbol("amqp:data:binary")) + encode(b"one")
    wide = b"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x75" + encode(b"two")
    message = symbolic + wide
    bodies = [message[slice(*data_bounds(message, found))] for found in split_sections(message)]
    assert bodies == [b"one", b"two"]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"plain text",
        section(0x10, []),
        section(DATA, b"x")[:-1],
        section(DATA, b"x") + section(PROPERTIES, []),
        section(PROPERTIES, []) * 2,
        section(DATA, b"x") + section(VALUE, 1),
        section(VALUE, 1) * 2,
    ],
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(DecodeError):
        read_submission(message, 0)


def test_a_stored_event_keeps_all_but_delivery_annotations_and_gets_the_annotations_of_the_hub() -> None:
    [arrival], key = read_submission(FULL, 0)
    assert key is None
    assert arrival.header == section(HEADER, [True])
    stored = encode_stored(arrival, 7, "70", 1_700_000_000_000, "key")
    assert annotations_of(stored) == {
        "x-opt-sequence-number": 7,
        "x-opt-offset": "70",
        "x-opt-enqueued-time": Timestamp(1_700_000_000_000),
        "x-opt-partition-key": "key",
        "custom": 2,
    }
    assert stored.endswith(FULL[FULL.index(section(PROPERTIES, ["id"])) :])


def test_the_events_of_a_batch_are_taken_apart_and_share_its_key() -> None:
    inner = [data_message(b"a"), data_message(b"b", {"k": 1})]
    batch = section(MESSAGE_ANNOTATIONS, {Symbol("x-opt-partition-key"): "p"})
    batch += b"".join(section(DATA, message) for message in inner)
    events, key = read_submission(batch, BATCH_FORMAT)
    assert [event.rest for event in events] == inner
    assert key == "p"


def test_the_key_of_a_batch_may_stand_on_its_events_only() -> None:
    inner = section(MESSAGE_ANNOTATIONS, {Symbol("x-opt-partition-key"): "p"}) + data_message(b"a")
    assert read_submission(section(DATA, inner), BATCH_FORMAT).partition_key == "p"


@pytest.mark.parametrize("part", [b"not a message", b""])
def test_a_batch_with_a_part_that_is_no_message_is_refused_whole(part: bytes) -> None:
    batch = section(DATA, data_message(b"a")) + section(DATA, part)
    with pytest.raises(DecodeError):
        read_submission(batch, BATCH_FORMAT)


def test_a_batch_without_events_is_refused() -> None:
    with pytest.raises(DecodeError, match="without data"):
        read_submission(section(VALUE, None), BATCH_FORMAT)


@given(st.binary(max_size=300), st.sampled_from([0, BATCH_FORMAT]))
def test_random_messages_raise_nothing_but_a_decode_error(message: bytes, message_format: int) -> None:
    try:
        read_submission(message, message_format)
    except DecodeError:
        return


@given(st.data())
def test_damaged_messages_raise_nothing_but_a_decode_error(data: st.DataObject) -> None:
    batch = bytearray(section(DATA, FULL) + section(DATA, FULL))
    for _ in range(data.draw(st.integers(1, 3))):
        batch[data.draw(st.integers(0, len(batch) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_submission(bytes(batch), BATCH_FORMAT)
        read_submission(bytes(batch), 0)
    except DecodeError:
        return


@given(st.binary(max_size=400), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_a_body_comes_out_as_it_went_in(body: bytes, properties: dict[str, str]) -> None:
    [arrival], _ = read_submission(data_message(body, properties), 0)
    stored = encode_stored(arrival, 0, "0", 0, None)
    found = {part.code: part for part in split_sections(stored)}
    first, last = data_bounds(stored, found[DATA])
    assert stored[first:last] == body
    if properties:
        pairs = map_pairs(stored, found[APPLICATION_PROPERTIES])
        assert {key: decode(value) for key, _, value in pairs} == properties
