"""The service: parts made from the settings, started in order, stopped in the reverse order.

    load rules -> metrics and health on their port -> hub opened -> receive ... SIGTERM -> stop reading
    -> deliver what is queued -> write positions -> exit 0

Holds no rules and no protocol; each part does its own work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from azure.eventhub.aio import CheckpointStore

from stream_detector import ticks
from stream_detector.activity.decode import BodyDecoder, UndecodableReason
from stream_detector.detect.detector import Detector
from stream_detector.detect.positions import Positions
from stream_detector.errors import HubError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import HubErrorKind
from stream_detector.hub.opening import OpenedHub, forget_foreign_positions, open_hub
from stream_detector.hub.receiver import Receiver, ReceiverOptions
from stream_detector.hub.sole_reader import SoleReader
from stream_detector.intake import Intake, WallClock
from stream_detector.observe.health import Health, Phase
from stream_detector.observe.loop_lag import measure_loop_lag
from stream_detector.observe.metrics import Metrics
from stream_detector.observe.observers import DeliveryMetrics, HubMetrics
from stream_detector.observe.server import ObserveServer
from stream_detector.pipeline import Pipeline
from stream_detector.rules.model import Rule, wanted_operations
from stream_detector.settings import Settings
from stream_detector.settings.windows import window_options
from stream_detector.shard.dead_letters import DirectoryDeadLetters
from stream_detector.sinks.build import build_routes
from stream_detector.sinks.delivery import Delivery, Route

logger = logging.getLogger(__name__)

T = TypeVar("T")

OPEN_TIMEOUT = 60.0
"""Seconds to keep trying a hub that cannot be reached at start."""
DRAIN_TIMEOUT = 10.0
"""Seconds for queued alerts to reach their sinks after SIGTERM; with the receiver's close it stays
below Kubernetes' default grace period of 30 s."""
TICK = 1.0
"""Seconds between looks at windows that are due."""


@dataclass(frozen=True, slots=True)
class Source:
    """The hub to read and where positions are kept."""

    connection: HubConnection
    positions: CheckpointStore


def starting_position(settings: Settings, rules: Sequence[Rule], now: int) -> str | datetime:
    """Where a partition without a stored position starts, in the SDK's words."""
    start = settings.hub.start
    if start == "earliest":
        return "-1"
    if start == "latest":
        return "@latest"
    back = start if isinstance(start, int) else settings.lateness + max(rule.window for rule in rules)
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=(now - back) // 10)


