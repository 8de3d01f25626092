"""Why a rule matches a record or does not: each clause with its text, its place and the values it read.

Slow and thorough: expressions are computed one by one by `kql.interpret`, not by the compiled rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.dynamic import to_text
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.generate.table import column_value
from stream_detector.kql.interpret import Interpreter
from stream_detector.kql.literals import string_literal
from stream_detector.kql.plan import Clause, Plan
from stream_detector.kql.plan.aggregates import PlannedAggregate
from stream_detector.kql.plan.reads import parts
from stream_detector.kql.problems import Span, line_and_column
from stream_detector.kql.typed import Column, Typed
from stream_detector.kql.types import Type
from stream_detector.kql.values.spans import format_span

_MOST_SHOWN = 200
"""Characters of a value; the rest is cut and said to be."""


class ExplainedClause(Struct, frozen=True, gc=False):
    """A condition and what became of it. All are computed, those behind the first that failed too."""

    name: str
    """As in `Rule.clauses`; "window" for a condition of the window, which no single record can fail."""
    text: str
    """As the rule has it."""
    line: int
    """Of the query; of the yaml for a threshold."""
    column: int | None
    """None for a threshold."""
    passed: bool
    decides: bool
    """Whether it is the first that failed."""
    values: tuple[tuple[str, str], ...]
    """Columns of the table and computed columns that it reads, with their values as text, shortened."""
    note: str = ""
    """What it means, where the text does not say so."""


class Explanation(Struct, frozen=True, gc=False):
    """What a rule makes of one record."""

    matches: bool
    clauses: tuple[ExplainedClause, ...]
    """In order of the text."""
    key: tuple[tuple[str, str], ...]
    """Columns of the group with their values; empty without a match."""
    inputs: tuple[tuple[str, str], ...]
    """What the record adds to each aggregate, by the aggregate's column; empty without a match."""


def explain(plan: Plan, record: ActivityRecord) -> Explanation:
    """Every clause of the rule on one record."""
    interpreter = Interpreter(plan.definitions, lambda name: column_value(record, name))
    clauses = [_window_clause(plan, span, record) for span in plan.window_spans]
    decided = False
    for clause in plan.clauses:
        passed = interpreter.is_true(clause.test)
        clauses.append(_clause(plan, clause, interpreter, passed=passed, decides=not passed and not decided))
        decided = decided or not passed
    clauses.sort(key=lambda clause: (clause.line, clause.column))
    matches = not decided
    return Explanation(
        matches=matches,
        clauses=tuple(clauses),
        key=tuple((key.name, value_of(interpreter, key.value)) for key in plan.checked.keys)
        if matches
        else (),
        inputs=tuple((each.name, _input(interpreter, each)) for each in plan.aggregates) if matches else (),
    )


def _window_clause(plan: Plan, span: Span, record: ActivityRecord) -> ExplainedClause:
    text = plan.checked.text
    line, column = line_and_column(text, span.start)
    return ExplainedClause(
        name="window",
        text=text[span.start : span.end],
        line=line,
        column=column,
        passed=True,
        decides=False,
        values=(("TimeGenerated", str(generate_json.json_datetime(record.time))),),
        note=f"a matching record counts in its group for {format_span(plan.window)} from its TimeGenerated",
    )


def _clause(
    plan: Plan, clause: Clause, interpreter: Interpreter, *, passed: bool, decides: bool
) -> ExplainedClause:
    text = plan.checked.text
    line, column = line_and_column(text, clause.span.start)
    return ExplainedClause(
        name=clause.name,
        text=text[clause.span.start : clause.span.end],
        line=line,
        column=column,
        passed=passed,
        decides=decides,
        values=tuple((name, value_of(interpreter, read)) for name, read in columns_of(plan, clause.test)),
    )


def columns_of(plan: Plan, test: Typed) -> Iterator[tuple[str, Column]]:
    """The columns that a condition reads, and behind a computed one those that it is computed from."""
    followed: set[tuple[str, int | None]] = set()
    stack: list[Typed] = [test]
    while stack:
        for part in parts(stack.pop()):
            if isinstance(part, Column) and (part.name, part.slot) not in followed:
                followed.add((part.name, part.slot))
                yield part.name, part
                if part.slot in plan.definitions:
                    assert part.slot is not None
                    stack.append(plan.definitions[part.slot])


def _input(interpreter: Interpreter, aggregate: PlannedAggregate) -> str:
    """What the record adds to an aggregate, in words."""
    if not aggregate.takes_input:
        return "counted" if aggregate.kind == "count" else "its TimeGenerated"
    if aggregate.predicate is not None and not interpreter.is_true(aggregate.predicate):
        return "nothing: its condition is not true"
    if aggregate.value is None:
        return "counted"
    shown = value_of(interpreter, aggregate.value)
    if aggregate.shown and aggregate.shown != (aggregate.value,):
        shown += f" with {', '.join(value_of(interpreter, each) for each in aggregate.shown)}"
    return shown


def value_of(interpreter: Interpreter, expression: Typed) -> str:
    """The value of an expression, as `shown_value` has it."""
    return shown_value(interpreter.value(expression), expression.type)


def shown_value(value: object, type_: Type) -> str:
    """A value as text for a person: strings in quotes, times as KQL shows them, long ones cut."""
    if value is None:
        return "null"
    function = generate_json.shown_as_json(type_)
    shown = value if function is None else function.implementation(value)
    if isinstance(shown, bool):
        text = "true" if shown else "false"
    elif type_ is Type.STRING or (type_ is Type.DYNAMIC and isinstance(shown, str)):
        # As a literal of KQL: controls are escaped, so that a record cannot write to the terminal.
        text = string_literal(str(shown))
    elif isinstance(shown, list | dict):
        text = to_text(shown)
    else:
        text = str(shown)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"
