"""The sliding window of one rule: which episode a record belongs to, and whether it opens an alert.

    W, the window    |---------|
    known               [e1  e2]            [e3]            two episodes, W or more apart
    arrives           a        b    c
    event time    ----|--|---|-|----|-------|------->
    a, b, c at less than W of e1 to e2: each joins that episode; c would also join e3 if it were
    less than W before it, and make one episode of both

- Opening is eager: on arrival, in event time, whatever the clock.
- A record that joins an episode opens nothing if that has opened. Nothing is left out for being
  late: a late record opens unless an episode that is still remembered covers it.
- An episode is remembered until `lateness` after its window, or after the last record joined it if
  that is later, so that a backlog of week-old records does not page once per record.
- The same content twice in an episode is a duplicate and changes nothing.

A function of (state, records, now): no clock, no I/O, no chance. What a record opens does not
depend on how often `advance` was called. What alerts say and when they end is in `lifecycle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import episode as episodes
from stream_detector.detect import identity, minimums, recent
from stream_detector.detect import times as remembered
from stream_detector.detect.alert import Alert, Evidence
from stream_detector.detect.episode import Episode, Stage
from stream_detector.detect.group import NEVER, Group, aggregate
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.schedule import Schedule
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.rules.model import Match, Rule

_SLOTS_PER_WINDOW = 64
"""Slots of the schedule: some two minutes each for a window of two hours."""


class Outcome(StrEnum):
    """What became of a record under a rule that needs its operation."""

    MATCHED = "matched"
    FILTERED = "filtered"
    DUPLICATE = "duplicate"


class RuleWindow:
    """State of one rule.

    Raises:
        ValueError: a threshold names a column that is neither the count nor a set.
    """

    def __init__(self, rule: Rule, options: WindowOptions, texts: SharedTexts) -> None:
        self.rule = rule
        self._options = options
        self._texts = texts
        self._columns = recent.columns_of(rule)
        self._minimums = minimums.minimums_of(rule)
        self._most_records = max(options.max_records_per_group, self._minimums.count)
        self._lifecycle = Lifecycle(rule, self._columns, options)
        self._groups: dict[bytes, Group] = {}
        self._schedule = Schedule(rule.window // _SLOTS_PER_WINDOW)
        self._open = 0

    def apply(self, record: ActivityRecord, match: Match, now: int) -> tuple[Outcome, list[Alert]]:
        """Take in a record that the rule matches."""
        digest = identity.group_digest(self.rule.info.id, match.key, ignore_case=self.rule.ignore_case)
        group = self._groups.get(digest) or Group(digest)
        was_open = group.is_open()
        alerts = self._lifecycle.settle(group, now)
        content = identity.fingerprint(record)
        mark = identity.short_fingerprint(content)
        touching = self._touching(group, record.time)
        if self._options.deduplicate and self._is_known(touching, record.time, mark):
            self._store(group, was_open)
            return Outcome.DUPLICATE, alerts
        if not group.episodes:
            group.key = self._texts.all_of(match.key)
        episode = self._take_in(group, touching, record, match, mark, now)
        if episode.raised is not None:
            alerts += self._lifecycle.tell_joined(group, episode, episode.raised, now)
        elif (instant := self._opens_at(group, episode, record.time, now)) is not None:
            alerts.append(self._lifecycle.open(group, episode, instant, record.time, content, now))
        alerts += self._keep_bounds(group, episode, now)
        self._store(group, was_open)
        return Outcome.MATCHED, alerts

    def advance(self, now: int) -> list[Alert]:
        """Everything that the clock alone brings: closings, updates that were held back, forgetting."""
        alerts: list[Alert] = []
        while (entry := self._schedule.pop(now)) is not None:
            time, digest = entry
            group = self._groups.get(digest)
            if group is None or group.wake != time:
                continue
            group.wake = NEVER
            was_open = group.is_open()
            alerts += self._lifecycle.settle(group, now)
            for episode in group.episodes:
                alerts += self._lifecycle.tell_news(group, episode, now)
            self._store(group, was_open)
        return alerts

    def next_due(self) -> int | None:
        """A time not later than the next one at which `advance` has something to do."""
        return self._schedule.next()

    def rows(self, at: int) -> Iterator[dict[str, object]]:
        """The rows of the query at `at`, in the order in which the groups appeared."""
        floor = at - self.rule.window
        for group in tuple(self._groups.values()):
            row = aggregate(self._columns, group.episodes, floor)
            if row is not None and self._minimums.met_by(row):
                yield self.rule.row(group.key, row)

    def groups_open(self, now: int) -> int:
        """Number of groups with an open alert at `now`. Costs what `advance(now)` has left undone."""
        lapsing = 0
        for digest in set(self._schedule.coming(now)):
            group = self._groups.get(digest)
            if group is not None and group.is_open():
                lapsing += all(
                    e.last + self.rule.window <= now
                    for e in group.episodes
                    if e.raised is not None and e.raised.stage is Stage.OPEN
                )
        return self._open - lapsing

    def groups_kept(self) -> int:
        """Number of groups in memory, open or not."""
        return len(self._groups)

    def _touching(self, group: Group, time: int) -> list[Episode]:
        """The episodes that a record joins: none, one, or the two it lies between."""
        window = self.rule.window
        return [e for e in group.episodes if e.first - window < time < e.last + window]

    def _is_known(self, touching: list[Episode], time: int, mark: int) -> bool:
        return any(remembered.holds(episode.times, time, mark) for episode in touching)

    def _take_in(
        self, group: Group, touching: list[Episode], record: ActivityRecord, match: Match, mark: int, now: int
    ) -> Episode:
        """The episode that the record belongs to from now on."""
        alone = self._begin(record, match, mark, now)
        if not touching:
            group.replace((), alone)
            return alone
        episode = touching[0]
        if len(touching) > 1:
            episode = self._join(touching[0], touching[1])
            group.replace(touching, episode)
        self._extend(episode, alone, mark)
        episode.touched = max(episode.touched, now)
        self._drop_past(episode, now)
        return episode

    def _begin(self, record: ActivityRecord, match: Match, mark: int, now: int) -> Episode:
        """The episode that a record is by itself."""
        evidence = (Evidence.of(record, self._texts),)
        return Episode(
            first=record.time,
            last=record.time,
            touched=now,
            times=remembered.of_one(record.time, mark),
            seen=self._texts.all_of(match.members),
            evidence=evidence if self._options.max_evidence else (),
            members=[self._minimums.tracked(match.members)] if self._minimums.sets else None,
        )

    def _join(self, earlier: Episode, later: Episode) -> Episode:
        return episodes.join(self._columns, self.rule.window, self._options.max_evidence, earlier, later)

    def _extend(self, episode: Episode, record: Episode, mark: int) -> None:
        """Add to `episode` the only record of `record`."""
        window = self.rule.window
        shown_after = episode.last - window
        episode.seen = recent.spread(self._columns, episode.seen, episode.first)
        episode.first = min(episode.first, record.first)
        episode.last = max(episode.last, record.last)
        gained = recent.add(
            self._columns,
            episode.seen,
            recent.spread(self._columns, record.seen, record.first),
            shown_after=shown_after,
            shows_after=episode.last - window,
        )
        position = remembered.insert(episode.times, record.first, mark)
        if episode.members is not None and record.members is not None:
            episode.members[position:position] = record.members
        is_opened = episode.raised is not None
        episode.evidence = episodes.keep_evidence(
            episode.evidence + record.evidence, self._options.max_evidence, opened=is_opened
        )
        if episode.raised is not None:
            counted = remembered.count_through(episode.times, episode.last - window)
            count = remembered.size(episode.times) - counted
            self._lifecycle.note_growth(episode.raised, gained, count)

    def _opens_at(self, group: Group, episode: Episode, time: int, now: int) -> int | None:
        """The instant at which a row first meets the minimums, if the record makes one do so."""
        if self._minimums.any_record_meets:
            return time
        if self._may_meet(episode, time):
            instant = minimums.first_met(
                self._minimums, episode.times, episode.members, time, self.rule.window
            )
            if instant is not None:
                return instant
            # The sets know more than the times when the oldest times were dropped at the bound.
            if self._minimums.sets and self._is_met((episode,), episode.last, time):
                return episode.last
        # Only records ahead of the clock can make the row at `now` fuller than every window above.
        if group.episodes[-1].last > now and self._is_met(group.episodes, now, time):
            return now
        return None

    def _may_meet(self, episode: Episode, time: int) -> bool:
        """Whether any window with the record at `time` can hold enough members: a look at the sets
        alone, so that a flood of records that add no member costs no look at every one of them."""
        seen = recent.spread(self._columns, episode.seen, episode.first)
        floor = time - self.rule.window
        return all(sum(last > floor for last in seen[at].values()) >= n for at, n in self._minimums.sets)

    def _is_met(self, of: tuple[Episode, ...], instant: int, time: int) -> bool:
        """Whether the row of `of` at `instant` meets the minimums and counts the record at `time`."""
        floor = instant - self.rule.window
        row = aggregate(self._columns, of, floor) if time > floor else None
        return row is not None and self._minimums.met_by(row)

    def _store(self, group: Group, was_open: bool) -> None:
        """Every change of a group ends here: the one place where state is put back."""
        self._open += group.is_open() - was_open
        if not group.episodes:
            self._groups.pop(group.digest, None)
            if not self._groups:
                self._groups = {}  # a dict never gives back the room of what was deleted
            return
        self._groups[group.digest] = group
        due = min(map(self._lifecycle.due, group.episodes))
        if due < group.wake:
            group.wake = self._schedule.put(due, group.digest)

    def _drop_past(self, episode: Episode, now: int) -> None:
        """Drop the times that no row within the lateness can ask for any more."""
        past = min(episode.last, now) - self.rule.window - self._options.lateness
        if remembered.time_at(episode.times, 0) <= past:
            self._drop(episode, remembered.count_through(episode.times, past))

    def _drop(self, episode: Episode, count: int) -> None:
        remembered.drop_oldest(episode.times, count)
        if episode.members is not None:
            del episode.members[:count]

    def _keep_bounds(self, group: Group, current: Episode, now: int) -> list[Alert]:
        """Drop the oldest records and episodes beyond the limits; an alert that goes with one is closed.

        Opened episodes give up their times first, since they need them for counts only.
        """
        alerts: list[Alert] = []
        while len(group.episodes) > self._options.max_episodes_per_group:
            spare = (episode for episode in group.episodes if episode is not current)
            victim = min(spare, key=lambda episode: (episode.is_live(), episode.last))
            alerts += self._lifecycle.close(group, victim, now)
            group.episodes = tuple(episode for episode in group.episodes if episode is not victim)
        surplus = sum(remembered.size(episode.times) for episode in group.episodes) - self._most_records
        if surplus > 0:
            for episode in sorted(group.episodes, key=lambda episode: episode.raised is None):
                count = min(surplus, remembered.size(episode.times) - 1)
                self._drop(episode, count)
                surplus -= count
        return alerts
