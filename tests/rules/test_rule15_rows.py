"""What RULE 15 makes of a group: the row, the thresholds, and the query that shows the records behind it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from services.rule15_by_hand import EXTENSION_WRITE, RUN_COMMAND, Rule15ByHand

from stream_detector.kql.literals import string_literal
from stream_detector.kql.text import fold
from stream_detector.kql.types import Type
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import AggregateKind, Summary
from stream_detector.ticks import HOUR

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = Rule15ByHand()
TEXTS = st.text(st.characters(), max_size=20)


def rule15() -> KqlRule:
    (rule,) = load_rules(ROOT / "config" / "rules", ["rule15"])
    assert isinstance(rule, KqlRule)
    return rule


RULE = rule15()
SUMMARY = Summary(
    count=3,
    first=0,
    last=1,
    values=(3, ("vm1", "vm2"), ("",), ("/a",), ("203.0.113.7",), "203.0.113.7", 0, 1),
)


def test_the_row_has_the_columns_of_the_query_in_its_order() -> None:
    row = RULE.row(("a@b@c", "rg", "s"), SUMMARY)
    assert list(row.items()) == [
        ("Caller", "a@b@c"),
        ("ResourceGroup", "rg"),
        ("SubscriptionId", "s"),
        ("ExecutionCount", 3),
        ("AffectedVMs", ["vm1", "vm2"]),
        ("ExtensionTypes", [""]),
        ("AffectedResources", ["/a"]),
        ("SourceIPs", ["203.0.113.7"]),
        ("CallerIP", "203.0.113.7"),
        ("FirstSeen", "1970-01-01T00:00:00.0000000Z"),
        ("LastSeen", "1970-01-01T00:00:00.0000001Z"),
        ("AccountName", "a"),
        ("AccountUPNSuffix", "b"),
    ]
    assert row == BY_HAND.row(("a@b@c", "rg", "s"), SUMMARY)
    assert json.loads(json.dumps(row)) == row


def test_the_schema_names_the_columns_of_the_row_and_their_types() -> None:
    assert [name for name, _ in RULE.schema] == list(RULE.row(("a", "b", "c"), SUMMARY))
    others = {
        "ExecutionCount": Type.LONG,
        **dict.fromkeys(("AffectedVMs", "ExtensionTypes", "AffectedResources", "SourceIPs"), Type.DYNAMIC),
        **dict.fromkeys(("FirstSeen", "LastSeen"), Type.DATETIME),
    }
    assert dict(RULE.schema) == {name: others.get(name, Type.STRING) for name, _ in RULE.schema}


def test_the_group_is_the_key_by_column() -> None:
    assert list(RULE.group(("a", "b", "c")).items()) == [
        ("Caller", "a"),
        ("ResourceGroup", "b"),
        ("SubscriptionId", "c"),
    ]


@pytest.mark.parametrize(
    ("caller", "name", "suffix"),
    [("ann@contoso.com", "ann", "contoso.com"), ("guid", "guid", ""), ("", "", ""), ("@x", "", "x")],
)
def test_the_account_is_split_from_the_caller(caller: str, name: str, suffix: str) -> None:
    row = RULE.row((caller, "rg", "s"), SUMMARY)
    assert (row["AccountName"], row["AccountUPNSuffix"]) == (name, suffix)


def test_the_shipped_rule_is_the_one_that_is_documented() -> None:
    assert RULE.info.severity == "High"
    assert RULE.info.tactics == ("Execution", "Persistence")
    assert RULE.info.techniques == ("T1059", "T1059.009")
    assert RULE.window == 2 * HOUR
    assert RULE.handling.ignore_case
    assert not RULE.handling.correlate
    assert RULE.operations.names == {fold(EXTENSION_WRITE), fold(RUN_COMMAND)}
    assert RULE.operations.tests == ()
    assert RULE.key_columns == ("Caller", "ResourceGroup", "SubscriptionId")
    assert RULE.aggregates == BY_HAND.aggregates
    sizes = {each.name: each.capacity for each in RULE.aggregates if each.kind is AggregateKind.SET}
    assert sizes == {"AffectedVMs": 10, "ExtensionTypes": 5, "AffectedResources": 10, "SourceIPs": 5}


def test_one_record_opens_a_group_and_nothing_but_its_end_closes_it() -> None:
    assert [(column.name, least) for column, least in RULE.plan.thresholds] == [("ExecutionCount", 1)]
    assert RULE.opens_always
    assert RULE.is_monotone
    assert RULE.meets(("a", "b", "c"), SUMMARY)


@pytest.mark.parametrize(
    ("minimums", "reads", "needed", "met"),
    [
        ({"ExecutionCount": 3}, (0,), 4, True),
        ({"ExecutionCount": 4}, (0,), 5, False),
        ({"AffectedVMs": 2, "ExecutionCount": 3}, (0, 1), 4, True),
        ({"AffectedVMs": 3}, (1,), 4, False),
    ],
)
def test_thresholds_decide_on_rows(
    minimums: dict[str, int], reads: tuple[int, ...], needed: int, met: bool
) -> None:
    rule, _ = compile_kql(RULE.text, RULE.info, RULE.handling, minimums, every_record=False)
    assert rule is not None
    by_hand = Rule15ByHand(thresholds=tuple(minimums.items()))
    key = ("a", "b", "c")
    assert not rule.opens_always
    assert rule.is_monotone
    assert rule.threshold_reads == reads
    # At least as many as the greatest threshold, or it could never come true.
    assert max(minimums.values()) <= rule.records_needed <= needed
    assert rule.meets(key, SUMMARY) == met == by_hand.meets(key, SUMMARY)
    values = tuple(value if at in reads else None for at, value in enumerate(SUMMARY.values))
    assert rule.meets(key, replace(SUMMARY, values=values)) == met


_LITERAL = r'"(?:[^"\\\n]|\\.)*"'


@given(TEXTS, TEXTS, TEXTS)
def test_no_group_changes_the_shape_of_the_pivot_query(caller: str, group: str, subscription: str) -> None:
    def shape(*key: str) -> str:
        return re.sub(_LITERAL, '""', RULE.pivot_query(key, 0, HOUR))

    assert shape(caller, group, subscription) == shape("a", "b", "c")


@pytest.mark.parametrize(
    "attempt",
    [
        '" or true //',
        '\\" or true //',
        "\\",
        '"\n| project Caller',
        "\r\n",
        "'",
        '@"',
        "```",
        "*/",
        "{x}",
        "%s",
    ],
)
def test_a_value_cannot_leave_its_literal(attempt: str) -> None:
    query = RULE.pivot_query((attempt, attempt, attempt), 0, HOUR)
    plain = RULE.pivot_query(("a", "a", "a"), 0, HOUR)
    assert len(query.splitlines()) == len(plain.splitlines())
    assert query == plain.replace('=~ "a"', f"=~ {string_literal(attempt)}")


def test_the_pivot_query_is_the_rules_own_text_up_to_its_summary() -> None:
    query = RULE.pivot_query(("a", "b", "c"), 0, HOUR)
    for clause in RULE.plan.clauses:
        assert f"| where {RULE.text[clause.span.start : clause.span.end]}\n" in query
    for let in ("ExecutionOperations", "ExecutionTypes", "AutomationTerms"):
        assert query.count(f"let {let} = dynamic([") == 1
    assert "ago(" not in query
    assert "summarize" not in query


def test_the_pivot_query_compares_as_the_rule_groups() -> None:
    key = ("ann@contoso.com", "rg", "s")
    exact = replace(RULE, handling=replace(RULE.handling, ignore_case=False))
    assert '| where Caller =~ "ann@contoso.com"' in RULE.pivot_query(key, 0, HOUR)
    assert '| where Caller == "ann@contoso.com"' in exact.pivot_query(key, 0, HOUR)


def test_the_pivot_query_names_its_times_to_the_tick() -> None:
    query = RULE.pivot_query(("a", "b", "c"), 1, HOUR)
    times = "datetime(1970-01-01T00:00:00.0000001Z) .. datetime(1970-01-01T01:00:00.0000000Z)"
    assert f"| where TimeGenerated between ({times})" in query
