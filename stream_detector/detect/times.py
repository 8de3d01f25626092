"""The remembered records of an episode: 16 bytes each, the time and 64 bits of the fingerprint.

One `array("q")` holds time, fingerprint, time, fingerprint, ..., sorted by both, so that a record
in order is an append, a window edge is a bisection, and a duplicate is found where its time is.
Positions and counts are in records. Nothing here knows windows or lateness.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left


def of_one(time: int, mark: int) -> array[int]:
    """The times of a single record."""
    return array("q", (time, mark))


def size(times: array[int]) -> int:
    """Number of records."""
    return len(times) >> 1


def time_at(times: array[int], position: int) -> int:
    """Time of the record at `position`."""
    return times[position << 1]


def count_through(times: array[int], instant: int) -> int:
    """Number of records at or before `instant`: the position of the first one after it."""
    if not times or times[-2] <= instant:
        return len(times) >> 1
    return bisect_left(range(len(times) >> 1), instant + 1, key=lambda position: times[position << 1])


def place(times: array[int], time: int, mark: int) -> int:
    """The position at which a record stands, or would be inserted."""
    if not times or times[-2] < time:
        return len(times) >> 1
    return bisect_left(
        range(len(times) >> 1),
        (time, mark),
        key=lambda position: (times[position << 1], times[(position << 1) + 1]),
    )


def holds(times: array[int], time: int, mark: int) -> bool:
    """Whether a record of this time and fingerprint is remembered."""
    at = place(times, time, mark) << 1
    return at < len(times) and times[at] == time and times[at + 1] == mark


def insert(times: array[int], time: int, mark: int) -> int:
    """Remember a record; gives its position."""
    position = place(times, time, mark)
    at = position << 1
    if at == len(times):
        times.append(time)
        times.append(mark)
    else:
        times[at:at] = array("q", (time, mark))
    return position


def drop_oldest(times: array[int], count: int) -> None:
    """Forget the `count` oldest records."""
    del times[: count << 1]


def take_out(times: array[int], position: int) -> None:
    """Forget the record at `position`."""
    del times[position << 1 : (position << 1) + 2]
