"""Which episode a record belongs to, and what an episode is after a record has joined it.

    W, the window    |---------|
    known               [e1  e2]            [e3]            two episodes, W or more apart
    arrives           a        b    c
    event time    ----|--|---|-|----|-------|------->
    a, b, c at less than W of e1 to e2: each joins that episode; c would also join e3 if it were
    less than W before it, and make one episode of both

Changes groups and their episodes; what is told about them is decided in `window` and `lifecycle`.
"""

from __future__ import annotations

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import episode as episodes
from stream_detector.detect import times as remembered
from stream_detector.detect.alert import Evidence
from stream_detector.detect.columns import Columns, Inputs
from stream_detector.detect.episode import Episode
from stream_detector.detect.group import Group
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.rules.model import Rule


class Chains:
    """The chains of matching records of one rule. Holds no state but texts that are shared."""

    def __init__(
        self,
        rule: Rule,
        columns: Columns,
        options: WindowOptions,
        lifecycle: Lifecycle,
        texts: SharedTexts,
    ) -> None:
        self.rule = rule
        self._columns = columns
        self._options = options
        self._lifecycle = lifecycle
        self._texts = texts

    def touching(self, group: Group, time: int) -> list[Episode]:
        """The episodes that a record joins: none, one, or the two it lies between."""
        window = self.rule.window
        return [e for e in group.episodes if e.first - window < time < e.last + window]

    def take_in(
        self,
        group: Group,
        touching: list[Episode],
        record: ActivityRecord,
        inputs: Inputs,
        mark: int,
        now: int,
    ) -> Episode:
        """The episode that the record belongs to from now on."""
        alone = self._begin(record, inputs, mark, now)
        if not touching:
            group.replace((), alone)
            return alone
        episode = touching[0]
        if len(touching) > 1:
            episode = self._join(touching[0], touching[1])
            group.replace(touching, episode)
        self._extend(episode, alone, inputs, mark)
        episode.touched = max(episode.touched, now)
        self._drop_past(episode, now)
        return episode

    def _begin(self, record: ActivityRecord, inputs: Inputs, mark: int, now: int) -> Episode:
        """The episode that a record is by itself."""
        evidence = (Evidence.of(record, self._texts),)
        hold = self.rule.handling.hold
        return Episode(
            first=record.time,
            last=record.time,
            touched=now,
            times=remembered.of_one(record.time, mark),
            seen=inputs,
            evidence=evidence if self._options.max_evidence else (),
            inputs=None if self.rule.opens_always and not hold and not self._columns.correlates else [inputs],
            checked=now,
            held=[now + hold] if hold else None,
            held_until=now + hold if hold else None,
        )

    def _join(self, earlier: Episode, later: Episode) -> Episode:
        return episodes.join(self._columns, self.rule.window, self._options.max_evidence, earlier, later)

    def _extend(self, episode: Episode, record: Episode, inputs: Inputs, mark: int) -> None:
        """Add to `episode` the only record of `record`."""
        window = self.rule.window
        shown_after = episode.last - window
        states = self._columns.states(episode) if episode.seen is not None else None
        episode.first = min(episode.first, record.first)
        episode.last = max(episode.last, record.last)
        floor = episode.last - window
        gained = states is not None and self._columns.add(states, inputs, record.first, shown_after, floor)
        position = remembered.insert(episode.times, record.first, mark)
        if episode.inputs is not None:
            episode.inputs.insert(position, inputs)
        if episode.held is not None and record.held is not None:
            episode.held.insert(position, record.held[0])
            waiting = (episode.held_until, record.held[0])
            episode.held_until = min(until for until in waiting if until is not None)
        is_opened = episode.raised is not None
        episode.evidence = episodes.keep_evidence(
            episode.evidence + record.evidence, self._options.max_evidence, opened=is_opened
        )
        if episode.raised is not None:
            self._lifecycle.note_growth(episode.raised, gained, self._columns.count(episode, floor))

    def _drop_past(self, episode: Episode, now: int) -> None:
        """Drop the times that no row within the lateness can ask for any more."""
        past = min(episode.last, now) - self.rule.window - self._options.lateness
        if remembered.time_at(episode.times, 0) <= past:
            self.drop(episode, remembered.count_through(episode.times, past))
            self._columns.forget(episode.seen, past)

    def drop(self, episode: Episode, count: int) -> None:
        """Forget the `count` oldest times of an episode."""
        remembered.drop_oldest(episode.times, count)
        if episode.inputs is not None:
            del episode.inputs[:count]
        if episode.held is not None:
            del episode.held[:count]
