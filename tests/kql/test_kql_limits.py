"""What a rule makes of one record stays small, whatever the record holds, and equal numbers are one."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.kql.dynamic import Dynamic, parse_json, to_text
from stream_detector.kql.generate import as_member, with_one_nan
from stream_detector.kql.values import arrays, words
from stream_detector.kql.values.limits import MOST, bounded, is_small
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import Handling, Match, RuleInfo
from stream_detector.ticks import from_datetime


def test_a_chain_of_forty_strcat_stays_within_the_limit() -> None:
    text = "ab"
    for _ in range(40):
        text = words.join(text, text)
    assert text == "ab" * (MOST // 2)
    assert MOST == 2**20


@pytest.mark.parametrize("delimiter", ["", "-", "--" * MOST])
def test_texts_are_cut_where_the_limit_is(delimiter: str) -> None:
    longest = "a" * MOST
    for texts in ((longest,), (longest, "b"), ("b", longest), (longest[1:], "c"), ("", longest), ("a", "b")):
        assert words.join_with(delimiter, *texts) == delimiter.join(texts)[:MOST]
        assert words.join(*texts) == "".join(texts)[:MOST]


@pytest.mark.parametrize(
    ("text", "part", "other"),
    [
        ("a" * 5000, "a", "b" * 5000),
        ("xa" * 5000, "a", "bc" * 500),
        ("a" * MOST, "a", ""),
        ("a" * MOST, "a", "bb"),
        ("ab" * (MOST // 2), "ab", "c"),
        ("a" * (MOST + 5), "b", "c"),
        ("a" * MOST, "a" * 7, "b" * 8),
        ("abc", "b", "xyz"),
    ],
)
def test_replacing_is_cut_where_the_limit_is(text: str, part: str, other: str) -> None:
    assert words.replace(text, part, other) == text.replace(part, other)[:MOST]


def test_a_hostile_replacement_is_not_made_in_full() -> None:
    started = time.perf_counter()
    assert words.replace("a" * MOST, "a", "b" * 200_000) == "b" * MOST
    assert time.perf_counter() - started < 5


@given(st.lists(st.text(max_size=4)))
def test_pieces_below_the_limit_are_joined_whole(pieces: list[str]) -> None:
    assert bounded(pieces) == "".join(pieces)


def test_a_value_packed_into_itself_becomes_null_rather_than_large() -> None:
    value: Dynamic = ["a"]
    seen = []
    for _ in range(40):
        value = arrays.pack_array(value, value)
        seen.append(value is None)
        assert is_small(value)
    assert any(seen)
    assert to_text([["a" * MOST], "b"]) == f'[["{"a" * (MOST - 3)}'
    bag: Dynamic = "a" * (MOST // 2)
    assert arrays.bag_pack("a", bag) is not None
    assert arrays.bag_pack("a", bag, "b", bag) is None
    assert arrays.pack_array("a" * MOST) is None


def test_texts_of_texts_in_arrays_do_not_grow_without_bound() -> None:
    text = '"'
    for _ in range(40):
        text = to_text(arrays.pack_array(text)) or '"'
        assert len(text) <= MOST
    assert len(to_text(parse_json(f'["{"a" * (2 * MOST)}"]'))) == MOST


def test_counting_is_linear_for_any_text_and_part() -> None:
    started = time.perf_counter()
    assert words.count("a" * 300_000, "a" * 100_000) == 200_001
    assert words.count("a" * 300_000, "a" * 100_000 + "b") == 0
    assert words.count("ab" * 150_000, "ab" * 50_000) == 100_001
    assert time.perf_counter() - started < 5


@given(st.text(st.sampled_from("ab"), max_size=40), st.text(st.sampled_from("ab"), max_size=6))
def test_counting_finds_every_occurrence(text: str, part: str) -> None:
    places = [at for at in range(len(text)) if part and text.startswith(part, at)]
    assert words.count(text, part) == len(places)


def test_zero_has_one_form_in_keys_and_sets_and_nan_equals_itself() -> None:
    assert repr(as_member(-0.0)) == repr(as_member(0.0)) == "0.0"
    assert as_member(float("nan")) is with_one_nan(-math.nan) is with_one_nan(float("nan"))
    for number in (1.5, -1.5, 5e-324, -5e-324, math.inf, -math.inf, 1e308):
        assert repr(as_member(number)) == repr(with_one_nan(number)) == repr(number)
    # What take_any, min, max and their kin show keeps its sign, as in the engine.
    assert repr(with_one_nan(-0.0)) == "-0.0"


AT = from_datetime(datetime(2026, 3, 12, 12, tzinfo=UTC))


def compiled(steps: str) -> KqlRule:
    text = f"AzureActivity\n| where TimeGenerated > ago(1h)\n{steps}"
    rule, problems = compile_kql(
        text, RuleInfo("r", "r", "1", "Low", (), (), ""), Handling(), {}, every_record=True
    )
    assert rule is not None, problems
    return rule


def match_of(rule: KqlRule, properties: str) -> Match:
    texts = dict.fromkeys(ActivityRecord.__struct_fields__[1:13], "x")
    columns: dict[str, Any] = {**texts, "properties": properties}
    decided = rule.evaluate(ActivityRecord(time=AT, **columns, origin=Origin("0", 1)))
    assert isinstance(decided, Match)
    return decided


def test_a_rule_of_forty_lines_that_double_a_text_ends() -> None:
    lines = "".join(f"| extend X{n + 1} = strcat(X{n}, X{n})\n" for n in range(40))
    rule = compiled(f"| extend X0 = Caller\n{lines}| summarize N = countif(strlen(X40) == {MOST}) by Caller")
    started = time.perf_counter()
    assert match_of(rule, "").inputs == (True,)
    assert time.perf_counter() - started < 5


def test_both_zeros_are_one_key_and_one_member_of_a_set() -> None:
    rule = compiled(
        "| extend R = toreal(Properties_d.r)\n"
        "| summarize S = make_set(R), D = dcount(R), A = take_any(R), M = max(R) by R"
    )
    kept = {each.kind.value: place for place, each in enumerate(rule.aggregates)}
    minus, plus = (match_of(rule, f'{{"r":{number}}}') for number in ("-0.0", "0.0"))
    assert repr(minus.key) == repr(plus.key) == "(0.0,)"
    for kind in ("set", "distinct"):
        assert repr(minus.inputs[kept[kind]]) == "0.0"
    assert repr(minus.inputs[kept["any"]]) == "-0.0"
