"""Twenty rules of the Sentinel kind (rules20/*.kql) against an engine of its own kind, at random instants.

Three ways lead to rows, and all of them are compared: the scheduled query, the detector's own state, and the
alerts of a replay, whose rows are those of the query at the instant of the alert. RULES20_SEED changes what
is generated.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from corpus_records import AT, bodies, decoded
from corpus_rules import compiled, sets_of
from query_engine import QueryEngine, Row, differences
from services.program import run_program

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import MINUTE, format_ticks

FILES = tuple(sorted((Path(__file__).parent / "rules20").glob("*.kql")))
NAMES = tuple(file.stem for file in FILES)
SEED = int(os.environ.get("RULES20_SEED", "20"))
RECORDS = 360

FREE: Mapping[str, Sequence[str]] = {"16_nested_paths": ("any_Caller",), "19_bags": ("Any",)}
"""Columns for which Kusto may take any value of the group."""

IDENTITY: Mapping[str, Sequence[str]] = {"09_per_quarter": ("Slot", "Caller")}
"""Columns of the result that tell its rows apart, where they are not called as the keys."""

_Thing = TypeVar("_Thing")


@pytest.fixture(scope="module")
def given() -> Sequence[bytes]:
    return bodies(SEED, RECORDS)


@pytest.fixture(scope="module")
def known(given: Sequence[bytes]) -> Sequence[ActivityRecord]:
    return decoded(given)


@pytest.fixture(scope="module")
def engine(known: Sequence[ActivityRecord]) -> Iterator[QueryEngine]:
    """Knows every record at any instant, as a table does."""
    engine = QueryEngine(known)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def stream(known: Sequence[ActivityRecord]) -> Iterator[QueryEngine]:
    """Knows the records up to the instant only, as a stream does."""
    engine = QueryEngine(known)
    engine.only_known()
    yield engine
    engine.close()


def _text(name: str) -> str:
    return (Path(__file__).parent / "rules20" / f"{name}.kql").read_text(encoding="utf-8")


def _rule(name: str, text: str | None = None) -> KqlRule:
    return compiled(text or _text(name), name, every_record=False)


def _instants(count: int) -> list[int]:
    pick = random.Random(SEED)
    return [AT - pick.randrange(50 * MINUTE) for _ in range(count)]


def _wrong(rule: KqlRule, expected: Sequence[Row], actual: Sequence[Row]) -> list[str]:
    return differences(expected, actual, sets_of(rule), FREE.get(rule.info.id, ()))


def test_there_are_twenty_rules_each_with_a_sentence() -> None:
    assert len(FILES) == 20
    assert all(file.read_text(encoding="utf-8").startswith("// ") for file in FILES)


@pytest.mark.parametrize("name", NAMES)
def test_the_scheduled_rows_are_those_of_the_engine(
    name: str, known: Sequence[ActivityRecord], engine: QueryEngine
) -> None:
    rule, sql = _rule(name), engine.compile(_text(name))
    found = 0
    for at in (AT, AT + 20 * MINUTE, *_instants(4)):
        expected = engine.run(sql, at)
        found += len(expected)
        assert _wrong(rule, expected, scheduled_rows(rule, known, at)) == []
    assert found


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_the_detector_are_those_of_the_engine(
    name: str, known: Sequence[ActivityRecord], stream: QueryEngine
) -> None:
    rule, sql = _rule(name), stream.compile(_text(name))
    detector = Detector([rule])
    instants = sorted(_instants(6))
    found = 0
    for record, following in zip(known, [*known[1:], None], strict=True):
        detector.apply(record, record.time)
        while instants and (following is None or instants[0] < following.time):
            at = instants.pop(0)
            if at < record.time:
                continue
            expected = stream.run(sql, at)
            found += len(expected)
            assert _wrong(rule, expected, list(detector.rows(at))) == []
    assert found


def _replayed(rule: KqlRule, known: Sequence[ActivityRecord]) -> list[Alert]:
    """The alerts that a replay opens."""
    detector = Detector([rule])
    opened = []
    for record in known:
        alerts = (*detector.apply(record, record.time).alerts, *detector.advance(record.time))
        opened += [alert for alert in alerts if alert.event is AlertEvent.OPENED]
    return opened


def _identity(rule: KqlRule, row: Mapping[str, Any]) -> str:
    return json.dumps([row[name] for name in IDENTITY.get(rule.info.id, rule.key_columns)])


@pytest.mark.parametrize("name", NAMES)
def test_alerts_open_with_a_row_of_the_engine_and_for_every_group_that_ever_has_one(
    name: str, known: Sequence[ActivityRecord], stream: QueryEngine
) -> None:
    rule, sql = _rule(name), stream.compile(_text(name))
    opened = _replayed(rule, known)
    assert opened
    for alert in _some(opened):
        # What came true between two records may be over by the second: then the row is that of the opening.
        wrong = [
            _wrong(rule, _same_group(rule, stream.run(sql, at), alert.row), [alert.row])
            for at in (alert.detected_at, alert.opened_at)
        ]
        assert [] in wrong
    first: dict[str, Alert] = {}
    for alert in opened:
        first.setdefault(_identity(rule, alert.row), alert)
    for identity, alert in _some(list(first.items())):
        assert identity in _identities(rule, stream.run(sql, alert.opened_at))
        assert identity not in _identities(rule, stream.run(sql, alert.opened_at - 1))
    for at in [record.time for record in known if isinstance(rule.evaluate(record), Match)][::9]:
        for identity in _identities(rule, stream.run(sql, at)):
            assert first[identity].opened_at <= at


def _some(things: Sequence[_Thing]) -> Sequence[_Thing]:
    """A few at random: the engine takes its time for each."""
    return random.Random(SEED).sample(things, min(10, len(things)))


def _same_group(rule: KqlRule, rows: Sequence[Row], row: Mapping[str, Any]) -> list[Row]:
    return [other for other in rows if _identity(rule, other) == _identity(rule, row)]


def _identities(rule: KqlRule, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {_identity(rule, row) for row in rows}


def test_the_commands_print_the_rows_and_alerts_of_the_engine(
    given: Sequence[bytes], engine: QueryEngine, tmp_path: Path
) -> None:
    directory = tmp_path / "rules"
    directory.mkdir()
    for name in NAMES:
        (directory / f"{name}.kql").write_text(_text(name), encoding="utf-8")
        (directory / f"{name}.yaml").write_text(_METADATA.format(name=name), encoding="utf-8")
    file = tmp_path / "bodies.ndjson"
    file.write_bytes(b"\n".join(given) + b"\n")
    environment = {"STREAM_DETECTOR_RULES__DIRECTORY": str(directory)}
    for name in random.Random(SEED).sample(NAMES, 3):
        command = ["rows", str(file), "--as-scheduled", "--at", format_ticks(AT), "--rule", name]
        code, printed, errors = run_program(command, environment=environment)
        assert code == 0, errors
        rule = _rule(name)
        assert _wrong(rule, engine.rows(_text(name), AT), [json.loads(line) for line in printed]) == []
    code, printed, errors = run_program(["replay", str(file)], environment=environment)
    assert code == 0, errors
    alerts = [json.loads(line) for line in printed]
    assert {alert["rule"]["id"] for alert in alerts} == set(NAMES)
    known = decoded(given)
    for name in NAMES:
        expected = [(alert.alert_id, alert.row) for alert in _replayed(_rule(name), known)]
        assert [(each["alert_id"], each["row"]) for each in alerts if each["rule"]["id"] == name] == expected


_METADATA = """\
id: {name}
name: {name}
version: "1.0.0"
severity: Low
tactics: [Execution]
techniques: [T1059]
runbook_url: https://example.com/{name}
grouping: exact
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_pivot_query_lists_the_records_of_a_group(
    name: str, known: Sequence[ActivityRecord], engine: QueryEngine
) -> None:
    rule = _rule(name)
    groups: dict[tuple[Any, ...], list[int]] = {}
    since, until = AT - 40 * MINUTE, AT - 2 * MINUTE
    for record in known:
        verdict = rule.evaluate(record)
        if isinstance(verdict, Match) and since <= record.time <= until:
            groups.setdefault(verdict.key, []).append(record.time)
    largest = sorted(groups, key=lambda key: (len(groups[key]), str(key)))[-4:]
    assert largest
    for key in largest:
        listed = engine.rows(rule.pivot_query(key, since, until), AT)
        assert [row["TimeGenerated"] for row in listed] == [format_ticks(time) for time in groups[key]]


