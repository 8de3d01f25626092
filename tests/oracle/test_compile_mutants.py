"""A compiler that is wrong in one place makes rows that the engine, or the rule written by hand, does not.

Rows are made the way the program makes them: of wanted operations only, with the aggregates that `meets`
does not read left empty, and without asking it where every row counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import compile_mutants
import compile_mutants_code
import compile_mutants_text
import oracle_engine
import pytest
import query_engine
from compile_mutants import PIVOT
from compile_patches import RULE_15, THRESHOLDS, Mutant
from compile_probes import FOR_THE_ENGINE, PROBES
from msgspec.structs import replace
from oracle_compared import RULE, Comparison, comparison
from oracle_rows import AT
from query_engine import QueryEngine
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules import scheduled
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import Match, Rejection, Summary, Value
from stream_detector.ticks import MINUTE

ROWS = 8_000
MINIMUMS = MappingProxyType({"ExecutionCount": 9, "SourceIPs": 5})
HAVING = "| where ExecutionCount >= 9 and array_length(SourceIPs) >= 5"
MUTANTS: Mapping[str, Mutant] = {
    **compile_mutants.MUTANTS,
    **compile_mutants_text.MUTANTS,
    **compile_mutants_code.MUTANTS,
}

Rows = Sequence[Mapping[str, Any]]


@pytest.fixture(scope="module")
def compared() -> Iterator[Comparison]:
    made = comparison(ROWS)
    yield made
    made.engine.close()


@pytest.fixture(scope="module")
def expected(compared: Comparison) -> Mapping[str, Rows]:
    """What the engine returns for each query."""
    engine = QueryEngine(compared.records)
    rows: dict[str, Rows] = {
        RULE_15: compared.expected,
        THRESHOLDS: oracle_engine.oracle_rows(compared.engine, AT, HAVING),
    }
    for name, text in PROBES.items():
        rows[name] = engine.rows(FOR_THE_ENGINE.get(name, text), AT)
    engine.close()
    return rows


def _compiled(query: str) -> KqlRule:
    text = PROBES.get(query, RULE.text)
    minimums = MINIMUMS if query == THRESHOLDS else {}
    rule, problems = compile_kql(text, RULE.info, RULE.handling, minimums, every_record=False)
    assert rule is not None, problems
    return rule


def _rows(rule: KqlRule, records: Sequence[ActivityRecord]) -> list[dict[str, object]]:
    wanted = [record for record in records if record.operation in rule.operations]
    return [
        {**rule.row(key, summary), **(rule.group(key) if rule.text == RULE.text else {})}
        for key, summary in scheduled.scheduled_summaries(rule, wanted, AT)
        if rule.opens_always or rule.meets(key, _read_only(rule, summary))
    ]


def _read_only(rule: KqlRule, summary: Summary) -> Summary:
    """The summary as windows hand it to `meets`; what it must not read is emptied rather than None."""
    values = tuple(
        value if position in rule.threshold_reads else type(value)() if value is not None else None
        for position, value in enumerate(summary.values)
    )
    return replace(summary, values=values)


def _differences(query: str, expected: Mapping[str, Rows], rule: KqlRule, rows: Rows) -> list[str]:
    if query not in PROBES:
        return oracle_engine.differences(map(dict, expected[query]), map(dict, rows))
    return query_engine.differences(map(dict, expected[query]), map(dict, rows), _sets(PROBES[query]))


def _sets(text: str) -> dict[str, int]:
    """Names and sizes of the sets that the text makes."""
    rule, problems = compile_kql(text, RULE.info, RULE.handling, {}, every_record=False)
    assert rule is not None, problems
    return {each.name: each.capacity for each in rule.aggregates if each.kind == "set"}


@pytest.mark.parametrize("query", [RULE_15, THRESHOLDS, *PROBES])
def test_what_is_right_is_not_caught(compared: Comparison, expected: Mapping[str, Rows], query: str) -> None:
    rule = _compiled(query)
    assert expected[query]
    assert _differences(query, expected, rule, _rows(rule, compared.records)) == []


def test_every_query_shows_some_mutant() -> None:
    assert {query for query, _ in MUTANTS.values()} == {RULE_15, THRESHOLDS, *PROBES}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_compiler_is_caught(
    compared: Comparison, expected: Mapping[str, Rows], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silently wrong: the query compiles, nothing raises, and the rows are others."""
    query, patch = MUTANTS[name]
    with monkeypatch.context() as patched:
        patch(patched)
        rule = _compiled(query)
        rows = _rows(rule, compared.records)
    assert _differences(query, expected, rule, rows)


def _groups(compared: Comparison, since: int, until: int) -> dict[tuple[Value, ...], list[int]]:
    """Times of matching records by group: of each clause the groups with most that fail it, and odd keys."""
    by_hand = Rule15ByHand()
    groups: dict[tuple[Value, ...], list[int]] = {}
    failed: dict[str, Counter[tuple[Value, ...]]] = {clause: Counter() for clause in RULE.clauses}
    for record in compared.records:
        key = (record.caller, record.resource_group, record.subscription_id)
        if not since <= record.time <= until:
            continue
        if isinstance(by_hand.evaluate(record), Match):
            groups.setdefault(key, []).append(record.time)
            continue
        verdict = RULE.evaluate(record)
        assert isinstance(verdict, Rejection)
        failed[verdict.clause][key] += 1
    chosen = [next(key for key in groups if key[at] == "") for at in range(3)]
    for counts in failed.values():
        chosen += sorted(groups, key=lambda key: (-counts[key], str(key)))[:2]
    return {key: sorted(groups[key]) for key in chosen}


def _is_listed(compared: Comparison, rule: KqlRule) -> bool:
    """Whether the pivot query lists exactly the matching records of each group."""
    exact = replace(rule, handling=replace(rule.handling, ignore_case=False))
    since, until = AT - 90 * MINUTE, AT - MINUTE
    return all(
        oracle_engine.matching_times(compared.engine, exact.pivot_query(key, since, until)) == times
        for key, times in _groups(compared, since, until).items()
    )


def test_the_right_pivot_query_is_not_caught(compared: Comparison) -> None:
    assert _is_listed(compared, _compiled(RULE_15))


@pytest.mark.parametrize("name", PIVOT)
def test_a_wrong_pivot_query_is_caught(
    compared: Comparison, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        PIVOT[name](patched)
        assert not _is_listed(compared, _compiled(RULE_15))
