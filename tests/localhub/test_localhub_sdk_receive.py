"""The unmodified SDK receives: positions, groups, epochs, properties, retention, faults."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any, cast

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import ConnectError, EventHubError

from stream_detector.localhub import LocalHub

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HUB = "activity"


def client(hub: LocalHub, group: str = "$Default", **options: Any) -> EventHubConsumerClient:
    """A consumer client of its own."""
    return EventHubConsumerClient.from_connection_string(hub.connection_string(HUB), group, **options)


def numbers(found: list[tuple[str, EventData]]) -> list[int]:
    return [cast(int, event.sequence_number) for _, event in found]


async def test_all_partitions_are_received_from_the_start(
    hub: LocalHub, consumer: EventHubConsumerClient, collect_balanced: Any
) -> None:
    for number in range(2000):
        hub.append(HUB, str(number % 4), f"{number}".encode(), {"n": number})
    found = await collect_balanced(consumer, 2000)
    assert sorted(int(event.body_as_str()) for _, event in found) == list(range(2000))
    for partition in "0123":
        assert numbers([pair for pair in found if pair[0] == partition]) == list(range(500))
    assert all(event.properties[b"n"] == int(event.body_as_str()) for _, event in found)
    assert hub.delivered == 2000


async def test_events_are_delivered_as_they_arrive(
    hub: LocalHub, consumer: EventHubConsumerClient, producer: EventHubProducerClient
) -> None:
    arrived = asyncio.Queue[str]()

    async def on_event(_context: Any, event: Any) -> None:
        arrived.put_nowait(event.body_as_str())

    receiving = asyncio.create_task(consumer.receive(on_event, starting_position="-1"))
    for number in range(10):
        await producer.send_event(EventData(f"{number}"))
        assert await asyncio.wait_for(arrived.get(), 10) == f"{number}"
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)


async def test_receiving_starts_where_it_is_asked_to(collect: Any) -> None:
    moment = 1_750_000_000.0

    def clock() -> float:
        return moment

    async with LocalHub({HUB: 1}, clock=clock, retention_age=None) as hub, client(hub) as consumer:
        for number in range(30):
            moment += 1.0
            hub.append(HUB, "0", f"{number}".encode())
        found = await collect(consumer, 30, "0", "-1")
        assert numbers(found) == list(range(30))
        event = found[17][1]
        for position in (17, event.offset, event.enqueued_time):
            after = await collect(consumer, 12, "0", position)
            assert numbers(after) == list(range(18, 30)), position
            with_it = await collect(consumer, 13, "0", position, event_position_inclusive=True)
            assert numbers(with_it) == list(range(17, 30)), position
        for position, inclusive, first in ((-1, False, 0), (0, False, 1), (0, True, 0), ("-1", True, 0)):
            found = await collect(consumer, 30 - first, "0", position, event_position_inclusive=inclusive)
            assert numbers(found) == list(range(first, 30)), position


async def test_the_end_of_the_stream_has_only_what_comes_later(hub: LocalHub, collect: Any) -> None:
    hub.append(HUB, "0", b"old")
    async with client(hub) as consumer:
        collecting = asyncio.create_task(collect(consumer, 1, "0", "@latest"))
        while not hub.receivers(HUB, "0"):
            await asyncio.sleep(0.01)
        hub.append(HUB, "0", b"new")
        assert [event.body_as_str() for _, event in await collecting] == ["new"]


async def test_a_time_in_the_future_waits_for_it_and_one_in_the_past_gives_all(
    hub: LocalHub, consumer: EventHubConsumerClient, collect: Any
) -> None:
    hub.append(HUB, "0", b"a")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert numbers(await collect(consumer, 1, "0", past)) == [0]


async def test_offsets_of_geo_replicated_namespaces_can_be_resumed_from(collect: Any) -> None:
    async with LocalHub({HUB: 1}, geo_offsets=True) as hub, client(hub) as consumer:
        for number in range(5):
            hub.append(HUB, "0", f"{number}".encode())
        found = await collect(consumer, 5, "0")
        assert all(event.offset.startswith("1:") and event.offset.endswith(":0") for _, event in found)
        resumed = await collect(consumer, 2, "0", found[2][1].offset)
        assert numbers(resumed) == [3, 4]
        properties = await consumer.get_partition_properties("0")
        assert properties["last_enqueued_offset"] == found[4][1].offset


@pytest.mark.parametrize(("position", "text"), [("999999", "offset '999999'"), (500, "number '500'")])
async def test_a_position_that_is_still_to_come_is_refused(
    hub: LocalHub, consumer: EventHubConsumerClient, refusal: Any, position: Any, text: str
) -> None:
    hub.append(HUB, "0", b"a")
    condition, description = await refusal(consumer, "0", position)
    assert condition == "com.microsoft:argument-error"
    assert text in description


async def test_a_position_before_retention_starts_at_the_oldest_event(collect: Any) -> None:
    async with LocalHub({HUB: 1}, retention_bytes=5000) as hub, client(hub) as consumer:
        for number in range(100):
            hub.append(HUB, "0", b"z" * 400 + f"{number}".encode())
        properties = await consumer.get_partition_properties("0")
        oldest = properties["beginning_sequence_number"]
        assert 80 < oldest < 100
        assert properties["last_enqueued_sequence_number"] == 99
        for position in ("-1", "100", 3):
            found = await collect(consumer, 100 - oldest, "0", position)
            assert numbers(found) == list(range(oldest, 100))


async def test_old_events_are_dropped_by_age_and_their_numbers_are_not_reused(collect: Any) -> None:
    ahead = 0.0

    def clock() -> float:
        return datetime.datetime.now(datetime.UTC).timestamp() + ahead

    async with LocalHub({HUB: 1}, retention_age=60.0, clock=clock) as hub, client(hub) as consumer:
        for number in range(10):
            hub.append(HUB, "0", f"{number}".encode())
        ahead = 61.0
        hub.append(HUB, "0", b"10")
        found = await collect(consumer, 1, "0")
        assert [(event.sequence_number, event.body_as_str()) for _, event in found] == [(10, "10")]


async def test_a_fresh_hub_may_continue_above_the_numbers_of_an_earlier_one(collect: Any) -> None:
    async with LocalHub({HUB: 1}, first_sequence_number=1_000_000) as hub, client(hub) as consumer:
        hub.append(HUB, "0", b"a")
        # A position that was stored with the earlier hub lies in the past of this one.
        found = await collect(consumer, 1, "0", "4711")
        assert numbers(found) == [1_000_000]


async def test_consumer_groups_receive_independently_and_names_have_no_case(
    hub: LocalHub, collect: Any
) -> None:
    for number in range(20):
        hub.append(HUB, str(number % 4), b"x")
    text = hub.connection_string("ACTIVITY")
    for group in ("$default", "SECOND"):
        async with EventHubConsumerClient.from_connection_string(text, group) as consumer:
            assert len(await collect(consumer, 20)) == 20


@pytest.mark.parametrize(
    ("name", "group", "partition", "named"),
    [
        ("nohub", "$Default", "0", "'nohub'"),
        (HUB, "nogroup", "0", "'nogroup'"),
        (HUB, "$Default", "99", "'99'"),
        (HUB, "$Default", "-1", "'-1'"),
    ],
)
async def test_receiving_from_what_does_not_exist_is_not_found(
    hub: LocalHub, refusal: Any, name: str, group: str, partition: str, named: str
) -> None:
    text = hub.connection_string(name)
    async with EventHubConsumerClient.from_connection_string(text, group, retry_total=0) as consumer:
        condition, description = await refusal(consumer, partition)
    assert condition == "amqp:not-found"
    assert named in description


async def test_properties_of_what_does_not_exist_are_not_found(hub: LocalHub) -> None:
    text = hub.connection_string("nohub")
    async with EventHubConsumerClient.from_connection_string(text, "$Default", retry_total=0) as consumer:
        with pytest.raises(ConnectError, match=r"404.*'nohub' could not be found"):
            await consumer.get_eventhub_properties()
    async with client(hub, retry_total=0) as consumer:
        with pytest.raises(ConnectError, match=r"404.*'99'"):
            await consumer.get_partition_properties("99")


async def test_sending_to_what_does_not_exist_is_not_found(hub: LocalHub) -> None:
    for name, partition, condition in (("nohub", None, "404"), (HUB, "4", "Invalid partition 4")):
        sender = EventHubProducerClient.from_connection_string(hub.connection_string(name), retry_total=0)
        async with sender:
            with pytest.raises(EventHubError, match=condition):
                await sender.send_event(EventData(b"x"), partition_id=partition)


async def test_properties_tell_what_is_there(hub: LocalHub, consumer: EventHubConsumerClient) -> None:
    properties = await consumer.get_eventhub_properties()
    assert (properties["eventhub_name"], properties["partition_ids"]) == (HUB, ["0", "1", "2", "3"])
    empty = await consumer.get_partition_properties("1")
    assert (empty["is_empty"], empty["last_enqueued_sequence_number"]) == (True, -1)
    assert (empty["beginning_sequence_number"], empty["last_enqueued_offset"]) == (0, "-1")
    hub.append(HUB, "1", b"a")
    hub.append(HUB, "1", b"b")
    filled = await consumer.get_partition_properties("1")
    assert (filled["is_empty"], filled["last_enqueued_sequence_number"]) == (False, 1)
    assert abs(filled["last_enqueued_time_utc"] - datetime.datetime.now(datetime.UTC)).total_seconds() < 30


async def test_the_last_enqueued_event_is_told_with_each_event(hub: LocalHub) -> None:
    for number in range(5):
        hub.append(HUB, "0", f"{number}".encode())
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def on_event(context: Any, event: Any) -> None:
        if event.sequence_number == 4:
            told.set_result(context.last_enqueued_event_properties)

    async with client(hub) as consumer:
        receiving = asyncio.create_task(
            consumer.receive(
                on_event, partition_id="0", starting_position="-1", track_last_enqueued_event_properties=True
            )
        )
        last = await asyncio.wait_for(told, 20)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        properties = await consumer.get_partition_properties("0")
    assert last["sequence_number"] == properties["last_enqueued_sequence_number"] == 4
    assert last["offset"] == properties["last_enqueued_offset"]
    assert last["enqueued_time"] == properties["last_enqueued_time_utc"]


async def test_without_being_asked_for_no_runtime_metrics_are_sent(
    hub: LocalHub, consumer: EventHubConsumerClient, collect: Any
) -> None:
    hub.append(HUB, "0", b"a")
    [(_, event)] = await collect(consumer, 1)
    assert not event.raw_amqp_message.delivery_annotations
