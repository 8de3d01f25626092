"""What make_set(x, n) and any(x) need to know: per column, the n values seen last.

    value a  ----|--------------------|-------------->    last seen at e3
    value b  ---------|------------------------------>    last seen at e2
                 e1   e2              e3
    at `floor` between e2 and e3 the set is {a}: a value counts while its last sighting does

The row's set at any instant holds the values last seen after that instant minus the window. With
fewer than n of them all are known, so the set is exact; above, the n seen last are a legal answer
(which n make_set returns is undefined). The n largest of (last seen, value) do not depend on the
order of arrival. any(x) is a set of one that prefers a value that is not empty.

Most groups hold one record for ever, so its members stay the plain tuple that the rule gave until
a second record joins: a dict per column would double the size of a group.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from stream_detector.rules.model import Rule

Latest = dict[str, int]
"""Value to the ticks it was last seen at."""
Seen = tuple[str, ...] | list[Latest]
"""Members of the only record, or the latest sightings of each column."""


class Column(Struct, frozen=True, gc=False):
    """A column of the row whose values are remembered."""

    capacity: int
    is_set: bool
    """True for make_set, which keeps ""; False for any, which prefers anything else."""


def columns_of(rule: Rule) -> tuple[Column, ...]:
    """The columns in the order of `Match.members`."""
    sets = [Column(column.capacity, True) for column in rule.sets]
    return (*sets, *(Column(1, False) for _ in rule.anys))


def spread(columns: tuple[Column, ...], seen: Seen, time: int) -> list[Latest]:
    """Sightings per column; `time` is that of the only record, if there is only one."""
    if isinstance(seen, list):
        return seen
    return [
        {value: time} if value or column.is_set else {} for column, value in zip(columns, seen, strict=True)
    ]


def add(
    columns: tuple[Column, ...],
    into: list[Latest],
    other: list[Latest],
    shown_after: int,
    shows_after: int,
) -> bool:
    """Note the sightings of `other`; gives whether a set of the row gained a member.

    A row shows values seen after its floor: `shown_after` before, `shows_after` from now on. A full
    set cannot gain: which of too many values it shows is of no meaning.
    """
    gained = False
    for column, latest, sightings in zip(columns, into, other, strict=True):
        for value, time in sightings.items():
            gained |= _note(column, latest, value, time, shown_after, shows_after)
    return gained


def _note(column: Column, latest: Latest, value: str, time: int, shown_after: int, shows_after: int) -> bool:
    known = latest.get(value)
    if known is not None and known > shown_after:
        latest[value] = max(known, time)
        return False
    had_room = sum(seen > shown_after for seen in latest.values()) < column.capacity
    latest[value] = time if known is None else max(known, time)
    if len(latest) > column.capacity:
        del latest[min(latest, key=lambda candidate: (latest[candidate], candidate))]
    return column.is_set and had_room and time > shows_after and value in latest


def members(columns: tuple[Column, ...], seens: Iterable[list[Latest]], floor: int) -> list[tuple[str, ...]]:
    """Values of each column seen after `floor`, oldest sighting first, at most its capacity."""
    together: list[Latest] = [{} for _ in columns]
    for seen in seens:
        for latest, sightings in zip(together, seen, strict=True):
            for value, time in sightings.items():
                if time > latest.get(value, floor):
                    latest[value] = time
    return [
        tuple(sorted(latest, key=lambda value: (latest[value], value))[-column.capacity :])
        for column, latest in zip(columns, together, strict=True)
    ]
