"""The names and types of columns, as Microsoft's own binder (@kusto/language-service-next) tells them.

Every row was answered by the binder; where this program refuses or leaves out, it is another test's.
"""

from __future__ import annotations

import pytest
from test_kql_check import SAMPLE, accepted, result, rule

from stream_detector.kql.schema import COLUMNS

SUMMARIZE: list[tuple[str, str]] = [
    ("count() by Caller", "Caller:string count_:long"),
    ("count(), count() by Caller", "Caller:string count_:long count_1:long"),
    ("n = count() by Who = Caller", "Who:string n:long"),
    ("by Caller", "Caller:string"),
    ("dcount(S), dcountif(S, B) by Caller", "Caller:string dcount_S:long dcountif_S:long"),
    ("countif(B), countif(L > 5) by Caller", "Caller:string countif_B:long countif_:long"),
    ("countif(L > 5), countif(isempty(S)) by Caller", "Caller:string countif_:long countif_1:long"),
    ("countif(tobool(D.b)) by Caller", "Caller:string countif_D_b:long"),
    (
        "make_set(S), make_set(S, 5), make_set_if(S, B) by Caller",
        "Caller:string set_S:dynamic set_S1:dynamic set_S2:dynamic",
    ),
    ("make_list(S, 5) by Caller", "Caller:string list_S:dynamic"),
    ("make_set(tostring(D.x.y)) by Caller", "Caller:string set_D_x_y:dynamic"),
    ("make_set(tolower(S)), make_set(iff(B, S, Caller)) by I", "I:int set_:dynamic set_1:dynamic"),
    ("take_any(S), any(S) by Caller", "Caller:string S:string any_S:string"),
    ("take_any(S, L), any(S, L) by Caller", "Caller:string S:string L:long any_S:string any_L:long"),
    ("X = take_any(S, L) by Caller", "Caller:string X:string L:long"),
    ("take_any(tolower(S)), any(tolower(S)) by Caller", "Caller:string any_arg0:string any_:string"),
    ("take_any(tolower(S), L + 1, toint(L)) by I", "I:int any_arg0:string any_arg1:long L:int"),
    ("take_any(S) by S", "S:string S1:string"),
    ("min(S), max(L), min(T), max(B) by I", "I:int min_S:string max_L:long min_T:timespan max_B:bool"),
    ("min(TimeGenerated), max(R) by I", "I:int min_TimeGenerated:datetime max_R:real"),
    ("max(tolower(S)), max(L + 1), max(5) by I", "I:int max_:string max_1:long max_2:long"),
    ("max(toint(L)), min(bin(TimeGenerated, 1h)) by I", "I:int max_L:int min_TimeGenerated:datetime"),
    ("max(strlen(S)) by strlen(D.x)", "strlen_D_x:long max_strlen_S:long"),
    ("max(-L), max(['S']) by I", "I:int max_:long max_S:string"),
    ("sum(I), sum(R), sum(T) by Caller", "Caller:string sum_I:long sum_R:real sum_T:timespan"),
    ("sumif(L, B), sum(tolong(D.x)) by I", "I:int sumif_L:long sum_D_x:long"),
    ("arg_max(TimeGenerated, S, L) by I", "I:int TimeGenerated:datetime S:string L:long"),
    ("arg_max(L, TimeGenerated) by I", "I:int L:long TimeGenerated:datetime"),
    ("arg_max(L) by I", "I:int L:long"),
    ("X = arg_max(TimeGenerated, S, L) by I", "I:int X:datetime S:string L:long"),
    ("arg_max(L + 1, S), arg_min(L + 1, I) by B", "B:bool max_:long S:string min_:long I:int"),
    ("arg_max(TimeGenerated, tolower(S)) by I", "I:int TimeGenerated:datetime max_TimeGenerated_arg1:string"),
    (
        'arg_max(L, tolower(S), toint(L), strcat(S, "x")) by I',
        "I:int L:long max_L_arg1:string L1:int max_L_arg3:string",
    ),
    (
        "arg_max(TimeGenerated, S), arg_min(TimeGenerated, S) by I",
        "I:int TimeGenerated:datetime S:string TimeGenerated1:datetime S1:string",
    ),
    ("arg_max(TimeGenerated, Caller) by Caller", "Caller:string TimeGenerated:datetime Caller1:string"),
    ("max(L), arg_max(L, S) by I", "I:int max_L:long L:long S:string"),
    ("L = count(), arg_max(L, S) by I", "I:int L:long L1:long S:string"),
    ("count_ = dcount(S), count() by I", "I:int count_:long count_1:long"),
    ("count() by count_ = S", "count_:string count_1:long"),
    ("dcount(S) by dcount_S = S", "dcount_S:string dcount_S1:long"),
    ("count() by bin(TimeGenerated, 1h)", "TimeGenerated:datetime count_:long"),
    (
        "count() by bin(TimeGenerated, 1h), bin(TimeGenerated, 1d)",
        "TimeGenerated:datetime TimeGenerated1:datetime count_:long",
    ),
    ("count() by tolower(S), toupper(S)", "Column1:string Column2:string count_:long"),
    ("count() by tolower(S), S", "Column1:string S:string count_:long"),
    ("count() by Column1 = S, tolower(S)", "Column1:string Column11:string count_:long"),
    ('count() by tostring(D.x), tostring(D["y"][0])', "D_x:string D_y_0:string count_:long"),
    ('count() by tostring(split(S, "/")[8])', "S_8:string count_:long"),
    ("count() by L + 1, bin(L, 10), 1", "Column1:long L:long Column2:long count_:long"),
    ("count() by strlen(S), strlen(tolower(S))", "strlen_S:long strlen_:long count_:long"),
    (
        'count() by S == "x", not(B), iff(B, 1, 2)',
        "Column1:bool Column2:bool Column3:long count_:long",
    ),
    (
        "count() by toint(L), todatetime(S), startofday(TimeGenerated)",
        "L:int S:datetime TimeGenerated:datetime count_:long",
    ),
    # a member of what has no name of its own is named by the member alone
    ('count() by tostring(split(tolower(S), "/")[2])', "2:string count_:long"),
    ('count() by tostring(parse_json(strcat(S, "x")).y.z)', "y_z:string count_:long"),
    ('count() by tostring(parse_json(strcat(S, "x"))[-1])', "Column1:string count_:long"),
    ("count() by strlen(coalesce(D.a, D.b).c)", "strlen_c:long count_:long"),
    ("count() by tostring(D[-1].a)", "D__a:string count_:long"),
    ("dcount(tostring(coalesce(D.a, D.b).c)) by I", "I:int dcount_c:long"),
    ("take_any(tostring(coalesce(D.a, D.b).c)) by I", "I:int c:string"),
    (
        "arg_max(tolong(coalesce(D.a, D.b).c), tolower(S)) by I",
        "I:int c:long max_c_arg1:string",
    ),
    ("any(tolower(S), L) by I", "I:int any_arg0:string any_L:long"),
    # take_any has no name inside of an expression, any has
    ("tostring(take_any(S)), tolong(take_any(S)) by I", "I:int Column1:string Column2:long"),
    ("strlen(take_any(S)), strlen(any(S)) by I", "I:int strlen_:long strlen_any_S:long"),
    ("tostring(parse_json(take_any(S)).a) by I", "I:int a:string"),
    ('split(take_any(S), "@")[0] by I', "I:int 0:dynamic"),
    ("tostring(any(S)) by I", "I:int any_S:string"),
    ("bin(take_any(L), 5), startofday(take_any(TimeGenerated)) by I", "I:int Column1:long Column2:datetime"),
    ("tostring(make_set(tolower(S))[0]) by I", "I:int set__0:string"),
    # expressions of aggregates
    ("n = count() * 2, count() + dcount(S) by I", "I:int n:long Column1:long"),
    ("Z = max(TimeGenerated) - min(TimeGenerated) by I", "I:int Z:timespan"),
    ("tostring(make_set(S)), make_set(S)[0] by I", "I:int set_S:string set_S_0:dynamic"),
    ("array_length(make_set(S)) by I", "I:int Column1:long"),
    ("bin(max(TimeGenerated), 1h), toint(count()) by I", "I:int max_TimeGenerated:datetime count_:int"),
    ("-count(), not(count() > 5) by I", "I:int Column1:long Column2:bool"),
    ('iff(count() > 5, "x", "y") by I', "I:int Column1:string"),
]


