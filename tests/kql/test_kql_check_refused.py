"""What the checker refuses: one problem, its exact place, and what its sentence says.

In the tables, « and » stand around the place; they are no part of the rule.
"""

from __future__ import annotations

import pytest
from test_kql_check import outcome, rule

from stream_detector.kql.check.aggregates import AGGREGATES, REFUSED_AGGREGATES, SEVERAL
from stream_detector.kql.problems import line_and_column

EXPRESSIONS: list[tuple[str, str]] = [
    # names
    ("«Nope»", "there is no column or let Nope"),
    ("«caller»", "names are told apart by case, did you mean Caller?"),
    ("«Calller»", "did you mean Caller?"),
    ("«CallerIP»", "did you mean CallerIpAddress?"),
    ("strlen(«operationnamevalue»)", "did you mean OperationNameValue?"),
    ("«TenantId»", "names the workspace"),
    ("tolower(«OperationName»)", "write OperationNameValue"),
    ("«Authorization_d».scope", "the stream does not carry it"),
    ("«OperationCaller»", "there is no column or let OperationCaller"),
    ("«count»()", "`count` is an aggregate: it can stand in summarize only"),
    ("1 + «dcount»(S)", "`dcount` is an aggregate"),
    ("«avg»(L)", "is an aggregate"),
    # functions
    ("«ToLower»(S)", "KQL tells functions apart by case: write tolower"),
    ("«IIF»(B, 1, 2)", "write iif"),
    ("«tolowr»(S)", "did you mean tolower?"),
    ("«frobnicate»(S)", "there is no function frobnicate here"),
    ("«parse_url»(S)", "`parse_url` is not supported"),
    ("«rand»()", "`rand` is not supported"),
    ("«series_sum»(D)", "`series_sum` is not supported"),
    ("«tolower»()", "`tolower` takes 1 argument, not 0"),
    ("«tolower»(S, S)", "`tolower` takes 1 argument, not 2"),
    ("«substring»(S)", "`substring` takes 2 to 3 arguments, not 1"),
    ("«iff»(B, 1)", "`iff` takes 3 arguments, not 2"),
    ("«case»(B, 1)", "pairs of condition and value"),
    ("«case»(B, 1, B, 2)", "pairs of condition and value"),
    ("«not»(B, B)", "`not` takes 1 argument, not 2"),
    ("«ago»()", "`ago` takes 1 argument, not 0"),
    ("«now»(1h, 2h)", "`now` takes no argument or 1, not 2"),
    # types: text and numbers are never compared silently
    ("S «==» 5", 'write "5"'),
    ("5 «!=» S", 'write "5"'),
    ('L «==» "5"', "write 5"),
    ('L «>» "x"', "`>` takes"),
    ("S «==» L", "not (string, long): wrap L in tostring()"),
    ("B «==» 1", "write true"),
    ('B «==» "true"', "write true"),
    ('S «<» "b"', "not (string, string)"),
    ("L «>» TimeGenerated", "not (long, datetime)"),
    ('TimeGenerated «>» "2026-01-02"', "write datetime(2026-01-02)"),
    ("T «>» 5", "write 5s, 5m, 5h or 5d"),
    ('S «+» "a"', "`+` takes"),
    ("TimeGenerated «+» TimeGenerated", "not (datetime, datetime)"),
    ("TimeGenerated «-» 5", "write 5s, 5m, 5h or 5d"),
    ("«-»S", "wrap S in tolong()"),
    ("«-»TimeGenerated", "not (datetime)"),
    ("«+»S", "wrap S in tolong()"),
    ("D.x «+» 1", "wrap D.x in tolong()"),
    ("D «==» D", "wrap D in tostring()"),
    ("D.x «==» TimeGenerated", "wrap D.x in todatetime()"),
    ('D.x «>» "a"', "not (dynamic, string)"),
    ('L «has» "5"', "not (long, string): wrap L in tostring()"),
    ("S «has» L", "wrap L in tostring()"),
    ("S «has» D.x", "wrap D.x in tostring()"),
    ("«strlen»(L)", "wrap L in tostring()"),
    ("«tolower»(L)", "wrap L in tostring()"),
    ("«array_length»(S)", "`array_length` takes (dynamic), not (string): wrap S in parse_json()"),
    ("«parse_json»(L)", "not (long)"),
    ("«bin»(TimeGenerated, 5)", "write 5s, 5m, 5h or 5d"),
    ("«substring»(S, R)", "wrap R in tolong()"),
    ('«coalesce»(D.kind, "none")', "wrap D.kind in tostring()"),
    ("«coalesce»(D, S)", "wrap D in tostring()"),
    ("S «between» (1 .. 2)".replace("«between»", "between").replace("S ", "«S ") + "»", "`between` takes"),
    # choices
    ("«iff»(B, S, L)", "must have one type, not string, long: wrap L in tostring()"),
    ("«iff»(B, D.x, S)", "wrap D.x in tostring()"),
    ("«iff»(B, L, D.x)", "wrap D.x in tolong()"),
    ('«case»(B, "a", B, 2, "c")', "wrap 2 in tostring()"),
    ("iff(«D», 1, 2)", "must be bool, this is dynamic: wrap it in tobool()"),
    ("case(B, 1, «L», 2, 3)", "must be bool, this is long"),
    ("not(«S»)", "must be bool, this is string"),
    # members
    ("«S.x»", "parse it first, parse_json(S).x"),
    ('«Properties["x"]»', 'parse it first, parse_json(Properties)["x"]'),
    ("«L[0]»", "only dynamic values have members, L is long"),
    ("«tolower(S).x»", "parse_json(tolower(S)).x"),
    ("D[«TimeGenerated»]", "not (dynamic, datetime)"),
    # lists
    ("S in («1», 'a')", '`in` compares with string here, but this list holds long: write "1"'),
    ('L in (1, «"2"»)', "`in` compares with long here, but this list holds string"),
    ("S in («D»)", "must be known before any record"),
    ("S in («D.list»)", "set_has_element(D.list, S)"),
    ("S has_any («D.list», 'a')", "must be known before any record"),
    ('S has_any («dynamic(["a", 5])»)', "this list holds long (5)"),
    ('S in~ («dynamic(["a", null])»)', "not null or a bag"),
    ("S in («dynamic({'a': 1})»)", "not null or a bag"),
    ("«S has_all (dynamic([]))»", "is empty"),
    ('L «in~» ("1")', "not (long, string)"),
    ('L «has_any» ("1", "2")', "wrap L in tostring()"),
    # constants
    ("S matches regex «Caller»", "must be a constant"),
    ("now() «+» ago(1h)", "not (datetime, datetime)"),
    ("1h «-» now()", "not (timespan, datetime)"),
    ("ago(«T»)", "must be a constant timespan"),
    ("ago(«5»)", "`ago` takes a timespan, such as 5h, not long"),
    ("now(«S»)", "`now` takes a timespan, not string"),
    ("ago(«time(null)»)", "must be a constant timespan"),
]


