"""The syntax tree of a rule: what was written, before names and types are looked at.

Plain values. Every node knows its span in the text, so that whatever is found wrong later can be shown
in its place. Operators keep the spelling of KQL.
"""

from __future__ import annotations

from msgspec import Struct

from stream_detector.kql.problems import Span
from stream_detector.kql.types import Type


class Literal(Struct, frozen=True, gc=False):
    """`"text"`, `5`, `1.5`, `true`, `2h`, `datetime(...)`, `dynamic([...])`, `int(null)`."""

    type: Type
    value: object
    """As `kql.types` holds it. A whole number is a long, as in Kusto."""
    span: Span


class Name(Struct, frozen=True, gc=False):
    """A column, or what a `let` names. `['odd name']` is a name too."""

    name: str
    span: Span


class Star(Struct, frozen=True, gc=False):
    """`*`, as in arg_max(TimeGenerated, *)."""

    span: Span


class Unary(Struct, frozen=True, gc=False):
    """`-x` or `+x`. (`not(x)` is a call.)"""

    operator: str
    operand: Expression
    span: Span


class Binary(Struct, frozen=True, gc=False):
    """`left operator right`: and, or, == != < <= > >=, + - * / %, =~ !~, has, `matches regex`, ..."""

    operator: str
    left: Expression
    right: Expression
    span: Span
    operator_span: Span


class ListTest(Struct, frozen=True, gc=False):
    """`left operator (a, b, ...)`: in !in in~ !in~ has_any has_all. `in (x)` with one name has one item."""

    operator: str
    left: Expression
    items: tuple[Expression, ...]
    span: Span
    operator_span: Span


class Between(Struct, frozen=True, gc=False):
    """`operand between (low .. high)`, `!between` when negated."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool
    span: Span


class Call(Struct, frozen=True, gc=False):
    """`name(arguments)`. Names are as written: functions are told apart by case."""

    name: str
    arguments: tuple[Expression, ...]
    span: Span
    name_span: Span


class Member(Struct, frozen=True, gc=False):
    """`of.name`: access to a member of a bag."""

    of: Expression
    name: str
    span: Span


class Index(Struct, frozen=True, gc=False):
    """`of[index]`: a member by text, an element by number."""

    of: Expression
    index: Expression
    span: Span


Expression = Literal | Name | Star | Unary | Binary | ListTest | Between | Call | Member | Index


class Let(Struct, frozen=True, gc=False):
    """`let name = value;`"""

    name: str
    name_span: Span
    value: Expression
    span: Span


class Named(Struct, frozen=True, gc=False):
    """`name = value` or a bare `value` (`name` is None) in extend, project, summarize and by.

    `(A, B) = value` of arg_max is not supported and refused by the parser.
    """

    name: str | None
    name_span: Span | None
    value: Expression
    span: Span


class Where(Struct, frozen=True, gc=False):
    """`| where condition`"""

    condition: Expression
    span: Span


class Extend(Struct, frozen=True, gc=False):
    """`| extend a = x, ...`"""

    columns: tuple[Named, ...]
    span: Span


class Project(Struct, frozen=True, gc=False):
    """`| project a, b = x, ...`"""

    columns: tuple[Named, ...]
    span: Span


class ProjectAway(Struct, frozen=True, gc=False):
    """`| project-away a, b*`: names, perhaps with `*`, each with its span."""

    patterns: tuple[Name, ...]
    span: Span


class ProjectRename(Struct, frozen=True, gc=False):
    """`| project-rename new = old, ...`"""

    columns: tuple[Named, ...]
    span: Span


class Summarize(Struct, frozen=True, gc=False):
    """`| summarize aggregates by keys`"""

    aggregates: tuple[Named, ...]
    keys: tuple[Named, ...]
    span: Span


class Ordered(Struct, frozen=True, gc=False):
    """`| sort by x asc`, `| order by x`, `| top`-less ordering: parsed, checked, and without effect."""

    items: tuple[Expression, ...]
    span: Span


Operator = Where | Extend | Project | ProjectAway | ProjectRename | Summarize | Ordered


class Query(Struct, frozen=True, gc=False):
    """A whole file: lets, the table, and what it is piped through."""

    lets: tuple[Let, ...]
    table: Name
    operators: tuple[Operator, ...]
