"""Types of expressions: names resolved, overloads chosen, constants folded.

Every function here gives the typed expression, or None after a problem was told, so that one mistake
is one problem. Nothing raises, whatever the tree.
"""

from __future__ import annotations

from stream_detector.kql.catalogue import overloads
from stream_detector.kql.check import fold as check_fold
from stream_detector.kql.check.aggregates import AGGREGATE_NAMES
from stream_detector.kql.check.calls import check_call, is_function
from stream_detector.kql.check.lists import check_list_test
from stream_detector.kql.check.overload import apply
from stream_detector.kql.check.scope import Context
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import (
    Between,
    Binary,
    Call,
    Expression,
    Index,
    ListTest,
    Literal,
    Member,
    Name,
    Star,
    Unary,
)
from stream_detector.kql.typed import Apply, Constant, Now, Typed
from stream_detector.kql.types import Type

DEEPEST = 200
"""Levels of an expression. A chain of `and` or of `or` is one level, however long."""

_TICKS_MOST = 2**63 - 1


def check_expression(expression: Expression, context: Context) -> Typed | None:
    """The typed expression, or None after a problem was told."""
    if _is_too_deep(expression):
        return context.refuse(
            expression.span, "this expression is nested too deeply: take it apart with `extend`"
        )
    return _typed(expression, context)


def check_condition(expression: Expression, context: Context) -> tuple[Typed, ...]:
    """The conjuncts of a condition, each a bool; those that were found wrong are left out."""
    if _is_too_deep(expression):
        context.refuse(expression.span, "this condition is nested too deeply: take it apart with `extend`")
        return ()
    conjuncts = _operands(expression, "and") if isinstance(expression, Binary) else [expression]
    typed = (_bool(conjunct, "a condition", context) for conjunct in conjuncts)
    return tuple(each for each in typed if each is not None)


def _typed(expression: Expression, context: Context) -> Typed | None:
    if isinstance(expression, Literal):
        return Constant(expression.type, expression.value, expression.span)
    if isinstance(expression, Name):
        return context.resolve(expression)
    if isinstance(expression, Binary):
        if expression.operator in ("and", "or"):
            return _logic(expression, context)
        return _binary(expression, context)
    if isinstance(expression, Call):
        return _call(expression, context)
    if isinstance(expression, Member | Index):
        return _access(expression, context)
    if isinstance(expression, Unary):
        return _unary(expression, context)
    if isinstance(expression, ListTest):
        return _list_test(expression, context)
    if isinstance(expression, Between):
        return _between(expression, context)
    return context.refuse(expression.span, "`*` can stand in arg_max(x, *) and arg_min(x, *) only")


def _call(call: Call, context: Context) -> Typed | None:
    if call.name in AGGREGATE_NAMES and not is_function(call.name):
        if context.aggregate is None:
            return context.refuse(call.name_span, f"`{call.name}` is an aggregate: {context.no_aggregate}")
        return context.aggregate(call)
    arguments = [_typed(argument, context) for argument in call.arguments]
    return check_call(call, arguments, context)


def _logic(expression: Binary, context: Context) -> Typed | None:
    operator = expression.operator
    what = f"what `{operator}` connects"
    operands = [_bool(operand, what, context) for operand in _operands(expression, operator)]
    known = tuple(operand for operand in operands if operand is not None)
    if len(known) < len(operands):
        return None
    return check_fold.logic(operator, known, expression.span)


def _operands(expression: Expression, operator: str) -> list[Expression]:
    """What a chain of one of `and`, `or` connects, in order, however it is bracketed."""
    found: list[Expression] = []
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Binary) and node.operator == operator:
            stack += (node.right, node.left)
        else:
            found.append(node)
    return found


def _bool(expression: Expression, what: str, context: Context) -> Typed | None:
    typed = _typed(expression, context)
    if typed is None or typed.type is Type.BOOL:
        return typed
    source = context.source(expression.span)
    if typed.type is Type.DYNAMIC:
        cure = f"wrap {source} in tobool()"
    elif typed.type is Type.STRING:
        cure = f"compare it, such as isnotempty({source})"
    else:
        cure = f"compare it, such as {source} > 0" if typed.type.is_number else "compare it"
    return context.refuse(expression.span, f"{what} must be bool, this is {typed.type}: {cure}")