@pytest.mark.parametrize(("marked", "fragment"), EXPRESSIONS, ids=[each[0] for each in EXPRESSIONS])
def test_an_expression_is_refused_at_its_place_with_what_to_write(marked: str, fragment: str) -> None:
    assert_refused(rule(f"| where B\n| extend Z = {marked}"), fragment)


OPERATORS: list[tuple[str, str]] = [
    # conditions
    ("| where «L»", "a condition must be bool, this is long: compare it, such as L > 0"),
    ("| where «S»", "isnotempty(S)"),
    ("| where «D.x»", "wrap D.x in tobool()"),
    ("| where B and «D.x»", "a condition must be bool, this is dynamic"),
    ("| where B or «L»", "what `or` connects must be bool, this is long"),
    ("| where B or (B and «TimeGenerated»)", "what `and` connects must be bool"),
    # extend and project
    ("| extend X = L, Y = «X»", "X is defined by this operator itself"),
    ("| extend X = L, «X» = S", "extend has a column X already"),
    ("| project S, «S» | summarize count() by S", "project has a column S already"),
    ("| project X = S, «X» = L | summarize count() by X", "project has a column X already"),
    ("| extend «TimeGenerated» = now()", "TimeGenerated cannot be redefined"),
    (
        "| project «TimeGenerated» = bin(TimeGenerated, 1h) | summarize max(TimeGenerated) by I = 1",
        "cannot be redefined",
    ),
    ("| extend «bin(TimeGenerated, 1h)»", "would be named TimeGenerated"),
    ("| extend «toint(L)»", "toint(L) would be named L"),
    ("| extend Column1 = S | extend «tolower(S)»", "would be named Column1"),
    ("| extend Column1 = 1, «5»", "5 would be named Column1"),
    ("| extend strlen(S), «strlen(S)»", "would be named strlen_S"),
    ("| project tolower(S), «Column1» = S | summarize count() by S = Column1", "already"),
    ("| project S | summarize count() by «Caller»", "project did not keep it"),
    ("| project S | where «TenantId» == 'a' | summarize count() by S", "names the workspace"),
    # dropping and renaming
    ("| project-away «Nope»", "there is no column or let Nope"),
    ("| project-away S, «caller»", "did you mean Caller?"),
    ("| project-away «X*»", "there is no column or let X*"),
    ("| project S, L | project-away «TenantId» | summarize count() by S", "does not exist here"),
    ("| project-away Caller | summarize count() by «Caller»", "project-away did not keep it"),
    ("| project-rename Who = «Nope» | where Who > 5", "there is no column or let Nope"),
    ("| project-rename «L» = S", "there is a column L already"),
    ("| project-rename «S» = S", "there is a column S already"),
    ("| project-rename X = S, «Y» = S", "S is renamed twice"),
    ("| project-rename X = S, «X» = L", "there is a column X already"),
    ("| project-rename «X» = TimeGenerated", "TimeGenerated cannot be renamed"),
    ("| project-rename X = S | where isempty(«S»)", "project-rename did not keep it"),
    ("| sort by «Nope»", "there is no column or let Nope"),
    # summarize
    ("| «summarize» count()", "summarize needs `by`"),
    ("| summarize count() by «D.x»", "a key cannot be dynamic, D.x is: wrap it in tostring(D.x)"),
    ("| summarize count() by S, «S»", "summarize has a column S already"),
    ("| summarize count() by bin(TimeGenerated, 1h), «TimeGenerated»", "already"),
    ("| summarize «S» = count() by S", "summarize has a column S already"),
    ("| summarize count(), «count_» = dcount(S) by S", "summarize has a column count_ already"),
    ("| summarize count() by «count»()", "a key is computed from one record"),
    ("| summarize tolower(«S») by S", "outside of an aggregate, summarize sees no columns"),
    ("| summarize X = strcat(«S», count()) by S", "take_any()"),
    ("| summarize «5» by S", "summarize takes aggregates"),
    ("| summarize X = «now()» by S", "summarize takes aggregates"),
    ("| summarize max(«count»()) by S", "cannot stand inside another aggregate"),
    ("| summarize X = 1 + max(«dcount»(S)) by S", "cannot stand inside another aggregate"),
    ("| summarize X = 1 + «arg_max»(L, S) by S", "gives several columns"),
    ("| summarize X = tostring(«take_any»(S, L)) by I", "gives several columns"),
    ("| summarize X = tostring(«take_any»(*)) by I", "gives several columns"),
    ("| summarize count() by S | «summarize» count()", "a rule has one summarize"),
    ("| summarize count() by S | where isempty(«Caller»)", "summarize did not keep it"),
    ("| summarize n = count() by S | where «n»", "a condition must be bool"),
    ("| summarize n = count() by S | where «count»() > 1", "it can stand in summarize only"),
    ("| summarize n = count() by S | sort by n, «m»", "there is no column or let m"),
    ("| sort by L | summarize «make_list(S)» by I", "which is always oldest first"),
    # aggregates
    ("| summarize «count»(L) by S", "`count` takes no argument: write countif()"),
    ("| summarize countif(«L») by S", "the condition of `countif` must be bool, this is long"),
    ("| summarize countif(«D.x») by S", "wrap it in tobool()"),
    ("| summarize «countif»() by S", "`countif` takes a condition, not no arguments"),
    ("| summarize «dcount»() by S", "`dcount` takes a value, and perhaps an accuracy"),
    ("| summarize «dcountif»(S) by I", "`dcountif` takes a value and a condition"),
    ("| summarize «sumif»(L) by I", "`sumif` takes a value and a condition, not 1 argument"),
    ("| summarize dcount(«D») by S", "wrap it in tostring(D)"),
    ("| summarize make_set(«D.x») by S", "wrap it in tostring(D.x)"),
    ("| summarize make_list(«split(S, '/')») by S", "does not take dynamic values"),
    ("| summarize take_any(«D») by S", "does not take dynamic values"),
    ("| summarize max(«D.x») by S", "does not take dynamic values"),
    ("| summarize arg_max(L, «D») by S", "does not take dynamic values"),
    ("| summarize arg_max(«D.x», S) by I", "does not take dynamic values"),
    ("| summarize sum(«S») by I", "wrap it in tolong(S)"),
    ("| summarize sum(«TimeGenerated») by I", "adds numbers or timespans"),
    ("| summarize sum(«B») by I", "write countif()"),
    ("| summarize dcount(S, «7») by I", "from 0 to 4"),
    ("| summarize make_set(S, «0») by I", "from 1 to 1,048,576"),
    ("| summarize make_set(S, «-1») by I", "a constant whole number"),
    ("| summarize make_set(S, «L») by I", "a constant whole number"),
    ("| summarize make_list(S, «1.5») by I", "a constant whole number"),
    ("| summarize make_set_if(S, B, «2000000») by I", "from 1 to 1,048,576"),
    ("| summarize «arg_max»() by I", "`arg_max` takes a value to compare"),
    ("| summarize «take_any»() by I", "`take_any` takes a value"),
    ("| summarize arg_max(L, «*», S) by I", "write either `*` or the columns"),
    (
        "| project-away D | extend P = split(S, '/') | summarize arg_max(L, «*») by S",
        "`*` would hand on P, which is dynamic",
    ),
    ("| project S, L, P = Properties_d | summarize arg_max(L, «*») by S", "`*` would hand on P"),
    ("| project S, P = Properties_d | summarize take_any(«*») by S", "`*` would hand on P"),
    ("| project S, P = Properties_d | summarize any(«*») by S", "`*` would hand on P"),
    ("| project S, L, Properties_d | summarize any(«*») by S", "`*` would hand on Properties_d"),
    (
        "| project S, Properties = Caller, Properties_d | summarize any(«*») by S",
        "`*` would hand on Properties_d",
    ),
    ("| summarize arg_max(L, «*») by S", "`*` would hand on D"),
    ("| summarize («take_any»(S)) by I", "without brackets"),
    ("| summarize «counts»() by S", "did you mean count?"),
    ("| project S | summarize «take_any(*)» by S", "has no column to show"),
]


