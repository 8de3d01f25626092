"""Dynamic values: strict JSON or the text itself, members, and their texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.kql import dynamic

DEEP = 900


def type_of(text: str) -> str:
    return dynamic.to_text(dynamic.parse_top_level(text, "type"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type":"X"}', "X"),
        ('{"t\\u0079pe":"X"}', "X"),
        ('{"Type":"X"}', ""),
        ('{"a":{"type":"X"}}', ""),
        ('[{"type":"X"}]', ""),
        ('"type"', ""),
        ("", ""),
        ("type", ""),
        ('{"type":null}', ""),
        ('{"type":true}', "true"),
        ('{"type":false}', "false"),
        ('{"type":7}', "7"),
        ('{"type":1.50}', "1.5"),
        ('{"type":9223372036854775808}', "9223372036854775808"),
        ('{"type":1e999}', "1e999"),
        ('{"type":[]}', "[]"),
        ('{"type":{"b": [1, "é/", {}], "a": null}}', '{"b":[1,"é/",{}],"a":null}'),
        ('{"type":"X","type":"Y"}', "Y"),
        ('{"type":"\\u00e9\\ud83d\\ude00"}', "é\U0001f600"),
        ('{"type":"a\\ud800b"}', "a\ufffdb"),
        ('{"type":"X","other":"\\udc00"}', "X"),
        ('{"type":"X","other":1e999}', "X"),
        ('{"type":"X","other":' + "9" * 5000 + "}", "X"),
        ('{"type":"X","other":"\ud800"}', "X"),
        ('{"type":"X",}', ""),
        ('{"type":"X"} ', "X"),
        ('{"type":"X"}x', ""),
        ('{"type":NaN}', ""),
        ('{"type":"X","other":Infinity}', ""),
        ("{'type':'X'}", ""),
        ('{"type":"X\n"}', ""),
        ('{"type":01}', ""),
        ("\ufeff" + '{"type":"X"}', ""),
    ],
)
def test_the_top_level_type_is_read_as_kusto_reads_it(text: str, expected: str) -> None:
    assert type_of(text) == expected


def test_deep_nesting_never_raises() -> None:
    nested = "[" * DEEP + "]" * DEEP
    assert type_of(f'{{"type":{nested}}}') == nested
    for depth in (1_100, 100_000):
        assert type_of('{"type":' + "[" * depth + "]" * depth + "}") == ""
        assert type_of('{"type":"X","a":' + '{"b":' * depth) == ""


@given(st.text(st.sampled_from(list('{}[]:,"type\\u0079 \ud8001e9-.NaN')), max_size=30))
def test_no_text_raises_and_what_is_not_json_stays_the_text(text: str) -> None:
    value = dynamic.parse_json(text)
    dynamic.to_text(value)
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        assert value == text
    assert dynamic.parse_top_level(text, "type") == dynamic.member(value, "type")


def _refuse(name: str) -> None:
    raise ValueError(name)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_the_text_of_a_bag_is_compact_json_of_the_same_value(value: Any) -> None:
    parsed = dynamic.parse_json(json.dumps(value, indent=2))
    assert parsed == value
    if isinstance(value, dict | list):
        assert dynamic.to_text(parsed) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_split_keeps_empty_parts_and_a_part_beyond_the_end_is_empty() -> None:
    parts = dynamic.split("//a", "/")
    assert parts == ["", "", "a"]
    assert dynamic.part(parts, 2) == "a"
    assert dynamic.part(parts, 3) == ""
    assert dynamic.split("", "/") == [""]


def test_only_an_array_has_a_length() -> None:
    assert dynamic.array_length([1, 2]) == 2
    assert dynamic.array_length({"a": 1}) is None
    assert dynamic.array_length("ab") is None
