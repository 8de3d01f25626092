"""The life of an alert: opened, updated, closed, perhaps opened again, and what each event shows.

    event time  ---e1------e2-------------e3-----------------------------------e4---->
    group open     [======================== e3 + window)                     [====
    alert          opened  (updated)      (updated)     closed                opened
                                                        |at e3 + window + grace, by the clock

    event      row shown
    opened     the query's row at the instant at which it was first returned
    updated    the episode's row at its newest record
    closed     the same: what the query returned last

`updated` tells of a new member of a set or of a tenfold count, and not more often than the update
interval. A straggler that makes the group open again after `closed` brings the alert back under
its own id with `updated`, and `closed` follows again. Which episode a record belongs to is decided
in `window`; this module only speaks about episodes.
"""

from __future__ import annotations

from stream_detector.detect import identity
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.columns import Columns
from stream_detector.detect.episode import Episode, Raised, Stage
from stream_detector.detect.group import Group
from stream_detector.detect.options import WindowOptions
from stream_detector.rules.model import Rule, Summary

_TENFOLD = 10
"""`updated` tells of a count when it has grown this many times: each decade once."""


class Lifecycle:
    """Alerts of one rule. Holds no state of its own: that is in the episodes."""

    def __init__(self, rule: Rule, columns: Columns, options: WindowOptions) -> None:
        self._rule = rule
        self._columns = columns
        self._window = rule.window
        self._options = options
        grace = rule.handling.close_grace
        self._grace = options.close_grace if grace is None else grace

    def open(
        self, group: Group, episode: Episode, instant: int, time: int, content: bytes, now: int
    ) -> Alert:
        """`opened`: the record of this time and content made the row one that the query returns."""
        row = self._row(group.episodes, instant)
        raised = Raised(
            opening=content,
            opened_at=instant,
            late=time + self._window <= now,
            revision=1,
            stage=Stage.OPEN if episode.last + self._window > now else Stage.LAPSED,
            shown_count=row.count,
            shown_at=now,
        )
        alert = self._alert(group, episode, raised, AlertEvent.OPENED, row, now)
        # Only now: should a rule fail to dress its row, the next record opens the episode instead.
        episode.raised = raised
        episode.inputs = None
        episode.held = episode.held_until = None
        return alert

    def note_growth(self, raised: Raised, gained: bool, count: int) -> None:
        """Note what a record that joined has to tell; `count` is that of the row at the newest record."""
        raised.is_news |= gained or count >= _TENFOLD * raised.shown_count

    def tell_joined(self, group: Group, episode: Episode, raised: Raised, now: int) -> list[Alert]:
        """What is told when a record has joined an episode that had been opened."""
        if episode.last + self._window <= now:
            return self.tell_news(group, episode, now)
        was_closed = raised.stage is Stage.CLOSED
        raised.stage = Stage.OPEN
        if was_closed:
            return [self._update(group, episode, raised, now)]
        return self.tell_news(group, episode, now)

    def tell_news(self, group: Group, episode: Episode, now: int) -> list[Alert]:
        """`updated`, if there is news, the alert is not closed, and has been quiet for long enough."""
        raised = episode.raised
        if raised is None or raised.stage is Stage.CLOSED or not raised.is_news:
            return []
        if raised.shown_at + self._options.update_interval > now:
            return []
        return [self._update(group, episode, raised, now)]

    def settle(self, group: Group, now: int) -> list[Alert]:
        """Close what is due and forget what is over, as of `now`."""
        alerts: list[Alert] = []
        for episode in group.episodes:
            raised = episode.raised
            if raised is None or raised.stage is Stage.CLOSED:
                continue
            if episode.last + self._window <= now:
                raised.stage = Stage.LAPSED
            if episode.last + self._window + self._grace <= now:
                alerts += self.close(group, episode, now)
        if any(self._is_over(episode, now) for episode in group.episodes):
            group.episodes = tuple(e for e in group.episodes if not self._is_over(e, now))
        return alerts

    def close(self, group: Group, episode: Episode, now: int) -> list[Alert]:
        """`closed` for every alert of the episode that is not closed.

        Alerts of joined episodes share the dedup key, so none may resolve before all do.
        """
        closing = [raised for raised in episode.alerts() if raised.stage is not Stage.CLOSED]
        if not closing:
            return []
        row = self._row((episode,), episode.last)
        episode.absorbed = ()
        for raised in closing:
            raised.revision += 1
            raised.stage = Stage.CLOSED
            raised.is_news = False
        return [self._alert(group, episode, raised, AlertEvent.CLOSED, row, now) for raised in closing]

    def due(self, episode: Episode) -> int:
        """When the clock alone changes something about the episode, apart from opening it."""
        raised = episode.raised
        if raised is None or raised.stage is Stage.CLOSED:
            return self._remembered_until(episode)
        end = episode.last + self._window
        if raised.stage is Stage.LAPSED:
            end += self._grace
        return min(end, raised.shown_at + self._options.update_interval) if raised.is_news else end

    def _is_over(self, episode: Episode, now: int) -> bool:
        return not episode.is_live() and self._remembered_until(episode) <= now

    def _remembered_until(self, episode: Episode) -> int:
        return max(episode.last + self._window, episode.touched) + self._options.lateness

    def _update(self, group: Group, episode: Episode, raised: Raised, now: int) -> Alert:
        row = self._row((episode,), episode.last)
        raised.revision += 1
        raised.shown_count = row.count
        raised.shown_at = now
        raised.is_news = False
        return self._alert(group, episode, raised, AlertEvent.UPDATED, row, now)

    def _row(self, of: tuple[Episode, ...], instant: int) -> Summary:
        row = self._columns.summary(of, instant - self._window)
        assert row is not None, "a row is shown only at instants at which there is one"
        return row

    def _alert(
        self, group: Group, episode: Episode, raised: Raised, event: AlertEvent, row: Summary, now: int
    ) -> Alert:
        return Alert(
            alert_id=identity.alert_id(group.digest, raised.opening),
            dedup_key=group.digest.hex(),
            event=event,
            revision=raised.revision,
            rule=self._rule.info,
            group=self._rule.group(group.key),
            row=self._rule.row(group.key, row),
            opened_at=raised.opened_at,
            detected_at=now,
            late=raised.late,
            evidence=episode.evidence,
            pivot_query=self._rule.pivot_query(group.key, row.first, row.last),
        )
