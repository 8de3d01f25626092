"""Single operators against the independent engine, over short texts that are all edges.

Cased letters beyond ASCII are left out: the engine folds them, Kusto does not.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import duckdb_kql
import pytest

from stream_detector.kql import dynamic, text

CHARACTERS = "aAbB1_-. /@é名٣²\u0301\u200d\n\\\"'[%"
PAIRS = 8_000

OPERATORS: dict[str, Callable[[str, str], object]] = {
    "Text has Other": text.has,
    "Text =~ Other": text.equals,
    "Text startswith Other": text.starts_with,
    "Text !startswith Other": lambda value, other: not text.starts_with(value, other),
    "isnotempty(Text)": lambda value, _: text.is_not_empty(value),
    "coalesce(Text, Other)": text.coalesce,
    'tostring(split(Text, "a")[1])': lambda value, _: dynamic.part(dynamic.split(value, "a"), 1),
    'tostring(split(Text, "@")[0])': lambda value, _: dynamic.part(dynamic.split(value, "@"), 0),
}


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


@pytest.mark.parametrize("expression", OPERATORS)
def test_an_operator_agrees_with_the_engine(expression: str) -> None:
    pairs = _pairs()
    connection = duckdb_kql.connect()
    connection.execute("CREATE TABLE Pairs (Text VARCHAR, Other VARCHAR)")
    columns = [[value for value, _ in pairs], [other for _, other in pairs]]
    connection.execute("INSERT INTO Pairs SELECT unnest(?), unnest(?)", columns)
    query = f"Pairs | project Text, Other, Result = {expression}"
    operator = OPERATORS[expression]
    results = duckdb_kql.query(connection, query).fetchall()
    wrong = [row for row in results if row[2] != operator(row[0], row[1])]
    assert wrong == []
    assert len(results) == PAIRS
    assert len({row[2] for row in results}) > 1
