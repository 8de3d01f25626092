"""AMQP over WebSocket (subprotocol AMQPWSB10): the same bytes in messages, where only HTTP gets through.

aiohttp speaks HTTP and WebSocket; here its messages become what a TCP transport is to `PeerSocket`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from aiohttp import WSMsgType, web

from stream_detector.localhub.sockets import PeerSocket

PATH = "/$servicebus/websocket"
SUBPROTOCOL = "AMQPWSB10"
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
"""Unsent bytes at which deliveries stop, and go on."""


class WebSocketListener:
    """Listens for WebSockets on a port of its own."""

    def __init__(self, make_socket: Callable[[], PeerSocket]) -> None:
        self._make_socket = make_socket
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; the port.

        Raises:
            OSError: the address is in use or not ours.
        """
        application = web.Application()
        for path in (PATH, PATH + "/"):
            application.router.add_get(path, self._serve)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError:
            await self.stop()
            raise
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False)
        await response.prepare(request)
        socket = self._make_socket()
        wire = _WebSocketWire(response, request, socket)
        socket.attach(wire)
        sending = asyncio.create_task(wire.send_for_ever())
        try:
            await wire.receive_for_ever()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            wire.closing = True
            socket.connection_lost(None)
        return response


class _WebSocketWire:
    """One WebSocket, with the methods of a transport that `PeerSocket` uses."""

    def __init__(self, response: web.WebSocketResponse, request: web.Request, socket: PeerSocket) -> None:
        self.closing = False
        self._response, self._request, self._socket = response, request, socket
        self._unsent: list[bytes] = []
        self._size = 0
        self._full = False
        self._something = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()

    def write(self, data: bytes) -> None:
        self._unsent.append(data)
        self._size += len(data)
        self._something.set()
        if self._size > HIGH_WATER and not self._full:
            self._full = True
            self._socket.pause_writing()

    def close(self) -> None:
        self.closing = True
        self._something.set()

    def abort(self) -> None:
        self.closing = True
        if self._request.transport is not None:
            self._request.transport.abort()

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self._size

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    async def receive_for_ever(self) -> None:
        """Until the peer hangs up or sends what is not AMQP."""
        async for message in self._response:
            if message.type is not WSMsgType.BINARY:
                break
            await self._reading.wait()
            self._socket.data_received(message.data)

    async def send_for_ever(self) -> None:
        """Until `close`, and what was written before it is sent."""
        while True:
            await self._something.wait()
            self._something.clear()
            data, self._unsent = b"".join(self._unsent), []
            if data:
                await self._response.send_bytes(data)
                self._size -= len(data)
            if self._full and self._size <= LOW_WATER:
                self._full = False
                self._socket.resume_writing()
            if self.closing and not self._unsent:
                await self._response.close()
                return
