"""Why the records of a file make a row together or do not: what stands behind summarize, clause by clause.

Records are put together as the scheduled query does it, in one window of each group: the newest that makes a
row, else the newest. Only windows that hold as much as they can are tried.

    records    a  b c              d
    windows   |a  b c|         |   d|        and not those that end at a or b

Like `explain`, it computes by `kql.interpret` and not by the compiled rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.interpret import Interpreter
from stream_detector.kql.plan import CONSTANT, Plan
from stream_detector.kql.plan.reads import parts
from stream_detector.kql.problems import line_and_column
from stream_detector.kql.typed import Column, Condition
from stream_detector.kql.types import Type
from stream_detector.rules.explain import ExplainedClause, columns_of, shown_value, value_of
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match, Summary, Value, group_name
from stream_detector.rules.scheduled import scheduled_summaries

_MOST_WINDOWS = 50
"""Of a group, so that a long file does not take long."""

Threshold = tuple[str, int]
"""A column under `thresholds` in a rule's yaml, and its line there."""


class ExplainedGroup(Struct, frozen=True, gc=False):
    """What the records of a group make together."""

    key: tuple[tuple[str, str], ...]
    """Columns of the group with their values, in the spelling of the first record."""
    at: int
    """Ticks: the last record of the window."""
    records: int
    """In the window."""
    outside: int
    """Records of the group that match and lie before or behind the window."""
    conditions: tuple[ExplainedClause, ...]
    """Of every `where` behind summarize in order of the text, then the thresholds of the yaml. All are
    computed, those behind the first that failed too."""
    row: Mapping[str, object]
    """As the query shows it; what it would be when the query returns none. Fit for JSON."""

    @property
    def first_failed(self) -> ExplainedClause | None:
        """The condition that keeps the row away; None when there is a row."""
        return next((condition for condition in self.conditions if condition.decides), None)


class ExplainedGroups:
    """The groups of one rule."""

    def __init__(
        self, rule: KqlRule, records: Iterable[ActivityRecord], thresholds: Sequence[Threshold] = ()
    ) -> None:
        """`records` are as the rule sees them; `thresholds` are those of its yaml, in order."""
        self._rule = rule
        matching: dict[object, list[tuple[ActivityRecord, Match]]] = {}
        for record in records:
            said = rule.evaluate(record) if record.operation in rule.operations else None
            if isinstance(said, Match):
                matching.setdefault(self._name(said.key), []).append((record, said))
        self._groups = {name: _explained(rule, members, thresholds) for name, members in matching.items()}

    @property
    def all(self) -> tuple[ExplainedGroup, ...]:
        """In the order in which they first appear."""
        return tuple(self._groups.values())

    def of(self, key: tuple[Value, ...]) -> ExplainedGroup | None:
        """The group of a match with this key; None when no record of the file has it."""
        return self._groups.get(self._name(key))

    def _name(self, key: tuple[Value, ...]) -> object:
        """Equal for the keys of one group, by the grouping of the rule."""
        return group_name(key, ignore_case=self._rule.handling.ignore_case)


def explain_group(
    plan: Plan, key: tuple[Value, ...], summary: Summary, thresholds: Sequence[Threshold] = ()
) -> tuple[ExplainedClause, ...]:
    """Every condition about the row that a group's aggregates make."""
    interpreter = Interpreter(plan.definitions, _no_column, _slots(plan, key, summary))
    found: list[ExplainedClause] = []
    names: dict[str, int] = {}
    for step in plan.checked.after:
        if isinstance(step, Condition):
            passed = interpreter.is_true(step.test)
            found.append(_condition(plan, step, interpreter, names, passed))
    for (column, least), (name, line) in zip(plan.thresholds, thresholds, strict=False):
        found.append(_threshold(interpreter, column, least, name, line))
    first = next((each for each in found if not each.passed), None)
    return tuple(msgspec.structs.replace(each, decides=each is first) for each in found)


