"""The whole catalogue: every overload is total, and its fast forms mean the same as its implementation.

Values are drawn for the declared types, so a function that is added is tested without a word here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from stream_detector.kql.catalogue import REFUSED, SCALAR, TAKES_ANY_AS_TEXT, overloads
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values.numbers import MAX_INT, MAX_LONG, MIN_INT, MIN_LONG
from stream_detector.kql.values.spans import PERIODS
from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MIN_TICKS

ALL = [function for functions in SCALAR.values() for function in functions]

WORDS = [
    *("", " ", "a", "A", "terraform", "svc_terraform", "10.0.0.1", "10.0.0.0/8", " 192.168.1.1/33", "::1"),
    *(
        "true",
        "-5",
        "0x1F",
        " 12 ",
        "1e999",
        "NaN",
        "9223372036854775808",
        "1.5",
        "a)|(b",
        "[",
        "(a)(b)?",
        "\\1",
    ),
    *("2026-03-12T10:00:00.1234567Z", "2026-13-12", "0001-01-01T00:00+14:00", "1.02:03:04.5", "-00:00:01"),
    *(
        '{"a":[1,2.5,null]}',
        "[",
        '"\\ud800"',
        "\ud800",
        "\u212a",
        "ß",
        "İ",
        "😀",
        "a" * 300,
        "U3RhcnQ=",
        "regex",
    ),
    *("day", "Month", "$.a", ".", "a*", "(?i)A", "\\0\\0", "\\9", "x\\"),
]
TEXTS = st.sampled_from(WORDS) | st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
REALS = st.floats() | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, -5e-324, 2.0**63])
LONGS = st.integers(MIN_LONG, MAX_LONG) | st.integers(-3, 40)
BASES = st.none() | st.booleans() | LONGS | st.sampled_from([2**64 - 1]) | REALS | TEXTS


def _nested(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


DYNAMICS = st.recursive(
    BASES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=6,
) | st.just(_nested(600))

VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.integers(MIN_INT, MAX_INT) | st.integers(-3, 40),
    Type.LONG: LONGS,
    Type.REAL: REALS,
    Type.STRING: TEXTS,
    Type.DATETIME: st.integers(MIN_TICKS, MAX_TICKS) | st.sampled_from([MIN_TICKS, MAX_TICKS, 0]),
    Type.TIMESPAN: LONGS | st.sampled_from([HOUR, DAY, 7 * DAY, -DAY]),
    Type.DYNAMIC: DYNAMICS,
}


TRIMS = ("trim", "trim_start", "trim_end")
CONSTANTS: dict[tuple[str, int], st.SearchStrategy[Any]] = {
    ("datetime_diff", 0): st.sampled_from(PERIODS),
    ("countof", 2): st.sampled_from(["normal", "Normal"]),
    **{(name, 0): st.sampled_from(["a+", r"[^\w]+", "(?i)(ab)*", "é+"]) for name in TRIMS},
    ("bin", 1): st.sampled_from([1, HOUR, DAY]),
    ("floor", 1): st.sampled_from([1, HOUR, DAY]),
    ("extract", 1): st.integers(0, 2),
}
"""Constants that are mostly accepted, where few values are."""


def is_of_type(value: object, type_: Type) -> bool:
    """Whether a value that is not null fits its declared type, as `kql.types` holds it."""
    match type_:
        case Type.BOOL:
            return isinstance(value, bool)
        case Type.INT:
            return type(value) is int and MIN_INT <= value <= MAX_INT
        case Type.LONG | Type.TIMESPAN:
            return type(value) is int and MIN_LONG <= value <= MAX_LONG
        case Type.REAL:
            return isinstance(value, float)
        case Type.STRING:
            return isinstance(value, str)
        case Type.DATETIME:
            return type(value) is int and MIN_TICKS <= value <= MAX_TICKS
        case Type.DYNAMIC:
            return isinstance(value, bool | int | float | str | list | dict)


def is_same(left: object, right: object) -> bool:
    """Equal in type and value; NaN is NaN, and 0.0 is not -0.0."""
    return type(left) is type(right) and repr(left) == repr(right)


def parameters_of(function: Function, count: int) -> Sequence[Type]:
    parameters = function.parameters
    return parameters + parameters[-1:] * (count - len(parameters))


def draw_arguments(data: st.DataObject, function: Function, *, with_null: bool) -> list[Any]:
    least = len(function.parameters) - function.optional
    most = len(function.parameters) + (3 if function.repeats else 0)
    types = parameters_of(function, data.draw(st.integers(least, most)))[:most]
    count = data.draw(st.integers(least, len(types)))
    arguments = []
    for position, type_ in enumerate(types[:count]):
        is_constant = position in function.constants
        values = CONSTANTS.get((function.name, position), VALUES[type_]) if is_constant else VALUES[type_]
        if with_null and type_.has_null and not is_constant:
            values = st.none() | values
        arguments.append(data.draw(values))
    return arguments


def related(arguments: Sequence[Any], type_: Type) -> list[Any]:
    """First arguments that have to do with the others, which chance would hardly draw."""
    texts = [value for value in arguments[1:] if isinstance(value, str)]
    found: list[Any] = [value for value in arguments if is_of_type(value, type_)]
    if type_ in (Type.STRING, Type.DYNAMIC):
        for each in texts:
            found += [each.swapcase(), f"x{each}", f"{each}x", f"a {each.swapcase()}-b"]
    return found


def is_accepted(function: Function, arguments: Sequence[object]) -> bool:
    """Whether the checker would let these pass, all of them taken as constants and then the needed ones."""
    if function.check is None:
        return True
    needed = [value if position in function.constants else None for position, value in enumerate(arguments)]
    for constants in (arguments, needed):
        told = function.check(*constants)
        assert told is None or (isinstance(told, str) and told)
    return function.check(*needed) is None


@pytest.mark.parametrize("name", sorted(SCALAR))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_overload_is_total_and_keeps_its_declared_type(name: str, data: st.DataObject) -> None:
    function = data.draw(st.sampled_from(SCALAR[name]))
    arguments = draw_arguments(data, function, with_null=not function.is_strict)
    assume(is_accepted(function, arguments))
    before = repr(arguments)
    result = function.implementation(*arguments)
    assert repr(arguments) == before
    if result is None:
        assert function.result.has_null
        assert function.may_be_null or None in arguments or function.result is Type.DYNAMIC
    else:
        assert is_of_type(result, function.result)


@pytest.mark.parametrize("name", sorted({each.name for each in ALL if each.prepare}))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_prepared_function_means_the_same(name: str, data: st.DataObject) -> None:
    function = data.draw(st.sampled_from([each for each in SCALAR[name] if each.prepare]))
    arguments = draw_arguments(data, function, with_null=not function.is_strict)
    assume(is_accepted(function, arguments))
    assert function.prepare is not None
    prepared = function.prepare(*arguments[1:])
    first, *_ = function.parameters
    for value in (arguments[0], *related(arguments, first)):
        assert is_same(prepared(value), function.implementation(value, *arguments[1:]))


@pytest.mark.parametrize("name", sorted({each.name for each in ALL if each.inline}))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_inline_code_means_the_same(name: str, data: st.DataObject) -> None:
    function = data.draw(st.sampled_from([each for each in SCALAR[name] if each.inline]))
    arguments = [data.draw(VALUES[type_]) for type_ in function.parameters]
    if function.result is not Type.DYNAMIC:
        assume(None not in arguments)
    inlined = inline_of(function)
    assert is_same(inlined(*arguments), function.implementation(*arguments))


def inline_of(function: Function) -> Callable[..., object]:
    names = [f"x{position}" for position in range(len(function.parameters))]
    made: Callable[..., object] = eval(f"lambda {', '.join(names)}: {function.inline.format(*names)}")
    return made


@pytest.mark.parametrize("function", ALL, ids=lambda each: f"{each.name}{each.parameters}")
def test_every_entry_is_well_formed(function: Function) -> None:
    count = len(function.parameters)
    assert function.optional < count
    assert all(position < count for position in function.constants)
    assert not (function.optional and function.repeats)
    if function.result is Type.STRING:
        # A string has no null, so a null argument must be answered by the implementation.
        assert not function.may_be_null
        assert not function.is_strict or not any(type_.has_null for type_ in function.parameters)
    for position in range(count):
        # Each argument is evaluated once, and every one is used or cannot matter.
        assert function.inline.count(f"{{{position}}}") <= 1


def test_no_two_overloads_of_a_name_take_the_same_types() -> None:
    for name, functions in SCALAR.items():
        assert len({each.parameters for each in functions}) == len(functions), name
        assert all(each.name == name for each in functions)
        assert overloads(name) == functions
    assert overloads("no_such_function") == ()


def test_a_name_is_supported_or_refused_but_not_both() -> None:
    assert not set(SCALAR) & set(REFUSED)
    assert not [name for name in SCALAR if name in REFUSED]
    assert not TAKES_ANY_AS_TEXT - set(SCALAR)


@pytest.mark.parametrize(
    "name", ["parse_url", "series_anything", "geo_point_in_circle", "rand", "ipv6_is_match"]
)
def test_a_known_name_that_is_refused_comes_with_a_sentence(name: str) -> None:
    assert REFUSED[name]
    assert "frobnicate" not in REFUSED


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Function("f", (Type.LONG,), Type.LONG, lambda value: value + 1), "beyond 64 bits"),
        (Function("f", (Type.STRING,), Type.LONG, lambda text: text.find("a") or None), "null unannounced"),
        (Function("f", (Type.REAL,), Type.REAL, lambda value: 1.0 / value), "raises"),
        (Function("f", (Type.STRING,), Type.STRING, lambda text: text.encode().decode()), "half a pair"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_generator_finds_a_function_that_is_not_total(broken: Function, complaint: str) -> None:
    @settings(max_examples=400, deadline=None, database=None, phases=[Phase.generate])
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        (argument,) = draw_arguments(data, broken, with_null=False)
        result = broken.implementation(argument)
        assert result is not None, complaint
        assert is_of_type(result, broken.result)

    with pytest.raises((AssertionError, ArithmeticError, UnicodeError)):
        check()


@pytest.mark.parametrize(
    ("right", "inline", "prepare"),
    [
        (SCALAR["contains"][0], "({1} in {0})", lambda part: lambda text: part in text),
        (
            SCALAR["startswith_cs"][0],
            "({1} in {0})",
            lambda prefix: lambda text: text.lower().startswith(prefix),
        ),
        (SCALAR["<"][0], "({0} <= {1})", lambda limit: lambda value: value <= limit),
        (SCALAR["matches regex"][0], "({1} in {0})", lambda pattern: lambda text: pattern in text),
    ],
    ids=lambda value: value.name if isinstance(value, Function) else "",
)
def test_a_wrong_fast_form_is_found(right: Function, inline: str, prepare: Callable[..., Any]) -> None:
    wrong = Function(right.name, right.parameters, right.result, right.implementation, inline=inline)

    @settings(max_examples=1000, deadline=None, database=None, phases=[Phase.generate])
    @given(data=st.data())
    def check(data: st.DataObject, fast: Callable[..., object]) -> None:
        value, other = draw_arguments(data, right, with_null=False)
        assume(is_accepted(right, [value, other]))
        for first in (value, *related([value, other], right.parameters[0])):
            assert is_same(fast(first, other), right.implementation(first, other))

    for fast in (inline_of(wrong), lambda value, other: prepare(other)(value)):
        with pytest.raises(AssertionError):
            check(fast=fast)
