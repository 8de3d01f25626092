"""Makes Python functions of a plan: the one module of the package that runs generated code.

The code consists of what this package writes, never of a rule's text. It can call what is put into its
globals, and of Python's own functions the few that the catalogue's inline code uses. What is computed when
is decided in `generate_code`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan, nan
from operator import ge
from typing import Any

from stream_detector.kql.function import Function
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.generate.code import Writer
from stream_detector.kql.generate.fold import simplify
from stream_detector.kql.generate.nodes import Graph, Node
from stream_detector.kql.generate.table import operation_column, record_column
from stream_detector.kql.plan import Plan
from stream_detector.kql.plan.aggregates import PlannedAggregate
from stream_detector.kql.typed import Condition
from stream_detector.kql.types import Type

Evaluate = Callable[[Any], Any]
Meets = Callable[[tuple[Any, ...], Any], bool]
ToRow = Callable[[tuple[Any, ...], Any], dict[str, object]]
ToGroup = Callable[[tuple[Any, ...]], dict[str, object]]

_BUILTINS: dict[str, object] = {"abs": abs, "float": float, "int": int, "len": len, "str": str}

_SHOWN = Function("shown", (Type.DYNAMIC, Type.LONG), Type.DYNAMIC, lambda pair, at: pair[1][at])
_AT_LEAST = Function(">=", (Type.REAL, Type.LONG), Type.BOOL, ge, inline="{0} >= {1}")
_SIZE = Function("size", (Type.DYNAMIC,), Type.LONG, len)


def generate_evaluate(plan: Plan, match: Callable[..., object], rejections: Sequence[object]) -> Evaluate:
    """The function of a record that decides on it.

    It returns `match(key, inputs)`, or the object among `rejections` that stands for the first clause
    that failed. Total for any record.
    """
    graph = Graph(plan.definitions, record_column, [simplify])
    tests = [graph.of(clause.test) for clause in plan.clauses]
    keys = [_told_apart(graph, graph.of(key.value), by=_MEMBER) for key in plan.checked.keys]
    inputs = [_Input(graph, aggregate) for aggregate in plan.aggregates if aggregate.takes_input]
    names = _globals()
    roots = [*tests, *keys, *(node for each in inputs for node in each.nodes)]
    writer = Writer(roots, names)
    for test, rejection in zip(tests, rejections, strict=True):
        refused = f"if not {writer.truth(test)}:"
        writer.lines += [refused, f"    return {writer.bind(rejection)}"]
    key_code = _tuple([writer.value(key) for key in keys])
    input_code = _tuple([each.code(writer) for each in inputs])
    writer.lines.append(f"return {writer.bind(match)}({key_code}, {input_code})")
    evaluate: Evaluate = _function("r", writer.lines, names)
    return evaluate


def generate_wanted(plan: Plan) -> tuple[Callable[[str], bool], ...]:
    """Tests of an operation's name, for a plan without names; one is enough. True for more than can match."""
    if plan.operation_names is not None:
        return ()
    graph = Graph(plan.definitions, operation_column, [simplify])
    tests = [graph.of(test) for test in plan.operation_tests]
    names = _globals()
    writer = Writer(tests, names)
    for test in tests:
        writer.lines += [f"if not {writer.truth(test)}:", "    return False"]
    writer.lines.append("return True")
    wanted: Callable[[str], bool] = _function("name", writer.lines, names)
    return (wanted,)


def generate_meets(plan: Plan) -> Meets:
    """The function of key and summary that says whether the query returns the row."""
    graph = _row_graph(plan)
    tests = [graph.of(step.test) for step in plan.checked.after if isinstance(step, Condition)]
    for column, minimum in plan.thresholds:
        node = graph.of(column)
        size = graph.apply(_SIZE, node) if column.type is Type.DYNAMIC else node
        tests.append(graph.apply(_AT_LEAST, size, graph.constant(Type.LONG, minimum)))
    names = _globals()
    writer = Writer(tests, names)
    for test in tests:
        writer.lines += [f"if not {writer.truth(test)}:", "    return False"]
    writer.lines.append("return True")
    meets: Meets = _function("key, summary", ["values = summary.values", *writer.lines], names)
    return meets


def generate_row(plan: Plan) -> ToRow:
    """The function of key and summary that gives the result row, fit for JSON."""
    graph = _row_graph(plan)
    columns = [(column.name, _as_json(graph, graph.of(column.value))) for column in plan.checked.result]
    names = _globals()
    writer = Writer([node for _, node in columns], names)
    members = [(writer.bind(name), writer.value(node)) for name, node in columns]
    writer.lines.append(f"return {{{', '.join(f'{name}: {code}' for name, code in members)}}}")
    row: ToRow = _function("key, summary", ["values = summary.values", *writer.lines], names)
    return row


