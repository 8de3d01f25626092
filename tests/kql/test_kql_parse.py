"""The parser's trees: what binds tighter than what, and every form that a rule can have."""

from __future__ import annotations

import pytest

from stream_detector.kql import tree
from stream_detector.kql.parse import parse
from stream_detector.kql.parse import words as parse_words
from stream_detector.kql.problems import Span
from stream_detector.kql.types import Type


def parsed(text: str) -> tree.Query:
    query, problems = parse(text)
    assert problems == ()
    assert query is not None
    return query


def condition(expression: str) -> tree.Expression:
    where = parsed(f"AzureActivity | where {expression}").operators[0]
    assert isinstance(where, tree.Where)
    return where.condition


def shape(node: tree.Expression) -> str:
    """A tree with a bracket around every operator. Names and strings are told apart by quotes."""
    match node:
        case tree.Literal(value=value):
            return f'"{value}"' if isinstance(value, str) else str(value)
        case tree.Name(name=name):
            return name
        case tree.Star():
            return "*"
        case tree.Unary(operator=operator, operand=operand):
            return f"({operator} {shape(operand)})"
        case tree.Binary(operator=operator, left=left, right=right):
            return f"({shape(left)} {operator} {shape(right)})"
        case tree.ListTest(operator=operator, left=left, items=items):
            return f"({shape(left)} {operator} [{', '.join(map(shape, items))}])"
        case tree.Between(operand=operand, low=low, high=high, negated=negated):
            return f"({shape(operand)} {'!' * negated}between {shape(low)}..{shape(high)})"
        case tree.Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(shape, arguments))})"
        case tree.Member(of=of, name=name):
            return f"{shape(of)}.{name}"
        case tree.Index(of=of, index=index):
            return f"{shape(of)}[{shape(index)}]"


def column(named: tree.Named) -> str:
    return shape(named.value) if named.name is None else f"{named.name}={shape(named.value)}"


