"""RULE 15 against an engine of its own kind and against the rule written by hand: the same rows.

The rows are generated; `oracle_compared` says how to have others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from oracle_compared import ROOT, ROWS, RULE, Comparison, comparison, recompiled
from oracle_engine import CAPACITIES, Row, differences, matching_times, oracle_rows, table_of
from oracle_rows import AT
from services.rule15_by_hand import RUN_COMMAND, Rule15ByHand

from stream_detector.kql.text import fold
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match, Value, wanted_operations
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import HOUR, MINUTE, SECOND, format_ticks

INSTANTS = (AT, AT - 1, AT + 1, AT - 20 * MINUTE, AT + 2 * HOUR, AT - 3 * HOUR)
BY_HAND = Rule15ByHand()


def grouped(*, exactly: bool) -> KqlRule:
    """RULE 15 with `grouping: exact`, or with `ignore_case`."""
    return replace(RULE, handling=replace(RULE.handling, ignore_case=not exactly))


@pytest.fixture(scope="module")
def compared() -> Iterator[Comparison]:
    made = comparison(ROWS)
    yield made
    made.engine.close()


def test_the_rows_of_the_scheduled_query_are_those_of_the_engine(compared: Comparison) -> None:
    assert differences(compared.expected, scheduled_rows(RULE, compared.records, AT)) == []


def test_the_engine_makes_the_same_of_the_text_that_is_shipped(compared: Comparison) -> None:
    """Told apart: the file says what it should, and the compiler understands the file."""

    def in_order(rows: list[Row]) -> list[tuple[object, ...]]:
        return sorted(
            tuple(tuple(sorted(value)) if isinstance(value, frozenset) else value for value in row.values())
            for row in ({**row, "CallerIP": ""} for row in rows)
        )

    assert in_order(oracle_rows(compared.engine, AT, text=RULE.text)) == in_order([*compared.expected])


def test_every_record_is_judged_as_by_the_rule_written_by_hand(compared: Comparison) -> None:
    """Key and inputs of a match; of others the clause, where one by hand can be three of the text."""
    outcomes: dict[str, int] = {}
    for record in compared.records:
        expected, verdict = BY_HAND.evaluate(record), RULE.evaluate(record)
        if isinstance(expected, Match):
            assert verdict == expected
            outcome = "match"
        else:
            assert not isinstance(verdict, Match)
            assert verdict.clause.partition("#")[0] == expected.clause
            outcome = verdict.clause
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.keys() == {"match", *RULE.clauses}
    assert min(outcomes.values()) > ROWS / 1000


@pytest.mark.parametrize("at", INSTANTS, ids=format_ticks)
def test_the_rows_are_to_the_letter_those_of_the_rule_written_by_hand(compared: Comparison, at: int) -> None:
    rows = scheduled_rows(RULE, compared.records, at)
    by_hand = scheduled_rows(BY_HAND, compared.records, at)
    assert rows == by_hand
    assert [list(row) for row in rows] == [list(row) for row in by_hand]
    assert rows


def test_no_record_that_matches_is_of_an_operation_that_is_not_wanted(compared: Comparison) -> None:
    unwanted = [record for record in compared.records if record.operation not in RULE.operations]
    assert unwanted
    assert not any(isinstance(BY_HAND.evaluate(record), Match) for record in unwanted)
    wanted = [record for record in compared.records if record.operation in wanted_operations([RULE])]
    assert len(wanted) + len(unwanted) == len(compared.records)


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


THRESHOLDS = [
    ({"ExecutionCount": 1}, ""),
    ({"ExecutionCount": 3}, "| where ExecutionCount >= 3"),
    (
        {"ExecutionCount": 3, "SourceIPs": 2},
        "| where ExecutionCount >= 3 and array_length(SourceIPs) >= 2",
    ),
    ({"AffectedVMs": 10}, "| where array_length(AffectedVMs) >= 10"),
    ({"ExtensionTypes": 5, "AffectedResources": 7}, "| where array_length(ExtensionTypes) >= 5\n"
     "| where array_length(AffectedResources) >= 7"),
]  # fmt: skip


@pytest.mark.parametrize(("minimums", "having"), THRESHOLDS, ids=str)
def test_thresholds_are_a_condition_after_the_summary(
    compared: Comparison, minimums: dict[str, int], having: str
) -> None:
    expected = oracle_rows(compared.engine, AT, having)
    rule = recompiled(thresholds=minimums)
    rows = scheduled_rows(rule, compared.records, AT)
    assert 0 < len(expected) < len(compared.expected) + (not having)
    assert differences(expected, rows) == []
    assert rows == scheduled_rows(Rule15ByHand(thresholds=tuple(minimums.items())), compared.records, AT)
    assert rule.opens_always == (not having)
    # The same condition in the text instead of the settings.
    assert rows == scheduled_rows(recompiled(RULE.text + having), compared.records, AT)


def test_case_insensitive_grouping_does_not_change_the_scheduled_query(compared: Comparison) -> None:
    assert RULE.handling.ignore_case
    exact = scheduled_rows(grouped(exactly=True), compared.records, AT)
    assert exact == scheduled_rows(RULE, compared.records, AT)
    assert differences(compared.expected, exact) == []


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


@pytest.mark.parametrize("exactly", [False, True])
def test_the_pivot_query_lists_the_matching_rows_of_a_group(compared: Comparison, exactly: bool) -> None:
    rule = grouped(exactly=exactly)
    since, until = AT - 90 * MINUTE, AT - 10 * SECOND
    groups: dict[tuple[Value, ...], list[int]] = {}
    for record in compared.records:
        verdict = BY_HAND.evaluate(record)
        if isinstance(verdict, Match) and since <= record.time <= until:
            key = verdict.key if exactly else tuple(fold(str(part)) for part in verdict.key)
            groups.setdefault(key, []).append(record.time)
    # Beyond ASCII the engine's =~ folds more than Kusto's.
    comparable = [key for key in groups if exactly or "".join(map(str, key)).isascii()]
    largest = sorted(comparable, key=lambda key: (len(groups[key]), key))[-10:]
    assert len(groups[largest[0]]) > 1
    for key in largest:
        assert matching_times(compared.engine, rule.pivot_query(key, since, until)) == sorted(groups[key])


@pytest.mark.parametrize(
    "caller", ['a" or true //', "a\\", '\\" | project Caller', "a\nb", "a\r\tb", "'; drop", "a*/ //"]
)
def test_a_hostile_caller_cannot_widen_the_pivot_query(caller: str) -> None:
    columns = {
        "OperationNameValue": RUN_COMMAND,
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
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    rows = [json.loads(line) for line in printed.stdout.splitlines()]
    assert differences(compared.expected, rows) == []
    assert rows == scheduled_rows(RULE, compared.records, AT)
