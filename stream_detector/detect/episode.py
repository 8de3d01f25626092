"""An episode: a chain of matching records of one group, each less than a window after the one before.

    records    e1      e2              e3                          e4
    time    ---|-------|---------------|---------------------------|------->
    episode    [first                  last]                       [first ...
    open       [=============================== last + window)     [====
    e3 to e4 is a window or more: e4 begins another episode. Exactly a window is another one too,
    for the query at e4 asks for times strictly later than e4 minus the window.

Holds an episode's state as plain values, and how two episodes become one. It decides no alert.
"""

from __future__ import annotations

from array import array
from enum import StrEnum

from msgspec import Struct

from stream_detector.detect import times as remembered
from stream_detector.detect.alert import Evidence
from stream_detector.detect.columns import Columns, Inputs, Seen


class Stage(StrEnum):
    """Where an opened alert stands."""

    OPEN = "open"
    """The query still returns the group."""
    LAPSED = "lapsed"
    """The window is empty, `closed` waits for stragglers."""
    CLOSED = "closed"
    """`closed` was sent; a straggler can open it again under the same id."""


class Raised(Struct, eq=False, gc=False):
    """An alert that an episode has opened."""

    opening: bytes
    """Fingerprint of the record that opened it, which with the group gives its id."""
    opened_at: int
    late: bool
    revision: int
    stage: Stage
    shown_count: int
    """count() of the row that was shown last."""
    shown_at: int
    """The clock when the alert was shown last."""
    is_news: bool = False
    """The row has something to show that `updated` has not told yet."""


class Episode(Struct, eq=False, gc=False):
    """The state of one episode."""

    first: int
    last: int
    touched: int
    """The clock when a record last joined."""
    times: array[int]
    """See `times`. Records too old to be asked for are dropped while the episode goes on."""
    seen: Seen
    evidence: tuple[Evidence, ...]
    inputs: list[Inputs] | None
    """For each of `times` what it handed in; None once opened, or when no threshold needs them."""
    checked: int = 0
    """The clock up to which it is known that no record leaving its window made the row come true."""
    held: list[int] | None = None
    """For each of `times` the clock at which its hold is over, by a rule that holds openings back; None once
    opened."""
    held_until: int | None = None
    """The first of `held` that has not come up yet."""
    raised: Raised | None = None
    absorbed: tuple[Raised, ...] = ()
    """Alerts of episodes that were joined to this one, still to be closed with it."""

    def alerts(self) -> tuple[Raised, ...]:
        """All alerts that belong to the episode."""
        return self.absorbed if self.raised is None else (self.raised, *self.absorbed)

    def is_live(self) -> bool:
        """Whether an alert of it still waits for `closed`."""
        return self.raised is not None and self.raised.stage is not Stage.CLOSED


def keep_evidence(evidence: tuple[Evidence, ...], limit: int, *, opened: bool) -> tuple[Evidence, ...]:
    """At most `limit` of `evidence`: the latest, and the first when it is the record that opened."""
    if len(evidence) <= limit:
        return evidence
    if not opened:
        return evidence[len(evidence) - limit :]
    return (evidence[:1] + evidence[len(evidence) - limit + 1 :])[:limit]


def join(columns: Columns, window: int, max_evidence: int, earlier: Episode, later: Episode) -> Episode:
    """One episode of two that a record has joined, `earlier` before `later`; they are used up.

    The alert that opened first among those not closed speaks for both from now on (among closed
    ones, if all are); the others are closed with it, and closed ones are forgotten.
    """
    alerts = (*earlier.alerts(), *later.alerts())
    live = [raised for raised in alerts if raised.stage is not Stage.CLOSED]
    speaker = min(live or alerts, key=lambda raised: (raised.opened_at, raised.opening), default=None)
    ours, theirs = (earlier, later) if speaker in earlier.alerts() else (later, earlier)
    seen = columns.states(ours)
    gained = columns.join(
        seen,
        columns.states(theirs),
        shown_after=ours.last - window,
        shows_after=later.last - window,
    )
    if speaker is not None:
        speaker.is_news |= gained
    inputs = None
    if speaker is None and earlier.inputs is not None and later.inputs is not None:
        inputs = earlier.inputs + later.inputs
    held = None
    if speaker is None and earlier.held is not None and later.held is not None:
        held = earlier.held + later.held
    waiting = [until for until in (earlier.held_until, later.held_until) if until is not None]
    return Episode(
        first=earlier.first,
        last=later.last,
        touched=max(earlier.touched, later.touched),
        times=earlier.times + later.times,
        seen=seen,
        evidence=keep_evidence(ours.evidence + theirs.evidence, max_evidence, opened=speaker is not None),
        inputs=inputs,
        checked=max(earlier.checked, later.checked),
        held=held,
        held_until=None if held is None else min(waiting, default=None),
        raised=speaker,
        absorbed=tuple(raised for raised in live if raised is not speaker),
    )


def without(window: int, episode: Episode, position: int) -> tuple[Episode, ...]:
    """What is left of an episode that has not opened when the record at `position` is taken out again.

    Nothing, the rest, or two episodes when the record was all that joined its neighbours.
    """
    assert episode.inputs is not None, "only what is not opened remembers the inputs of each record"
    times, count = episode.times, len(episode.inputs)
    if 0 < position < count - 1:
        gap = remembered.time_at(times, position + 1) - remembered.time_at(times, position - 1)
        if gap < window:
            return (_part(episode, (slice(0, position), slice(position + 1, count)), position),)
    parts = (slice(0, position), slice(position + 1, count))
    return tuple(_part(episode, (part,), position) for part in parts if part.start < part.stop)


def with_inputs(episode: Episode, position: int, inputs: Inputs) -> Episode:
    """The same episode when the record at `position` hands in something else; it has not opened."""
    assert episode.inputs is not None, "only what is not opened remembers the inputs of each record"
    changed = _part(episode, (slice(0, len(episode.inputs)),), None)
    assert changed.inputs is not None, "as before"
    changed.inputs[position] = inputs
    changed.seen = inputs if len(changed.inputs) == 1 else None
    return changed


def _part(whole: Episode, kept: tuple[slice, ...], gone: int | None) -> Episode:
    """The episode of the records at the positions `kept`; the one at `gone` was taken out."""
    times = array("q")
    inputs: list[Inputs] = []
    held: list[int] | None = None if whole.held is None else []
    for part in kept:
        times += whole.times[2 * part.start : 2 * part.stop]
        inputs += (whole.inputs or [])[part]
        if held is not None and whole.held is not None:
            held += whole.held[part]
    until = whole.held_until
    removed = None if whole.held is None or gone is None else whole.held[gone]
    if held is not None and gone is not None and (len(kept) == 1 or removed == until):
        until = next_held(held, whole.checked)
    first, last = remembered.time_at(times, 0), times[-2]
    taken = None if gone is None else remembered.time_at(whole.times, gone)
    return Episode(
        first=first,
        last=last,
        touched=whole.touched,
        times=times,
        seen=inputs[0] if len(inputs) == 1 else None,
        evidence=tuple(e for e in whole.evidence if first <= e.time <= last and e.time != taken),
        inputs=inputs,
        checked=whole.checked,
        held=held,
        held_until=until,
    )


def next_held(held: list[int], after: int) -> int | None:
    """The first end of a hold after the clock `after`."""
    return min((until for until in held if until > after), default=None)
