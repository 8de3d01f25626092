"""Which partition an event goes to when its sender names none: by partition key, or in turn.

The hash is Bob Jenkins' lookup3 (public domain, burtleburtle.net/bob/c/lookup3.c), folded to 16 bits as the
buffered producers of the Event Hubs SDKs fold it, so that an event lands where they would put it.
"""

from __future__ import annotations

import math
import struct

_MASK = 0xFFFF_FFFF


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _MASK) ^ _rotate(c, bits)
        c = (c + b) & _MASK
        a, b, c = b, c, a  # the three roles move on by one each round
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int]:
    """(c, b) after the last block."""
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotate(b, bits)) & _MASK
        a, b, c = b, c, a
    # After seven rounds the roles stand one place off: what was c is now in b.
    return b, a


def key_hash(key: str) -> int:
    """Signed 16-bit hash of a partition key; 0 for the empty one."""
    raw = key.encode("utf-8")
    if not raw:
        return 0
    a = b = c = (0xDEAD_BEEF + len(raw)) & _MASK
    padded = raw + b"\0" * (-len(raw) % 12)
    blocks = list(struct.iter_unpack("<III", padded))
    for x, y, z in blocks[:-1]:
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    x, y, z = blocks[-1]
    c, b = _final((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    folded = (c ^ b) & 0xFFFF
    return folded - 0x10000 if folded & 0x8000 else folded


def partition_for_key(key: str, partitions: int) -> int:
    """Index of the partition for a key: always the same for the same key and count."""
    return int(abs(math.fmod(key_hash(key), partitions)))
