"""Cheaper forms of common calls: folding once for every test of a text, and no JSON read in vain.

Each means exactly the same as the catalogue's implementation; tests compare them with the interpreter,
which knows the catalogue only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import contains, eq, ne

from stream_detector.kql import dynamic
from stream_detector.kql.function import Function
from stream_detector.kql.generate.nodes import Graph, Kind, Node
from stream_detector.kql.text import fold
from stream_detector.kql.types import Type

_TEXTS = (Type.STRING, Type.STRING)


def _test(name: str, implementation: Callable[..., bool], inline: str) -> Function:
    # Another name than the catalogue's, so that what was simplified is not simplified again.
    return Function(f"{name} of folded", _TEXTS, Type.BOOL, implementation, inline=inline)


FOLD = Function("fold", (Type.STRING,), Type.STRING, fold)

FOLDED = {
    "=~": _test("=~", eq, "{0} == {1}"),
    "!~": _test("!~", ne, "{0} != {1}"),
    "startswith": _test("startswith", str.startswith, "{0}.startswith({1})"),
    "!startswith": _test("!startswith", lambda x, y: not x.startswith(y), "not {0}.startswith({1})"),
    "endswith": _test("endswith", str.endswith, "{0}.endswith({1})"),
    "!endswith": _test("!endswith", lambda x, y: not x.endswith(y), "not {0}.endswith({1})"),
    "contains": _test("contains", contains, "{1} in {0}"),
    "!contains": _test("!contains", lambda x, y: y not in x, "{1} not in {0}"),
}
"""Tests that ignore ASCII case, as the same tests of folded texts."""

_AMONG = _test("in", lambda value, values: value in values, "{0} in {1}")
_NOT_AMONG = _test("!in", lambda value, values: value not in values, "{0} not in {1}")
LISTS = {"in": (_AMONG, False), "!in": (_NOT_AMONG, False), "in~": (_AMONG, True), "!in~": (_NOT_AMONG, True)}
"""Tests of a text against a list, and whether they fold."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_. -]+\Z")
"""Names that JSON can write in two ways only: as they are, and with \\u."""


def simplify(graph: Graph, function: Function, operands: tuple[Node, ...]) -> Node | None:
    """A node that means the same as the call and costs less, or None."""
    if not operands or any(node.type is not Type.STRING for node in operands):
        return None
    if function.name in FOLDED and len(operands) == 2 and function.result is Type.BOOL:
        return graph.apply(FOLDED[function.name], *(folded(graph, node) for node in operands))
    if function.name in LISTS and all(node.kind is Kind.CONSTANT for node in operands[1:]):
        test, folds = LISTS[function.name]
        values = frozenset(fold(str(node.value)) if folds else str(node.value) for node in operands[1:])
        tested = folded(graph, operands[0]) if folds else operands[0]
        return graph.apply(test, tested, graph.constant(Type.DYNAMIC, values))
    return None


def folded(graph: Graph, node: Node) -> Node:
    """The node's text with its ASCII letters in lower case."""
    if node.kind is Kind.CONSTANT:
        return graph.constant(Type.STRING, fold(str(node.value)))
    return graph.apply(FOLD, node)


def top_level(node: Node) -> tuple[Callable[..., object], Node, Node] | None:
    """For `parse_json(text)["name"]`: what finds it without parsing in vain, the text and the name."""
    if node.function is None or node.function.name != "[]" or len(node.operands) != 2:
        return None
    of, name = node.operands
    if of.function is None or of.function.name not in ("parse_json", "todynamic") or len(of.operands) != 1:
        return None
    text = of.operands[0]
    if text.type is not Type.STRING or name.kind is not Kind.CONSTANT or not isinstance(name.value, str):
        return None
    return (dynamic.parse_top_level, text, name) if _PLAIN_NAME.match(name.value) else None
