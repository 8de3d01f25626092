"""What the planner reads from a rule: window, operations, clauses, aggregates, growth; what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stream_detector.kql.check import check
from stream_detector.kql.parse import parse
from stream_detector.kql.plan import Plan, plan, threshold_columns
from stream_detector.kql.problems import KqlProblem
from stream_detector.kql.schema import COLUMNS, CORRELATED, UNAVAILABLE
from stream_detector.kql.typed import CheckedQuery
from stream_detector.ticks import DAY, HOUR, MINUTE

WINDOW = "| where TimeGenerated > ago(1h)\n"
OPERATION = '| where OperationNameValue == "a"\n'
SUMMARIZE = "| summarize N = count() by Caller\n"


def checked(text: str) -> CheckedQuery:
    query, problems = parse(text)
    assert query is not None, problems
    found, problems = check(query, text, {**COLUMNS, **CORRELATED}, UNAVAILABLE)
    assert found is not None, problems
    return found


def problems_of(text: str, every_record: bool = False) -> tuple[KqlProblem, ...]:
    made, problems = plan(checked(text), every_record=every_record)
    assert (made is None) == bool(problems)
    return problems


def planned(text: str, thresholds: Mapping[str, int] | None = None, *, every_record: bool = False) -> Plan:
    made, problems = plan(checked(text), thresholds=thresholds, every_record=every_record)
    assert made is not None, problems
    return made


def with_conditions(*conditions: str) -> str:
    return "AzureActivity\n" + WINDOW + "".join(f"| where {each}\n" for each in conditions) + SUMMARIZE


def with_summarize(summarize: str, after: str = "") -> str:
    return f"AzureActivity\n{WINDOW}{OPERATION}| summarize {summarize}\n{after}"


WINDOWS = [
    ("TimeGenerated > ago(2h)", 2 * HOUR),
    ("TimeGenerated >= ago(2h)", 2 * HOUR + 1),
    ("ago(90m) < TimeGenerated", 90 * MINUTE),
    ("ago(90m) <= TimeGenerated", 90 * MINUTE + 1),
    ("TimeGenerated > now() - 1d", DAY),
    ("TimeGenerated > now(-1d)", DAY),
    ("TimeGenerated > cutoff", 3 * HOUR),
    ("TimeGenerated > ago(period)", 4 * HOUR),
    ("When > ago(2h)", 2 * HOUR),
    ("TimeGenerated > ago(2h) and TimeGenerated > ago(1h)", HOUR),
    ("(TimeGenerated > ago(2h) and Caller == 'a') and TimeGenerated >= ago(3h)", 2 * HOUR),
    ("TimeGenerated >= ago(0s)", 1),
    ("TimeGenerated > ago(1tick)", 1),
]


@pytest.mark.parametrize(("condition", "ticks"), WINDOWS)
def test_the_window_is_the_smallest_lower_bound_relative_to_now(condition: str, ticks: int) -> None:
    text = (
        "let cutoff = ago(3h);\nlet period = 4h;\nAzureActivity\n| extend When = TimeGenerated\n"
        f"{OPERATION}| where {condition}\n{SUMMARIZE}"
    )
    made = planned(text)
    assert made.window == ticks
    assert [clause.name for clause in made.clauses if "Time" in clause.name] == []


REFUSED_TIMES = [
    ("TimeGenerated > [ago(2h)] or Caller == 'a'", "as a condition of its own"),
    ("not(TimeGenerated < [ago(2h)])", "cannot have an upper bound"),
    ("TimeGenerated < [now()]", "cannot have an upper bound"),
    ("[now()] >= TimeGenerated", "cannot have an upper bound"),
    ("TimeGenerated between ([ago(2h)] .. [now()])", "cannot have an upper bound"),
    ("TimeGenerated > ago(1h) and TimeGenerated < [ago(5m)]", "cannot have an upper bound"),
    ("TimeGenerated == [now()]", "as a condition of its own"),
    ("{TimeGenerated > ago(-1h)}", "the window is empty"),
    ("{TimeGenerated > now()}", "the window is empty"),
    ("todatetime(Properties) > [ago(1h)]", "as a condition of its own"),
    ("OperationStarted > [ago(1h)]", "as a condition of its own"),
    ("Caller == 'a' | extend Age = [now()] - TimeGenerated", "as a condition of its own"),
]


@pytest.mark.parametrize(("condition", "sentence"), REFUSED_TIMES)
def test_other_uses_of_now_are_refused_in_their_place(condition: str, sentence: str) -> None:
    marked = f"AzureActivity\n{OPERATION}| where {condition}\n{SUMMARIZE}"
    opening, closing = "{}" if "{" in condition else "[]"
    starts, ends, text = [], [], ""
    for character in marked:
        if character == opening:
            starts.append(len(text))
        elif character == closing:
            ends.append(len(text))
        else:
            text += character
    problems = problems_of(text)
    assert [(problem.span.start, problem.span.end) for problem in problems] == list(
        zip(starts, ends, strict=True)
    )
    assert all(sentence in problem.text for problem in problems)


def test_now_after_and_inside_of_summarize_is_refused() -> None:
    text = with_summarize(
        "N = count(), Old = countif(TimeGenerated < now()) by Caller, Day = now()",
        "| where N > 1 and now() > Day\n| extend Age = now() - Day",
    )
    problems = problems_of(text)
    assert [text[problem.span.start : problem.span.end] for problem in problems] == ["now()"] * 4
    assert ["after summarize" in problem.text for problem in problems] == [False, False, True, True]


def test_a_rule_without_a_window_is_told_to_have_one() -> None:
    (problem,) = problems_of(f"AzureActivity\n{OPERATION}{SUMMARIZE}")
    assert "no window" in problem.text
    (problem,) = problems_of(
        f"AzureActivity\n{OPERATION}| where TimeGenerated > datetime(2026-01-01)\n{SUMMARIZE}"
    )
    assert "no window" in problem.text


NAMES: list[tuple[tuple[str, ...], set[str]]] = [
    (("OperationNameValue == 'Ab'",), {"ab"}),
    (("'Ab' =~ OperationNameValue",), {"ab"}),
    (("OperationNameValue in ('Ab', 'c')",), {"ab", "c"}),
    (("OperationNameValue in~ ('Ab', 'c')", "Caller == 'x'"), {"ab", "c"}),
    (("OperationNameValue =~ 'a' or OperationNameValue == 'B'",), {"a", "b"}),
    (("(OperationNameValue =~ 'a' and Caller == 'x') or OperationNameValue == 'B'",), {"a", "b"}),
    (("OperationNameValue in~ ('a', 'b')", "OperationNameValue in~ ('b', 'c')"), {"b"}),
    (("tolower(OperationNameValue) == 'ab'",), {"ab"}),
    (("tolower(OperationNameValue) in ('ab', 'ck')",), {"ab", "ck", "c\u212a"}),
    (("OperationNameValue =~ 'é'",), {"é"}),
    (("OperationNameValue == 'a'", "false"), set()),
    (("OperationNameValue has 'x' and OperationNameValue == 'y'",), {"y"}),
    (("OperationNameValue in~ (listed)",), {"l1", "l2"}),
    (("OperationNameValue == 'a'", "OperationNameValue has 'b'"), {"a"}),
]


@pytest.mark.parametrize(("conditions", "names"), NAMES)
def test_operations_are_read_from_conditions(conditions: tuple[str, ...], names: set[str]) -> None:
    made = planned("let listed = dynamic(['L1', 'l2']);\n" + with_conditions(*conditions))
    assert set(made.operation_names or ()) == names
    assert made.operation_names is not None
    assert made.operation_tests == ()


TESTS: list[tuple[tuple[str, ...], int]] = [
    (("OperationNameValue has 'write'",), 1),
    (("OperationNameValue has 'write'", "OperationNameValue !has 'x'", "Caller == 'a'"), 2),
    (("OperationNameValue has 'write' and Caller == 'a'",), 1),
    (("(OperationNameValue has 'a' and Caller == 'a') or OperationNameValue =~ 'b'",), 1),
    (("not(OperationNameValue =~ 'a')",), 1),
    (("OperationNameValue != 'a'",), 1),
    (("tolower(OperationNameValue) == 'kkkkkkkk'",), 1),
    (("tolower(OperationNameValue) == 'é'",), 1),
    (("toupper(OperationNameValue) == 'A'",), 1),
]


@pytest.mark.parametrize(("conditions", "count"), TESTS)
def test_operations_that_are_not_finitely_many_become_tests(conditions: tuple[str, ...], count: int) -> None:
    made = planned(with_conditions(*conditions))
    assert made.operation_names is None
    assert len(made.operation_tests) == count


EVERY = [
    ("Caller == 'a'",),
    ("Caller == 'a' or OperationNameValue == 'b'",),
    ("OperationNameValue == Caller",),
    ("strcat(OperationNameValue, Caller) == 'a'",),
    ("(OperationNameValue has 'a' and Caller == 'a') or Caller == 'b'",),
    ("true",),
    (),
]


@pytest.mark.parametrize("conditions", EVERY)
def test_a_rule_for_every_operation_must_say_so(conditions: tuple[str, ...]) -> None:
    text = with_conditions(*conditions)
    (problem,) = problems_of(text)
    assert "every_record: true" in problem.text
    made = planned(text, every_record=True)
    assert (made.operation_names, made.operation_tests) == (None, ())


def test_clauses_are_named_by_what_they_read_through_definitions() -> None:
    made = planned(
        f"AzureActivity\n{WINDOW}| extend Both = strcat(Caller, Level), Own = OperationNameValue\n"
        "| where Own == 'a' and Properties has OperationNameValue\n| where 1 == 1\n| where Both has 'x'\n"
        "| where true and Level == Caller | where Caller == Level | where Properties_d.a == 'b'\n"
        f"{SUMMARIZE}"
    )
    assert [clause.name for clause in made.clauses] == [
        "OperationNameValue",
        "Properties+OperationNameValue",
        "constant",
        "Caller+Level",
        "constant#2",
        "Level+Caller",
        "Caller+Level#2",
        "Properties_d",
    ]


AGGREGATES = [
    ("count()", "count", 0),
    ("min(TimeGenerated)", "first", 0),
    ("max(TimeGenerated)", "last", 0),
    ("countif(Level == 'x')", "count_if", 0),
    ("sum(strlen(Level))", "sum", 0),
    ("sumif(strlen(Level), Level == 'x')", "sum", 0),
    ("dcount(Level)", "distinct", 10_000),
    ("dcountif(Level, Level == 'x')", "distinct", 10_000),
    ("make_set(Level)", "set", 1_048_576),
    ("make_set(Level, 7)", "set", 7),
    ("make_set_if(Level, Level == 'x', 7)", "set", 7),
    ("make_list(Level)", "list", 1_048_576),
    ("make_list(Level, 7)", "list", 7),
    ("take_any(Level)", "any", 0),
    ("any(Level)", "any", 0),
    ("max(Level)", "greatest", 0),
    ("min(strlen(Level))", "least", 0),
    ("arg_max(TimeGenerated, Level)", "greatest", 0),
    ("arg_min(TimeGenerated, Level)", "least", 0),
]


@pytest.mark.parametrize(("call", "kind", "capacity"), AGGREGATES)
def test_aggregates_become_those_of_the_model(call: str, kind: str, capacity: int) -> None:
    (aggregate,) = planned(with_summarize(f"{call} by Caller")).aggregates
    assert (aggregate.kind, aggregate.capacity) == (kind, capacity)


def test_what_is_empty_follows_the_type() -> None:
    made = planned(
        with_summarize(
            "sum(strlen(Level)), sum(toreal(Level)), take_any(Level), any(tolong(Level)) by Caller"
        )
    )
    assert [repr(aggregate.empty) for aggregate in made.aggregates] == ["0", "0.0", "''", "None"]


def test_equal_aggregates_are_kept_once_and_different_ones_apart() -> None:
    made = planned(
        with_summarize(
            "count(), N = count(), dcount(Level), D = dcount(Level), make_set(Level, 5), "
            "S = make_set(Level, 6), countif(Level == 'a'), C = countif(Level == 'a'), "
            "E = countif(Level == 'b'), "
            "X = arg_max(TimeGenerated, Level, CategoryValue), M = max(Level), O = max(Level) by Caller"
        )
    )
    kinds = [aggregate.kind for aggregate in made.aggregates]
    assert kinds == ["count", "distinct", "set", "set", "count_if", "count_if", "greatest", "greatest"]
    assert len(made.aggregates[6].shown) == 3
    shown = [place.shown for place in made.places.values() if place.index == 6]
    assert shown == [0, 1, 2]


GROWTH = [
    ("", True, True),
    ("| where N >= 1", True, True),
    ("| where N > 0", True, True),
    ("| where 1 <= N", True, True),
    ("| where D >= 1 or N > 5", True, True),
    ("| where array_length(S) > 0 and true", True, True),
    ("| extend Size = array_length(S) | where Size >= 1", True, True),
    ("| where N >= 2", False, True),
    ("| where array_length(L) >= 1", False, True),
    ("| where C >= 0", True, True),
    ("| where C >= 1", False, True),
    ("| where N > 2 and D > 1 or C > 3", False, True),
    ("| where Last - First > 10m", False, True),
    ("| where Last - First >= 0s", False, True),
    ("| where Last > datetime(2026-01-01) and First < datetime(2026-01-01)", False, True),
    ("| where Caller has 'x'", False, True),
    ("| where not(Caller has 'x') and iff(Caller == 'y', true, false)", False, True),
    ("| where N > strlen(Caller)", False, True),
    ("| where N + D > 5", False, True),
    ("| where Sum > 5", False, True),
    ("| where Greatest > 5", False, True),
    ("| where Least < 5", False, True),
    ("| where true", True, True),
    ("| where false", False, True),
    ("| where N < 5", False, False),
    ("| where N == 5", False, False),
    ("| where N != 5", False, False),
    ("| where not(N > 5)", False, False),
    ("| where N > 5 and D == 1", False, False),
    ("| where N > D", False, False),
    ("| where D * 1.0 / N > 0.5", False, False),
    ("| where N - D > 5", False, False),
    ("| where Wide > 5", False, False),
    ("| where Greatest < 5", False, False),
    ("| where Least > 5", False, False),
    ("| where Greatest - Least > 5", False, False),
    ("| where Real > 5.0", False, False),
    ("| where First > datetime(2026-01-01)", False, False),
    ("| where Any == 'x'", False, False),
    ("| where set_has_element(S, 'x')", False, False),
    ("| where array_length(split(Any, 'x')) > 1", False, False),
    ("| where iff(N > 5, true, false)", False, False),
    ("| where isnotnull(Greatest)", False, False),
]


@pytest.mark.parametrize(("after", "opens_always", "is_monotone"), GROWTH)
def test_growth_of_rows(after: str, opens_always: bool, is_monotone: bool) -> None:
    made = planned(
        with_summarize(
            "N = count(), D = dcount(Level), S = make_set(Level), L = make_list(strlen(Level)), "
            "C = countif(Level == 'x'), First = min(TimeGenerated), Last = max(TimeGenerated), "
            "Sum = sum(strlen(Level)), Wide = sum(tolong(Level)), Greatest = max(tolong(Level)), "
            "Least = min(tolong(Level)), Real = max(toreal(Level)), Any = take_any(Level) by Caller",
            after,
        )
    )
    assert (made.opens_always, made.is_monotone) == (opens_always, is_monotone)


THRESHOLDS = [
    ({"N": 1}, True, True),
    ({"N": 0, "S": 1}, True, True),
    ({"N": 2}, False, True),
    ({"S": 2}, False, True),
    ({"L": 1}, False, True),
    ({"N": 1, "Odd": 1}, False, False),
    ({"Twice": 4}, False, False),
]


@pytest.mark.parametrize(("thresholds", "opens_always", "is_monotone"), THRESHOLDS)
def test_growth_with_thresholds(thresholds: dict[str, int], opens_always: bool, is_monotone: bool) -> None:
    text = with_summarize(
        "N = count(), S = make_set(Level), L = make_list(tolong(Level)), Odd = sum(tolong(Level)) by Caller",
        "| extend Twice = N * 2",
    )
    made = planned(text, thresholds)
    assert (made.opens_always, made.is_monotone) == (opens_always, is_monotone)


def test_thresholds_fit_numbers_and_collected_arrays_only() -> None:
    text = with_summarize(
        "N = count(), S = make_set(Level), Gone = count(), First = min(TimeGenerated), "
        "T = take_any(Level) by Caller",
        "| extend Parts = split(Caller, '@'), Half = N / 2.0 | project-rename Seen = S | project-away Gone",
    )
    assert list(threshold_columns(checked(text))) == ["N", "Seen", "Half"]
    made, problems = plan(checked(text), thresholds={"N": 1, "Parts": 2, "Gone": 1, "T": 1})
    assert made is None
    assert [problem.text.split("'")[1] for problem in problems] == ["Parts", "Gone", "T"]
    assert all("N, Seen, Half" in problem.text for problem in problems)


NEEDS = [
    ("", [], 1),
    ("| where N >= 5", [0], 6),
    ("| where 5 < N or D == 7", [0, 1], 8),
    ("| where array_length(S) > 9 and Caller has 'x'", [2], 10),
    ("| extend Size = array_length(S), Half = N / 2.0 | where Half > 100", [0], 201),
    ("| where N * 0.5 > 100", [0], 201),
    ("| where N - 50 > 100", [0], 151),
    ("| where N * 2 > 100", [0], 51),
    ("| where N * 1m > 10m", [0], 11),
    ("| where N / 1e308 / 1e308 > 5", [0], 2**53 + 1),
    ("| where datetime(2026-01-01) + N * 1m > datetime(2026-01-02)", [0], 1),
    ("| where N - D > 100", [0, 1], 101),
    ("| where N between (3 .. 30)", [0], 31),
    ("| where toreal(N) / D > 0.5 and N > 4", [0, 1], 5),
    ("| where Most > 5000", [3], 1),
    ("| where Most > 5000 and N > 1", [0, 3], 2),
    ("| extend Many = N > 20 | where not(Many) or iff(Most > 7, N > 2, D > 3)", [0, 1, 3], 21),
]


@pytest.mark.parametrize(("after", "reads", "records"), NEEDS)
def test_what_conditions_on_rows_need(after: str, reads: list[int], records: int) -> None:
    aggregates = "N = count(), D = dcount(Level), S = make_set(Level), Most = max(tolong(Level))"
    made = planned(with_summarize(f"{aggregates} by Caller", after))
    assert (list(made.aggregates_read), made.records_needed) == (reads, records)
    with_thresholds = planned(with_summarize(f"{aggregates} by Caller", after), {"S": 3, "Most": 10_000})
    assert list(with_thresholds.aggregates_read) == sorted({*reads, 2, 3})
    assert with_thresholds.records_needed == max(records, 4)


def test_all_problems_are_told_at_once() -> None:
    problems = problems_of(
        "AzureActivity\n| where Caller == 'a' or TimeGenerated < now()\n"
        "| extend Age = now() - TimeGenerated\n"
        "| summarize N = count() by Caller\n| where now() > datetime(2026-01-01)"
    )
    assert len(problems) == 4
