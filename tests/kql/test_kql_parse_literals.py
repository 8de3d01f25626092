"""Values of literals, and what is refused because Kusto's reading of it is not known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.kql import tree
from stream_detector.kql.literals import string_literal
from stream_detector.kql.parse import parse
from stream_detector.kql.types import Type
from stream_detector.ticks import DAY, HOUR, MINUTE, SECOND

MORNING = 17_673_120_000_000_000
"""2026-01-02T00:00:00Z in ticks."""


def literal(text: str) -> tree.Literal:
    query, problems = parse(f"AzureActivity | extend x = {text}")
    assert problems == ()
    assert query is not None
    (extend,) = query.operators
    assert isinstance(extend, tree.Extend)
    value = extend.columns[0].value
    assert isinstance(value, tree.Literal)
    return value


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ('""', Type.STRING, ""),
        ("'a\"b'", Type.STRING, 'a"b'),
        (r'"a\"b\\c\n\t\r"', Type.STRING, 'a"b\\c\n\t\r'),
        (r"'it\'s'", Type.STRING, "it's"),
        (r'"\a\b\f\v"', Type.STRING, "\a\b\f\v"),
        (r'"\x41\u00e9\U0001F600"', Type.STRING, "Aé😀"),
        (r'"\ud83d\ude00"', Type.STRING, "😀"),
        (r'@"C:\dir\n"', Type.STRING, r"C:\dir\n"),
        (r"@'ends with \'", Type.STRING, "ends with \\"),
        ('@"a""b"', Type.STRING, 'a"b'),
        ("@'a''b'", Type.STRING, "a'b"),
        ("```a\n\"b\" \\n'c'```", Type.STRING, "a\n\"b\" \\n'c'"),
        ("``````", Type.STRING, ""),
        ('h"secret"', Type.STRING, "secret"),
        ("H'secret'", Type.STRING, "secret"),
        (r"h@'a\b'", Type.STRING, r"a\b"),
        ("\"a\" // comment\n'b'", Type.STRING, "ab"),
        ("\"a\"@'b'", Type.STRING, "ab"),
        ('"// no comment"', Type.STRING, "// no comment"),
        ("0", Type.LONG, 0),
        ("9223372036854775807", Type.LONG, 2**63 - 1),
        ("0xff", Type.LONG, 255),
        ("0XfF", Type.LONG, 255),
        ("1.5", Type.REAL, 1.5),
        ("1.", Type.REAL, 1.0),
        ("1e3", Type.REAL, 1000.0),
        ("1.5e-3", Type.REAL, 0.0015),
        ("true", Type.BOOL, True),
        ("True", Type.BOOL, True),
        ("FALSE", Type.BOOL, False),
        ("2d", Type.TIMESPAN, 2 * DAY),
        ("1.5h", Type.TIMESPAN, 90 * MINUTE),
        ("10m", Type.TIMESPAN, 10 * MINUTE),
        ("10min", Type.TIMESPAN, 10 * MINUTE),
        ("30s", Type.TIMESPAN, 30 * SECOND),
        ("0.1s", Type.TIMESPAN, SECOND // 10),
        ("100ms", Type.TIMESPAN, SECOND // 10),
        ("1.5microsecond", Type.TIMESPAN, 15),
        ("10microseconds", Type.TIMESPAN, 100),
        ("100nanoseconds", Type.TIMESPAN, 1),
        ("1tick", Type.TIMESPAN, 1),
        ("2hours", Type.TIMESPAN, 2 * HOUR),
        ("3days", Type.TIMESPAN, 3 * DAY),
        ("time(1.02:03:04)", Type.TIMESPAN, DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND),
        ("time(0.12:34:56.7)", Type.TIMESPAN, 12 * HOUR + 34 * MINUTE + 56 * SECOND + 7 * SECOND // 10),
        ("timespan(00:01:00)", Type.TIMESPAN, MINUTE),
        ("time(-00:00:00.0000001)", Type.TIMESPAN, -1),
        ("time(01:30)", Type.TIMESPAN, 90 * MINUTE),
        ("time(2)", Type.TIMESPAN, 2 * DAY),
        ("time(15 seconds)", Type.TIMESPAN, 15 * SECOND),
        ("timespan(1h)", Type.TIMESPAN, HOUR),
        ("timespan(null)", Type.TIMESPAN, None),
        ("datetime(2026-01-02)", Type.DATETIME, MORNING),
        ("datetime( 2026-01-02 )", Type.DATETIME, MORNING),
        ('datetime("2026-01-02T03:04:05.1234567Z")', Type.DATETIME, MORNING + 110_451_234_567),
        ("datetime('2026-01-02')", Type.DATETIME, MORNING),
        ("datetime(2026-01-02 03:04:05)", Type.DATETIME, MORNING + 110_450_000_000),
        ("datetime(2026-01-02T03:04)", Type.DATETIME, MORNING + 110_400_000_000),
        ("datetime(2026-01-02T03:04:05 GMT)", Type.DATETIME, MORNING + 110_450_000_000),
        ("datetime(2026-01-02T02:00:00+02:00)", Type.DATETIME, MORNING),
        ("datetime(2026-01-01T22:30:00.5-01:30)", Type.DATETIME, MORNING + SECOND // 2),
        ("date(2026-01-02)", Type.DATETIME, MORNING),
        ("datetime(0001-01-01)", Type.DATETIME, -719_162 * DAY),
        ("datetime(null)", Type.DATETIME, None),
        ("int(5)", Type.INT, 5),
        ("int(-2147483648)", Type.INT, -(2**31)),
        ("int(null)", Type.INT, None),
        ("long(-9223372036854775808)", Type.LONG, -(2**63)),
        ("long( 0x10 )", Type.LONG, 16),
        ("real(5)", Type.REAL, 5.0),
        ("double(-1.5)", Type.REAL, -1.5),
        ("real(+inf)", Type.REAL, math.inf),
        ("real(-inf)", Type.REAL, -math.inf),
        ("bool(true)", Type.BOOL, True),
        ("bool(null)", Type.BOOL, None),
        ("dynamic(null)", Type.DYNAMIC, None),
        ("dynamic([])", Type.DYNAMIC, []),
        ("dynamic ( {} )", Type.DYNAMIC, {}),
        ('dynamic(["a", \'b\', @"c\\d"])', Type.DYNAMIC, ["a", "b", "c\\d"]),
        ('dynamic({"a": [1, true, null]})', Type.DYNAMIC, {"a": [1, True, None]}),
        ('dynamic({"a": {"b": -2.5}, "c": 1})', Type.DYNAMIC, {"a": {"b": -2.5}, "c": 1}),
        ('dynamic("x")', Type.DYNAMIC, "x"),
        ("dynamic(-5)", Type.DYNAMIC, -5),
        ("dynamic(-9223372036854775808)", Type.DYNAMIC, -(2**63)),
        ("dynamic(dynamic([1]))", Type.DYNAMIC, [1]),
        ("dynamic([\n  1, // one\n  2\n])", Type.DYNAMIC, [1, 2]),
    ],
)  # fmt: skip
def test_a_literal_has_its_type_and_value(text: str, type_: Type, value: object) -> None:
    found = literal(text)
    assert (found.type, found.value, type(found.value)) == (type_, value, type(value))
    assert (found.span.start, found.span.end) == (27, 27 + len(text))


def test_not_a_number_has_a_literal() -> None:
    value = literal("real(nan)").value
    assert isinstance(value, float)
    assert math.isnan(value)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_can_be_written_and_is_read_back(text: str) -> None:
    assert literal(string_literal(text)).value == text


@given(st.integers(0, 2**63 - 1))
def test_every_tick_count_is_read_back(ticks: int) -> None:
    assert literal(f"{ticks}tick").value == ticks


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (r'"\d"', "write \\\\"),
        (r'"\u12"', "needs 4"),
        (r'"\x4"', "needs 2"),
        (r'"\101"', "octal"),
        (r'"\ud83d"', "half of a surrogate pair"),
        (r'"\U00110000"', "beyond"),
        ("9223372036854775808", "64 bits"),
        ("0x10000000000000000", "64 bits"),
        ("1e999", "too large"),
        ("5apples", "neither a number nor a timespan"),
        ("0.33333333s", "whole number of ticks"),
        ("1nanosecond", "whole number of ticks"),
        ("1e3s", "neither a number"),
        ("300000000d", "longer than a timespan"),
        ("time(24:00:00)", "up to 23"),
        ("time(00:60)", "up to 23"),
        ("time(5 fortnights)", "no timespan"),
        ("time(a)", "totimespan"),
        ("time()", "no timespan"),
        ("datetime()", "current time"),
        ("datetime(2026-02-30)", "calendar"),
        ("datetime(2026-01-02T24:00)", "calendar"),
        ("datetime(0000-01-01)", "calendar"),
        ("datetime(2026-01-02T00:00:00+15:00)", "calendar"),
        ("datetime(0001-01-01T00:00+01:00)", "years 1 to 9999"),
        ("datetime(2026-1-2)", "ISO 8601"),
        ("datetime(8 Nov 14 15:05:02 GMT)", "ISO 8601"),
        ("datetime(2026-01-02T03:04:05.12345678Z)", "ISO 8601"),
        ("datetime(TimeGenerated)", "todatetime"),
        ("datetime (2026-01-02)", "without a blank"),
        ("int(x)", "toint"),
        ('int("5")', "toint"),
        ("int(2147483648)", "32 bits"),
        ("int(1.5)", "no whole number"),
        ("int()", "no whole number"),
        ("long(5", "not closed on its line"),
        ("real(x)", "toreal"),
        ("bool(1)", "true, false or null"),
        ("guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "guid is not supported"),
        ("74be27de-1e4e-49d9-b579-fe0b331d3642", "in quotes"),
        ("decimal(1.5)", "write real"),
        ("string(null)", "no null"),
        ("typeof(long)", "typeof"),
        ("dynamic([1, 2,])", "value of JSON"),
        ("dynamic([1 2])", "a comma or ]"),
        ("dynamic({a: 1})", "a key in quotes"),
        ('dynamic({"a" 1})', "a colon"),
        ('dynamic({"a": 1, "a": 2})', "stands twice"),
        ("dynamic([datetime(2026-01-02)])", "as text in quotes"),
        ("dynamic(1h)", "as text in quotes"),
        ("dynamic([int(5)])", "as text in quotes"),
        ("dynamic(x)", "texts in quotes"),
        ("dynamic(9223372036854775808)", "64 bits"),
        ("dynamic()", "value of JSON"),
    ],
)
def test_a_literal_whose_meaning_is_not_known_is_refused(text: str, phrase: str) -> None:
    query, problems = parse(f"AzureActivity | extend x = {text}")
    assert query is None
    assert len(problems) == 1
    assert phrase in problems[0].text
