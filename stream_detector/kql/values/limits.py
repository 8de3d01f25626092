"""How long a text, and how large a dynamic, a rule can make of one record. Knows no function of KQL.

Kusto's page of the type string gives 1 MB as the size of a value, longer ones are cut when they are stored.
Here what a function would make longer is cut at once, so that a chain of strcat cannot exhaust memory.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST = 1_048_576
"""Characters of a text; keys, members and characters of a dynamic that is put together."""


def bounded(pieces: Iterable[str]) -> str:
    """The pieces joined, cut after `MOST` characters; what lies beyond is not asked for."""
    kept = []
    room = MOST
    for piece in pieces:
        kept.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return "".join(kept)


def is_small(value: object) -> bool:
    """Whether a dynamic has no more than `MOST` members and characters, counted no further than that."""
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        total += 1
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.keys()
            stack += item.values()
        if total + len(stack) > MOST:
            return False
    return True
