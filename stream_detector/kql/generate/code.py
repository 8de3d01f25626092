"""Python for a graph of expressions: straight lines, each shared value computed once at most.

A value that is needed once is written where it is needed. A shared one becomes a local variable, in one of
three ways: before the statement that surely needs it; inside of the statement, when only one branch of
that needs it (`lazy`: the variable holds UNSET until then); or before, when several branches need it.

Nothing of a rule's text gets into the code: names are numbers, and constants are objects that the code's
globals hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum

from stream_detector.kql.generate.fold import top_level
from stream_detector.kql.generate.nodes import Kind, Node

_DEEPEST = 20
"""Operators inside of one another in one Python expression; beyond that a variable is put between.
Python's own parser gives up at some 200 brackets."""
_LARGEST_LITERAL = 2**63

UNSET = object()
"""What a lazy variable holds before its value is needed."""


class _State(Enum):
    NOTHING = "nothing"
    PERHAPS = "perhaps"
    """Lazy: the variable exists and may be UNSET."""
    SURE = "sure"


class Writer:
    """Writes the statements of one function. `roots` are all values that the function will ask for."""

    def __init__(self, roots: Iterable[Node], names: dict[str, object]) -> None:
        self.lines: list[str] = []
        self._names = names
        """The globals of the code."""
        self._bound: dict[int, str] = {}
        self._states: dict[int, _State] = {}
        self._starting: set[int] = set()
        """Lazy ones whose variable the current statement makes."""
        self._shared = _shared(roots)

    def value(self, node: Node) -> str:
        """An expression for the value, exact: True, False or None for a bool."""
        self._prepare(node)
        return self._value(node)

    def truth(self, node: Node) -> str:
        """An expression that Python takes for true exactly when the bool `node` is true."""
        self._prepare(node)
        return self._truth(node)

    def bind(self, value: object) -> str:
        """The name under which the code finds an object."""
        name = self._bound.get(id(value))
        if name is None:
            name = f"k{len(self._names)}"
            self._names[name] = value
            self._bound[id(value)] = name
        return name

    def _prepare(self, root: Node) -> None:
        """Write the variables that a statement with `root` needs before it."""
        nodes, uses = self._needed(root)
        ahead, lazy, guarded = self._decide(root, nodes, uses)
        for node in reversed(nodes):
            if node.number in lazy and self._states.get(node.number) is None:
                self.lines.append(f"{_variable(node)} = {self.bind(UNSET)}")
                self._starting.add(node.number)
                self._states[node.number] = _State.PERHAPS
        for node in reversed(nodes):
            if node.number in ahead:
                if node.number in guarded:
                    self.lines.append(f"if {_variable(node)} is {self.bind(UNSET)}:")
                    self.lines.append(f"    {_variable(node)} = {self._computed(node)}")
                else:
                    self.lines.append(f"{_variable(node)} = {self._computed(node)}")
                self._states[node.number] = _State.SURE

    def _needed(self, root: Node) -> tuple[list[Node], Counter[int]]:
        """What the statement has to compute, last first, and how often each is used there."""
        uses: Counter[int] = Counter({root.number: 1})
        found: dict[int, Node] = {}
        stack = [root]
        while stack:
            node = stack.pop()
            if node.number in found or self._states.get(node.number) is _State.SURE:
                continue
            found[node.number] = node
            for operand in node.operands:
                uses[operand.number] += 1
            stack += node.operands
        return sorted(found.values(), key=lambda node: -node.number), uses

    def _decide(
        self, root: Node, nodes: list[Node], uses: Counter[int]
    ) -> tuple[set[int], set[int], set[int]]:
        """Which variables to compute ahead, which lazily, and which of the first only if still UNSET."""
        certain = {root.number}
        ahead: set[int] = set()
        lazy: set[int] = set()
        guarded: set[int] = set()
        for node in nodes:
            is_certain = node.number in certain
            if node.number in self._shared and node.kind is not Kind.CONSTANT:
                if is_certain or uses[node.number] > 1 or self._shared[node.number]:
                    ahead.add(node.number)
                    is_certain = True
                    if self._states.get(node.number) is _State.PERHAPS:
                        guarded.add(node.number)
                        is_certain = False
                elif not self._is_cheap(node):
                    lazy.add(node.number)
            if is_certain:
                certain.update(o.number for at, o in enumerate(node.operands) if node.is_certain(at))
        return ahead, lazy, guarded

    def _is_cheap(self, node: Node) -> bool:
        """Whether computing it twice costs no more than to ask whether it was computed."""
        if node.function is None or not node.function.inline:
            return node.kind is Kind.SOURCE
        return all(
            operand.kind in (Kind.SOURCE, Kind.CONSTANT) or self._states.get(operand.number) is _State.SURE
            for operand in node.operands
        )

    def _value(self, node: Node) -> str:
        state = self._states.get(node.number)
        if state is None:
            return self._computed(node)
        name = _variable(node)
        if state is _State.SURE:
            return name
        computed = f"({name} := {self._computed(node)})"
        if node.number in self._starting:
            self._starting.discard(node.number)
            return computed
        return f"({name} if {name} is not {self.bind(UNSET)} else {computed})"

    def _truth(self, node: Node) -> str:
        if node.number in self._states:
            return self._value(node)
        if node.kind is Kind.AND or node.kind is Kind.OR:
            return self._joined(node.kind, map(self._truth, node.operands))
        if node.kind is Kind.NOT:
            return self._falsity(node.operands[0])
        if node.kind is Kind.CHOICE:
            return self._choice(node, self._truth)
        return self._computed(node)

    def _falsity(self, node: Node) -> str:
        """An expression that Python takes for true exactly when the bool `node` is false, not null."""
        if node.number not in self._states:
            if node.kind is Kind.AND or node.kind is Kind.OR:
                other = Kind.OR if node.kind is Kind.AND else Kind.AND
                return self._joined(other, map(self._falsity, node.operands))
            if node.kind is Kind.NOT:
                return self._truth(node.operands[0])
        value = self._value(node)
        return f"({value} is False)" if node.may_be_null else f"(not {value})"

    def _computed(self, node: Node) -> str:
        """The value without its variable."""
        if node.kind is Kind.CONSTANT:
            return self._constant(node.value)
        if node.kind is Kind.SOURCE:
            return str(node.value)
        if node.kind is Kind.APPLY:
            return self._call(node)
        if node.kind is Kind.CHOICE:
            return self._choice(node, self._value)
        if node.kind is Kind.NOT:
            operand = self._value(node.operands[0])
            return f"{self.bind(negated)}({operand})" if node.may_be_null else f"(not {operand})"
        if not node.may_be_null:
            return self._joined(node.kind, map(self._value, node.operands))
        operands = ", ".join(map(self._value, node.operands))
        return f"{self.bind(all_of if node.kind is Kind.AND else any_of)}({operands})"

    def _joined(self, kind: Kind, operands: Iterable[str]) -> str:
        return f"({(' and ' if kind is Kind.AND else ' or ').join(operands)})"

    def _choice(self, node: Node, written: Callable[[Node], str]) -> str:
        *arms, otherwise = node.operands
        # Flat, so that a case of any length is no deeper than one with two arms.
        pairs = [f"{written(arms[at + 1])} if {self._truth(arms[at])}" for at in range(0, len(arms), 2)]
        return f"({' else '.join([*pairs, written(otherwise)])})"

    def _call(self, node: Node) -> str:
        function = node.function
        assert function is not None
        member = top_level(node)
        if member is not None and node.operands[0].number not in self._shared:
            # A text that is parsed for this member only need not be parsed if it has no such member.
            implementation, of, named = member
            return f"{self.bind(implementation)}({self._value(of)}, {self._value(named)})"
        prepared = _prepared(node)
        needed = node.operands if prepared is None else node.operands[:1]
        checks, operands = [], []
        for position, operand in enumerate(needed):
            code = self._value(operand)
            if operand.may_be_null and function.is_strict:
                if not code.isidentifier():
                    name = f"n{node.number}_{position}"
                    checks.append(f"({name} := {code}) is None")
                    code = name
                else:
                    checks.append(f"{code} is None")
            operands.append(code)
        if prepared is None:
            called = self._plain_call(node, operands)
        else:
            called = f"{self.bind(prepared)}({operands[0]})"
        null = self._constant(None if function.result.has_null else "")
        return f"({null} if {' or '.join(checks)} else {called})" if checks else called

    def _plain_call(self, node: Node, operands: list[str]) -> str:
        """The call itself; a strict function's operands are not null here."""
        function = node.function
        assert function is not None
        if _is_inline(node):
            return f"({function.inline.format(*operands)})"
        return f"{self.bind(function.implementation)}({', '.join(operands)})"

    def _constant(self, value: object) -> str:
        if value is None or isinstance(value, bool):
            return str(value)
        if type(value) is int and abs(value) <= _LARGEST_LITERAL:
            return str(value) if value >= 0 else f"({value})"
        return self.bind(value)


