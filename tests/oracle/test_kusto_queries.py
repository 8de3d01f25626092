"""Whole queries of the corpus over generated records: the scheduled rows are those of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest
from corpus_files import ACCEPTED, Entry, queries
from corpus_records import AT, made, records
from corpus_rules import compiled, sets_of
from kusto_binder import ask, need_binder
from query_engine import QueryEngine, Row, differences

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_rows
from stream_detector.ticks import MINUTE, format_ticks

INSTANTS = (AT, AT - 17 * MINUTE, AT + 30 * MINUTE)

CANNOT_RUN: dict[str, str] = {
    "take_any of several columns": "take_any takes one",
    "automatic names of members of what has no name of its own": "take_any takes one",
    "automatic names of take_any and any inside of expressions": "no member of an aggregate",
    "arg_max and arg_min with several columns": "what is compared must be a column",
    "arg_max of everything that was kept, without the keys": "no * in arg_max",
    "a bin as key next to arg_max of everything": "no * in arg_max",
    "project-rename keeps the place": "no * in arg_max",
    "everything of any row": "no * in take_any",
    "extend changes the type of a column": "no member of this name",
    "project with and without names": "no member of this name",
    "project-away by name and by pattern": "no patterns in project-away",
    "sums of longs, reals and spans": "no sum of spans",
}
"""What the engine refuses, by the why of the query; the values are in test_rows_that_are_claimed."""

KNOWN_WRONG: dict[str, str] = {
    "extend after summarize redefines a key": "puts the column last; Microsoft's binder leaves it",
    "names that are words of the language": "takes `type` and `Type` for one column",
    "text constants of every spelling": "reads h and adjacent texts in another way",
    "sets of numbers, bools and instants": "writes instants in a set in its own form",
}
"""What the engine computes in another way than Kusto."""

FREE: Mapping[str, Sequence[str]] = {
    "automatic names of aggregates": ("any_CorrelationId", "CategoryValue"),
    "automatic name of a key meets that of an aggregate": ("Caller",),
    "project after summarize orders the columns": ("FirstSource",),
}
"""Columns for which Kusto may take any value of the group."""

WITNESSED = [entry for entry in queries(ACCEPTED[1]) if entry.why not in CANNOT_RUN | KNOWN_WRONG]


@pytest.fixture(scope="module")
def known() -> Sequence[ActivityRecord]:
    return records(2, 400)


@pytest.fixture(scope="module")
def engine(known: Sequence[ActivityRecord]) -> Iterator[QueryEngine]:
    engine = QueryEngine(known)
    yield engine
    engine.close()


@pytest.mark.parametrize("entry", WITNESSED, ids=lambda entry: entry.why)
def test_a_query_of_the_corpus_returns_the_rows_of_the_engine(
    entry: Entry, known: Sequence[ActivityRecord], engine: QueryEngine
) -> None:
    rule = compiled(entry.text)
    found = 0
    for at in INSTANTS:
        expected = engine.rows(entry.text, at)
        found += len(expected)
        actual = scheduled_rows(rule, known, at)
        assert differences(expected, actual, sets_of(rule), FREE.get(entry.why, ())) == []
    assert found


def test_what_the_engine_is_no_witness_for_is_still_so(
    known: Sequence[ActivityRecord], engine: QueryEngine
) -> None:
    """So that an entry goes when the engine is mended."""
    entries = {entry.why: entry for entry in queries(ACCEPTED[1])}
    for why in CANNOT_RUN:
        with pytest.raises(Exception, match=r"."):
            engine.rows(entries[why].text, AT)
    for why in KNOWN_WRONG:
        rule = compiled(entries[why].text)
        expected, actual = engine.rows(entries[why].text, AT), scheduled_rows(rule, known, AT)
        assert differences(expected, actual, sets_of(rule)), why


FEW = made(
    [
        {
            "TimeGenerated": "2026-03-12T11:10:00Z",
            "Caller": "ann",
            "CallerIpAddress": "",
            "Level": "Error",
            "CategoryValue": "Security",
            "SubscriptionId": "s1",
            "Properties": '{"kind":"script","whole":3,"ratio":0.75,"flag":true}',
        },
        {
            "TimeGenerated": "2026-03-12T11:20:00.0000001Z",
            "Caller": "ann",
            "CallerIpAddress": "203.0.113.7",
            "Level": "Error",
            "CategoryValue": "",
            "SubscriptionId": "s1",
            "Properties": '{"kind":"b","whole":1}',
        },
        {
            "TimeGenerated": "2026-03-12T11:31:00Z",
            "Caller": "bob",
            "CallerIpAddress": "10.0.0.1",
            "Level": "",
            "CategoryValue": "",
            "SubscriptionId": "s2",
            "Properties": '{"whole":4,"ratio":0.25,"flag":true,"is":"its"}',
        },
    ]
)
"""Three records, for rows that can be told by hand."""

_FIRST, _SECOND, _THIRD = (format_ticks(record.time) for record in FEW)

CLAIMED: Mapping[str, Sequence[Row]] = {
    "take_any of several columns": [
        {
            "SubscriptionId": "s1",
            "Caller": "ann",
            "CallerIpAddress": "203.0.113.7",
            "any_Level": "Error",
            "any_CategoryValue": "",
        },
        {
            "SubscriptionId": "s2",
            "Caller": "bob",
            "CallerIpAddress": "10.0.0.1",
            "any_Level": "",
            "any_CategoryValue": "",
        },
    ],
    "arg_max and arg_min with several columns": [
        {
            "SubscriptionId": "s1",
            "TimeGenerated": _SECOND,
            "Caller": "ann",
            "CallerIpAddress": "203.0.113.7",
            "strlen_Properties": 22,
            "Level": "Error",
        },
        {
            "SubscriptionId": "s2",
            "TimeGenerated": _THIRD,
            "Caller": "bob",
            "CallerIpAddress": "10.0.0.1",
            "strlen_Properties": 47,
            "Level": "",
        },
    ],
    "arg_max of everything that was kept, without the keys": [
        {"Caller": "ann", "TimeGenerated": _SECOND, "Level": "Error", "Size": 22},
        {"Caller": "bob", "TimeGenerated": _THIRD, "Level": "", "Size": 47},
    ],
    "a bin as key next to arg_max of everything": [
        {
            "Slot": "2026-03-12T11:10:00.0000000Z",
            "TimeGenerated": _FIRST,
            "Caller": "ann",
            "Level": "Error",
        },
        {
            "Slot": "2026-03-12T11:20:00.0000000Z",
            "TimeGenerated": _SECOND,
            "Caller": "ann",
            "Level": "Error",
        },
        {"Slot": "2026-03-12T11:30:00.0000000Z", "TimeGenerated": _THIRD, "Caller": "bob", "Level": ""},
    ],
    "project-rename keeps the place": [
        {"How": "Error", "TimeGenerated": _SECOND, "Who": "ann"},
        {"How": "", "TimeGenerated": _THIRD, "Who": "bob"},
    ],
    "everything of any row": [
        {"Caller": "ann", "TimeGenerated": _SECOND, "Level": "Error"},
        {"Caller": "bob", "TimeGenerated": _THIRD, "Level": ""},
    ],
    "extend changes the type of a column": [
        {"Kind": "script", "count_": 1},
        {"Kind": "b", "count_": 1},
        {"Kind": "", "count_": 1},
    ],
    "project with and without names": [
        {"Who": "ann", "strlen_Properties": 52, "count_": 1, "Column1": "error"},
        {"Who": "ann", "strlen_Properties": 22, "count_": 1, "Column1": "error"},
        {"Who": "bob", "strlen_Properties": 47, "count_": 1, "Column1": ""},
    ],
    "project-away by name and by pattern": [
        {"Level": "Error", "Caller": "ann", "count_": 2},
        {"Level": "", "Caller": "bob", "count_": 1},
    ],
    "sums of longs, reals and spans": [
        {
            "Level": "Error",
            "sum_Whole": 4,
            "sum_Ratio": 0.75,
            "sum_Late": "22:30:00.0000001",
            "sumif_Whole": 3,
            "max_Ratio": 0.75,
            "min_Whole": 1,
            "max_Late": "11:20:00.0000001",
        },
        {
            "Level": "",
            "sum_Whole": 4,
            "sum_Ratio": 0.25,
            "sum_Late": "11:31:00",
            "sumif_Whole": 0,
            "max_Ratio": 0.25,
            "min_Whole": 4,
            "max_Late": "11:31:00",
        },
    ],
    "automatic names of members of what has no name of its own": [
        {"2": "", "y": "", "dcount_c": 1, "any_arg0": "bob", "any_Level": ""}
    ],
    "automatic names of take_any and any inside of expressions": [
        {"CorrelationId": "c-0", "Column1": "ann", "strlen_": 3, "any_Level": "Error", "a": None, "0": "ann"}
    ],
    "extend after summarize redefines a key": [{"Caller": "ANN", "Runs": 2}, {"Caller": "BOB", "Runs": 1}],
    "names that are words of the language": [{"type": "Error", "title": 3}, {"type": "", "title": 3}],
    "text constants of every spelling": [{"Caller": "ann", "count_": 2}, {"Caller": "bob", "count_": 1}],
    "sets of numbers, bools and instants": [
        {
            "Level": "Error",
            "set_Whole": [3, 1],
            "set_Flag": [True],
            "set_TimeGenerated": ["2026-03-12T11:10:00.0000000Z", "2026-03-12T11:20:00.0000000Z"],
        },
        {
            "Level": "",
            "set_Whole": [4],
            "set_Flag": [True],
            "set_TimeGenerated": ["2026-03-12T11:30:00.0000000Z"],
        },
    ],
}
"""The rows of FEW for each query without a witness. Several columns of take_any are of one record."""


def test_every_query_without_a_witness_has_its_rows_told() -> None:
    assert CLAIMED.keys() == CANNOT_RUN.keys() | KNOWN_WRONG.keys()


@pytest.mark.parametrize("why", CLAIMED)
def test_the_rows_of_a_query_without_a_witness(why: str) -> None:
    (entry,) = (entry for entry in queries(ACCEPTED[1]) if entry.why == why)
    rule = compiled(entry.text)
    assert differences(CLAIMED[why], scheduled_rows(rule, FEW, AT), sets_of(rule)) == []


HOSTILE = 'a" or true //\n| take 1 \\ \u201c'


def test_pivot_queries_are_sound_to_microsofts_binder_whatever_the_key(
    known: Sequence[ActivityRecord],
) -> None:
    need_binder()
    pivots = []
    for entry in queries(ACCEPTED[1]):
        rule = compiled(entry.text)
        verdicts = (rule.evaluate(record) for record in known)
        keys = {verdict.key: None for verdict in verdicts if isinstance(verdict, Match)}
        for key in list(keys)[:3]:
            hostile = tuple(HOSTILE if isinstance(part, str) else part for part in key)
            pivots += [rule.pivot_query(each, AT - MINUTE, AT) for each in (key, hostile)]
    assert len(pivots) > 200
    for pivot, answer in zip(pivots, ask(pivots), strict=True):
        assert answer.errors == (), pivot
        assert "TimeGenerated" in dict(answer.columns)