@pytest.mark.parametrize(("operands", "columns"), SUMMARIZE, ids=[each[0] for each in SUMMARIZE])
def test_summarize_names_and_types_its_columns_as_kusto_does(operands: str, columns: str) -> None:
    assert result(f"AzureActivity | summarize {operands}") == columns


BEFORE = "AzureActivity | summarize S = take_any(S), L = max(L), I = max(I), D = make_set(S) by Caller"

BEHIND: list[tuple[str, str]] = [
    ("project A = S, B2 = L | extend A = 1", "A:long B2:long"),
    ("project S, L | extend X = S", "S:string L:long X:string"),
    ("project S, L | extend L", "S:string L:long"),
    ("project S, tolower(S), tolower(Caller), L + 1", "S:string Column1:string Column2:string Column3:long"),
    ("project toint(L), D[0], D.x", "L:int D_0:dynamic D_x:dynamic"),
    ("project L, toint(L)", "L:long L1:int"),
    ("project Column1 = S, tolower(S)", "Column1:string Column11:string"),
    ("project S, L | extend tolower(S), L + 1", "S:string L:long Column1:string Column2:long"),
    ("project S, L, I | project-away S*", "L:long I:int"),
    ("project S, L, I | project-away S, S", "L:long I:int"),
    ("project S, L, I | project-rename A = S", "A:string L:long I:int"),
    ("project S, L | project-rename A = S, B = L", "A:string B:long"),
    ("project ['a b'] = S | where ['a b'] has 'x'", "a b:string"),
    ("project parse_json(S).x, split(S, '/')[8], D[-1]", "S_x:dynamic S_8:dynamic D_:dynamic"),
    ("project strlen(S), (S), -L", "strlen_S:long S:string Column1:long"),
]


