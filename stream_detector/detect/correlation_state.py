"""The held operations as plain values and back, for whoever stores state. It must not store anything.

Nested tuples of texts, numbers, bytes and None; lists do as well on the way back, as JSON gives them.
Facts are kept beside the rows, because they know rows that a bound has dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, convert, structs

from stream_detector.activity.record import ActivityRecord, Origin, TimeSource
from stream_detector.detect.operation import Facts

_VERSION = 1

Held = tuple[bytes, int, Facts, Sequence[ActivityRecord]]
"""Digest, the clock at the last arrival, facts, rows."""
State = tuple[int, tuple[tuple[object, ...], ...]]
"""Version, and the operations, the one longest without an arrival first."""

_Known = tuple[int, str] | None


class _Row(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A record without inner structs; the fields of `ActivityRecord` in order."""

    time: int
    operation: str
    status: str
    status_detail: str
    caller: str
    caller_ip: str
    subscription_id: str
    resource_group: str
    resource_id: str
    properties: str
    correlation_id: str
    level: str
    category: str
    origin: tuple[str, int, int]
    time_source: TimeSource


class _Facts(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """The fields of `Facts` in order."""

    caller: _Known
    caller_ip: _Known
    request_body: _Known
    response_body: _Known
    outcome: _Known
    started: int
    ended: int


def exported(held: Iterable[Held]) -> State:
    """Plain values of the operations, in their order."""
    return _VERSION, tuple(
        (digest, touched, structs.astuple(facts), tuple(map(_plain, rows)))
        for digest, touched, facts, rows in held
    )


def loaded(state: Sequence[object]) -> Iterator[Held]:
    """The operations that `exported` was given.

    Raises:
        ValueError: another version, or another form.
    """
    if len(state) != 2 or state[0] != _VERSION:
        raise ValueError(f"the state of the correlation is not of version {_VERSION}")
    operations = convert(state[1], tuple[tuple[bytes, int, _Facts, tuple[_Row, ...]], ...])
    return (
        (digest, touched, Facts(*structs.astuple(facts)), tuple(map(_record, rows)))
        for digest, touched, facts, rows in operations
    )


def _plain(record: ActivityRecord) -> tuple[object, ...]:
    *columns, origin, time_source = structs.astuple(record)
    return (*columns, structs.astuple(origin), time_source.value)


def _record(row: _Row) -> ActivityRecord:
    return ActivityRecord(**{**structs.asdict(row), "origin": Origin(*row.origin)})
