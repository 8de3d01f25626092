"""A group of a rule: its spelling and its episodes in order of time.

Plain state and questions about it; `window` changes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from stream_detector.detect.episode import Episode, Stage
from stream_detector.rules.model import Value

NEVER = 2**63


class Group(Struct, eq=False, gc=False):
    """What is remembered of one combination of a rule's summarize-by columns."""

    digest: bytes
    """Its name, see `identity.group_digest`."""
    key: tuple[Value, ...] = ()
    """In the spelling that was seen first."""
    episodes: tuple[Episode, ...] = ()
    """Each a window or more after the one before."""
    wake: int = NEVER
    """The time its entry in the schedule comes up; an entry with another time is void."""

    def is_open(self) -> bool:
        """Whether an alert of the group is open."""
        return any(e.raised is not None and e.raised.stage is Stage.OPEN for e in self.episodes)

    def open_episode(self, window: int, at: int) -> Episode | None:
        """The episode that has opened by then and whose window is not empty then; None without any."""
        for episode in self.episodes:
            raised = episode.raised
            if raised is not None and raised.opened_at <= at < episode.last + window:
                return episode
        return None

    def covering_episode(self, window: int, time: int) -> Episode | None:
        """The opened episode that a record of this time falls into or joins; None without any."""
        for episode in self.episodes:
            if episode.raised is not None and episode.first - window < time < episode.last + window:
                return episode
        return None

    def replace(self, gone: Iterable[Episode], *come: Episode) -> None:
        """Put `come` in the place of `gone`."""
        left = [episode for episode in self.episodes if all(episode is not old for old in gone)]
        self.episodes = tuple(sorted([*left, *come], key=lambda episode: episode.first))
