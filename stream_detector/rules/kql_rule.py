"""A rule written in KQL, compiled: `compile_kql` takes the text through every stage of `kql`.

A later stage runs only when the earlier ones found nothing wrong; each tells all of its problems at once.
No I/O: files are `rules.load`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql import generate
from stream_detector.kql.check import check
from stream_detector.kql.parse import parse
from stream_detector.kql.parse.tokens import END, tokenize
from stream_detector.kql.plan import Plan, plan
from stream_detector.kql.plan.pivot import Pivot, pivot_of
from stream_detector.kql.problems import KqlProblem
from stream_detector.kql.schema import COLUMNS, CORRELATED, UNAVAILABLE
from stream_detector.kql.typed import CheckedQuery
from stream_detector.kql.types import Type
from stream_detector.rules.explain import Explanation, explain
from stream_detector.rules.model import (
    Aggregate,
    AggregateKind,
    Handling,
    Match,
    Rejection,
    RuleInfo,
    Summary,
    Value,
)
from stream_detector.rules.operations import WantedOperations


class KqlRule(Struct, frozen=True, gc=False, eq=False):
    """A compiled rule. A `rules.model.Rule`; its functions are attributes, so that a call costs one step."""

    info: RuleInfo
    handling: Handling
    text: str
    """The KQL as it was written."""
    operations: WantedOperations
    clauses: tuple[str, ...]
    window: int
    key_columns: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    opens_always: bool
    is_monotone: bool
    threshold_reads: tuple[int, ...]
    records_needed: int
    schema: tuple[tuple[str, Type], ...]
    """Names and types of the result's columns, in order."""
    plan: Plan
    pivot: Pivot
    evaluate: Callable[[ActivityRecord], Match | Rejection]
    meets: Callable[[tuple[Value, ...], Summary], bool]
    group: Callable[[tuple[Value, ...]], dict[str, object]]
    row: Callable[[tuple[Value, ...], Summary], dict[str, object]]

    @property
    def content_hash(self) -> str:
        """Of what the rule means: the text without comments and blanks, handling and thresholds; hexadecimal.

        Thresholds count by the column that they stand for, which is the same for the same text.
        """
        minimums = {column.name: least for column, least in self.plan.thresholds}
        return content_hash(self.text, self.handling, minimums)

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        """KQL that shows the group's records in Sentinel for times in [since, until] (ticks)."""
        return self.pivot.text(key, since, until, ignore_case=self.handling.ignore_case)

    def explain(self, record: ActivityRecord) -> Explanation:
        """Clause by clause why the record matches or not, with the values that decided."""
        return explain(self.plan, record)


def compile_kql(
    text: str, info: RuleInfo, handling: Handling, thresholds: Mapping[str, int], every_record: bool
) -> tuple[KqlRule | None, tuple[KqlProblem, ...]]:
    """The rule that `text` and its settings make, or everything that is wrong with the text.

    `thresholds` are minimums of columns of the result, sizes for sets; `every_record` allows a rule that
    does not narrow the operation. Never raises for any text.
    """
    query, problems = parse(text)
    if query is None or problems:
        return None, problems
    columns = {**COLUMNS, **CORRELATED} if handling.correlate else COLUMNS
    checked, problems = check(query, text, columns, UNAVAILABLE)
    if checked is None or problems:
        return None, problems
    planned, problems = plan(checked, thresholds=thresholds, every_record=every_record)
    if planned is None or problems:
        return None, problems
    problems = _refused_of_operations(checked) if handling.correlate else ()
    if problems:
        return None, problems
    pivot = pivot_of(query, checked, planned.window_spans, CORRELATED if handling.correlate else ())
    return _rule(planned, pivot, info, handling), ()


def _refused_of_operations(checked: CheckedQuery) -> tuple[KqlProblem, ...]:
    """Aggregates that would take a row in twice where rows are judged again."""
    return tuple(
        KqlProblem(
            column.span,
            f"`{column.function}` is not supported in a rule with correlation: rows of an operation are "
            "judged again when more is known, and would be added twice; "
            "use count(), countif(), dcount() or make_set()",
        )
        for column in checked.aggregates
        if column.function in ("sum", "sumif", "make_list")
    )


def content_hash(text: str, handling: Handling, thresholds: Mapping[str, int]) -> str:
    """A hash of all that decides what a rule does; the same for texts that differ in comments and blanks."""
    from hashlib import sha256  # it loads OpenSSL, which no start needs for a rule

    tokens, _ = tokenize(text)
    words = [(str(token.kind), token.text) for token in tokens if token.kind is not END]
    meaning = (words, msgspec.to_builtins(handling), sorted(thresholds.items()))
    return sha256(msgspec.json.encode(meaning)).hexdigest()


def _rule(planned: Plan, pivot: Pivot, info: RuleInfo, handling: Handling) -> KqlRule:
    checked = planned.checked
    clauses = tuple(clause.name for clause in planned.clauses)
    return KqlRule(
        info=info,
        handling=handling,
        text=checked.text,
        operations=WantedOperations(
            planned.operation_names or frozenset(), generate.generate_wanted(planned)
        ),
        clauses=clauses,
        window=planned.window,
        key_columns=tuple(key.name for key in checked.keys),
        aggregates=tuple(
            Aggregate(each.name, AggregateKind(each.kind), each.capacity, each.empty)
            for each in planned.aggregates
        ),
        opens_always=planned.opens_always,
        is_monotone=planned.is_monotone,
        threshold_reads=planned.aggregates_read,
        records_needed=planned.records_needed,
        schema=tuple((column.name, column.value.type) for column in checked.result),
        plan=planned,
        pivot=pivot,
        evaluate=generate.generate_evaluate(planned, Match, tuple(map(Rejection, clauses))),
        meets=generate.generate_meets(planned),
        group=generate.generate_group(planned),
        row=generate.generate_row(planned),
    )
