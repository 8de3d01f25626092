"""When to look at which group again, in 8 bytes per group that waits.

    now            edge
    ----|-----------|--------------|--------------|---->
     near: a heap   far: a list of groups per slot of time

Far slots know their groups but not the order inside; a slot that comes near is spread over the
heap. An entry of a far slot can come up at the slot's beginning, earlier than it was asked for:
who asks looks at the group and puts it back. Without slots a heap of tuples costs 100 bytes a group.
It must not know what a group is; names are opaque.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

_LOWEST = -(2**63)


class Schedule:
    """Names by the time they are due, in ticks. An entry never comes up late."""

    __slots__ = ("_begins", "_edge", "_far", "_near", "_slot")

    def __init__(self, slot: int) -> None:
        self._slot = max(1, slot)
        self._edge = _LOWEST
        """Entries due before it are in the heap."""
        self._near: list[tuple[int, bytes]] = []
        self._far: dict[int, tuple[int, list[bytes]]] = {}
        """A slot's beginning and the names in it, by its beginning."""
        self._begins: list[int] = []

    def put(self, due: int, name: bytes) -> int:
        """Add an entry; gives the time it will come up at, not later than `due`."""
        if due < self._edge:
            heappush(self._near, (due, name))
            return due
        begin = due - due % self._slot
        waiting = self._far.get(begin)
        if waiting is None:
            waiting = self._far[begin] = (begin, [])
            heappush(self._begins, begin)
        waiting[1].append(name)
        return waiting[0]  # one int for all groups of the slot

    def pop(self, now: int) -> tuple[int, bytes] | None:
        """Take the first entry that has come up at `now`, with its time; None when there is none."""
        while self._begins and self._begins[0] <= now:
            begin = heappop(self._begins)
            self._edge = begin + self._slot
            for name in self._far.pop(begin)[1]:
                heappush(self._near, (begin, name))
        if self._near and self._near[0][0] <= now:
            return heappop(self._near)
        return None

    def coming(self, now: int) -> Iterator[bytes]:
        """Names of all entries that `pop` would give at `now`, without taking them; some twice."""
        for due, name in self._near:
            if due <= now:
                yield name
        for begin, names in self._far.values():
            if begin <= now:
                yield from names

    def next(self) -> int | None:
        """A time not later than that of the next entry; None when nothing waits."""
        times = [self._near[0][0]] if self._near else []
        return min(times + self._begins[:1], default=None)
