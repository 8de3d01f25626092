"""The log of one partition: sequence numbers, offsets, enqueued times, retention, and where to start reading.

Numbers grow for ever; retention drops events from the front and never reuses a number. It reads no clock
and knows no receivers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter

from stream_detector.localhub.events import Arrival, encode_stored

_COMPACT_AT = 1024
"""Dropped slots at the front of the list that make moving the rest worthwhile."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it is delivered: `header`, delivery annotations if any, `rest`."""

    sequence_number: int
    offset: int
    enqueued_ms: int
    header: bytes
    rest: bytes

    @property
    def size(self) -> int:
        """Bytes that count for retention."""
        return len(self.header) + len(self.rest)


@dataclass(frozen=True, slots=True)
class Retention:
    """What a partition keeps: at most `size` bytes, nothing older than `age_ms`. None: no limit."""

    size: int | None = None
    age_ms: int | None = None


def plain_offset(offset: int) -> str:
    """The form of offsets in most namespaces: a number."""
    return str(offset)


def geo_offset(offset: int) -> str:
    """The form of offsets in namespaces with geo-replication: replication segment, number, index."""
    return f"1:{offset}:0"


class Partition:
    """Events in the order of arrival. Times are milliseconds since 1970."""

    def __init__(
        self,
        partition_id: str,
        retention: Retention,
        *,
        first_sequence_number: int = 0,
        offset_text: Callable[[int], str] = plain_offset,
    ) -> None:
        self.id = partition_id
        self.offset_text = offset_text
        self.last_enqueued_ms = 0
        self._retention = retention
        self._events: list[StoredEvent | None] = []
        self._dropped = 0
        self._next_sequence_number = first_sequence_number
        self._next_offset = first_sequence_number
        self._last_offset: int | None = None
        self._size = 0

    @property
    def next_offset(self) -> int:
        """Of the event that comes next."""
        return self._next_offset

    @property
    def is_empty(self) -> bool:
        """Whether no event is kept."""
        return len(self._events) == self._dropped

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    @property
    def next_sequence_number(self) -> int:
        """Of the event that comes next."""
        return self._next_sequence_number

    @property
    def first_sequence_number(self) -> int:
        """Of the oldest event kept; of the next event if none is."""
        return self._next_sequence_number - (len(self._events) - self._dropped)

    @property
    def last_offset(self) -> str:
        """Of the newest event ever; "-1" before the first."""
        return "-1" if self._last_offset is None else self.offset_text(self._last_offset)

    def append(self, arrivals: Iterable[Arrival], partition_key: str | None, now_ms: int) -> int:
        """Store events; how many they were. Enqueued times never go back, whatever the clock does."""
        now_ms = max(now_ms, self.last_enqueued_ms)
        count = 0
        for arrival in arrivals:
            number, offset = self._next_sequence_number, self._next_offset
            rest = encode_stored(arrival, number, self.offset_text(offset), now_ms, partition_key)
            event = StoredEvent(number, offset, now_ms, arrival.header, rest)
            self._events.append(event)
            self._size += event.size
            self._last_offset = offset
            self._next_sequence_number = number + 1
            # Offsets are opaque, and grow by the bytes stored as those of the service do.
            self._next_offset = offset + event.size
            count += 1
        if count:
            self.last_enqueued_ms = now_ms
            self.expire(now_ms)
        return count

    def expire(self, now_ms: int) -> None:
        """Drop what retention no longer keeps. The newest event stays within the size limit always."""
        limit, age = self._retention.size, self._retention.age_ms
        events = self._events
        while self._dropped < len(events):
            oldest = events[self._dropped]
            assert oldest is not None
            too_much = limit is not None and self._size > limit and self._dropped < len(events) - 1
            too_old = age is not None and oldest.enqueued_ms <= now_ms - age
            if not too_much and not too_old:
                break
            events[self._dropped] = None
            self._dropped += 1
            self._size -= oldest.size
        if self._dropped >= _COMPACT_AT and self._dropped * 2 >= len(events):
            del events[: self._dropped]
            self._dropped = 0

    def at(self, sequence_number: int) -> StoredEvent | None:
        """The event with this number; None if it has not come yet or is gone."""
        index = sequence_number - self._next_sequence_number + len(self._events)
        if index < self._dropped or index >= len(self._events):
            return None
        return self._events[index]

    def first_by_offset(self, offset: int, *, inclusive: bool) -> int:
        """Sequence number of the first kept event at (or, exclusively, after) an offset."""
        return self._search("offset", offset, inclusive)

    def first_by_time(self, enqueued_ms: int, *, inclusive: bool) -> int:
        """Sequence number of the first kept event enqueued at (or after) a time."""
        return self._search("enqueued_ms", enqueued_ms, inclusive)

    def _search(self, field: str, value: int, inclusive: bool) -> int:
        bisect = bisect_left if inclusive else bisect_right
        index = bisect(self._events, value, lo=self._dropped, key=attrgetter(field))
        return self._next_sequence_number - len(self._events) + index
