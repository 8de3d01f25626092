"""The unmodified SDK sends: single events, batches, keys, partitions, large bodies, and what is refused."""

from __future__ import annotations

import asyncio
import datetime
import threading
import uuid
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubConsumerClient
from azure.eventhub import EventHubProducerClient as SyncProducer
from azure.eventhub.aio import EventHubConsumerClient as AioConsumer
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.amqp import AmqpAnnotatedMessage
from azure.eventhub.exceptions import EventHubError

from stream_detector.localhub import Faults, LocalHub
from stream_detector.localhub.placement import partition_for_key

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MEGABYTE = 1024 * 1024


async def test_a_single_event_arrives_with_everything_that_was_put_on_it(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    event = EventData(b'{"records":[]}')
    event.properties = {"text": "é", "number": 7, "flag": True, "none": None, "bytes": b"\x00\x01"}
    event.content_type = "application/json"
    event.correlation_id = "c-1"
    event.message_id = "m-1"
    event.raw_amqp_message.annotations = {"custom": 12}
    before = datetime.datetime.now(datetime.UTC)
    await producer.send_event(event)

    [(_, found)] = await collect(consumer, 1)
    assert b"".join(found.body) == b'{"records":[]}'
    assert found.properties == {
        b"text": "é".encode(),
        b"number": 7,
        b"flag": True,
        b"none": None,
        b"bytes": b"\x00\x01",
    }
    assert (found.content_type, found.correlation_id, found.message_id) == ("application/json", "c-1", "m-1")
    assert found.raw_amqp_message.annotations[b"custom"] == 12
    assert (found.sequence_number, found.offset, found.partition_key) == (0, "0", None)
    assert abs(found.enqueued_time - before) < datetime.timedelta(seconds=30)


async def test_events_of_a_batch_stay_together_and_in_order(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    batch = await producer.create_batch()
    for number in range(500):
        batch.add(EventData(f"event {number}"))
    await producer.send_batch(batch)
    found = await collect(consumer, 500)
    assert [event.body_as_str() for _, event in found] == [f"event {number}" for number in range(500)]
    assert len({partition for partition, _ in found}) == 1
    assert [event.sequence_number for _, event in found] == list(range(500))
    offsets = [int(event.offset) for _, event in found]
    assert offsets == sorted(set(offsets))


async def test_a_batch_is_known_by_its_format_not_by_its_looks(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    # A body that is itself an encoded message must come out as it went in.
    looks_like_a_message = b"\x00\x53\x75\xa0\x05hello"
    await producer.send_event(EventData(looks_like_a_message))
    batch = await producer.create_batch()
    batch.add(EventData(looks_like_a_message))
    await producer.send_batch(batch)
    found = await collect(consumer, 2)
    assert [b"".join(event.body) for _, event in found] == [looks_like_a_message] * 2


async def test_a_partition_is_obeyed_and_senders_without_one_take_turns(
    hub: LocalHub, producer: EventHubProducerClient
) -> None:
    for _ in range(3):
        await producer.send_event(EventData(b"x"), partition_id="2")
    assert (await producer.get_partition_properties("2"))["last_enqueued_sequence_number"] == 2
    for _ in range(8):
        await producer.send_event(EventData(b"x"))
    last = [(await producer.get_partition_properties(i))["last_enqueued_sequence_number"] for i in "0123"]
    assert last == [1, 1, 4, 1]
    assert hub.received == 11


async def test_one_partition_key_leads_to_one_partition_and_stays_on_the_events(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    keys = [f"subscription-{number}" for number in range(20)]
    for key in keys:
        for _ in range(2):
            batch = await producer.create_batch(partition_key=key)
            batch.add(EventData(key))
            await producer.send_batch(batch)
        await producer.send_event(EventData(key), partition_key=key)
    found = await collect(consumer, 60)
    for partition, event in found:
        assert event.partition_key == event.body_as_str().encode()
        assert partition == str(partition_for_key(event.body_as_str(), 4))
    assert len({partition for partition, _ in found}) == 4


async def test_a_body_of_any_size_up_to_a_megabyte_passes_unchanged(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    bodies = [bytes(n % 251 for n in range(size)) for size in (0, 1, 65_000, 65_536, 70_000, 900_000)]
    for body in bodies:
        await producer.send_event(EventData(body), partition_id="1")
        batch = await producer.create_batch(partition_id="1")
        batch.add(EventData(body))
        await producer.send_batch(batch)
    found = await collect(consumer, 12)
    assert [len(b"".join(event.body)) for _, event in found] == [len(b) for b in bodies for _ in "12"]
    assert [b"".join(event.body) for _, event in found] == [body for body in bodies for _ in "12"]


async def test_a_batch_may_take_a_megabyte_and_no_more(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    batch = await producer.create_batch()
    assert batch.max_size_in_bytes == MEGABYTE
    count = 0
    try:
        while True:
            batch.add(EventData(b"y" * 3000))
            count += 1
    except ValueError:
        pass
    await producer.send_batch(batch)
    assert len(await collect(consumer, count)) == count


async def test_a_message_above_a_megabyte_is_refused_and_the_next_one_passes(
    hub: LocalHub, producer: EventHubProducerClient
) -> None:
    with pytest.raises(EventHubError, match="message-size-exceeded"):
        await producer.send_event(EventData(b"x" * (MEGABYTE + 1)))
    assert hub.received == 0
    await producer.send_event(EventData(b"small"))
    assert hub.received == 1


async def test_other_bodies_than_bytes_are_kept(
    producer: EventHubProducerClient, consumer: AioConsumer, collect: Any
) -> None:
    identity = uuid.uuid4()
    await producer.send_batch(
        [
            AmqpAnnotatedMessage(value_body={"a": 1, "b": [True, None, identity]}),
            AmqpAnnotatedMessage(sequence_body=[[1, 2], ["x"]]),
            AmqpAnnotatedMessage(data_body=[b"one", b"two"]),
        ]
    )
    found = [event for _, event in await collect(consumer, 3)]
    assert found[0].raw_amqp_message.body == {b"a": 1, b"b": [True, None, identity]}
    assert list(found[1].raw_amqp_message.body) == [[1, 2], [b"x"]]
    assert b"".join(found[2].body) == b"onetwo"


async def test_a_rejected_send_reaches_the_caller_with_its_condition(
    hub: LocalHub, faults: Faults, producer: EventHubProducerClient
) -> None:
    # The SDK's client sends everything twice that fails, whatever its retry settings say.
    faults.refuse_sends("com.microsoft:argument-error", "not today", times=2)
    with pytest.raises(EventHubError, match="not today"):
        await producer.send_event(EventData(b"x"))
    await producer.send_event(EventData(b"y"))
    assert (hub.received, hub.counters.rejected) == (1, 2)


async def test_a_busy_hub_is_tried_again_by_the_sdk(
    hub: LocalHub, faults: Faults, producer: EventHubProducerClient
) -> None:
    faults.refuse_sends("com.microsoft:server-busy", "come back later", times=1)
    await producer.send_event(EventData(b"x"))
    assert (hub.received, hub.counters.rejected) == (1, 1)


async def test_the_synchronous_sdk_works_as_well(hub: LocalHub) -> None:
    text = hub.connection_string("activity")

    def use() -> list[str]:
        with SyncProducer.from_connection_string(text) as sender:
            assert sender.get_partition_ids() == ["0", "1", "2", "3"]
            batch = sender.create_batch(partition_id="3")
            for number in range(50):
                batch.add(EventData(f"{number}"))
            sender.send_batch(batch)
        found: list[str] = []
        client = EventHubConsumerClient.from_connection_string(text, "$Default")

        def on_event(_context: Any, event: Any) -> None:
            found.append(event.body_as_str())
            if len(found) == 50:
                threading.Thread(target=client.close).start()

        client.receive(on_event, partition_id="3", starting_position="-1")
        return found

    assert await asyncio.to_thread(use) == [f"{number}" for number in range(50)]
