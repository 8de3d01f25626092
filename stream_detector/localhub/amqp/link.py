"""Links: attach, credit, deliveries in and out, detach (part 2, sections 2.6 and 2.7.3).

The service decides whether a link may exist and what its messages mean; a link only keeps the rules
of the protocol: credit, delivery counts, sizes, and the order of attach and detach.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream_detector.localhub.amqp.errors import (
    MESSAGE_SIZE_EXCEEDED,
    TRANSFER_LIMIT_EXCEEDED,
    AmqpError,
    LinkError,
)
from stream_detector.localhub.amqp.performatives import (
    MIXED,
    RECEIVER,
    SENDER,
    SETTLED,
    UNSETTLED,
    Accepted,
    Attach,
    Detach,
    Disposition,
    Error,
    Flow,
    Properties,
    Rejected,
    Transfer,
)

if TYPE_CHECKING:
    from stream_detector.localhub.amqp.session import Session

MAX_MESSAGE_SIZE = 1024 * 1024
"""Bytes of one message, all sections included: the limit of Event Hubs."""
LINK_CREDIT = 1000
"""Messages that a sending peer may have under way; granted again when half is used."""
SERIAL = 0xFFFF_FFFF
"""Delivery counts and transfer ids are serial numbers of 32 bits (RFC 1982)."""

_TRANSFER = struct.Struct(">IBBH7sIBI2sQ8s")
"""A frame header and a transfer whose fields have fixed widths, so that sending an event is one `pack`."""
TRANSFER_SIZE = _TRANSFER.size
_TRANSFER_HEAD = b"\x00\x53\x14\xc0\x1d\x0b\x70"
"""Descriptor, list8 of 29 bytes and 11 fields, constructor of the handle."""


class Link:
    """What both directions share. `handle` is used in both directions alike."""

    def __init__(self, session: Session, attach: Attach) -> None:
        self.session = session
        self.name = attach.name
        self.handle = attach.handle
        self.attach = attach
        self.attached = False
        """Between our attach and the first detach of either side."""
        self.context: object = None
        """What the service keeps with the link."""

    def refuse(self, condition: str, description: str) -> None:
        """Answer the attach as part 2, section 2.6.3 wants it: attach without a terminus, then detach."""
        self.session.send(
            Attach(self.name, self.handle, not self.attach.role, self.attach.snd_settle_mode,
                   initial_delivery_count=0 if self.attach.role == RECEIVER else None)
        )  # fmt: skip
        self._send_detach(Error(condition, description))

    def detach(self, condition: str, description: str) -> None:
        """Detach for good, with an error. Nothing happens if the link is detached already."""
        if self.attached:
            self.attached = False
            self._send_detach(Error(condition, description))

    def _send_detach(self, error: Error | None) -> None:
        self.session.send(Detach(self.handle, closed=True, error=error))

    def _reply(
        self,
        properties: Properties | None,
        capabilities: tuple[str, ...] | None,
        mode: int,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        """Answer the attach with the peer's own termini."""
        self.session.send(
            Attach(
                self.name,
                self.handle,
                not self.attach.role,
                snd_settle_mode=mode,
                rcv_settle_mode=self.attach.rcv_settle_mode,
                source=self.attach.source,
                target=self.attach.target,
                initial_delivery_count=0 if self.attach.role == RECEIVER else None,
                max_message_size=max_message_size,
                offered_capabilities=capabilities,
                properties=properties,
            )
        )
        self.attached = True


class OutgoingLink(Link):
    """A link whose receiver is the peer."""

    def __init__(self, session: Session, attach: Attach) -> None:
        super().__init__(session, attach)
        self.credit = 0
        self.drain = False
        self.delivery_count = 0
        flag = b"\x42" if attach.snd_settle_mode == UNSETTLED else b"\x41"
        # message-format 0, settled, more, rcv-settle-mode, state, resume, aborted, batchable
        self._last = b"\x43" + flag + b"\x42\x40\x40\x42\x42\x42"
        self._more = b"\x43" + flag + b"\x41\x40\x40\x42\x42\x42"

    def accept(
        self, properties: Properties | None = None, capabilities: tuple[str, ...] | None = None
    ) -> None:
        """Attach. Deliveries are sent settled unless the peer asked for unsettled ones."""
        mode = UNSETTLED if self.attach.snd_settle_mode == UNSETTLED else SETTLED
        self._reply(properties, capabilities, mode)

    @property
    def ready(self) -> bool:
        """Whether a message may be sent now."""
        return self.credit > 0 and self.attached and self.session.can_send

    def deliver(self, message: bytes) -> None:
        """Send one encoded message. To be called while `ready`."""
        session = self.session
        connection = session.connection
        count = self.delivery_count
        delivery_id = session.next_delivery_id
        session.next_delivery_id = (delivery_id + 1) & SERIAL
        self.delivery_count = (count + 1) & SERIAL
        self.credit -= 1
        room = connection.peer_max_frame_size - TRANSFER_SIZE
        if len(message) <= room:
            head = _TRANSFER.pack(
                TRANSFER_SIZE + len(message), 2, 0, session.channel, _TRANSFER_HEAD, self.handle,
                0x70, delivery_id, b"\xa0\x08", count, self._last,
            )  # fmt: skip
            session.send_transfer(head, message)
            return
        for start in range(0, len(message), room):
            part = message[start : start + room]
            tail = self._last if start + room >= len(message) else self._more
            head = _TRANSFER.pack(
                TRANSFER_SIZE + len(part), 2, 0, session.channel, _TRANSFER_HEAD, self.handle,
                0x70, delivery_id, b"\xa0\x08", count, tail,
            )  # fmt: skip
            session.send_transfer(head, part)

    def flow(self, flow: Flow) -> None:
        """The peer granted credit: its count plus its credit, less what was sent since."""
        if flow.link_credit is not None:
            seen = flow.delivery_count or 0
            credit = (seen + flow.link_credit - self.delivery_count) & SERIAL
            self.credit = credit if credit < 1 << 31 else 0
        self.drain = flow.drain
        if self.credit == 0:
            self.finish_drain()
        if flow.echo:
            self.send_flow()

    def finish_drain(self) -> None:
        """Nothing more can be sent: give the rest of the credit back, if the peer drains."""
        if self.drain and self.attached:
            self.delivery_count = (self.delivery_count + self.credit) & SERIAL
            self.credit = 0
            self.drain = False
            self.send_flow(drain=True)

    def send_flow(self, *, drain: bool = False) -> None:
        """Tell the peer our side of the link state."""
        self.session.send_flow(self.handle, self.delivery_count, self.credit, drain=drain)


