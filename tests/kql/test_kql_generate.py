"""Generated functions on hand-made expressions: nulls, laziness, sharing, and that no text becomes code."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream_detector.kql.function import Function
from stream_detector.kql.generate.code import Writer
from stream_detector.kql.generate.fold import FOLDED, LISTS, simplify
from stream_detector.kql.generate.nodes import Graph, Node
from stream_detector.kql.interpret import Interpreter
from stream_detector.kql.problems import Span
from stream_detector.kql.typed import Apply, Choice, Column, Constant, Logic, Not, Typed
from stream_detector.kql.types import Type

HERE = Span(0, 0)
NULLABLE = {"a": Type.BOOL, "b": Type.BOOL, "c": Type.BOOL, "n": Type.LONG, "m": Type.LONG, "d": Type.DYNAMIC}


def table(graph: Graph, name: str) -> Node:
    """Columns by their names as keys of a dict: those of NULLABLE can be null, others are strings."""
    if name in NULLABLE:
        return graph.source(f"r[{name!r}]", NULLABLE[name], may_be_null=True)
    return graph.source(f"r[{name!r}]", Type.STRING, may_be_null=False)


def column(name: str, slot: int | None = None, type_: Type | None = None) -> Column:
    return Column(type_ or NULLABLE.get(name, Type.STRING), name, slot, HERE)


def constant(value: object, type_: Type) -> Constant:
    return Constant(type_, value, HERE)


def apply(function: Function, *arguments: Typed) -> Apply:
    return Apply(function, arguments, function.result, HERE)


A, B, C, N, M, D = (column(name) for name in "abcnmd")
LESS = Function("<", (Type.LONG, Type.LONG), Type.BOOL, lambda x, y: x < y, inline="{0} < {1}")
PLUS = Function("+", (Type.LONG, Type.LONG), Type.LONG, lambda x, y: x + y, inline="{0} + {1}")
IS_NULL = Function("isnull", (Type.LONG,), Type.BOOL, lambda x: x is None, is_strict=False)
SAME = Function(
    "==",
    (Type.LONG, Type.LONG),
    Type.BOOL,
    lambda x, y: x == y if x is not None and y is not None else None if x is y else False,
    is_strict=False,
    inline="{0} == {1}",
)


def function_of(expression: Typed, *, as_test: bool, definitions: dict[int, Typed] | None = None) -> Any:
    """The generated function of one expression about a dict."""
    graph = Graph(definitions or {}, table, [simplify])
    node = graph.of(expression)
    names: dict[str, object] = {"__builtins__": {}}
    writer = Writer([node], names)
    code = writer.truth(node) if as_test else writer.value(node)
    body = "".join(f"    {line}\n" for line in [*writer.lines, f"return {code}"])
    exec(f"def made(r):\n{body}", names)
    return names["made"]


def logic(depth: int) -> Iterator[Typed]:
    """Expressions of bools that can be null."""
    yield from (A, B, constant(True, Type.BOOL), constant(None, Type.BOOL), apply(LESS, N, M))
    if depth:
        inner = list(logic(depth - 1))
        for left, right in itertools.product(inner[:6], inner):
            yield Logic("and", (left, right), HERE)
            yield Logic("or", (left, right), HERE)
            yield Choice(((left, right),), C, Type.BOOL, HERE)
        yield from (Not(each, HERE) for each in inner)
        yield from (apply(IS_NULL, each) for each in (N, M))
        yield apply(SAME, N, M)


THREE = (None, False, True)


def test_logic_of_three_values_is_exact_as_a_value_and_as_a_test() -> None:
    rows = [
        {"a": a, "b": b, "c": c, "n": n, "m": m}
        for a, b, c in itertools.product(THREE, THREE, (None, True))
        for n, m in ((None, 1), (1, 2), (2, 1), (None, None), (1, 1))
    ]
    for expression in logic(2):
        value = function_of(expression, as_test=False)
        test = function_of(expression, as_test=True)
        for row in rows:
            wanted = Interpreter({}, row.__getitem__).value(expression)
            assert value(row) is wanted, (expression, row)
            assert bool(test(row)) is (wanted is True), (expression, row)


def test_null_goes_through_strict_functions_without_calling_them() -> None:
    def careful(x: object, y: object) -> object:
        assert None not in (x, y)
        return 7

    strict = Function("f", (Type.LONG, Type.LONG), Type.LONG, careful)
    made = function_of(apply(strict, apply(PLUS, N, M), apply(strict, N, M)), as_test=False)
    assert made({"n": 1, "m": 2}) == 7
    assert made({"n": None, "m": 2}) is None
    assert made({"n": 1, "m": None}) is None


def test_a_string_has_no_null() -> None:
    text = Function("tostring", (Type.LONG,), Type.STRING, str)
    assert function_of(apply(text, N), as_test=False)({"n": None}) == ""
    assert function_of(apply(text, constant(None, Type.LONG)), as_test=False)({}) == ""


class Counting:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: Any) -> Any:
        self.calls += 1
        return value


def counted(type_: Type = Type.BOOL) -> tuple[Counting, Callable[[Typed], Apply]]:
    counting = Counting()
    function = Function("counted", (type_,), type_, counting, is_strict=False)
    return counting, lambda argument: apply(function, argument)


def both(*operands: Typed) -> Logic:
    return Logic("and", operands, HERE)


def either(*operands: Typed) -> Logic:
    return Logic("or", operands, HERE)


def test_what_is_used_twice_is_computed_once() -> None:
    counting, call = counted()
    expression = both(call(A), either(B, call(A)), Not(Not(call(A), HERE), HERE))
    assert function_of(expression, as_test=True)({"a": True, "b": False})
    assert counting.calls == 1


def test_a_branch_that_is_not_taken_computes_nothing() -> None:
    counting, call = counted()
    assert function_of(either(A, call(B)), as_test=True)({"a": True, "b": True})
    assert not function_of(both(A, call(B)), as_test=True)({"a": None, "b": True})
    choice = Choice(((A, B), (call(B), C)), C, Type.BOOL, HERE)
    assert function_of(choice, as_test=False)({"a": True, "b": True, "c": False}) is True
    assert counting.calls == 0


def statements(first: Typed, second: Typed) -> Callable[[dict[str, object]], tuple[bool, bool]]:
    """Two tests as two statements of one function."""
    graph = Graph({}, table, [simplify])
    nodes = [graph.of(first), graph.of(second)]
    names: dict[str, object] = {"__builtins__": {}}
    writer = Writer(nodes, names)
    for position, node in enumerate(nodes):
        writer.lines.append(f"t{position} = {writer.truth(node)}")
    body = "".join(f"    {line}\n" for line in [*writer.lines, "return t0, t1"])
    exec(f"def made(r):\n{body}", names)
    made: Any = names["made"]
    return lambda row: tuple(map(bool, made(row)))  # type: ignore[return-value]


@pytest.mark.parametrize("a", THREE)
@pytest.mark.parametrize("b", THREE)
@pytest.mark.parametrize("c", THREE)
def test_a_value_of_one_branch_is_kept_for_the_next_statement(
    a: bool | None, b: bool | None, c: bool | None
) -> None:
    for second in (
        lambda call: call(B),
        lambda call: either(C, call(B)),
        lambda call: either(C, both(call(B), C)),
        lambda call: both(either(C, call(B)), either(C, Not(call(B), HERE))),
    ):
        counting, call = counted()
        first, then = either(A, call(B)), second(call)
        row: dict[str, object] = {"a": a, "b": b, "c": c}
        interpreter = Interpreter({}, row.__getitem__)
        wanted = interpreter.is_true(first), interpreter.is_true(then)
        made = statements(first, then)
        counting.calls = 0
        assert made(row) == wanted
        assert counting.calls <= 1


def test_a_definition_that_nothing_needs_is_not_computed() -> None:
    counting, call = counted()
    definitions: dict[int, Typed] = {0: call(A), 1: Not(column("x", 0, Type.BOOL), HERE), 2: B}
    expression = both(B, column("y", 2, Type.BOOL))
    assert function_of(expression, as_test=True, definitions=definitions)({"b": True})
    assert counting.calls == 0


def test_depth_and_doubling_are_no_problem() -> None:
    expression: Typed = N
    for _ in range(400):
        expression = apply(PLUS, expression, constant(1, Type.LONG))
    assert function_of(expression, as_test=False)({"n": 5}) == 405
    definitions: dict[int, Typed] = {0: N}
    for slot in range(1, 60):
        below = column("x", slot - 1, Type.LONG)
        doubled = apply(PLUS, below, below)
        definitions[slot] = Choice(((apply(LESS, below, M), doubled),), below, Type.LONG, HERE)
    last = column("x", 59, Type.LONG)
    made = function_of(last, as_test=False, definitions=definitions)
    assert made({"n": 1, "m": 100}) == 128
    assert made({"n": 1, "m": None}) == 1


def test_texts_of_the_rule_never_become_code() -> None:
    nasty = "a\"] \n    import os\n'{0}"
    equals = Function("==", (Type.STRING, Type.STRING), Type.BOOL, lambda x, y: x == y, inline="{0} == {1}")
    graph = Graph({7: column("x")}, table, [simplify])
    node = graph.of(apply(equals, Column(Type.STRING, nasty, 7, HERE), constant(nasty, Type.STRING)))
    names: dict[str, object] = {"__builtins__": {}}
    writer = Writer([node], names)
    code = writer.truth(node)
    assert "import" not in code
    assert "import" not in "".join(writer.lines)
    assert nasty in names.values()


def test_inline_code_is_used_only_where_nothing_can_be_null() -> None:
    fussy = Function(
        "f", (Type.LONG, Type.LONG), Type.LONG, lambda x, y: -1, is_strict=False, inline="{0} + {1}"
    )
    assert function_of(apply(fussy, N, M), as_test=False)({"n": 1, "m": 1}) == -1
    one = constant(1, Type.LONG)
    assert function_of(apply(fussy, one, constant(2, Type.LONG)), as_test=False)({}) == 3
    assert function_of(apply(fussy, one, constant(None, Type.LONG)), as_test=False)({}) == -1


def test_constants_that_a_function_prepares_are_prepared_once() -> None:
    made: list[str] = []

    def prepare(needle: str) -> Callable[[str], bool]:
        made.append(needle)
        return lambda text: needle in text

    test = Function("odd", (Type.STRING, Type.STRING), Type.BOOL, lambda x, y: y in x, prepare=prepare)
    function = function_of(apply(test, column("x"), constant("b", Type.STRING)), as_test=True)
    assert [function({"x": text}) for text in ("abc", "ac", "b")] == [True, False, True]
    assert made == ["b"]


def test_members_of_a_parsed_text_are_found_with_and_without_parsing() -> None:
    parses = Counting()
    parse = Function("parse_json", (Type.STRING,), Type.DYNAMIC, lambda text: {"a": parses(1), "b": 2})
    member = Function(
        "[]", (Type.DYNAMIC, Type.STRING), Type.DYNAMIC, lambda of, name: of.get(name), may_be_null=True
    )
    parsed = apply(parse, column("x"))
    first, second = (apply(member, parsed, constant(name, Type.STRING)) for name in "ab")
    alone = function_of(first, as_test=False)
    assert alone({"x": '{"a":5}'}) == 5
    assert alone({"x": "{}"}) is None
    assert parses.calls == 0
    shared = Choice(((apply(IS_NULL, first), first),), second, Type.DYNAMIC, HERE)
    assert function_of(shared, as_test=False)({"x": ""}) == 2
    assert parses.calls == 1


def test_inline_code_of_folded_tests_means_their_implementation() -> None:
    texts = ("", "a", "ab", "ba", "b")
    for test in FOLDED.values():
        made = eval(f"lambda x, y: {test.inline.format('x', 'y')}")
        for left, right in itertools.product(texts, texts):
            assert made(left, right) is test.implementation(left, right)
    for test, _ in LISTS.values():
        made = eval(f"lambda x, y: {test.inline.format('x', 'y')}")
        for text in texts:
            assert made(text, frozenset(texts[:2])) is test.implementation(text, frozenset(texts[:2]))