def all_of(*operands: bool | None) -> bool | None:
    """`and` of three values: false if any is, else null if any is."""
    if False in operands:
        return False
    return None if None in operands else True


def any_of(*operands: bool | None) -> bool | None:
    """`or` of three values: true if any is, else null if any is."""
    if True in operands:
        return True
    return None if None in operands else False


def negated(operand: bool | None) -> bool | None:
    """`not` of three values."""
    return None if operand is None else not operand


def _is_inline(node: Node) -> bool:
    """Whether the function's own Python can stand for the call: null is never among the operands there."""
    function = node.function
    assert function is not None
    are_values = function.is_strict or not any(operand.may_be_null for operand in node.operands)
    # A variable cannot be set where a comprehension draws its values from.
    fits = len(node.operands) == len(function.parameters) and " for " not in function.inline
    return bool(function.inline) and are_values and fits


def _prepared(node: Node) -> Callable[..., object] | None:
    """The function of the first operand alone, when the others are constants and that is faster."""
    function, others = node.function, node.operands[1:]
    if function is None or function.prepare is None or not others or _is_inline(node):
        return None
    if any(other.kind is not Kind.CONSTANT or other.value is None for other in others):
        return None
    return function.prepare(*(other.value for other in others))


def _variable(node: Node) -> str:
    return f"v{node.number}"


def _shared(roots: Iterable[Node]) -> dict[int, bool]:
    """Nodes that get a variable, and whether only for their depth."""
    uses: Counter[int] = Counter()
    found: dict[int, Node] = {}
    stack: list[Node] = []
    for root in roots:
        uses[root.number] += 1
        stack.append(root)
    while stack:
        node = stack.pop()
        if node.number not in found:
            found[node.number] = node
            uses.update(operand.number for operand in node.operands)
            stack += node.operands
    shared: dict[int, bool] = {}
    depths: dict[int, int] = {}
    for number in sorted(found):
        depth = 1 + max((depths[operand.number] for operand in found[number].operands), default=0)
        is_deep = depth >= _DEEPEST
        if uses[number] > 1 or is_deep:
            shared[number] = is_deep
        depths[number] = 0 if number in shared else depth
    return shared
