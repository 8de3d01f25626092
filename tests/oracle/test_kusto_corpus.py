"""Our parser and checker against Microsoft's own: what is accepted, and with which result columns.

The corpus is in corpus_*.kql: texts that both accept, texts that both refuse, and texts that only
Microsoft accepts, each with the reason why we do not. What Microsoft's binder says about each stands in
kusto_verdicts.jsonl, so that all but the tests that ask the binder itself run without node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from corpus_files import ACCEPTED, BY_DESIGN, EXPRESSIONS, REFUSED, Entry, expressions, queries
from kusto_binder import Answer, ask, need_binder
from kusto_record import VERDICTS, as_lines, asked, recorded

from stream_detector.kql.check import check
from stream_detector.kql.parse import parse
from stream_detector.kql.problems import KqlProblem
from stream_detector.kql.schema import COLUMNS, CORRELATED, UNAVAILABLE
from stream_detector.kql.typed import CheckedQuery, Definition
from stream_detector.rules.kql_rule import compile_kql
from stream_detector.rules.model import Handling, RuleInfo

REPOSITORY = Path(__file__).resolve().parents[2]
TABLES = json.loads((Path(__file__).parent / "kusto_tables.json").read_text(encoding="utf-8"))
INFO = RuleInfo("rule", "rule", "1", "Low", (), (), "")

OTHER_TYPES: Mapping[str, str] = {}
"""Expressions whose type is another one here, and why."""

OTHER_COLUMNS: Mapping[str, str] = {}
"""Queries whose result columns are others here, and why."""

MORE_LENIENT: Mapping[str, str] = {
    "Bag.where": "a word of the language as a member: it can mean nothing else",
    "sort by a dynamic": "sort has no effect here, whatever it sorts by",
}
"""What we accept though Microsoft refuses it, and why that does no harm; queries by their why."""

NOT_IN_KUSTO = frozenset({"ResourceType", "CallerIpAddress_d", "MG", "_ItemId", "_TimeReceived"})
"""Columns that kusto_tables.json leaves out: of some workspaces only."""


@pytest.fixture(scope="module")
def verdicts() -> Mapping[str, Answer]:
    return recorded()


def _entries(names: tuple[str, str]) -> list[Entry]:
    return expressions(names[0]) + queries(names[1])


def _rule(entry: Entry) -> str:
    return entry.rule if entry.place.startswith(EXPRESSIONS) else entry.text


def _checked(text: str) -> tuple[CheckedQuery | None, tuple[KqlProblem, ...]]:
    query, problems = parse(text)
    if query is None or problems:
        return None, problems
    return check(query, text, COLUMNS, UNAVAILABLE)


def _problems(text: str) -> tuple[KqlProblem, ...]:
    """Of the whole way from text to compiled rule."""
    rule, problems = compile_kql(text, INFO, Handling(), {}, every_record=True)
    assert (rule is None) == bool(problems)
    return problems


def _told(text: str, problems: tuple[KqlProblem, ...]) -> str:
    return "; ".join(f"{text[each.span.start : each.span.end]!r}: {each.text}" for each in problems)


def test_the_recorded_verdicts_are_those_of_microsofts_binder() -> None:
    need_binder()
    entries, texts = zip(*asked(), strict=True)
    recorded_now = VERDICTS.read_text(encoding="utf-8").splitlines()
    assert recorded_now == as_lines(entries, ask(texts)).splitlines(), (
        "run python tests/oracle/kusto_record.py"
    )


def test_the_corpus_is_large_and_without_repetition() -> None:
    texts = [entry.text for entry, _ in asked()]
    assert len(set(texts)) == len(texts)
    assert len(_entries(ACCEPTED)) >= 180
    assert len(_entries(REFUSED)) + len(_entries(BY_DESIGN)) >= 120


@pytest.mark.parametrize(("names", "accepted"), [(ACCEPTED, True), (REFUSED, False), (BY_DESIGN, True)])
def test_each_file_of_the_corpus_holds_what_it_says(
    names: tuple[str, str], accepted: bool, verdicts: Mapping[str, Answer]
) -> None:
    wrong = [entry.place for entry in _entries(names) if verdicts[entry.text].accepted != accepted]
    assert wrong == []


def test_an_expression_that_microsoft_accepts_has_the_same_type_here(verdicts: Mapping[str, Answer]) -> None:
    wrong = []
    for entry in expressions(ACCEPTED[0]):
        ((_, expected),) = verdicts[entry.text].columns
        checked, problems = _checked(entry.rule)
        if checked is None:
            wrong.append(f"{entry.place} {entry.text}: {_told(entry.rule, problems)}")
            continue
        (found,) = (
            str(step.value.type)
            for step in checked.steps
            if isinstance(step, Definition) and step.name == "X"
        )
        if (found != expected) != (entry.text in OTHER_TYPES):
            wrong.append(f"{entry.place} {entry.text}: {found}, not {expected}")
    assert wrong == []


def test_a_query_that_microsoft_accepts_has_the_same_result_columns_here(
    verdicts: Mapping[str, Answer],
) -> None:
    wrong = []
    for entry in queries(ACCEPTED[1]):
        checked, problems = _checked(entry.text)
        if checked is None:
            wrong.append(f"{entry.place} {entry.why}: {_told(entry.text, problems)}")
            continue
        found = _columns(checked)
        if (found != verdicts[entry.text].columns) != (entry.why in OTHER_COLUMNS):
            wrong.append(f"{entry.place} {entry.why}: {found}, not {verdicts[entry.text].columns}")
    assert wrong == []


def _columns(checked: CheckedQuery) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, str(column.value.type)) for column in checked.result)


def test_what_is_accepted_compiles() -> None:
    found = [(entry, _problems(_rule(entry))) for entry in _entries(ACCEPTED)]
    assert [f"{entry.place}: {_told(_rule(entry), problems)}" for entry, problems in found if problems] == []


@pytest.mark.parametrize("names", [REFUSED, BY_DESIGN])
def test_what_is_refused_is_refused_in_its_place_with_a_sentence(names: tuple[str, str]) -> None:
    wrong = []
    for entry in _entries(names):
        text = _rule(entry)
        problems = _problems(text)
        if bool(problems) == (entry.text in MORE_LENIENT or entry.why in MORE_LENIENT):
            wrong.append(f"{entry.place} {entry.text}: {'refused' if problems else 'accepted'}")
        for problem in problems:
            if not 0 <= problem.span.start <= problem.span.end <= len(text):
                wrong.append(f"{entry.place}: {problem.span} is outside of the text")
            if len(problem.text.split()) < 3:
                wrong.append(f"{entry.place}: {problem.text!r} is no sentence")
        if names is BY_DESIGN and entry.place.startswith(EXPRESSIONS) and problems:
            wrong += _outside(entry, problems)
    assert wrong == []


def _outside(entry: Entry, problems: tuple[KqlProblem, ...]) -> list[str]:
    """Problems that do not point into the expression or its lets."""
    lets, value = entry.text.rpartition(";")[0], entry.text.rpartition(";")[2].strip()
    text = entry.rule
    start = text.index(f"extend X = {value}")
    places = [(0, len(lets) + 1), (start, start + len(f"extend X = {value}") + 1)]
    return [
        f"{entry.place} {entry.text}: points at {text[each.span.start : each.span.end]!r}: {each.text}"
        for each in problems
        if not any(low <= each.span.start and each.span.end <= high for low, high in places)
    ]


def test_every_rule_of_the_repository_is_accepted_by_microsoft_with_the_same_columns() -> None:
    need_binder()
    files = sorted((REPOSITORY / "config" / "rules").glob("*.kql"))
    files += sorted((Path(__file__).parent / "rules20").glob("*.kql"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert len(files) >= 20
    for file, text, answer in zip(files, texts, ask(texts, correlation=True), strict=True):
        assert answer.errors == (), file
        query, problems = parse(text)
        assert query is not None, (file, problems)
        checked, problems = check(query, text, {**COLUMNS, **CORRELATED}, UNAVAILABLE)
        assert checked is not None, (file, _told(text, problems))
        assert _columns(checked) == answer.columns, file


def test_columns_and_their_types_are_those_that_the_binder_is_asked_with() -> None:
    table = TABLES["tables"]["AzureActivity"]
    here = {name: str(kind) for name, kind in COLUMNS.items()}
    assert list(here.items()) == [(name, kind) for name, kind in table.items() if name in here]
    assert table.keys() - here.keys() == UNAVAILABLE.keys() - NOT_IN_KUSTO
    assert {name: str(kind) for name, kind in CORRELATED.items()} == TABLES["correlated"]