# The trees are those that Microsoft's own parser gives for the same texts.
EXPRESSIONS = [
    ("a or b and c", "(a or (b and c))"),
    ("a and b or c and d", "((a and b) or (c and d))"),
    ("(a or b) and c", "((a or b) and c)"),
    ("not(a) and b", "(not(a) and b)"),
    ("a == b and c != d", "((a == b) and (c != d))"),
    ("a <> b", "(a != b)"),
    ("a < b == c", "((a < b) == c)"),
    ("a == b < c", "(a == (b < c))"),
    ("a + b == c - d", "((a + b) == (c - d))"),
    ("a + b * c", "(a + (b * c))"),
    ("a * b + c", "((a * b) + c)"),
    ("a - b - c", "((a - b) - c)"),
    ("a / b % c", "((a / b) % c)"),
    ("a + b % c", "(a + (b % c))"),
    ("a and b >= c", "(a and (b >= c))"),
    ("a and b between (1 .. 2)", "(a and (b between 1..2))"),
    ("(a + b) * c", "((a + b) * c)"),
    ("-a * b", "((- a) * b)"),
    ("a - -b", "(a - (- b))"),
    ("+a.b", "(+ a.b)"),
    ("-a.b[0]", "(- a.b[0])"),
    ("-1", "(- 1)"),
    ("a == -1 and b", "((a == (- 1)) and b)"),
    ('a + b has "x"', '(a + (b has "x"))'),
    ('a has "x" == b', '((a has "x") == b)'),
    ('a has "x" and b !has "y"', '((a has "x") and (b !has "y"))'),
    ("a =~ b or c !~ d", "((a =~ b) or (c !~ d))"),
    ('a =~ "x" == true', '((a =~ "x") == True)'),
    ('a has_cs "x" or a !has_cs "y"', '((a has_cs "x") or (a !has_cs "y"))'),
    ('a hasprefix "x" or a !hasprefix "y"', '((a hasprefix "x") or (a !hasprefix "y"))'),
    ('a hasprefix_cs "x" or a !hasprefix_cs "y"', '((a hasprefix_cs "x") or (a !hasprefix_cs "y"))'),
    ('a hassuffix "x" or a !hassuffix "y"', '((a hassuffix "x") or (a !hassuffix "y"))'),
    ('a hassuffix_cs "x" or a !hassuffix_cs "y"', '((a hassuffix_cs "x") or (a !hassuffix_cs "y"))'),
    ('a contains "x" or a !contains "y"', '((a contains "x") or (a !contains "y"))'),
    ('a contains_cs "x" or a !contains_cs "y"', '((a contains_cs "x") or (a !contains_cs "y"))'),
    ('a startswith "x" or a !startswith "y"', '((a startswith "x") or (a !startswith "y"))'),
    ('a startswith_cs "x" or a !startswith_cs "y"', '((a startswith_cs "x") or (a !startswith_cs "y"))'),
    ('a endswith "x" or a !endswith "y"', '((a endswith "x") or (a !endswith "y"))'),
    ('a endswith_cs "x" or a !endswith_cs "y"', '((a endswith_cs "x") or (a !endswith_cs "y"))'),
    ('a matches regex @"\\d+$"', '(a matches regex "\\d+$")'),
    ('a has strcat("x", b)', '(a has strcat("x", b))'),
    ("a in (1, 2, 3)", "(a in [1, 2, 3])"),
    ('a !in ("x")', '(a !in ["x"])'),
    ("a in~ (b)", "(a in~ [b])"),
    ('a !in~ (b, "c")', '(a !in~ [b, "c"])'),
    ("a in (b + 1, f(c))", "(a in [(b + 1), f(c)])"),
    ("a has_any (list) or b", "((a has_any [list]) or b)"),
    ('a has_all ("x", "y")', '(a has_all ["x", "y"])'),
    ('a in (dynamic(["x", "y"]))', "(a in [['x', 'y']])"),
    ('not(a in ("x")) == b', '(not((a in ["x"])) == b)'),
    ("a + 1 in (2)", "((a + 1) in [2])"),
    ("a between (1 .. 5) and b", "((a between 1..5) and b)"),
    ("a !between (b .. c)", "(a !between b..c)"),
    ("a between (1..5)", "(a between 1..5)"),
    ("a between (datetime(2026-01-02) .. 1d)", "(a between 17673120000000000..864000000000)"),
    ("a between (b - 1h .. b + 1h)", "(a between (b - 36000000000)..(b + 36000000000))"),
    ("a.b.c", "a.b.c"),
    ('a["b"].c[0]', 'a["b"].c[0]'),
    ('a.["b"]', "a.b"),
    ("a[-1]", "a[(- 1)]"),
    ("a[b + 1]", "a[(b + 1)]"),
    ('a[["b"]]', "a[b]"),
    ('["odd name"].b', "odd name.b"),
    ("['where'] == 1", "(where == 1)"),
    ("f()", "f()"),
    ('f(a, b + 1, "c")', 'f(a, (b + 1), "c")'),
    ("f (a)", "f(a)"),
    ("f(*)", "f(*)"),
    ("f(a, *)", "f(a, *)"),
    ("count() > 5", "(count() > 5)"),
    ("iff(a and b, c == 1, d)", "iff((a and b), (c == 1), d)"),
    ("f(g(h(1)))", "f(g(h(1)))"),
    ("f(a)[0].b", "f(a)[0].b"),
    ('a.type == "x"', '(a.type == "x")'),
    ("count > 1", "(count > 1)"),
    ('a == "x" "y" \'z\'', '(a == "xyz")'),
    ("TRUE or False", "(True or False)"),
    ('a // comment to the end, ) | "\nor b', "(a or b)"),
    ("a or\n  b", "(a or b)"),
    ("a == 0x1F", "(a == 31)"),
    ("a > 2h and b < 1.5d", "((a > 72000000000) and (b < 1296000000000))"),
    ("a % 2 == 0", "((a % 2) == 0)"),
    ('strcat(a, "b") == c or d', '((strcat(a, "b") == c) or d)'),
    (
        'tolower(a) has "x" and b in ("y") or c between (1 .. 2)',
        '(((tolower(a) has "x") and (b in ["y"])) or (c between 1..2))',
    ),
    ('1 - a["b"] * 2 >= c', '((1 - (a["b"] * 2)) >= c)'),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_an_expression_has_the_shape_that_kusto_gives_it(text: str, expected: str) -> None:
    assert shape(condition(text)) == expected


@pytest.mark.parametrize(
    ("operator", "wrong"),
    [
        ("or", "and"),
        ("and", "or"),
        ("and", "=="),
        ("==", "<"),
        ("<", "=="),
        ("==", "+"),
        ("-", "*"),
        ("*", "+"),
        ("%", "+"),
        ("has", "=="),
        ("has", "+"),
        ("=~", "=="),
        ("in", "and"),
        ("in", "*"),
        ("between", "and"),
        (">=", "and"),
    ],
)
def test_an_operator_that_binds_like_another_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, operator: str, wrong: str
) -> None:
    monkeypatch.setitem(parse_words.POWERS, operator, parse_words.POWERS[wrong])

    def is_as_expected(text: str, expected: str) -> bool:
        query, _ = parse(f"AzureActivity | where {text}")
        return query is not None and shape(condition(text)) == expected

    assert not all(is_as_expected(text, expected) for text, expected in EXPRESSIONS)


