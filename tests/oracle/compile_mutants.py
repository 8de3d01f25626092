"""The compiler got wrong in one place each: what it takes from a rule's text, and what is kept of its rows.

A mutant exchanges one function or table of the checker, the planner, `rules.kql_rule` or `rules.scheduled`,
while a query is compiled and run that shows it: RULE 15, or a probe of `compile_probes`. Mutants of text,
dynamics are in `compile_mutants_text`, of generated code in `compile_mutants_code`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import lt
from typing import Any

from compile_patches import RULE_15, THRESHOLDS, Mutant, Patch, entry, exchanged
from msgspec.structs import replace

from stream_detector.kql import check, generate, plan
from stream_detector.kql.check import expression as check_expression
from stream_detector.kql.plan import aggregates as plan_aggregates
from stream_detector.kql.plan import growth as plan_growth
from stream_detector.kql.plan import needs as plan_needs
from stream_detector.kql.plan import operations as plan_operations
from stream_detector.kql.plan import pivot as plan_pivot
from stream_detector.kql.plan import window as plan_window
from stream_detector.kql.plan.aggregates import PlannedAggregate
from stream_detector.kql.plan.growth import Row
from stream_detector.kql.typed import Column, Definition, Logic, Not, Typed
from stream_detector.rules import kql_rule, scheduled


def _planned(**wrong: Callable[[Any], Any]) -> Patch:
    """Attributes of the plan replaced by what is made of them, for everything that is generated."""

    def wrap(right: Callable[..., Any]) -> Callable[..., Any]:
        def plan_wrongly(*arguments: Any, **named: Any) -> Any:
            made, problems = right(*arguments, **named)
            return replace(made, **{name: of(getattr(made, name)) for name, of in wrong.items()}), problems

        return plan_wrongly

    return exchanged(kql_rule, "plan", wrap)


def _aggregate(wrong: Callable[[PlannedAggregate], PlannedAggregate]) -> Patch:
    return exchanged(plan_aggregates, "_planned", lambda right: lambda *each: wrong(right(*each)))


def _time_swapped(aggregate: PlannedAggregate) -> PlannedAggregate:
    return replace(aggregate, kind={"first": "last", "last": "first"}.get(aggregate.kind, aggregate.kind))


def _without_capacity(aggregate: PlannedAggregate) -> PlannedAggregate:
    return replace(aggregate, capacity=aggregate.capacity and plan_aggregates.DEFAULT_CAPACITY)


def _without_predicate(*kinds: str) -> Callable[[PlannedAggregate], PlannedAggregate]:
    return lambda each: replace(each, predicate=None) if each.kind in kinds else each


def _later_names(right: Callable[..., dict[int, Typed]]) -> Callable[..., dict[int, Typed]]:
    def definitions(steps: Any) -> dict[int, Typed]:
        found = [step for step in steps if isinstance(step, Definition)]
        values = right(steps)
        for earlier in found:
            for later in found:
                if later.name == earlier.name and later.value.type is earlier.value.type:
                    values[earlier.slot] = later.value
        return values

    return definitions


def _through_not(right: Callable[..., Any]) -> Callable[..., Any]:
    def names(test: Typed, *others: Any) -> Any:
        return right(test.operand if isinstance(test, Not) else test, *others)

    return names


def _first_of_or(right: Callable[..., Any]) -> Callable[..., Any]:
    def implied(test: Typed, *others: Any) -> Any:
        return right(test.operands[0] if isinstance(test, Logic) else test, *others)

    return implied


def _any_column(right: Callable[..., Any]) -> Callable[..., Any]:
    def is_lowered(operand: Typed, definitions: Any) -> Any:
        return False if isinstance(operand, Column) else right(operand, definitions)

    return is_lowered


def _as_kept(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda name, kind, capacity, empty: right(name, kind, capacity and capacity + 1, empty)


def _of_group(wrong: Callable[..., Any]) -> Patch:
    """How the scheduled query adds a value to an aggregate: wrong(right, tally, time, value)."""
    kind, method = scheduled._Members, "add"
    return exchanged(kind, method, lambda right: lambda tally, time, value: wrong(right, tally, time, value))


def _no_empty_member(right: Callable[..., None], tally: Any, time: int, value: Any) -> None:
    if value != "":
        right(tally, time, value)


def _one_too_many(right: Callable[..., None], tally: Any, time: int, value: Any) -> None:
    if value is not None and len(tally._members) <= tally._capacity:
        tally._members[value] = None


def _folded_member(right: Callable[..., None], tally: Any, time: int, value: Any) -> None:
    right(tally, time, value.lower() if isinstance(value, str) else value)


def _prefers_nothing(right: Callable[..., None]) -> Callable[..., None]:
    def add(tally: Any, time: int, value: Any) -> None:
        tally._value = "" if value == "" or tally._value == "" else value

    return add


def _counts_what_is_false(right: Callable[..., None]) -> Callable[..., None]:
    def add(tally: Any, time: int, value: Any) -> None:
        tally._count += 1 if value is not None or not tally._only_true else 0

    return add


def _keeps_the_last(right: Callable[..., None]) -> Callable[..., None]:
    def add(tally: Any, time: int, value: Any) -> None:
        tally._sum = tally._sum if value is None else value

    return add


def _up_to_now(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda rule, records, at: right(rule, (each for each in records if each.time <= at), at)


def _ignoring_case(right: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*arguments: Any) -> Any:
        made = right(*arguments)

        def in_lower_case(record: Any) -> Any:
            verdict = made(record)
            if not hasattr(verdict, "key"):
                return verdict
            return replace(verdict, key=tuple(str(part).lower() for part in verdict.key))

        return in_lower_case

    return evaluate


MUTANTS: dict[str, Mutant] = {
    # The checker.
    "of `a and b` only a is kept": (
        RULE_15,
        exchanged(check, "check_condition", lambda right: lambda *given: right(*given)[:1]),
    ),
    "of `a and b` only b is kept": (
        RULE_15,
        exchanged(check, "check_condition", lambda right: lambda *given: right(*given)[-1:]),
    ),
    "ago() minus a time span is later": (
        "window",
        exchanged(
            check_expression,
            "_moved",
            lambda right: lambda operator, *sides: right({"-": "+", "+": "-"}[operator], *sides),
        ),
    ),
    # Window and clauses.
    "the longest of several windows counts": (
        "edge",
        lambda patch: patch.setattr(plan, "min", max, raising=False),
    ),
    "the window includes its edge": (RULE_15, _planned(window=lambda ticks: ticks + 1)),
    ">= ago() gives no tick more": (
        "edge",
        exchanged(
            plan_window,
            "_bound",
            lambda right: lambda *given: None if (found := right(*given)) is None else (">", found[1]),
        ),
    ),
    "the second clause is dropped": (
        RULE_15,
        _planned(clauses=lambda clauses: (clauses[0], *clauses[2:])),
    ),
    "the last clause is dropped": (RULE_15, _planned(clauses=lambda clauses: clauses[:-1])),
    "a name that is used again has its later value": ("names", exchanged(plan, "_definitions", _later_names)),
    # Operations.
    "of a list of operations the first is wanted": (
        RULE_15,
        exchanged(plan_operations, "_any_of", lambda right: next),
    ),
    "either of two operations is both": (
        RULE_15,
        exchanged(plan_operations, "_any_of", lambda right: plan_operations._all_of),
    ),
    "operations are read from any column": (
        RULE_15,
        exchanged(plan_operations, "_is_lowered", _any_column),
    ),
    "operations are not folded": (RULE_15, exchanged(plan_operations, "fold", lambda right: str)),
    "what tolower makes a k of is forgotten": (
        "operations",
        exchanged(plan_operations, "_lowered_to", lambda right: lambda wanted: frozenset({wanted})),
    ),
    "not() of operations is taken for the operations": (
        "operations",
        exchanged(plan_operations, "_names", _through_not),
    ),
    "half of an `or` decides on the operation": (
        "parts of operations",
        exchanged(plan_operations, "_implied", _first_of_or),
    ),
    # Aggregates.
    "aggregates of other columns share one input": (
        RULE_15,
        exchanged(plan_aggregates, "meaning", lambda right: lambda value: value.type),
    ),
    "aggregates share what differs in its condition": (
        "aggregates",
        exchanged(
            plan_aggregates,
            "_key",
            lambda right: lambda column, each: right(column, replace(each, predicate=None)),
        ),
    ),
    "sets of one column share the larger capacity": (
        "aggregates",
        exchanged(
            plan_aggregates,
            "_key",
            lambda right: lambda column, each: right(column, replace(each, capacity=0)),
        ),
    ),
    "min of the time is its max": (RULE_15, _aggregate(_time_swapped)),
    "every min and max is one of the time": (
        "aggregates",
        exchanged(plan_aggregates, "is_time", lambda right: lambda *given: True),
    ),
    "arg_min is arg_max": (
        "aggregates",
        entry(plan_aggregates._EXTREMES, "arg_min", lambda right: "greatest"),
    ),
    "max is min": ("aggregates", entry(plan_aggregates._EXTREMES, "max", lambda right: "least")),
    "arg_max shows its first column everywhere": (
        "aggregates",
        exchanged(
            plan_aggregates, "_also_showing", lambda right: lambda each, value: (right(each, value)[0], 0)
        ),
    ),
    "the size of a set is ignored": (RULE_15, _aggregate(_without_capacity)),
    "the condition of make_set_if is ignored": ("aggregates", _aggregate(_without_predicate("set"))),
    "the condition of sumif is ignored": ("aggregates", _aggregate(_without_predicate("sum"))),
    "the condition of dcountif is ignored": ("aggregates", _aggregate(_without_predicate("distinct"))),
    # What windows are told of the conditions on a row.
    "thresholds read no aggregate": (
        THRESHOLDS,
        exchanged(plan_needs, "aggregates_read", lambda right: lambda *given: ()),
    ),
    "conditions read no aggregate through another name": (
        "aggregates",
        exchanged(
            plan_needs,
            "aggregates_read",
            lambda right: lambda tests, row: right(tests, _without_definitions(row)),
        ),
    ),
    "every threshold is met by one record": (
        THRESHOLDS,
        exchanged(plan_growth, "always_at_least", lambda right: lambda *given: True),
    ),
    "every condition is met by one record": (
        "aggregates",
        exchanged(plan_growth, "always_true", lambda right: lambda *given: True),
    ),
    # The compiled rule.
    "thresholds are ignored": (
        THRESHOLDS,
        exchanged(
            kql_rule,
            "plan",
            lambda right: lambda checked, **named: right(checked, **{**named, "thresholds": {}}),
        ),
    ),
    "sets may hold one more": (RULE_15, exchanged(kql_rule, "Aggregate", _as_kept)),
    "groups ignore case": (RULE_15, exchanged(generate, "generate_evaluate", _ignoring_case)),
    # The scheduled query.
    "records of the future do not count": (RULE_15, exchanged(scheduled, "scheduled_summaries", _up_to_now)),
    'sets drop ""': (RULE_15, _of_group(_no_empty_member)),
    "sets take one more than they hold": (RULE_15, _of_group(_one_too_many)),
    "sets ignore case": (RULE_15, _of_group(_folded_member)),
    'any() prefers ""': ("any", exchanged(scheduled._Any, "add", _prefers_nothing)),
    "countif counts what is false": ("aggregates", exchanged(scheduled._Count, "add", _counts_what_is_false)),
    "sum keeps the last": ("aggregates", exchanged(scheduled._Sum, "add", _keeps_the_last)),
    "the greatest is the least": ("aggregates", exchanged(scheduled, "gt", lambda right: lt)),
}


def _without_definitions(row: Row) -> Row:
    return replace(row, definitions={})


def _without_the_step(word: str) -> Patch:
    def pivot(right: Callable[..., Any]) -> Callable[..., Any]:
        def wrongly(*given: Any) -> Any:
            made = right(*given)
            return replace(made, steps=tuple(step for step in made.steps if word not in step))

        return wrongly

    return exchanged(kql_rule, "pivot_of", pivot)


PIVOT: dict[str, Patch] = {
    "the condition on the operation is left out": _without_the_step("ExecutionOperations"),
    "the condition on the status is left out": _without_the_step('"Success"'),
    "of `a and b` only a is kept": exchanged(
        plan_pivot, "_conjuncts", lambda right: lambda condition: [next(right(condition))]
    ),
    "the window stays": exchanged(
        kql_rule,
        "pivot_of",
        lambda right: lambda query, checked, spans, lacks: right(query, checked, (), lacks),
    ),
    "the first key is forgotten": exchanged(
        plan_pivot, "_is_value", lambda right: lambda column, value, **how: right(column, value, **how)
        if column.code != "Caller" else "true"
    ),
    "keys are compared by beginning": exchanged(
        plan_pivot,
        "_is_value",
        lambda right: lambda *given, **how: right(*given, **how).replace(" == ", " startswith "),
    ),
    "times are exchanged": exchanged(
        plan_pivot.Pivot,
        "text",
        lambda right: lambda pivot, key, since, until, **how: right(pivot, key, until, since, **how),
    ),
}  # fmt: skip
"""Of the query that an alert carries."""
