"""TLS with a certificate of our own, through pyamqp and through uamqp, which shares no code with it."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData, TransportType
from azure.eventhub import EventHubConsumerClient as SyncConsumer
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from services.certificates import self_signed

from stream_detector.localhub import LocalHub

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
needs_uamqp = pytest.mark.skipif(
    importlib.util.find_spec("uamqp") is None, reason="uamqp has no wheel for this Python"
)
HUB = "activity"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def tls_hub(certificate: tuple[Path, Path]) -> AsyncIterator[LocalHub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with LocalHub({HUB: 2}, tls=context) as running:
        yield running


def options(hub: LocalHub, certificate: tuple[Path, Path]) -> dict[str, Any]:
    return {
        "conn_str": hub.connection_string(HUB),
        "custom_endpoint_address": f"sb://localhost:{hub.port}",
        "connection_verify": str(certificate[0]),
    }


async def test_the_sdk_sends_and_receives_over_tls(
    tls_hub: LocalHub, certificate: tuple[Path, Path], collect: Any
) -> None:
    arguments = options(tls_hub, certificate)
    assert "UseDevelopmentEmulator" not in arguments["conn_str"]
    producer = EventHubProducerClient.from_connection_string(**arguments)
    consumer = EventHubConsumerClient.from_connection_string(**arguments, consumer_group="$Default")
    body = bytes(n % 255 for n in range(300_000))
    async with producer, consumer:
        await producer.send_event(EventData(body))
        [(_, event)] = await collect(consumer, 1, "01")
        assert b"".join(event.body) == body


async def test_a_certificate_that_is_not_trusted_is_not_accepted_by_the_sdk(tls_hub: LocalHub) -> None:
    producer = EventHubProducerClient.from_connection_string(
        tls_hub.connection_string(HUB),
        custom_endpoint_address=f"sb://localhost:{tls_hub.port}",
        retry_total=0,
    )
    async with producer:
        with pytest.raises(EventHubError, match=r"(?i)certificate"):
            await producer.send_event(EventData(b"x"))


async def test_plain_bytes_on_a_tls_port_do_no_harm(
    tls_hub: LocalHub, certificate: tuple[Path, Path]
) -> None:
    reader, writer = await asyncio.open_connection("localhost", tls_hub.port)
    writer.write(b"AMQP\x03\x01\x00\x00" * 10)
    assert b"AMQP" not in await asyncio.wait_for(reader.read(100), 10)
    writer.close()
    async with EventHubProducerClient.from_connection_string(**options(tls_hub, certificate)) as producer:
        assert await producer.get_partition_ids() == ["0", "1"]


async def test_the_sdk_sends_and_receives_over_a_websocket(
    certificate: tuple[Path, Path], collect: Any
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    body = bytes(n % 255 for n in range(900_000))
    async with LocalHub({HUB: 2}, tls=context, websocket_port=0) as hub:
        arguments = options(hub, certificate) | {
            "custom_endpoint_address": f"sb://localhost:{hub.websocket_port}",
            "transport_type": TransportType.AmqpOverWebsocket,
        }
        async with EventHubProducerClient.from_connection_string(**arguments) as producer:
            await producer.send_event(EventData(body))
        hub.append(HUB, "0", b"small")
        consumer = EventHubConsumerClient.from_connection_string(**arguments, consumer_group="$Default")
        async with consumer:
            found = await collect(consumer, 2, "01")
        assert sorted(len(b"".join(event.body)) for _, event in found) == [5, 900_000]
        assert hub.connections <= 2


def uamqp_rights(hub: LocalHub, certificate: tuple[Path, Path], key: str) -> Any:
    """uamqp's own signing of tokens."""
    authentication = pytest.importorskip("uamqp.authentication", reason="uamqp has no wheel for this Python")
    return authentication.SASTokenAuth.from_shared_access_key(
        f"sb://localhost/{HUB}", hub.key_name, key, port=hub.port, verify=str(certificate[0])
    )


@needs_uamqp
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_uamqp_sends_and_receives_over_tls(tls_hub: LocalHub, certificate: tuple[Path, Path]) -> None:
    import uamqp

    def send() -> None:
        # Directly: with uamqp, the producers of the SDK fail before they connect.
        target = f"amqps://localhost:{tls_hub.port}/{HUB}/Partitions/1"
        sender = uamqp.SendClient(target, auth=uamqp_rights(tls_hub, certificate, tls_hub.key))
        sender.queue_message(uamqp.message.BatchMessage([f"{number}".encode() for number in range(100)]))
        sender.queue_message(uamqp.Message(b"z" * 200_000))
        assert [state.name for state in sender.send_all_messages()] == ["SendComplete"] * 2

    def receive() -> list[bytes]:
        found: list[bytes] = []
        consumer = SyncConsumer.from_connection_string(
            **options(tls_hub, certificate), consumer_group="$Default", uamqp_transport=True
        )
        assert sorted(consumer.get_partition_ids()) == ["0", "1"]
        assert consumer.get_partition_properties("1")["last_enqueued_sequence_number"] == 100

        def on_event(_context: Any, event: Any) -> None:
            found.append(b"".join(event.body))
            if len(found) == 101:
                threading.Thread(target=consumer.close).start()

        consumer.receive(on_event, partition_id="1", starting_position="-1")
        return found

    await asyncio.to_thread(send)
    found = await asyncio.to_thread(receive)
    assert found == [*(f"{number}".encode() for number in range(100)), b"z" * 200_000]


@needs_uamqp
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_uamqp_is_told_that_its_key_is_wrong(tls_hub: LocalHub, certificate: tuple[Path, Path]) -> None:
    import uamqp

    def use() -> None:
        target = f"amqps://localhost:{tls_hub.port}/{HUB}"
        sender = uamqp.SendClient(target, auth=uamqp_rights(tls_hub, certificate, "bm90IHRoZSBrZXk="))
        sender.queue_message(uamqp.Message(b"x"))
        # Its text is not looked at: uamqp reads it from memory that it has freed already.
        with pytest.raises(uamqp.errors.AuthenticationException):
            sender.send_all_messages()

    await asyncio.to_thread(use)
    assert tls_hub.received == 0
