"""Whether a rule says of a case's records what the case expects.

The rule is asked as the detector asks it: a record of an operation that the rule does not want never gets
there, and a correlated rule sees the record with the facts of its operation. Times are those of the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.activity.times import parse_time
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.correlation import Correlator
from stream_detector.detect.detector import Detector
from stream_detector.kql.types import Type
from stream_detector.pipeline import EventClock
from stream_detector.rules.cases import MATCH, NO_MATCH, Case
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import AggregateKind, Match, Summary


class Alone(Struct, frozen=True, gc=False):
    """What a detector with one rule makes of a case's records."""

    opened: int
    """Number of alerts."""
    rows: tuple[dict[str, object], ...]
    """What the query returns when all records have arrived; else what the alerts showed last."""


def judge(case: Case, rule: KqlRule) -> tuple[str, ...]:
    """What was expected and what was seen instead, a sentence for each difference."""
    found: list[str] = []
    if case.expect:
        found += _judge_record(case, case.records[0], rule)
    if case.opens is not None:
        alone = run_alone(case.records, rule)
        if bool(alone.opened) != case.opens:
            found.append(_unexpected_opening(case, rule, alone.opened))
        elif alone.opened and not case.expect:
            differences = [_differences(case.row, row, rule) for row in alone.rows]
            nearest = min(differences, key=len)
            found += nearest
    return tuple(found)


def run_alone(records: Iterable[ActivityRecord], rule: KqlRule) -> Alone:
    """Hand the records to the rule in the order given; the newest time so far is the clock."""
    detector, clock = Detector([rule]), EventClock()
    alerts: list[Alert] = []
    for record in records:
        now = clock.at(record)
        alerts += detector.advance(now)
        alerts += detector.apply(record, now).alerts
    rows = tuple(detector.rows(clock.now))
    if rule.handling.hold:
        alerts += detector.advance(clock.now + rule.handling.hold)
    shown = {alert.alert_id: alert.row for alert in alerts if alert.event is not AlertEvent.CLOSED}
    return Alone(len(shown), rows or tuple(shown.values()))


class Facts:
    """What is known of the operations of some records when all have arrived."""

    def __init__(self, records: Iterable[ActivityRecord]) -> None:
        self._correlator, self._clock = Correlator(), EventClock()
        for record in records:
            self._correlator.take(record, self._clock.at(record))

    def seen_by(self, rule: KqlRule, record: ActivityRecord) -> ActivityRecord:
        """One of the records as the rule sees it: a correlated one sees what is known of its operation."""
        if not rule.handling.correlate:
            return record
        return self._correlator.take(record, self._clock.now)[0]


def _judge_record(case: Case, record: ActivityRecord, rule: KqlRule) -> Iterable[str]:
    is_wanted = record.operation in rule.operations
    said = rule.evaluate(Facts(case.records).seen_by(rule, record))
    if not isinstance(said, Match):
        if case.expect == MATCH:
            yield f"expected a match; {said.clause} rejects the record"
        elif case.why and said.clause != case.why:
            yield f"expected {case.why} to reject the record; {said.clause} does"
        return
    if case.expect == NO_MATCH:
        yield f"expected no match{f', by {case.why}' if case.why else ''}; every clause passes"
    elif not is_wanted:
        yield "the clauses pass, but the rule does not want the operation: please report this"
    elif case.row:
        yield from _differences(case.row, rule.row(said.key, summary_of(record, said, rule)), rule)


def summary_of(record: ActivityRecord, match: Match, rule: KqlRule) -> Summary:
    """The group that one record makes alone."""
    inputs = iter(match.inputs)
    values: list[object] = []
    for aggregate in rule.aggregates:
        given = next(inputs) if aggregate.kind.takes_input else None
        match aggregate.kind:
            case AggregateKind.COUNT:
                values.append(1)
            case AggregateKind.FIRST | AggregateKind.LAST:
                values.append(record.time)
            case AggregateKind.COUNT_IF:
                values.append(1 if given is True else 0)
            case AggregateKind.DISTINCT:
                values.append(0 if given is None else 1)
            case AggregateKind.SET | AggregateKind.LIST:
                values.append(() if given is None else (given,))
            case AggregateKind.SUM:
                values.append(aggregate.empty if given is None else given)
            case AggregateKind.ANY | AggregateKind.GREATEST | AggregateKind.LEAST:
                values.append(given)
    return Summary(1, record.time, record.time, tuple(values))


def _unexpected_opening(case: Case, rule: KqlRule, opened: int) -> str:
    if opened:
        return f"expected no alert; {opened} opened"
    facts = Facts(case.records)
    said = [rule.evaluate(facts.seen_by(rule, record)) for record in case.records]
    matched = sum(isinstance(each, Match) for each in said)
    if matched:
        return f"expected an alert; none opened, though {matched} of {len(said)} records match"
    by = ", ".join(dict.fromkeys(each.clause for each in said if not isinstance(each, Match)))
    return f"expected an alert; none opened, for no record matches ({by})"


def _differences(expected: Mapping[str, object], row: Mapping[str, object], rule: KqlRule) -> list[str]:
    types = dict(rule.schema)
    return [
        f"expected {column} to be {value!r}; it is {row.get(column)!r}"
        for column, value in expected.items()
        if not _is_same(value, row.get(column), types[column])
    ]


def _is_same(expected: object, seen: object, type_: Type) -> bool:
    """Equal, but for the order of arrays, which is open in KQL, and the spelling of a time."""
    if type_ is Type.DATETIME and isinstance(expected, str):
        return parse_time(expected) is not None and parse_time(expected) == parse_time(seen)
    if isinstance(expected, list) and isinstance(seen, list):
        return sorted(map(repr, expected)) == sorted(map(repr, seen))
    return (type(expected) is type(seen) and expected == seen) or _is_same_number(expected, seen)


def _is_same_number(one: object, other: object) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and not isinstance(one, bool) and not isinstance(other, bool) and one == other
