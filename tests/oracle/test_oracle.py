"""RULE 15 against an engine of its own kind: the same rows, group by group, over generated tables.

ORACLE_SEED and ORACLE_ROWS change what is generated: a failure is repeated with its seed, and a long
run takes more rows than the default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace
from oracle_engine import CAPACITIES, Row, differences, matching_times, oracle_rows, table_of
from oracle_mutants import MUTANTS
from oracle_rows import AT, generate

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.text import fold
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Match, Minimum
from stream_detector.rules.rule15 import Rule15
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import HOUR, MINUTE, SECOND, format_ticks

REPOSITORY = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("ORACLE_SEED", "1"))
ROWS = int(os.environ.get("ORACLE_ROWS", "24000"))
RECORDS_IN_A_BODY = 40
INSTANTS = (AT, AT - 1, AT + 1, AT - 20 * MINUTE, AT + 2 * HOUR, AT - 3 * HOUR)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One generated table in the three shapes that are compared."""

    bodies: Sequence[bytes]
    records: Sequence[ActivityRecord]
    """As the decoder reads them from `bodies`."""
    engine: duckdb.DuckDBPyConnection
    expected: Sequence[Row]
    """What the engine returns at AT."""


def _rule() -> Rule15:
    (rule,) = load_rules(REPOSITORY / "config" / "rules", ["rule15"])
    assert isinstance(rule, Rule15)
    return rule


RULE = _rule()


@pytest.fixture(scope="session")
def compared() -> Iterator[Comparison]:
    rows = list(generate(SEED, ROWS))
    table = [{"TimeGenerated": format_ticks(time), **columns} for time, columns in rows]
    bodies = [
        json.dumps({"records": table[start : start + RECORDS_IN_A_BODY]}).encode()
        for start in range(0, len(table), RECORDS_IN_A_BODY)
    ]
    decoder = BodyDecoder(None)
    records: list[ActivityRecord] = []
    for number, body in enumerate(bodies):
        decoded = decoder.decode(body, EventSource("0", number, None))
        assert not decoded.problems
        records += decoded.records
    assert len(records) == len(rows)
    engine = table_of(rows)
    yield Comparison(bodies, records, engine, oracle_rows(engine, AT))
    engine.close()


def test_the_rows_of_the_scheduled_query_are_those_of_the_engine(compared: Comparison) -> None:
    assert differences(compared.expected, scheduled_rows(RULE, compared.records, AT)) == []


def test_the_generated_rows_reach_the_edges(compared: Comparison) -> None:
    """A comparison of rows that are all alike would show little."""
    executions = sum(row["ExecutionCount"] for row in compared.expected)
    assert ROWS / 4 < executions < ROWS * 3 / 4
    assert len(compared.expected) > 500
    for name, capacity in CAPACITIES.items():
        sizes = {len(row[name]) for row in compared.expected}
        assert {1, capacity, capacity + 1} <= sizes
    edge = AT - RULE.window
    assert {edge - 1, edge, edge + 1} <= {record.time for record in compared.records}


@pytest.mark.parametrize("at", INSTANTS, ids=format_ticks)
def test_other_instants_agree_too(compared: Comparison, at: int) -> None:
    expected = oracle_rows(compared.engine, at)
    assert differences(expected, scheduled_rows(RULE, compared.records, at)) == []
    assert expected


def test_thresholds_are_a_condition_after_the_summary(compared: Comparison) -> None:
    minimums = (Minimum("ExecutionCount", 3), Minimum("SourceIPs", 2))
    having = "| where ExecutionCount >= 3 and array_length(SourceIPs) >= 2"
    expected = oracle_rows(compared.engine, AT, having)
    rows = scheduled_rows(replace(RULE, thresholds=minimums), compared.records, AT)
    assert 0 < len(expected) < len(compared.expected)
    assert differences(expected, rows) == []


def test_case_insensitive_grouping_does_not_change_the_scheduled_query(compared: Comparison) -> None:
    assert RULE.ignore_case
    exact = replace(RULE, ignore_case=False)
    assert scheduled_rows(exact, compared.records, AT) == scheduled_rows(RULE, compared.records, AT)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_caught(compared: Comparison, name: str) -> None:
    assert differences(compared.expected, MUTANTS[name](RULE, compared.records, AT))


def test_the_comparison_accepts_only_legal_sets() -> None:
    wanted = _some_row(AffectedVMs=frozenset(f"vm{number}" for number in range(12)))
    ten = [f"vm{number}" for number in range(2, 12)]
    assert differences([wanted], [{**wanted, "AffectedVMs": ten}]) == []
    for wrong in (ten[:9], [*ten, "vm0"], [*ten[:9], ten[0]], [*ten[:9], "other"]):
        assert differences([wanted], [{**wanted, "AffectedVMs": wrong}])
    assert differences([wanted], [{**wanted, "AffectedVMs": ten, "CallerIP": "other"}])
    assert differences([wanted], [])
    assert differences([], [wanted])


def _some_row(**columns: Any) -> Row:
    row: Row = dict.fromkeys(("Caller", "ResourceGroup", "SubscriptionId"), "") | {"ExecutionCount": 1}
    row |= {name: frozenset({"x"}) for name in CAPACITIES} | {"CallerIP": "x"}
    return row | columns


@pytest.mark.parametrize("exact", [False, True])
def test_the_pivot_query_lists_the_matching_rows_of_a_group(compared: Comparison, exact: bool) -> None:
    rule = replace(RULE, ignore_case=not exact)
    since, until = AT - 90 * MINUTE, AT - 10 * SECOND
    groups: dict[tuple[str, ...], list[int]] = {}
    for record in compared.records:
        verdict = rule.evaluate(record)
        if isinstance(verdict, Match) and since <= record.time <= until:
            key = verdict.key if exact else tuple(map(fold, verdict.key))
            groups.setdefault(key, []).append(record.time)
    # Beyond ASCII the engine's =~ folds more than Kusto's.
    comparable = [key for key in groups if exact or "".join(key).isascii()]
    largest = sorted(comparable, key=lambda key: (len(groups[key]), key))[-10:]
    for key in largest:
        assert matching_times(compared.engine, rule.pivot_query(key, since, until)) == sorted(groups[key])


@pytest.mark.parametrize(
    "caller", ['a" or true //', "a\\", '\\" | project Caller', "a\nb", "a\r\tb", "'; drop", "a*/ //"]
)
def test_a_hostile_caller_cannot_widen_the_pivot_query(caller: str) -> None:
    columns = {
        "OperationNameValue": RULE.settings.operations[1],
        "ActivityStatusValue": "Success",
        "CallerIpAddress": "203.0.113.7",
        "ResourceGroup": caller,
        "SubscriptionId": caller,
    }
    rows = [(AT, {**columns, "Caller": caller}), (AT + 1, {**columns, "Caller": "someone else"})]
    query = RULE.pivot_query((caller, caller, caller), AT, AT + HOUR)
    assert matching_times(table_of(rows), query) == [AT]


def test_the_command_prints_the_rows_of_the_engine(compared: Comparison, tmp_path: Path) -> None:
    bodies = tmp_path / "bodies.ndjson"
    bodies.write_bytes(b"\n".join(compared.bodies) + b"\n")
    command = [sys.executable, "-m", "stream_detector", "rows", str(bodies), "--as-scheduled"]
    printed = subprocess.run(
        [*command, "--at", format_ticks(AT), "--rule", "rule15"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=120,
    )
    rows = [json.loads(line) for line in printed.stdout.splitlines()]
    assert differences(compared.expected, rows) == []
