"""The checker: from a syntax tree to a rule whose every name is resolved and every expression typed.

`check` is the whole of it. It runs the operators one after the other, each in the scope that the one
before it left; expressions are `check_expression`'s, summarize is `check_summarize`'s. It never raises,
and tells every problem of a rule at once, each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from stream_detector.kql.check.columns import Columns
from stream_detector.kql.check.expression import check_condition, check_expression
from stream_detector.kql.check.scope import Context, Let, Scope, shown
from stream_detector.kql.check.summarize import Summarized, check_summarize
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.tree import (
    Extend,
    Operator,
    Ordered,
    Project,
    ProjectAway,
    ProjectRename,
    Query,
    Summarize,
    Where,
)
from stream_detector.kql.tree import Let as LetStatement
from stream_detector.kql.typed import CheckedQuery, Column, Condition, Constant, Now, ResultColumn, Step
from stream_detector.kql.types import Type


def check(
    query: Query, text: str, columns: Mapping[str, Type], unavailable: Mapping[str, str]
) -> tuple[CheckedQuery | None, tuple[KqlProblem, ...]]:
    """The checked rule, or None and what is wrong with it, in the order of the text.

    `columns` are those of the table, in the order of `*`; `unavailable` are columns of the real table that
    do not exist here, each with a sentence that says what to write instead.
    """
    problems: list[KqlProblem] = []
    lets = _check_lets(query.lets, text, columns, unavailable, problems)
    start = query.table.span
    table = {name: Column(kind, name, None, start) for name, kind in columns.items()}
    pipeline = _Pipeline(Context(text, Scope(table, lets, unavailable), problems))
    for operator in query.operators:
        if not pipeline.run(operator):
            break
    checked = pipeline.checked(start)
    ordered = tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.span.start))
    return (None if ordered else checked), ordered


def _check_lets(
    statements: tuple[LetStatement, ...],
    text: str,
    columns: Mapping[str, Type],
    unavailable: Mapping[str, str],
    problems: list[KqlProblem],
) -> dict[str, Let | None]:
    """The values of the lets; None for one that is wrong."""
    lets: dict[str, Let | None] = {}
    table = {name: Column(kind, name, None, Span(0, 0)) for name, kind in columns.items()}
    for position, statement in enumerate(statements):
        context = Context(text, Scope(table, lets, unavailable), problems)
        context.no_column = "a let cannot read columns: write this in an extend"
        context.coming_lets = frozenset(later.name for later in statements[position:]) - lets.keys()
        value = check_expression(statement.value, context)
        name = statement.name
        if value is not None and not isinstance(value, Constant | Now):
            value = context.refuse(
                statement.value.span,
                "the value of a let must be known before any record: now() and ago() may only be moved by a"
                " constant timespan, and no constant may be larger than a rule",
            )
        if name in lets:
            context.refuse(
                statement.name_span, f"there is a let {shown(name)} already: give this one another name"
            )
            continue
        if name in columns or name in unavailable:
            value = context.refuse(
                statement.name_span,
                f"{name} is a column of the table, which would hide this let: give it another name",
            )
        lets[name] = value
    return lets


class _Pipeline:
    """The operators run so far."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._slots = count()
        self._steps: list[Step] = []
        self._after: list[Step] = []
        self._summarized: Summarized | None = None
        self._summarize_span = Span(0, 0)
        self._is_sorted = False
        self._is_stopped = False

    def run(self, operator: Operator) -> bool:
        """Check one operator; False when nothing behind it can be checked."""
        steps = self._steps if self._summarized is None else self._after
        columns = Columns(self._context, steps, self._slots, is_about_record=self._summarized is None)
        match operator:
            case Where():
                tests = check_condition(operator.condition, self._context)
                steps += [Condition(test, test.span) for test in tests]
            case Extend():
                self._context.scope = columns.extend(operator)
            case Project():
                self._context.scope = columns.project(operator)
            case ProjectAway():
                self._context.scope = columns.project_away(operator)
            case ProjectRename():
                self._context.scope = columns.project_rename(operator)
            case Ordered():
                self._is_sorted = self._is_sorted or self._summarized is None
                for item in operator.items:
                    check_expression(item, self._context)
            case Summarize():
                return self._summarize(operator)
        return True

    def _summarize(self, operator: Summarize) -> bool:
        if self._summarized is not None:
            word = Span(operator.span.start, operator.span.start + len("summarize"))
            self._context.refuse(
                word, "a rule has one summarize: a second one cannot be kept up to date record by record"
            )
            self._is_stopped = True
            return False
        self._summarized = check_summarize(operator, self._context, self._slots)
        for aggregate in self._summarized.aggregates:
            if self._is_sorted and aggregate.function == "make_list":
                self._context.refuse(
                    aggregate.span,
                    "a sort before summarize would set the order of make_list, which is always oldest first"
                    " here: leave the sort out",
                )
        self._summarize_span = operator.span
        self._after += self._summarized.definitions
        self._context.scope = self._summarized.scope
        return True

    def checked(self, table: Span) -> CheckedQuery | None:
        """The whole rule; None when there is no summarize, which is told."""
        summarized = self._summarized
        if summarized is None:
            return self._context.refuse(
                table,
                "a rule needs a summarize: it says what makes a group, such as"
                " `| summarize count() by Caller, SubscriptionId`",
            )
        columns = self._context.scope.columns
        if not columns and not self._is_stopped:
            return self._context.refuse(table, "the result has no column: keep one at least")
        return CheckedQuery(
            self._context.text,
            tuple(self._steps),
            summarized.keys,
            summarized.aggregates,
            tuple(self._after),
            tuple(ResultColumn(name, column) for name, column in columns.items() if column is not None),
            self._summarize_span,
        )
