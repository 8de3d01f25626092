"""The sliding window of one rule: takes in records and tells what they and the clock bring.

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

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect import episode as episodes
from stream_detector.detect import identity
from stream_detector.detect import times as remembered
from stream_detector.detect.alert import Alert, Evidence
from stream_detector.detect.chains import Chains
from stream_detector.detect.columns import Inputs, columns_of
from stream_detector.detect.episode import Episode, Stage
from stream_detector.detect.group import NEVER, Group
from stream_detector.detect.lifecycle import Lifecycle
from stream_detector.detect.openings import Opener
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.schedule import Schedule
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.rules.model import Match, Rejection, Rule, Value

_SLOTS_PER_WINDOW = 64
"""Slots of the schedule: some two minutes each for a window of two hours."""


class Outcome(StrEnum):
    """What became of a record under a rule that needs its operation."""

    MATCHED = "matched"
    FILTERED = "filtered"
    DUPLICATE = "duplicate"


class Rival(Struct, frozen=True, gc=False):
    """A rule that goes before this one where both have a group."""

    window: RuleWindow
    order: tuple[int, ...]
    """Positions of its key columns in the key of this rule."""

    def key_of(self, key: tuple[Value, ...]) -> tuple[Value, ...]:
        """The other rule's key for a key of this one."""
        return tuple(key[position] for position in self.order)