PIPELINES = [
    ("where a", "where a"),
    ("filter a", "where a"),
    ("extend a = 1", "extend a=1"),
    ("extend a = 1, b, ['c d'] = f(b)", "extend a=1, b, c d=f(b)"),
    ("extend count = 1", "extend count=1"),
    ("project a, b = c + 1", "project a, b=(c + 1)"),
    ("project-away a", "project-away a"),
    ("project-away a*, *b, c*d, *, ['e f']", "project-away a*, *b, c*d, *, e f"),
    ("project-away a*1", "project-away a*1"),
    ("project-rename a = b, c = ['d e']", "project-rename a=b, c=d e"),
    ("summarize count() by a", "summarize count() by a"),
    ("summarize by a, b", "summarize  by a, b"),
    ("summarize count()", "summarize count() by "),
    (
        "summarize n = count(), make_set(a, 5) by b, c = f(d)",
        "summarize n=count(), make_set(a, 5) by b, c=f(d)",
    ),
    ("summarize arg_max(TimeGenerated, *) by a", "summarize arg_max(TimeGenerated, *) by a"),
    ("sort by a", "sort a"),
    ("order by a asc, b desc", "sort a, b"),
    ("sort by a desc nulls last, b nulls first", "sort a, b"),
    ("sort by a + 1 asc", "sort (a + 1)"),
    ("where a | where b", "where a; where b"),
    ("where a // a comment | where c\n// another\n| where b // the last", "where a; where b"),
    ("where a\n;\n", "where a"),
]


def piped(operator: tree.Operator) -> str:
    match operator:
        case tree.Where(condition=value):
            return f"where {shape(value)}"
        case tree.Extend(columns=columns):
            return f"extend {', '.join(map(column, columns))}"
        case tree.Project(columns=columns):
            return f"project {', '.join(map(column, columns))}"
        case tree.ProjectAway(patterns=patterns):
            return f"project-away {', '.join(pattern.name for pattern in patterns)}"
        case tree.ProjectRename(columns=columns):
            return f"project-rename {', '.join(map(column, columns))}"
        case tree.Summarize(aggregates=aggregates, keys=keys):
            return f"summarize {', '.join(map(column, aggregates))} by {', '.join(map(column, keys))}"
        case tree.Ordered(items=items):
            return f"sort {', '.join(map(shape, items))}"


