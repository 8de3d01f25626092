"""Literals: whatever a value holds, it stays inside its quotes and reads back as itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.kql.literals import datetime_literal, string_list, string_literal

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def read_back(literal: str) -> str:
    """The value of a literal, read as KQL's grammar describes it."""
    inside = re.fullmatch(r'"((?:[^"\\\r\n\u2028\u2029]|\\[nrt"\\]|\\u[0-9a-f]{4})*)"', literal)
    assert inside, f"{literal!r} is not one literal"

    def value(escape: re.Match[str]) -> str:
        body = escape.group(1)
        return chr(int(body[1:], 16)) if body[0] == "u" else _ESCAPES[body]

    return re.sub(r"\\(u[0-9a-f]{4}|.)", value, inside.group(1))


@given(st.text())
def test_a_text_reads_back_as_itself(value: str) -> None:
    assert read_back(string_literal(value)) == value


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("ann@contoso.com", '"ann@contoso.com"'),
        ('" or true //', '"\\" or true //"'),
        ('\\" | project x', '"\\\\\\" | project x"'),
        ("a\nb\r\tc", '"a\\nb\\r\\tc"'),
        ("\u2028\u202e\u0000", '"\\u2028\\u202e\\u0000"'),
        ("é\U0001f600", '"é\U0001f600"'),
        ("\ud800", '"\\ufffd"'),
        ("", '""'),
    ],
)
def test_hostile_texts_cannot_leave_the_literal(value: str, literal: str) -> None:
    assert string_literal(value) == literal


def test_lists_and_times_are_written_as_kql() -> None:
    assert string_list(["a", 'b"']) == '("a", "b\\"")'
    assert datetime_literal(1) == "datetime(1970-01-01T00:00:00.0000001Z)"
