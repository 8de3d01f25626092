"""The parser takes any text: never an error, a query or a problem, and every place inside of the text."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_detector.kql.parse import parse
from stream_detector.kql.problems import Span, line_and_column

RULE = """\
// Many failures by one caller, seldom by a machine.
let window = 2h;
let Threshold = 5;
let Operations = dynamic(["Microsoft.Compute/virtualMachines/runCommand/action",
    'Microsoft.Compute/virtualMachines/extensions/write']);
AzureActivity
| where TimeGenerated > ago(window) and Level !~ "Informational"
| where OperationNameValue in~ (Operations) // both
    or (Properties has_any ("CustomScript", @"Run\\Command") and not(Caller startswith "svc_"))
| extend Parsed = parse_json(Properties), ['Resource Name'] = tostring(split(ResourceId, "/")[-1])
| extend Kind = tolower(tostring(Parsed.properties["type"])), Day = bin(TimeGenerated, 1d)
| where isnotempty(Kind) and Day between (datetime(2026-01-01) .. datetime(2026-12-31))
| project-away Parsed*
| summarize Failures = countif(ActivityStatusValue in ("Failure", "Failed")),
    Names = make_set(['Resource Name'], 50),
    arg_max(TimeGenerated, *) by Caller, CallerIpAddress
| where Failures >= Threshold * 2 - 1 and array_length(Names) % 2 != -1
| project-rename Who = Caller
| sort by Failures desc nulls last, Who asc
"""


def spans(node: object) -> Iterator[Span]:
    """Every span of a tree."""
    if isinstance(node, Span):
        yield node
    elif isinstance(node, msgspec.Struct):
        for field in node.__struct_fields__:
            yield from spans(getattr(node, field))
    elif isinstance(node, tuple):
        for item in node:
            yield from spans(item)


def check(text: str) -> None:
    query, problems = parse(text)
    assert (query is None) == bool(problems)
    for problem in problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        assert problem.text.isprintable()
        problem.text.encode()
    starts = [problem.span.start for problem in problems]
    assert starts == sorted(starts)
    for span in spans(query):
        assert 0 <= span.start < span.end <= len(text)


WORDS = re.findall(r"\w+|\s+|[^\w\s]", RULE)
PIECES = [
    *sorted(set(WORDS)),
    "```",
    '"',
    "'",
    "“",
    "\ud800",
    "\x00",
    "\u2028",
    "`",
    "\\",
    "{",
    "}",
    ";",
    "..",
    "0x",
    "1e",
]
PIECES += [
    "datetime(",
    "int(",
    "dynamic(",
    "toscalar(",
    "join ",
    "render ",
    "$",
    "#",
    "/*",
    "&&",
    "||",
    "!",
    "!in",
    "@",
]


@given(st.text())
@example("AzureActivity | where a == \ud800")
def test_any_text_is_a_query_or_a_problem(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_words_are_a_query_or_a_problem(words: list[str]) -> None:
    check("".join(words))


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_words_behind_a_table_are_a_query_or_a_problem(words: list[str]) -> None:
    check("AzureActivity | where " + " ".join(words))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(RULE)), st.sampled_from([0, 0, 1, 2, 10, 60]), st.sampled_from(["", *PIECES])
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_rule_is_a_query_or_a_problem(damages: list[tuple[int, int, str]]) -> None:
    text = RULE
    for place, removed, piece in damages:
        text = text[:place] + piece + text[place + removed :]
    check(text)


def test_the_rule_itself_is_a_query() -> None:
    query, problems = parse(RULE)
    assert problems == ()
    assert query is not None
    assert (len(query.lets), len(query.operators)) == (3, 10)


def test_a_rule_is_the_same_whatever_ends_its_lines() -> None:
    def without_places(node: object) -> object:
        if isinstance(node, Span):
            return None
        if isinstance(node, msgspec.Struct):
            return type(node), [without_places(getattr(node, field)) for field in node.__struct_fields__]
        return [without_places(item) for item in node] if isinstance(node, tuple) else node

    assert without_places(parse(RULE)[0]) == without_places(parse(RULE.replace("\n", "\r\n"))[0])


def words_of(line: str) -> Iterator[int]:
    """Where a word, a string, an operator or a bracket of a line begins."""
    code = line.split(" // ")[0]
    word = r"""@?"[^"]*"|'[^']*'|datetime\([^)]*\)|project-\w+|in~|\w+|[!<>=]?[=~]|\.\.|[^\w\s]"""
    for match in re.finditer(word, code):
        yield match.start()


