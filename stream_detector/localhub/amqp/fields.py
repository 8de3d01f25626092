"""How the fields of a composite type become list items and back (part 1, section 1.4).

A composite type is a frozen dataclass registered with `composite`; its `Kind`s stand in the order of the
specification. Every field is written, nulls included: trailing nulls may be left out, but some peers index
the list by position and fail when they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stream_detector.localhub.amqp.decoder import decode_value
from stream_detector.localhub.amqp.encoder import encode, encode_described, encode_items
from stream_detector.localhub.amqp.errors import INVALID_FIELD, AmqpError, DecodeError
from stream_detector.localhub.amqp.types import Array, Described, Symbol, UByte, UInt, ULong, UShort

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """Type of one field: `wrap` gives it the AMQP width, `read` checks what the peer sent."""

    name: str
    wrap: Callable[[Any], object]
    read: Callable[[object], object]


def _number(name: str, wrap: type[int], bits: int) -> Kind:
    def read(value: object) -> object:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
            raise DecodeError(f"{name} expected, not {type(value).__name__}")
        return int(value)

    return Kind(name, wrap, read)


def _instance(name: str, wrap: Callable[[Any], object], *types: type) -> Kind:
    def read(value: object) -> object:
        if not isinstance(value, types):
            raise DecodeError(f"{name} expected, not {type(value).__name__}")
        return value

    return Kind(name, wrap, read)


def _read_symbols(value: object) -> object:
    if isinstance(value, str):
        return (str(value),)
    if isinstance(value, Array) and all(isinstance(item, str) for item in value.values):
        return tuple(str(item) for item in value.values)
    raise DecodeError(f"one symbol or an array of them expected, not {type(value).__name__}")


def _wrap_symbols(value: Sequence[str]) -> object:
    return Array(Symbol, tuple(Symbol(item) for item in value))


def _same(value: object) -> object:
    return value


BOOLEAN = _instance("boolean", bool, bool)
UBYTE = _number("ubyte", UByte, 8)
USHORT = _number("ushort", UShort, 16)
UINT = _number("uint", UInt, 32)
ULONG = _number("ulong", ULong, 64)
STRING = _instance("string", str, str)
SYMBOL = _instance("symbol", Symbol, str)
BINARY = _instance("binary", bytes, bytes)
FIELDS = _instance("map", _same, dict)
ANY = Kind("any", lambda value: to_described(value) if type(value) in _CODES else value, _same)
SYMBOLS = Kind("symbols", _wrap_symbols, _read_symbols)


def nested(codes: Sequence[int]) -> Kind:
    """A field that holds one of the composite types with these descriptors."""

    def read(value: object) -> object:
        if not isinstance(value, Described):
            raise DecodeError(f"a described type expected, not {type(value).__name__}")
        found = from_described(value)
        if found is None or _CODES[type(found)] not in codes:
            raise DecodeError(f"descriptor {value.descriptor!r:.60} does not belong here")
        return found

    return Kind("composite", to_described, read)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is registered about a composite type."""

    composite: type
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    mandatory: tuple[bool, ...]


_SHAPES: dict[int, Shape] = {}
_CODES: dict[type, int] = {}
_SYMBOLIC: dict[str, int] = {}


def composite(code: int, symbol: str, *kinds: Kind) -> Callable[[type[T]], type[T]]:
    """Register a dataclass as the composite type `code` (its symbolic descriptor is `symbol`)."""

    def register(found: type[T]) -> type[T]:
        fields = dataclasses.fields(found)  # type: ignore[arg-type]
        if len(fields) != len(kinds):
            raise TypeError(f"{found.__name__} has {len(fields)} fields and {len(kinds)} kinds")
        needed = tuple(
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            for field in fields
        )
        _SHAPES[code] = Shape(found, tuple(field.name for field in fields), kinds, needed)
        _CODES[found] = code
        _SYMBOLIC[symbol] = code
        return found

    return register


def to_bytes(value: object) -> bytes:
    """The encoding of a registered composite value, with all of its fields."""
    code = _CODES[type(value)]
    shape = _SHAPES[code]
    items = []
    for name, kind in zip(shape.names, shape.kinds, strict=True):
        item = getattr(value, name)
        items.append(b"\x40" if item is None else encode(kind.wrap(item)))
    return encode_described(code, encode_items(items))


def to_described(value: object) -> Described:
    """The same as a value of the type system, to be nested in another one."""
    code = _CODES[type(value)]
    shape = _SHAPES[code]
    items = (getattr(value, name) for name in shape.names)
    wrapped = [
        None if item is None else kind.wrap(item) for item, kind in zip(items, shape.kinds, strict=True)
    ]
    return Described(ULong(code), wrapped)


def from_described(value: Described) -> object | None:
    """The composite value, or None when the descriptor is not one that is registered.

    Raises:
        AmqpError: a field is missing, of a wrong type, or one too many.
    """
    descriptor = value.descriptor
    code = _SYMBOLIC.get(descriptor) if isinstance(descriptor, str) else descriptor
    shape = _SHAPES.get(code) if isinstance(code, int) else None
    if shape is None:
        return None
    name = shape.composite.__name__
    if not isinstance(value.value, list):
        raise DecodeError(f"{name} is not a list of fields")
    items: list[object] = value.value
    if len(items) > len(shape.names):
        raise DecodeError(f"{name} has {len(items)} fields, at most {len(shape.names)} exist")
    arguments: dict[str, object] = {}
    for field, kind, item in zip(shape.names, shape.kinds, items, strict=False):
        if item is not None:
            try:
                arguments[field] = kind.read(item)
            except AmqpError as error:
                raise AmqpError(error.condition, f"{name}.{field}: {error.description}") from None
    for field, needed in zip(shape.names, shape.mandatory, strict=True):
        if needed and field not in arguments:
            raise AmqpError(INVALID_FIELD, f"{name}.{field} is missing")
    result: object = shape.composite(**arguments)
    return result


def from_bytes(buffer: bytes) -> tuple[object, int]:
    """The composite value at the start of a frame body, and where its payload begins.

    Raises:
        AmqpError: no composite value, or an unknown one (amqp:decode-error, amqp:not-implemented).
    """
    value, position = decode_value(buffer, 0, len(buffer))
    if not isinstance(value, Described):
        raise DecodeError("a frame body does not begin with a performative")
    found = from_described(value)
    if found is None:
        raise DecodeError(f"descriptor {value.descriptor!r:.60} is not a performative")
    return found, position
