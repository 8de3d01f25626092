"""A group of a rule: its spelling, its episodes in order of time, and its row at an instant.

    row at E    records with time > E - window, without an upper bound, as the query asks for them

Plain state and questions about it; `window` changes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from stream_detector.detect import recent
from stream_detector.detect import times as remembered
from stream_detector.detect.episode import Episode, Stage
from stream_detector.detect.recent import Column
from stream_detector.rules.model import Aggregates

NEVER = 2**63


class Group(Struct, eq=False, gc=False):
    """What is remembered of one combination of a rule's summarize-by columns."""

    digest: bytes
    """Its name, see `identity.group_digest`."""
    key: tuple[str, ...] = ()
    """In the spelling that was seen first."""
    episodes: tuple[Episode, ...] = ()
    """Each a window or more after the one before."""
    wake: int = NEVER
    """The time its entry in the schedule comes up; an entry with another time is void."""

    def is_open(self) -> bool:
        """Whether an alert of the group is open."""
        return any(e.raised is not None and e.raised.stage is Stage.OPEN for e in self.episodes)

    def replace(self, gone: Iterable[Episode], come: Episode) -> None:
        """Put `come` in the place of `gone`."""
        left = [episode for episode in self.episodes if all(episode is not old for old in gone)]
        self.episodes = tuple(sorted([*left, come], key=lambda episode: episode.first))


def aggregate(columns: tuple[Column, ...], episodes: Iterable[Episode], floor: int) -> Aggregates | None:
    """What summarize gives for the records of `episodes` later than `floor`; None when there are none."""
    asked = [episode for episode in episodes if episode.last > floor]
    if not asked:
        return None
    if len(asked) == 1 and isinstance(asked[0].seen, tuple):
        return _of_one(columns, asked[0].last, asked[0].seen)
    begins = [remembered.count_through(episode.times, floor) for episode in asked]
    values = recent.members(
        columns,
        (recent.spread(columns, episode.seen, episode.first) for episode in asked),
        floor,
    )
    return Aggregates(
        count=sum(remembered.size(e.times) - begin for e, begin in zip(asked, begins, strict=True)),
        first=min(remembered.time_at(e.times, begin) for e, begin in zip(asked, begins, strict=True)),
        last=max(episode.last for episode in asked),
        sets=tuple(members for column, members in zip(columns, values, strict=True) if column.is_set),
        anys=tuple(
            members[0] if members else ""
            for column, members in zip(columns, values, strict=True)
            if not column.is_set
        ),
    )


def _of_one(columns: tuple[Column, ...], time: int, members: tuple[str, ...]) -> Aggregates:
    """The same for a single record, which is what most episodes are."""
    values = tuple(zip(columns, members, strict=True))
    return Aggregates(
        count=1,
        first=time,
        last=time,
        sets=tuple([(value,) for column, value in values if column.is_set]),
        anys=tuple([value for column, value in values if not column.is_set]),
    )
