"""A rule's cases: records in NAME.cases.yaml, each with what the rule is expected to say.

    - name: a Run Command that succeeded
      record: {OperationNameValue: ..., ActivityStatusValue: Success, ...}    columns of the table
      expect: match
      row: {AffectedVMs: [vm1]}
    - name: one that failed
      body: {operationName: ..., resultType: Failure, ...}                    as the hub delivers it
      expect: no match
      why: ActivityStatusValue
    - name: ten machines at once
      records: [...]                                                          in order of arrival
      opens: true

Reads nodes into values and reports what is wrong; opens no file and judges nothing (`cli.rules_judging`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec import Struct

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.activity.times import parse_time
from stream_detector.errors import Problem
from stream_detector.kql.schema import COLUMNS, CORRELATED, UNAVAILABLE
from stream_detector.rules.fields import Node, Section, did_you_mean, line_of, sections_of
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.ticks import DAY, SECOND

MATCH = "match"
NO_MATCH = "no match"

FIRST_TIME = 20_454 * DAY
"""2026-01-01T00:00:00Z: TimeGenerated of a case's first record when it names none; one second more for
each that follows."""

_NO_NAMES = ("<<", "?")
"""Keys that take in another mapping, and keys that are no text: `plain_value` knows what to do."""
_RECORD_KEYS = ("record", "body", "records")
_OPERATION = "OperationNameValue"
_STREAM_OPERATION = "operationName"
_TIME = "TimeGenerated"


class Case(Struct, frozen=True, gc=False):
    """One case, as it is written."""

    name: str
    source: str
    line: int
    records: tuple[ActivityRecord, ...]
    expect: str
    """MATCH, NO_MATCH, or "" for a case that only says whether an alert opens."""
    why: str = ""
    """The clause that is expected to reject the record; "" for any."""
    row: Mapping[str, object] = {}
    """Expected columns of the result; the others may hold anything."""
    opens: bool | None = None
    """Whether the rule alone opens an alert for the records; None when the case does not say."""


def read_cases(source: str, node: Node, problems: list[Problem], rule: KqlRule | None) -> tuple[Case, ...]:
    """The cases of a file that have no problem of their own; the problems of the others go to `problems`.

    Names of clauses and columns are checked when there is a `rule`.
    """
    cases: list[Case] = []
    for section in sections_of(source, node, problems):
        before = len(problems)
        case = _read_case(section, rule)
        if len(problems) == before:
            cases.append(case)
    names: dict[str, Case] = {}
    for case in cases:
        first = names.setdefault(case.name, case)
        if first is not case:
            text = f"{case.name!r} is the name of the case in line {first.line} too; give each its own"
            problems.append(Problem(source, case.line, "name", text))
    return tuple(cases)


def _read_case(section: Section, rule: KqlRule | None) -> Case:
    name = section.text("name", expected="a sentence that says what happens", may_break=True)
    several = section.has("records")
    records = _read_records(section, several)
    expect = section.text("expect", choices=(MATCH, NO_MATCH), default="" if several else None)
    opens = section.boolean("opens") if several or section.has("opens") else None
    why = section.text("why", expected="the name of a clause", default="")
    row = _read_row(section, rule)
    if several and expect:
        section.report("expect", "is for a single record; write `opens: true` or `opens: false`")
    if why and (several or expect == MATCH):
        section.report("why", f"names the clause that rejects one record; it goes with `expect: {NO_MATCH}`")
    elif why and rule is not None and why not in rule.clauses:
        section.report("why", f"{why!r} is no clause of the rule{did_you_mean(why, rule.clauses)}")
    if row and (expect == NO_MATCH or (several and opens is False)):
        section.report("row", "cannot be expected where nothing matches or opens; leave it out")
    section.close()
    return Case(name, section.source, line_of(section.node), records, expect, why, row, opens)


def _read_records(section: Section, several: bool) -> tuple[ActivityRecord, ...]:
    """The records under whichever of the three keys is there."""
    given = [key for key in _RECORD_KEYS if section.has(key)]
    if len(given) != 1:
        what = f"has {' and '.join(given)}; write only" if given else "has no record; write"
        section.report("", f"{what} one of record (columns of the table), body (as delivered) and records")
        for key in given:
            section.ignore(key)
        return ()
    parts = section.sections("records") if several else (section.section(given[0]),)
    found: list[ActivityRecord] = []
    for index, part in enumerate(parts):
        if part is None:
            continue
        is_body = part.has(_STREAM_OPERATION) if several else given == ["body"]
        found += _decoded(part, index, is_body)
    return tuple(found)


def _decoded(part: Section, index: int, is_body: bool) -> Iterator[ActivityRecord]:
    """The one record that a mapping is, by the decoder of the stream; none after a problem."""
    columns = None if part.has_doubles or _is_doubtful(part, is_body) else part.plain()
    if columns is None:
        return
    source = EventSource("cases", index, FIRST_TIME + index * SECOND)
    # Not orjson, which refuses numbers beyond 64 bits.
    decoded = BodyDecoder(None).decode(json.dumps(columns).encode(), source)
    for problem in decoded.problems:
        part.report("", f"cannot be read as a record: {problem.reason}: {problem.detail}")
    if decoded.problems:
        return
    if not decoded.records:
        part.report("", f"names no operation; write {_STREAM_OPERATION if is_body else _OPERATION}")
    elif len(decoded.records) > 1:
        part.report("", f"holds {len(decoded.records)} records; write several as a list under `records`")
    else:
        yield decoded.records[0]


def _is_doubtful(part: Section, is_body: bool) -> bool:
    """Whether the record would not say what its author means; then that is reported.

    A misspelled column would leave its value out, and a case that expects `no match` would pass for it.
    """
    if is_body:
        return False
    before = len(part.problems)
    for name in part.names():
        if name in CORRELATED:
            part.report(name, "is gathered from the rows of one operation; write those rows under `records`")
        elif name == "_SubscriptionId":
            part.report(name, "is derived; write SubscriptionId")
        elif name not in COLUMNS and name not in UNAVAILABLE and name not in _NO_NAMES:
            hint = did_you_mean(name, COLUMNS)
            is_stream = name.lower() in ("operationname", "resulttype", "identity", "time", "properties")
            more = "; a record as the hub delivers it goes under `body`" if is_stream else ""
            part.report(name, f"is no column of AzureActivity{hint}{more}")
        elif name == _TIME and not part.has_doubles:
            _check_time(part)
    return len(part.problems) > before


def _check_time(part: Section) -> None:
    """Report a TimeGenerated that cannot be read: another time would silently stand in for it."""
    columns = part.plain()
    if columns is not None and parse_time(columns[_TIME]) is None:
        part.report(_TIME, f"{_short(columns[_TIME])} is no time; write one such as 2026-01-01T00:00:00Z")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _read_row(section: Section, rule: KqlRule | None) -> Mapping[str, object]:
    part = section.section("row", optional=True)
    if part is None:
        return {}
    names = [] if rule is None else [name for name, _ in rule.schema]
    for name in part.names():
        if rule is not None and name not in names and name not in _NO_NAMES:
            part.report(name, f"is no column of the result{did_you_mean(name, names)}")
    return {} if part.has_doubles else part.plain() or {}
