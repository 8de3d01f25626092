"""What the parser refuses: each mistake once, at its line and column, with what to write instead."""

from __future__ import annotations

import pytest

from stream_detector.kql.parse import MOST_CHARACTERS, parse
from stream_detector.kql.problems import line_and_column


def complaints(text: str) -> list[tuple[int, int, str]]:
    query, problems = parse(text)
    assert (query is None) == bool(problems)
    return [(*line_and_column(text, problem.span.start), problem.text) for problem in problems]


# `^` stands before the word that is complained about, and is taken out.
OPERATORS = """
^join kind=inner (SigninLogs | where a == 1) on Caller
^join (X) on $left.a == $right.b
^lookup (X | project a, b) on a
^union (AzureActivity | where b), X
^mv-expand Part = split(a, "/")
^mvexpand a
^mv-apply a on (where b | summarize count())
^parse ResourceId with * "/x/" Machine
^parse kind=regex a with * "x" b:long
^parse-where a with * "x" b
^parse-kv a as (b: string) with (pair_delimiter=",")
^evaluate bag_unpack(a)
^invoke f(1)
^make-series count() on TimeGenerated from ago(1h) to now() step 5m by a
^distinct a, b
^take 5
^limit 5
^top 5 by a desc
^top-nested 3 of a by count()
^top-hitters 3 of a
^sample 5
^sample-distinct 5 of a
^count
^serialize a = row_number()
^scan with (step s: true;)
^search "x"
^find "x"
^render timechart with (title="x")
^as T
^consume
^fork (where a) (where b)
^facet by a
^partition by a (top 1 by b)
^reduce by a
^getschema
^project-reorder a, b
^project-keep a
^materialize(X)
^externaldata(a: string)["https://example.com"]
^datatable(a: string)["x"]
^print a = 1
^range a from 1 to 2 step 1
""".strip().splitlines()


@pytest.mark.parametrize("line", OPERATORS)
def test_an_operator_that_a_stream_cannot_have_is_refused_by_name_and_the_rest_is_read(line: str) -> None:
    name = line[1:].split(" ")[0].split("(")[0]
    text = f"AzureActivity\n| where a == 1\n| {line[1:]}\n| where b = 2\n"
    first, second = complaints(text)
    assert first[:2] == (3, 3)
    assert first[2].startswith(f"{name} is not supported")
    assert len(first[2]) > len(f"{name} is not supported: ") + 10, "says why, or what to write instead"
    assert second[:2] == (4, 11)


