"""Names that stay the same: of a group, of a record's content, of an alert.

All are hashes of content alone, so that a replay, another process or the second exported copy of
a record arrives at the same names. Texts are length-prefixed, so that two fields cannot run
together, and folded as Azure compares names: ASCII letters only. Folding more would merge callers
that are distinct to Kusto (U+212A, the Kelvin sign, is not the letter k).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from hashlib import blake2b

from stream_detector.activity.record import ActivityRecord, TimeSource
from stream_detector.kql.text import fold
from stream_detector.rules.model import Value, group_name

_DIGEST_BYTES = 16
"""128 bits: a collision is out of reach even for someone who chooses caller names."""
_ALERTS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:stream-detector:alert")


def group_digest(rule_id: str, key: tuple[Value, ...], *, ignore_case: bool) -> bytes:
    """16 bytes that name a group of a rule; in hex, the `dedup_key` of its alerts."""
    return _digest((rule_id, *group_name(key, ignore_case=ignore_case)))


def fingerprint(record: ActivityRecord) -> bytes:
    """16 bytes that name what a record says, equal for the copies that Azure exports by design.

    Management-group and subscription settings both export a record; Microsoft advises to compare
    hashes of fields. The fields are time, correlation id, operation, resource, status and status
    detail. A record that had no readable time carries the enqueued time, which is no content:
    there the place it was received at decides, so that only a redelivery is equal.
    """
    texts = [
        str(record.time),
        fold(record.correlation_id),
        fold(record.operation),
        fold(record.resource_id),
        fold(record.status),
        fold(record.status_detail),
    ]
    if record.time_source is TimeSource.ENQUEUED:
        origin = record.origin
        texts += (origin.partition, str(origin.sequence_number), str(origin.index))
    return _digest(texts)


def of_mark(mark: int) -> bytes:
    """A name from what is remembered beside a record's time, where the whole fingerprint is gone."""
    return mark.to_bytes(8, "big", signed=True)


def short_fingerprint(full: bytes) -> int:
    """The 64 bits of a fingerprint that are remembered beside a record's time."""
    return int.from_bytes(full[:8], "big", signed=True)


def alert_id(group: bytes, opening: bytes) -> str:
    """UUID version 5 of the group (its digest holds the rule) and the opening record's fingerprint."""
    return str(uuid.uuid5(_ALERTS, f"{group.hex()}/{opening.hex()}"))


def _digest(texts: Iterable[str]) -> bytes:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    joined = b"".join(part for text in encoded for part in (len(text).to_bytes(4, "big"), text))
    return blake2b(joined, digest_size=_DIGEST_BYTES).digest()
