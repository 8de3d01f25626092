"""Faults on demand, seen through the unmodified SDK: nothing is lost that the SDK can get again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient

from stream_detector.localhub import EntityError, Faults, LocalHub

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HUB = "activity"


class Watch:
    """Receives all partitions and keeps what came, by sequence number."""

    def __init__(self, hub: LocalHub) -> None:
        self.client = EventHubConsumerClient.from_connection_string(
            hub.connection_string(HUB), "$Default", retry_backoff_factor=0.05, load_balancing_interval=0.5
        )
        self.found: list[tuple[str, int]] = []
        self.errors: list[Exception] = []
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(
            self.client.receive_batch(
                self._batch, on_error=self._error, starting_position="-1", max_wait_time=0.2
            )
        )

    async def _batch(self, context: Any, events: list[Any]) -> None:
        self.found.extend((context.partition_id, event.sequence_number) for event in events)
        self._changed.set()

    async def _error(self, _context: Any, error: Exception) -> None:
        self.errors.append(error)
        self._changed.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(40):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.close()


@pytest.fixture
async def watch(hub: LocalHub) -> Any:
    watching = Watch(hub)
    yield watching
    await watching.close()


def filled(hub: LocalHub, count: int, start: int = 0) -> set[tuple[str, int]]:
    for number in range(count):
        hub.append(HUB, str(number % 4), b"x" * 200)
    return {(str(number % 4), (start + number) // 4) for number in range(count)}


async def test_nothing_is_lost_when_all_connections_are_dropped(
    hub: LocalHub, faults: Faults, watch: Watch
) -> None:
    wanted = filled(hub, 400)
    await watch.until(lambda: len(watch.found) >= 100)
    assert faults.drop_connections() > 0
    wanted |= filled(hub, 400, 400)
    await watch.until(lambda: set(watch.found) >= wanted)
    assert set(watch.found) == wanted


async def test_receivers_that_are_detached_come_back(hub: LocalHub, faults: Faults, watch: Watch) -> None:
    filled(hub, 4)
    await watch.until(lambda: len(set(watch.found)) == 4)
    assert faults.drop_receivers(HUB, "0") == 1
    hub.append(HUB, "0", b"after")
    await watch.until(lambda: ("0", 1) in watch.found)


async def test_events_are_delivered_again_on_demand(hub: LocalHub, faults: Faults, watch: Watch) -> None:
    filled(hub, 40)
    await watch.until(lambda: len(set(watch.found)) == 40)
    assert faults.redeliver(HUB, "2", 5) == 1
    await watch.until(lambda: watch.found.count(("2", 9)) == 2)
    again = [number for partition, number in watch.found if partition == "2"][10:]
    assert again == [5, 6, 7, 8, 9]
    assert hub.delivered == 45


async def test_deliveries_can_be_delayed(hub: LocalHub, faults: Faults, watch: Watch) -> None:
    filled(hub, 4)
    await watch.until(lambda: len(watch.found) == 4)
    faults.delivery_delay = 1.0
    sent = time.monotonic()
    hub.append(HUB, "0", b"late")
    await watch.until(lambda: ("0", 1) in watch.found)
    assert time.monotonic() - sent >= 0.95
    faults.delivery_delay = 3600.0
    hub.append(HUB, "0", b"very late")
    faults.clear()
    await watch.until(lambda: ("0", 2) in watch.found)


async def test_refused_attaches_reach_the_client_and_end(
    hub: LocalHub, faults: Faults, consumer: EventHubConsumerClient, refusal: Any, collect: Any
) -> None:
    hub.append(HUB, "1", b"x")
    faults.refuse_attaches("amqp:internal-error", "moved", address="partitions/1", times=1)
    assert await refusal(consumer, "1") == ("amqp:internal-error", "moved")
    assert len(await collect(consumer, 1, "1")) == 1


async def test_a_producer_survives_dropped_connections(hub: LocalHub, faults: Faults) -> None:
    sender = EventHubProducerClient.from_connection_string(
        hub.connection_string(HUB), retry_backoff_factor=0.05
    )
    async with sender:
        for number in range(5):
            await sender.send_event(EventData(f"{number}"), partition_id="0")
            faults.drop_connections()
    assert hub.received == 5


async def test_a_stopped_hub_starts_again_with_what_it_had(collect: Any, free_port: int) -> None:
    hub = LocalHub({HUB: 1}, port=free_port)
    await hub.start()
    hub.append(HUB, "0", b"kept")
    await hub.stop()
    await hub.stop()
    async with hub:
        client = EventHubConsumerClient.from_connection_string(hub.connection_string(HUB), "$Default")
        async with client:
            assert [event.body_as_str() for _, event in await collect(client, 1, "0")] == ["kept"]


async def test_what_is_named_wrongly_is_an_error(hub: LocalHub, faults: Faults) -> None:
    with pytest.raises(EntityError, match="nohub"):
        hub.append("nohub", "0", b"")
    with pytest.raises(EntityError, match="'9'"):
        faults.drop_receivers(HUB, "9")
    with pytest.raises(ValueError, match="encoding"):
        hub.append(HUB, "0", b"", {"k": object()})
    await hub.stop()
    with pytest.raises(RuntimeError, match="not running"):
        hub.connection_string()
    assert Faults().drop_connections() == 0