@pytest.mark.parametrize(("marked", "fragment"), OPERATORS, ids=[each[0] for each in OPERATORS])
def test_an_operator_is_refused_at_its_place_with_what_to_write(marked: str, fragment: str) -> None:
    assert_refused(rule(f"| where B\n{marked}"), fragment)


RULES: list[tuple[str, str]] = [
    ("«AzureActivity» | where B", "a rule needs a summarize"),
    ("«AzureActivity» | summarize count() by S | project-away *", "the result has no column"),
    ("let «Caller» = 5; AzureActivity | summarize count() by S", "Caller is a column of the table"),
    ("let «TenantId» = 5; AzureActivity | summarize count() by S", "TenantId is a column of the table"),
    ("let x = 5; let «x» = 6; AzureActivity | summarize count() by S", "there is a let x already"),
    ("let y = «x»; let x = 5; AzureActivity | summarize count() by S", "the let x stands further down"),
    ("let x = «x»; AzureActivity | summarize count() by S", "the let x stands further down"),
    ("let x = «Caller»; AzureActivity | summarize count() by S", "a let cannot read columns"),
    ("let x = «nope»; AzureActivity | summarize count() by S", "there is no column or let nope"),
    ("let x = «bin(now(), 1h)»; AzureActivity | summarize count() by S", "known before any record"),
    ("let limit = 5; AzureActivity | where L > «limt» | summarize count() by S", "did you mean limit?"),
    ("let x = 5; AzureActivity | where S «==» x | summarize count() by S", 'write "x"'),
    ("let x = «count»(); AzureActivity | summarize count() by S", "can stand in summarize only"),
]


