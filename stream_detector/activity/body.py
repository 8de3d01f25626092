"""What decoding a body takes and gives: values only, and the closed sets that metrics are labelled by."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord

MOST_CONTAINERS = 32
"""Levels of arrays and envelopes around a record; nothing known nests more than two."""


class RecordKind(StrEnum):
    """What a JSON object in a body turned out to be. Closed set: a metric label."""

    NEEDED = "needed"
    """An activity record whose operation is needed: it is in `DecodedBody.records`."""
    OTHER = "other"
    """An activity record of another operation."""
    FOREIGN = "foreign"
    """An object without an operation name: metrics and other tenants of the hub."""


class UndecodableReason(StrEnum):
    """Why a body or a part of it could not be read. Closed set: a metric label."""

    EMPTY_BODY = "empty_body"
    """No bytes, or whitespace and NULs only."""
    INVALID_JSON = "invalid_json"
    """No JSON, and no damage that could be mended."""
    INVALID_UTF8 = "invalid_utf8"
    """The same, and there are bytes that are no UTF-8: binary or compressed content."""
    TRUNCATED = "truncated"
    """The body ends before its last record, or its containers, do."""
    TOO_DEEP = "too_deep"
    """Containers nested beyond any known shape, or a record too deep to be read at all."""
    NOT_AN_OBJECT = "not_an_object"
    """A number, text, true, false or null where a record should be."""
    WRONG_TYPE = "wrong_type"
    """The operation name, or the list of records, is of another JSON type."""


class EventSource(Struct, frozen=True, gc=False):
    """The event that a body came in."""

    partition: str
    sequence_number: int
    enqueued: int | None
    """Ticks at which the hub took the event in; None where that is unknown, as in a file."""


class Undecodable(Struct, frozen=True, gc=False):
    """A body, or the part of one, that could not be read."""

    reason: UndecodableReason
    index: int | None
    """Position among the body's records, from 0; None when it concerns the body as a whole."""
    detail: str
    """What is wrong, for a log. Never content of the record."""
    raw: bytes
    """The bytes that arrived; for a piece of valid JSON, the same value in compact form."""

    def __repr__(self) -> str:
        """Without the bytes: they may be about anybody."""
        return f"Undecodable(reason={self.reason!r}, index={self.index}, detail={self.detail!r})"


class DecodedBody(Struct, frozen=True, gc=False):
    """All that one body held."""

    records: tuple[ActivityRecord, ...]
    """The needed records, in the order of the body."""
    counts: Mapping[RecordKind, int]
    """Objects seen, by kind; every kind is present."""
    problems: tuple[Undecodable, ...]
    repaired: int = 0
    """Objects that were read only after a repair of their text (broken JSON or invalid UTF-8). 1 when the
    objects were sound and only what surrounds them had to be mended."""

    def __repr__(self) -> str:
        """Without the records: they are about people."""
        return f"DecodedBody(counts={self.counts}, problems={self.problems}, repaired={self.repaired})"
