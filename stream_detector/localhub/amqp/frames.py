"""Frames and protocol headers in a byte stream (part 2, sections 2.2 and 2.3).

Splits the stream and checks sizes; the body of a frame is not looked into.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from stream_detector.localhub.amqp.errors import FramingError

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_FRAME, SASL_FRAME = 0, 1
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
"""A heartbeat: no performative, channel 0."""
HEADER_SIZE = 8
MIN_MAX_FRAME_SIZE = 512
"""Every peer accepts frames of this size (part 2, section 2.8.1)."""

_PREFIX = struct.Struct(">IBBH")


@dataclass(frozen=True, slots=True)
class ProtocolHeader:
    """The eight bytes that select a protocol."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. An empty `body` is a heartbeat."""

    type: int
    channel: int
    body: bytes


def encode_frame(body: bytes, channel: int = 0, frame_type: int = AMQP_FRAME) -> bytes:
    """A whole frame around `body`, without an extended header."""
    return _PREFIX.pack(HEADER_SIZE + len(body), 2, frame_type, channel) + body


class FrameParser:
    """Takes bytes in pieces of any size, gives whole protocol headers and frames.

    Holds at most one incomplete frame of `max_frame_size` bytes and what was fed last.
    """

    def __init__(self, max_frame_size: int) -> None:
        self._max_frame_size = max_frame_size
        self._buffer = bytearray()
        self._position = 0
        self._header_expected = True

    def feed(self, received: bytes) -> None:
        """Append bytes from the peer."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += received

    def expect_header(self) -> None:
        """What comes next is a protocol header: at the start, and after SASL."""
        self._header_expected = True

    def next(self) -> ProtocolHeader | Frame | None:
        """The next whole header or frame, None if more bytes are needed.

        Raises:
            FramingError: no header where one is due; a size that is too small, too large, or
                inconsistent with the data offset. The stream cannot be read any further.
        """
        available = len(self._buffer) - self._position
        if available < HEADER_SIZE:
            return None
        if self._header_expected:
            return self._next_header()
        size, offset, frame_type, channel = _PREFIX.unpack_from(self._buffer, self._position)
        if size < HEADER_SIZE or size > self._max_frame_size:
            raise FramingError(f"a frame of {size} bytes is outside 8 to {self._max_frame_size}")
        if offset < 2 or offset * 4 > size:
            raise FramingError(f"data offset {offset} does not fit a frame of {size} bytes")
        if available < size:
            return None
        first, last = self._position + offset * 4, self._position + size
        self._position = last
        with memoryview(self._buffer) as view:
            return Frame(frame_type, channel, bytes(view[first:last]))

    def _next_header(self) -> ProtocolHeader:
        raw = bytes(self._buffer[self._position : self._position + HEADER_SIZE])
        if not raw.startswith(b"AMQP"):
            raise FramingError("the stream does not begin with an AMQP protocol header")
        self._position += HEADER_SIZE
        self._header_expected = False
        return ProtocolHeader(raw)
