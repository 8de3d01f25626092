"""One event through the core: body, records, rules, windows, alerts. Synchronous and without I/O.

The service and `replay` both call `Pipeline.process`; what differs between them (clock, delivery,
metrics, dead letters) stays outside. Nothing here awaits, so that a cancelled callback of the SDK can
never leave half an event applied.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from stream_detector import ticks
from stream_detector.activity.decode import BodyDecoder, DecodedBody, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.activity.scan import Scan
from stream_detector.detect.alert import Alert
from stream_detector.detect.detector import Detector, Verdict
from stream_detector.detect.positions import Positions


class ReceivedEvent(Struct, frozen=True, gc=False):
    """One event as the hub delivered it."""

    partition: str
    sequence_number: int
    offset: str
    """Opaque: newer services send `1:143:0`, so it is a text and never compared."""
    enqueued: int | None
    """Ticks; None in a replayed file."""
    body: bytes


class Failure(Struct, frozen=True, gc=False):
    """A record that our own code could not evaluate: a defect of ours, never of the record."""

    index: int
    error: str
    """Name of the exception's class; its text could hold a value from the record."""
    at: str
    """File and line of the defect."""


class Processed(Struct, frozen=True, gc=False):
    """What one event led to. `body` is None for a redelivered event, which changes nothing."""

    body: DecodedBody | None
    alerts: tuple[Alert, ...] = ()
    verdicts: tuple[tuple[ActivityRecord, Verdict], ...] = ()
    failures: tuple[Failure, ...] = ()


class Clock(Protocol):
    """The instant of a decision, in ticks."""

    def at(self, record: ActivityRecord) -> int: ...


class EventClock:
    """Event time as the clock: the newest time seen so far. It never goes back."""

    def __init__(self) -> None:
        self.now = ticks.MIN_TICKS
        self.started = False

    def at(self, record: ActivityRecord) -> int:
        """Move to the record's time if it is newer, and tell the instant."""
        if record.time > self.now or not self.started:
            self.now = record.time
            self.started = True
        return self.now


class Pipeline:
    """Decoder, positions and detector in the order of one event."""

    def __init__(self, decoder: BodyDecoder, detector: Detector, positions: Positions, clock: Clock) -> None:
        self.decoder = decoder
        self.detector = detector
        self.positions = positions
        self.clock = clock

    def process(self, event: ReceivedEvent, found: Scan | None = None) -> Processed:
        """Apply one event to the state; `found` is what `decoder.look` saw in its body, if it was asked.

        An event whose sequence number was applied before is skipped: after a reconnect the broker sends
        again from the last event handed over (SDK fact), and the numbers jump back.
        """
        if not self.positions.is_new(event.partition, event.sequence_number):
            return Processed(None)
        body = self.decoder.decode(
            event.body, EventSource(event.partition, event.sequence_number, event.enqueued), found
        )
        alerts: list[Alert] = []
        verdicts: list[tuple[ActivityRecord, Verdict]] = []
        failures: list[Failure] = []
        for record in body.records:
            try:
                applied = self.detector.apply(record, self.clock.at(record))
            except Exception as error:
                failures.append(Failure(record.origin.index, type(error).__name__, place_of(error)))
                continue
            alerts += applied.alerts
            verdicts += [(record, verdict) for verdict in applied.verdicts]
        self.positions.advance(event.partition, event.sequence_number, event.offset)
        return Processed(body, tuple(alerts), tuple(verdicts), tuple(failures))


def place_of(error: BaseException) -> str:
    """File name and line where an exception was raised: what may be logged of it besides its class."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename.replace("\\", "/")
    return f"{file.rpartition('/')[2]}:{trace.tb_lineno}"