WHERE = [
    # comparisons and words of other languages
    ("a ^= 1", "compare with =="),
    ("f(a ^= 1)", "compare with =="),
    ("(a ^= 1)", "compare with =="),
    ("a == b ^== c", "cannot follow another comparison"),
    ("a < b ^< c", "cannot follow another comparison"),
    ('a in (1) ^== "x"', "cannot follow another comparison"),
    ('a has "x" ^has "y"', "cannot follow another comparison"),
    ("a == -^- 1", "a sign cannot follow a sign"),
    ("a ^&& b", "write `and`"),
    ("a ^|| b", "write `or`"),
    ("(a ^|| b) and c", "write `or`"),
    ("^!isempty(a)", "write not(...)"),
    ("^! isempty(a)", "write not(...)"),
    ("^not a == 1", "write not(...)"),
    ("a ^AND b", "write and"),
    ("(a ^Or b)", "write or"),
    ('a ^Has "x"', "write has"),
    ("a ^is null", "isnull(x)"),
    ("a ^not in (1)", "!in"),
    ('a ^like "x"', "matches regex"),
    ('a ^notlike "x"', "!contains"),
    ('a ^notcontains "x"', "!contains"),
    ('a ^containscs "x"', "contains_cs"),
    ('a^:"x"', "write has"),
    ('a ^!hass "x"', "did you mean !has?"),
    ('a ^!has_any ("x")', "write not(x has_any (...))"),
    ('a matches ^"x"', "`regex`"),
    ("a == ^null", "isnull"),
    ("^in (1)", "['in']"),
    ("a == ^by", "['by']"),
    ("^datetime > 1", "a word of KQL"),
    ("a > ^datetime (2026-01-02)", "without a blank"),
    # values and brackets
    ("a ==^", "a value is expected"),
    ("^== a", "a value is expected"),
    ("a and^", "a value is expected"),
    ("a ^b", "an operator"),
    ("a ^.. b", "an operator"),
    ("^(a and b", "never closed"),
    ("f^(a, b", "never closed"),
    ("^(a and (b or c)", "never closed"),
    ("a^[0", "never closed"),
    ("a^)", "closes nothing"),
    ("(a)^)", "closes nothing"),
    ("a^]", "closes nothing"),
    ("a^}", "closes nothing"),
    ("f(a ^b)", "a comma or )"),
    ("f(a,^)", "a value is expected"),
    ("(^)", "a value is expected"),
    ("(a^, b)", "a list cannot stand here"),
    ("a^, b", "write `and`"),
    ("^*", "* is no value"),
    ("^* == a", "* is no value"),
    ("a == ^[1, 2]", "dynamic([...])"),
    ("a.^(b)", "the name of a member"),
    ("a.^[b]", "the name of a member"),
    ("a.^f(b)", "behind a dot"),
    ("a == ^['']", "empty"),
    ("a ^{ b }", "an operator"),
    # lists, bounds and queries inside of queries
    ("a in ^()", "at least one value"),
    ("a in ^b", "a list in brackets"),
    ('a has_any ^"x"', "a list in brackets"),
    ("a in ^dynamic([1])", "a list in brackets"),
    ("a in (SigninLogs ^| project b)", "a query inside of a query"),
    ("a in ((SigninLogs ^| project b))", "a query inside of a query"),
    ("a == ^toscalar(T | count)", "toscalar is not supported"),
    ("a in (^materialize(T))", "materialize is not supported"),
    ("a in (^datatable(a: string)['x'])", "datatable is not supported"),
    ("a between ^1 .. 2", "with brackets"),
    ("a between (1^, 2)", "`..`"),
    ("a between (1 ..^)", "a value is expected"),
    # what is no KQL
    ('a == ^"x', "not closed on its line"),
    ("a == ^'x\"", "not closed on its line"),
    ('a == ^@"x', "not closed on its line"),
    ('a == ^"C:\\"', 'for a backslash write \\\\'),
    ('a in ("x", ^"y)', "not closed on its line"),
    ("a == ^```x", "never closed"),
    ("a == 'it'^s'", "an operator"),
    ("a == ^“x”", "typographic quote"),
    ("a == ^‘x’ and b", "typographic quote"),
    ("a == ^“x", "typographic quote"),
    ("^`a` == 1", "['name']"),
    ("^é == 1", "U+00E9"),
    ("Gr^öße == 1", "['name']"),
    ("a ^# b", "write //"),
    ("a ^/* b */ == 1", "begin every line of a comment"),
    ("^$left.a", "cannot begin with $"),
    ("a == ^5apples", "['5apples']"),
    ("a ^~ b", "no part of KQL"),
    ("a ^\\ b", "no part of KQL"),
    ("a ^\x00 b", "U+0000"),
    ("a == ^\"x\ud800\"", "surrogate"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "phrase"), WHERE)
def test_one_mistake_in_a_condition_is_one_problem_in_its_place(marked: str, phrase: str) -> None:
    column = len("| where ") + marked.index("^") + 1
    text = f"AzureActivity\n| where {marked.replace('^', '', 1)}"
    if "```" in marked:
        ((line, found, sentence),) = complaints(text)
    else:
        # What stands behind is read, and has a mistake of its own.
        first, second = complaints(f"{text}\n| where c\n| wher d\n")
        line, found, sentence = first
        assert second[:2] == (4, 3)
    if (line, found) == (3, 1):
        # Nothing is left on the line: the place is where the next word stands.
        line, found = 2, column
    assert (line, found) == (2, column)
    assert phrase in sentence


