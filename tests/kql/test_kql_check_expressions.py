"""Expressions that the checker accepts: their types, chosen overloads and folded values."""

from __future__ import annotations

import pytest
from test_kql_check import HOUR, accepted, rule, value_of

from stream_detector.kql.typed import Apply, Choice, Condition, Constant, Logic, Not, Now, Typed
from stream_detector.kql.types import Type

DAY = 24 * HOUR

TYPES: list[tuple[str, str]] = [
    # names, literals
    ("Caller", "string"),
    ("TimeGenerated", "datetime"),
    ("['S']", "string"),
    # arithmetic: ints become longs, a real wins, times as Kusto has them
    ("I + I", "long"),
    ("I + L", "long"),
    ("L * R", "real"),
    ("L / I", "long"),
    ("R % L", "real"),
    ("-I", "long"),
    ("-R", "real"),
    ("-T", "timespan"),
    ("+L", "long"),
    ("TimeGenerated - TimeGenerated", "timespan"),
    ("TimeGenerated + T", "datetime"),
    ("T + TimeGenerated", "datetime"),
    ("TimeGenerated - 1h", "datetime"),
    ("T + 1h", "timespan"),
    ("T * 2", "timespan"),
    ("T / 1m", "real"),
    # comparison
    ("I == 5", "bool"),
    ("L > 5.5", "bool"),
    ("R <= I", "bool"),
    ('S != "a"', "bool"),
    ("B == true", "bool"),
    ("T >= 5m", "bool"),
    ("TimeGenerated < datetime(2026-01-02)", "bool"),
    ('D.x == "a"', "bool"),
    ('"a" == D.x', "bool"),
    ("D.x == 5", "bool"),
    ("D.x > 5", "bool"),
    ("D.x == true", "bool"),
    ("S == Caller", "bool"),
    # text
    ('S has "a"', "bool"),
    ('S !has "a"', "bool"),
    ('S =~ "a" or S !~ "b"', "bool"),
    ('D.x has "a"', "bool"),
    ('S startswith "a" and S !endswith "b"', "bool"),
    ('S contains_cs "a"', "bool"),
    ('S matches regex "^a+$"', "bool"),
    # lists
    ('S in ("a", "b")', "bool"),
    ('S !in~ ("a", "b")', "bool"),
    ("S in (Caller, ResourceId)", "bool"),
    ("L in (1, 2)", "bool"),
    ("L in (1, 2.5)", "bool"),
    ("I in (1, 2)", "bool"),
    ("B in (dynamic([true]))", "bool"),
    ('S has_any ("a", "b") and S has_all ("a", "b")', "bool"),
    ('D.x in ("a", "b")', "bool"),
    ('D.x has_any ("a")', "bool"),
    ("TimeGenerated in (datetime(2026-01-02))", "bool"),
    # ranges
    ("L between (1 .. 5)", "bool"),
    ("R !between (1 .. 2.5)", "bool"),
    ("T between (1m .. 2h)", "bool"),
    ("TimeGenerated between (datetime(2026-01-02) .. 1d)", "bool"),
    # dynamics
    ("D.x", "dynamic"),
    ('D["x y"].z[0]', "dynamic"),
    ("D[-1]", "dynamic"),
    ("D[S]", "dynamic"),
    ("D[L]", "dynamic"),
    ("parse_json(Properties).x", "dynamic"),
    ('split(S, "/")', "dynamic"),
    ('split(S, "/")[0]', "dynamic"),
    ('tostring(split(S, "/")[0])', "string"),
    ('pack_array(L, S, "x")', "dynamic"),
    ('set_has_element(D, "x")', "bool"),
    ("set_has_element(D, S)", "bool"),
    ("array_index_of(D, 5)", "long"),
    ("array_length(D.x)", "long"),
    # functions
    ("tolower(S)", "string"),
    ("strlen(S)", "long"),
    ("substring(S, 1)", "string"),
    ("substring(S, 1, L)", "string"),
    ("strcat(S, L, D, TimeGenerated, B)", "string"),
    ("toint(S)", "int"),
    ("tolong(D.x)", "long"),
    ("toreal(L)", "real"),
    ("isempty(S)", "bool"),
    ("isnull(D.x)", "bool"),
    ("coalesce(S, Caller)", "string"),
    ("coalesce(I, L)", "long"),
    ("coalesce(L, R)", "real"),
    ("bin(TimeGenerated, 1h)", "datetime"),
    ("bin(L, 10)", "long"),
    ('ipv4_is_in_range(CallerIpAddress, "10.0.0.0/8")', "bool"),
    # choices
    ("iff(B, I, L)", "long"),
    ("iff(B, I, R)", "real"),
    ("iif(B, 1, 2)", "long"),
    ('case(B, "a", L > 5, "b", S)', "string"),
    ("case(B, 1, B, 2.0, I)", "real"),
    ("iff(B, D.x, D.y)", "dynamic"),
    ("not(B and L > 1)", "bool"),
    # instants
    ("now()", "datetime"),
    ("now() - TimeGenerated", "timespan"),
    ("bin(now(), 1h)", "datetime"),
]


@pytest.mark.parametrize(("expression", "kind"), TYPES, ids=[expression for expression, _ in TYPES])
def test_an_expression_has_the_type_that_kusto_gives_it(expression: str, kind: str) -> None:
    assert value_of(expression).type == kind


