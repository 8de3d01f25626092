"""Single operators as the compiler makes them, against the independent engine, over short texts all of edges.

The other side is a column, and a constant: those are two ways to compile. Cased letters beyond ASCII are left
out: the engine folds them, Kusto does not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import duckdb_kql
import pytest
from msgspec.structs import replace
from oracle_compared import RULE, comparison

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.literals import string_literal
from stream_detector.rules.kql_rule import compile_kql
from stream_detector.rules.model import Match

CHARACTERS = "aAbB1_-. /@é名٣²\u0301\u200d\n\\\"'[%"
PAIRS = 5_000
CONSTANTS = 30
"""Texts that stand on the other side as constants, each beside a part of the texts."""

EXPRESSIONS = (
    "Text has Other",
    "Text !has Other",
    "Text has_cs Other",
    "Text hasprefix Other",
    "Text hassuffix Other",
    "Text has_any (Other)",
    "Text has_any (Other, 'ab')",
    "Text has_all (Other, 'b')",
    "Text contains Other",
    "Text !contains Other",
    "Text contains_cs Other",
    "Text =~ Other",
    "Text !~ Other",
    "Text == Other",
    "Text != Other",
    "Text in (Other, 'a')",
    "Text in~ (Other, 'a')",
    "Text !in~ (Other, 'a')",
    "Text startswith Other",
    "Text !startswith Other",
    "Text startswith_cs Other",
    "Text endswith Other",
    "Text !endswith Other",
    "not(Text has Other) or Text =~ Other",
    "isnotempty(Text)",
    "isempty(Other)",
    "coalesce(Text, Other)",
    "coalesce(Text, Other, 'z')",
    "iff(Text contains Other, Text, Other)",
    'tostring(split(Text, "a")[1])',
    'tostring(split(Text, "@")[0])',
    "strcat(Text, '-', Other)",
    "strlen(Text)",
    "array_length(split(Text, '/'))",
)


def _pairs() -> list[tuple[str, str]]:
    pick = random.Random(7)

    def short(longest: int) -> str:
        return "".join(pick.choice(CHARACTERS) for _ in range(pick.randrange(longest + 1)))

    pairs = [(short(6), short(3)) for _ in range(PAIRS // 2)]
    # In half of them the other text stands inside, in another casing: random pairs rarely share anything.
    for _ in range(PAIRS // 2):
        other = short(3)
        pairs.append(
            (short(2) + "".join(c.swapcase() if c in "aAbB" else c for c in other) + short(2), other)
        )
    return pairs


@pytest.fixture(scope="module")
def template() -> ActivityRecord:
    """A record whose texts are exchanged for those of a pair."""
    return comparison(1).records[0]


def _computed(expression: str, template: ActivityRecord) -> Callable[[str, str], object]:
    """What the compiler makes of an expression of Text and Other."""
    text = (
        "AzureActivity | where TimeGenerated > ago(1h) | extend Text = Caller, Other = ResourceGroup"
        f" | extend Result = {expression} | summarize take_any(Result) by Level"
    )
    rule, problems = compile_kql(text, RULE.info, RULE.handling, {}, every_record=True)
    assert rule is not None, problems

    def result(value: str, other: str) -> object:
        verdict = rule.evaluate(replace(template, caller=value, resource_group=other))
        assert isinstance(verdict, Match)
        return verdict.inputs[0]

    return result


def _answers(expression: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str, object]]:
    """Pairs with the engine's results."""
    connection = duckdb_kql.connect()
    connection.execute("CREATE TABLE Pairs (Text VARCHAR, Other VARCHAR)")
    columns = [[value for value, _ in pairs], [other for _, other in pairs]]
    connection.execute("INSERT INTO Pairs SELECT unnest(?), unnest(?)", columns)
    query = f"Pairs | project Text, Other, Result = {expression}"
    found: list[tuple[str, str, object]] = duckdb_kql.query(connection, query).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_operator_agrees_with_the_engine(expression: str, template: ActivityRecord) -> None:
    computed = _computed(expression, template)
    answers = _answers(expression, _pairs())
    assert [row for row in answers if row[2] != computed(row[0], row[1])] == []
    assert len(answers) == PAIRS
    assert len({row[2] for row in answers}) > 1


@pytest.mark.parametrize("expression", [each for each in EXPRESSIONS if "Other" in each])
def test_a_constant_on_the_other_side_changes_nothing(expression: str, template: ActivityRecord) -> None:
    """Compared with the same of two columns, which the engine agrees with."""
    of_columns = _computed(expression, template)
    pairs = _pairs()
    step = PAIRS // CONSTANTS
    results = set()
    for start in range(0, PAIRS, step):
        other = pairs[start][1]
        of_constant = _computed(expression.replace("Other", string_literal(other)), template)
        texts = [value for value, _ in pairs[start : start + step]]
        texts += [text[:2] + other + text[2:4] for text in texts]
        expected = [of_columns(text, other) for text in texts]
        assert [of_constant(text, other) for text in texts] == expected
        results.update(expected)
    assert len(results) > 1
