"""What the hub and the delivery tell, as metrics, health and logs. Decides nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from stream_detector.detect.alert import Alert
from stream_detector.hub.errors import HubErrorKind, HubTrouble
from stream_detector.observe.health import Health
from stream_detector.observe.metrics import Metrics
from stream_detector.sinks.port import Outcome

logger = logging.getLogger(__name__)

REPEAT_INTERVAL = 30.0
"""Seconds before the same trouble is logged again: the SDK reports it for every partition and retry."""


class HubMetrics:
    """The receiver's observer."""

    def __init__(self, metrics: Metrics, health: Health, partitions: int) -> None:
        self._metrics = metrics
        self._health = health
        self._partitions = partitions
        self._told: dict[str, float] = {}
        self.owned(())

    def received(self, partition: str, events: int, size: int) -> None:
        """Events of one partition were handed over: the hub is well."""
        self._metrics.received(partition, events, size)
        self._health.obstacle("hub", None)

    def owned(self, partitions: Sequence[str]) -> None:
        """The partitions that are received now; ready means all of them."""
        self._metrics.owned(len(partitions))
        missing = self._partitions - len(partitions)
        reason = f"{missing} of {self._partitions} are not received" if missing > 0 else None
        self._health.obstacle("partitions", reason)
        if partitions and reason is None:
            logger.info("receiving", extra={"partitions": len(partitions)})

    def trouble(self, partition: str | None, trouble: HubTrouble) -> None:
        """An error of the SDK; the same text is logged once in a while, and always counted."""
        self._metrics.hub_error(str(trouble.kind))
        if trouble.kind in (HubErrorKind.AUTHENTICATION, HubErrorKind.NOT_FOUND, HubErrorKind.CONNECTION):
            self._health.obstacle("hub", trouble.text)
        now = time.monotonic()
        if now - self._told.get(trouble.text, -REPEAT_INTERVAL) < REPEAT_INTERVAL:
            return
        self._told[trouble.text] = now
        logger.warning(trouble.text, extra={"partition": partition, "kind": str(trouble.kind)})

    def lag(self, partition: str, events: int, seconds: float) -> None:
        """A partition was compared with its hub, which therefore answers."""
        self._metrics.lag(partition, events, seconds)
        self._health.obstacle("hub", None)

    def gap(self, partition: str, missing: int) -> None:
        """Sequence numbers are missing: the hub dropped events before they were read."""
        self._metrics.gap(missing)
        logger.error(
            "events are missing: the hub's retention passed before they were read",
            extra={"partition": partition, "missing": missing},
        )


class DeliveryMetrics:
    """The delivery's observer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def attempt(self, sink: str, outcome: Outcome) -> None:
        """A sink answered."""
        self._metrics.delivery(sink, outcome)

    def acknowledged(self, alert: Alert, received_at: float) -> None:
        """Every sink has the alert."""
        self._metrics.alert_latency(time.time() - received_at)

    def outbox(self, depth: int, oldest_received_at: float | None) -> None:
        """The queue changed."""
        self._metrics.outbox(depth, oldest_received_at)