@dataclass(slots=True)
class _Partial:
    """A delivery whose last frame has not arrived."""

    delivery_id: int
    message_format: int
    settled: bool
    parts: list[bytes]
    size: int = 0


class Delivery:
    """One whole message from the peer. Answer it once, with `accept` or `reject`; later is fine."""

    __slots__ = ("_delivery_id", "_link", "_settled", "message", "message_format")

    def __init__(self, link: IncomingLink, partial: _Partial, message: bytes) -> None:
        self.message = message
        self.message_format = partial.message_format
        self._link = link
        self._delivery_id = partial.delivery_id
        self._settled = partial.settled

    def accept(self) -> None:
        """The message is kept."""
        self._answer(Accepted())

    def reject(self, condition: str, description: str) -> None:
        """The message is refused."""
        self._answer(Rejected(Error(condition, description)))

    def _answer(self, state: Accepted | Rejected) -> None:
        if not self._settled:
            self._settled = True
            session = self._link.session
            if session.mapped:
                session.send(
                    Disposition(RECEIVER, self._delivery_id, self._delivery_id, settled=True, state=state)
                )


class IncomingLink(Link):
    """A link whose sender is the peer."""

    def __init__(self, session: Session, attach: Attach) -> None:
        super().__init__(session, attach)
        self.delivery_count = attach.initial_delivery_count or 0
        self.credit = 0
        self._max_message_size = MAX_MESSAGE_SIZE
        self._partial: _Partial | None = None

    def accept(self, max_message_size: int = MAX_MESSAGE_SIZE) -> None:
        """Attach and grant credit for messages up to a size."""
        self._max_message_size = max_message_size
        self._reply(None, None, self.attach.snd_settle_mode, max_message_size)
        self._grant()

    def transfer(self, transfer: Transfer, payload: bytes) -> Delivery | None:
        """Take one frame; the delivery if it is complete with it.

        Raises:
            LinkError: more than the credit allows, no delivery id, or larger than allowed.
        """
        if not self.attached:
            return None
        partial = self._partial or self._begin(transfer)
        self._partial = partial
        if transfer.aborted:
            self._partial = None
            self._used()
            return None
        partial.parts.append(payload)
        partial.size += len(payload)
        if partial.size > self._max_message_size:
            self._partial = None
            raise LinkError(
                MESSAGE_SIZE_EXCEEDED,
                f"The received message (delivery-id:{partial.delivery_id}, size:{partial.size} bytes) "
                f"exceeds the limit ({self._max_message_size} bytes) currently allowed on the link.",
            )
        partial.settled = partial.settled or bool(transfer.settled)
        if transfer.more:
            return None
        self._partial = None
        self._used()
        message = partial.parts[0] if len(partial.parts) == 1 else b"".join(partial.parts)
        return Delivery(self, partial, message)

    def _begin(self, transfer: Transfer) -> _Partial:
        if self.credit <= 0:
            raise LinkError(TRANSFER_LIMIT_EXCEEDED, "A transfer was sent without link credit.")
        if transfer.delivery_id is None:
            raise LinkError("amqp:invalid-field", "The first transfer of a delivery lacks a delivery-id.")
        settled = bool(transfer.settled) or self.attach.snd_settle_mode == SETTLED
        return _Partial(transfer.delivery_id, transfer.message_format or 0, settled, [])

    def _used(self) -> None:
        self.delivery_count = (self.delivery_count + 1) & SERIAL
        self.credit -= 1

    def top_up(self) -> None:
        """Grant credit again when half of it is used."""
        if self.attached and self.credit <= LINK_CREDIT // 2:
            self._grant()

    def _grant(self) -> None:
        self.credit = LINK_CREDIT
        self.session.send_flow(self.handle, self.delivery_count, self.credit)

    def flow(self, flow: Flow) -> None:
        """The sender told its count; after a drain or a gap it is the one that holds."""
        if flow.delivery_count is not None and self._partial is None:
            skipped = (flow.delivery_count - self.delivery_count) & SERIAL
            if 0 < skipped <= self.credit:
                self.delivery_count = flow.delivery_count
                self.credit -= skipped
        if flow.echo and self.attached:
            self.session.send_flow(self.handle, self.delivery_count, self.credit)


def link_for(session: Session, attach: Attach) -> OutgoingLink | IncomingLink:
    """Our end of the link that the peer attaches."""
    if attach.snd_settle_mode > MIXED or attach.rcv_settle_mode > 1:
        raise AmqpError("amqp:invalid-field", "Attach names a settle mode that does not exist.")
    return IncomingLink(session, attach) if attach.role == SENDER else OutgoingLink(session, attach)
