"""What `explain` says of a record: clauses with place and values, the first that failed, the group."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kql_samples import Dice, accepted, rule_of, sample
from kql_samples import compiled as compile_rule
from rule15_text import RULE_15

from stream_detector.kql.types import Type
from stream_detector.rules.explain import shown_value
from stream_detector.rules.model import Match, Rejection

RULE = compile_rule(RULE_15, every_record=False)
MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"
MATCHING = sample(
    operation="Microsoft.Compute/virtualMachines/extensions/write",
    resource_id=MACHINE,
    properties='{"type":"CustomScriptExtension"}',
)


def test_a_match_shows_every_clause_the_group_and_what_it_adds() -> None:
    explanation = RULE.explain(MATCHING)
    assert explanation.matches
    assert [clause.name for clause in explanation.clauses] == ["window", *RULE.clauses]
    assert all(clause.passed and not clause.decides for clause in explanation.clauses)
    assert explanation.key == (
        ("Caller", '"ann@contoso.com"'),
        ("ResourceGroup", '"rg"'),
        ("SubscriptionId", '"s"'),
    )
    assert dict(explanation.inputs) == {
        "ExecutionCount": "counted",
        "AffectedVMs": '"vm1"',
        "ExtensionTypes": '"CustomScriptExtension"',
        "AffectedResources": f'"{MACHINE}"',
        "SourceIPs": '"203.0.113.7"',
        "CallerIP": '"203.0.113.7"',
        "FirstSeen": "its TimeGenerated",
        "LastSeen": "its TimeGenerated",
    }


def test_a_clause_has_the_text_and_the_place_that_the_rule_has() -> None:
    for clause in RULE.explain(MATCHING).clauses:
        lines = RULE_15.split("\n")
        assert lines[clause.line - 1][(clause.column or 0) - 1 :].startswith(clause.text.split("\n")[0])
    window, operation, *_ = RULE.explain(MATCHING).clauses
    assert (window.text, window.line, window.column) == ("TimeGenerated > ago(period)", 5, 9)
    assert window.note == "a matching record counts in its group for 02:00:00 from its TimeGenerated"
    assert window.values == (("TimeGenerated", "1970-01-01T00:00:00.0000000Z"),)
    assert operation.text == "OperationNameValue in~ (operations)"
    assert operation.values == (
        ("OperationNameValue", '"Microsoft.Compute/virtualMachines/extensions/write"'),
    )


def test_a_miss_says_which_clause_decided_and_computes_the_rest() -> None:
    missing = sample(operation=MATCHING.operation, caller="x@github.com", caller_ip="")
    explanation = RULE.explain(missing)
    failed = [clause.name for clause in explanation.clauses if not clause.passed]
    assert failed == ["OperationNameValue+Properties", "Caller", "CallerIpAddress"]
    assert [clause.name for clause in explanation.clauses if clause.decides] == failed[:1]
    assert (explanation.matches, explanation.key, explanation.inputs) == (False, (), ())


def test_computed_columns_are_shown_with_what_they_are_computed_from() -> None:
    rule = rule_of(
        "| extend First = tolower(Caller), Caller = strcat(Caller, '!') | extend Both = strlen(First) + 1\n"
        "| where Both > 100 or Caller == 'x'"
    )
    (_, clause) = rule.explain(sample(caller="ANN")).clauses
    assert clause.values == (
        ("Both", "4"),
        ("Caller", '"ANN!"'),
        ("Caller", '"ANN"'),
        ("First", '"ann"'),
    )


def test_aggregates_say_what_they_take() -> None:
    rule = rule_of(
        "",
        "| summarize A = countif(Level == 'a'), B = countif(Level == 'b'), "
        "S = sumif(strlen(Level), Level == 'b'), "
        "arg_max(TimeGenerated, Level), M = max(tolong(Level)) by Caller",
    )
    assert dict(rule.explain(sample(level="a")).inputs) == {
        "A": "counted",
        "B": "nothing: its condition is not true",
        "S": "nothing: its condition is not true",
        "TimeGenerated": '1970-01-01T00:00:00.0000000Z with 1970-01-01T00:00:00.0000000Z, "a"',
        "M": "null",
    }


VALUES: list[tuple[Any, Type, str]] = [
    (None, Type.LONG, "null"),
    (True, Type.BOOL, "true"),
    (5, Type.LONG, "5"),
    (1.5, Type.REAL, "1.5"),
    (float("nan"), Type.REAL, "NaN"),
    ("", Type.STRING, '""'),
    ('a"\x1b[2J', Type.STRING, '"a\\"\\u001b[2J"'),
    (0, Type.DATETIME, "1970-01-01T00:00:00.0000000Z"),
    (5, Type.TIMESPAN, "00:00:00.0000005"),
    ({"a": [1]}, Type.DYNAMIC, '{"a":[1]}'),
    (["a"], Type.DYNAMIC, '["a"]'),
    ("a", Type.DYNAMIC, '"a"'),
    (False, Type.DYNAMIC, "false"),
    (None, Type.DYNAMIC, "null"),
    ("x" * 500, Type.STRING, '"' + "x" * 199 + "... (502 characters)"),
]


@pytest.mark.parametrize(("value", "type_", "shown"), VALUES)
def test_values_are_shown_short_and_harmless(value: Any, type_: Type, shown: str) -> None:
    assert shown_value(value, type_) == shown


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_explain_agrees_with_the_compiled_rule(seed: int) -> None:
    dice = Dice(seed)
    for rule in accepted(dice.rule()):
        for record in dice.records(4):
            verdict, explanation = rule.evaluate(record), rule.explain(record)
            assert explanation.matches is isinstance(verdict, Match)
            decided = [clause.name for clause in explanation.clauses if clause.decides]
            assert decided == ([verdict.clause] if isinstance(verdict, Rejection) else [])
