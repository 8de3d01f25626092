"""Frames: their layout, and a stream that comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.amqp.errors import FramingError
from stream_detector.localhub.amqp.frames import (
    AMQP_HEADER,
    EMPTY_FRAME,
    SASL_HEADER,
    Frame,
    FrameParser,
    ProtocolHeader,
    encode_frame,
)

STREAM = (
    AMQP_HEADER
    + encode_frame(b"first", channel=1)
    + EMPTY_FRAME
    + b"\x00\x00\x00\x12\x03\x00\x00\x07\xde\xad\xbe\xef" + b"second"
    + encode_frame(b"x" * 5000, channel=0xFFFF)
)  # fmt: skip
ITEMS = [
    ProtocolHeader(AMQP_HEADER),
    Frame(0, 1, b"first"),
    Frame(0, 0, b""),
    Frame(0, 7, b"second"),
    Frame(0, 0xFFFF, b"x" * 5000),
]


def items(parser: FrameParser) -> list[Frame | ProtocolHeader]:
    found = []
    while (item := parser.next()) is not None:
        found.append(item)
    return found


def test_a_frame_is_size_offset_type_channel_and_body() -> None:
    assert encode_frame(b"\x45", channel=258) == bytes.fromhex("000000090200010245")
    assert encode_frame(b"", frame_type=1) == bytes.fromhex("0000000802010000")


def test_an_extended_header_is_skipped() -> None:
    parser = FrameParser(65_536)
    parser.feed(STREAM[:40])
    assert items(parser)[3:] == []
    parser.feed(STREAM[40:60])
    assert Frame(0, 7, b"second") in items(parser)


@pytest.mark.parametrize("cut", range(60))
def test_a_stream_may_be_split_anywhere(cut: int) -> None:
    parser = FrameParser(65_536)
    parser.feed(STREAM[:cut])
    found = items(parser)
    parser.feed(STREAM[cut:])
    assert found + items(parser) == ITEMS


def test_a_stream_may_come_byte_by_byte() -> None:
    parser = FrameParser(65_536)
    found = []
    for position in range(len(STREAM)):
        parser.feed(STREAM[position : position + 1])
        found += items(parser)
    assert found == ITEMS


@given(st.lists(st.integers(1, 3000), max_size=12))
def test_a_stream_may_come_in_pieces_of_any_sizes(sizes: list[int]) -> None:
    parser = FrameParser(65_536)
    found, position = [], 0
    for size in [*sizes, len(STREAM)]:
        parser.feed(STREAM[position : position + size])
        found += items(parser)
        position += size
    assert found == ITEMS


def test_a_protocol_header_is_taken_where_it_is_announced() -> None:
    parser = FrameParser(512)
    parser.feed(SASL_HEADER + encode_frame(b"init", frame_type=1) + AMQP_HEADER)
    assert parser.next() == ProtocolHeader(SASL_HEADER)
    assert parser.next() == Frame(1, 0, b"init")
    parser.expect_header()
    assert parser.next() == ProtocolHeader(AMQP_HEADER)


@pytest.mark.parametrize(
    "raw",
    [
        "0000000702000000",  # smaller than its own header
        "0000020102000000",  # larger than allowed, before its bytes have come
        "ffffffff02000000",
        "0000000801000000",  # data offset inside the header
        "000000080a000000",  # data offset behind the end
    ],
)
def test_a_frame_of_an_impossible_size_is_refused_at_once(raw: str) -> None:
    parser = FrameParser(512)
    parser.feed(AMQP_HEADER + bytes.fromhex(raw))
    assert parser.next() == ProtocolHeader(AMQP_HEADER)
    with pytest.raises(FramingError):
        parser.next()


def test_a_stream_that_is_not_amqp_is_refused() -> None:
    parser = FrameParser(512)
    parser.feed(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(FramingError):
        parser.next()