def mistakes(stray: str) -> Iterator[tuple[int, str]]:
    """The rule with one stray word before any other, and the line it is in."""
    lines = RULE.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not line.startswith("//"):
            for start in words_of(line):
                damaged = f"{line[:start]} {stray} {line[start:]}"
                yield number + 1, "".join([*lines[:number], damaged, *lines[number + 1 :]])


@pytest.mark.parametrize(
    "stray", ["“x”", "==", ")", "]", '"it', "= =", "é", "by by", "5apples", "$left", "where where"]
)
def test_one_stray_word_anywhere_is_one_problem_near_it(stray: str) -> None:
    count = 0
    for line, text in mistakes(stray):
        found = [line_and_column(text, problem.span.start)[0] for problem in parse(text)[1]]
        if not found and stray == "==":
            continue  # `f == (x)` compares, and no more can be said before names are looked at
        count += 1
        assert len(found) == 1, text.splitlines()[line - 1]
        assert abs(found[0] - line) <= 1, text.splitlines()[line - 1]
    assert count > 150


def test_two_mistakes_in_two_operators_are_two_problems() -> None:
    lines = RULE.splitlines(keepends=True)
    piped = [number for number, line in enumerate(lines) if line.startswith("| ")]
    for first, second in pairwise(piped):
        text = "".join(f"| == {line[2:]}" if i in (first, second) else line for i, line in enumerate(lines))
        problems = parse(text)[1]
        assert len(problems) == 2, text


def test_an_operator_of_kusto_between_any_two_is_one_problem_in_its_place() -> None:
    lines = RULE.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("| "):
            text = "".join([*lines[:number], "| take 5\n", *lines[number:]])
            (problem,) = parse(text)[1]
            assert line_and_column(text, problem.span.start) == (number + 1, 3)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 190_000,
        "(]" * 90_000,
        "[(" * 50_000 + ")" * 90_000,
        '"' * 199_999,
        "'\n" * 90_000,
        "`" * 199_999,
        "/*" * 99_999,
        "let a = (\n" * 19_000,
        "let a=(\nAzureActivity " * 9_000,
        "AzureActivity" + " | “ " * 30_000,
        "AzureActivity" + " | where (X | y) " * 12_000,
        "AzureActivity | where " + "a " * 80_000,
        "AzureActivity | where a == 0x" + "f" * 150_000,
        "AzureActivity | where a == " + "9" * 150_000,
        "AzureActivity | where a == int(" + "9" * 150_000 + ")",
        "AzureActivity | " + "project-" * 22_000,
        "AzureActivity | where a" + ".b" * 90_000,
        "AzureActivity | where a in (" + '"abc", ' * 20_000 + '"z")',
    ],
    ids=lambda text: text[:24],
)
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    start = time.process_time()
    check(text)
    assert time.process_time() - start < 10


def test_the_depth_of_a_text_never_exhausts_the_stack() -> None:
    def at_depth(frames: int, text: str) -> None:
        if frames:
            at_depth(frames - 1, text)
        else:
            check(text)

    for opening in ("(", "f(", "a[", "-(", "a == (", "a or (", "a in (", "dynamic([", "x + f(1, a["):
        at_depth(sys.getrecursionlimit() // 5, f"AzureActivity | where {opening * 5_000}")


def test_a_rule_of_sixty_lines_takes_milliseconds() -> None:
    text = RULE.replace(
        "| project-away Parsed*\n", "".join(f"| extend a{i} = b + {i} * f(c)\n" for i in range(40))
    )
    assert text.count("\n") > 55
    check(text)
    start = time.process_time()
    for _ in range(10):
        parse(text)
    assert (time.process_time() - start) / 10 < 0.05
