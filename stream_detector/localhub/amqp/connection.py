"""A connection as a server sees it: bytes of the peer in, bytes for the peer out (part 2, section 2.4).

No socket and no clock: the shell feeds `receive`, sends what `take_output` gives, calls `tick` when it is
due, and closes the socket when `finished`. A peer that breaks the protocol is told why and closed.
"""

from __future__ import annotations

import uuid
from enum import Enum
from typing import Protocol

from stream_detector.localhub.amqp import sasl
from stream_detector.localhub.amqp.errors import (
    CONNECTION_FORCED,
    FRAMING_ERROR,
    ILLEGAL_STATE,
    NOT_ALLOWED,
    RESOURCE_LIMIT_EXCEEDED,
    AmqpError,
    FramingError,
    SessionError,
)
from stream_detector.localhub.amqp.fields import from_bytes, to_bytes
from stream_detector.localhub.amqp.frames import (
    AMQP_FRAME,
    AMQP_HEADER,
    EMPTY_FRAME,
    MIN_MAX_FRAME_SIZE,
    SASL_FRAME,
    SASL_HEADER,
    Frame,
    FrameParser,
    ProtocolHeader,
    encode_frame,
)
from stream_detector.localhub.amqp.link import Delivery, IncomingLink, OutgoingLink
from stream_detector.localhub.amqp.performatives import Begin, Close, End, Error, Open
from stream_detector.localhub.amqp.session import Session

MAX_FRAME_SIZE = 65_536
"""Bytes of one frame that we take, as Event Hubs announces it."""
CHANNEL_MAX = 4_999
IDLE_TIMEOUT = 240.0
"""Seconds of silence after which a peer is given up, as Event Hubs announces it."""
OPEN_TIMEOUT = 20.0
"""Seconds that a peer has from the first byte to its open."""
CLOSE_TIMEOUT = 5.0
"""Seconds that a peer has to hang up after our close."""


class Service(Protocol):
    """What runs on top of the protocol. Called synchronously, from within `receive`."""

    def check_plain(self, name: str, key: str) -> bool:
        """Whether a SASL PLAIN key name and key are right."""

    def link_attached(self, link: IncomingLink | OutgoingLink) -> None:
        """The peer attaches a link: call its `accept` or its `refuse`."""

    def message_received(self, link: IncomingLink, delivery: Delivery) -> None:
        """A whole message has come: answer the delivery, now or later."""

    def link_detached(self, link: IncomingLink | OutgoingLink) -> None:
        """A link is gone, by either side. May be called more than once."""


class _State(Enum):
    START = "start"
    SASL = "sasl"
    HEADER = "header"
    OPENING = "opening"
    OPEN = "open"
    CLOSE_SENT = "close sent"
    FINISHED = "finished"


