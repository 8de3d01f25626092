"""Compiled rules as the rest of the program sees them: RULE 15 by record, rows, pivots, hashes, problems."""

from __future__ import annotations

from typing import Any

import pytest
from kql_samples import INFO, compiled, rule_of, sample
from msgspec.structs import replace
from rule15_text import RULE_15

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.parse import parse
from stream_detector.kql.problems import line_and_column
from stream_detector.kql.types import Type
from stream_detector.rules.kql_rule import compile_kql, content_hash
from stream_detector.rules.model import Handling, Match, Rejection, Rule, Summary
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import DAY, HOUR, MINUTE, format_ticks

WRITE = "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE"
RUN = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"

RULE = compiled(RULE_15, {"ExecutionCount": 1}, every_record=False)


def record(**columns: Any) -> ActivityRecord:
    """An extension write that matches RULE 15, but for `columns`."""
    matching = {
        "operation": WRITE,
        "resource_id": f"{MACHINE}/extensions/cse",
        "properties": '{"type":"CustomScriptExtension"}',
    }
    return sample(**{**matching, **columns})


MATCH = ""
CASES = [
    (MATCH, {}),
    (MATCH, {"operation": "Microsoft.Compute/virtualMachines/extensions/write"}),
    (MATCH, {"operation": RUN, "properties": ""}),
    ("OperationNameValue", {"operation": ""}),
    ("OperationNameValue", {"operation": f"{RUN} "}),
    ("OperationNameValue", {"operation": RUN.replace("S", "\u017f")}),
    ("OperationNameValue", {"operation": "", "status": "", "caller_ip": ""}),
    (MATCH, {"status": "SUCCESS"}),
    ("ActivityStatusValue", {"status": "Succeeded"}),
    ("ActivityStatusValue", {"status": ""}),
    ("ActivityStatusValue", {"status": "\u017fuccess"}),
    (MATCH, {"properties": '{"entity":"/x/extensions/CustomScriptExtension"}'}),
    (MATCH, {"properties": "RUNCOMMAND and no JSON"}),
    ("OperationNameValue+Properties", {"properties": ""}),
    ("OperationNameValue+Properties", {"properties": '{"type":"RunCommandLinux"}'}),
    ("OperationNameValue+Properties", {"properties": '{"type":"éRunCommand"}'}),
    (MATCH, {"caller": ""}),
    (MATCH, {"caller": "azuredevops@contoso.com"}),
    ("Caller", {"caller": "BOB@CHEF.IO"}),
    ("Caller", {"caller": "x-Arm-Deployment-1"}),
    ("Caller", {"caller": "dsc", "caller_ip": ""}),
    ("CallerIpAddress", {"caller_ip": ""}),
    ("CallerIpAddress#2", {"caller_ip": "168.63.129.16"}),
    ("CallerIpAddress#3", {"caller_ip": "169.254.169.254"}),
    (MATCH, {"caller_ip": " "}),
    (MATCH, {"caller_ip": "168.631.1.1"}),
]


@pytest.mark.parametrize(("clause", "columns"), CASES)
def test_each_record_matches_or_fails_at_the_first_clause(clause: str, columns: dict[str, str]) -> None:
    verdict = RULE.evaluate(record(**columns))
    if clause == MATCH:
        assert isinstance(verdict, Match)
    else:
        assert verdict == Rejection(clause)
        assert clause in RULE.clauses


TYPES = [
    ("CustomScriptExtension", {}),
    ("", {"properties": '{"a":{"type":"RunCommand"}}'}),
    ("", {"properties": "RunCommand"}),
    ("", {"properties": '{"type":null,"x":"RunCommand"}'}),
    ("7", {"properties": '{"type":7,"x":"RunCommand"}'}),
    ('{"RunCommand":[1]}', {"properties": '{"type":{"RunCommand":[1]}}'}),
    ("RunCommand", {"properties": '{"t\\u0079pe":"RunCommand"}'}),
    ("RunCommand", {"operation": RUN, "properties": ""}),
    ("x", {"operation": RUN, "properties": '{"type":"x"}'}),
]


