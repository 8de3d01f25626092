"""Examples of Kusto's pages hold, and wrong variants of the functions are found by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from kql_examples import CASES, Held, at, call

from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.values.moments import parse_moment
from stream_detector.ticks import DAY, format_ticks


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES, ids=lambda value: repr(value)[:60])
def test_examples_of_the_pages_hold(name: str, arguments: tuple[Any, ...], expected: Any) -> None:
    result = call(name, *arguments)
    if isinstance(expected, float):
        assert isinstance(result, float)
        assert math.isclose(result, expected) or result == expected
    else:
        assert result == expected
        assert (result is None) == (expected is None)


@pytest.mark.parametrize(
    "name", ["year", "2014-05-25T08:20:03.123456Z", "2014-05-25T08:20", "2014-11-08 15:55:55.123456Z"]
)
def test_iso_texts_are_read(name: str) -> None:
    ticks = parse_moment(name)
    assert ticks is None if name == "year" else ticks is not None


WRONG: list[tuple[str, Callable[..., Any]]] = [
    ("hasprefix", lambda text, part: text.lower().startswith(part.lower())),
    ("hasprefix", lambda text, part: part.lower() in text.lower()),
    ("hassuffix", lambda text, part: part.lower() in text.lower()),
    ("hassuffix_cs", lambda text, part: text.endswith(part) or part.lower() in text.lower()),
    ("!hassuffix_cs", lambda text, part: not text.lower().endswith(part.lower())),
    ("has_cs", lambda text, part: part.lower() in text.lower()),
    ("has_all", lambda text, *parts: any(part.lower() in text.lower() for part in parts)),
    ("contains", lambda text, part: part in text),
    ("contains_cs", lambda text, part: part.lower() not in text.lower()),
    ("/", lambda left, right: left // right if right else None),
    ("%", math.fmod),
    ("%", lambda left, right: left % right if right else None),
    ("bin", lambda value, size: int(value / size) * size),
    ("between", lambda value, low, high: low < value <= high),
    ("between", lambda value, low, high: low <= value < high),
    ("countof", lambda text, part, kind="normal": text.count(part)),
    ("trim", lambda pattern, text: text.strip(pattern)),
    ("substring", lambda text, start, length=99: text[start : start + length]),
    ("substring", lambda text, start, length=99: text[max(start, 0) :][: max(length, 0)]),
    ("split", lambda text, delimiter, position=None: text.split()),
    ("coalesce", lambda *values: next(value for value in values if value is not None)),
    ("datetime_diff", lambda period, left, right: (left - right) // DAY),
    ("startofweek", lambda moment, offset=0: moment // (7 * DAY) * 7 * DAY + offset * 7 * DAY),
    ("dayofweek", lambda moment: moment // DAY % 7 * DAY),
    ("ipv4_is_private", lambda text: text.startswith(("10.", "172.", "192.168."))),
    ("ipv4_is_match", lambda left, right, prefix=32: left == right),
    ("ipv4_is_in_range", lambda text, wanted: text.split(".")[:3] == wanted.split(".")[:3]),
    ("tolong", lambda value: int(float(value)) if math.isfinite(float(value)) else None),
    ("toint", lambda value: int(float(value))),
    ("tobool", lambda value: str(value).lower() in ("true", "yes", "1", "123", "1.5")),
    ("set_has_element", lambda array, wanted: wanted in array),
    ("isempty", lambda value: not value),
    ("[]", lambda value, key: value[key] if isinstance(value, list) and 0 <= key < len(value) else None),
]


@pytest.mark.parametrize(
    ("name", "variant"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_variant_is_found_by_the_examples(name: str, variant: Callable[..., Any]) -> None:
    def answer(arguments: tuple[Any, ...]) -> Any:
        values = [value[0] if isinstance(value, Held) else value for value in arguments]
        try:
            return variant(*values)
        except (ArithmeticError, ValueError, TypeError, KeyError):
            return "an error"

    cases = [case for case in CASES if case[0] == name]
    assert any(answer(arguments) != expected for _, arguments, expected in cases)


def test_the_examples_are_about_most_of_the_catalogue() -> None:
    covered = {name for name, _, _ in CASES}
    aliases = {
        "todynamic",
        "parsejson",
        "toobject",
        "toboolean",
        "totime",
        "pack",
        "pack_dictionary",
        "notnull",
    }
    aliases |= {"notempty", "base64_decodestring", "getmonth", "isnotnull"}
    plain = {"<", "<=", ">", ">=", "!=", "tolower", "toupper", "strlen", "abs", "isnan", "isinf", "isfinite"}
    unix = {"unixtime_milliseconds_todatetime", "unixtime_microseconds_todatetime"}
    assert set(SCALAR) - covered - aliases - plain - unix == set()
    assert format_ticks(at("2014-11-08")) == "2014-11-08T00:00:00.0000000Z"
