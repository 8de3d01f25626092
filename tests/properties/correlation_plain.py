"""The plain truth about correlation, for the property tests: every fact worked out anew from all rows.

Shares no code with `stream_detector.detect`. Holds the strategy for streams and the expected answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeVar

from hypothesis import strategies as st
from msgspec.structs import astuple
from msgspec.structs import replace as altered

from stream_detector.activity.record import ActivityRecord, Origin, TimeSource
from stream_detector.detect.correlation import CorrelationOptions, Correlator

HOLD = 100
FOREVER = 10**9
OPTIONS = CorrelationOptions(hold=HOLD)
UNFORGETTING = CorrelationOptions(hold=FOREVER)
NIL = "00000000-0000-0000-0000-000000000000"
Choice = TypeVar("Choice")
Row = dict[str, Any]
"""An enriched row by attribute."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_GOING_ON = (
    "",
    "start",
    "started",
    "starting",
    "accept",
    "accepted",
    "active",
    "running",
    "pending",
    "queued",
)
_GOING_ON_TOO = ("in progress", "inprogress", "creating", "updated", "updating", "deleting")


@dataclass(frozen=True)
class Step:
    """A row that arrives; `forget_at` is a clock before it at which `forget` is called, if at all."""

    record: ActivityRecord
    now: int
    forget_at: int | None


Stream = tuple[Step, ...]

_IDS = (("c1",), ("c1", "C1", "c2"), ("c1", "k", "\u212a", "", NIL))
_OPERATIONS = (("op",), ("op", "OP"), ("op", "Op", "opr"))
_RESOURCES = (("/r",), ("/r", "/R"), ("/r", "r/r", "/s", "\u212a"))
_STATUSES = (
    "Start",
    "START",
    "Accept",
    "Success",
    "Success",
    "Failure",
    "success",
    "Updated",
    "0",
    "",
    " Start ",
)
_PROPERTIES = (
    *(
        "",
        "",
        "{}",
        '{"requestbody":""}',
        '{"requestbody":null}',
        '{"requestbody":"one"}',
        '{"requestBody":"two"}',
    ),
    *(
        '{"requestbody":null,"RequestBody":{"a": [1, true]}}',
        '{"responseBody":"r1"}',
        '{"responsebody":{"b":"/é"}}',
    ),
    *(
        '{"requestbody":"three","responseBody":"r2"}',
        '"requestbody":"no JSON"',
        '["requestbody"]',
        '"requestbody"',
    ),
    *('{"request\\u0062ody":"hidden"}', '{"properties":{"requestbody":"too deep"}}', '{"requestbody":0}'),
    *('{"text":"\\"requestbody\\"", "requestbody ":"blank"}', '{"re\u017fponsebody":"long s"}'),
)
_TIMES = (0, 0, 1, 1, 2, 5, 30, 60)
_DELTAS = (0, 0, 0, 1, 10, 49, 50, 98, 99, 100, 101, 150)
_ARRIVAL_BYTES = 16


@st.composite
def streams(draw: st.DrawFn, *, most: int = 12, ids: int | None = None) -> Stream:
    """Rows of a few operations in any order, with copies and with copies that differ in one column."""
    pool = (
        draw(st.sampled_from(_IDS)) if ids is None else _IDS[ids],
        draw(st.sampled_from(_OPERATIONS)),
        draw(st.sampled_from(_RESOURCES)),
    )
    count = draw(st.integers(1, most))
    choices = draw(st.binary(min_size=count * _ARRIVAL_BYTES, max_size=count * _ARRIVAL_BYTES))
    now, steps = 1000, list[Step]()
    for number in range(count):
        step = _step(choices[number * _ARRIVAL_BYTES :][:_ARRIVAL_BYTES], pool, now, steps)
        now = step.now
        steps.append(step)
    return tuple(steps)


def _step(choices: bytes, pool: tuple[tuple[str, ...], ...], now: int, before: list[Step]) -> Step:
    """One arrival: a byte for each choice (a draw for each would be slow)."""
    choice = iter(choices)

    def pick(values: tuple[Choice, ...]) -> Choice:
        return values[next(choice) % len(values)]

    clock = now + pick(_DELTAS)
    record = ActivityRecord(
        time=950 + pick(_TIMES),
        operation=pick(pool[1]),
        status=pick(_STATUSES),
        status_detail=pick(("", "", "x", "X")),
        caller=pick(("", "", "ann", "Ann", "bob")),
        caller_ip=pick(("", "", "1", "2")),
        subscription_id="s",
        resource_group="rg",
        resource_id=pick(pool[2]),
        properties=pick(_PROPERTIES),
        correlation_id=pick(pool[0]),
        level=pick(("Information", "Information", "Warning")),
        category="Administrative",
        origin=Origin(str(len(before) % 3), len(before)),
        time_source=pick((*(TimeSource.RECORD,) * 7, TimeSource.ENQUEUED)),
    )
    kind = pick(("fresh", "fresh", "fresh", "copy", "delivered again", "variant"))
    if before and kind != "fresh":
        other = before[choices[0] % len(before)].record
        origin = other.origin if kind == "delivered again" else record.origin
        changed = pick(("caller", "caller_ip", "properties", "level")) if kind == "variant" else None
        record = altered(other, origin=origin, **({changed: getattr(record, changed)} if changed else {}))
    forget_at = now + (clock - now) * pick((0, 1, 2)) // 2 if pick((False, True)) else None
    return Step(record, clock, forget_at)


