"""Deliberately wrong planners and generators: each is caught by the battery that the right ones pass."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from kql_samples import Dice, accepted, expected, expected_meets, expected_row, rule_of, sample, shape

from stream_detector.kql import generate, plan
from stream_detector.kql.function import Function
from stream_detector.kql.generate import code as generate_code
from stream_detector.kql.generate import fold as generate_fold
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.generate.nodes import Graph, Node
from stream_detector.kql.plan import aggregates as plan_aggregates
from stream_detector.kql.plan import growth as plan_growth
from stream_detector.kql.plan import operations as plan_operations
from stream_detector.kql.plan import pivot as plan_pivot
from stream_detector.kql.plan import window as plan_window
from stream_detector.kql.plan.aggregates import Place
from stream_detector.kql.problems import Span
from stream_detector.kql.typed import Apply, Condition, Logic
from stream_detector.kql.types import Type
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_rows, scheduled_summaries
from stream_detector.ticks import HOUR

DECISIONS: list[tuple[str, dict[str, Any], bool]] = [
    ("| where Caller =~ 'ANN' and Level == 'x'", {"caller": "ann", "level": "x"}, True),
    ("| where Caller =~ 'ANN' and Level == 'x'", {"caller": "ann", "level": "X"}, False),
    ("| where 'aNN' =~ Caller", {"caller": "AnN"}, True),
    ("| where Caller in~ ('A', 'b')", {"caller": "B"}, True),
    ("| where Caller in ('A', 'b')", {"caller": "B"}, False),
    ("| where Caller !startswith 'AN'", {"caller": "ann"}, False),
    ("| where not(tobool(Caller))", {"caller": "maybe"}, False),
    ("| where not(tobool(Caller))", {"caller": "false"}, True),
    ("| where not(tobool(Caller) and Level == 'x')", {"caller": "maybe", "level": "x"}, False),
    ("| where not(tobool(Caller) and Level == 'x')", {"caller": "maybe", "level": "y"}, True),
    ("| where not(tobool(Caller) or Level == 'x')", {"caller": "maybe", "level": "y"}, False),
    ("| where isnull(tobool(Caller) or Level == 'x')", {"caller": "maybe", "level": "y"}, True),
    ("| where isnull(tobool(Caller) and Level == 'x')", {"caller": "maybe", "level": "x"}, True),
    ("| where isnull(not(tobool(Caller)))", {"caller": "maybe"}, True),
    ("| where tolong(Caller) + 1 > 0", {"caller": "x"}, False),
    ("| where tolong(Caller) != 5", {"caller": "x"}, True),
    ("| where tostring(parse_json(Properties)['a/b']) == '1'", {"properties": '{"a\\/b":1}'}, True),
    ("| where tostring(parse_json(Properties).type) == 'x'", {"properties": '{"t\\u0079pe":"x"}'}, True),
]
WINDOWS = [
    ("| where TimeGenerated >= ago(30m)", HOUR // 2 + 1),
    ("| where TimeGenerated > ago(30m)", HOUR // 2),
    ("| where TimeGenerated > ago(3h)", HOUR),
]
OPERATIONS = [
    ("tolower(OperationNameValue) == 'k'", "\u212a"),
    ("(OperationNameValue == 'a' or Caller == 'c')", "b"),
    ("((OperationNameValue has 'a' and Level == '') or Caller == 'c')", "b"),
    ("(OperationNameValue == 'a' or OperationNameValue has 'b')", "b"),
    ("OperationNameValue =~ 'B'", "b"),
    ("OperationNameValue != Own", "b"),
]
ROWS = (
    "| summarize N = count(), A = countif(Level == 'a'), B = countif(Level == 'b'), "
    "S = sumif(1, Level == 'a'), arg_max(TimeGenerated, Level, CategoryValue), R = max(toreal(Level)), "
    "Seen = make_set(Level) by Caller"
)


def differences() -> Iterator[str]:
    """What is wrong, as far as it shows."""
    for steps, columns, matches in DECISIONS:
        if isinstance(rule_of(steps).evaluate(sample(**columns)), Match) is not matches:
            yield f"{steps} of {columns}"
    for steps, ticks in WINDOWS:
        if rule_of(steps).window != ticks:
            yield f"window of {steps}"
    for condition, operation in OPERATIONS:
        rule = rule_of(f"| extend Own = Caller | where {condition}")
        record = sample(operation=operation, caller="c", level="")
        if isinstance(rule.evaluate(record), Match) and operation not in rule.operations:
            yield f"{condition} wants no {operation!r}"
    yield from _row_differences()
    for seed in range(60):
        yield from _differences_of(Dice(seed))
    for seed in range(120):
        dice = Dice(seed)
        for rule in accepted(dice.growing_rule()):
            yield from _broken_promises(rule, dice.records(25))


def _row_differences() -> Iterator[str]:
    levels = ((1, "a"), (2, "nan"), (3, "b"), (4, "7"), (5, "b"), (6, ""))
    given = [sample(time=at, level=level, category=f"c{at}") for at, level in levels]
    (row,) = scheduled_rows(rule_of("", ROWS), given, 0)
    wanted = {"N": 6, "A": 1, "B": 2, "S": 1, "Level": "", "CategoryValue": "c6", "R": 7.0}
    if {name: row[name] for name in wanted} != wanted:
        yield f"row is {row}"
    if len(scheduled_rows(rule_of("", ROWS, thresholds={"N": 6, "Seen": 5}), given, 0)) != 1:
        yield "a threshold that is just reached is not met"
    if scheduled_rows(rule_of("", ROWS, "| where N > 6"), given, 0):
        yield "a condition on rows is left out"
    pivot = rule_of("| where Level == 'x'").pivot_query(('"',), 0, 0)
    if "ago(" in pivot or 'Caller =~ "\\""' not in pivot or "Level == 'x'" not in pivot:
        yield pivot
    (row,) = scheduled_rows(
        rule_of("", "| summarize X = max(1 / toreal(Level)) by Caller"), [sample(level="0")], 0
    )
    json.dumps(row, allow_nan=False)


def _differences_of(dice: Dice) -> Iterator[str]:
    for rule in accepted(dice.rule()):
        given = dice.records(20)
        for record in given:
            if shape(rule.evaluate(record)) != shape(expected(rule, record)):
                yield f"verdict of {rule.text}"
        for key, summary in scheduled_summaries(rule, given, 0):
            if rule.meets(key, summary) is not expected_meets(rule, key, summary):
                yield f"meets of {rule.text}"
            if shape(rule.row(key, summary)) != shape(expected_row(rule, key, summary)):
                yield f"row of {rule.text}"


def _broken_promises(rule: KqlRule, given: list[Any]) -> Iterator[str]:
    met: set[str] = set()
    for count in range(1, len(given) + 1):
        for key, summary in scheduled_summaries(rule, given[:count], 0):
            meets = rule.meets(key, summary)
            if not meets and (rule.opens_always or (rule.is_monotone and repr(key) in met)):
                yield f"growth of {rule.text}"
            if meets:
                met.add(repr(key))


def _first_difference() -> str:
    """Any difference; an exception is one too, since nothing may raise."""
    try:
        return next(differences(), "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _drop_a_clause(conditions: list[Condition], definitions: Any) -> Any:
    return _clauses(conditions[:-1], definitions)


_clauses = plan._clauses
_implied = plan_operations._implied
_windows = plan_window.window_of
_key = plan_aggregates._key
_lists = generate_fold.LISTS


def _implied_by_any(test: Any, definitions: Any, known: Any) -> Any:
    if isinstance(test, Logic):
        found = (_implied_by_any(each, definitions, known) for each in test.operands)
        return next((each for each in found if each is not None), None)
    return _implied(test, definitions, known)


def _key_without_predicate(column: Any, aggregate: Any) -> Any:
    key: Any = _key(column, aggregate)
    kind, capacity, parts, shown, call = key
    return kind, capacity, parts[:1], shown, call


def _never_null(
    self: Graph, key: Any, kind: Any, type_: Any, may_be_null: bool, *more: Any, **named: Any
) -> Node:
    return _node(self, key, kind, type_, False, *more, **named)


_node = Graph._node


def _inclusive_as_exclusive(test: Any, definitions: Any) -> int | None:
    found = _windows(test, definitions)
    is_inclusive = isinstance(test, Apply) and test.function.name in (">=", "<=")
    return found - 1 if found is not None and is_inclusive else found


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "and takes null for false": (generate_code, "all_of", lambda *operands: all(operands)),
    "or takes null for false": (generate_code, "any_of", lambda *operands: any(operands)),
    "not takes null for false": (generate_code, "negated", lambda operand: not operand),
    "not of a test takes null for false": (
        generate_code.Writer,
        "_falsity",
        lambda self, node: f"(not {self._truth(node)})",
    ),
    "nothing is taken for null": (Graph, "_node", _never_null),
    "a conjunct is dropped": (plan, "_clauses", _drop_a_clause),
    ">= of the window is taken for >": (plan_window, "window_of", _inclusive_as_exclusive),
    "the widest window counts": (plan, "min", max),
    "only the record's text is folded": (
        generate_fold,
        "folded",
        lambda graph, node: node if node.value is not None else graph.apply(generate_fold.FOLD, node),
    ),
    "only the rule's text is folded": (
        generate_fold,
        "folded",
        lambda graph, node: (
            node if node.value is None else graph.constant(Type.STRING, str(node.value).lower())
        ),
    ),
    "=~ is taken for ==": (generate_fold, "fold", lambda text: text),
    "in folds": (generate_fold, "LISTS", {**_lists, "in": (_lists["in"][0], True)}),
    "!startswith is taken for startswith": (
        generate_fold,
        "FOLDED",
        {**generate_fold.FOLDED, "!startswith": generate_fold.FOLDED["startswith"]},
    ),
    "a member that JSON can escape is looked for unparsed": (
        generate_fold,
        "_PLAIN_NAME",
        re.compile(".*"),
    ),
    "operations of one side of or are enough": (
        plan_operations,
        "_any_of",
        lambda found: frozenset[str]().union(*(each for each in found if each is not None)),
    ),
    "tolower is taken for folding": (plan_operations, "_lowered_to", lambda wanted: frozenset({wanted})),
    "a test of one side of or is enough": (plan_operations, "_implied", _implied_by_any),
    "definitions are not followed": (
        plan_operations,
        "columns_read",
        lambda test, _: ("OperationNameValue",),
    ),
    "operations are compared as written": (plan_operations, "fold", lambda text: text),
    "every condition on rows is monotone": (plan_growth, "stays_true", lambda condition, row: True),
    "every condition on rows is always met": (plan_growth, "always_true", lambda condition, row: True),
    "what falls is taken for what rises": (plan_growth, "_FALLING", tuple(plan_growth.Growth)),
    "aggregates that differ in their condition are one": (plan_aggregates, "_key", _key_without_predicate),
    "arg_max shows its first column for all": (
        plan_aggregates,
        "_also_showing",
        lambda aggregate, value: (aggregate, 0),
    ),
    "sumif sums everything": (plan_aggregates, "_has_predicate", lambda function: function == "countif"),
    "a threshold must be exceeded": (
        generate,
        "_AT_LEAST",
        Function(">", (Type.REAL, Type.LONG), Type.BOOL, lambda x, y: x > y, inline="{0} > {1}"),
    ),
    "conditions after summarize are left out": (generate, "Condition", Span),
    "null is compared as zero": (generate, "comparable", lambda compared, shown: (compared or 0, shown)),
    "infinity is shown as a number": (generate_json, "shown_as_json", lambda type_: None),
    "the pivot keeps the moving window": (plan_pivot._PivotWriter, "_is_window", lambda self, span: False),
    "the pivot does not escape": (plan_pivot, "string_literal", lambda text: f'"{text}"'),
    "aggregates are taken from a wrong place": (
        plan,
        "plan_aggregates",
        lambda columns, definitions: (
            (found := plan_aggregates.plan_aggregates(columns, definitions))[0],
            {slot: Place(len(found[0]) - 1 - place.index, place.shown) for slot, place in found[1].items()},
        ),
    ),
}


def test_the_right_compiler_shows_no_difference() -> None:
    assert _first_difference() == ""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_compiler_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, wrong = MUTANTS[name]
    monkeypatch.setattr(owner, attribute, wrong, raising=attribute != "min")
    assert _first_difference() != ""
