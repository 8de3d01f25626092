"""The checker never raises, whatever the tree, and always gives either a rule or a problem."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kql_check import SAMPLE, accepted, rule, value_of
from test_kql_check_expressions import FOLDED, TYPES

from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.check import check
from stream_detector.kql.check import fold as check_fold
from stream_detector.kql.check import overload as check_overload
from stream_detector.kql.check.aggregates import AGGREGATE_NAMES
from stream_detector.kql.check.expression import DEEPEST
from stream_detector.kql.function import Function
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.schema import UNAVAILABLE
from stream_detector.kql.tree import (
    Between,
    Binary,
    Call,
    Expression,
    Extend,
    Index,
    Let,
    ListTest,
    Literal,
    Member,
    Name,
    Named,
    Operator,
    Ordered,
    Project,
    ProjectAway,
    ProjectRename,
    Query,
    Star,
    Summarize,
    Unary,
    Where,
)
from stream_detector.kql.typed import Apply, CheckedQuery, Choice, Column, Constant, Logic, Not, Now, Typed
from stream_detector.kql.types import Type

SPAN = Span(0, 5)
TEXT = "a rule"
CALLER = Name("Caller", SPAN)
COUNT = Summarize(
    (Named(None, None, Call("count", (), SPAN, SPAN), SPAN),), (Named(None, None, CALLER, SPAN),), SPAN
)

names = st.sampled_from([*SAMPLE, "TenantId", "Nope", "x", "y", "X*", "", "['", "caller"])
values = st.one_of(
    st.tuples(st.just(Type.STRING), st.text(max_size=8)),
    st.tuples(st.just(Type.LONG), st.integers(-(2**63), 2**63 - 1) | st.none()),
    st.tuples(st.just(Type.INT), st.integers(-(2**31), 2**31 - 1) | st.none()),
    st.tuples(st.just(Type.REAL), st.floats() | st.none()),
    st.tuples(st.just(Type.BOOL), st.booleans() | st.none()),
    st.tuples(st.just(Type.TIMESPAN), st.integers(-(2**63), 2**63 - 1) | st.none()),
    st.tuples(st.just(Type.DATETIME), st.integers(0, 10**17) | st.none()),
    st.tuples(
        st.just(Type.DYNAMIC),
        st.recursive(
            st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    ),
)
leaves = st.one_of(
    names.map(lambda name: Name(name, SPAN)),
    values.map(lambda pair: Literal(pair[0], pair[1], SPAN)),
    st.just(Star(SPAN)),
)
functions = st.sampled_from(
    [
        *(name for name in SCALAR if name.isidentifier()),
        *sorted(AGGREGATE_NAMES),
        "iff",
        "case",
        "not",
        "now",
        "ago",
        "nope",
    ]
)
operators = st.sampled_from(
    [name for name in SCALAR if not name.isidentifier() or name == "has"] + ["and", "or", "!!"]
)
lists = st.sampled_from(["in", "!in", "in~", "!in~", "has_any", "has_all", "has_none"])


def deeper(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(
        st.builds(lambda name, of: Call(name, of, SPAN, SPAN), functions, several),
        st.builds(lambda name, left, right: Binary(name, left, right, SPAN, SPAN), operators, inner, inner),
        st.builds(lambda name, left, of: ListTest(name, left, of, SPAN, SPAN), lists, inner, several),
        st.builds(
            lambda of, low, high, no: Between(of, low, high, no, SPAN), inner, inner, inner, st.booleans()
        ),
        st.builds(lambda sign, of: Unary(sign, of, SPAN), st.sampled_from("+-"), inner),
        st.builds(lambda of, name: Member(of, name, SPAN), inner, st.text(max_size=3)),
        st.builds(lambda of, index: Index(of, index, SPAN), inner, inner),
    )


expressions: st.SearchStrategy[Expression] = st.recursive(leaves, deeper, max_leaves=8)
named = st.builds(
    lambda name, value: Named(name, None if name is None else SPAN, value, SPAN),
    st.none() | names,
    expressions,
)
columns = st.lists(named, min_size=1, max_size=3).map(tuple)
steps = st.one_of(
    expressions.map(lambda condition: Where(condition, SPAN)),
    columns.map(lambda of: Extend(of, SPAN)),
    columns.map(lambda of: Project(of, SPAN)),
    st.lists(names.map(lambda name: Name(name, SPAN)), max_size=2).map(
        lambda of: ProjectAway(tuple(of), SPAN)
    ),
    columns.map(lambda of: ProjectRename(of, SPAN)),
    st.builds(lambda of, keys: Summarize(of, keys, SPAN), columns, columns),
    st.just(COUNT),
    st.lists(expressions, max_size=2).map(lambda of: Ordered(tuple(of), SPAN)),
)
lets = st.builds(
    lambda name, value: Let(name, SPAN, value, SPAN), st.sampled_from(["x", "y", "S"]), expressions
)
queries = st.builds(
    lambda before, pipe: Query(tuple(before), Name("AzureActivity", SPAN), tuple(pipe)),
    st.lists(lets, max_size=2),
    st.lists(steps, max_size=5),
)


def checked(*operators: Operator) -> tuple[CheckedQuery | None, tuple[KqlProblem, ...]]:
    return check(Query((), Name("AzureActivity", SPAN), operators), TEXT, SAMPLE, UNAVAILABLE)


def literal_of(kind: Type) -> st.SearchStrategy[Expression]:
    return values.filter(lambda pair: pair[0] is kind).map(lambda pair: Literal(kind, pair[1], SPAN))


LITERALS = {kind: literal_of(kind) for kind in Type}
COLUMNS_OF = {kind: [name for name, other in SAMPLE.items() if other is kind] for kind in Type}
OVERLOADS = {kind: [each for of in SCALAR.values() for each in of if each.result is kind] for kind in Type}


@st.composite
def of_type(draw: st.DrawFn, kind: Type, levels: int) -> Expression:
    """An expression of a type, put together from the overloads that give it."""
    what = draw(st.integers(0, 2 if levels else 1))
    if what == 0:
        return draw(LITERALS[kind])
    if what == 1 or not OVERLOADS[kind]:
        return Name(draw(st.sampled_from(COLUMNS_OF[kind])), SPAN)
    function = draw(st.sampled_from(OVERLOADS[kind]))
    kinds = list(function.parameters[: len(function.parameters) - draw(st.integers(0, function.optional))])
    kinds += [function.parameters[-1]] * (draw(st.integers(0, 2)) if function.repeats else 0)
    arguments = tuple(
        draw(LITERALS[each] if position in function.constants else of_type(each, levels - 1))
        for position, each in enumerate(kinds)
    )
    return written(function, arguments)


def written(function: Function, of: tuple[Expression, ...]) -> Expression:
    """The call of a function in the shape the parser gives it."""
    name = function.name
    if name == "[]":
        return Index(of[0], of[1], SPAN)
    if name.endswith("between"):
        return Between(of[0], of[1], of[2], name.startswith("!"), SPAN)
    if function.repeats and name in SCALAR and (name in lists_of_names or not name.isidentifier()):
        return ListTest(name, of[0], of[1:], SPAN, SPAN)
    if len(of) == 1 and not name.isidentifier():
        return Unary(name, of[0], SPAN)
    if not name.isidentifier() or name in binary_words:
        return Binary(name, of[0], of[1], SPAN, SPAN)
    return Call(name, of, SPAN, SPAN)


lists_of_names = {"in", "has_any", "has_all"}
binary_words = {
    word + case
    for word in ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith")
    for case in ("", "_cs")
}


@given(st.sampled_from(list(Type)).flatmap(lambda kind: of_type(kind, 3)))
@settings(max_examples=250, deadline=None)
def test_an_expression_put_together_from_overloads_is_never_of_wrong_types(expression: Expression) -> None:
    answer, problems = checked(Extend((Named("Z", SPAN, expression, SPAN),), SPAN), COUNT)
    assert [problem.text for problem in problems if " takes " in problem.text] == []
    if answer is not None:
        assert_sound(answer)


@given(queries)
@settings(max_examples=200, deadline=None)
def test_any_tree_gives_a_rule_or_problems(query: Query) -> None:
    answer, problems = check(query, TEXT, SAMPLE, UNAVAILABLE)
    assert (answer is None) == bool(problems)
    assert all(problem.text for problem in problems)
    if answer is not None:
        assert_sound(answer)


@given(expressions)
@settings(max_examples=300, deadline=None)
def test_any_expression_is_typed_soundly_or_refused(expression: Expression) -> None:
    extend = Extend((Named("Z", SPAN, expression, SPAN),), SPAN)
    answer, problems = checked(extend, COUNT)
    assert (answer is None) == bool(problems)
    if answer is not None:
        assert_sound(answer)


def assert_sound(answer: CheckedQuery) -> None:
    """Slots are defined before they are read, and every node is of the types it says."""
    known: set[int] = set()
    for step in answer.steps:
        assert_typed(step.value if hasattr(step, "value") else step.test, known)
        if hasattr(step, "slot"):
            known.add(step.slot)
    for key in answer.keys:
        assert_typed(key.value, known)
    for aggregate in answer.aggregates:
        for argument in aggregate.arguments:
            assert_typed(argument, known)
    known = {key.slot for key in answer.keys} | {each.slot for each in answer.aggregates}
    for step in answer.after:
        assert_typed(step.value if hasattr(step, "value") else step.test, known, is_row=True)
        if hasattr(step, "slot"):
            known.add(step.slot)
    for column in answer.result:
        assert column.value.slot in known


def assert_typed(typed: Typed, known: set[int], *, is_row: bool = False) -> None:
    def inner(*parts: Typed) -> None:
        for part in parts:
            assert_typed(part, known, is_row=is_row)

    match typed:
        case Constant():
            assert_value(typed)
        case Column():
            assert typed.slot in known or (typed.slot is None and not is_row)
        case Now():
            assert abs(typed.offset) < 2**63
        case Apply():
            inner(*typed.arguments)
            assert typed.type is typed.function.result
            for position, argument in enumerate(typed.arguments):
                parameters = typed.function.parameters
                assert argument.type is parameters[min(position, len(parameters) - 1)]
        case Logic():
            inner(*typed.operands)
            assert len(typed.operands) > 1
            assert all(operand.type is Type.BOOL for operand in typed.operands)
        case Not():
            inner(typed.operand)
            assert typed.operand.type is Type.BOOL
        case Choice():
            for condition, value in typed.arms:
                inner(condition, value)
                assert condition.type is Type.BOOL
                assert value.type is typed.type
            inner(typed.otherwise)
            assert typed.otherwise.type is typed.type


PYTHON: dict[Type, tuple[type, ...]] = {
    Type.BOOL: (bool,),
    Type.INT: (int,),
    Type.LONG: (int,),
    Type.REAL: (float,),
    Type.STRING: (str,),
    Type.DATETIME: (int,),
    Type.TIMESPAN: (int,),
    Type.DYNAMIC: (bool, int, float, str, list, dict),
}


def assert_value(constant: Constant) -> None:
    if constant.value is None:
        assert constant.type.has_null
    else:
        assert isinstance(constant.value, PYTHON[constant.type])
        assert constant.type in (Type.BOOL, Type.DYNAMIC) or not isinstance(constant.value, bool)


def nested(levels: int) -> Expression:
    expression: Expression = CALLER
    for _ in range(levels):
        expression = Call("tolower", (expression,), SPAN, SPAN)
    return expression


def test_two_hundred_levels_are_accepted_and_more_are_one_problem() -> None:
    for levels in (DEEPEST - 1, DEEPEST, 5000):
        extend = Extend((Named("Z", SPAN, nested(levels), SPAN),), SPAN)
        _, problems = checked(extend, COUNT)
        assert len(problems) == (levels >= DEEPEST), levels


def alternating(levels: int) -> Expression:
    expression: Expression = Literal(Type.BOOL, True, SPAN)
    for level in range(levels):
        expression = Binary(
            "and" if level % 2 else "or", Call("isempty", (CALLER,), SPAN, SPAN), expression, SPAN, SPAN
        )
    return expression


@pytest.mark.parametrize("build", [nested, alternating])
def test_depth_is_refused_everywhere(build: Callable[[int], Expression]) -> None:
    deep = build(3000)
    one = Named(None, None, deep, SPAN)
    for operator in (
        Where(deep, SPAN),
        Extend((one,), SPAN),
        Project((one,), SPAN),
        Ordered((deep,), SPAN),
        Summarize((one,), (Named(None, None, CALLER, SPAN),), SPAN),
        Summarize((), (one,), SPAN),
    ):
        assert checked(operator)[1]
    query = Query((Let("x", SPAN, deep, SPAN),), Name("AzureActivity", SPAN), (COUNT,))
    assert check(query, TEXT, SAMPLE, UNAVAILABLE)[1]


def test_a_chain_of_ten_thousand_conditions_is_no_depth() -> None:
    test = Call("isempty", (CALLER,), SPAN, SPAN)
    for operator in ("and", "or"):
        chain: Expression = test
        for _ in range(10_000):
            chain = Binary(operator, chain, test, SPAN, SPAN)
        answer, problems = checked(Where(chain, SPAN), COUNT)
        assert problems == ()
        assert answer is not None
        assert len(answer.steps) == (10_001 if operator == "and" else 1)


# Deliberately wrong variants of the checker: the tables of the other modules have to see each of them.


def agrees_with_tables() -> bool:
    try:
        for expression, kind in TYPES:
            if value_of(expression).type != kind:
                return False
        for expression, kind, value in FOLDED:
            folded = value_of(expression)
            if not isinstance(folded, Constant) or (folded.type, folded.value) != (kind, value):
                return False
            assert_value(folded)
        accepted(rule('| where S == "a" and L == 5'))
    except AssertionError:
        return False
    return True


def test_the_tables_agree_with_the_checker_as_it_is() -> None:
    assert agrees_with_tables()


@pytest.mark.parametrize(
    "variant", ["and forgets nulls", "or needs all", "not of null", "widening keeps ints"]
)
def test_a_wrong_checker_is_seen(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if variant == "and forgets nulls":
        right = check_fold.logic

        def forgets(operator: str, operands: tuple[Typed, ...], span: Span) -> Logic | Constant:
            found = right(operator, operands, span)
            is_null = isinstance(found, Constant) and found.value is None
            return Constant(Type.BOOL, False, span) if is_null else found

        monkeypatch.setattr(check_fold, "logic", forgets)
    elif variant == "or needs all":
        plain = check_fold.logic
        monkeypatch.setattr(check_fold, "logic", lambda _, operands, span: plain("and", operands, span))
    elif variant == "not of null":
        monkeypatch.setattr(
            check_fold,
            "negated",
            lambda operand, span: Constant(Type.BOOL, not getattr(operand, "value", False), span),
        )
    else:
        monkeypatch.setattr(check_overload, "_to_real", lambda value: value)
        monkeypatch.setitem(
            check_overload._CONVERSIONS,
            (Type.LONG, Type.REAL),
            (1, check_overload._conversion("toreal", Type.LONG, Type.REAL)),
        )
    assert not agrees_with_tables()