FOLDED: list[tuple[str, str, object]] = [
    ("1 + 2 * 3", "long", 7),
    ("7 / 2", "long", 3),
    ("7 / 2.0", "real", 3.5),
    ("-(1 + 2)", "long", -3),
    ("1h + 30m", "timespan", HOUR + HOUR // 2),
    ("2 * 1h", "timespan", 2 * HOUR),
    ("now() - ago(1h)", "timespan", HOUR),
    ("ago(2h) - ago(1h)", "timespan", -HOUR),
    ('tolower("ABC")', "string", "abc"),
    ('strcat("a", 5, "b")', "string", "a5b"),
    ("tostring(5)", "string", "5"),
    ('strlen("abc")', "long", 3),
    ('split("a/b", "/")[1]', "dynamic", "b"),
    ('dynamic({"a": [1, 2]}).a[1]', "dynamic", 2),
    ('parse_json("[1,2]")', "dynamic", [1, 2]),
    ('pack_array("a", 1)', "dynamic", ["a", 1]),
    ('"a" == "a" and 1 < 2', "bool", True),
    ("true and long(null) > 1", "bool", None),
    ("false and long(null) > 1", "bool", False),
    ("true or long(null) > 1", "bool", True),
    ("not(long(null) > 1)", "bool", None),
    ("long(null) + 1", "long", None),
    ("tostring(long(null))", "string", ""),
    ("substring('abc', long(null))", "string", ""),
    ('iff(1 > 2, "a", "b")', "string", "b"),
    ('iff(long(null) > 2, "a", "b")', "string", "b"),
    ("iff(true, 1, 2.5)", "real", 1.0),
    ('case(false, "a", true, "b", "c")', "string", "b"),
    ("5 in (1, 5)", "bool", True),
    ("L in (dynamic([]))", "bool", False),
    ("S !in (dynamic([]))", "bool", True),
    ("S has_any (dynamic([]))", "bool", False),
]


@pytest.mark.parametrize(("expression", "kind", "value"), FOLDED, ids=[each[0] for each in FOLDED])
def test_an_expression_of_constants_is_a_constant(expression: str, kind: str, value: object) -> None:
    folded = value_of(expression)
    assert isinstance(folded, Constant)
    assert (folded.type, folded.value, type(folded.value)) == (kind, value, type(value))


INSTANTS: list[tuple[str, int]] = [
    ("now()", 0),
    ("now(-1h)", -HOUR),
    ("ago(1d)", -DAY),
    ("ago(-1d)", DAY),
    ("now() - 1h", -HOUR),
    ("now() + 1h", HOUR),
    ("1h + now()", HOUR),
    ("ago(1d) + 1h - 30m", -DAY + HOUR // 2),
    ("ago(2 * 1h)", -2 * HOUR),
]


@pytest.mark.parametrize(("expression", "offset"), INSTANTS, ids=[each[0] for each in INSTANTS])
def test_an_instant_keeps_its_distance_from_now(expression: str, offset: int) -> None:
    instant = value_of(expression)
    assert isinstance(instant, Now)
    assert instant.offset == offset


def arguments(typed: Typed) -> list[object]:
    """Values of the constant arguments of a function."""
    assert isinstance(typed, Apply)
    return [each.value for each in typed.arguments if isinstance(each, Constant)]


def test_a_let_of_an_array_is_spread_into_its_members() -> None:
    text = 'let list = dynamic(["a", "b"]);\n' + rule("| where S in~ (list)")
    [step] = accepted(text).steps
    assert isinstance(step, Condition)
    assert arguments(step.test) == ["a", "b"]


def test_arrays_in_lists_are_flattened_in_order() -> None:
    assert arguments(value_of("L in (0, dynamic([1, [2, 3]]), 4)")) == [0, 1, 2, 3, 4]


def test_an_array_that_is_put_together_is_spread_too() -> None:
    text = 'let names = split("a,b", ",");\n' + rule("| where S has_any (names)")
    [step] = accepted(text).steps
    assert isinstance(step, Condition)
    assert arguments(step.test) == ["a", "b"]


def test_values_of_a_choice_are_all_of_its_type() -> None:
    choice = value_of("case(B, 1, L > 1, I, R)")
    assert isinstance(choice, Choice)
    assert [value.type for _, value in choice.arms] == [Type.REAL, Type.REAL]
    first = choice.arms[0][1]
    assert isinstance(first, Constant)
    assert isinstance(first.value, float)


def test_arguments_are_of_the_types_of_the_parameters() -> None:
    for expression, _ in TYPES:
        typed = value_of(expression)
        if isinstance(typed, Apply):
            function = typed.function
            for position, argument in enumerate(typed.arguments):
                wanted = function.parameters[min(position, len(function.parameters) - 1)]
                assert argument.type is wanted, expression


def test_a_function_that_takes_any_type_as_text_gets_text() -> None:
    typed = value_of("strcat(S, L, B)")
    assert isinstance(typed, Apply)
    assert [argument.type for argument in typed.arguments] == [Type.STRING] * 3
    _, number, _ = typed.arguments
    assert isinstance(number, Apply)
    assert number.function.name == "tostring"


def test_an_exact_overload_is_preferred_to_a_conversion() -> None:
    typed = value_of("L + 1")
    assert isinstance(typed, Apply)
    assert typed.function.parameters == (Type.LONG, Type.LONG)


def test_and_or_and_not_have_nodes_of_their_own() -> None:
    assert isinstance(value_of("B and L > 1"), Logic)
    assert isinstance(value_of("not(B)"), Not)


def test_an_upper_bound_that_is_a_span_counts_from_the_lower_one() -> None:
    typed = value_of("TimeGenerated between (ago(2h) .. 1h)")
    assert isinstance(typed, Apply)
    _, low, high = typed.arguments
    assert isinstance(low, Now)
    assert isinstance(high, Now)
    assert high.offset - low.offset == HOUR