@pytest.mark.parametrize(("extension_type", "columns"), TYPES)
def test_what_a_match_hands_in(extension_type: str, columns: dict[str, str]) -> None:
    found = record(**columns)
    assert RULE.evaluate(found) == Match(
        ("ann@contoso.com", "rg", "s"),
        ("vm1", extension_type, found.resource_id, "203.0.113.7", "203.0.113.7"),
    )


def test_the_attributes_of_rule_15() -> None:
    as_rule: Rule = RULE
    assert as_rule.window == 2 * HOUR
    assert as_rule.operations.names == {WRITE.lower(), RUN.lower()}
    assert as_rule.operations.tests == ()
    assert as_rule.key_columns == ("Caller", "ResourceGroup", "SubscriptionId")
    assert (as_rule.opens_always, as_rule.is_monotone) == (True, True)
    assert [(each.name, each.kind.value, each.capacity) for each in as_rule.aggregates] == [
        ("ExecutionCount", "count", 0),
        ("AffectedVMs", "set", 10),
        ("ExtensionTypes", "set", 5),
        ("AffectedResources", "set", 10),
        ("SourceIPs", "set", 5),
        ("CallerIP", "any", 0),
        ("FirstSeen", "first", 0),
        ("LastSeen", "last", 0),
    ]
    assert RULE.schema[3:5] == (("ExecutionCount", Type.LONG), ("AffectedVMs", Type.DYNAMIC))


def test_the_row_has_the_columns_of_the_query_in_its_order() -> None:
    (row,) = scheduled_rows(RULE, [record(time=HOUR), record(time=2 * HOUR)], 2 * HOUR)
    assert list(row.items()) == [
        ("Caller", "ann@contoso.com"),
        ("ResourceGroup", "rg"),
        ("SubscriptionId", "s"),
        ("ExecutionCount", 2),
        ("AffectedVMs", ["vm1"]),
        ("ExtensionTypes", ["CustomScriptExtension"]),
        ("AffectedResources", [f"{MACHINE}/extensions/cse"]),
        ("SourceIPs", ["203.0.113.7"]),
        ("CallerIP", "203.0.113.7"),
        ("FirstSeen", "1970-01-01T01:00:00.0000000Z"),
        ("LastSeen", "1970-01-01T02:00:00.0000000Z"),
        ("AccountName", "ann"),
        ("AccountUPNSuffix", "contoso.com"),
    ]


def test_values_of_the_row_are_fit_for_json() -> None:
    rule = rule_of(
        "| extend R = toreal(Level), D = TimeGenerated + 1s, L = tolong(Level)",
        "| summarize Reals = make_set(R), Times = make_list(TimeGenerated), "
        "Spans = make_set(D - TimeGenerated), Most = max(R), "
        "First = min(TimeGenerated), Last = max(D), Least = min(L), Flag = take_any(L > 1), "
        "Texts = make_set(Level, 2) by Day = bin(TimeGenerated, 1d), Big = R * 1e308, Span = 1d + 90s",
        "| extend Width = Last - First, Late = Last + 4000000d, Parsed = parse_json('{\"a\":[1]}')",
    )
    given = [sample(time=time, level=level) for time, level in ((DAY + 5, "100"), (DAY + 9, "100"))]
    (row,) = scheduled_rows(rule, given, DAY)
    assert row == {
        "Day": "1970-01-02T00:00:00.0000000Z",
        "Big": "Infinity",
        "Span": "1.00:01:30",
        "Reals": [100.0],
        "Times": ["1970-01-02T00:00:00.0000005Z", "1970-01-02T00:00:00.0000009Z"],
        "Spans": ["00:00:01"],
        "Most": 100.0,
        "First": "1970-01-02T00:00:00.0000005Z",
        "Last": "1970-01-02T00:00:01.0000009Z",
        "Least": 100,
        "Flag": True,
        "Texts": ["100"],
        "Width": "00:00:01.0000004",
        "Late": None,
        "Parsed": {"a": [1]},
    }
    key: Any = (DAY, float("nan"), 5)
    assert rule.group(key) == {
        "Day": "1970-01-02T00:00:00.0000000Z",
        "Big": "NaN",
        "Span": "00:00:00.0000005",
    }
    assert rule.group((None, None, None)) == {"Day": None, "Big": None, "Span": None}


