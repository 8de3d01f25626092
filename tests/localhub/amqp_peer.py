"""The client side of a conversation with `Connection`, byte by byte, without a socket."""

from __future__ import annotations

from typing import TypeVar

from stream_detector.localhub.amqp.connection import Connection
from stream_detector.localhub.amqp.fields import from_bytes, to_bytes
from stream_detector.localhub.amqp.frames import (
    AMQP_HEADER,
    SASL_HEADER,
    Frame,
    FrameParser,
    ProtocolHeader,
    encode_frame,
)
from stream_detector.localhub.amqp.link import Delivery, IncomingLink, OutgoingLink
from stream_detector.localhub.amqp.performatives import (
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Open,
    SaslInit,
    Source,
    Target,
    Transfer,
)

T = TypeVar("T")


class Recorder:
    """A service that accepts everything and keeps what it is told."""

    def __init__(self) -> None:
        self.links: list[IncomingLink | OutgoingLink] = []
        self.detached: list[IncomingLink | OutgoingLink] = []
        self.messages: list[tuple[bytes, int]] = []

    def check_plain(self, name: str, key: str) -> bool:
        return (name, key) == ("name", "key")

    def link_attached(self, link: IncomingLink | OutgoingLink) -> None:
        self.links.append(link)
        link.accept()

    def message_received(self, _link: IncomingLink, delivery: Delivery) -> None:
        self.messages.append((delivery.message, delivery.message_format))
        delivery.accept()

    def link_detached(self, link: IncomingLink | OutgoingLink) -> None:
        self.detached.append(link)


class Peer:
    """What a client sends, and what it gets back as performatives."""

    def __init__(self) -> None:
        self.service = Recorder()
        self.connection = Connection(self.service, 0.0)
        self.now = 0.0
        self._parser = FrameParser(1 << 20)
        self.payloads: list[bytes] = []

    def send(self, raw: bytes) -> None:
        self.connection.receive(raw, self.now)

    def perform(self, performative: object, payload: bytes = b"", channel: int = 0) -> None:
        self.send(encode_frame(to_bytes(performative) + payload, channel))

    def answers(self) -> list[object]:
        """Protocol headers as bytes, heartbeats as None, all else as performatives."""
        self._parser.feed(b"".join(self.connection.take_output(self.now)))
        found: list[object] = []
        while (item := self._parser.next()) is not None:
            if isinstance(item, ProtocolHeader):
                found.append(item.raw)
                continue
            assert isinstance(item, Frame)
            if not item.body:
                found.append(None)
                continue
            performative, position = from_bytes(item.body)
            if isinstance(performative, Transfer):
                self.payloads.append(item.body[position:])
            found.append(performative)
            if type(performative).__name__ == "SaslOutcome":
                self._parser.expect_header()
        return found

    def only(self, kind: type[T]) -> list[T]:
        return [answer for answer in self.answers() if isinstance(answer, kind)]

    def login(self, mechanism: str = "ANONYMOUS", response: bytes | None = None) -> list[object]:
        self.send(SASL_HEADER)
        self.send(encode_frame(to_bytes(SaslInit(mechanism, response)), frame_type=1))
        return self.answers()

    def open(self, **options: int) -> list[object]:
        self.login()
        self.send(AMQP_HEADER)
        self.perform(Open("peer", **options))  # type: ignore[arg-type]
        return self.answers()

    def begin(self, *, window: int = 100, channel: int = 0, **options: int) -> list[object]:
        self.open(**options)
        self.perform(Begin(next_outgoing_id=0, incoming_window=window, outgoing_window=100), channel=channel)
        return self.answers()

    def receiver(self, *, window: int = 100, **options: int) -> OutgoingLink:
        """Attach a link on handle 3 that we receive from; their end of it."""
        self.begin(window=window, **options)
        self.perform(Attach("r", 3, RECEIVER, source=Source("here"), target=Target("there")))
        self.answers()
        link = self.service.links[-1]
        assert isinstance(link, OutgoingLink)
        return link

    def sender(self, **options: int) -> IncomingLink:
        """Attach a link on handle 4 that we send on; their end of it."""
        self.begin(**options)
        attach = Attach("s", 4, SENDER, source=Source("x"), target=Target("y"), initial_delivery_count=0)
        self.perform(attach)
        self.answers()
        link = self.service.links[-1]
        assert isinstance(link, IncomingLink)
        return link
