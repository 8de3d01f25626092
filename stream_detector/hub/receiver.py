"""Receives events of all partitions with the SDK, and keeps its traps away from the rest of the program.

What the SDK does, and what is done about it here (docs/event-hubs.md has the list with the tests):

- an exception in its callback closes the partition and replays it for ever: the callback never raises;
- close and loss of ownership cancel the callback at its next await: events are handed over synchronously,
  and only the wait for room (back-pressure) is awaited, afterwards;
- a consumer's retry budget is never given back, and a link can fall silent: every partition is compared
  with the hub's own counters, and a partition that lags without receiving gets a new client;
- errors of load balancing arrive without a partition context.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from azure.eventhub import EventData
from azure.eventhub.aio import CheckpointStore, EventHubConsumerClient, PartitionContext
from azure.eventhub.amqp import AmqpMessageBodyType

from stream_detector import ticks
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import HubTrouble, understand
from stream_detector.pipeline import ReceivedEvent

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 5.0
"""Seconds for the SDK to close its links, and again for its tasks to end; its own loop polls once a
second. Twice this and the delivery's drain stay below Kubernetes' default grace period of 30 s."""
RESTART_BACKOFF = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """Tuning of one receiver; times in seconds."""

    prefetch: int = 3000
    """Events buffered per partition. The SDK sleeps 50 ms per read pass, so 300 paces a partition at
    half the rate of 3000 (measured); memory is prefetch x size x partitions at most."""
    max_batch_size: int = 300
    starting_position: str | datetime = "-1"
    """Where a partition without a checkpoint starts."""
    load_balancing_interval: float = 10.0
    lag_interval: float = 10.0
    stall_timeout: float = 60.0
    """A partition that lags and receives nothing for this long gets a new client."""


class HubObserver(Protocol):
    """Told what happens at the hub; must not raise or block."""

    def received(self, partition: str, events: int, size: int) -> None: ...
    def owned(self, partitions: Sequence[str]) -> None: ...
    def trouble(self, partition: str | None, trouble: HubTrouble) -> None: ...
    def lag(self, partition: str, events: int, seconds: float) -> None: ...
    def gap(self, partition: str, missing: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """The last event of a partition that was handed over: what a checkpoint will name."""

    context: PartitionContext
    event: EventData
    sequence_number: int


class Receiver:
    """All partitions of one hub, handed over in order per partition.

    `consume` is called synchronously with the events of one partition and must not raise;
    `room` is awaited afterwards and holds the partition back while it waits.
    """

    def __init__(
        self,
        connection: HubConnection,
        store: CheckpointStore,
        options: ReceiverOptions,
        consume: Callable[[Sequence[ReceivedEvent]], None],
        room: Callable[[], Awaitable[None]],
        observer: HubObserver,
    ) -> None:
        self._connection = connection
        self._store = store
        self._options = options
        self._consume = consume
        self._room = room
        self._observer = observer
        self._marks: dict[str, Mark] = {}
        self._owned: set[str] = set()
        self._first_seen: dict[str, int] = {}
        self._progress: dict[str, tuple[int, float]] = {}
        self._restart = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until `stop` is set; a client that ends or stalls is replaced."""
        failures = 0
        while not stop.is_set():
            started = time.monotonic()
            await self._run_client(stop)
            if stop.is_set():
                return
            failures = 0 if time.monotonic() - started > self._options.stall_timeout else failures + 1
            pause = RESTART_BACKOFF[min(failures, len(RESTART_BACKOFF) - 1)]
            logger.warning("receiving restarts", extra={"pause_seconds": pause})
            await _wait_any(stop, within=pause)

    def marks(self) -> dict[str, Mark]:
        """Last event handed over, per partition, at this instant."""
        return dict(self._marks)

    async def checkpoint(self, marks: dict[str, Mark]) -> None:
        """Write the positions of `marks`, one call per partition; failures are reported, not raised."""
        for partition, mark in marks.items():
            try:
                await mark.context.update_checkpoint(mark.event)
            except Exception as error:
                self._observer.trouble(partition, understand(error, self._connection))

    async def _run_client(self, stop: asyncio.Event) -> None:
        client = self._connection.consumer(
            self._store,
            load_balancing_interval=self._options.load_balancing_interval,
            partition_ownership_expiration_interval=6 * self._options.load_balancing_interval,
        )
        self._restart.clear()
        receiving = asyncio.create_task(
            client.receive_batch(
                self._on_batch,
                max_batch_size=self._options.max_batch_size,
                prefetch=self._options.prefetch,
                starting_position=self._options.starting_position,
                on_error=self._on_error,
                on_partition_initialize=self._on_open,
                on_partition_close=self._on_close,
            ),
            name="receive",
        )
        watching = asyncio.create_task(self._watch(client), name="watch lag")
        try:
            await _wait_any(stop, self._restart, receiving)
        finally:
            watching.cancel()
            await _bounded(client.close(), CLOSE_TIMEOUT)
            receiving.cancel()
            # Bounded as well: the SDK waits for its partitions without end, and a link that was stolen
            # while it closes may never answer.
            done, pending = await asyncio.wait((receiving, watching), timeout=CLOSE_TIMEOUT)
            for task in done:
                error = None if task.cancelled() else task.exception()
                if isinstance(error, Exception):
                    self._observer.trouble(None, understand(error, self._connection))
            for task in pending:
                logger.warning("a task of the SDK did not end", extra={"task": task.get_name()})
            self._owned.clear()
            self._observer.owned(())

    async def _on_batch(self, context: PartitionContext, events: list[EventData]) -> None:
        partition = context.partition_id
        try:
            received = [self._convert(partition, event) for event in events]
            if received:
                self._note(context, events[-1], received)
                self._consume(received)
        except Exception:
            # Raising would make the SDK close the partition and replay the same events for ever.
            logger.exception("events could not be handed over", extra={"partition": partition})
        await self._room()

    def _note(self, context: PartitionContext, last: EventData, received: list[ReceivedEvent]) -> None:
        partition = context.partition_id
        previous = self._marks.get(partition)
        if previous is not None and received[0].sequence_number > previous.sequence_number + 1:
            self._observer.gap(partition, received[0].sequence_number - previous.sequence_number - 1)
        newest = received[-1].sequence_number
        if previous is None or newest > previous.sequence_number:
            self._marks[partition] = Mark(context, last, newest)
        self._observer.received(partition, len(received), sum(len(event.body) for event in received))

    def _convert(self, partition: str, event: EventData) -> ReceivedEvent:
        enqueued = event.enqueued_time
        number = event.sequence_number
        if number is None:
            mark = self._marks.get(partition)
            number = 0 if mark is None else mark.sequence_number + 1
        return ReceivedEvent(
            partition,
            number,
            event.offset or "",
            None if enqueued is None else ticks.from_datetime(enqueued),
            body_bytes(event),
        )

    async def _on_error(self, context: PartitionContext | None, error: Exception) -> None:
        partition = None if context is None else context.partition_id
        self._observer.trouble(partition, understand(error, self._connection))

    async def _on_open(self, context: PartitionContext) -> None:
        self._owned.add(context.partition_id)
        self._observer.owned(sorted(self._owned))

    async def _on_close(self, context: PartitionContext, reason: object) -> None:
        self._owned.discard(context.partition_id)
        self._observer.owned(sorted(self._owned))

    async def _watch(self, client: EventHubConsumerClient) -> None:
        """Compare every partition with the hub's counters: lag, and partitions that fell silent."""
        while True:
            try:
                for partition in await client.get_partition_ids():
                    self._compare(partition, await client.get_partition_properties(partition))
            except Exception as error:
                self._observer.trouble(None, understand(error, self._connection))
            await asyncio.sleep(self._options.lag_interval)

    def _compare(self, partition: str, properties: dict[str, Any]) -> None:
        newest: int = properties["last_enqueued_sequence_number"]
        mark = self._marks.get(partition)
        # Before its first event, a partition is behind by what has arrived since it was first looked at.
        reached = self._first_seen.setdefault(partition, newest) if mark is None else mark.sequence_number
        behind = max(0, newest - reached)
        seconds = 0.0
        if behind and mark is not None and mark.event.enqueued_time is not None:
            seconds = (properties["last_enqueued_time_utc"] - mark.event.enqueued_time).total_seconds()
        self._observer.lag(partition, behind, max(0.0, seconds))
        seen, since = self._progress.get(partition, (None, 0.0))
        if not behind or seen != reached:
            self._progress[partition] = (reached, time.monotonic())
        elif time.monotonic() - since > self._options.stall_timeout:
            logger.error("partition lags and receives nothing", extra={"partition": partition})
            self._progress.pop(partition)
            self._restart.set()


