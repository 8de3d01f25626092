"""Bytes to values: every encoding of part 1 of the AMQP 1.0 specification.

Nothing is read outside the given bounds, nesting is limited, and a declared size is believed only as far
as the bytes reach. Bytes that are no value raise DecodeError and nothing else.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable

from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.types import (
    Array,
    Byte,
    Char,
    Decimal32,
    Decimal64,
    Decimal128,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

MAX_DEPTH = 32
"""Nesting of lists, maps, arrays and descriptors: far above any message, far below Python's stack."""
MAX_EMPTY_ELEMENTS = 65_536
"""Elements of an array whose constructor needs no bytes: their count is backed by no bytes at all."""

_Read = Callable[[bytes, int, int, int], tuple[object, int]]
"""(buffer, position after the constructor, end, depth) to (value, position after the value)."""

_WIDTH_OF_CLASS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_U32 = struct.Struct(">I")


def decode(buffer: bytes) -> object:
    """The one value that `buffer` holds.

    Raises:
        DecodeError: not an encoding, cut short, nested too deeply, or followed by other bytes.
    """
    value, position = decode_value(buffer, 0, len(buffer))
    if position != len(buffer):
        raise DecodeError(f"{len(buffer) - position} bytes follow the value")
    return value


def decode_value(buffer: bytes, position: int, end: int, depth: int = 0) -> tuple[object, int]:
    """The value whose constructor is at `position`, and the position after it.

    Raises:
        DecodeError: as for `decode`.
    """
    if position >= end:
        raise DecodeError("a value is missing at the end of the bytes")
    code = buffer[position]
    read = _READERS.get(code)
    if read is None:
        raise DecodeError(f"0x{code:02x} is not a constructor")
    return read(buffer, position + 1, end, depth)


def skip_value(buffer: bytes, position: int, end: int) -> int:
    """The position after the value at `position`, found from its constructor and size alone.

    Raises:
        DecodeError: an unknown constructor, or a value that does not end within `end`.
    """
    pending = 1
    while pending:
        if position >= end:
            raise DecodeError("a value is missing at the end of the bytes")
        if buffer[position] == 0:  # one value becomes two: the descriptor and what it describes
            pending += 1
            position += 1
            if pending > MAX_DEPTH:
                raise DecodeError("descriptors are nested too deeply")
        else:
            position = _skip_plain(buffer, position, end)
            pending -= 1
    return position


def _skip_plain(buffer: bytes, position: int, end: int) -> int:
    kind = buffer[position] >> 4
    width = _WIDTH_OF_CLASS.get(kind)
    if width is not None:
        after = position + 1 + width
    elif kind in (0xA, 0xC, 0xE):
        after = position + 2 + (buffer[position + 1] if position + 1 < end else end)
    elif kind in (0xB, 0xD, 0xF):
        after = position + 5 + (_U32.unpack_from(buffer, position + 1)[0] if position + 5 <= end else end)
    else:
        raise DecodeError(f"0x{buffer[position]:02x} is not a constructor")
    if after > end:
        raise DecodeError("a value is cut short")
    return after


def compound_bounds(buffer: bytes, position: int, end: int) -> tuple[int, int, int]:
    """(count, first item, end of items) of the list or map whose constructor is at `position`.

    Raises:
        DecodeError: another type, or cut short.
    """
    code = buffer[position] if position < end else None
    if code == 0x45:
        return 0, position + 1, position + 1
    if code in (0xC0, 0xC1):
        return _compound(buffer, position + 1, end, 1)
    if code in (0xD0, 0xD1):
        return _compound(buffer, position + 1, end, 4)
    raise DecodeError("a list or a map is expected")


def _compound(buffer: bytes, position: int, end: int, width: int) -> tuple[int, int, int]:
    if position + 2 * width > end:
        raise DecodeError("a compound value is cut short")
    if width == 1:
        size, count = buffer[position], buffer[position + 1]
    else:
        size, count = _U32.unpack_from(buffer, position)[0], _U32.unpack_from(buffer, position + 4)[0]
    first, last = position + 2 * width, position + width + size
    if size < width or last > end:
        raise DecodeError("the size of a compound value does not fit")
    return count, first, last


def _fixed(layout: str, kind: Callable[[int], object]) -> _Read:
    shape = struct.Struct(layout)

    def read(buffer: bytes, position: int, end: int, _depth: int) -> tuple[object, int]:
        after = position + shape.size
        if after > end:
            raise DecodeError("a number is cut short")
        return kind(shape.unpack_from(buffer, position)[0]), after

    return read


def _constant(value: object) -> _Read:
    return lambda _buffer, position, _end, _depth: (value, position)


def _opaque(width: int, kind: Callable[[bytes], object]) -> _Read:
    def read(buffer: bytes, position: int, end: int, _depth: int) -> tuple[object, int]:
        after = position + width
        if after > end:
            raise DecodeError("a value is cut short")
        return kind(buffer[position:after]), after

    return read


def _variable(width: int, kind: Callable[[bytes], object]) -> _Read:
    def read(buffer: bytes, position: int, end: int, _depth: int) -> tuple[object, int]:
        first = position + width
        if first > end:
            raise DecodeError("a size is cut short")
        size = buffer[position] if width == 1 else _U32.unpack_from(buffer, position)[0]
        after = first + size
        if after > end:
            raise DecodeError("a text or binary is cut short")
        return kind(buffer[first:after]), after

    return read


