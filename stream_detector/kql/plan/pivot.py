"""The query that shows an analyst the records behind a row, made of the rule's own text.

The lets and the conditions on records stand as they were written, the window's condition excepted, which
becomes a fixed span of time. Columns are only ever added, so that the analyst sees whole records: project
and project-rename become extend. What reads a column that Sentinel does not have is left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from math import isfinite, isnan

from msgspec import Struct

from stream_detector.kql.literals import datetime_literal, string_literal
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import (
    Between,
    Binary,
    Call,
    Expression,
    Extend,
    Index,
    ListTest,
    Member,
    Name,
    Named,
    Operator,
    Project,
    ProjectRename,
    Query,
    Summarize,
    Unary,
    Where,
)
from stream_detector.kql.typed import CheckedQuery, Definition
from stream_detector.kql.types import Type
from stream_detector.kql.values.spans import format_span

_OWN_COLUMNS = {"OperationCaller": "Caller", "OperationCallerIpAddress": "CallerIpAddress"}
"""What each record itself says, or leaves empty, where another record of its operation tells a rule."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class PivotKey(Struct, frozen=True, gc=False):
    """A column of the group."""

    code: str
    """KQL for its value, of the rule's text; "" when it cannot be computed from what Sentinel has."""
    type: Type
    or_empty: bool = False
    """Whether a record that leaves the column empty may belong to the group too."""


class Pivot(Struct, frozen=True, gc=False):
    """The parts of the query that are the same for every group."""

    lets: tuple[str, ...]
    steps: tuple[str, ...]
    """Lines that begin with |."""
    keys: tuple[PivotKey, ...]

    def text(self, key: tuple[object, ...], since: int, until: int, *, ignore_case: bool) -> str:
        """The query for one group and times in [since, until], in ticks."""
        lines = [
            *self.lets,
            "AzureActivity",
            f"| where TimeGenerated between ({datetime_literal(since)} .. {datetime_literal(until)})",
            *self.steps,
        ]
        for column, value in zip(self.keys, key, strict=True):
            if column.code:
                lines.append(f"| where {_is_value(column, value, ignore_case=ignore_case)}")
        return "\n".join([*lines, "| sort by TimeGenerated asc"])


def pivot_of(
    query: Query, checked: CheckedQuery, window_spans: Collection[Span], missing: Collection[str]
) -> Pivot:
    """The parts of the query of a rule; `missing` are columns of the rule that Sentinel's table lacks."""
    writer = _PivotWriter(checked, window_spans, missing)
    steps: list[str] = []
    for operator in query.operators:
        if isinstance(operator, Summarize):
            keys = zip(operator.keys, checked.keys, strict=True)
            return Pivot(
                lets=tuple(f"{writer.source(let.span)};" for let in query.lets),
                steps=tuple(steps),
                keys=tuple(writer.key(named, column.value.type) for named, column in keys),
            )
        steps += writer.lines(operator)
    raise AssertionError("a checked rule has a summarize")


class _PivotWriter:
    """Writes the operators before summarize, and keeps in mind which names cannot be had."""

    def __init__(
        self, checked: CheckedQuery, window_spans: Collection[Span], missing: Collection[str]
    ) -> None:
        self._text = checked.text
        self._windows = window_spans
        self._missing = set(missing)
        self._names: Mapping[Span, str] = {
            step.value.span: step.name for step in checked.steps if isinstance(step, Definition)
        }

    def source(self, span: Span) -> str:
        """What the rule says there. A comment inside ends at its own line's end, which is inside too."""
        return self._text[span.start : span.end]

    def lines(self, operator: Operator) -> list[str]:
        """The operator in lines of their own; none when it only drops or orders columns."""
        if isinstance(operator, Where):
            return [
                f"| where {self.source(part.span)}"
                for part in _conjuncts(operator.condition)
                if not self._is_missing(part) and not self._is_window(part.span)
            ]
        if isinstance(operator, Extend | Project | ProjectRename):
            before = set(self._missing)
            columns = [column for named in operator.columns for column in self._column(named, before)]
            return [f"| extend {', '.join(columns)}"] if columns else []
        return []

    def key(self, named: Named, type_: Type) -> PivotKey:
        """A column of the group."""
        if self._is_missing(named.value):
            own = _OWN_COLUMNS.get(named.value.name, "") if isinstance(named.value, Name) else ""
            return PivotKey(own, type_, or_empty=bool(own))
        source = self.source(named.value.span)
        return PivotKey(source if isinstance(named.value, Name | Call) else f"({source})", type_)

    def _column(self, named: Named, missing: set[str]) -> Iterator[str]:
        """`name = value`, or nothing where that changes nothing or cannot be had."""
        value = named.value
        if isinstance(value, Name) and named.name in (None, value.name):
            return
        name = named.name if named.name is not None else self._names.get(value.span)
        assert name is not None, "every computed column has a name"
        if _names_in(value) & missing:
            self._missing.add(name)
            return
        self._missing.discard(name)
        yield f"{_quoted(name)} = {self.source(value.span)}"

    def _is_missing(self, expression: Expression) -> bool:
        return bool(_names_in(expression) & self._missing)

    def _is_window(self, span: Span) -> bool:
        return any(span.start < window.end and window.start < span.end for window in self._windows)


def _conjuncts(condition: Expression) -> Iterator[Expression]:
    stack = [condition]
    while stack:
        current = stack.pop()
        if isinstance(current, Binary) and current.operator == "and":
            stack += (current.right, current.left)
        else:
            yield current


def _names_in(expression: Expression) -> set[str]:
    found: set[str] = set()
    stack: list[Expression] = [expression]
    while stack:
        current = stack.pop()
        if isinstance(current, Name):
            found.add(current.name)
        else:
            stack += _operands(current)
    return found


def _operands(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Unary():
            return (expression.operand,)
        case Binary():
            return (expression.left, expression.right)
        case ListTest():
            return (expression.left, *expression.items)
        case Between():
            return (expression.operand, expression.low, expression.high)
        case Call():
            return expression.arguments
        case Member():
            return (expression.of,)
        case Index():
            return (expression.of, expression.index)
        case _:
            return ()


def _quoted(name: str) -> str:
    return name if _IDENTIFIER.match(name) else f"[{string_literal(name)}]"


def _is_value(column: PivotKey, value: object, *, ignore_case: bool) -> str:
    """A condition that holds for records of the group. The value cannot leave its literal."""
    if value is None:
        return f"isnull({column.code})"
    if isinstance(value, float) and isnan(value):
        return f"isnan({column.code})"
    if isinstance(value, str):
        same = f"{column.code} {'=~' if ignore_case else '=='} {string_literal(value)}"
        return f"{same} or isempty({column.code})" if column.or_empty else same
    return f"{column.code} == {_literal(column.type, value)}"


def _literal(type_: Type, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and type_ is Type.DATETIME:
        return datetime_literal(value)
    if isinstance(value, int) and type_ is Type.TIMESPAN:
        return f"timespan({format_span(value)})"
    if isinstance(value, float):
        return f"real({value!r})" if isfinite(value) else f"real({'+' if value > 0 else '-'}inf)"
    assert isinstance(value, int), value
    return f"long({value})"