class RuleWindow:
    """State of one rule."""

    def __init__(self, rule: Rule, options: WindowOptions, texts: SharedTexts) -> None:
        self.rule = rule
        self._options = options
        self._deduplicate = options.deduplicate and rule.handling.deduplicate
        self._texts = texts
        self._most_records = max(options.max_records_per_group, rule.records_needed)
        self._columns = columns_of(rule, self._most_records)
        self._lifecycle = Lifecycle(rule, self._columns, options)
        self._chains = Chains(rule, self._columns, options, self._lifecycle, texts)
        self._opener = Opener(rule, self._columns)
        self._groups: dict[bytes, Group] = {}
        self._schedule = Schedule(rule.window // _SLOTS_PER_WINDOW)
        self._open = 0
        self._rivals: tuple[Rival, ...] = ()

    def yield_to(self, rivals: Sequence[RuleWindow]) -> None:
        """Open no alert while one of `rivals` has the same group open."""
        names = self.rule.key_columns
        self._rivals = tuple(
            Rival(window, tuple(names.index(name) for name in window.rule.key_columns)) for window in rivals
        )

    def judge(self, record: ActivityRecord, now: int) -> tuple[Match | Rejection, Outcome, list[Alert]]:
        """Ask the rule about a record, and take it in if it matches."""
        decision = self.rule.evaluate(record)
        if isinstance(decision, Rejection):
            return decision, Outcome.FILTERED, []
        return decision, *self.apply(record, decision, now)

    def apply(
        self, record: ActivityRecord, match: Match, now: int, operation: bytes = b""
    ) -> tuple[Outcome, list[Alert]]:
        """Take in a record that the rule matches; `operation` names its operation where rules correlate."""
        group = self._group_of(match.key)
        was_open = group.is_open()
        alerts = self._settle(group, now)
        content = identity.fingerprint(record)
        mark = identity.short_fingerprint(content)
        touching = self._chains.touching(group, record.time)
        inputs = self._texts.all_of(self._columns.inputs(match, operation or content))
        known = next((e for e in touching if remembered.holds(e.times, record.time, mark)), None)
        if self._deduplicate and known is not None:
            if operation:
                alerts += self._amend(group, known, record, mark, inputs, now)
            self._store(group, was_open)
            return Outcome.DUPLICATE, alerts
        if not group.episodes:
            group.key = self._texts.all_of(match.key)
        episode = self._chains.take_in(group, touching, record, inputs, mark, now)
        alerts += self._tell(group, episode, record, content, now)
        alerts += self._keep_bounds(group, episode, now)
        self._store(group, was_open)
        return Outcome.MATCHED, alerts

    def retract(self, record: ActivityRecord, key: tuple[Value, ...], now: int) -> list[Alert]:
        """Take out a record that had matched under `key` and, by what is known now, does not.

        Only as long as its episode has not opened, by the clock too: what was paged stays told.
        """
        group = self._group_of(key)
        was_open = group.is_open()
        alerts = self._settle(group, now)
        mark = identity.short_fingerprint(identity.fingerprint(record))
        for episode in self._chains.touching(group, record.time):
            if episode.inputs is None or not remembered.holds(episode.times, record.time, mark):
                continue
            position = remembered.place(episode.times, record.time, mark)
            parts = episodes.without(self.rule.window, episode, position)
            group.replace((episode,), *parts)
        self._store(group, was_open)
        return alerts

    def has_told(self, record: ActivityRecord, key: tuple[Value, ...]) -> bool:
        """Whether a record is counted in a group under an alert, open or closed."""
        group = self._groups.get(self._digest(key))
        if group is None:
            return False
        mark = identity.short_fingerprint(identity.fingerprint(record))
        return any(
            episode.raised is not None and remembered.holds(episode.times, record.time, mark)
            for episode in group.episodes
        )

    def is_open(self, key: tuple[Value, ...], at: int) -> bool:
        """Whether an alert of the group had opened by that instant and its window was not empty then."""
        group = self._groups.get(self._digest(key))
        return group is not None and group.open_episode(self.rule.window, at) is not None

    def speaks_for(self, key: tuple[Value, ...], time: int, now: int) -> tuple[Group, Episode] | None:
        """The group of this key and its opened episode about a record of this time, however late it comes."""
        group = self._groups.get(self._digest(key))
        if group is None:
            return None
        window = self.rule.window
        episode = group.covering_episode(window, time) or group.open_episode(window, max(now, time))
        return None if episode is None else (group, episode)

    def add_evidence(self, key: tuple[Value, ...], record: ActivityRecord, now: int) -> list[Alert]:
        """Name a record of another rule in the open alert of the group; tells it with `updated`."""
        found = self.speaks_for(key, record.time, now)
        if found is None:
            return []
        group, episode = found
        was_open = group.is_open()
        added = (Evidence.of(record, self._texts),)
        episode.evidence = episodes.keep_evidence(
            episode.evidence + added, self._options.max_evidence, opened=True
        )
        if episode.raised is not None:
            episode.raised.is_news = True
        alerts = self._lifecycle.tell_news(group, episode, now)
        self._store(group, was_open)
        return alerts

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
            alerts += self._settle(group, now)
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
            summary = self._columns.summary(group.episodes, floor)
            if summary is not None and self.rule.meets(group.key, summary):
                yield self.rule.row(group.key, summary)

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

    def _digest(self, key: tuple[Value, ...]) -> bytes:
        handling = self.rule.handling
        return identity.group_digest(self.rule.info.id, key, ignore_case=handling.ignore_case)

    def _group_of(self, key: tuple[Value, ...]) -> Group:
        digest = self._digest(key)
        return self._groups.get(digest) or Group(digest)

    def _settle(self, group: Group, now: int) -> list[Alert]:
        """What the clock has brought the group by `now`: openings by time alone, closings, forgetting."""
        alerts: list[Alert] = []
        for episode in group.episodes:
            instant = self._opener.due_by(group, episode, now)
            if instant is None or self._is_silenced(group.key, instant):
                continue
            last = identity.of_mark(episode.times[-1])
            alerts.append(self._lifecycle.open(group, episode, instant, instant, last, now))
        return alerts + self._lifecycle.settle(group, now)

    def _tell(
        self, group: Group, episode: Episode, record: ActivityRecord, content: bytes, now: int
    ) -> list[Alert]:
        """What is told when a record has joined the episode; `content` names it."""
        if episode.raised is not None:
            return self._lifecycle.tell_joined(group, episode, episode.raised, now)
        instant = self._opener.opens_at(group, episode, record.time, now)
        if instant is None:
            return []
        if any(rival.window.speaks_for(rival.key_of(group.key), record.time, now) for rival in self._rivals):
            return self._amend_rivals(group.key, record, now) if self.rule.handling.amends else []
        if self._options.max_evidence:
            opening = Evidence.of(record, self._texts)
            rest = tuple(evidence for evidence in episode.evidence if evidence != opening)
            episode.evidence = episodes.keep_evidence(
                (opening, *rest), self._options.max_evidence, opened=True
            )
        return [self._lifecycle.open(group, episode, instant, record.time, content, now)]

    def _amend_rivals(self, key: tuple[Value, ...], record: ActivityRecord, now: int) -> list[Alert]:
        return [
            alert
            for rival in self._rivals
            for alert in rival.window.add_evidence(rival.key_of(key), record, now)
        ]

    def _is_silenced(self, key: tuple[Value, ...], at: int) -> bool:
        """Whether a rule that goes before has the same group open at that instant."""
        return any(rival.window.is_open(rival.key_of(key), at) for rival in self._rivals)

    def _amend(
        self, group: Group, episode: Episode, record: ActivityRecord, mark: int, inputs: Inputs, now: int
    ) -> list[Alert]:
        """A record that is known hands in more than before, from what other rows of its operation say."""
        if episode.inputs is not None:
            position = remembered.place(episode.times, record.time, mark)
            if episode.inputs[position] == inputs:
                return []
            changed = episodes.with_inputs(episode, position, inputs)
            group.replace((episode,), changed)
            return self._tell(group, changed, record, identity.fingerprint(record), now)
        floor = episode.last - self.rule.window
        gained = self._columns.add(self._columns.states(episode), inputs, record.time, floor, floor)
        if episode.raised is None:
            return []
        self._lifecycle.note_growth(episode.raised, gained, self._columns.count(episode, floor))
        return self._lifecycle.tell_news(group, episode, now)

    def _store(self, group: Group, was_open: bool) -> None:
        """Every change of a group ends here: the one place where state is put back."""
        self._open += group.is_open() - was_open
        if not group.episodes:
            self._groups.pop(group.digest, None)
            if not self._groups:
                self._groups = {}  # a dict never gives back the room of what was deleted
            return
        self._groups[group.digest] = group
        due = min(
            min(self._lifecycle.due(episode), self._opener.next_look(episode)) for episode in group.episodes
        )
        if due < group.wake:
            group.wake = self._schedule.put(due, group.digest)

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
                self._chains.drop(episode, count)
                if episode.raised is not None:
                    self._columns.limit(episode.seen, remembered.size(episode.times))
                surplus -= count
        return alerts
