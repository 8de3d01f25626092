"""Hands alerts to the sinks, in order, after the state that produced them.

An alert enters by `put`, synchronously, so that a cancelled callback can never lose one between the
decision and the queue. One worker delivers; a sink that cannot take an alert now is tried again with
growing pauses, and the queue's bound holds the receivers back (`room`). The queue lives in memory: alerts
are marked by a running number, and positions are only written for events whose alerts were delivered.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stream_detector.detect.alert import Alert
from stream_detector.sinks.port import Outcome, Sink

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
"""Alerts waiting before the receivers are held back."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between attempts at a sink that answers "later"."""


@dataclass(frozen=True, slots=True)
class Route:
    """A sink and the lifecycle events it wants."""

    sink: Sink
    events: frozenset[str]


class DeliveryObserver(Protocol):
    """Told what happens to alerts; must not raise or block."""

    def attempt(self, sink: str, outcome: Outcome) -> None: ...
    def acknowledged(self, alert: Alert, received_at: float) -> None: ...
    def outbox(self, depth: int, oldest_received_at: float | None) -> None: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    alert: Alert
    received_at: float


class Delivery:
    """One ordered queue in front of all sinks."""

    def __init__(self, routes: Sequence[Route], observer: DeliveryObserver, limit: int = QUEUE_LIMIT) -> None:
        self._routes = tuple(routes)
        self._observer = observer
        self._limit = limit
        self._queue: deque[_Waiting] = deque()
        self._changed = asyncio.Event()
        self._put = 0
        self._delivered = 0

    def put(self, alert: Alert, received_at: float) -> None:
        """Queue one alert; `received_at` is the Unix time in seconds at which its event was received."""
        self._put += 1
        self._queue.append(_Waiting(self._put, alert, received_at))
        self._tell()

    def mark(self) -> int:
        """Number of the newest alert queued so far, for `reached`."""
        return self._put

    async def reached(self, mark: int) -> None:
        """Return when every alert up to `mark` was delivered or given up."""
        while self._delivered < mark:
            await self._wait()

    async def room(self) -> None:
        """Return when the queue has room: the back-pressure of the receivers."""
        while len(self._queue) >= self._limit:
            await self._wait()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            while not self._queue:
                await self._wait()
            waiting = self._queue[0]
            for route in self._routes:
                if str(waiting.alert.event) in route.events:
                    await self._deliver(route.sink, waiting.alert)
            self._queue.popleft()
            self._delivered = waiting.number
            self._observer.acknowledged(waiting.alert, waiting.received_at)
            self._tell()

    async def _deliver(self, sink: Sink, alert: Alert) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                outcome = await sink.deliver(alert)
            except OSError as error:
                logger.error("sink failed", extra={"sink": sink.name, "error": type(error).__name__})
                outcome = Outcome.RETRY
            self._observer.attempt(sink.name, outcome)
            if outcome is Outcome.REJECTED:
                logger.error("sink refused an alert", extra={"sink": sink.name, "alert_id": alert.alert_id})
            if outcome is not Outcome.RETRY:
                return
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 (jitter, not a secret)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _tell(self) -> None:
        self._changed.set()
        self._observer.outbox(len(self._queue), self._queue[0].received_at if self._queue else None)

    async def _wait(self) -> None:
        # Set and cleared around each wait: several waiters all wake, each looks for itself.
        self._changed.clear()
        await self._changed.wait()
