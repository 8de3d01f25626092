"""The operator summarize: keys, aggregates, and what is computed from aggregates in the same place."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from stream_detector.kql.check.aggregate_call import Part, check_aggregate
from stream_detector.kql.check.aggregates import AGGREGATE_NAMES, SEVERAL
from stream_detector.kql.check.expression import check_expression
from stream_detector.kql.check.names import Namer, automatic_name
from stream_detector.kql.check.scope import Context, Scope, shown
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import Call, Name, Named, Star, Summarize
from stream_detector.kql.typed import AggregateColumn, Column, Definition, KeyColumn, Typed
from stream_detector.kql.types import Type

_WORD = len("summarize")

_NO_COLUMN = (
    "outside of an aggregate, summarize sees no columns: put the column into an aggregate such as take_any(),"
    " or compute this in an extend after summarize"
)


class Summarized(Struct, frozen=True, gc=False):
    """What summarize gives."""

    keys: tuple[KeyColumn, ...]
    aggregates: tuple[AggregateColumn, ...]
    definitions: tuple[Definition, ...]
    """Columns computed from aggregates, first of the steps behind."""
    scope: Scope


def check_summarize(operator: Summarize, context: Context, slots: Iterator[int]) -> Summarized:
    """Check the operator; problems are told to `context`, whose scope is that before it."""
    return _Summary(operator, context, slots).checked()


class _Summary:
    def __init__(self, operator: Summarize, context: Context, slots: Iterator[int]) -> None:
        self._operator = operator
        self._record = Context(context.text, context.scope, context.problems)
        self._slots = slots
        self._namer = Namer()
        self._columns: dict[str, Column | None] = {}
        self._keys: list[KeyColumn] = []
        self._aggregates: list[AggregateColumn] = []
        self._definitions: list[Definition] = []
        self._key_names: frozenset[str] = frozenset()

    def checked(self) -> Summarized:
        operator, record = self._operator, self._record
        if not operator.keys:
            record.refuse(
                Span(operator.span.start, operator.span.start + _WORD),
                "summarize needs `by`: without it Kusto returns a row even when nothing matched. For one"
                ' group of all records write a constant key, such as `by Scope = "all"`',
            )
        record.no_aggregate = "a key is computed from one record"
        for named in operator.keys:
            self._key(named)
        self._key_names = frozenset(
            named.value.name for named in operator.keys if isinstance(named.value, Name)
        )
        record.no_aggregate = "it cannot stand inside another aggregate"
        for named in operator.aggregates:
            self._aggregate(named)
        scope = record.scope.narrowed(self._columns, "summarize")
        return Summarized(tuple(self._keys), tuple(self._aggregates), tuple(self._definitions), scope)

    def _key(self, named: Named) -> None:
        value = check_expression(named.value, self._record)
        if value is not None and value.type is Type.DYNAMIC:
            source = self._record.source(named.value.span)
            value = self._record.refuse(
                named.value.span, f"a key cannot be dynamic, {source} is: wrap it in tostring({source})"
            )
        name = self._name(named, automatic_name(named.value), is_written=isinstance(named.value, Name))
        if name is None or value is None:
            self._wrong(name)
            return
        slot = next(self._slots)
        self._keys.append(KeyColumn(name, value, slot))
        self._columns[name] = Column(value.type, name, slot, named.value.span)

    def _name(self, named: Named, base: str, *, is_written: bool = False) -> str | None:
        """The name of a column: as written, else a free one. None after a problem."""
        written = named.name if named.name is not None else (base if is_written else None)
        if written is None:
            return self._namer.automatic(base)
        if self._namer.claim(written):
            return written
        return self._record.refuse(
            named.name_span or named.value.span,
            f"summarize has a column {shown(written)} already: give this one a name of its own",
        )

    def _wrong(self, name: str | None) -> None:
        if name is not None:
            self._columns[name] = None

    def _aggregate(self, named: Named) -> None:
        value = named.value
        if isinstance(value, Call) and value.name in AGGREGATE_NAMES:
            if value.name in SEVERAL and self._is_bracketed(named):
                # Kusto would number it: Column1.
                self._record.refuse(value.name_span, f"write `{value.name}` without brackets around it")
            parts = check_aggregate(value, self._record, self._key_names)
            for position, part in enumerate(parts):
                self._part(named if position == 0 else Named(None, None, value, value.span), part)
            return
        self._computed(named)

    def _is_bracketed(self, named: Named) -> bool:
        start = named.name_span.end if named.name_span is not None else named.span.start
        return "(" in self._record.text[start : named.value.span.start]

    def _part(self, named: Named, part: Part) -> None:
        name = self._name(named, part.base)
        if name is None or part.is_wrong:
            self._wrong(name)
            return
        self._columns[name] = self._added(name, part)

    def _added(self, name: str, part: Part) -> Column:
        slot = next(self._slots)
        column = AggregateColumn(
            name, part.function, part.arguments, part.capacity, part.type, slot, part.span
        )
        self._aggregates.append(column)
        return Column(part.type, name, slot, part.span)

    def _computed(self, named: Named) -> None:
        """`max(x) - min(x)`: the aggregates get columns that the result does not show."""
        context = Context(self._record.text, self._record.scope, self._record.problems)
        context.no_column = _NO_COLUMN
        called: list[Call] = []

        def aggregate(call: Call) -> Typed | None:
            called.append(call)
            return self._hidden(call)

        context.aggregate = aggregate
        value = check_expression(named.value, context)
        # round(sum(L)) is named sum_L, as its first argument would be.
        if value is not None and not called:
            value = context.refuse(
                named.value.span,
                "summarize takes aggregates such as count() or make_set(x): write a constant in an extend"
                " after summarize",
            )
        name = self._name(named, automatic_name(named.value))
        if name is None or value is None:
            self._wrong(name)
            return
        slot = next(self._slots)
        self._definitions.append(Definition(slot, name, value))
        self._columns[name] = Column(value.type, name, slot, named.value.span)

    def _hidden(self, call: Call) -> Typed | None:
        """An aggregate inside an expression, as a column named by its text, which no result has."""
        if call.name in SEVERAL and not _gives_one(call):
            return self._record.refuse(
                call.name_span,
                f"`{call.name}` gives several columns: write it by itself, and compute with them in an extend"
                " after summarize",
            )
        part = check_aggregate(call, self._record, self._key_names)[0]
        return None if part.is_wrong else self._added(self._record.source(call.span), part)


def _gives_one(call: Call) -> bool:
    """Whether one of those that may give several columns gives one."""
    is_any = SEVERAL[call.name] == "take_any"
    return is_any and len(call.arguments) == 1 and not isinstance(call.arguments[0], Star)
