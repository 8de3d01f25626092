"""A running hub, and the unmodified SDK against it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest
from azure.eventhub import EventData
from azure.eventhub._pyamqp.error import AMQPLinkError, ErrorCondition
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient

from stream_detector.localhub import Faults, LocalHub

Received = list[tuple[str, EventData]]
"""(partition id, event) in the order of arrival."""
Collect = Callable[..., Awaitable[Received]]


@pytest.fixture
def faults() -> Faults:
    """What goes wrong with `hub`."""
    return Faults()


@pytest.fixture
async def hub(faults: Faults) -> AsyncIterator[LocalHub]:
    """A hub `activity` with four partitions and the extra consumer group `second`."""
    async with LocalHub({"activity": 4}, consumer_groups=("second",), faults=faults) as running:
        yield running
    gc.collect()  # what the SDK leaves open must not be found in somebody else's test


@pytest.fixture
async def producer(hub: LocalHub) -> AsyncIterator[EventHubProducerClient]:
    """The SDK's producer on `hub`; it does not retry."""
    client = EventHubProducerClient.from_connection_string(hub.connection_string("activity"), retry_total=0)
    async with client:
        yield client


@pytest.fixture
async def consumer(hub: LocalHub) -> AsyncIterator[EventHubConsumerClient]:
    """The SDK's consumer on `hub`, with the default group."""
    client = EventHubConsumerClient.from_connection_string(hub.connection_string("activity"), "$Default")
    async with client:
        yield client


@pytest.fixture
def collect_balanced() -> Collect:
    """Receive all partitions until `count` events have come; raises TimeoutError if they do not."""

    async def receive(client: EventHubConsumerClient, count: int, **options: Any) -> Received:
        found: Received = []
        complete = asyncio.Event()

        async def on_batch(context: Any, events: list[EventData]) -> None:
            found.extend((context.partition_id, event) for event in events)
            if len(found) >= count:
                complete.set()

        receiving = asyncio.create_task(client.receive_batch(on_batch, starting_position="-1", **options))
        try:
            await asyncio.wait_for(complete.wait(), 30)
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
        return found

    return receive


@pytest.fixture
def collect() -> Collect:
    """The same without the SDK's load balancer, which takes a second to start and one to stop."""

    async def receive(
        client: EventHubConsumerClient,
        count: int,
        partitions: str = "0123",
        position: Any = "-1",
        **options: Any,
    ) -> Received:
        found: Received = []
        receivers: list[Any] = []

        async def on_batch(partition: str, events: list[EventData]) -> None:
            found.extend((partition, event) for event in events)
            if len(found) >= count:
                for receiver in receivers:
                    receiver._callback_task_run = False

        for partition in partitions:
            callback: Any = partial(on_batch, partition)
            group = client._consumer_group
            receivers.append(
                client._create_consumer(group, partition, position, on_event_received=callback, **options)
            )
        try:
            async with asyncio.timeout(30):
                reading = [receiver.receive(batch=True, max_batch_size=300) for receiver in receivers]
                await asyncio.gather(*reading)
        finally:
            await asyncio.gather(*(receiver.close() for receiver in receivers))
        return found

    return receive


@pytest.fixture
def refusal() -> Callable[..., Awaitable[tuple[str, str]]]:
    """Attach one receiver with the SDK and return the (condition, description) of the refusal.

    The public receive methods hide a refusal at the first attach: they try again for ever.
    """

    async def attach(
        client: EventHubConsumerClient, partition: str = "0", position: Any = "-1", **options: Any
    ) -> tuple[str, str]:
        receiver: Any = client._create_consumer(
            client._consumer_group, partition, position, on_event_received=cast(Any, None), **options
        )
        try:
            with pytest.raises(AMQPLinkError) as refused:
                async with asyncio.timeout(20):
                    await receiver._open()
        finally:
            await receiver.close()
        condition: Any = refused.value.condition
        description: Any = refused.value.description
        raw = condition.value if isinstance(condition, ErrorCondition) else condition
        return bytes(raw).decode(), bytes(description).decode()

    return attach
