"""Takes received events through the pipeline and tells the world what became of them.

Synchronous from end to end: the receiver calls `consume` inside the SDK's callback, which may be cancelled
at any await. Counts, logs and keeps dead letters; decides nothing itself. No exception leaves `consume`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from stream_detector import ticks
from stream_detector.activity.decode import DecodedBody
from stream_detector.activity.record import ActivityRecord
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Verdict
from stream_detector.detect.window import Outcome
from stream_detector.observe.alert_line import log_alert
from stream_detector.observe.metrics import DuplicateLayer, Metrics, Stage
from stream_detector.pipeline import Pipeline, Processed, ReceivedEvent, place_of
from stream_detector.shard.dead_letters import DeadLetter, DirectoryDeadLetters
from stream_detector.sinks.delivery import Delivery

logger = logging.getLogger(__name__)


PROBLEMS_KEPT = 20
"""Problems of one body that are logged and kept each by itself."""


class WallClock:
    """The instant of a decision in the live service."""

    def at(self, record: ActivityRecord) -> int:
        """Now, whatever the record says."""
        return self.now()

    def now(self) -> int:
        """Now in ticks."""
        return time.time_ns() // 100


class Intake:
    """From received events to queued alerts."""

    def __init__(
        self,
        pipeline: Pipeline,
        clock: WallClock,
        metrics: Metrics,
        dead_letters: DirectoryDeadLetters,
        delivery: Delivery,
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._metrics = metrics
        self._dead_letters = dead_letters
        self._delivery = delivery
        self.opened = 0
        """Alerts opened since the start."""
        self._opening = asyncio.Event()

    async def opened_reach(self, count: int) -> None:
        """Return when `count` alerts have been opened."""
        while self.opened < count:
            self._opening.clear()
            await self._opening.wait()

    def consume(self, events: Sequence[ReceivedEvent]) -> None:
        """Apply a batch of one partition, in order."""
        received_at = time.time()
        for event in events:
            try:
                processed = self._pipeline.process(event)
            except Exception as error:
                self._failed(event, error)
                continue
            self._observe(event, processed)
            self._queue(processed.alerts, received_at)

    def tick(self) -> None:
        """Close windows whose grace is over and send paced updates: called once a second."""
        try:
            alerts = self._pipeline.detector.advance(self._clock.now())
        except Exception as error:
            self._metrics.internal_error(Stage.DETECT)
            logger.error("windows could not be advanced", extra=_cause(error))
            return
        self._queue(alerts, time.time())

    def _queue(self, alerts: Sequence[Alert], received_at: float) -> None:
        for alert in alerts:
            self._delivery.put(alert, received_at)
            self._metrics.alert(alert.rule.id, alert.rule.severity, str(alert.event))
            if alert.event is AlertEvent.OPENED:
                delay = ticks.to_unix_seconds(alert.detected_at - alert.opened_at)
                self._metrics.detection_delay(delay)
                self.opened += 1
                self._opening.set()
            log_alert(alert)

    def _observe(self, event: ReceivedEvent, processed: Processed) -> None:
        body = processed.body
        if body is None:
            self._metrics.duplicate(DuplicateLayer.REDELIVERY)
            return
        for kind, count in body.counts.items():
            if count:
                self._metrics.records(str(kind), count)
        if body.repaired:
            self._metrics.repaired(body.repaired)
        if body.problems:
            self._keep(event, body)
        for record, verdict in processed.verdicts:
            self._verdict(record, verdict)
        for failure in processed.failures:
            self._metrics.internal_error(Stage.DETECT)
            logger.error(
                "a record could not be evaluated",
                extra=_place(event) | {"index": failure.index, "error": failure.error, "at": failure.at},
            )
        if processed.failures:
            self._dead_letter(event, processed.failures[0].index, "internal_error", "", event.body)

    def _verdict(self, record: ActivityRecord, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.FILTERED:
            self._metrics.filtered(verdict.rule_id, verdict.clause)
            return
        if verdict.outcome is Outcome.DUPLICATE:
            self._metrics.duplicate(DuplicateLayer.CONTENT)
            return
        self._metrics.matched(verdict.rule_id, record.operation)
        if verdict.late:
            self._metrics.late()

    def _keep(self, event: ReceivedEvent, body: DecodedBody) -> None:
        for problem in body.problems:
            self._metrics.undecodable(str(problem.reason))
        if len(body.problems) > PROBLEMS_KEPT:
            # One body of a megabyte can hold hundreds of thousands: keep it once, as it came.
            logger.warning(
                "undecodable",
                extra=_place(event) | {"reason": "many", "problems": len(body.problems)},
            )
            self._dead_letter(event, None, "many", f"{len(body.problems)} problems", event.body)
        for problem in body.problems[:PROBLEMS_KEPT]:
            logger.warning(
                "undecodable",
                extra=_place(event)
                | {"index": problem.index, "reason": str(problem.reason), "detail": problem.detail},
            )
            self._dead_letter(event, problem.index, str(problem.reason), problem.detail, problem.raw)

    def _dead_letter(
        self, event: ReceivedEvent, index: int | None, reason: str, detail: str, raw: bytes
    ) -> None:
        letter = DeadLetter(
            event.partition, event.sequence_number, index, reason, detail, event.enqueued, raw
        )
        self._metrics.dead_letter(self._dead_letters.keep(letter))

    def _failed(self, event: ReceivedEvent, error: Exception) -> None:
        """A defect of ours: the event is kept, its neighbours go on."""
        self._metrics.internal_error(Stage.DECODE)
        logger.error("an event could not be processed", extra=_place(event) | _cause(error))
        self._dead_letter(event, None, "internal_error", "", event.body)


def _place(event: ReceivedEvent) -> dict[str, object]:
    return {"partition": event.partition, "sequence_number": event.sequence_number}


def _cause(error: BaseException) -> dict[str, object]:
    """Class and place of an error; never its text, which may quote a record."""
    return {"error": type(error).__name__, "at": place_of(error)}
