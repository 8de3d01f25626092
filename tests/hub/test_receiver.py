"""The receiver against the embedded hub with the unmodified SDK: what is handed over, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from azure.eventhub import EventData
from azure.eventhub.amqp import AmqpAnnotatedMessage

from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import HubErrorKind, HubTrouble
from stream_detector.hub.memory_positions import MemoryPositions
from stream_detector.hub.publisher import Publisher
from stream_detector.hub.receiver import Receiver, ReceiverOptions, body_bytes
from stream_detector.hub.sole_reader import SoleReader
from stream_detector.localhub import LocalHub
from stream_detector.pipeline import ReceivedEvent

HUB = "activity"
TIME = 40.0
"""Seconds within which anything here has to happen."""


@dataclass
class Watcher:
    """Collects what the receiver hands over and tells."""

    events: list[ReceivedEvent] = field(default_factory=list)
    owned_now: tuple[str, ...] = ()
    troubles: list[tuple[str | None, HubTrouble]] = field(default_factory=list)
    lags: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    def consume(self, events: Sequence[ReceivedEvent]) -> None:
        self.events.extend(events)
        self.changed.set()

    async def room(self) -> None:
        if self.gate is not None:
            await self.gate.wait()

    def received(self, partition: str, events: int, size: int) -> None:
        self.changed.set()

    def owned(self, partitions: Sequence[str]) -> None:
        self.owned_now = tuple(partitions)
        self.changed.set()

    def trouble(self, partition: str | None, trouble: HubTrouble) -> None:
        self.troubles.append((partition, trouble))
        self.changed.set()

    def lag(self, partition: str, events: int, seconds: float) -> None:
        self.lags[partition] = events
        self.changed.set()

    def gap(self, partition: str, missing: int) -> None:
        self.missing += missing

    async def until(self, count: int) -> None:
        async with asyncio.timeout(TIME):
            while len(self.events) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def hub() -> AsyncIterator[LocalHub]:
    async with LocalHub({HUB: 2}, geo_offsets=True) as hub:
        yield hub


def connection(hub: LocalHub) -> HubConnection:
    return HubConnection(HUB, "localhost", connection_string=hub.connection_string())


@asynccontextmanager
async def receiving(
    hub: LocalHub, watcher: Watcher, positions: MemoryPositions | None = None, **options: float
) -> AsyncIterator[Receiver]:
    """A receiver at work."""
    receiver = Receiver(
        connection(hub),
        SoleReader(positions or MemoryPositions()),
        ReceiverOptions(prefetch=100, **options),  # type: ignore[arg-type]
        watcher.consume,
        watcher.room,
        watcher,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(receiver.run(stop))
    try:
        yield receiver
    finally:
        stop.set()
        if watcher.gate is not None:
            watcher.gate.set()
        await asyncio.wait_for(task, TIME)


async def test_bodies_arrive_whole_and_in_order_with_where_they_came_from(hub: LocalHub) -> None:
    watcher = Watcher()
    for number in range(50):
        hub.append(HUB, "1", b"body %d" % number)
    async with receiving(hub, watcher):
        await watcher.until(50)
    assert [event.body for event in watcher.events] == [b"body %d" % number for number in range(50)]
    assert [event.sequence_number for event in watcher.events] == list(range(50))
    assert {event.partition for event in watcher.events} == {"1"}
    assert all(event.enqueued is not None for event in watcher.events)
    assert all(":" in event.offset for event in watcher.events), "offsets are opaque texts"


async def test_reading_goes_on_at_the_checkpoint_by_an_opaque_offset(hub: LocalHub) -> None:
    positions = MemoryPositions()
    for number in range(10):
        hub.append(HUB, "0", b"%d" % number)
    first = Watcher()
    async with receiving(hub, first, positions) as receiver:
        await first.until(10)
        await receiver.checkpoint(receiver.marks())
    hub.append(HUB, "0", b"10")
    second = Watcher()
    async with receiving(hub, second, positions):
        await second.until(1)
    assert [event.body for event in second.events] == [b"10"]


async def test_an_event_is_handed_over_although_the_callback_is_cancelled_while_it_waits_for_room(
    hub: LocalHub,
) -> None:
    watcher = Watcher(gate=asyncio.Event())
    hub.append(HUB, "0", b"one")
    async with receiving(hub, watcher) as receiver:
        await watcher.until(1)
        assert receiver.marks()["0"].sequence_number == 0


async def test_while_there_is_no_room_the_partition_is_held_back(hub: LocalHub) -> None:
    watcher = Watcher(gate=asyncio.Event())
    for number in range(2000):
        hub.append(HUB, "0", b"%d" % number)
    async with receiving(hub, watcher, max_batch_size=50):
        await watcher.until(1)
        held = len(watcher.events)
        await asyncio.sleep(0.5)
        assert len(watcher.events) == held <= 50
        assert watcher.gate is not None
        watcher.gate.set()
        await watcher.until(2000)


async def test_a_failure_in_our_own_code_does_not_make_the_sdk_replay_the_partition(
    hub: LocalHub, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher()
    failures: list[int] = []

    def fail_once(events: Sequence[ReceivedEvent]) -> None:
        if not failures:
            failures.append(len(events))
            raise RuntimeError("a defect")
        Watcher.consume(watcher, events)

    watcher.consume = fail_once  # type: ignore[method-assign]
    hub.append(HUB, "0", b"poison")
    async with receiving(hub, watcher, max_batch_size=1):
        async with asyncio.timeout(TIME):
            while not failures:
                await asyncio.sleep(0.01)
        hub.append(HUB, "0", b"good")
        await watcher.until(1)
    assert [event.body for event in watcher.events] == [b"good"]
    assert failures == [1]
    assert any("could not be handed over" in record.getMessage() for record in caplog.records)


async def test_lag_comes_from_the_hubs_own_counters_and_returns_to_zero(hub: LocalHub) -> None:
    watcher = Watcher(gate=asyncio.Event())
    for number in range(300):
        hub.append(HUB, "0", b"%d" % number)
    async with receiving(hub, watcher, max_batch_size=10, lag_interval=0.1), asyncio.timeout(TIME):
        while not watcher.lags.get("0"):
            await asyncio.sleep(0.05)
        assert watcher.gate is not None
        watcher.gate.set()
        await watcher.until(300)
        while watcher.lags["0"]:
            await asyncio.sleep(0.05)


async def test_a_partition_that_lags_in_silence_gets_a_new_client(
    hub: LocalHub, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher()
    hub.append(HUB, "0", b"one")
    async with receiving(hub, watcher, lag_interval=0.2, stall_timeout=1.0):
        await watcher.until(1)
        hub.faults.delivery_delay = 3600.0
        hub.append(HUB, "0", b"two")
        async with asyncio.timeout(TIME):
            while not any("receives nothing" in record.getMessage() for record in caplog.records):
                await asyncio.sleep(0.05)
        hub.faults.delivery_delay = 0.0
        await watcher.until(2)
    assert watcher.events[-1].body == b"two"


async def test_missing_sequence_numbers_are_told(hub: LocalHub) -> None:
    watcher = Watcher()
    receiver = Receiver(
        connection(hub), MemoryPositions(), ReceiverOptions(), watcher.consume, watcher.room, watcher
    )

    class Context:
        partition_id = "0"

    class Event:
        def __init__(self, number: int) -> None:
            self.sequence_number = number

    for numbers in ([1, 2], [3], [7, 8]):
        received = [ReceivedEvent("0", number, str(number), None, b"") for number in numbers]
        receiver._note(Context(), Event(numbers[-1]), received)  # type: ignore[arg-type]
    assert watcher.missing == 3


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (AmqpAnnotatedMessage(data_body=[b"two ", b"sections"]), b"two sections"),
        (AmqpAnnotatedMessage(value_body="text é"), "text é".encode()),
        (AmqpAnnotatedMessage(value_body={"records": [1]}), b'{"records":[1]}'),
        (AmqpAnnotatedMessage(value_body=7), b"7"),
        (AmqpAnnotatedMessage(sequence_body=[[1, 2], [3]]), b"[[1,2],[3]]"),
    ],
)
async def test_a_body_of_any_amqp_type_becomes_bytes(
    message: AmqpAnnotatedMessage, body: bytes, hub: LocalHub
) -> None:
    watcher = Watcher()
    async with connection(hub).producer() as producer:
        await producer.send_batch([message], partition_id="0")
    async with receiving(hub, watcher):
        await watcher.until(1)
    assert watcher.events[0].body == body


def test_a_body_of_the_sdk_is_joined_once() -> None:
    assert body_bytes(EventData(b"abc")) == b"abc"


async def test_a_publisher_spreads_bodies_over_all_partitions(hub: LocalHub) -> None:
    watcher = Watcher()
    async with Publisher(connection(hub)) as publisher:
        for number in range(10):
            await publisher.add(b"%d" % number)
        await publisher.flush()
    async with receiving(hub, watcher):
        await watcher.until(10)
    assert sorted(event.partition for event in watcher.events) == ["0"] * 5 + ["1"] * 5


async def test_a_second_reader_takes_the_partitions_and_both_know(hub: LocalHub) -> None:
    first, second = Watcher(), Watcher()
    async with receiving(hub, first):
        hub.append(HUB, "0", b"one")
        await first.until(1)
        async with receiving(hub, second):
            hub.append(HUB, "0", b"two")
            await second.until(2)
            async with asyncio.timeout(TIME):
                while HubErrorKind.STOLEN not in {trouble.kind for _, trouble in first.troubles}:
                    first.changed.clear()
                    await first.changed.wait()