class Connection:
    """One peer. `now` is seconds on any clock that does not go back."""

    def __init__(self, service: Service, now: float) -> None:
        self.service = service
        self.identity: str | None = None
        """Key name that the peer proved with SASL PLAIN."""
        self.writable = True
        """Set by the shell: False while the socket takes no more."""
        self.peer_max_frame_size = MIN_MAX_FRAME_SIZE
        self.links = 0
        """Attached links, over all sessions."""
        self.peer = ""
        """Container id of the peer, for the log."""
        self.context: object = None
        """What the service keeps with the connection."""
        self._state = _State.START
        self._parser = FrameParser(MAX_FRAME_SIZE)
        self._sessions: dict[int, Session] = {}
        self._output: list[bytes] = []
        self.output_size = 0
        self._started = self._last_received = self._last_sent = now
        self._close_due = now
        self._peer_idle: float | None = None

    @property
    def finished(self) -> bool:
        """The socket can be closed once the output is sent."""
        return self._state is _State.FINISHED

    @property
    def opened(self) -> bool:
        """Both sides have sent open, none has sent close."""
        return self._state is _State.OPEN

    def put(self, frame: bytes) -> None:
        """Queue a frame for the peer."""
        self._output.append(frame)
        self.output_size += len(frame)

    def put2(self, head: bytes, payload: bytes) -> None:
        """Queue a frame that stands in two parts."""
        self._output.append(head)
        self._output.append(payload)
        self.output_size += len(head) + len(payload)

    def take_output(self, now: float) -> list[bytes]:
        """The bytes to send, in order."""
        output, self._output = self._output, []
        self.output_size = 0
        if output:
            self._last_sent = now
        return output

    def receive(self, received: bytes, now: float) -> None:
        """Act on bytes of the peer. Never raises for what a peer can send."""
        self._last_received = now
        if self._state in (_State.CLOSE_SENT, _State.FINISHED):
            return
        self._parser.feed(received)
        try:
            while self._state not in (_State.CLOSE_SENT, _State.FINISHED):
                item = self._parser.next()
                if item is None:
                    return
                if isinstance(item, ProtocolHeader):
                    self._header(item)
                else:
                    self._frame(item)
        except AmqpError as error:
            self.close(error, now)

    def close(self, error: AmqpError, now: float) -> None:
        """Close from our side and tell the peer why, as far as it has come."""
        if self._state in (_State.CLOSE_SENT, _State.FINISHED):
            return
        if self._state in (_State.START, _State.SASL):
            if self._state is _State.START:
                self.put(SASL_HEADER)  # what would have been right (part 2, section 2.2)
            self._state = _State.FINISHED
            return
        if self._state is _State.HEADER:
            self.put(AMQP_HEADER)
        if self._state is not _State.OPEN:
            self._send_open()
        self.put(encode_frame(to_bytes(Close(Error(error.condition, error.description)))))
        self._state = _State.CLOSE_SENT
        self._close_due = now + CLOSE_TIMEOUT
        self.release()

    def release(self) -> None:
        """The connection is lost or closed: let all links go."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.mapped = False
            session.release()

    def tick(self, now: float) -> float:
        """Send a heartbeat or give the peer up, if due; the seconds until the next call."""
        if self._state is _State.CLOSE_SENT:
            if now >= self._close_due:
                self._state = _State.FINISHED
            return max(0.0, self._close_due - now)
        if self._state is not _State.OPEN:
            due = self._started + OPEN_TIMEOUT
            if now >= due:
                self.close(AmqpError(CONNECTION_FORCED, "The connection was not opened in time."), now)
            return max(0.1, due - now)
        due = self._last_received + IDLE_TIMEOUT
        if now >= due:
            text = f"The connection was inactive for more than {IDLE_TIMEOUT * 1000:.0f} milliseconds."
            self.close(AmqpError(CONNECTION_FORCED, text), now)
            return CLOSE_TIMEOUT
        if self._peer_idle is not None:
            if now >= self._last_sent + self._peer_idle / 2 and not self._output:
                self.put(EMPTY_FRAME)
                self._last_sent = now
            due = min(due, self._last_sent + self._peer_idle / 2)
        return max(0.01, due - now)

    def _header(self, header: ProtocolHeader) -> None:
        if self._state is _State.START:
            if header.raw != SASL_HEADER:
                raise FramingError("the SASL protocol header is due")
            self.put(SASL_HEADER)
            self.put(sasl.offer())
            self._state = _State.SASL
            return
        if header.raw != AMQP_HEADER:
            raise FramingError("the AMQP 1.0 protocol header is due")
        self.put(AMQP_HEADER)
        self._state = _State.OPENING

    def _frame(self, frame: Frame) -> None:
        if self._state is _State.SASL:
            self._sasl(frame)
            return
        if frame.type != AMQP_FRAME:
            raise FramingError(f"a frame of type {frame.type} where AMQP frames are due")
        if not frame.body:
            return
        performative, payload = from_bytes(frame.body)
        match performative:
            case Open():
                self._open(performative, frame.channel)
            case _ if self._state is not _State.OPEN:
                name = type(performative).__name__
                raise AmqpError(ILLEGAL_STATE, f"{name} was sent before Open.")
            case Close():
                self.put(encode_frame(to_bytes(Close())))
                self._state = _State.FINISHED
                self.release()
            case Begin():
                self._begin(performative, frame.channel)
            case End():
                self._end(frame.channel)
            case _:
                self._in_session(performative, frame, payload)

    def _sasl(self, frame: Frame) -> None:
        if frame.type != SASL_FRAME:
            raise FramingError(f"a frame of type {frame.type} where a SASL frame is due")
        result = sasl.answer(frame.body, self.service.check_plain)
        self.put(result.reply)
        if not result.accepted:
            self._state = _State.FINISHED
            return
        self.identity = result.identity
        self._parser.expect_header()
        self._state = _State.HEADER

    def _open(self, open_: Open, channel: int) -> None:
        if self._state is _State.OPEN or channel != 0:
            raise AmqpError(NOT_ALLOWED, "Open was sent twice, or on a channel other than 0.")
        if open_.max_frame_size < MIN_MAX_FRAME_SIZE:
            raise AmqpError("amqp:invalid-field", f"max-frame-size is below {MIN_MAX_FRAME_SIZE}.")
        self.peer_max_frame_size = min(open_.max_frame_size, MAX_FRAME_SIZE)
        self.peer = open_.container_id
        self._peer_idle = open_.idle_timeout / 1000 if open_.idle_timeout else None
        self._send_open()
        self._state = _State.OPEN

    def _send_open(self) -> None:
        self.put(
            encode_frame(
                to_bytes(
                    Open(
                        container_id=f"localhub-{uuid.uuid4().hex[:12]}",
                        max_frame_size=MAX_FRAME_SIZE,
                        channel_max=CHANNEL_MAX,
                        idle_timeout=int(IDLE_TIMEOUT * 1000),
                    )
                )
            )
        )

    def _begin(self, begin: Begin, channel: int) -> None:
        if channel > CHANNEL_MAX:
            raise AmqpError(FRAMING_ERROR, f"Channel {channel} is above {CHANNEL_MAX}.")
        if channel in self._sessions:
            raise AmqpError(NOT_ALLOWED, f"Channel {channel} has a session already.")
        if begin.remote_channel is not None:
            raise AmqpError(NOT_ALLOWED, "Begin answers a session that was not offered.")
        self._sessions[channel] = Session(self, channel, begin)

    def _end(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session is None:
            raise AmqpError(NOT_ALLOWED, f"Channel {channel} has no session to end.")
        session.end()

    def _in_session(self, performative: object, frame: Frame, payload: int) -> None:
        session = self._sessions.get(frame.channel)
        if session is None:
            raise AmqpError(RESOURCE_LIMIT_EXCEEDED if frame.channel > CHANNEL_MAX else NOT_ALLOWED,
                            f"Channel {frame.channel} has no session.")  # fmt: skip
        if session.mapped:
            try:
                session.receive(performative, frame.body[payload:])
            except SessionError as error:
                session.end(error)
