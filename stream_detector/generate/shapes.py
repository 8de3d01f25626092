"""Bodies: how records travel inside one Event Hubs event, and JSON escapes that hide no record from a parser.

Only encodes; it never changes what a strict JSON parser reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from random import Random

import orjson

_OPERATION = re.compile(rb'("(?:operationName|OperationNameValue)":")([^"\\]*)(")')


class Shape(StrEnum):
    """The shapes that readers of activity logs have reported."""

    ENVELOPE = "envelope"
    """`{"records":[...]}`, what a diagnostic setting sends."""
    SIBLINGS = "siblings"
    """The envelope with keys of the transport beside `records`."""
    ARRAY = "array"
    """A JSON array of records."""
    ENVELOPES = "envelopes"
    """A JSON array of envelopes."""
    LINES = "lines"
    """Newline-delimited records. Not for files that hold one body per line."""
    BARE = "bare"
    """One record alone; several records fall back to the envelope."""


ONE_LINE_SHAPES: tuple[Shape, ...] = tuple(shape for shape in Shape if shape is not Shape.LINES)
"""Shapes that never hold a line feed, fit for a file with one body per line."""


def encode(records: Sequence[dict[str, object]], shape: Shape = Shape.ENVELOPE) -> bytes:
    """Encode the records of one event."""
    match shape:
        case Shape.ARRAY:
            return orjson.dumps(records)
        case Shape.ENVELOPES:
            half = (len(records) + 1) // 2
            return orjson.dumps([{"records": records[:half]}, {"records": records[half:]}])
        case Shape.LINES:
            return b"\n".join(map(orjson.dumps, records)) + b"\n"
        case Shape.BARE if len(records) == 1:
            return orjson.dumps(records[0])
        case Shape.SIBLINGS:
            return orjson.dumps({"PartitionId": 0, "records": records, "BatchId": "1"})
        case _:
            return orjson.dumps({"records": records})


def escape_operations(body: bytes, random: Random) -> bytes:
    """Write letters and slashes of the operation names as JSON escapes, legal and equal to any parser."""

    def escaped(found: re.Match[bytes]) -> bytes:
        letters = bytearray()
        for byte in found.group(2):
            choice = random.random()
            if byte == 0x2F and choice < 0.5:
                letters += rb"\/"
            elif choice > 0.7:
                letters += rb"\u%04x" % byte if choice > 0.85 else rb"\u%04X" % byte
            else:
                letters.append(byte)
        return found.group(1) + bytes(letters) + found.group(3)

    return _OPERATION.sub(escaped, body)
