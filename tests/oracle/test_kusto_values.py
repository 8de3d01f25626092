"""Values of expressions: the corpus over generated records against the engine, and claimed ones one by one.

The engine (query_engine.py) is no witness for some expressions. They are listed here with the
reason, and each has its value in corpus_values.kql.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import pytest
from corpus_files import ACCEPTED, Entry, expressions, values
from corpus_records import AT, records, sample
from corpus_rules import compiled
from kusto_record import recorded
from query_engine import QueryEngine, same

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.scheduled import scheduled_rows

RECORDS = 240

CANNOT_RUN: dict[str, str] = {
    "Span / 2": "no division of a span by a number",
    "Span % 1m": "no remainder of spans",
    "iff(Flag, 1, 2.5)": "refuses long beside real",
    'split(Caller, "@", 1)': "split takes two arguments",
    "Bag.kind": "its grammar has no member of this name",
    "1tick": "holds whole microseconds",
}
"""What the engine refuses."""

KNOWN_WRONG: dict[str, str] = {
    "parse_json(Caller)": "text that is no JSON becomes null; Kusto keeps the text",
    "tostring(Bag)": "the same",
    "isnotnull(Bag.model)": "null in JSON counts as a value",
    'split(ResourceId, "/")': "tostring() of it is not JSON",
    "array_index_of(Bag.list, 2)": "nothing is -1 in what is no array; null is the choice here",
    "bin(Span, 1m)": "gives an instant",
    '"tab\\tand \\u00e9"': "does not read \\u",
    'h"hidden"': "keeps the h and the quotation marks",
    '```raw "text" \\ ```': "keeps the marks and loses the backslash",
}
"""What the engine computes in another way than Kusto, or than the choice that was made here."""


@pytest.fixture(scope="module")
def known() -> Sequence[ActivityRecord]:
    return records(1, RECORDS)


@pytest.fixture(scope="module")
def engine(known: Sequence[ActivityRecord]) -> Iterator[QueryEngine]:
    engine = QueryEngine(known)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def types() -> Mapping[str, str]:
    """The type of each expression, as Microsoft's binder gives it."""
    return {text: answer.columns[0][1] for text, answer in recorded().items() if answer.columns}


def _query(entry: Entry, types: Mapping[str, str]) -> str:
    """The rule that returns an expression for every record. What is dynamic is returned as text."""
    return entry.returning("tostring(X)" if types[entry.text] == "dynamic" else "X")


def _ours(query: str, given: Sequence[ActivityRecord]) -> dict[str, object]:
    return {str(row["CorrelationId"]): row["Value"] for row in scheduled_rows(compiled(query), given, AT)}


def _theirs(query: str, engine: QueryEngine) -> dict[str, object]:
    return {row["CorrelationId"]: row["Value"] for row in engine.rows(query, AT)}


def _differ(theirs: Mapping[str, object], ours: Mapping[str, object]) -> list[str]:
    if theirs.keys() != ours.keys():
        return ["not the same records"]
    return [
        f"{key}: {ours[key]!r}, not {value!r}" for key, value in theirs.items() if not same(value, ours[key])
    ]


WITNESSED = [entry for entry in expressions(ACCEPTED[0]) if entry.text not in CANNOT_RUN | KNOWN_WRONG]


@pytest.mark.parametrize("entry", WITNESSED, ids=lambda entry: entry.text)
def test_an_expression_of_the_corpus_has_the_value_that_the_engine_gives(
    entry: Entry, known: Sequence[ActivityRecord], engine: QueryEngine, types: Mapping[str, str]
) -> None:
    query = _query(entry, types)
    theirs = _theirs(query, engine)
    assert len(theirs) > RECORDS / 2
    assert _differ(theirs, _ours(query, known)) == []


def test_most_expressions_differ_between_records(
    known: Sequence[ActivityRecord], types: Mapping[str, str]
) -> None:
    """Values that are all alike would show little."""
    alike = 0
    for entry in WITNESSED:
        found = _ours(_query(entry, types), known)
        alike += len({json.dumps(value) for value in found.values()}) == 1
    assert alike < len(WITNESSED) / 3


