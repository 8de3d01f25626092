"""At which instant a row is first returned by the query, when a threshold decides.

    threshold of 3   e1        e4  e2      e3
    event time    ---|---------|---|-------|---->     e4 arrives last
    windows that contain e4:   [..e4]  [..e2]  [..e3]     tried in this order

A record that arrives changes only windows that contain it. Where more records can only help, such a
window is fullest where it ends at a record: at the record itself, or at a later one less than a window
away. Where more records can also hinder (`where Successes == 0`), what the row was at past instants is
no news: it is asked at the newest record and at the clock, and, since it can come true when a record
leaves its window, at those instants as the clock reaches them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from msgspec import Struct

from stream_detector.detect import times as remembered
from stream_detector.detect.columns import Columns, Inputs
from stream_detector.detect.episode import Episode, next_held
from stream_detector.detect.group import NEVER, Group
from stream_detector.rules.model import Rule, Value


class Opener(Struct, frozen=True, gc=False):
    """Decides for one rule whether an episode that has not opened does. Holds no state of its own."""

    rule: Rule
    columns: Columns

    def opens_at(self, group: Group, episode: Episode, time: int, now: int) -> int | None:
        """The instant at which the row is first returned, if the record at `time` makes it so."""
        if episode.held is not None:
            return None
        if self.rule.opens_always:
            return time
        if not self.rule.is_monotone:
            if self._is_met(group, (episode,), episode.last, time):
                return episode.last
            return now if self._is_met(group, group.episodes, now, time) else None
        if self._is_met(group, (episode,), time, time):
            instant = self._within(group, episode, time)
            if instant is not None:
                return instant
        # Only records ahead of the clock can make the row at `now` fuller than every window above.
        if group.episodes[-1].last > now and self._is_met(group, group.episodes, now, time):
            return now
        return None

    def due_by(self, group: Group, episode: Episode, now: int) -> int | None:
        """The instant by `now` at which time alone makes the row one that is returned.

        A row that was returned before and opened nothing, since another rule spoke for it, is not news.
        """
        if episode.raised is not None:
            return None
        if episode.held is not None:
            return self._held(group, episode, now)
        if self.rule.is_monotone or self.rule.opens_always:
            return None
        after, episode.checked = episode.checked, max(episode.checked, now)
        for instant in leavings(episode.times, self.rule.window, after, now):
            if self._is_met(group, group.episodes, instant, None) and not self._is_met(
                group, group.episodes, instant - 1, None
            ):
                return instant
        return None

    def next_look(self, episode: Episode) -> int:
        """When `due_by` has something to do for the episode."""
        if episode.raised is not None:
            return NEVER
        if episode.held is not None:
            return NEVER if episode.held_until is None else episode.held_until
        if self.rule.is_monotone or self.rule.opens_always:
            return NEVER
        leaving = next_leaving(episode.times, self.rule.window, episode.checked)
        return NEVER if leaving is None else leaving

    def _held(self, group: Group, episode: Episode, now: int) -> int | None:
        """The end of a hold by `now` at which the records whose hold is over make a row that is returned."""
        while episode.held is not None and episode.held_until is not None and episode.held_until <= now:
            until = episode.checked = episode.held_until
            episode.held_until = next_held(episode.held, until)
            if self.rule.opens_always or self._is_met_by_held(group, episode, until):
                return max(episode.last, min(until, episode.last + self.rule.window - 1))
        return None

    def _is_met_by_held(self, group: Group, episode: Episode, until: int) -> bool:
        """Whether the row of the records whose hold is over at `until` is returned, at the newest of them."""
        assert episode.held is not None, "asked of rules that hold openings back"
        assert episode.inputs is not None, "an episode that has not opened remembers the inputs"
        over = [position for position, end in enumerate(episode.held) if end <= until]
        floor = remembered.time_at(episode.times, over[-1]) - self.rule.window
        counted = [at for at in over if remembered.time_at(episode.times, at) > floor]
        states = [column.begin() for column in self.columns.columns]
        times = [remembered.time_at(episode.times, position) for position in counted]
        for position, time in zip(counted, times, strict=True):
            self.columns.add(states, episode.inputs[position], time, time, time)
        summary = self.columns.of_states(states, len(times), times[0], times[-1], floor)
        return self.rule.meets(group.key, summary)

    def _within(self, group: Group, episode: Episode, time: int) -> int | None:
        """The first window ending inside the episode, of those with the record at `time`, that is met,
        when the row of all records after the window's floor is."""
        if episode.last == time:  # in order: nothing stands behind it, and the states know all
            return time
        assert episode.inputs is not None, "an episode that has not opened remembers the inputs"
        instant = first_met(self.rule, self.columns, group.key, episode.times, episode.inputs, time)
        if instant is not None:
            return instant
        # The states know more than the times when the oldest times were dropped at the bound.
        return episode.last if self._is_met(group, (episode,), episode.last, time) else None

    def _is_met(self, group: Group, of: tuple[Episode, ...], instant: int, time: int | None) -> bool:
        """Whether the row of `of` at `instant` is returned, and counts the record at `time`."""
        floor = instant - self.rule.window
        if time is not None and time <= floor:
            return False
        summary = self.columns.summary(of, floor, for_thresholds=True)
        return summary is not None and self.rule.meets(group.key, summary)


def first_met(
    rule: Rule,
    columns: Columns,
    key: tuple[Value, ...],
    times: array[int],
    inputs: list[Inputs],
    arrived: int,
) -> int | None:
    """The first instant, of those that the record at `arrived` can change, at which the row is returned.

    The window ending at an instant is (instant - window, instant]. `inputs` holds those of each record
    in `times`. One pass over two windows of records; states are made anew for it.
    """
    begin = remembered.count_through(times, arrived - rule.window)
    end = remembered.count_through(times, arrived + rule.window - 1)
    states = [column.begin() for column in columns.columns]
    position = oldest = begin
    for instant in _instants(times, begin, end, arrived):
        floor = instant - rule.window
        while position < end and (time := remembered.time_at(times, position)) <= instant:
            columns.add(states, inputs[position], time, time, time)
            position += 1
        while oldest < position and remembered.time_at(times, oldest) <= floor:
            oldest += 1
        if oldest == position:
            continue
        first, last = remembered.time_at(times, oldest), remembered.time_at(times, position - 1)
        if rule.meets(key, columns.of_states(states, position - oldest, first, last, floor)):
            return instant
    return None


def _instants(times: array[int], begin: int, end: int, arrived: int) -> Iterator[int]:
    """The times of the records from `arrived` on, in order, each once."""
    last = None
    for position in range(begin, end):
        time = remembered.time_at(times, position)
        if time >= arrived and time != last:
            yield time
            last = time


def leavings(times: array[int], window: int, after: int, until: int) -> Iterator[int]:
    """The instants in (after, until] at which a record leaves the window, in order, each once."""
    begin = remembered.count_through(times, after - window)
    end = remembered.count_through(times, until - window)
    last = None
    for position in range(begin, end):
        time = remembered.time_at(times, position)
        if time != last:
            yield time + window
        last = time


def next_leaving(times: array[int], window: int, after: int) -> int | None:
    """The first instant after `after` at which a record leaves the window."""
    position = remembered.count_through(times, after - window)
    return remembered.time_at(times, position) + window if position < remembered.size(times) else None