def body_bytes(event: EventData) -> bytes:
    """The body as bytes, whatever AMQP body type the producer chose.

    Activity Log events have a data body, whose sections are joined. A value body (text, or a structure
    of another producer) becomes UTF-8 text or JSON, so that the decoder judges it like any other body.
    """
    body: Any = event.body
    if event.body_type is AmqpMessageBodyType.DATA:
        return body if isinstance(body, bytes) else b"".join(body)
    if event.body_type is AmqpMessageBodyType.SEQUENCE:
        body = list(body)
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return orjson.dumps(_plain(body), default=repr, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """An AMQP value with its byte strings as text: maps of other producers have them as keys."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


async def _wait_any(*waited: asyncio.Event | asyncio.Task[None], within: float | None = None) -> None:
    """Return when one of the events is set or tasks done, or after `within` seconds."""
    tasks = [item if isinstance(item, asyncio.Task) else asyncio.create_task(item.wait()) for item in waited]
    try:
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for item, task in zip(waited, tasks, strict=True):
            if task is not item:
                task.cancel()


async def _bounded(work: Awaitable[None], seconds: float) -> None:
    """Await `work`, but no longer than `seconds`, and never raise: used for closing."""
    try:
        await asyncio.wait_for(work, seconds)
    except Exception as error:
        logger.warning("closing was cut short", extra={"error": type(error).__name__})