@pytest.mark.parametrize(("operators", "columns"), BEHIND, ids=[each[0] for each in BEHIND])
def test_columns_keep_or_change_places_as_in_kusto(operators: str, columns: str) -> None:
    assert result(f"{BEFORE} | {operators}") == columns


STAR: list[tuple[str, str]] = [
    ("arg_max(TimeGenerated, *) by S", "S:string TimeGenerated:datetime L:long"),
    ("arg_max(TimeGenerated, *) by X = S", "X:string TimeGenerated:datetime L:long"),
    ("arg_max(TimeGenerated, *) by tolower(S)", "Column1:string TimeGenerated:datetime S:string L:long"),
    ("arg_max(L, *), count() by S", "S:string L:long TimeGenerated:datetime count_:long"),
    ("X = arg_max(L, *) by S", "S:string X:long TimeGenerated:datetime"),
    (
        "arg_max(TimeGenerated, *) by bin(TimeGenerated, 1h)",
        "TimeGenerated:datetime TimeGenerated1:datetime S:string L:long",
    ),
    ("arg_max(tolower(S), *) by L", "L:long max_:string TimeGenerated:datetime S:string"),
    ("take_any(*) by L", "L:long TimeGenerated:datetime S:string"),
    ("any(*) by L", "L:long any_TimeGenerated:datetime any_S:string"),
]


@pytest.mark.parametrize(("operands", "columns"), STAR, ids=[each[0] for each in STAR])
def test_a_star_stands_for_the_columns_that_are_no_keys(operands: str, columns: str) -> None:
    assert result(f"AzureActivity | project TimeGenerated, S, L | summarize {operands}") == columns


def test_a_star_hands_on_the_whole_table_but_dynamic_columns_of_it() -> None:
    names = [
        column.name
        for column in accepted(
            "AzureActivity | project-away D | summarize arg_max(TimeGenerated, *) by Caller"
        ).result
    ]
    expected = [name for name in SAMPLE if name not in ("Caller", "TimeGenerated", "Properties_d", "D")]
    assert names == ["Caller", "TimeGenerated", *expected]
    assert set(COLUMNS) - set(names) == {"Properties_d"}


def test_automatic_names_work_before_summarize() -> None:
    checked = accepted(rule("| project tostring(D.x), tolower(S), L | summarize count() by D_x, Column1"))
    assert [key.name for key in checked.keys] == ["D_x", "Column1"]