class Service:
    """One detector over all partitions of one hub."""

    def __init__(
        self, settings: Settings, rules: Sequence[Rule], routes: Sequence[Route] | None = None
    ) -> None:
        self.settings = settings
        self.rules = tuple(rules)
        self.metrics = Metrics(
            self.rules, [sink.name for sink in settings.sinks], UndecodableReason, HubErrorKind
        )
        self.health = Health()
        self._routes = build_routes(settings.sinks) if routes is None else tuple(routes)
        self._clock = WallClock()
        self.delivery = Delivery(self._routes, DeliveryMetrics(self.metrics))
        self._detector = Detector(self.rules, window_options(settings))
        dead_letters = settings.state.dead_letters
        self._intake = Intake(
            Pipeline(BodyDecoder(wanted_operations(self.rules)), self._detector, Positions(), self._clock),
            self._clock,
            self.metrics,
            DirectoryDeadLetters(
                settings.state.directory / "dead-letters", dead_letters.max_bytes, dead_letters.max_files
            ),
            self.delivery,
        )
        self.metrics.watch_groups(lambda: self._detector.groups_open(self._clock.now()))
        self.receiving = asyncio.Event()
        """Set once the hub was opened and the receiver started."""
        self.observe_port = 0
        """Port of metrics and health, once listening."""

    @property
    def intake(self) -> Intake:
        """What has been taken in so far."""
        return self._intake

    async def run(self, source: Source, stop: asyncio.Event) -> None:
        """Serve until `stop` is set.

        Raises:
            HubError: the hub refuses us or stays out of reach at start.
            StreamDetectorError: the port of the health server is taken, or a sink is gone for good.
        """
        async with AsyncExitStack() as stack:
            observe = self.settings.observe
            server = ObserveServer(self.metrics, self.health, observe.host, observe.port)
            await stack.enter_async_context(server)
            self.observe_port = server.port
            for route in self._routes:
                stack.push_async_callback(route.sink.aclose)
            self.health.enter(Phase.LOADING)
            opening = asyncio.create_task(self._open(source))
            hub, store = await _unless_stopped(opening, stop) or (None, None)
            if hub is None or store is None:
                return
            self.metrics.declare_partitions(hub.partitions)
            await self._serve(self._make_receiver(source.connection, store, len(hub.partitions)), stop)

    async def _open(self, source: Source) -> tuple[OpenedHub, SoleReader]:
        store = SoleReader(source.positions)
        hub = await open_hub(source.connection, OPEN_TIMEOUT)
        await forget_foreign_positions(store, source.connection, hub)
        logger.info("hub opened", extra={"hub": source.connection.name, "partitions": len(hub.partitions)})
        return hub, store

    def _make_receiver(self, connection: HubConnection, store: SoleReader, partitions: int) -> Receiver:
        hub = self.settings.hub
        return Receiver(
            connection,
            store,
            ReceiverOptions(
                prefetch=hub.prefetch,
                max_batch_size=hub.max_batch_size,
                starting_position=starting_position(self.settings, self.rules, self._clock.now()),
            ),
            self._intake.consume,
            self.delivery.room,
            HubMetrics(self.metrics, self.health, partitions),
        )

    async def _serve(self, receiver: Receiver, stop: asyncio.Event) -> None:
        """Run every task until `stop`, or until one of them fails; then wind down in order."""
        failed: list[BaseException] = []

        async def guard(name: str, work: Coroutine[Any, Any, None]) -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                failed.append(error)
                logger.error(
                    "a task of the service ended", extra={"task": name, "error": type(error).__name__}
                )
            stop.set()

        delivering = asyncio.create_task(guard("deliver", self.delivery.run()), name="deliver")
        others = [
            asyncio.create_task(guard(name, work), name=name)
            for name, work in (
                ("tick", self._tick()),
                ("positions", self._write_positions(receiver)),
                ("loop lag", measure_loop_lag(self._beat)),
            )
        ]
        for task in (delivering, *others):
            self.health.watch(task.get_name(), task)
        self.health.enter(Phase.RECEIVING)
        self.receiving.set()
        try:
            await guard("receive", receiver.run(stop))
        finally:
            self.health.enter(Phase.STOPPING)
            logger.info("stopping")
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if not failed:
                await self._drain(receiver)
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
        if failed:
            raise failed[0]

    async def _drain(self, receiver: Receiver) -> None:
        """Reading has stopped: deliver what is queued, then write the last positions."""
        marks, mark = receiver.marks(), self.delivery.mark()
        try:
            await asyncio.wait_for(self.delivery.reached(mark), DRAIN_TIMEOUT)
        except TimeoutError:
            logger.error("alerts remain undelivered; their events will be read again")
            return
        await receiver.checkpoint(marks)
        logger.info("stopped")

    def _beat(self, lag: float) -> None:
        self.health.beat()
        self.metrics.loop_lag(lag)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._intake.tick()

    async def _write_positions(self, receiver: Receiver) -> None:
        """Every flush interval: positions of events whose alerts were delivered."""
        written: dict[str, int] = {}
        while True:
            await asyncio.sleep(ticks.to_unix_seconds(self.settings.flush_interval))
            marks, mark = receiver.marks(), self.delivery.mark()
            await self.delivery.reached(mark)
            moved = {
                partition: found
                for partition, found in marks.items()
                if written.get(partition) != found.sequence_number
            }
            await receiver.checkpoint(moved)
            written.update({partition: found.sequence_number for partition, found in moved.items()})


async def _unless_stopped(work: asyncio.Task[T], stop: asyncio.Event) -> T | None:
    """The result of `work`, or None when `stop` is set first."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if work.done():
        return work.result()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return None


@asynccontextmanager
async def blob_positions(settings: Settings) -> AsyncIterator[CheckpointStore]:
    """The SDK's Blob checkpoint store.

    Raises:
        HubError: the container cannot be used.
    """
    from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore

    blob = settings.state.blob
    assert blob is not None
    try:
        if blob.connection_string is not None:
            store = BlobCheckpointStore.from_connection_string(
                blob.connection_string.get_secret_value(), blob.container
            )
        else:
            from azure.identity.aio import DefaultAzureCredential

            store = BlobCheckpointStore(
                blob.account_url or "", blob.container, credential=DefaultAzureCredential()
            )
    except ValueError as error:
        raise HubError("state.blob: the connection settings do not fit together") from error
    async with store:
        yield store