def test_columns_of_arg_max_come_from_the_same_record_though_all_compare_null() -> None:
    rule = rule_of(
        "| extend L = tolong(Level)",
        "| summarize arg_max(L, ActivityStatusValue, TimeGenerated), M = max(L) by Caller",
    )
    levels = [sample(time=at, level=level, status=f"s{at}") for at, level in ((1, "5"), (2, "9"), (3, ""))]
    (row,) = scheduled_rows(rule, levels, 0)
    assert (row["L"], row["ActivityStatusValue"], row["M"]) == (9, "s2", 9)
    (row,) = scheduled_rows(rule, levels[2:], 0)
    shown = (row["L"], row["ActivityStatusValue"], row["TimeGenerated"], row["M"])
    assert shown == (None, "s3", format_ticks(3), None), "of nulls alone one row is shown, as Kusto does"


def test_nan_is_one_key_and_one_member_and_no_maximum() -> None:
    rule = rule_of(
        "| extend R = toreal(Level) * real(nan)",
        "| summarize N = count(), D = dcount(R), S = make_set(R), M = max(R), T = sum(R) by Caller, R",
    )
    (row,) = scheduled_rows(rule, [sample(time=at, level="1") for at in range(3)], 0)
    assert (row["R"], row["N"], row["D"], row["S"], row["M"], row["T"]) == ("NaN", 3, 1, ["NaN"], None, "NaN")


def test_thresholds_hold_for_numbers_and_for_sizes() -> None:
    rule = rule_of(
        "",
        "| summarize N = count(), S = make_set(Level), M = max(tolong(Level)) by Caller",
        thresholds={"N": 2, "S": 2, "M": 3},
    )
    met = [
        rule.meets(("a",), Summary(n, 0, 0, (n, seen, most)))
        for n, seen, most in (
            (2, ("a", "b"), (3, (3,))),
            (1, ("a", "b"), (3, (3,))),
            (2, ("a",), (3, (3,))),
            (2, ("a", "b"), (2, (2,))),
            (2, ("a", "b"), None),
        )
    ]
    assert met == [True, False, False, False, False]


def test_the_pivot_query_is_the_rule_for_one_group_and_a_span_of_time() -> None:
    query = RULE.pivot_query(('a"b\n| take 1', "RG", "s"), 0, MINUTE)
    assert query == (
        'let operations = dynamic(["Microsoft.Compute/virtualMachines/extensions/write",\n'
        '    "Microsoft.Compute/virtualMachines/runCommand/action"]);\n'
        "let period = 2h;\n"
        "AzureActivity\n"
        "| where TimeGenerated between (datetime(1970-01-01T00:00:00.0000000Z) .. "
        "datetime(1970-01-01T00:01:00.0000000Z))\n"
        "| where OperationNameValue in~ (operations)\n"
        '| where ActivityStatusValue =~ "Success"\n'
        + RULE_15[RULE_15.index("| where OperationNameValue =~") : RULE_15.index("| where isnotempty")]
        + "| where isnotempty(CallerIpAddress)\n"
        '| where CallerIpAddress !startswith "168.63."\n'
        '| where CallerIpAddress !startswith "169.254."\n'
        + RULE_15[RULE_15.index("| extend Path") : RULE_15.index("| summarize")]
        + '| where Caller =~ "a\\"b\\n| take 1"\n| where ResourceGroup =~ "RG"\n'
        '| where SubscriptionId =~ "s"\n'
        "| sort by TimeGenerated asc"
    )
    assert parse(query)[1] == ()