def _explained(
    rule: KqlRule, members: Sequence[tuple[ActivityRecord, Match]], thresholds: Sequence[Threshold]
) -> ExplainedGroup:
    key = members[0][1].key
    tried = [
        (at, _summary(rule, key, members, at))
        for at in _fullest([record.time for record, _ in members], rule.window)
    ]
    at, summary = next((each for each in tried if rule.meets(key, each[1])), tried[0])
    shown = [
        (column.name, shown_value(value, column.value.type))
        for column, value in zip(rule.plan.checked.keys, key, strict=True)
    ]
    return ExplainedGroup(
        key=tuple(shown),
        at=at,
        records=summary.count,
        outside=len(members) - summary.count,
        conditions=explain_group(rule.plan, key, summary, thresholds),
        row=rule.row(key, summary),
    )


def _fullest(times: Iterable[int], window: int) -> list[int]:
    """Ends of windows from which a record is about to fall out, the newest first; and the newest of all."""
    ordered = sorted(times)
    ends: list[int] = []
    for at, following in zip(ordered, [*ordered[1:], None], strict=True):
        oldest = ordered[bisect_right(ordered, at - window)]
        if following is None or (following > at and oldest <= following - window):
            ends.append(at)
    return ends[: -_MOST_WINDOWS - 1 : -1]


def _summary(
    rule: KqlRule, key: tuple[Value, ...], members: Sequence[tuple[ActivityRecord, Match]], at: int
) -> Summary:
    """The group in the window that ends at `at`."""
    within = [(record, said) for record, said in members if at - rule.window < record.time <= at]
    inputs = iter([said.inputs for _, said in within])

    def next_match(record: ActivityRecord) -> Match:
        # The records of a group count together, whatever their spelling of its key.
        return Match(key, next(inputs))

    counted = msgspec.structs.replace(rule, evaluate=next_match)
    ((_, summary),) = scheduled_summaries(counted, [record for record, _ in within], at)
    return summary


def _slots(plan: Plan, key: tuple[Value, ...], summary: Summary) -> dict[int, object]:
    """The values of keys and aggregates by slot."""
    slots: dict[int, object] = {
        column.slot: value for column, value in zip(plan.checked.keys, key, strict=True)
    }
    for column in plan.checked.aggregates:
        place = plan.places[column.slot]
        aggregate = plan.aggregates[place.index]
        value: Any = summary.values[place.index]
        if aggregate.kind in ("set", "list"):
            assert aggregate.value is not None
            value = generate_json.collected(aggregate.value.type).implementation(value)
        elif place.shown is not None:
            value = None if value is None else value[1][place.shown]
        slots[column.slot] = "" if value is None and column.type is Type.STRING else value
    return slots


def _no_column(name: str) -> object:
    raise AssertionError(f"behind summarize there is no column {name} of the table")


def _condition(
    plan: Plan, step: Condition, interpreter: Interpreter, names: dict[str, int], passed: bool
) -> ExplainedClause:
    text = plan.checked.text
    line, column = line_and_column(text, step.span.start)
    read = dict.fromkeys(part.name for part in parts(step.test) if isinstance(part, Column))
    name = "+".join(read) or CONSTANT
    names[name] = names.get(name, 0) + 1
    return ExplainedClause(
        name=name if names[name] == 1 else f"{name}#{names[name]}",
        text=text[step.span.start : step.span.end],
        line=line,
        column=column,
        passed=passed,
        decides=False,
        values=tuple((each, value_of(interpreter, of)) for each, of in columns_of(plan, step.test)),
    )


def _threshold(interpreter: Interpreter, column: Column, least: int, name: str, line: int) -> ExplainedClause:
    value: Any = interpreter.value(column)
    size = len(value) if isinstance(value, list | tuple) else value
    shown = shown_value(size, Type.LONG if isinstance(size, int) else column.type)
    return ExplainedClause(
        name=f"thresholds.{name}",
        text=f"{name}: {least}",
        line=line,
        column=None,
        passed=size is not None and bool(size >= least),
        decides=False,
        values=((f"array_length({name})" if size is not value else name, shown),),
    )
