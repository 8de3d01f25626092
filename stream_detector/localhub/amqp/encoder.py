"""Values to bytes: the shortest encoding of each type of part 1 of the AMQP 1.0 specification.

Choosing what to send is not its business; it only refuses values that the type system cannot hold.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable

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

_U32 = struct.Struct(">I")


def encode(value: object) -> bytes:
    """The encoding of one value, constructor included.

    Raises:
        ValueError: a type that AMQP does not have, or a number outside its width.
    """
    write = _WRITERS.get(type(value))
    if write is None:
        raise ValueError(f"{type(value).__name__} has no AMQP encoding")
    try:
        return write(value)
    except struct.error as error:
        raise ValueError(f"the {type(value).__name__} is outside its range: {error}") from None


def encode_described(code: int, encoded: bytes) -> bytes:
    """A value, already encoded, under a descriptor below 256."""
    return b"\x00\x53" + bytes((code,)) + encoded


def encode_items(items: Iterable[bytes], *, as_map: bool = False) -> bytes:
    """A list or map of items that are already encoded (in a map: keys and values in turn)."""
    parts = list(items)
    body = b"".join(parts)
    if not parts and not as_map:
        return b"\x45"
    if len(body) < 255 and len(parts) < 256:
        return bytes((0xC1 if as_map else 0xC0, len(body) + 1, len(parts))) + body
    return (b"\xd1" if as_map else b"\xd0") + struct.pack(">II", len(body) + 4, len(parts)) + body


def _sized(small: int, large: int, raw: bytes) -> bytes:
    if len(raw) < 256:
        return bytes((small, len(raw))) + raw
    return bytes((large,)) + _U32.pack(len(raw)) + raw


def _unsigned(zero: int, small: int, large: int, layout: str) -> Callable[[int], bytes]:
    def write(value: int) -> bytes:
        if value == 0:
            return bytes((zero,))
        if 0 < value < 256:
            return bytes((small, value))
        return bytes((large,)) + struct.pack(layout, value)

    return write


def _signed(small: int, large: int, layout: str) -> Callable[[int], bytes]:
    def write(value: int) -> bytes:
        if -128 <= value < 128:
            return bytes((small,)) + struct.pack(">b", value)
        return bytes((large,)) + struct.pack(layout, value)

    return write


def _packed(code: int, layout: str) -> Callable[[object], bytes]:
    return lambda value: bytes((code,)) + struct.pack(layout, value)


def _opaque(code: int, width: int) -> Callable[[bytes], bytes]:
    def write(value: bytes) -> bytes:
        if len(value) != width:
            raise ValueError(f"{width} bytes are expected, not {len(value)}")
        return bytes((code,)) + value

    return write


def _array(array: Array) -> bytes:
    """Elements in the widest encoding of their type, so that one constructor serves them all."""
    code, write = _ELEMENTS[array.element]
    prefix = b"" if array.descriptor is None else b"\x00" + encode(array.descriptor)
    body = prefix + bytes((code,)) + b"".join(write(value) for value in array.values)
    if len(body) < 255 and len(array.values) < 256:
        return bytes((0xE0, len(body) + 1, len(array.values))) + body
    return b"\xf0" + struct.pack(">II", len(body) + 4, len(array.values)) + body


def _list_body(items: list[object]) -> bytes:
    body = b"".join(map(encode, items))
    return struct.pack(">II", len(body) + 4, len(items)) + body


def _map_body(pairs: dict[object, object]) -> bytes:
    body = b"".join(encode(key) + encode(value) for key, value in pairs.items())
    return struct.pack(">II", len(body) + 4, 2 * len(pairs)) + body


def _array_body(array: Array) -> bytes:
    code, write = _ELEMENTS[array.element]
    prefix = b"" if array.descriptor is None else b"\x00" + encode(array.descriptor)
    body = prefix + bytes((code,)) + b"".join(write(value) for value in array.values)
    return struct.pack(">II", len(body) + 4, len(array.values)) + body


def _binary_body(raw: bytes) -> bytes:
    return _U32.pack(len(raw)) + raw


_WRITERS: dict[type, Callable[..., bytes]] = {
    type(None): lambda _value: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: _packed(0x50, ">B"),
    UShort: _packed(0x60, ">H"),
    UInt: _unsigned(0x43, 0x52, 0x70, ">I"),
    ULong: _unsigned(0x44, 0x53, 0x80, ">Q"),
    Byte: _packed(0x51, ">b"),
    Short: _packed(0x61, ">h"),
    Int: _signed(0x54, 0x71, ">i"),
    int: _signed(0x55, 0x81, ">q"),
    Float: _packed(0x72, ">f"),
    float: _packed(0x82, ">d"),
    Decimal32: _opaque(0x74, 4),
    Decimal64: _opaque(0x84, 8),
    Decimal128: _opaque(0x94, 16),
    Char: lambda value: b"\x73" + _U32.pack(ord(value)),
    Timestamp: _packed(0x83, ">q"),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _sized(0xA0, 0xB0, value),
    str: lambda value: _sized(0xA1, 0xB1, value.encode("utf-8")),
    Symbol: lambda value: _sized(0xA3, 0xB3, value.encode("ascii")),
    list: lambda value: encode_items(map(encode, value)),
    dict: lambda value: encode_items((encode(x) for pair in value.items() for x in pair), as_map=True),
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
    Array: _array,
}
_ELEMENTS: dict[type, tuple[int, Callable[..., bytes]]] = {
    type(None): (0x40, lambda _value: b""),
    bool: (0x56, lambda value: b"\x01" if value else b"\x00"),
    UByte: (0x50, struct.Struct(">B").pack),
    UShort: (0x60, struct.Struct(">H").pack),
    UInt: (0x70, _U32.pack),
    ULong: (0x80, struct.Struct(">Q").pack),
    Byte: (0x51, struct.Struct(">b").pack),
    Short: (0x61, struct.Struct(">h").pack),
    Int: (0x71, struct.Struct(">i").pack),
    int: (0x81, struct.Struct(">q").pack),
    Float: (0x72, struct.Struct(">f").pack),
    float: (0x82, struct.Struct(">d").pack),
    Decimal32: (0x74, bytes),
    Decimal64: (0x84, bytes),
    Decimal128: (0x94, bytes),
    Char: (0x73, lambda value: _U32.pack(ord(value))),
    Timestamp: (0x83, struct.Struct(">q").pack),
    uuid.UUID: (0x98, lambda value: bytes(value.bytes)),
    bytes: (0xB0, _binary_body),
    str: (0xB1, lambda value: _binary_body(value.encode("utf-8"))),
    Symbol: (0xB3, lambda value: _binary_body(value.encode("ascii"))),
    list: (0xD0, _list_body),
    dict: (0xD1, _map_body),
    Array: (0xF0, _array_body),
}
