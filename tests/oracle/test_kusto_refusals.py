"""Ten rules of the Sentinel kind beyond the subset: each is refused in its place, with what to write.

All ten are sound KQL to Microsoft's binder but the one that misses a column.
"""

from __future__ import annotations

from textwrap import dedent

import pytest
from kusto_binder import ask, need_binder

from stream_detector.kql.problems import line_and_column
from stream_detector.rules.kql_rule import compile_kql
from stream_detector.rules.model import Handling, RuleInfo

INFO = RuleInfo("rule", "rule", "1", "Low", (), (), "")
MISSING_COLUMN = "a missing column"

RULES = {
    "join": """
        let Failed = 3;
        AzureActivity
        | where TimeGenerated > ago(1h)
        | where ActivityStatusValue =~ "Failure"
        | join kind=inner (
            SigninLogs
            | where TimeGenerated > ago(1h)
            | project Caller = UserPrincipalName, IPAddress
        ) on Caller
        | summarize Failures = count() by Caller, IPAddress
        | where Failures > Failed
        """,
    "union": """
        union isfuzzy=true AzureActivity, SigninLogs
        | where TimeGenerated > ago(1h)
        | summarize Events = count() by bin(TimeGenerated, 5m)
        """,
    "materialize": """
        let Recent = materialize(
            AzureActivity
            | where TimeGenerated > ago(1d)
            | where OperationNameValue has "roleAssignments");
        Recent
        | summarize Grants = count() by Caller
        """,
    "externaldata": """
        let BadAddresses = externaldata(Address: string)
            [@"https://example.com/addresses.csv"] with (format="csv");
        AzureActivity
        | where TimeGenerated > ago(1h)
        | where CallerIpAddress in (BadAddresses)
        | summarize Calls = count() by Caller
        """,
    "mv-expand": """
        AzureActivity
        | where TimeGenerated > ago(1h)
        | extend Parts = split(ResourceId, "/")
        | mv-expand Part = Parts to typeof(string)
        | summarize Calls = count() by Part
        """,
    "parse": """
        AzureActivity
        | where TimeGenerated > ago(1h)
        | parse ResourceId with * "/virtualMachines/" Machine "/" *
        | summarize Calls = count() by Machine
        """,
    "invoke": """
        AzureActivity
        | where TimeGenerated > ago(1h)
        | invoke _Strip()
        | summarize Calls = count() by Caller
        """,
    "a function of one's own": """
        let Domain = (Account: string) { tostring(split(Account, "@")[1]) };
        AzureActivity
        | where TimeGenerated > ago(1h)
        | summarize Calls = count() by Domain(Caller)
        """,
    "a plugin": """
        AzureActivity
        | where TimeGenerated > ago(1h)
        | summarize Calls = count() by Caller, Level
        | evaluate pivot(Level, sum(Calls))
        """,
    MISSING_COLUMN: """
        AzureActivity
        | where TimeGenerated > ago(1h)
        | where CallerIPAddress !startswith "10."
        | summarize Calls = count() by Caller
        """,
}

REFUSALS = {
    "join": [(5, 3, "put what you look up into a list with let")],
    "union": [(1, 1, "write one rule for each table")],
    "materialize": [(1, 14, "write its steps out")],
    "externaldata": [(1, 20, "write the values as let x = dynamic([...])")],
    "mv-expand": [(4, 3, "reach into an array by index")],
    "parse": [(3, 3, "extract(...)")],
    "invoke": [(3, 3, "write the steps out")],
    "a function of one's own": [(1, 14, "write the expression where it is used")],
    "a plugin": [(4, 3, "plugins run in Kusto only")],
    MISSING_COLUMN: [(3, 9, "CallerIpAddress")],
}
"""Line, column and a part of the sentence of each problem."""


def _text(name: str) -> str:
    return dedent(RULES[name]).lstrip("\n")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_beyond_the_subset_is_refused_in_its_place_with_what_to_write(name: str) -> None:
    text = _text(name)
    rule, problems = compile_kql(text, INFO, Handling(), {}, every_record=True)
    assert rule is None
    places = [line_and_column(text, problem.span.start) for problem in problems]
    assert places == [(line, column) for line, column, _ in REFUSALS[name]], problems
    for problem, (_, _, part) in zip(problems, REFUSALS[name], strict=True):
        assert part in problem.text


def test_all_of_them_are_found_at_once_in_one_text() -> None:
    """A text with several of them tells each, not only the first."""
    text = dedent(
        """
        let F = (x: string) { x };
        AzureActivity
        | where TimeGenerated > ago(1h)
        | mv-expand Part = split(ResourceId, "/")
        | join (SigninLogs) on $left.Caller == $right.UserPrincipalName
        | parse ResourceId with * "/" Rest
        | where Callr == "ann"
        | summarize Calls = count() by Caller
        | evaluate bag_unpack(Calls)
        """
    ).lstrip("\n")
    _, problems = compile_kql(text, INFO, Handling(), {}, every_record=True)
    lines = [line_and_column(text, problem.span.start)[0] for problem in problems]
    assert lines == [1, 4, 5, 6, 9], problems


def test_all_but_the_missing_column_are_sound_to_microsofts_binder() -> None:
    need_binder()
    strip = "let _Strip = (T: (Caller: string)) { T | where Caller != '' };\n"
    texts = [(strip if name == "invoke" else "") + _text(name) for name in RULES]
    refused = [name for name, answer in zip(RULES, ask(texts), strict=True) if not answer.accepted]
    assert refused == [MISSING_COLUMN]