def test_what_the_engine_is_no_witness_for_is_still_so(
    known: Sequence[ActivityRecord], engine: QueryEngine, types: Mapping[str, str]
) -> None:
    """So that an entry goes when the engine is mended."""
    entries = {entry.text: entry for entry in expressions(ACCEPTED[0])}
    for text in CANNOT_RUN:
        with pytest.raises(Exception, match=r"."):
            engine.rows(_query(entries[text], types), AT)
    for text in KNOWN_WRONG:
        query = _query(entries[text], types)
        assert _differ(_theirs(query, engine), _ours(query, known)), text


def test_what_the_engine_is_no_witness_for_has_a_value_of_its_own() -> None:
    assert CANNOT_RUN.keys() | KNOWN_WRONG.keys() <= {entry.text for entry, _ in values()}


@pytest.mark.parametrize(("entry", "value"), values(), ids=[entry.text for entry, _ in values()])
def test_a_claimed_value(entry: Entry, value: object, types: Mapping[str, str]) -> None:
    (found,) = _ours(_query(entry, types), [sample()]).values()
    if types[entry.text] == "dynamic":
        found = _parsed(found)
    assert same(value, found), f"{found!r}, not {value!r}: {entry.why}"


def _parsed(text: object) -> object:
    """What tostring() of a dynamic value was made from: nothing, JSON, or a text."""
    assert isinstance(text, str)
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


WRONG = {
    'Caller has "ann"': 'Caller contains "ann"',
    'Caller !has "ann"': 'Caller !contains "ann"',
    'Caller =~ "ANN@contoso.com"': 'Caller == "ANN@contoso.com"',
    'Caller == "ann@contoso.com"': 'Caller =~ "ann@contoso.com"',
    'Caller startswith "ANN"': 'Caller startswith_cs "ANN"',
    'Caller endswith ".COM"': 'Caller contains ".COM"',
    "Whole > 3": "Whole >= 3",
    "Whole != 3": "not(Whole == 3) and isnotnull(Whole)",
    "Whole between (1 .. 3)": "Whole > 1 and Whole <= 3",
    "Flag and Whole > 1": "Flag or Whole > 1",
    "not(Flag)": "Flag == false",
    "Whole / 2": "tolong(Whole / 2.0 + 0.5)",
    "Whole % 3": "Whole - Whole / 3 * 3",
    "coalesce(Whole, 0)": "Whole",
    'iff(Flag, "yes", "no")': 'iff(not(Flag), "no", "yes")',
    "isempty(Caller)": 'isempty(trim(" +", Caller))',
    "substring(Caller, 4)": "substring(Caller, 5)",
    'trim(" +", Caller)': "Caller",
    'extract("^([^@]+)@", 1, Caller)': 'extract("^([^@]+)@", 0, Caller)',
    'tostring(split(Caller, "@")[1])': 'tostring(split(Caller, "@")[-1])',
    "tostring(Flag)": "tostring(Bag.flag)",
    "bin(Whole, 5)": "Whole / 5 * 5",
    "bin(TimeGenerated, 5m)": "bin(TimeGenerated, 10m)",
    "ipv4_is_private(CallerIpAddress)": 'CallerIpAddress matches regex "^(10|172)[.]"',
    'ipv4_is_in_range(CallerIpAddress, "203.0.113.0/24")': 'CallerIpAddress startswith "203.0.113"',
    "not(ipv4_is_private(CallerIpAddress))": "ipv4_is_private(CallerIpAddress) != true",
    "Bag.Model": "Bag.model",
    "set_has_element(Bag.list, 2)": 'tostring(Bag.list) has "2"',
    "tostring(Bag.absent)": "tostring(Bag)",
    "toint(Ratio)": "toint(Ratio + 0.5)",
}
"""Expressions, and what a wrong implementation of each would compute."""


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_value_is_caught(
    text: str, known: Sequence[ActivityRecord], engine: QueryEngine, types: Mapping[str, str]
) -> None:
    (right,) = (entry for entry in WITNESSED if entry.text == text)
    wrong = Entry(right.place, WRONG[text], right.why)
    dynamic = types[text] == "dynamic"
    ours = _ours(wrong.returning("tostring(X)" if dynamic else "X"), known)
    assert _differ(_theirs(_query(right, types), engine), ours)