@pytest.mark.parametrize(("marked", "fragment"), RULES, ids=[each[0] for each in RULES])
def test_a_rule_is_refused_at_its_place_with_what_to_write(marked: str, fragment: str) -> None:
    assert_refused(marked, fragment)


def assert_refused(marked: str, fragment: str) -> None:
    start = marked.index("«")
    end = marked.index("»") - 1
    text = marked.replace("«", "").replace("»", "")
    checked, problems = outcome(text)
    assert checked is None
    told = [
        (line_and_column(text, each.span.start), line_and_column(text, each.span.end), each.text)
        for each in problems
    ]
    assert len(told) == 1, told
    assert told[0][:2] == (line_and_column(text, start), line_and_column(text, end)), told
    assert fragment in told[0][2]


@pytest.mark.parametrize("name", sorted(REFUSED_AGGREGATES))
def test_an_aggregate_that_is_not_supported_has_a_sentence(name: str) -> None:
    assert_refused(f"AzureActivity | summarize X = «{name}»(L, B) by S", REFUSED_AGGREGATES[name])


def test_no_aggregate_is_both_supported_and_refused() -> None:
    assert not (AGGREGATES.keys() | SEVERAL.keys()) & REFUSED_AGGREGATES.keys()


def test_a_member_of_an_array_is_told_by_its_value() -> None:
    assert_refused(
        'let ports = dynamic(["a", 22]);\nAzureActivity | where S in («ports») | summarize count() by S',
        'this list holds long (22): write "22"',
    )
