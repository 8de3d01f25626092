r"""A seeded stream of Activity Log bodies: background, attacks and near misses, in order of arrival.

    event time   Start------Accept----------------Success
    arrival          \__________\______________________\____ seconds, sometimes minutes later

Time, clock and partition are the caller's: the stream ends at `StreamOptions.end`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from stream_detector.generate.executions import Author, Written
from stream_detector.generate.facts import GeneratedBody, GeneratedRecord
from stream_detector.generate.people import Directory
from stream_detector.generate.shapes import Shape, encode, escape_operations
from stream_detector.ticks import HOUR, MINUTE, SECOND

DEFAULT_END = 17_798_400_000_000_000
"""2026-05-27T00:00:00Z: a fixed end, so that a seed alone gives the same bytes."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a stream holds. Shares are of records, from 0 to 1."""

    records: int = 10_000
    share: float = 0.002
    """Records that match RULE 15."""
    near_share: float = 0.004
    """Records of executions that miss it by one clause."""
    groups: int = 50
    """Distinct (Caller, ResourceGroup, SubscriptionId) among the matching records, if there are that many."""
    span: int = 48 * HOUR
    """Event time from the first record to the last, in ticks."""
    end: int = DEFAULT_END
    """Event time that no record exceeds, in ticks."""
    table_schema: bool = False
    """The table's own column names instead of the stream's."""
    records_per_body: int = 50
    """Most records in one body; small bodies are the more frequent ones."""
    escape_share: float = 0.0
    """Bodies (not records) whose operation names hold JSON escapes."""
    shapes: tuple[Shape, ...] = (Shape.ENVELOPE,)
    """Body shapes, drawn evenly."""
    late_share: float = 0.03
    """Records that arrive up to five minutes late, and so out of order."""
    duplicate_share: float = 0.003
    """Records exported twice, as by diagnostic settings on two levels."""

    def __post_init__(self) -> None:
        if min(self.records, self.groups, self.records_per_body, self.span) < 1 or not self.shapes:
            raise ValueError("records, groups, records_per_body, span and shapes start at one")
        shares = (self.share, self.near_share, self.escape_share, self.late_share, self.duplicate_share)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("shares lie between 0 and 1")


def activity_stream(seed: int, options: StreamOptions | None = None) -> Iterator[GeneratedBody]:
    """Bodies in order of arrival: exactly `options.records` records, the same for the same arguments."""
    chosen = options or StreamOptions()
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    arrivals = _arrivals(random, chosen)
    body: list[Written] = []
    wanted = _body_size(random, chosen.records_per_body)
    for count, written in enumerate(arrivals, 1):
        body.append(written)
        if len(body) == wanted or count == chosen.records:
            yield _pack(body, random, chosen)
            body = []
            wanted = _body_size(random, chosen.records_per_body)
        if count == chosen.records:
            return


def generated_records(seed: int, options: StreamOptions | None = None) -> list[GeneratedRecord]:
    """The facts of `activity_stream` alone, in order of arrival."""
    return [record for body in activity_stream(seed, options) for record in body.records]


def feed_options(records: int, end: int = DEFAULT_END) -> StreamOptions:
    """A feed for a hub: 90 minutes that end at `end`, every body shape, 1 % matches in 40 groups.

    The span is shorter than the rule's window, so each group pages once in whatever order the
    partitions deliver; `generated_records` with the same options gives the facts.
    """
    return StreamOptions(
        records=records, share=0.01, groups=40, span=90 * MINUTE, end=end, shapes=tuple(Shape)
    )


def generated_bodies(seed: int, records: int, end: int = DEFAULT_END) -> Iterator[bytes]:
    """Bodies alone of `feed_options`, to be sent. Pass the present as `end` for a live feed."""
    for body in activity_stream(seed, feed_options(records, end)):
        yield body.body


def _body_size(random: Random, most: int) -> int:
    """Log-uniform from 1 to `most`: many small bodies, a few large ones."""
    return min(most, int(math.exp(random.random() * math.log(most + 1))))


def _pack(body: list[Written], random: Random, options: StreamOptions) -> GeneratedBody:
    encoded = encode([written.record for written in body], random.choice(options.shapes))
    if options.escape_share and random.random() < options.escape_share:
        encoded = escape_operations(encoded, random)
    return GeneratedBody(encoded, tuple(written.fact for written in body))


def _arrivals(random: Random, options: StreamOptions) -> Iterator[Written]:
    """Records by time of arrival. Infinite; the event times beyond `options.records` do not matter."""
    waiting: list[tuple[int, int, Written]] = []
    order = 0
    # Executions are written whole and some of their records are late: wait before passing one on.
    patience = min(2 * MINUTE, options.span // 4)
    for moment, written_together in _executions(random, options):
        for written in written_together:
            copies = 2 if random.random() < options.duplicate_share else 1
            for _ in range(copies):
                heapq.heappush(waiting, (written.fact.time + _delay(random, options), order, written))
                order += 1
        while waiting and waiting[0][0] < moment - patience:
            yield heapq.heappop(waiting)[2]


def _delay(random: Random, options: StreamOptions) -> int:
    """Ticks between event and arrival: mostly within two seconds, sometimes up to five minutes."""
    longest = 5 * MINUTE if random.random() < options.late_share else 2 * SECOND
    return int(random.random() * min(longest, options.span // 4))


def _executions(random: Random, options: StreamOptions) -> Iterator[tuple[int, list[Written]]]:
    """Executions by the time of their final record, keeping the shares of matches and near misses."""
    author = Author(random, Directory(random), options.groups, options.table_schema)
    step = options.span / options.records
    matching = near = total = 0
    moment = float(options.end - options.span)
    # At a high share a match may not cost three records, or the share could not be reached.
    short = options.share > 0.25
    while True:
        # The last executions are still on their way when the count is reached: none lies in the future.
        end = min(int(moment), options.end)
        if matching < options.share * (total + 1):
            written = author.attack(end, short)
            matching += 1
        elif near < options.near_share * (total + 1):
            written = author.near_miss(end, short)
            near += len(written)
        else:
            written = author.background(end)
        total += len(written)
        moment += step * len(written)
        yield int(moment), written