@pytest.mark.parametrize(("text", "expected"), PIPELINES)
def test_a_pipeline_is_a_row_of_operators(text: str, expected: str) -> None:
    assert "; ".join(map(piped, parsed(f"AzureActivity\n| {text}").operators)) == expected


def test_lets_stand_before_the_query_in_their_order() -> None:
    query = parsed('let a = 5;;\nlet ["b c"] = a * 2h;\n\nAzureActivity | where d > a;')
    assert [(let.name, shape(let.value)) for let in query.lets] == [("a", "5"), ("b c", "(a * 72000000000)")]
    assert query.table.name == "AzureActivity"


def test_the_table_alone_is_a_query() -> None:
    assert parsed("['AzureActivity']").operators == ()


def test_white_space_that_a_web_page_adds_separates_words_as_in_kusto() -> None:
    # Microsoft's grammar counts the no-break space, the zero-width space and the byte order mark as blanks.
    assert shape(condition("a\u00a0==\u200b1\ufeff")) == "(a == 1)"
    assert shape(condition('a == "\u00a0"')) == '(a == "\u00a0")'


def test_every_node_knows_its_place() -> None:
    text = "AzureActivity | where (a or b) and not(c) in~ (d, 1) | extend e = -f.g"
    query = parsed(text)

    def words(span: Span) -> str:
        return text[span.start : span.end]

    where, extend = query.operators
    assert isinstance(where, tree.Where)
    assert isinstance(extend, tree.Extend)
    assert words(where.span) == "where (a or b) and not(c) in~ (d, 1)"
    conjunction = where.condition
    assert isinstance(conjunction, tree.Binary)
    assert words(conjunction.span) == "(a or b) and not(c) in~ (d, 1)"
    assert words(conjunction.operator_span) == "and"
    listed = conjunction.right
    assert isinstance(listed, tree.ListTest)
    assert (words(listed.span), words(listed.operator_span)) == ("not(c) in~ (d, 1)", "in~")
    assert isinstance(listed.left, tree.Call)
    assert words(listed.left.name_span) == "not"
    (named,) = extend.columns
    assert named.name_span is not None
    assert (words(named.span), words(named.name_span)) == ("e = -f.g", "e")
    assert isinstance(named.value, tree.Unary)
    assert (words(named.value.span), words(named.value.operand.span)) == ("-f.g", "f.g")


def test_the_place_of_matches_regex_is_both_words() -> None:
    node = condition('a matches  regex "b"')
    assert isinstance(node, tree.Binary)
    assert (node.operator, node.operator_span) == ("matches regex", Span(24, 38))


def test_a_whole_number_is_a_long() -> None:
    node = condition("5")
    assert isinstance(node, tree.Literal)
    assert node.type is Type.LONG


def test_a_list_may_be_long() -> None:
    node = condition(f"a in ({', '.join(map(str, range(5000)))})")
    assert isinstance(node, tree.ListTest)
    assert len(node.items) == 5000


@pytest.mark.parametrize("opening", ["(", "f(", "a[", "-(", "iff(a, b, ", "a == (", "a in (", "1 + f(a, "])
def test_nesting_is_read_to_a_depth_that_nobody_reaches(opening: str) -> None:
    closing = "])"["[" not in opening]
    text = opening * 45 + "x" + closing * 45
    assert condition(text)
    query, problems = parse(f"AzureActivity | where {opening * 4000}x{closing * 4000}")
    assert query is None
    assert len(problems) == 1
    assert "100" in problems[0].text


def test_a_chain_of_operators_is_read_to_a_length_that_a_walk_by_recursion_can_stand() -> None:
    assert condition(" or ".join(["a"] * 100))
    query, problems = parse(f"AzureActivity | where {' or '.join(['a'] * 101)}")
    assert query is None
    assert [problem.text for problem in problems] == [
        "more than 100 operators in a row; put brackets around groups of them, or write in (...)"
    ]
    half = " or ".join(["a"] * 60)
    assert condition(f"({half}) or ({half})")
