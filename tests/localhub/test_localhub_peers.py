"""Peers on a real socket that misbehave: the hub stays up, small, and at the service of the others."""

from __future__ import annotations

import asyncio
import os
import random
import resource
from typing import Any

import pytest
from amqp_peer import Peer
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from stream_detector.localhub import LocalHub
from stream_detector.localhub.amqp.fields import to_bytes
from stream_detector.localhub.amqp.frames import AMQP_HEADER, SASL_HEADER, encode_frame
from stream_detector.localhub.amqp.performatives import (
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Flow,
    Open,
    SaslInit,
    Source,
    Target,
)

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HUB = "activity"


def hello(hub: LocalHub, *, channels: int = 1, window: int = 5000) -> bytes:
    """Log in with the key, open, and begin sessions."""
    plain = SaslInit("PLAIN", b"\0" + hub.key_name.encode() + b"\0" + hub.key.encode())
    begin = to_bytes(Begin(next_outgoing_id=0, incoming_window=window, outgoing_window=5000))
    return (
        SASL_HEADER
        + encode_frame(to_bytes(plain), frame_type=1)
        + AMQP_HEADER
        + encode_frame(to_bytes(Open("peer")))
        + b"".join(encode_frame(begin, channel) for channel in range(channels))
    )


async def until_closed(hub: LocalHub, raw: bytes) -> bytes:
    """What the hub says to `raw` until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(raw)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def works(producer: EventHubProducerClient, hub: LocalHub) -> None:
    before = hub.received
    await producer.send_event(EventData(b"still here"))
    assert hub.received == before + 1


async def test_garbage_does_not_disturb_the_others(hub: LocalHub, producer: EventHubProducerClient) -> None:
    await works(producer, hub)
    chance = random.Random(4)
    for length in (0, 1, 7, 8, 9, 500, 70_000):
        await until_closed(hub, chance.randbytes(length))
        await until_closed(hub, SASL_HEADER + chance.randbytes(length))
        await until_closed(hub, hello(hub) + chance.randbytes(length))
    await works(producer, hub)
    assert hub.connections <= 2


async def test_a_frame_of_four_gigabytes_is_refused_before_it_comes(hub: LocalHub) -> None:
    answer = await until_closed(hub, hello(hub) + b"\xff\xff\xff\xff\x02\x00\x00\x00")
    assert b"amqp:connection:framing-error" in answer


async def test_a_peer_with_the_key_in_plain_needs_no_token(hub: LocalHub) -> None:
    attach = Attach("s", 0, SENDER, target=Target(HUB), initial_delivery_count=0)
    answer = await until_closed(hub, hello(hub) + encode_frame(to_bytes(attach)))
    assert b"unauthorized" not in answer
    assert HUB.encode() in answer


@pytest.mark.parametrize("direction", [SENDER, RECEIVER])
async def test_a_link_without_a_token_is_refused(hub: LocalHub, direction: bool) -> None:
    anonymous = SASL_HEADER + encode_frame(to_bytes(SaslInit("ANONYMOUS")), frame_type=1)
    begin = to_bytes(Begin(next_outgoing_id=0, incoming_window=9, outgoing_window=9))
    attach = Attach(
        "l",
        0,
        direction,
        source=Source(f"{HUB}/ConsumerGroups/$Default/Partitions/0"),
        target=Target(HUB),
        initial_delivery_count=0,
    )
    answer = await until_closed(
        hub,
        anonymous
        + AMQP_HEADER
        + encode_frame(to_bytes(Open("peer")))
        + encode_frame(begin)
        + encode_frame(to_bytes(attach)),
    )
    assert b"amqp:unauthorized-access" in answer


async def test_a_wrong_key_in_plain_is_refused(hub: LocalHub) -> None:
    plain = SaslInit("PLAIN", b"\0" + hub.key_name.encode() + b"\0wrong")
    raw = SASL_HEADER + encode_frame(to_bytes(plain), frame_type=1) + AMQP_HEADER
    answer = await until_closed(hub, raw)
    assert AMQP_HEADER not in answer


async def test_a_receiver_that_does_not_read_holds_up_nobody_and_fills_nothing(
    hub: LocalHub, producer: EventHubProducerClient
) -> None:
    for _ in range(400):
        hub.append(HUB, "0", os.urandom(250_000))
    source = Source(f"{HUB}/ConsumerGroups/$Default/Partitions/0")
    raw = (
        hello(hub, window=2**31)
        + encode_frame(to_bytes(Attach("r", 0, RECEIVER, source=source, target=Target("t"))))
        + encode_frame(
            to_bytes(
                Flow(
                    next_incoming_id=1,
                    incoming_window=2**31,
                    next_outgoing_id=0,
                    outgoing_window=1,
                    handle=0,
                    link_credit=2**31 - 1,
                )
            )
        )
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1024)
    writer.write(raw)
    await works(producer, hub)
    while hub.receivers(HUB, "0") == 0:
        await asyncio.sleep(0.01)
    for _ in range(5):
        await works(producer, hub)
    # 100 MB wait for this peer; only what a socket holds may have been put out for it.
    assert hub.delivered < 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024
    writer.transport.abort()


async def test_a_peer_that_asks_and_never_reads_the_answers_is_not_read_any_further(hub: LocalHub) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1024)
    writer.write(hello(hub))
    echo = encode_frame(to_bytes(Flow(incoming_window=9, next_outgoing_id=0, outgoing_window=9, echo=True)))
    block = echo * 20_000

    async def ask_for_ever() -> None:
        while True:
            writer.write(block)
            await asyncio.wait_for(writer.drain(), 1.0)

    with pytest.raises(TimeoutError):
        await ask_for_ever()
    assert not reader.at_eof()
    writer.transport.abort()


async def test_many_sessions_and_links_of_one_peer_are_served(hub: LocalHub) -> None:
    attaches = b"".join(
        encode_frame(
            to_bytes(
                Attach(f"{channel}-{handle}", handle, SENDER, target=Target(HUB), initial_delivery_count=0)
            ),
            channel,
        )
        for channel in range(50)
        for handle in range(20)
    )
    answer = await until_closed(hub, hello(hub, channels=50) + attaches)
    peer = Peer()
    peer._parser.feed(answer[answer.index(AMQP_HEADER) :])
    kinds: dict[str, int] = {}
    while (item := peer._parser.next()) is not None:
        body: Any = getattr(item, "body", b"")
        if body:
            kinds[f"{body[2]:x}"] = kinds.get(f"{body[2]:x}", 0) + 1
    assert kinds["11"] == 50
    assert kinds["12"] == 1000


async def test_a_message_that_cannot_be_read_is_rejected_and_the_link_lives_on(
    hub: LocalHub, producer: EventHubProducerClient
) -> None:
    attach = Attach("s", 0, SENDER, target=Target(HUB), initial_delivery_count=0)
    transfer = b"\x00\x53\x14\xc0\x09\x05\x43" + b"\x52%c" + b"\xa0\x01t\x43\x42"
    broken = encode_frame(transfer % 1 + b"\x00\x53\x75\xa0\xff")
    whole = encode_frame(transfer % 2 + b"\x00\x53\x75\xa0\x01x")
    answer = await until_closed(hub, hello(hub) + encode_frame(to_bytes(attach)) + broken + whole)
    assert b"amqp:decode-error" in answer
    assert (hub.received, hub.counters.rejected) == (1, 1)
    await works(producer, hub)
