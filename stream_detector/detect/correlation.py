"""The join of the rows that Azure writes for one operation: each row with what all of them say.

    arrives    Success               Start                          Accept
    clock   ---|---------------------|------------------------------|------>
    handed out Success, no body yet  Start, then Success again,     Accept, then Start and
                                     both with the body             Success again

It waits for nothing: the row that arrives is handed out at once, with what is known by then. When it
adds to what is known, the rows held of the same operation are handed out again, so that a rule can
look at them anew. Rows are held for a time and within bounds; a row that was let go costs later ones
its facts and nothing else. A function of (state, record, now): no clock, no I/O, no chance, and what
`take` gives does not depend on how often `forget` was called.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord, TimeSource
from stream_detector.detect import correlation_state as state
from stream_detector.detect.operation import (
    Facts,
    alone,
    enriched,
    facts_of,
    join,
    operation_digest,
    say_the_same,
)
from stream_detector.kql.text import fold
from stream_detector.ticks import HOUR

__all__ = ["CorrelationOptions", "Correlator", "operation_digest"]

_OPERATION_BYTES = 700
"""Of an operation without its texts: facts, digest and entries of containers, measured and rounded up."""
_ROW_BYTES = 400
"""Of a row without its texts."""


@dataclass(frozen=True, slots=True)
class CorrelationOptions:
    """How much is held, and for how long."""

    hold: int = 4 * HOUR
    """Ticks of the clock from the last arrival of a row to the operation's being forgotten. Custom scripts
    may run for 90 minutes, and rows come minutes late."""
    max_operations: int = 20_000
    max_bytes: int = 64 * 1024 * 1024
    """Of what is held, texts as they lie in memory. Some 5,000 operations of three rows of 2 KB."""
    max_rows_per_operation: int = 16
    """Beyond, the earliest and the latest rows stay; facts stay exact, and the number of rows saturates."""

    def __post_init__(self) -> None:
        if self.hold < 0 or self.max_bytes < 0:
            raise ValueError("hold and max_bytes cannot be negative")
        if min(self.max_operations, self.max_rows_per_operation) < 1:
            raise ValueError("max_operations and max_rows_per_operation must be at least 1")


class _Operation(Struct, eq=False, gc=False):
    """One operation that is held."""

    touched: int
    """The clock when a row last arrived, a copy included."""
    facts: Facts
    """Of all rows that arrived, those that the bound on rows dropped included."""
    rows: list[ActivityRecord]
    """By time, then by content."""
    distinct: int
    """Number of `rows`, exported copies that differ in detail counted once."""
    size: int
    """Bytes, as counted against `CorrelationOptions.max_bytes`."""


class Correlator:
    """The operations whose rows are held."""

    def __init__(self, options: CorrelationOptions | None = None) -> None:
        self._options = options or CorrelationOptions()
        self._held: OrderedDict[bytes, _Operation] = OrderedDict()
        """By operation digest, the one longest without an arrival first."""
        self.bytes_held = 0
        self.dropped_operations = 0
        """Operations let go at a bound before their time, since the beginning."""
        self.dropped_rows = 0
        """Rows let go at the bound on rows of one operation, since the beginning."""

    @property
    def operations_held(self) -> int:
        """Number of operations in memory."""
        return len(self._held)

    def take(self, record: ActivityRecord, now: int) -> tuple[CorrelatedRecord, ...]:
        """The row that arrives at the clock `now`, with what is known of its operation.

        If it adds to that, the other rows held of the operation follow, in order of time. A copy of
        a row that is held adds nothing, but does renew the hold. A row without a correlation id
        stands alone and is not held.
        """
        self.forget(now)
        digest = operation_digest(record)
        if digest is None:
            return (alone(record),)
        held = self._held.get(digest)
        # After a clock that went back, an operation can be over that `forget` has not come to.
        if held is not None and held.touched + self._options.hold <= now:
            self._drop(digest)
            held = None
        if held is None:
            held = self._held[digest] = _Operation(now, facts_of(record), [record], 1, 0)
            self._measure(held)
            others: tuple[ActivityRecord, ...] = ()
        else:
            self._held.move_to_end(digest)
            held.touched = max(held.touched, now)
            others = self._learn(held, record)
        given = (
            enriched(record, held.facts, held.distinct),
            *[enriched(row, held.facts, held.distinct) for row in others],
        )
        self._keep_bounds()
        return given

    def forget(self, now: int) -> None:
        """Let go of the operations of which no row has arrived for `hold`. `take` does so too."""
        while self._held:
            digest, oldest = next(iter(self._held.items()))
            if oldest.touched + self._options.hold > now:
                return
            self._drop(digest)

    def next_due(self) -> int | None:
        """A time (ticks) before which `forget` has nothing to do; None when nothing is held."""
        oldest = next(iter(self._held.values()), None)
        return None if oldest is None else oldest.touched + self._options.hold

    def export(self) -> state.State:
        """What is held, as nested tuples of texts, numbers and bytes."""
        return state.exported(
            (digest, held.touched, held.facts, held.rows) for digest, held in self._held.items()
        )

    def load(self, exported: Sequence[object], now: int) -> None:
        """Hold what `export` gave, and nothing else; within the bounds of these options.

        The hold of each operation begins anew at `now`: while nobody was listening its rows were
        waiting in the hub, and they come next.

        Raises:
            ValueError: `exported` is not of the form that this version exports. What was held stays.
        """
        operations = state.loaded(exported)
        self._held.clear()
        self.bytes_held = 0
        for digest, touched, facts, rows in operations:
            held = _Operation(max(touched, now), facts, [], 0, 0)
            for row in rows:
                self._add(held, row)
            self._measure(held)
            self._held[digest] = held
            self._keep_bounds()

    def _learn(self, held: _Operation, record: ActivityRecord) -> tuple[ActivityRecord, ...]:
        """Add a row to its operation; gives the other rows if it changed what is known."""
        facts, distinct = held.facts, held.distinct
        if not self._add(held, record):
            return ()
        held.facts = join(facts, facts_of(record))
        self._measure(held)
        if held.distinct == distinct and say_the_same(held.facts, facts):
            return ()
        return tuple(row for row in held.rows if row is not record)

    def _add(self, held: _Operation, record: ActivityRecord) -> bool:
        """Put a row among those held, within the bound; False for a copy of one of them."""
        position = len(held.rows)
        if position and record.time <= held.rows[-1].time:  # else it is the newest, and no copy
            content = _content(record)
            position = bisect_left(held.rows, content, key=_content)
            if position < len(held.rows) and _content(held.rows[position]) == content:
                return False
        held.distinct += not any(_is_same_row(row, record) for row in held.rows)
        held.rows.insert(position, record)
        if len(held.rows) > (most := self._options.max_rows_per_operation):
            # The earliest and the latest of any set stay the same whatever order it arrives in.
            dropped = held.rows.pop((most + 1) // 2)
            held.distinct -= not any(_is_same_row(row, dropped) for row in held.rows)
            self.dropped_rows += 1
        return True

    def _measure(self, held: _Operation) -> None:
        size = _OPERATION_BYTES + sum(map(_row_bytes, held.rows))
        for body in (held.facts.request_body, held.facts.response_body):
            size += body[1].__sizeof__() if body is not None else 0
        self.bytes_held += size - held.size
        held.size = size

    def _keep_bounds(self) -> None:
        """Let go of the operations longest without an arrival, the last of all included if it must be."""
        options = self._options
        while self.bytes_held > options.max_bytes or len(self._held) > options.max_operations:
            self._drop(next(iter(self._held)))
            self.dropped_operations += 1

    def _drop(self, digest: bytes) -> None:
        self.bytes_held -= self._held.pop(digest).size


_texts = attrgetter(
    *("status", "status_detail", "caller", "caller_ip", "operation", "resource_id", "correlation_id"),
    *("subscription_id", "resource_group", "level", "category", "properties"),
)


def _content(record: ActivityRecord) -> tuple[object, ...]:
    """What makes a row another one than its neighbour: all that it says, but not where it was received.

    A row that had no readable time is told by where it was received, since the time it carries is
    that of its arrival (as in `identity.fingerprint`).
    """
    if record.time_source is TimeSource.ENQUEUED:
        origin = record.origin
        return (record.time, _texts(record), origin.partition, origin.sequence_number, origin.index)
    return (record.time, _texts(record))


def _is_same_row(one: ActivityRecord, other: ActivityRecord) -> bool:
    """Whether two rows of one operation have the same `identity.fingerprint`: exported copies that
    differ in a caller or in Properties are one row to whoever counts."""
    if one.time != other.time or one.time_source is not other.time_source:
        return False
    if one.time_source is TimeSource.ENQUEUED and one.origin != other.origin:
        return False
    return fold(one.status) == fold(other.status) and fold(one.status_detail) == fold(other.status_detail)


def _row_bytes(record: ActivityRecord) -> int:
    texts: tuple[str, ...] = _texts(record)
    return _ROW_BYTES + sum([text.__sizeof__() for text in texts])