def _binary(expression: Binary, context: Context) -> Typed | None:
    left = _typed(expression.left, context)
    right = _typed(expression.right, context)
    if left is None or right is None:
        return None
    operator, span = expression.operator, expression.span
    if operator in ("+", "-"):
        moved = _moved(operator, left, right, span)
        if moved is not None:
            return moved
    return _apply(operator, (left, right), span, expression.operator_span, context)


def _moved(operator: str, left: Typed, right: Typed, span: Span) -> Now | Constant | None:
    """now() plus or minus a constant, and the distance of two such; None for anything else."""
    if isinstance(left, Now) and isinstance(right, Now) and operator == "-":
        return _if_fits(left.offset - right.offset, span)
    if operator == "+" and isinstance(right, Now):
        left, right = right, left
    if not isinstance(left, Now) or not isinstance(right, Constant):
        return None
    if right.type is not Type.TIMESPAN or not isinstance(right.value, int):
        return None
    offset = left.offset + (right.value if operator == "+" else -right.value)
    return Now(offset, span) if abs(offset) <= _TICKS_MOST else None


def _if_fits(ticks: int, span: Span) -> Constant | None:
    return Constant(Type.TIMESPAN, ticks, span) if abs(ticks) <= _TICKS_MOST else None


def _unary(expression: Unary, context: Context) -> Typed | None:
    operand = _typed(expression.operand, context)
    if operand is None:
        return None
    name_span = Span(expression.span.start, expression.span.start + 1)
    if expression.operator == "+" and (operand.type.is_number or operand.type is Type.TIMESPAN):
        return operand
    return _apply(expression.operator, (operand,), expression.span, name_span, context)


def _between(expression: Between, context: Context) -> Typed | None:
    operand = _typed(expression.operand, context)
    low = _typed(expression.low, context)
    high = _typed(expression.high, context)
    if operand is None or low is None or high is None:
        return None
    name = "!between" if expression.negated else "between"
    if low.type is Type.DATETIME and high.type is Type.TIMESPAN:
        # `between (datetime(...) .. 1h)`: an upper bound that is a timespan counts from the lower one.
        moved = _moved("+", low, high, high.span)
        sum_ = moved if moved is not None else _apply("+", (low, high), high.span, high.span, context)
        if sum_ is None:
            return None
        high = sum_
    return _apply(name, (operand, low, high), expression.span, expression.span, context)


def _access(expression: Member | Index, context: Context) -> Typed | None:
    of = _typed(expression.of, context)
    index: Typed | None
    if isinstance(expression, Member):
        index = Constant(Type.STRING, expression.name, expression.span)
    else:
        index = _typed(expression.index, context)
    if of is None or index is None:
        return None
    if of.type is not Type.DYNAMIC:
        source = context.source(expression.of.span)
        rest = context.text[expression.of.span.end : expression.span.end]
        cure = f": parse it first, parse_json({source}){rest.strip()}" if of.type is Type.STRING else ""
        return context.refuse(
            expression.span, f"only dynamic values have members, {source} is {of.type}{cure}"
        )
    return _apply("[]", (of, index), expression.span, index.span, context)


def _list_test(expression: ListTest, context: Context) -> Typed | None:
    left = _typed(expression.left, context)
    items = [_typed(item, context) for item in expression.items]
    known = tuple(item for item in items if item is not None)
    if left is None or len(known) < len(items):
        return None
    return check_list_test(expression, left, known, context)


def _apply(
    name: str, arguments: tuple[Typed, ...], span: Span, name_span: Span, context: Context
) -> Apply | Constant | None:
    functions = overloads(name)
    if not functions:
        return context.refuse(name_span, f"`{name}` is not supported")
    return apply(functions, arguments, span, name_span, context)


def _is_too_deep(expression: Expression) -> bool:
    stack = [(expression, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > DEEPEST:
            return True
        stack += ((child, depth + 1) for child in _children(node))
    return False


def _children(node: Expression) -> list[Expression]:
    if isinstance(node, Binary):
        return _operands(node, node.operator) if node.operator in ("and", "or") else [node.left, node.right]
    if isinstance(node, Call):
        return list(node.arguments)
    if isinstance(node, Member):
        return [node.of]
    if isinstance(node, Index):
        return [node.of, node.index]
    if isinstance(node, Unary):
        return [node.operand]
    if isinstance(node, ListTest):
        return [node.left, *node.items]
    if isinstance(node, Between):
        return [node.operand, node.low, node.high]
    assert isinstance(node, Literal | Name | Star)
    return []