def generate_group(plan: Plan) -> ToGroup:
    """The function of a key that gives its columns by name, fit for JSON."""
    graph = _row_graph(plan)
    columns = [(key.name, _as_json(graph, graph.known[key.slot])) for key in plan.checked.keys]
    names = _globals()
    writer = Writer([node for _, node in columns], names)
    members = [(writer.bind(name), writer.value(node)) for name, node in columns]
    writer.lines.append(f"return {{{', '.join(f'{name}: {code}' for name, code in members)}}}")
    group: ToGroup = _function("key", writer.lines, names)
    return group


class _Input:
    """What a matching record hands in for one aggregate."""

    def __init__(self, graph: Graph, aggregate: PlannedAggregate) -> None:
        self._kind = aggregate.kind
        by = _MEMBER if aggregate.kind in ("set", "distinct") else _ONE_NAN
        value = aggregate.value
        self._value = None if value is None else _told_apart(graph, graph.of(value), by=by)
        self._predicate = None if aggregate.predicate is None else graph.of(aggregate.predicate)
        self._shown = [graph.of(shown) for shown in aggregate.shown]

    @property
    def nodes(self) -> list[Node]:
        """Every value that it needs."""
        return [node for node in (self._predicate, self._value, *self._shown) if node is not None]

    def code(self, writer: Writer) -> str:
        """An expression for it."""
        if self._value is None:
            assert self._predicate is not None
            code = writer.value(self._predicate)
            return f"({code} is True)" if self._predicate.may_be_null else code
        if self._shown:
            return self._compared(writer, self._value)
        code = writer.value(self._value)
        return code if self._predicate is None else f"({code} if {writer.truth(self._predicate)} else None)"

    def _compared(self, writer: Writer, value: Node) -> str:
        code = writer.value(value)
        pair = f"({code}, {_tuple([writer.value(shown) for shown in self._shown])})"
        if value.type is not Type.REAL and not value.may_be_null:
            return pair
        return f"{writer.bind(comparable)}{pair}"


def with_one_nan(number: float) -> float:
    """The number; every NaN as the same object, so that sets, dicts and keys take it for equal to itself."""
    return nan if isnan(number) else number


def as_member(number: float) -> float:
    """The number as keys and sets hold it: every NaN the same object, and zero without a sign.

    The two zeros are equal; otherwise the one that came first would be the one that is shown.
    """
    return nan if isnan(number) else number + 0.0


_ONE_NAN = Function("one NaN", (Type.REAL,), Type.REAL, with_one_nan)
_MEMBER = Function("member", (Type.REAL,), Type.REAL, as_member)


def _told_apart(graph: Graph, node: Node, *, by: Function) -> Node:
    return graph.apply(by, node) if node.type is Type.REAL else node


def comparable(compared: object, shown: tuple[object, ...]) -> tuple[object, tuple[object, ...]]:
    """What is handed in for max and its kin: NaN, which no order has, counts as null, worse than all else."""
    if compared == compared:
        return compared, shown
    return None, tuple(None if value != value else value for value in shown)


def _row_graph(plan: Plan) -> Graph:
    """The graph of what follows summarize: slots of keys and aggregates are parts of the arguments."""
    graph = Graph(plan.definitions, None, [simplify])
    for position, key in enumerate(plan.checked.keys):
        may_be_null = key.value.type.has_null
        graph.known[key.slot] = graph.source(f"key[{position}]", key.value.type, may_be_null=may_be_null)
    for column in plan.checked.aggregates:
        place = plan.places[column.slot]
        aggregate = plan.aggregates[place.index]
        graph.known[column.slot] = _aggregate_value(graph, aggregate, place.index, place.shown, column.type)
    return graph


def _aggregate_value(
    graph: Graph, aggregate: PlannedAggregate, index: int, shown: int | None, type_: Type
) -> Node:
    code = f"values[{index}]"
    if aggregate.kind in ("set", "list"):
        assert aggregate.value is not None
        members = graph.source(code, Type.DYNAMIC, may_be_null=False)
        return graph.apply(generate_json.collected(aggregate.value.type), members)
    if shown is None:
        is_null_possible = aggregate.kind in ("any", "sum") and type_.has_null
        return graph.source(code, type_, may_be_null=is_null_possible)
    pair = graph.source(code, Type.DYNAMIC, may_be_null=True)
    # The type is the column's: null becomes "" where that is a string, as everywhere.
    function = Function("shown", _SHOWN.parameters, type_, _SHOWN.implementation, may_be_null=True)
    return graph.apply(function, pair, graph.constant(Type.LONG, shown))


def _as_json(graph: Graph, node: Node) -> Node:
    function = generate_json.shown_as_json(node.type)
    return node if function is None else graph.apply(function, node)


def _tuple(codes: Sequence[str]) -> str:
    return f"({''.join(f'{code}, ' for code in codes)})"


def _globals() -> dict[str, object]:
    return {"__builtins__": dict(_BUILTINS)}


def _function(arguments: str, lines: Sequence[str], names: dict[str, object]) -> Any:
    """The function with these lines as its body."""
    body = "".join(f"    {line}\n" for line in lines)
    exec(f"def made({arguments}):\n{body}", names)  # noqa: S102
    return names["made"]
