"""How far each partition has been applied: the first of the two layers against duplicates.

After a reconnect the hub sends events again from the last one handed over, so sequence numbers
jump back; an event at or before the last applied one has been applied. The second layer, by
content, is in `window`. Values only: keeping them on disk is the shell's business.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Position(Struct, frozen=True, gc=False):
    """The last event of a partition that was applied."""

    sequence_number: int
    offset: str
    """Opaque to us; the service resumes by it. Newer services send more than a number."""


class Positions:
    """The last applied event per partition."""

    __slots__ = ("_last",)

    def __init__(self, last: Mapping[str, Position] | None = None) -> None:
        self._last = dict(last or {})

    def is_new(self, partition: str, sequence_number: int) -> bool:
        """Whether the event has not been applied yet."""
        last = self._last.get(partition)
        return last is None or sequence_number > last.sequence_number

    def advance(self, partition: str, sequence_number: int, offset: str) -> None:
        """Note that the event was applied. Never moves back: an event that is not new changes nothing."""
        if self.is_new(partition, sequence_number):
            self._last[partition] = Position(sequence_number, offset)

    def reset(self, partition: str) -> None:
        """Forget a partition: the next event of any number is new. For a hub that was created anew."""
        self._last.pop(partition, None)

    def last(self, partition: str) -> Position | None:
        """The last applied event; None when nothing of the partition was applied."""
        return self._last.get(partition)

    def snapshot(self) -> dict[str, Position]:
        """A copy of all positions, for `Positions(...)` to start from."""
        return dict(self._last)
