"""A session: windows in both directions, handles, and the dispatch of frames to links (part 2, section 2.5).

Transfers that the peer's window does not allow yet wait here; they are at most the frames of one message,
because no link sends while something waits.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from stream_detector.localhub.amqp.errors import (
    HANDLE_IN_USE,
    NOT_ALLOWED,
    RESOURCE_LIMIT_EXCEEDED,
    UNATTACHED_HANDLE,
    WINDOW_VIOLATION,
    AmqpError,
    LinkError,
    SessionError,
)
from stream_detector.localhub.amqp.fields import to_bytes
from stream_detector.localhub.amqp.frames import encode_frame
from stream_detector.localhub.amqp.link import SERIAL, IncomingLink, OutgoingLink, link_for
from stream_detector.localhub.amqp.performatives import (
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Error,
    Flow,
    Transfer,
)

if TYPE_CHECKING:
    from stream_detector.localhub.amqp.connection import Connection

INCOMING_WINDOW = 5000
"""Transfer frames that a peer may have under way; opened again when half is used."""
OUTGOING_WINDOW = 2**31 - 1
HANDLE_MAX = 255
LINKS_MAX = 1024
"""Links of one connection, over all of its sessions: each may hold an unfinished message."""
FIRST_OUTGOING_ID = 1


class Session:
    """Our end of one session, on the channel that the peer chose."""

    def __init__(self, connection: Connection, channel: int, begin: Begin) -> None:
        self.connection = connection
        self.channel = channel
        self.mapped = True
        """False once we have sent end: everything but the peer's end is then ignored."""
        self.next_delivery_id = 0
        self.links: dict[int, IncomingLink | OutgoingLink] = {}
        self._next_outgoing_id = FIRST_OUTGOING_ID
        self._next_incoming_id = begin.next_outgoing_id
        self._incoming_window = INCOMING_WINDOW
        self._peer_window = begin.incoming_window
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self.send(
            Begin(
                remote_channel=channel,
                next_outgoing_id=self._next_outgoing_id,
                incoming_window=self._incoming_window,
                outgoing_window=OUTGOING_WINDOW,
                handle_max=HANDLE_MAX,
            )
        )

    @property
    def can_send(self) -> bool:
        """Whether the peer's window and the socket take another transfer."""
        return self._peer_window > 0 and not self._waiting and self.connection.writable and self.mapped

    def send(self, performative: object) -> None:
        """Put a performative without payload on this channel."""
        self.connection.put(encode_frame(to_bytes(performative), self.channel))

    def send_transfer(self, head: bytes, payload: bytes) -> None:
        """Put one transfer frame on this channel, or let it wait for the peer's window."""
        if self._peer_window <= 0 or self._waiting:
            self._waiting.append((head, payload))
            return
        self._peer_window -= 1
        self._next_outgoing_id = (self._next_outgoing_id + 1) & SERIAL
        self.connection.put2(head, payload)

    def send_flow(
        self,
        handle: int | None = None,
        delivery_count: int | None = None,
        credit: int | None = None,
        *,
        drain: bool = False,
    ) -> None:
        """Tell the state of the session and, with a handle, of one link."""
        self.send(
            Flow(
                next_incoming_id=self._next_incoming_id,
                incoming_window=self._incoming_window,
                next_outgoing_id=self._next_outgoing_id,
                outgoing_window=OUTGOING_WINDOW,
                handle=handle,
                delivery_count=delivery_count,
                link_credit=credit,
                drain=drain,
            )
        )

    def end(self, error: SessionError | None = None) -> None:
        """End the session from our side and let its links go."""
        if self.mapped:
            reason = None if error is None else Error(error.condition, error.description)
            self.send(End(reason))
            self.mapped = False
            self.release()

    def release(self) -> None:
        """Every link is gone with its session."""
        self._waiting.clear()
        links, self.links = self.links, {}
        self.connection.links -= len(links)
        for link in links.values():
            link.attached = False
            self.connection.service.link_detached(link)

    def receive(self, performative: object, payload: bytes) -> None:
        """Act on a frame of the peer.

        Raises:
            SessionError: the peer broke the rules of the session.
            AmqpError: it broke those of the connection.
        """
        match performative:
            case Transfer():
                self._transfer(performative, payload)
            case Flow():
                self._flow(performative)
            case Disposition():
                self._disposition(performative)
            case Attach():
                self._attach(performative)
            case Detach():
                self._detach(performative)
            case _:
                name = type(performative).__name__
                raise SessionError(NOT_ALLOWED, f"{name} does not belong into a session.")

    def _link(self, handle: int) -> IncomingLink | OutgoingLink:
        link = self.links.get(handle)
        if link is None:
            raise SessionError(UNATTACHED_HANDLE, f"Handle {handle} is not attached.")
        return link

    def _attach(self, attach: Attach) -> None:
        if attach.handle > HANDLE_MAX:
            raise SessionError(NOT_ALLOWED, f"Handle {attach.handle} is above {HANDLE_MAX}.")
        if attach.handle in self.links:
            raise SessionError(HANDLE_IN_USE, f"Handle {attach.handle} is attached already.")
        if self.connection.links >= LINKS_MAX:
            raise AmqpError(RESOURCE_LIMIT_EXCEEDED, f"A connection may have {LINKS_MAX} links.")
        self.connection.links += 1
        link = link_for(self, attach)
        self.links[attach.handle] = link
        self.connection.service.link_attached(link)

    def _detach(self, detach: Detach) -> None:
        link = self._link(detach.handle)
        del self.links[detach.handle]
        self.connection.links -= 1
        if link.attached:
            link.attached = False
            self.send(Detach(detach.handle, closed=detach.closed))
        self.connection.service.link_detached(link)

    def _transfer(self, transfer: Transfer, payload: bytes) -> None:
        if self._incoming_window <= 0:
            raise SessionError(WINDOW_VIOLATION, "A transfer was sent outside the session window.")
        self._incoming_window -= 1
        self._next_incoming_id = (self._next_incoming_id + 1) & SERIAL
        link = self._link(transfer.handle)
        if not isinstance(link, IncomingLink):
            raise SessionError(NOT_ALLOWED, f"Handle {transfer.handle} receives: it takes no transfers.")
        try:
            delivery = link.transfer(transfer, payload)
            if delivery is not None:
                self.connection.service.message_received(link, delivery)
                link.top_up()
        except LinkError as error:
            link.detach(error.condition, error.description)
            self.connection.service.link_detached(link)
        if self._incoming_window <= INCOMING_WINDOW // 2 and self.mapped:
            self._incoming_window = INCOMING_WINDOW
            self.send_flow()

    def _flow(self, flow: Flow) -> None:
        """Part 2, section 2.5.6: what the peer can take, counted from what it has seen."""
        self._next_incoming_id = flow.next_outgoing_id
        seen = FIRST_OUTGOING_ID if flow.next_incoming_id is None else flow.next_incoming_id
        under_way = (self._next_outgoing_id - seen) & SERIAL
        self._peer_window = max(0, flow.incoming_window - under_way)
        while self._waiting and self._peer_window > 0:
            self._peer_window -= 1
            self._next_outgoing_id = (self._next_outgoing_id + 1) & SERIAL
            self.connection.put2(*self._waiting.popleft())
        if flow.handle is not None:
            self._link(flow.handle).flow(flow)
        elif flow.echo:
            self.send_flow()

    def _disposition(self, disposition: Disposition) -> None:
        """We forget deliveries when they are sent; a peer that still waits is told that they are settled."""
        if disposition.role == RECEIVER and not disposition.settled:
            self.send(
                Disposition(
                    SENDER, disposition.first, disposition.last, settled=True, state=disposition.state
                )
            )