def test_the_pivot_query_computes_keys_and_leaves_out_what_sentinel_lacks() -> None:
    rule = rule_of(
        "| project-rename Who = Caller\n| where OperationCaller == '' and Level == 'x' // no\n"
        "| project Who, ['odd name'] = strlen(Level), strcat(Who, 'x'), ResourceGroup, TimeGenerated, "
        "Got = OperationOutcome\n"
        "| extend Used = strcat(Got, 'x') | where Used has 'y' | where Column1 has 'x' or ['odd name'] > 1",
        "| summarize count() by Who, tolower(ResourceGroup), Odd = ['odd name'] + 1, Got, "
        "bin(TimeGenerated, 1h), Real = toreal(Who), Flag = Who has 'x', Span = 1s",
        correlate=True,
        ignore_case=False,
    )
    key = ('x"', "rg", -3, "gone", HOUR, float("inf"), True, 5)
    assert rule.pivot_query(key, 0, 0).split("\n")[2:] == [
        "| extend Who = Caller",
        "| where Level == 'x'",
        "| extend [\"odd name\"] = strlen(Level), Column1 = strcat(Who, 'x')",
        "| where Column1 has 'x' or ['odd name'] > 1",
        '| where Who == "x\\""',
        '| where tolower(ResourceGroup) == "rg"',
        "| where (['odd name'] + 1) == long(-3)",
        "| where bin(TimeGenerated, 1h) == datetime(1970-01-01T01:00:00.0000000Z)",
        "| where toreal(Who) == real(+inf)",
        "| where (Who has 'x') == true",
        "| where (1s) == timespan(00:00:00.0000005)",
        "| sort by TimeGenerated asc",
    ]
    nulls = rule.pivot_query(("", "", None, "", None, float("nan"), None, None), 0, 0)
    assert "| where isnull((['odd name'] + 1))\n| where isnull(bin(TimeGenerated, 1h))" in nulls
    assert "| where isnan(toreal(Who))" in nulls
    assert parse(nulls)[1] == ()


def test_the_pivot_query_finds_what_the_rule_matches() -> None:
    rule = rule_of(
        "| extend Who = tolower(Caller) | project Who, Level | where Who has 'a'",
        "| summarize N = count() by Who, tolong(Level)",
    )
    query = rule.pivot_query(("a", 5), 0, HOUR).replace("| sort by TimeGenerated asc", "")
    again = compiled(
        f"{query}| where TimeGenerated > ago(1h)\n| summarize N = count() by Caller", every_record=True
    )
    for caller, level, time, is_shown in (
        ("A", "5", 0, True),
        ("A", "5", HOUR, True),
        ("A", "5", HOUR + 1, False),
        ("A", "6", 0, False),
        ("A b", "5", 0, False),
        ("b", "5", 0, False),
    ):
        verdict = again.evaluate(sample(caller=caller, level=level, time=time))
        assert isinstance(verdict, Match) is is_shown


def test_the_hash_sees_meaning_and_not_layout() -> None:
    spaced = RULE_15.replace("\n", "\n\n  ").replace("| where", "|   where /", 0) + "// the end"
    assert compiled(spaced, {"ExecutionCount": 1}).content_hash == RULE.content_hash
    assert len(RULE.content_hash) == 64
    handling = Handling()
    hashes = {
        RULE.content_hash,
        content_hash(RULE_15, handling, {}),
        content_hash(RULE_15, handling, {"ExecutionCount": 2}),
        content_hash(RULE_15, replace(handling, ignore_case=False), {}),
        content_hash(RULE_15, replace(handling, yields_to=("a",)), {}),
        content_hash(RULE_15.replace("Success", "success"), handling, {}),
        content_hash(RULE_15.replace("2h", "120m"), handling, {}),
    }
    assert len(hashes) == 7
    assert content_hash("AzureActivity", handling, {}) == content_hash("\n AzureActivity // x", handling, {})


def test_equal_texts_give_the_same_hash_in_every_run() -> None:
    assert content_hash("AzureActivity | where a == 'b'", Handling(), {"N": 1}) == (
        "5b17d9f162e04036167c41ef65f8fc9cb30d9d1e1e9d2425506a90ef1b0dcf6f"
    )


