"""From the body of one Event Hubs event to typed records: the entry to this package.

The way of a body: the typed scan (`activity.scan`) settles most bodies at once; a body with a
needed operation has that record parsed in full; a body that is no strict JSON is taken apart by lines,
then by `activity.salvage`. What cannot be read is reported with its bytes, never dropped and never
raised, and costs no neighbour. No I/O, no clock, no logging; error texts hold no record content.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache
from types import MappingProxyType

from stream_detector.activity.body import (
    DecodedBody,
    EventSource,
    RecordKind,
    Undecodable,
    UndecodableReason,
)
from stream_detector.activity.columns import hub_time_of, record_from, time_of
from stream_detector.activity.reading import BodyReading, Needed
from stream_detector.activity.record import ActivityRecord, Origin, TimeSource
from stream_detector.activity.scan import Scan, records_at, scan

__all__ = [
    "BodyDecoder",
    "DecodedBody",
    "EventSource",
    "RecordKind",
    "Undecodable",
    "UndecodableReason",
]


class BodyDecoder:
    """Decodes bodies, keeping the records of some operations.

    Args:
        operations: asked for each name as the record spells it; None keeps every activity record.

    The only state that shows is the time of the last record, which stands in, last of all, for the time of a
    record that has none. So decoding the same bodies in the same order gives the same records.
    """

    def __init__(self, operations: Container[str] | None) -> None:
        self._operations = operations
        self._last_time = 0
        self._others: set[str] = set()
        """Names known not to be needed, as spelled."""

    def look(self, body: bytes | memoryview) -> Scan | None:
        """What the typed scan sees, for a caller that has many bodies without needed operations.

        A scan without needed positions is the whole truth about the body: `total` records of other
        operations. Anything else, None included, is for `decode`, which takes the scan as `found`.
        """
        return None if self._operations is None else scan(body, self._operations, self._others)

    def decode(
        self, body: bytes | bytearray | memoryview, source: EventSource, found: Scan | None = None
    ) -> DecodedBody:
        """Decode one body; `found` is what `look` gave for it, if it was asked. Never raises.

        TimeGenerated of a record whose own time is missing or unreadable is the first of: the
        event's enqueued time; EventEnqueuedUtcTime, then EventProcessedUtcTime, of the record,
        then of its envelope; the newest readable time of a record parsed from the same body; the
        time of the record before it; 1970-01-01. It is marked `TimeSource.ENQUEUED`.
        """
        raw = body if isinstance(body, bytes) else bytes(body)
        if found is None:
            found = self.look(raw)
        if found is not None and not found.needed:
            return _nothing_needed(found.total)
        reading = None if found is None else self._read_needed_only(raw, found, source)
        if reading is None:
            reading = BodyReading(self._operations)
            reading.read(raw)
        records = tuple(self._typed(needed, reading, source) for needed in reading.needed)
        counts = _counts(len(records), reading.other, reading.foreign)
        return DecodedBody(records, counts, tuple(reading.problems), reading.repaired)

    def _read_needed_only(self, raw: bytes, found: Scan, source: EventSource) -> BodyReading | None:
        """The records that the scan pointed out, their neighbours left unparsed; None when that won't do."""
        reading = BodyReading(self._operations)
        if not reading.read_needed(records_at(raw, found), found.total):
            return None
        if source.enqueued is None and any(needed.time is None for needed in reading.needed):
            return None  # a time must be found among the envelope and the neighbours
        return reading

    def _typed(self, needed: Needed, reading: BodyReading, source: EventSource) -> ActivityRecord:
        origin = Origin(source.partition, source.sequence_number, needed.index)
        time, time_source = needed.time, TimeSource.RECORD
        if time is None:
            time, time_source = self._time_instead(needed, reading, source), TimeSource.ENQUEUED
        self._last_time = time
        return record_from(needed.fields, needed.operation, time, time_source, origin)

    def _time_instead(self, needed: Needed, reading: BodyReading, source: EventSource) -> int:
        if source.enqueued is not None:
            return source.enqueued
        for holder in (needed.fields, needed.envelope):
            ticks = None if holder is None else hub_time_of(holder)
            if ticks is not None:
                return ticks
        times = [ticks for ticks in map(time_of, reading.parsed) if ticks is not None]
        return max(times, default=self._last_time)


def _counts(needed: int, other: int, foreign: int) -> Mapping[RecordKind, int]:
    return MappingProxyType({RecordKind.NEEDED: needed, RecordKind.OTHER: other, RecordKind.FOREIGN: foreign})


@lru_cache(maxsize=1024)
def _nothing_needed(count: int) -> DecodedBody:
    """The answer for a body of `count` other records: most bodies, so each answer is built once."""
    return DecodedBody((), _counts(0, count, 0), ())
