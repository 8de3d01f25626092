"""The sections of a message (part 3, section 3.2), found without decoding what they hold.

A broker passes bodies on as they came: sections are cut out of the bytes and put together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream_detector.localhub.amqp.decoder import compound_bounds, decode_value, skip_value
from stream_detector.localhub.amqp.encoder import encode, encode_described, encode_items
from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.types import Symbol

HEADER = 0x70
DELIVERY_ANNOTATIONS = 0x71
MESSAGE_ANNOTATIONS = 0x72
PROPERTIES = 0x73
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
SEQUENCE = 0x76
VALUE = 0x77
FOOTER = 0x78
_BODIES = (DATA, SEQUENCE, VALUE)
_SYMBOLIC = {
    f"amqp:{name}": code
    for name, code in (
        ("header:list", HEADER),
        ("delivery-annotations:map", DELIVERY_ANNOTATIONS),
        ("message-annotations:map", MESSAGE_ANNOTATIONS),
        ("properties:list", PROPERTIES),
        ("application-properties:map", APPLICATION_PROPERTIES),
        ("data:binary", DATA),
        ("amqp-sequence:list", SEQUENCE),
        ("amqp-value:*", VALUE),
        ("footer:map", FOOTER),
    )
}


class Section(NamedTuple):
    """One section: `start` is at its constructor, `value` at the constructor of what it describes."""

    code: int
    start: int
    value: int
    end: int


def split_sections(message: bytes, start: int = 0, end: int | None = None) -> list[Section]:
    """The sections of the message that stands between `start` and `end`, in order.

    Raises:
        DecodeError: something that is no section, none at all, or sections out of order or twice. A body
            may be missing, against the specification: the SDK's requests have none.
    """
    last = len(message) if end is None else end
    found: list[Section] = []
    position, previous = start, 0
    while position < last:
        code, value = _descriptor(message, position, last)
        after = skip_value(message, value, last)
        if code < previous or (code == previous and code not in (DATA, SEQUENCE)):
            raise DecodeError(f"section 0x{code:x} after section 0x{previous:x}")
        if code in _BODIES and previous in _BODIES and code != previous:
            raise DecodeError("a message has one kind of body")
        found.append(Section(code, position, value, after))
        position, previous = after, code
    if not found:
        raise DecodeError("a message without sections")
    return found


def _descriptor(message: bytes, position: int, last: int) -> tuple[int, int]:
    """(code, position of the described value) of the section at `position`."""
    if message[position] != 0:
        raise DecodeError("a section is a described value")
    if position + 3 <= last and message[position + 1] == 0x53:
        code: object = message[position + 2]
        value = position + 3
    else:
        code, value = decode_value(message, position + 1, last)
        code = _SYMBOLIC.get(code) if isinstance(code, str) else code
    if not isinstance(code, int) or not HEADER <= code <= FOOTER:
        raise DecodeError("a described value that is not a section")
    return code, value


def data_bounds(message: bytes, section: Section) -> tuple[int, int]:
    """(first, last) byte of the binary in a data section.

    Raises:
        DecodeError: the section holds something else.
    """
    code = message[section.value]
    if section.code != DATA or code not in (0xA0, 0xB0):
        raise DecodeError("a data section holds a binary")
    return section.value + (2 if code == 0xA0 else 5), section.end


def map_pairs(message: bytes, section: Section) -> list[tuple[object, bytes, bytes]]:
    """(key, encoded key, encoded value) of each pair in a section that holds a map.

    Raises:
        DecodeError: the section holds no map, or one that is malformed.
    """
    count, position, last = compound_bounds(message, section.value, section.end)
    pairs = []
    for _ in range(count // 2):
        key, middle = decode_value(message, position, last)
        after = skip_value(message, middle, last)
        pairs.append((key, message[position:middle], message[middle:after]))
        position = after
    if count % 2 or position != last:
        raise DecodeError("the pairs of a map do not fill it")
    return pairs


def list_items(message: bytes, section: Section) -> list[bytes]:
    """The encoded items of a section that holds a list.

    Raises:
        DecodeError: the section holds no list, or one that is malformed.
    """
    count, position, last = compound_bounds(message, section.value, section.end)
    items = []
    for _ in range(count):
        after = skip_value(message, position, last)
        items.append(message[position:after])
        position = after
    if position != last:
        raise DecodeError("the items of a list do not fill it")
    return items


def symbol_map_section(code: int, values: Mapping[str, object]) -> bytes:
    """A section that holds a map with symbols as keys."""
    items = (encode(item) for key, value in values.items() for item in (Symbol(key), value))
    return encode_described(code, encode_items(items, as_map=True))


def data_message(body: bytes, properties: Mapping[str, object] | None = None) -> bytes:
    """A message with one data section and, if given, application properties.

    Raises:
        ValueError: a property whose value has no AMQP encoding.
    """
    head = b""
    if properties:
        head = encode_described(APPLICATION_PROPERTIES, encode(dict(properties)))
    return head + encode_described(DATA, encode(body))
