"""What the catalogue says of constants that cannot be used, before any record is seen."""

from __future__ import annotations

from typing import Any

import pytest

from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.ticks import DAY, HOUR, MINUTE

S, L, R, D, T, Y, B = (
    Type.STRING,
    Type.LONG,
    Type.REAL,
    Type.DATETIME,
    Type.TIMESPAN,
    Type.DYNAMIC,
    Type.BOOL,
)


def entry(name: str, *types: Type) -> Function:
    (found,) = [each for each in SCALAR[name] if each.parameters == types]
    return found


REFUSED: list[tuple[Function, tuple[Any, ...], str]] = [
    (entry("matches regex", S, S), (None, "(a"), "RE2 does not accept"),
    (entry("matches regex", S, S), (None, "a(?=b)"), "no lookaround"),
    (entry("matches regex", Y, S), (None, r"(a)\1"), "references to groups"),
    (entry("matches regex", S, S), (None, r"a\b"), "word boundaries"),
    (entry("trim", S, S), ("", None), "empty"),
    (entry("trim_start", S, S), ("[", None), "its ] is missing"),
    (entry("trim_end", S, S), (" ", None), "' +'"),
    (entry("extract", S, L, S), ("(a)(b)", 3, None), "no group 3"),
    (entry("extract", S, L, S), ("(a)(b)", -1, None), "no group -1"),
    (entry("extract", S, L, S), ("(", 0, None), "RE2 does not accept"),
    (entry("replace_string", S, S, S), (None, "", "x"), "is empty"),
    (entry("split", S, S), (None, ""), "delimiter is empty"),
    (entry("countof", S, S, S), (None, "a", "exact"), "is not normal"),
    (entry("countof", S, S, S), (None, "a", "Regex"), "write matches regex"),
    (entry("bin", L, L), (None, 0), "more than zero"),
    (entry("bin", R, R), (None, -0.5), "more than zero"),
    (entry("bin", D, T), (None, 7 * DAY), "startofweek"),
    (entry("bin", D, T), (None, 0), "more than zero"),
    (entry("floor", D, T), (None, 7 * HOUR), "divides a day"),
    (entry("datetime_diff", S, D, D), ("decade", None, None), "none of year"),
    (entry("bag_has_key", Y, S), (None, "$.a.b"), "paths beginning with $"),
    (entry("ipv4_is_in_range", S, S), (None, "10.0.0.0/33"), "no IPv4 address or range"),
    (entry("ipv4_is_in_any_range", S, S), (None, "10.0.0.0/8", "fe80::/10"), "no IPv4 address or range"),
    (entry("ipv4_is_in_any_range", S, Y), (None, ["10.0.0.0/8", 5]), "no IPv4 address or range"),
    (entry("ipv4_is_in_any_range", S, Y), (None, "10.0.0.0/8"), "no array"),
    (entry("ipv4_is_match", S, S, L), (None, "10.0.0.0", 33), "0 to 32"),
    (entry("==", Y, S), (None, ""), "isempty"),
    (entry("!=", Y, S), (None, ""), "isempty"),
    (entry("==", S, Y), ("", None), "isempty"),
    (entry("=~", Y, S), (None, ""), "isempty"),
    (entry("!~", Y, S), (None, ""), "isempty"),
    (entry("in", Y, S), (None, "a", ""), "isempty"),
    (entry("!in~", Y, S), (None, "", "a"), "isempty"),
]


@pytest.mark.parametrize(("function", "constants", "told"), REFUSED)
def test_a_constant_that_cannot_be_used_is_told(
    function: Function, constants: tuple[Any, ...], told: str
) -> None:
    assert function.check is not None
    sentence = function.check(*constants)
    assert sentence is not None
    assert told in sentence


@pytest.mark.parametrize(
    ("function", "constants"),
    [
        (entry("matches regex", S, S), (None, r"(?<name>\w+)\.(com|org)$")),
        (entry("extract", S, L, S), ("(a)(b)", 2, None)),
        (entry("extract", S, L, S), (None, None, None)),
        (entry("trim", S, S), (r"\s+", None)),
        (entry("countof", S, S, S), (None, "a", "NORMAL")),
        (entry("countof", S, S, S), (None, "a", None)),
        (entry("bin", D, T), (None, 5 * MINUTE)),
        (entry("bin", D, T), (None, DAY)),
        (entry("bin", T, T), (None, 7 * DAY)),
        (entry("bin", L, L), (None, None)),
        (entry("datetime_diff", S, D, D), ("Hour", None, None)),
        (entry("ipv4_is_in_range", S, S), (None, None)),
        (entry("ipv4_is_in_range", S, S), (None, "10.0.0.0/8")),
        (entry("ipv4_is_match", S, S, L), (None, "10.0.0.0")),
        (entry("ipv4_is_in_any_range", S, Y), (None, ["10.0.0.0/8"])),
        (entry("==", Y, S), (None, "x")),
        (entry("==", Y, S), (None, None)),
        (entry("in", Y, S), (None, "a", "b")),
        (entry("has_any", Y, S), (None, "a", "")),
    ],
)
def test_a_constant_that_can_be_used_is_not_complained_about(
    function: Function, constants: tuple[Any, ...]
) -> None:
    assert function.check is None or function.check(*constants) is None


def test_what_is_compiled_or_grows_must_be_constant() -> None:
    for name, places in (
        ("matches regex", (1,)),
        ("trim", (0,)),
        ("extract", (0, 1)),
        ("replace_string", (1, 2)),
        ("countof", (1,)),
        ("datetime_diff", (0,)),
    ):
        assert SCALAR[name][0].constants == places
    assert entry("bin", D, T).constants == (1,)
    assert entry("isnull", B).constants == ()
