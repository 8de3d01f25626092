"""What a checked rule needs to run on a stream: window, operations, clauses, aggregates, thresholds.

Everything about a rule that can be known before the first record is found here; `generate` makes
functions of it. Nothing is guessed: what cannot be told from the text is a problem with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from stream_detector.kql.plan import growth as plan_growth
from stream_detector.kql.plan import needs as plan_needs
from stream_detector.kql.plan import operations as plan_operations
from stream_detector.kql.plan import window as plan_window
from stream_detector.kql.plan.aggregates import Place, PlannedAggregate, plan_aggregates
from stream_detector.kql.plan.reads import Definitions, columns_read, resolve
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.typed import CheckedQuery, Column, Condition, Definition, Step, Typed

CONSTANT = "constant"
"""Name of a clause that reads no column."""

_EVERY_RECORD = (
    "no condition narrows OperationNameValue, so every record would have to be decoded: add a condition such "
    'as OperationNameValue in~ ("..."), or, if that is meant, `every_record: true` to the rule\'s yaml'
)


class Clause(Struct, frozen=True, gc=False):
    """A condition about one record, the window's left out."""

    name: str
    """The columns it reads; unique in the rule."""
    test: Typed
    span: Span


class Plan(Struct, frozen=True, gc=False):
    """Everything about a rule but the functions that run it."""

    checked: CheckedQuery
    window: int
    """Ticks; a record counts while its time > now - window."""
    window_spans: tuple[Span, ...]
    """Of the conditions that make the window."""
    clauses: tuple[Clause, ...]
    """In order of the text."""
    definitions: Definitions
    """Computed columns by slot, those after summarize included."""
    operation_names: frozenset[str] | None
    """Folded; every match has one of these. None when they are not finitely many."""
    operation_tests: tuple[Typed, ...]
    """Used without names: conditions on OperationNameValue, all true of every match. Empty: any operation."""
    aggregates: tuple[PlannedAggregate, ...]
    places: Mapping[int, Place]
    """By slot of an aggregate column."""
    thresholds: tuple[tuple[Column, int], ...]
    """Columns that must reach a number, or a size if they are arrays."""
    opens_always: bool
    is_monotone: bool
    aggregates_read: tuple[int, ...]
    """Positions of the aggregates that conditions after summarize and thresholds read."""
    records_needed: int
    """How many records of a group must be kept so that those conditions can come true."""


def plan(
    checked: CheckedQuery, *, thresholds: Mapping[str, int] | None = None, every_record: bool = False
) -> tuple[Plan | None, tuple[KqlProblem, ...]]:
    """The plan of a checked rule, or what is wrong with it.

    `thresholds` are minimums of columns among `threshold_columns`; `every_record` allows a rule whose
    operations cannot be told from its text.
    """
    definitions = _definitions(checked.steps)
    windows, problems = plan_window.windows(checked.steps, definitions)
    problems += plan_window.problems_elsewhere(checked)
    if not windows and not problems:
        problems += (plan_window.no_window(checked.summarize_span),)
    window_conditions = [condition for condition, _ in windows]
    conditions = [
        step
        for step in checked.steps
        if isinstance(step, Condition) and all(step is not window for window in window_conditions)
    ]
    names = plan_operations.operation_names((step.test for step in conditions), definitions)
    tests = plan_operations.operation_tests((step.test for step in conditions), definitions)
    if names is None and not tests and not every_record:
        problems += (KqlProblem(checked.summarize_span, _EVERY_RECORD),)
    minimums, unknown = _thresholds(checked, thresholds or {})
    problems += unknown
    if problems:
        return None, problems
    aggregates, places = plan_aggregates(checked.aggregates, definitions)
    row = _row(checked, aggregates, places)
    after = [step.test for step in checked.after if isinstance(step, Condition)]
    made = Plan(
        checked=checked,
        window=min(length for _, length in windows),
        window_spans=tuple(condition.span for condition in window_conditions),
        clauses=_clauses(conditions, definitions),
        definitions={**definitions, **row.definitions},
        operation_names=names,
        operation_tests=() if names is not None else tests,
        aggregates=aggregates,
        places=places,
        thresholds=minimums,
        opens_always=all(plan_growth.always_true(test, row) for test in after)
        and all(plan_growth.always_at_least(column, least, row) for column, least in minimums),
        is_monotone=all(plan_growth.stays_true(test, row) for test in after)
        and all(plan_growth.size_stays(column, row) for column, _ in minimums),
        aggregates_read=plan_needs.aggregates_read([*after, *(column for column, _ in minimums)], row),
        records_needed=plan_needs.records_needed(after, minimums, row),
    )
    return made, ()


def threshold_columns(checked: CheckedQuery) -> dict[str, Column]:
    """Columns of the result that a threshold can name: numbers, and the sets and lists of summarize."""
    after = _definitions(checked.after)
    collected = {
        column.slot for column in checked.aggregates if column.function.startswith(("make_set", "make_list"))
    }
    found: dict[str, Column] = {}
    for result in checked.result:
        stands_for = resolve(result.value, after)
        is_array = isinstance(stands_for, Column) and stands_for.slot in collected
        if result.value.type.is_number or is_array:
            found[result.name] = result.value
    return found


def _definitions(steps: Iterable[Step]) -> dict[int, Typed]:
    return {step.slot: step.value for step in steps if isinstance(step, Definition)}


def _row(
    checked: CheckedQuery, aggregates: tuple[PlannedAggregate, ...], places: Mapping[int, Place]
) -> plan_growth.Row:
    return plan_growth.Row(
        definitions=_definitions(checked.after),
        columns={column.slot: column for column in checked.aggregates},
        aggregates=aggregates,
        places=places,
    )


def _clauses(conditions: Iterable[Condition], definitions: Definitions) -> tuple[Clause, ...]:
    seen: dict[str, int] = {}
    clauses = []
    for condition in conditions:
        name = "+".join(columns_read(condition.test, definitions)) or CONSTANT
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}#{seen[name]}"
        clauses.append(Clause(unique, condition.test, condition.span))
    return tuple(clauses)


def _thresholds(
    checked: CheckedQuery, thresholds: Mapping[str, int]
) -> tuple[tuple[tuple[Column, int], ...], tuple[KqlProblem, ...]]:
    fit = threshold_columns(checked)
    minimums = tuple((fit[name], least) for name, least in thresholds.items() if name in fit)
    problems = tuple(
        KqlProblem(
            checked.summarize_span,
            f"the threshold on {name!r} fits no column of the result: "
            f"numbers and sets can have one, here {', '.join(fit) or 'none'}",
        )
        for name in thresholds
        if name not in fit
    )
    return minimums, problems