def _items(width: int, kind: str) -> _Read:
    def read(buffer: bytes, position: int, end: int, depth: int) -> tuple[object, int]:
        if depth >= MAX_DEPTH:
            raise DecodeError("values are nested too deeply")
        count, position, last = _compound(buffer, position, end, width)
        if count > last - position:
            raise DecodeError(f"a {kind} declares more items than it has bytes")
        items: list[object] = []
        for _ in range(count):
            value, position = decode_value(buffer, position, last, depth + 1)
            items.append(value)
        if position != last:
            raise DecodeError(f"a {kind} is longer than its items")
        return (items if kind == "list" else _as_map(items)), last

    return read


def _as_map(items: list[object]) -> dict[object, object]:
    if len(items) % 2:
        raise DecodeError("a map holds a key without a value")
    try:
        pairs = dict(zip(items[::2], items[1::2], strict=True))
    except TypeError:
        raise DecodeError("a map has a list, a map or an array as key") from None
    if len(pairs) * 2 != len(items):
        raise DecodeError("a map holds the same key twice")
    return pairs


def _array(width: int) -> _Read:
    def read(buffer: bytes, position: int, end: int, depth: int) -> tuple[object, int]:
        if depth >= MAX_DEPTH:
            raise DecodeError("values are nested too deeply")
        count, position, last = _compound(buffer, position, end, width)
        if position == last and count == 0:
            return Array(type(None), ()), last
        descriptor = None
        if position < last and buffer[position] == 0:
            descriptor, position = decode_value(buffer, position + 1, last, depth + 1)
        code = buffer[position] if position < last else None
        reader = _READERS.get(code) if code else None
        if code is None or reader is None:
            raise DecodeError("an array lacks a constructor")
        room = last - position - 1
        if count > (MAX_EMPTY_ELEMENTS if code >> 4 == 4 else room):
            raise DecodeError("an array declares more elements than it has bytes")
        position += 1
        values: list[object] = []
        for _ in range(count):
            value, position = reader(buffer, position, last, depth + 1)
            values.append(value)
        if position != last:
            raise DecodeError("an array is longer than its elements")
        return Array(ELEMENT_TYPES[code], tuple(values), descriptor), last

    return read


def _described(buffer: bytes, position: int, end: int, depth: int) -> tuple[object, int]:
    if depth >= MAX_DEPTH:
        raise DecodeError("values are nested too deeply")
    descriptor, position = decode_value(buffer, position, end, depth + 1)
    value, position = decode_value(buffer, position, end, depth + 1)
    return Described(descriptor, value), position


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("a string is not UTF-8") from None


def _symbol(raw: bytes) -> Symbol:
    try:
        return Symbol(raw.decode("ascii"))
    except UnicodeDecodeError:
        raise DecodeError("a symbol is not ASCII") from None


def _char(number: int) -> Char:
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise DecodeError(f"0x{number:x} is not a character")
    return Char(chr(number))


def _boolean(number: int) -> bool:
    if number > 1:
        raise DecodeError("a boolean is neither 0 nor 1")
    return number == 1


_TABLE: dict[int, tuple[type, _Read]] = {
    0x40: (type(None), _constant(None)),
    0x41: (bool, _constant(True)),
    0x42: (bool, _constant(False)),
    0x43: (UInt, _constant(UInt(0))),
    0x44: (ULong, _constant(ULong(0))),
    0x45: (list, lambda _buffer, position, _end, _depth: ([], position)),
    0x50: (UByte, _fixed(">B", UByte)),
    0x51: (Byte, _fixed(">b", Byte)),
    0x52: (UInt, _fixed(">B", UInt)),
    0x53: (ULong, _fixed(">B", ULong)),
    0x54: (Int, _fixed(">b", Int)),
    0x55: (int, _fixed(">b", int)),
    0x56: (bool, _fixed(">B", _boolean)),
    0x60: (UShort, _fixed(">H", UShort)),
    0x61: (Short, _fixed(">h", Short)),
    0x70: (UInt, _fixed(">I", UInt)),
    0x71: (Int, _fixed(">i", Int)),
    0x72: (Float, _fixed(">f", Float)),
    0x73: (Char, _fixed(">I", _char)),
    0x74: (Decimal32, _opaque(4, Decimal32)),
    0x80: (ULong, _fixed(">Q", ULong)),
    0x81: (int, _fixed(">q", int)),
    0x82: (float, _fixed(">d", float)),
    0x83: (Timestamp, _fixed(">q", Timestamp)),
    0x84: (Decimal64, _opaque(8, Decimal64)),
    0x94: (Decimal128, _opaque(16, Decimal128)),
    0x98: (uuid.UUID, _opaque(16, lambda raw: uuid.UUID(bytes=raw))),
    0xA0: (bytes, _variable(1, bytes)),
    0xA1: (str, _variable(1, _text)),
    0xA3: (Symbol, _variable(1, _symbol)),
    0xB0: (bytes, _variable(4, bytes)),
    0xB1: (str, _variable(4, _text)),
    0xB3: (Symbol, _variable(4, _symbol)),
    0xC0: (list, _items(1, "list")),
    0xC1: (dict, _items(1, "map")),
    0xD0: (list, _items(4, "list")),
    0xD1: (dict, _items(4, "map")),
    0xE0: (Array, _array(1)),
    0xF0: (Array, _array(4)),
}
ELEMENT_TYPES = {code: kind for code, (kind, _) in _TABLE.items()}
"""Python type of each constructor, as `Array.element` names it."""
_READERS: dict[int, _Read] = {code: read for code, (_, read) in _TABLE.items()} | {0x00: _described}
