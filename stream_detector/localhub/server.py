"""The asyncio shell of the embedded hub: sockets, timers, and the public `LocalHub`.

Holds no protocol and no rules. All methods belong to the event loop that started the hub.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from stream_detector.localhub.amqp.errors import CONNECTION_FORCED, AmqpError
from stream_detector.localhub.amqp.sections import data_message
from stream_detector.localhub.entities import Hub, check_hubs
from stream_detector.localhub.events import read_submission
from stream_detector.localhub.faults import Faults
from stream_detector.localhub.partition import Retention, geo_offset, plain_offset
from stream_detector.localhub.receivers import PartitionReceiver
from stream_detector.localhub.service import Counters, HubService
from stream_detector.localhub.sockets import PeerSocket
from stream_detector.localhub.tokens import AccessKey

if TYPE_CHECKING:
    from stream_detector.localhub.websocket import WebSocketListener

HOUSEKEEPING_INTERVAL = 0.5
"""Seconds between looks at heartbeats, retention by age, and expired tokens."""
STOP_TIMEOUT = 1.0
"""Seconds that peers have to take what is under way when the hub stops."""
_LOG = logging.getLogger("stream_detector.localhub")


class LocalHub:
    """An Event Hubs namespace in this process, for one event loop.

    Args:
        hubs: partition count by hub name. Names are compared without case.
        key_name, key: the one access key, with all rights; a random key if none is given.
        consumer_groups: of every hub; `$Default` exists always.
        retention_bytes, retention_age: what each partition keeps, in bytes and seconds; None is no limit.
        host, port: where to listen; port 0 takes a free one.
        tls: certificate and key of the server; plain TCP without.
        websocket_port: where to listen for AMQP over WebSocket as well; 0 takes a free one.
        faults: what goes wrong, for tests.
        first_sequence_number: where sequence numbers and offsets start; a hub that takes the place of
            an earlier one should start above it, so that stored positions stay in the past.
        geo_offsets: offsets as namespaces with geo-replication give them, `1:143:0`.
        clock: Unix seconds.

    Raises:
        ValueError: a hub without a name or with a number of partitions outside 1 to 1024, or one name twice.
    """

    def __init__(
        self,
        hubs: Mapping[str, int],
        *,
        key_name: str = "RootManageSharedAccessKey",
        key: str | None = None,
        consumer_groups: Sequence[str] = ("$Default",),
        retention_bytes: int | None = 256 * 1024 * 1024,
        retention_age: float | None = 24 * 3600.0,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        websocket_port: int | None = None,
        faults: Faults | None = None,
        first_sequence_number: int = 0,
        geo_offsets: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_hubs(hubs)
        self._access_key = AccessKey(key_name, key or secrets.token_urlsafe(32))
        self._host, self._wanted_port, self._tls = host, port, tls
        self.faults = faults or Faults()
        retention = Retention(retention_bytes, None if retention_age is None else int(retention_age * 1000))
        self._service = HubService(
            [
                Hub(
                    name,
                    count,
                    consumer_groups,
                    int(clock() * 1000),
                    retention,
                    first_sequence_number=first_sequence_number,
                    offset_text=geo_offset if geo_offsets else plain_offset,
                )
                for name, count in hubs.items()
            ],
            self._access_key,
            self.faults,
            clock,
        )
        self._server: asyncio.Server | None = None
        self._wanted_websocket_port = websocket_port
        self._websockets: WebSocketListener | None = None
        self._websocket_port: int | None = None
        self._sockets: set[PeerSocket] = set()
        self._housekeeping: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        names = ", ".join(hub.name for hub in self._service.hubs)
        return f"LocalHub({names}; port {self.port if self._server else None})"

    async def __aenter__(self) -> LocalHub:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """Port that is listened on.

        Raises:
            RuntimeError: the hub is not running.
        """
        if self._server is None:
            raise RuntimeError("the hub is not running")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def websocket_port(self) -> int:
        """Port for AMQP over WebSocket.

        Raises:
            RuntimeError: the hub is not running, or does not listen for WebSockets.
        """
        if self._websocket_port is None:
            raise RuntimeError("the hub does not listen for WebSockets")
        return self._websocket_port

    @property
    def key_name(self) -> str:
        """Name of the access key."""
        return self._access_key.name

    @property
    def key(self) -> str:
        """The access key. A secret."""
        return self._access_key.key

    @property
    def counters(self) -> Counters:
        """Totals since the hub was made; a live object."""
        return self._service.counters

    @property
    def received(self) -> int:
        """Events taken, from senders and `append`."""
        return self.counters.received

    @property
    def delivered(self) -> int:
        """Events sent to receivers, repetitions included."""
        return self.counters.delivered

    @property
    def connections(self) -> int:
        """Open sockets."""
        return len(self._sockets)

    def connection_string(self, hub: str | None = None) -> str:
        """For the Event Hubs SDKs, with the key in it: a secret.

        Without TLS it carries `UseDevelopmentEmulator=true`, which makes the SDKs use plain TCP and the
        port. With TLS, pass `custom_endpoint_address="sb://localhost:<port>"` and the certificate as well.
        """
        host = "localhost" if self._host in ("127.0.0.1", "::1", "0.0.0.0", "::") else self._host  # noqa: S104
        parts = [
            f"Endpoint=sb://{host}:{self.port}" if self._tls is None else f"Endpoint=sb://{host}",
            f"SharedAccessKeyName={self._access_key.name}",
            f"SharedAccessKey={self._access_key.key}",
        ]
        if self._tls is None:
            parts.append("UseDevelopmentEmulator=true")
        if hub is not None:
            parts.append(f"EntityPath={hub}")
        return ";".join(parts)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is in use or not ours.
        """
        loop = asyncio.get_running_loop()

        def make_socket() -> PeerSocket:
            return PeerSocket(self._service, self._sockets, loop)

        self._server = await loop.create_server(make_socket, self._host, self._wanted_port, ssl=self._tls)
        if self._wanted_websocket_port is not None:
            await self._listen_for_websockets(make_socket, self._wanted_websocket_port)
        self.faults.bind(self)
        self._housekeeping = loop.call_later(HOUSEKEEPING_INTERVAL, self._housekeep, loop)
        _LOG.info("listening on %s:%d", self._host, self.port)

    async def _listen_for_websockets(self, make_socket: Callable[[], PeerSocket], port: int) -> None:
        from stream_detector.localhub.websocket import WebSocketListener  # aiohttp takes a while to import

        self._websockets = WebSocketListener(make_socket)
        try:
            self._websocket_port = await self._websockets.start(self._host, port, self._tls)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every connection, telling the peers, and stop listening. What was stored stays."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self.faults.bind(None)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        server.close()
        closing = AmqpError(CONNECTION_FORCED, "The hub is shutting down.")
        sockets = list(self._sockets)
        for socket in sockets:
            socket.close(closing)
        if sockets:
            await asyncio.wait([socket.lost for socket in sockets], timeout=STOP_TIMEOUT)
        self.drop_connections()
        if sockets:
            await asyncio.wait([socket.lost for socket in sockets])
        if self._websockets is not None:
            await self._websockets.stop()
            self._websockets = self._websocket_port = None
        await server.wait_closed()

    def append(
        self, hub: str, partition: str, body: bytes, properties: Mapping[str, object] | None = None
    ) -> int:
        """Store an event as if it had been sent; its sequence number.

        Raises:
            EntityError: there is no such hub or partition.
            ValueError: a property whose value has no AMQP encoding.
        """
        submission = read_submission(data_message(body, properties), 0)
        return self._service.append(self._service.hubs.hub(hub).partition(partition), submission)

    def receivers(self, hub: str, partition: str) -> int:
        """How many receivers a partition has at the moment.

        Raises:
            EntityError: there is no such hub or partition.
        """
        return len(self._receivers(hub, partition))

    def drop_connections(self) -> int:
        """Cut every connection without a word; how many there were."""
        sockets = list(self._sockets)
        for socket in sockets:
            socket.abort()
        return len(sockets)

    def detach_receivers(self, hub: str, partition: str, condition: str, description: str) -> int:
        """Detach the receivers of one partition with an error; how many there were."""
        receivers = self._receivers(hub, partition)
        for receiver in receivers:
            receiver.link.detach(condition, description)
            self._service.link_detached(receiver.link)
        self._service.wake(receivers)
        return len(receivers)

    def rewind_receivers(self, hub: str, partition: str, sequence_number: int) -> int:
        """Deliver again from an event on; how many receivers there were."""
        receivers = self._receivers(hub, partition)
        for receiver in receivers:
            receiver.next_number = min(receiver.next_number, sequence_number)
        self._service.wake(receivers)
        return len(receivers)

    def wake_all(self) -> None:
        """Deliver what may be delivered now."""
        self._service.wake(self._service.receivers)

    def _receivers(self, hub: str, partition: str) -> list[PartitionReceiver]:
        return self._service.receivers.of(self._service.hubs.hub(hub).partition(partition))

    def _housekeep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._housekeeping = loop.call_later(HOUSEKEEPING_INTERVAL, self._housekeep, loop)
        sockets = list(self._sockets)
        self._service.housekeep([socket.connection for socket in sockets])
        for socket in sockets:
            socket.tick()
