"""Which overload is chosen and what is folded, with overloads made up for it."""

from __future__ import annotations

from itertools import permutations

import pytest

from stream_detector.kql.check import fold as check_fold
from stream_detector.kql.check.fold import MOST, applied
from stream_detector.kql.check.overload import apply, choose, common_type, takes, widened
from stream_detector.kql.check.scope import Context, Scope
from stream_detector.kql.function import Function
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.typed import Apply, Column, Constant, Now, Typed
from stream_detector.kql.types import Type

SPAN = Span(0, 1)
INT, LONG, REAL, STRING, DYNAMIC = Type.INT, Type.LONG, Type.REAL, Type.STRING, Type.DYNAMIC


def made_up(*parameters: Type, result: Type = LONG, **more: object) -> Function:
    return Function("f", parameters, result, lambda *values: values, **more)  # type: ignore[arg-type]


def constant(kind: Type, value: object) -> Constant:
    return Constant(kind, value, SPAN)


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ((INT, INT), (INT, INT)),
        ((INT, LONG), (LONG, LONG)),
        ((LONG, INT), (LONG, LONG)),
        ((LONG, REAL), (REAL, REAL)),
        ((INT, REAL), (REAL, REAL)),
        ((STRING, STRING), (STRING, STRING)),
    ],
)
def test_the_nearest_overload_is_chosen_in_whatever_order_they_are(
    types: tuple[Type, ...], wanted: tuple[Type, ...]
) -> None:
    overloads = [made_up(kind, kind) for kind in (INT, LONG, REAL, STRING)]
    for order in permutations(overloads):
        chosen = choose(order, types)
        assert chosen is not None
        assert chosen.parameters == wanted


@pytest.mark.parametrize(
    "types", [(STRING, LONG), (LONG, STRING), (REAL, Type.TIMESPAN), (Type.BOOL, LONG), (DYNAMIC, STRING)]
)
def test_nothing_else_is_converted(types: tuple[Type, ...]) -> None:
    assert choose([made_up(kind, kind) for kind in Type if kind is not DYNAMIC], types) is None


def test_the_first_of_equally_near_overloads_is_chosen() -> None:
    first, second = made_up(LONG), made_up(LONG)
    assert choose([first, second], [INT]) is first


def test_a_number_is_not_narrowed() -> None:
    assert choose([made_up(INT)], [LONG]) is None
    assert choose([made_up(LONG)], [REAL]) is None


def test_a_scalar_becomes_dynamic_only_where_kusto_takes_any() -> None:
    assert choose([made_up(DYNAMIC)], [STRING]) is None
    pack = Function("pack_array", (DYNAMIC,), DYNAMIC, lambda *values: list(values), repeats=True)
    assert choose([pack], [STRING, LONG]) is pack
    assert choose([pack], [Type.DATETIME]) is None


def test_repeated_and_optional_arguments_are_counted() -> None:
    optional = made_up(STRING, LONG, LONG, optional=2)
    assert [takes(optional, count) for count in range(5)] == [False, True, True, True, False]
    repeated = made_up(STRING, LONG, repeats=True)
    assert [takes(repeated, count) for count in range(5)] == [False, False, True, True, True]


def test_a_common_type_widens_numbers_only() -> None:
    assert common_type([INT, INT]) is INT
    assert common_type([INT, LONG]) is LONG
    assert common_type([INT, LONG, REAL]) is REAL
    assert common_type([STRING, LONG]) is None
    assert common_type([DYNAMIC, STRING]) is None


def test_a_widened_number_computes_as_what_it_became() -> None:
    real = widened(constant(LONG, 5), REAL)
    assert isinstance(real, Constant)
    assert isinstance(real.value, float)
    column = widened(Column(INT, "I", None, SPAN), REAL)
    assert isinstance(column, Apply)
    assert isinstance(column.function.implementation(5), float)
    # Code that is generated from `inline` has to do the same; the name it stands for is a number.
    assert column.function.inline == "float({0})"


def test_a_strict_function_of_null_is_null_without_being_called() -> None:
    def never(*_: object) -> object:
        raise AssertionError

    for result, value in ((LONG, None), (STRING, "")):
        folded = applied(Function("f", (LONG,), result, never), (constant(LONG, None),), SPAN)
        assert folded == constant(result, value)


def test_a_function_that_is_not_strict_is_asked_about_null() -> None:
    function = Function("f", (LONG,), Type.BOOL, lambda value: value is None, is_strict=False)
    assert applied(function, (constant(LONG, None),), SPAN) == constant(Type.BOOL, True)


def test_what_depends_on_a_record_or_on_now_is_not_folded() -> None:
    for argument in (Column(LONG, "L", None, SPAN), Now(0, SPAN)):
        assert isinstance(applied(made_up(argument.type), (argument,), SPAN), Apply)


def test_what_would_become_too_large_is_not_folded() -> None:
    function = Function("f", (STRING,), STRING, lambda text: text * 2)
    small, large = "x" * (MOST // 2 - 10), "x" * (MOST // 2 + 10)
    assert isinstance(applied(function, (constant(STRING, small),), SPAN), Constant)
    assert isinstance(applied(function, (constant(STRING, large),), SPAN), Apply)


def test_a_product_that_would_become_huge_is_never_computed() -> None:
    def never(*_: object) -> object:
        raise AssertionError

    function = Function("replace_string", (STRING, STRING, STRING), STRING, never)
    arguments = (constant(STRING, "a" * 10_000), constant(STRING, "a"), constant(STRING, "b" * 10_000))
    assert isinstance(applied(function, arguments, SPAN), Apply)


def test_the_size_of_a_value_that_shares_its_parts_is_counted_up_to_the_limit_only() -> None:
    value: object = "x"
    for _ in range(100):
        value = [value, value]
    assert check_fold.size(value) > MOST


def context() -> tuple[Context, list[KqlProblem]]:
    problems: list[KqlProblem] = []
    return Context("abcdefgh", Scope({}, {}, {}), problems), problems


def test_a_wrong_constant_is_told_at_its_place() -> None:
    function = made_up(STRING, STRING, constants=(1,), check=lambda _, pattern: f"{pattern} is wrong")
    where, problems = context()
    arguments: list[Typed] = [Column(STRING, "S", None, Span(0, 1)), Constant(STRING, "(", Span(3, 4))]
    assert apply([function], arguments, Span(0, 5), Span(1, 2), where) is None
    assert problems == [KqlProblem(Span(3, 4), "( is wrong")]


def test_an_argument_that_must_be_constant_is_told_at_its_place_and_not_checked() -> None:
    function = made_up(STRING, STRING, constants=(1,), check=lambda *_: "never asked")
    where, problems = context()
    arguments: list[Typed] = [Column(STRING, "S", None, Span(0, 1)), Column(STRING, "S", None, Span(3, 4))]
    assert apply([function], arguments, Span(0, 5), Span(1, 2), where) is None
    assert [problem.span for problem in problems] == [Span(3, 4)]
    assert "must be a constant" in problems[0].text


def test_a_check_sees_none_for_what_is_no_constant() -> None:
    seen: list[tuple[object, ...]] = []

    def check(*values: object) -> str | None:
        seen.append(values)
        return None

    where, _ = context()
    arguments: list[Typed] = [Column(LONG, "L", None, SPAN), constant(LONG, 5)]
    assert isinstance(apply([made_up(LONG, LONG, check=check)], arguments, SPAN, SPAN, where), Apply)
    assert seen == [(None, 5)]
