"""TLS with a private CA, AMQP over WebSocket, a proxy with a password: settings that must work together."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from services.certificates import self_signed

from stream_detector.errors import HubError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.from_settings import hub_connection
from stream_detector.hub.opening import open_hub
from stream_detector.hub.publisher import Publisher
from stream_detector.localhub import LocalHub
from stream_detector.settings import load_settings

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # The SDK still builds a proxy's credential the old way.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
HUB = "activity"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def hub(certificate: tuple[Path, Path]) -> AsyncIterator[LocalHub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with LocalHub({HUB: 2}, tls=context, websocket_port=0) as running:
        yield running


def connection(hub: LocalHub, **settings: str) -> HubConnection:
    """As the environment of a pod would describe it."""
    environ = {"STREAM_DETECTOR_HUB__CONNECTION_STRING": hub.connection_string(HUB)}
    environ |= {f"STREAM_DETECTOR_HUB__{name.upper()}": value for name, value in settings.items()}
    return hub_connection(load_settings(None, environ).hub)


async def received_through(way: HubConnection, hub: LocalHub) -> int:
    """Publish one event by `way`; how many the hub has then."""
    opened = await open_hub(way, 5)
    assert opened.partitions == ("0", "1")
    async with Publisher(way) as publisher:
        await publisher.add(b"{}")
        await publisher.flush()
    return hub.received


async def test_tls_with_a_private_authority(hub: LocalHub, certificate: tuple[Path, Path]) -> None:
    way = connection(hub, ca_file=str(certificate[0]), custom_endpoint=f"sb://localhost:{hub.port}")
    assert await received_through(way, hub) == 1


async def test_a_certificate_that_is_not_trusted_is_told_with_the_setting_to_change(hub: LocalHub) -> None:
    way = connection(hub, custom_endpoint=f"sb://localhost:{hub.port}")
    with pytest.raises(HubError, match=r"not trusted; set hub\.ca_file"):
        await open_hub(way, 0)


async def test_amqp_over_websocket(hub: LocalHub, certificate: tuple[Path, Path]) -> None:
    way = connection(
        hub,
        transport="websocket",
        ca_file=str(certificate[0]),
        custom_endpoint=f"sb://localhost:{hub.websocket_port}",
    )
    assert await received_through(way, hub) == 1


@dataclass
class TunnelProxy:
    """An HTTP proxy that knows CONNECT and wants a name and password."""

    name: str
    password: str
    tunnels: list[str] = field(default_factory=list)
    refused: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        wanted = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        if method != "CONNECT" or f"Proxy-Authorization: Basic {wanted}" not in head:
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        self.tunnels.append(target)
        host, port = target.rsplit(":", 1)
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[TunnelProxy, int]]:
    tunnel = TunnelProxy("ann", "p4ss")
    server = await asyncio.start_server(tunnel.serve, "127.0.0.1", 0)
    yield tunnel, server.sockets[0].getsockname()[1]
    server.close()


async def test_a_proxy_with_a_password(
    hub: LocalHub, certificate: tuple[Path, Path], proxy: tuple[TunnelProxy, int]
) -> None:
    tunnel, port = proxy
    way = connection(
        hub,
        proxy=f"http://ann:p4ss@127.0.0.1:{port}",
        ca_file=str(certificate[0]),
        custom_endpoint=f"sb://localhost:{hub.websocket_port}",
    )
    assert "p4ss" not in repr(way)
    assert await received_through(way, hub) == 1
    assert tunnel.tunnels
    assert set(tunnel.tunnels) == {f"localhost:{hub.websocket_port}"}


async def test_nothing_behind_a_websocket_is_a_refused_connection_and_not_a_wrong_key(
    hub: LocalHub, certificate: tuple[Path, Path]
) -> None:
    way = connection(
        hub, transport="websocket", ca_file=str(certificate[0]), custom_endpoint="sb://localhost:1"
    )
    with pytest.raises(HubError, match="refused the connection"):
        await open_hub(way, 0)


async def test_a_proxy_that_refuses_is_told_without_the_password(
    hub: LocalHub, certificate: tuple[Path, Path], proxy: tuple[TunnelProxy, int]
) -> None:
    tunnel, port = proxy
    way = connection(
        hub,
        proxy=f"http://ann:wr0ng@127.0.0.1:{port}",
        ca_file=str(certificate[0]),
        custom_endpoint=f"sb://localhost:{hub.websocket_port}",
    )
    with pytest.raises(HubError) as caught:
        await open_hub(way, 0)
    assert tunnel.refused
    assert "wr0ng" not in str(caught.value)
    assert "check hub.proxy" in str(caught.value)
