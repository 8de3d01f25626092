"""Python values for the AMQP 1.0 type system (part 1 of the specification).

Where Python has one type and AMQP several, a subclass carries the width: an `UInt` is an int that is
encoded as uint. Plain `int` stands for long, `float` for double, `str` for string, `bytes` for binary.
Only names values; `encoder` and `decoder` turn them into bytes and back.
"""

from __future__ import annotations

from dataclasses import dataclass


class UByte(int):
    """Unsigned, 8 bits."""

    __slots__ = ()


class UShort(int):
    """Unsigned, 16 bits."""

    __slots__ = ()


class UInt(int):
    """Unsigned, 32 bits."""

    __slots__ = ()


class ULong(int):
    """Unsigned, 64 bits."""

    __slots__ = ()


class Byte(int):
    """Signed, 8 bits."""

    __slots__ = ()


class Short(int):
    """Signed, 16 bits."""

    __slots__ = ()


class Int(int):
    """Signed, 32 bits."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970-01-01T00:00:00Z, signed, 64 bits."""

    __slots__ = ()


class Float(float):
    """IEEE 754 binary32."""

    __slots__ = ()


class Symbol(str):
    """ASCII text from a constrained domain."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Decimal32(bytes):
    """IEEE 754 decimal32 in its four bytes, not interpreted."""

    __slots__ = ()


class Decimal64(bytes):
    """IEEE 754 decimal64 in its eight bytes, not interpreted."""

    __slots__ = ()


class Decimal128(bytes):
    """IEEE 754 decimal128 in its sixteen bytes, not interpreted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value annotated with a descriptor (a symbol or a ulong, usually)."""

    descriptor: object
    value: object


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type, sharing one constructor, and one descriptor if they are described."""

    element: type
    values: tuple[object, ...]
    descriptor: object | None = None