WRONG = {
    "01_run_command_burst": ("MachineCount = dcount(Machine)", "MachineCount = count()"),
    "02_denied_then_nothing": ("Failures > 3 and Successes == 0", "Failures > 3 or Successes == 0"),
    "03_failure_share": ("todouble(Failed) / Total", "Failed / Total"),
    "04_role_assignment": ('"([0-9a-f-]{36})$", 1', '"([0-9a-f-]{36})", 1'),
    "05_many_addresses": ("arg_max(TimeGenerated,", "arg_min(TimeGenerated,"),
    "06_outside_office": ("Inside == false", "not(Inside) or isnull(Inside)"),
    "07_severity_by_case": ("sum(Weight)", "max(Weight)"),
    "08_service_names": ("not(Caller matches regex Agreed)", 'not(Caller startswith "svc-")'),
    "09_per_quarter": ("TimeGenerated, 15m", "TimeGenerated, 5m"),
    "10_sets_of_failures": ("array_length(FailedOn) > 1", "array_length(FailedOn) > 2"),
    "11_large_requests": ('sumif(Size, ActivityStatusValue =~ "Failure")', "sum(Size)"),
    "12_first_to_last": ("Lasted >= 10m and Calls > 2", "Lasted >= 10m or Calls > 2"),
    "13_newest_status": ("tolower(ResourceId)", "tostring(ResourceId)"),
    "14_domains": ("Domain !in (Ours)", "Domain !in~ (Ours) and Domain has '.'"),
    "15_text_surgery": ("between (0 .. 9)", "between (1 .. 8)"),
    "16_nested_paths": ("coalesce(tostring(Parsed.type), ", "coalesce("),
    "17_levels": ("TimeGenerated > ago(Span)", "TimeGenerated > ago(1h)"),
    "18_private_and_public": ("dcountif(CallerIpAddress, not(Private))", "dcount(CallerIpAddress)"),
    "19_bags": ('set_has_element(Groups, "rg-web") or', 'set_has_element(Groups, "RG-WEB") or'),
    "20_whole_story": ("Caller = tolower(Caller)", "Caller"),
}
"""A part of each rule, and what a wrong implementation would make of it."""


@pytest.fixture(scope="module")
def usual() -> Iterator[tuple[Sequence[ActivityRecord], QueryEngine]]:
    """Records on which every wrong rule is known to show, whatever the seed."""
    known = decoded(bodies(20, RECORDS))
    engine = QueryEngine(known)
    yield known, engine
    engine.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_rule_is_caught(name: str, usual: tuple[Sequence[ActivityRecord], QueryEngine]) -> None:
    known, engine = usual
    right, wrong = WRONG[name]
    assert _text(name).count(right) == 1
    rule, sql = _rule(name, _text(name).replace(right, wrong)), engine.compile(_text(name))
    assert any(_wrong(rule, engine.run(sql, at), scheduled_rows(rule, known, at)) for at in _WRONG_AT)


_WRONG_AT = (AT, AT - 7 * MINUTE, AT - 19 * MINUTE, AT - 31 * MINUTE, AT - 43 * MINUTE)
