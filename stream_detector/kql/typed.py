"""A rule after checking: every expression has a type, every name is resolved, every let is inlined.

Single assignment: each computed column is a `Definition` with a slot of its own, and an expression refers to
a slot or to a column of the table. So `project`, `project-away` and `project-rename` leave no trace but in
the names of the result, and an `extend` that reuses a name is just another slot.
"""

from __future__ import annotations

from msgspec import Struct

from stream_detector.kql.function import Function
from stream_detector.kql.problems import Span
from stream_detector.kql.types import Type


class Constant(Struct, frozen=True, gc=False):
    """A value that is known before any record: a literal, a let, or an expression of these, folded."""

    type: Type
    value: object
    span: Span


class Column(Struct, frozen=True, gc=False):
    """A column of the table as it came (`slot` is None), or the definition with this slot."""

    type: Type
    name: str
    """Of the table when `slot` is None, else the name it has in the text."""
    slot: int | None
    span: Span


class Now(Struct, frozen=True, gc=False):
    """`now()`, `ago(x)` and either plus or minus a constant: a datetime relative to the evaluation."""

    offset: int
    """Ticks from now; negative is the past."""
    span: Span
    type: Type = Type.DATETIME


class Apply(Struct, frozen=True, gc=False):
    """A function or operator, overload chosen, arguments already of its parameter types."""

    function: Function
    arguments: tuple[Typed, ...]
    type: Type
    span: Span


class Logic(Struct, frozen=True, gc=False):
    """`and` / `or` of two or more; three-valued, as Kusto has it."""

    operator: str
    operands: tuple[Typed, ...]
    span: Span
    type: Type = Type.BOOL


class Not(Struct, frozen=True, gc=False):
    """`not(x)`; null stays null."""

    operand: Typed
    span: Span
    type: Type = Type.BOOL


class Choice(Struct, frozen=True, gc=False):
    """`iff(c, x, y)` and `case(c1, x1, ..., y)`: the first value whose condition is true, and not null."""

    arms: tuple[tuple[Typed, Typed], ...]
    """Condition and value, in order."""
    otherwise: Typed
    type: Type
    span: Span


Typed = Constant | Column | Now | Apply | Logic | Not | Choice


class Condition(Struct, frozen=True, gc=False):
    """One conjunct of a `where`: `where a and b` is two of them."""

    test: Typed
    span: Span


class Definition(Struct, frozen=True, gc=False):
    """A computed column."""

    slot: int
    name: str
    value: Typed


Step = Condition | Definition


class KeyColumn(Struct, frozen=True, gc=False):
    """A column of `summarize ... by`."""

    name: str
    value: Typed
    slot: int
    """By which the steps after summarize refer to it."""


class AggregateColumn(Struct, frozen=True, gc=False):
    """An aggregate of `summarize`. arg_max and arg_min give one of these for each column they return."""

    name: str
    function: str
    """Name in KQL, aliases resolved: count, countif, dcount, dcountif, make_set, make_set_if, make_list,
    take_any, arg_max, arg_min, min, max, sum, sumif."""
    arguments: tuple[Typed, ...]
    """Values, and a predicate last for those that end in `if`. For arg_max and arg_min: the value that is
    compared, then the value that this column shows (the same one for the first column)."""
    capacity: int | None
    """The size argument of make_set and make_list; None when it was left out."""
    type: Type
    slot: int
    span: Span


class ResultColumn(Struct, frozen=True, gc=False):
    """A column of the result."""

    name: str
    value: Column


class CheckedQuery(Struct, frozen=True, gc=False):
    """A whole rule, checked. Steps are in the order of the text."""

    text: str
    steps: tuple[Step, ...]
    """Before summarize, about one record."""
    keys: tuple[KeyColumn, ...]
    aggregates: tuple[AggregateColumn, ...]
    after: tuple[Step, ...]
    """After summarize, about one row; columns refer to slots of keys, aggregates and definitions."""
    result: tuple[ResultColumn, ...]
    summarize_span: Span