PROBLEMS = [
    ("AzureActivity | where Caller = 'a' | join x", 2),
    ("AzureActivity | where Calle == 'a' | extend x = foo(1) | summarize count() by Caller", 2),
    ("AzureActivity | where Caller == 'a' | summarize count() by Caller", 2),
    ("", 1),
    ("\x00", 1),
    (
        "AzureActivity | where TimeGenerated > ago(1h) and OperationRows == 1 | summarize count() by A",
        2,
    ),
]


@pytest.mark.parametrize(("text", "count"), PROBLEMS)
def test_all_problems_of_the_first_stage_that_finds_any_are_told(text: str, count: int) -> None:
    rule, problems = compile_kql(text, INFO, Handling(), {}, False)
    assert rule is None
    assert len(problems) == count
    for problem in problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        assert line_and_column(text, problem.span.start) >= (1, 1)


def test_long_chains_of_definitions_are_no_problem() -> None:
    chain = "".join(
        f"| extend S{at} = tolower(S{at - 1}), N{at} = N{at - 1} + 1, "
        f"B{at} = (B{at - 1} or B{at - 1}) and B0\n"
        for at in range(1, 600)
    )
    after = "".join(
        f"| extend N{at} = N{at - 1} + N{at - 1}, B{at} = B{at - 1} or N{at - 1} > 5\n"
        for at in range(1, 200)
    )
    rule = rule_of(
        f"| extend S0 = OperationNameValue, B0 = OperationNameValue == 'a', N0 = 0\n{chain}"
        "| where S599 == 'a' and B599 and N599 == 599",
        "| summarize N0 = count() by Caller, B0 = true",
        f"{after}| where B199 or N0 > 3",
        every_record=False,
    )
    assert rule.operations.names == {"a"}
    assert isinstance(rule.evaluate(sample(operation="a")), Match)
    assert isinstance(rule.evaluate(sample(operation="b")), Rejection)
    assert rule.explain(sample(operation="a")).matches
    assert rule.meets(("x", True), Summary(1, 0, 0, (1,)))


def test_correlated_columns_are_there_for_a_correlated_rule_only() -> None:
    steps = "| where OperationOutcome == 'Success' and OperationNameValue =~ 'a'"
    rule = rule_of(steps, correlate=True, every_record=False)
    assert rule.clauses == ("OperationOutcome", "OperationNameValue")
    assert rule.operations.names == {"a"}
    text = rule.text
    assert compile_kql(text, INFO, Handling(), {}, True)[0] is None


def test_a_rule_for_every_record_wants_every_operation() -> None:
    rule = rule_of("| where Caller == 'a'")
    assert "" in rule.operations
    assert "Anything\ud800" in rule.operations
    tested = rule_of("| where OperationNameValue has 'write' and OperationNameValue !has 'x'")
    assert [name in tested.operations for name in ("a/WRITE", "rewrite", "x/write")] == [True, False, False]


_OF_OPERATIONS = """AzureActivity
| where TimeGenerated > ago(2h) and OperationNameValue =~ "a/b"
| summarize {} by Caller = OperationCaller, ResourceGroup, SubscriptionId"""


def test_a_rule_about_operations_refuses_what_would_take_a_row_in_twice() -> None:
    text = _OF_OPERATIONS.format("N = count(), S = sum(strlen(Level)), L = make_list(Level)")
    rule, problems = compile_kql(text, INFO, Handling(correlate=True), {}, every_record=False)
    assert rule is None
    assert [text[p.span.start :].split("(")[0] for p in problems] == ["sum", "make_list"]
    assert all("judged again" in problem.text for problem in problems)


def test_the_pivot_of_a_rule_about_operations_shows_rows_that_leave_the_caller_empty() -> None:
    text = _OF_OPERATIONS.format("N = count()")
    rule, problems = compile_kql(text, INFO, Handling(correlate=True), {}, every_record=False)
    assert rule is not None, problems
    lines = rule.pivot_query(('x" or true or "', "rg", "s"), 0, 1).splitlines()
    assert '| where Caller =~ "x\\" or true or \\"" or isempty(Caller)' in lines
    assert '| where ResourceGroup =~ "rg"' in lines
