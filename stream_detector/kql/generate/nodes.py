"""Expressions as a graph in which what means the same is one node, with columns and definitions resolved.

Parts come before what is made of them, so `Node.number` is an order of computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from stream_detector.kql.function import Function
from stream_detector.kql.plan.reads import Definitions, slots_below
from stream_detector.kql.typed import Apply, Column, Constant, Logic, Not, Now, Typed
from stream_detector.kql.types import Type


class Kind(Enum):
    """What a node does."""

    CONSTANT = "constant"
    SOURCE = "source"
    """Python that reads an argument of the function, such as `r.caller`; not from the rule's text."""
    APPLY = "apply"
    AND = "and"
    OR = "or"
    NOT = "not"
    CHOICE = "choice"
    """Condition, value, condition, value, ..., otherwise."""


class Node:
    """One value that the generated function may compute."""

    __slots__ = ("function", "kind", "may_be_null", "number", "operands", "type", "value")

    def __init__(
        self,
        number: int,
        kind: Kind,
        type_: Type,
        may_be_null: bool,
        operands: tuple[Node, ...] = (),
        value: object = None,
        function: Function | None = None,
    ) -> None:
        self.number = number
        self.kind = kind
        self.type = type_
        self.may_be_null = may_be_null
        self.operands = operands
        self.value = value
        """Of a constant; the code of a source."""
        self.function = function

    def is_certain(self, position: int) -> bool:
        """Whether the operand at `position` is computed whenever this node is."""
        return position == 0 or self.kind in (Kind.APPLY, Kind.NOT)


Simplify = Callable[["Graph", Function, tuple[Node, ...]], Node | None]
"""Another node for a call, that means the same and is cheaper; None to leave it."""


class Graph:
    """Makes nodes. Columns of the table are looked up in `table`, slots in `known`, then in `definitions`."""

    def __init__(
        self,
        definitions: Definitions,
        table: Callable[[Graph, str], Node] | None = None,
        simplify: Iterable[Simplify] = (),
    ) -> None:
        self.nodes: list[Node] = []
        self.known: dict[int, Node] = {}
        """By slot."""
        self._definitions = definitions
        self._table = table
        self._simplify = tuple(simplify)
        self._by_meaning: dict[object, Node] = {}

    def of(self, expression: Typed) -> Node:
        """The node of an expression, made if it is new. Definitions are followed without recursion."""
        self._define_what_is_read_by(expression)
        return self._of(expression)

    def constant(self, type_: Type, value: object) -> Node:
        """A value known beforehand. A string is never null."""
        if value is None and type_ is Type.STRING:
            value = ""
        is_plain = value is None or isinstance(value, bool | int | float | str)
        # Equal containers are not looked for: their text can be as long as the rule's.
        key = (type(value).__name__, repr(value)) if is_plain else id(value)
        return self._node(("constant", type_, key), Kind.CONSTANT, type_, value is None, value=value)

    def source(self, code: str, type_: Type, *, may_be_null: bool) -> Node:
        """An argument of the function, or a part of it. `code` must not come from the rule's text."""
        return self._node(("source", code), Kind.SOURCE, type_, may_be_null, value=code)

    def apply(self, function: Function, *operands: Node) -> Node:
        """A call; null when the function is strict and an operand is the constant null."""
        if function.is_strict and any(node.kind is Kind.CONSTANT and node.value is None for node in operands):
            return self.constant(function.result, None)
        for simplify in self._simplify:
            simpler = simplify(self, function, operands)
            if simpler is not None:
                return simpler
        may_be_null = function.result.has_null and (
            function.may_be_null or any(node.may_be_null for node in operands)
        )
        key = ("apply", id(function), *(node.number for node in operands))
        return self._node(key, Kind.APPLY, function.result, may_be_null, operands, function=function)

    def _of(self, expression: Typed) -> Node:
        if isinstance(expression, Constant):
            return self.constant(expression.type, expression.value)
        if isinstance(expression, Column):
            return self._column(expression)
        if isinstance(expression, Apply):
            return self.apply(expression.function, *map(self._of, expression.arguments))
        if isinstance(expression, Logic):
            kind = Kind.AND if expression.operator == "and" else Kind.OR
            return self._made(kind, expression.type, [self._of(operand) for operand in expression.operands])
        if isinstance(expression, Not):
            return self._made(Kind.NOT, expression.type, [self._of(expression.operand)])
        assert not isinstance(expression, Now), "the planner leaves no time relative to now"
        operands = [self._of(part) for arm in expression.arms for part in arm]
        operands.append(self._of(expression.otherwise))
        return self._made(Kind.CHOICE, expression.type, operands)

    def _made(self, kind: Kind, type_: Type, operands: list[Node]) -> Node:
        values = [*operands[1::2], operands[-1]] if kind is Kind.CHOICE else operands
        may_be_null = type_.has_null and any(node.may_be_null for node in values)
        key = (kind, type_, *(node.number for node in operands))
        return self._node(key, kind, type_, may_be_null, tuple(operands))

    def _column(self, column: Column) -> Node:
        if column.slot is not None:
            return self.known[column.slot]
        assert self._table is not None, "after summarize there are no columns of the table"
        return self._table(self, column.name)

    def _define_what_is_read_by(self, expression: Typed) -> None:
        for slot in slots_below(expression, self._definitions, self.known):
            self.known[slot] = self._of(self._definitions[slot])

    def _node(
        self,
        key: object,
        kind: Kind,
        type_: Type,
        may_be_null: bool,
        operands: tuple[Node, ...] = (),
        value: object = None,
        function: Function | None = None,
    ) -> Node:
        node = self._by_meaning.get(key)
        if node is None:
            # The node holds the function and the value, so the ids in the key stay theirs.
            node = Node(len(self.nodes), kind, type_, may_be_null, operands, value, function)
            self.nodes.append(node)
            self._by_meaning[key] = node
        return node
