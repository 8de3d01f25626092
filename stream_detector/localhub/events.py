"""What arrives at a hub and what it stores: single messages and batches become encoded events.

An event keeps its body as it was sent; only the annotations that the service owns are written anew, once,
so that delivering an event later is sending bytes that are ready.
"""

from __future__ import annotations

from typing import NamedTuple

from stream_detector.localhub.amqp.decoder import decode
from stream_detector.localhub.amqp.encoder import encode, encode_described, encode_items
from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.sections import (
    DATA,
    HEADER,
    MESSAGE_ANNOTATIONS,
    PROPERTIES,
    data_bounds,
    map_pairs,
    split_sections,
)
from stream_detector.localhub.amqp.types import Symbol, Timestamp

BATCH_FORMAT = 0x8001_3700
"""Message format of a batch: every data section holds a whole message."""

_PARTITION_KEY = "x-opt-partition-key"
_OWNED = frozenset({"x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", _PARTITION_KEY})
_SEQUENCE_NUMBER_KEY = encode(Symbol("x-opt-sequence-number"))
_OFFSET_KEY = encode(Symbol("x-opt-offset"))
_ENQUEUED_KEY = encode(Symbol("x-opt-enqueued-time"))
_PARTITION_KEY_KEY = encode(Symbol(_PARTITION_KEY))


class Arrival(NamedTuple):
    """One event on its way into a partition."""

    header: bytes
    """Header section, or empty."""
    annotations: tuple[bytes, ...]
    """Encoded keys and values that the sender may set, in turn."""
    rest: bytes
    """From the properties to the footer, as sent."""


class Submission(NamedTuple):
    """Events that were sent as one message: they stay together, in one partition."""

    events: tuple[Arrival, ...]
    partition_key: str | None


def read_submission(message: bytes, message_format: int) -> Submission:
    """The events in a message of a sender.

    Raises:
        DecodeError: not a message, or a batch whose parts are no messages.
    """
    if message_format != BATCH_FORMAT:
        event, key = _read_event(message, 0, len(message))
        return Submission((event,), key)
    events: list[Arrival] = []
    key = None
    for section in split_sections(message):
        if section.code == MESSAGE_ANNOTATIONS:
            key = _partition_key(map_pairs(message, section))
        elif section.code == DATA:
            event, own_key = _read_event(message, *data_bounds(message, section))
            key = own_key if key is None else key
            events.append(event)
    if not events:
        raise DecodeError("a batch without data sections")
    return Submission(tuple(events), key)


def _read_event(message: bytes, start: int, end: int) -> tuple[Arrival, str | None]:
    header, key = b"", None
    annotations: tuple[bytes, ...] = ()
    rest = end
    for section in split_sections(message, start, end):
        if section.code == HEADER:
            header = message[section.start : section.end]
        elif section.code == MESSAGE_ANNOTATIONS:
            pairs = map_pairs(message, section)
            key = _partition_key(pairs)
            annotations = tuple(part for name, *encoded in pairs if name not in _OWNED for part in encoded)
        elif section.code >= PROPERTIES:
            rest = section.start
            break
    return Arrival(header, annotations, message[rest:end]), key


def _partition_key(pairs: list[tuple[object, bytes, bytes]]) -> str | None:
    for name, _, encoded in pairs:
        if name == _PARTITION_KEY:
            value = decode(encoded)
            if isinstance(value, bytes):
                return value.decode("utf-8", "replace") or None
            return str(value) if isinstance(value, str) and value else None
    return None


def encode_stored(
    arrival: Arrival, sequence_number: int, offset: str, enqueued_ms: int, partition_key: str | None
) -> bytes:
    """Annotations and rest of an event, as it is delivered after its header section."""
    items = [
        _SEQUENCE_NUMBER_KEY, encode(sequence_number),
        _OFFSET_KEY, encode(offset),
        _ENQUEUED_KEY, encode(Timestamp(enqueued_ms)),
    ]  # fmt: skip
    if partition_key is not None:
        items += (_PARTITION_KEY_KEY, encode(partition_key))
    items += arrival.annotations
    return encode_described(MESSAGE_ANNOTATIONS, encode_items(items, as_map=True)) + arrival.rest