FILES = [
    ("", 1, 1, "there is no query"),
    ("// nothing\n", 1, 1, "there is no query"),
    ("let a = 1;", 1, 11, "there is no query"),
    ("let a = 1", 1, 10, "there is no query"),
    ("let a = 1\nAzureActivity | where b", 1, 10, "a ; is missing"),
    ("let a = 1 +\nAzureActivity | where b", 1, 12, "not finished"),
    ("let a = f(1\nAzureActivity | where b", 1, 10, "never closed"),
    ("let a = ;\nAzureActivity | where b", 1, 9, "a value is expected"),
    ("let a 5;\nAzureActivity | where b", 1, 7, "= is expected"),
    ("let = 5;\nAzureActivity | where b", 1, 5, "a name is expected"),
    ("let by = 5;\nAzureActivity | where b", 1, 5, "['by']"),
    ("let a = 5 6;\nAzureActivity | where b", 1, 11, "; at the end of the let"),
    ("Let a = 5;\nAzureActivity | where b", 1, 1, "write let"),
    ("let f = (a: string) { let z = 1; a };\nAzureActivity | where b", 1, 9, "functions of your own"),
    ("let f = () { 1 };\nAzureActivity | where b", 1, 9, "functions of your own"),
    ("let V = view () { X };\nAzureActivity | where b", 1, 9, "views"),
    ("let T = AzureActivity | where b;\nT | where c", 1, 9, "let cannot hold a table"),
    ("let T =\n  AzureActivity\n  | where b;\nT | where c", 2, 3, "let cannot hold a table"),
    ("let T = AzureActivity;\nAzureActivity | where a in (T)", 1, 9, "let cannot hold a table"),
    ("let T = (X | where b);\nAzureActivity | where a in (T)", 1, 9, "let cannot hold a table"),
    ("let T = union A, B;\nAzureActivity | where a in (T)", 1, 9, "union is not supported"),
    ("let T = datatable (a: string) ['x'];\nAzureActivity | where b", 1, 9, "datatable is not supported"),
    ("let T = materialize(X | where b);\nAzureActivity | where b", 1, 9, "materialize is not supported"),
    ("let a = toscalar(X | count);\nAzureActivity | where b", 1, 9, "toscalar is not supported"),
    ("let a = 5;\na | where b", 2, 1, "value of a let"),
    ("set notruncation;\nAzureActivity | where b", 1, 1, "set is not supported"),
    ("declare query_parameters(a: long = 5);\nAzureActivity | where b", 1, 1, "declare is not supported"),
    ("alias database d = cluster('x').database('y');\nAzureActivity", 1, 1, "alias is not supported"),
    ("restrict access to (T);\nAzureActivity", 1, 1, "restrict is not supported"),
    ("SigninLogs\n| where a", 1, 1, "SigninLogs is no table of a rule"),
    ("azureactivity | where a", 1, 1, "write AzureActivity"),
    ("workspace('x').AzureActivity | where a", 1, 1, "no table of a rule"),
    ("union AzureActivity, X | where a", 1, 1, "union is not supported"),
    ("union (AzureActivity | where a), (X | where b)\n| where c", 1, 1, "union is not supported"),
    ("search 'x'", 1, 1, "search is not supported"),
    ("range a from 1 to 2 step 1", 1, 1, "range is not supported"),
    ("print 1", 1, 1, "print is not supported"),
    ("materialize(X) | where a", 1, 1, "materialize is not supported"),
    ("(AzureActivity | where a) | where b", 1, 1, "a query begins with AzureActivity"),
    ("| where a", 1, 1, "a query begins with AzureActivity"),
    ("'AzureActivity' | where a", 1, 1, "a query begins with AzureActivity"),
    ("AzureActivity where a", 1, 15, "a | is missing before where"),
    ("AzureActivity\n| where a\nproject-away b", 3, 1, "a | is missing before project-away"),
    ("AzureActivity, X | where a", 1, 14, "is expected here, not ,"),
    ("AzureActivity |", 1, 16, "is missing behind |"),
    ("AzureActivity | | where a", 1, 17, "is missing behind |"),
    ("AzureActivity | 5", 1, 17, "is expected here, not 5"),
    ("AzureActivity | Where a", 1, 17, "write where"),
    ("AzureActivity | sumarize count() by a", 1, 17, "did you mean summarize?"),
    ("AzureActivity | frobnicate a", 1, 17, "frobnicate is no operator"),
    ("AzureActivity | where a; X | where b", 1, 26, "exactly one query"),
    ("AzureActivity | where a; | where b", 1, 26, "the ; before this"),
    ("AzureActivity | where a;\nlet b = 1;", 2, 1, "move this one up"),
    ("AzureActivity | where a; it's", 1, 26, "exactly one query"),
    ("AzureActivity | extend", 1, 23, "a value is expected"),
    ("AzureActivity | extend a = 1,\n| where b", 2, 1, "a value is expected"),
    ("AzureActivity | extend a = 1 b = 2", 1, 30, "a comma"),
    ("AzureActivity | extend a == 1 = 2", 1, 31, "compare with =="),
    ("AzureActivity | extend (a, b) = f(c)", 1, 24, "names in brackets"),
    ("AzureActivity | extend by = 1", 1, 24, "['by']"),
    ("AzureActivity | project", 1, 24, "a value is expected"),
    ("AzureActivity | project *", 1, 25, "* is no value"),
    ("AzureActivity | project-away", 1, 29, "the name of a column"),
    ("AzureActivity | project-away f(a)", 1, 31, "is expected here, not ("),
    ("AzureActivity | project-away ['a*']", 1, 30, "without quotes"),
    ("AzureActivity | project-rename a", 1, 32, "write New = Old"),
    ("AzureActivity | project-rename a = b + 1", 1, 32, "write New = Old"),
    ("AzureActivity | summarize", 1, 26, "a value is expected"),
    ("AzureActivity | summarize count() by", 1, 37, "a value is expected"),
    ("AzureActivity | summarize count() a", 1, 35, "a comma"),
    ("AzureActivity | summarize hint.strategy=shuffle count() by a", 1, 27, "hints"),
    ("AzureActivity | summarize (a, b) = arg_max(c, d) by e", 1, 27, "names in brackets"),
    ("AzureActivity | sort a", 1, 22, "`by`"),
    ("AzureActivity | sort by a nulls", 1, 32, "`first` or `last`"),
    ("AzureActivity | sort by a up", 1, 27, "is expected here, not up"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "phrase"), FILES)
