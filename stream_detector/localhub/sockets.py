"""One TCP or TLS connection of a peer: moves bytes between a transport and a `Connection`.

Back-pressure in both directions: deliveries stop while the transport takes no more, and a peer that does
not read what it asked for is not read either.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from stream_detector.localhub.amqp.connection import CLOSE_TIMEOUT, Connection
from stream_detector.localhub.amqp.errors import INTERNAL_ERROR, AmqpError
from stream_detector.localhub.peers import Peer
from stream_detector.localhub.service import HubService

READ_PAUSE = 1024 * 1024
"""Unsent bytes for a peer above which no more of it is read: it is not reading either."""
_LOG = logging.getLogger("stream_detector.localhub")


class Wire(Protocol):
    """What is needed of a transport: asyncio's own, or one that is made of something else."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def get_write_buffer_size(self) -> int: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class PeerSocket(asyncio.Protocol):
    """One connection of a peer."""

    def __init__(
        self, service: HubService, sockets: set[PeerSocket], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._service, self._sockets, self._loop = service, sockets, loop
        self._transport: Wire | None = None
        self._reading = True
        self._pump_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed."""
        self.connection = Connection(service, loop.time())
        self.connection.context = Peer(self._wake)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(cast(asyncio.Transport, transport))

    def attach(self, wire: Wire) -> None:
        """Bytes go through `wire` from now on."""
        self._transport = wire
        self._sockets.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sockets.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self.connection.release()
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            self.connection.receive(data, self._loop.time())
        except Exception:
            # A peer must not be able to take the hub down with a defect of ours.
            _LOG.exception("a connection is closed after an internal error")
            error = AmqpError(INTERNAL_ERROR, "The service met an internal error.")
            self.connection.close(error, self._loop.time())
        self._pump()

    def pause_writing(self) -> None:
        self.connection.writable = False

    def resume_writing(self) -> None:
        self.connection.writable = True
        if self._transport is not None and not self._reading:
            self._reading = True
            self._transport.resume_reading()
        self._pump()

    def tick(self) -> None:
        """To be called now and then: heartbeats and time limits."""
        self.connection.tick(self._loop.time())
        self._flush()

    def close(self, error: AmqpError) -> None:
        """Tell the peer why, and hang up when it has been sent."""
        self.connection.close(error, self._loop.time())
        self._flush()
        self._hang_up()

    def _hang_up(self) -> None:
        transport = self._transport
        if transport is not None and not self._closing:
            self._closing = True
            transport.close()
            # A peer that does not read would keep the socket for ever.
            self._loop.call_later(CLOSE_TIMEOUT, transport.abort)

    def abort(self) -> None:
        """Hang up at once, without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _wake(self, delay: float) -> None:
        if delay > 0:
            self._pump_at(self._loop.time() + delay)
        elif not self._pump_due:
            self._pump_due = True
            self._loop.call_soon(self._pump)

    def _pump_at(self, when: float) -> None:
        """One timer is enough: it finds out when the next one is due."""
        if self._timer is not None and self._timer.when() <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._timed_pump)

    def _timed_pump(self) -> None:
        self._timer = None
        self._pump()

    def _pump(self) -> None:
        self._pump_due = False
        if self._transport is None:
            return
        more = self._service.pump(self.connection)
        self._flush()
        if more and self.connection.writable:
            self._wake(0.0)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        output = self.connection.take_output(self._loop.time())
        if output and not transport.is_closing():
            transport.write(b"".join(output))
            if self._reading and transport.get_write_buffer_size() > READ_PAUSE:
                self._reading = False
                transport.pause_reading()
        if self.connection.finished:
            self._hang_up()