def lower(text: str) -> str:
    return text.translate(_LOWER)


def key_of(record: ActivityRecord) -> tuple[str, ...] | None:
    """What names the operation."""
    if record.correlation_id in ("", NIL):
        return None
    return lower(record.correlation_id), lower(record.operation), lower(record.resource_id)


def content_of(record: ActivityRecord) -> tuple[object, ...]:
    """All that a row says, and where a row without a time was received."""
    columns = astuple(altered(record, origin=Origin("", 0)))
    return (*columns, record.origin) if record.time_source is TimeSource.ENQUEUED else columns


def distinct(rows: Iterable[ActivityRecord]) -> list[ActivityRecord]:
    """Rows without copies, by time."""
    first: dict[object, ActivityRecord] = {}
    for row in rows:
        first.setdefault(content_of(row), row)
    return sorted(first.values(), key=lambda row: row.time)


def _body(record: ActivityRecord, name: str) -> str:
    try:
        value = json.loads(record.properties)
    except ValueError:
        return ""
    if isinstance(value, dict):
        for key, member in value.items():
            if lower(key) == name and member not in (None, ""):
                if isinstance(member, str):
                    return member
                return json.dumps(member, separators=(",", ":"), ensure_ascii=False)
    return ""


def facts_of_all(rows: Iterable[ActivityRecord]) -> Row:
    """Every fact, from all rows at once."""
    every = distinct(rows)

    def spoken(read: Callable[[ActivityRecord], str]) -> list[tuple[int, str]]:
        return sorted((row.time, read(row)) for row in every if read(row)) or [(0, "")]

    final = [
        (row.time, row.status)
        for row in every
        if lower(row.status.strip()) not in (*_GOING_ON, *_GOING_ON_TOO)
    ]
    counted = {
        (row.time, lower(row.status), lower(row.status_detail), row.time_source)
        + ((row.origin,) if row.time_source is TimeSource.ENQUEUED else ())
        for row in every
    }
    return {
        "operation_caller": spoken(lambda row: row.caller)[0][1],
        "operation_caller_ip": spoken(lambda row: row.caller_ip)[0][1],
        "operation_request_body": spoken(lambda row: _body(row, "requestbody"))[0][1],
        "operation_response_body": spoken(lambda row: _body(row, "responsebody"))[-1][1],
        "operation_outcome": max(final, default=(0, ""))[1],
        "operation_started": every[0].time,
        "operation_duration": every[-1].time - every[0].time,
        "operation_rows": len(counted),
    }


def row_of(record: ActivityRecord, facts: Row | None = None) -> Row:
    """A record by attribute, with facts if they are not its own already."""
    return {name: getattr(record, name) for name in record.__struct_fields__} | (facts or {})


def in_order(rows: Iterable[Row]) -> list[Row]:
    """By time and then by anything: rows of one time come in an order of the correlator's own."""
    return sorted(rows, key=lambda row: (row["time"], repr(row)))


@dataclass
class Plain:
    """Holds every row, and forgets an operation as a whole."""

    hold: int
    max_operations: int = 10**6
    rows: dict[tuple[str, ...], list[ActivityRecord]] = field(default_factory=dict)
    """By operation, the one longest without an arrival first."""
    touched: dict[tuple[str, ...], int] = field(default_factory=dict)
    dropped: int = 0

    def take(self, record: ActivityRecord, now: int) -> list[Row]:
        """The answer to a row: itself, then the others if anything is new."""
        key = key_of(record)
        if key is None:
            return [row_of(record, facts_of_all([record]))]
        for other in [other for other in self.rows if now - self.touched[other] >= self.hold]:
            del self.rows[other]
        before = self.rows.pop(key, [])
        rows = self.rows[key] = [*before, record]
        self.touched[key] = now
        facts = facts_of_all(rows)
        others: list[Row] = []
        if before and facts_of_all(before) != facts:
            arrived = content_of(record)
            others = [row_of(row, facts) for row in distinct(rows) if content_of(row) != arrived]
        while len(self.rows) > self.max_operations:
            del self.rows[next(iter(self.rows))]
            self.dropped += 1
        return [row_of(record, facts), *in_order(others)]


def taken(correlator: Correlator, record: ActivityRecord, now: int) -> list[Row]:
    """The correlator's answer in the form of `Plain.take`."""
    arrived, *others = correlator.take(record, now)
    times = [row.time for row in others]
    assert times == sorted(times)
    return [row_of(arrived), *in_order(map(row_of, others))]