def test_one_mistake_in_a_file_is_one_problem_in_its_place(
    text: str, line: int, column: int, phrase: str
) -> None:
    ((found_line, found_column, sentence),) = complaints(text)
    assert (found_line, found_column) == (line, column)
    assert phrase in sentence


def test_all_problems_of_a_file_are_told_at_once_and_in_order() -> None:
    text = """\
// a file in which everything is wrong
let a = b c;
let f = (x: long) { x + 1 };
let d = “x”;
AzureActivity
| where a = 1
| where b == 'x' and (c in (1, 2
| join (SigninLogs
    | where x = 1
    | where y = 2) on z
| extend e = "unclosed
| summarize count() by
| where int(e) == 5 and “x”
| render timechart
"""
    assert [(line, column) for line, column, _ in complaints(text)] == [
        (2, 11),
        (3, 9),
        (4, 9),
        (6, 11),
        (7, 28),
        (8, 3),
        (11, 14),
        (13, 1),
        (13, 9),
        (14, 3),
    ]


def test_every_typographic_quote_of_a_condition_is_told_at_once() -> None:
    found = complaints("AzureActivity | where a in (“x”, ‘y’, “z”)")
    assert [column for _, column, _ in found] == [29, 34, 39]


def test_a_text_beyond_every_rule_is_refused_unread() -> None:
    blank = " " * (MOST_CHARACTERS - len("AzureActivity"))
    query, _ = parse(f"AzureActivity{blank}")
    assert query is not None
    ((line, column, sentence),) = complaints(f"AzureActivity {blank}")
    assert (line, column) == (1, 1)
    assert "200000" in sentence
