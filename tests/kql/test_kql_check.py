"""What the checker makes of whole rules: scopes, lets, slots, results. Its tables stand in other modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from stream_detector.kql.check import check
from stream_detector.kql.parse import parse
from stream_detector.kql.problems import KqlProblem
from stream_detector.kql.schema import COLUMNS, CORRELATED, UNAVAILABLE
from stream_detector.kql.typed import (
    AggregateColumn,
    Apply,
    CheckedQuery,
    Column,
    Condition,
    Constant,
    Definition,
    Logic,
    Now,
    Typed,
)
from stream_detector.kql.types import Type

SAMPLE = {
    **COLUMNS,
    "I": Type.INT,
    "L": Type.LONG,
    "R": Type.REAL,
    "B": Type.BOOL,
    "T": Type.TIMESPAN,
    "D": Type.DYNAMIC,
    "S": Type.STRING,
}
"""The table with one more column of each type."""
HOUR = 36_000_000_000


def outcome(text: str) -> tuple[CheckedQuery | None, tuple[KqlProblem, ...]]:
    """The checker's answer about a text that the parser accepts."""
    query, problems = parse(text)
    assert problems == ()
    assert query is not None
    return check(query, text, SAMPLE, UNAVAILABLE)


def accepted(text: str) -> CheckedQuery:
    checked, problems = outcome(text)
    assert problems == ()
    assert checked is not None
    return checked


def refused(text: str) -> list[tuple[str, str]]:
    """What was refused: its source text, and the sentence."""
    checked, problems = outcome(text)
    assert checked is None
    return [(text[problem.span.start : problem.span.end], problem.text) for problem in problems]


def rule(operators: str) -> str:
    """A rule of these operators, with a summarize behind when they have none."""
    behind = "" if "summarize" in operators else "\n| summarize count() by Caller"
    return f"AzureActivity\n{operators}{behind}"


def value_of(expression: str) -> Typed:
    """An expression on one record, typed."""
    steps = accepted(rule(f"| extend Z = {expression}")).steps
    if not steps:
        # A bare column is no definition; it can be seen in a key.
        return accepted(f"AzureActivity | summarize count() by Z = {expression}").keys[0].value
    [step] = steps
    assert isinstance(step, Definition)
    return step.value


def result(text: str) -> str:
    """Names and types of the result's columns, as Microsoft's binder shows them."""
    return " ".join(f"{column.name}:{column.value.type}" for column in accepted(text).result)


def aggregates(text: str) -> list[AggregateColumn]:
    return list(accepted(text).aggregates)


def rule15() -> str:
    """The text of RULE 15, read from the module that gives it to an independent engine."""
    source = (Path(__file__).parents[1] / "oracle" / "oracle_engine.py").read_text(encoding="utf-8")
    texts = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("_FILTER", "_SUMMARY")
    }
    return str(texts["_FILTER"] + texts["_SUMMARY"])


def test_rule15_is_accepted_with_its_columns_and_types() -> None:
    query, _ = parse(rule15())
    assert query is not None
    checked, problems = check(query, rule15(), COLUMNS, UNAVAILABLE)
    assert problems == ()
    assert checked is not None
    assert " ".join(f"{column.name}:{column.value.type}" for column in checked.result) == (
        "Caller:string ResourceGroup:string SubscriptionId:string ExecutionCount:long AffectedVMs:dynamic"
        " ExtensionTypes:dynamic AffectedResources:dynamic SourceIPs:dynamic CallerIP:string"
        " FirstSeen:datetime LastSeen:datetime AccountName:string AccountUPNSuffix:string"
    )
    assert [type(step).__name__ for step in checked.steps] == ["Condition"] * 8 + ["Definition"] * 3
    assert [(each.function, each.capacity) for each in checked.aggregates] == [
        ("count", None),
        ("make_set", 10),
        ("make_set", 5),
        ("make_set", 10),
        ("make_set", 5),
        ("take_any", None),
        ("min", None),
        ("max", None),
    ]


def test_every_conjunct_of_a_where_is_a_condition_with_its_own_place() -> None:
    text = rule('| where S == "a" and (L > 1 and (B or L < 0)) | where not(B)')
    conditions = [step for step in accepted(text).steps if isinstance(step, Condition)]
    assert [text[each.span.start : each.span.end] for each in conditions] == [
        'S == "a"',
        "L > 1",
        "B or L < 0",
        "not(B)",
    ]


def test_a_chain_of_or_is_one_flat_node_however_it_is_bracketed() -> None:
    [step] = accepted(rule("| where (B or L > 1) or (L > 2 or L > 3)")).steps
    assert isinstance(step, Condition)
    assert isinstance(step.test, Logic)
    assert step.test.operator == "or"
    assert len(step.test.operands) == 4


def test_expressions_of_one_extend_do_not_see_each_other() -> None:
    steps = accepted(rule("| extend Caller = tolower(Caller), Before = strcat(Caller, S)")).steps
    _, before = steps
    assert isinstance(before, Definition)
    assert isinstance(before.value, Apply)
    first = before.value.arguments[0]
    assert isinstance(first, Column)
    assert first.slot is None


def test_a_redefined_column_has_a_slot_of_its_own_and_later_operators_see_it() -> None:
    steps = accepted(rule('| extend Caller = tolower(Caller) | where Caller == "x"')).steps
    definition, condition = steps
    assert isinstance(definition, Definition)
    assert isinstance(condition, Condition)
    assert isinstance(condition.test, Apply)
    column = condition.test.arguments[0]
    assert isinstance(column, Column)
    assert (column.name, column.slot) == ("Caller", definition.slot)


def test_slots_are_never_used_twice() -> None:
    checked = accepted(
        rule(
            "| extend a = L + 1, b = L + 2 | extend a = a + 1"
            "\n| summarize n = count(), Span = max(TimeGenerated) - min(TimeGenerated) by a, c = b + 1"
            "\n| extend n = n + 1 | project n, a, Span"
        )
    )
    slots = [step.slot for step in (*checked.steps, *checked.after) if isinstance(step, Definition)]
    slots += [key.slot for key in checked.keys] + [each.slot for each in checked.aggregates]
    assert len(slots) == len(set(slots)) == 3 + 3 + 2 + 2


def test_a_copy_of_a_column_is_no_definition() -> None:
    checked = accepted(rule("| extend Who = Caller | project Who, S | summarize count() by Who"))
    assert checked.steps == ()
    value = checked.keys[0].value
    assert isinstance(value, Column)
    assert (value.name, value.slot) == ("Caller", None)


def test_renaming_and_dropping_leave_no_step() -> None:
    checked = accepted(
        rule("| project-rename Who = Caller | project-away S*, TenantId | summarize count() by Who")
    )
    assert checked.steps == ()
    assert [key.name for key in checked.keys] == ["Who"]


def test_what_is_computed_from_aggregates_stands_after_them() -> None:
    checked = accepted(
        "AzureActivity | summarize Span = max(TimeGenerated) - min(TimeGenerated) by Caller | where Span > 1h"
    )
    assert [(each.name, each.function) for each in checked.aggregates] == [
        ("max(TimeGenerated)", "max"),
        ("min(TimeGenerated)", "min"),
    ]
    definition, condition = checked.after
    assert isinstance(definition, Definition)
    assert isinstance(condition, Condition)
    assert [column.name for column in checked.result] == ["Caller", "Span"]


def test_arg_max_gives_a_column_for_each_value_with_the_compared_value_first() -> None:
    columns = aggregates("AzureActivity | summarize arg_max(L, S, Caller) by ResourceGroup")
    assert [(each.name, each.function, each.type) for each in columns] == [
        ("L", "arg_max", Type.LONG),
        ("S", "arg_max", Type.STRING),
        ("Caller", "arg_max", Type.STRING),
    ]
    assert len({each.span for each in columns}) == 1
    for each in columns:
        compared, shown = each.arguments
        assert isinstance(compared, Column)
        assert isinstance(shown, Column)
        assert (compared.name, shown.name) == ("L", each.name)


def test_take_any_of_one_value_is_itself() -> None:
    [column] = aggregates("AzureActivity | summarize any(S) by Caller")
    assert (column.name, column.function, len(column.arguments)) == ("any_S", "take_any", 1)


def test_take_any_of_several_values_takes_them_from_one_record() -> None:
    columns = aggregates("AzureActivity | summarize take_any(S, L) by Caller")
    assert [each.function for each in columns] == ["arg_max", "arg_max"]
    for each in columns:
        compared = each.arguments[0]
        assert isinstance(compared, Column)
        assert (compared.name, compared.slot) == ("TimeGenerated", None)


def test_the_accuracy_of_dcount_is_without_effect() -> None:
    text = "AzureActivity | summarize {} by Caller"
    exact, rough = aggregates(text.format("n = dcount(S)"))[0], aggregates(text.format("n = dcount(S, 1)"))[0]
    assert len(exact.arguments) == len(rough.arguments) == 1
    assert rough.capacity is None


def test_a_sum_of_ints_is_a_sum_of_longs() -> None:
    [column] = aggregates("AzureActivity | summarize sum(I) by Caller")
    assert column.type is column.arguments[0].type is Type.LONG


@pytest.mark.parametrize("function", ["make_set(X)", "make_list(X)", "make_set_if(X, B)"])
@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("datetime", 0, "1970-01-01T00:00:00.0000000Z"),
        ("timespan", HOUR, "01:00:00"),
        ("datetime", None, None),
    ],
)
def test_times_are_members_of_a_set_as_their_text_and_nulls_stay_nulls(
    function: str, kind: str, value: int | None, text: str | None
) -> None:
    operators = f"extend X = to{kind}(S) | summarize {function} by Caller"
    [column] = aggregates(f"AzureActivity | {operators}")
    member = column.arguments[0]
    assert isinstance(member, Apply)
    assert member.type is Type.DYNAMIC
    assert member.function.is_strict
    if value is not None:
        assert member.function.implementation(value) == text


def test_a_computed_column_is_named_as_the_text_names_it() -> None:
    steps = accepted(rule("| extend X = L + 1 | project-rename Y = X | where Y > 5")).steps
    condition = steps[-1]
    assert isinstance(condition, Condition)
    assert isinstance(condition.test, Apply)
    column = condition.test.arguments[0]
    assert isinstance(column, Column)
    assert column.name == "Y"


def test_predicates_stand_last() -> None:
    text = (
        "AzureActivity | summarize countif(B), dcountif(S, B, 2), make_set_if(S, B, 7), sumif(L, B) by Caller"
    )
    for column in aggregates(text):
        assert column.arguments[-1].type is Type.BOOL
    assert [column.capacity for column in aggregates(text)] == [None, None, 7, None]


def test_a_let_is_inlined_where_it_is_used() -> None:
    text = f"let n = 2; let limit = n * 5;\n{rule('| where L > limit')}"
    [step] = accepted(text).steps
    assert isinstance(step, Condition)
    assert isinstance(step.test, Apply)
    constant = step.test.arguments[1]
    assert isinstance(constant, Constant)
    assert constant.value == 10
    assert text[constant.span.start : constant.span.end] == "limit"


def test_a_let_may_be_an_instant() -> None:
    text = "let period = 2h; let since = ago(period);\n" + rule("| where TimeGenerated > since - 1m")
    [step] = accepted(text).steps
    assert isinstance(step, Condition)
    assert isinstance(step.test, Apply)
    bound = step.test.arguments[1]
    assert isinstance(bound, Now)
    assert bound.offset == -2 * HOUR - HOUR // 60


def test_a_column_that_is_computed_hides_a_let() -> None:
    text = "let x = 5;\n" + rule('| extend x = "a" | where x == "b" | summarize count() by x')
    assert accepted(text).keys[0].value.type is Type.STRING


def test_a_let_nobody_uses_is_fine() -> None:
    assert accepted('let unused = dynamic(["a"]);\n' + rule("| where B"))


def test_a_let_may_have_the_name_of_a_function() -> None:
    assert accepted("let tolower = 5;\n" + rule('| where tolower(S) == "a" and L == tolower'))


def test_doubling_lets_stop_before_they_fill_the_memory() -> None:
    lets = 'let a0 = "0123456789";\n' + "".join(
        f"let a{number + 1} = strcat(a{number}, a{number});\n" for number in range(60)
    )
    [first, *_] = refused(lets + rule("| where S == a60"))
    assert "no constant may be larger" in first[1]


def test_all_problems_of_a_rule_are_told_at_once_in_order() -> None:
    found = refused(
        'let n = m;\nAzureActivity\n| where Nope == 5 and L has "x"\n| extend Y = ToLower(S), Z = nope(S)'
        "\n| summarize avg(L) by D"
    )
    assert [source for source, _ in found] == ["m", "Nope", "has", "ToLower", "nope", "avg", "D"]


def test_a_wrong_definition_causes_no_further_problem() -> None:
    found = refused(
        'let n = m;\nAzureActivity | extend Y = Nope + n | where Y > 5 and strlen(Y) == "x"'
        "\n| summarize Z = max(Y), W = tolower(max(Y)) by X = Y, n | where Z > X and W has X and n > 1"
    )
    assert [source for source, _ in found] == ["m", "Nope"]


def test_an_unnamed_wrong_aggregate_is_known_by_name() -> None:
    found = refused(
        "AzureActivity | summarize max(Nope), avg(L) by Caller | where max_Nope > 1 and avg_L > 2"
    )
    assert [source for source, _ in found] == ["Nope", "avg"]


def test_correlated_columns_exist_only_when_they_are_given() -> None:
    text = "AzureActivity | where OperationRows > 1 | summarize count() by OperationCaller"
    query, _ = parse(text)
    assert query is not None
    assert check(query, text, {**COLUMNS, **CORRELATED}, UNAVAILABLE)[1] == ()
    assert len(check(query, text, COLUMNS, UNAVAILABLE)[1]) == 2


def test_no_column_is_both_there_and_not() -> None:
    assert not (COLUMNS.keys() | CORRELATED.keys()) & UNAVAILABLE.keys()


@pytest.mark.parametrize(
    "operator",
    [
        "extend TimeGenerated = bin(TimeGenerated, 1h)",
        "project-rename Last = TimeGenerated",
        "project TimeGenerated = S",
    ],
)
def test_behind_summarize_the_time_is_a_column_like_any_other(operator: str) -> None:
    assert accepted(f"AzureActivity | summarize arg_max(TimeGenerated, S) by Caller | {operator}")


def test_sorting_is_checked_and_without_effect() -> None:
    text = "AzureActivity | summarize n = count() by Caller | sort by n desc, tolower(Caller) asc"
    assert accepted(text).after == ()


@pytest.mark.parametrize("name", sorted(UNAVAILABLE))
def test_a_column_that_the_stream_does_not_carry_has_its_own_sentence(name: str) -> None:
    [(source, sentence)] = refused(rule(f"| where isnotempty({name})"))
    assert source == name
    assert UNAVAILABLE[name] in sentence


@pytest.mark.parametrize("name", ["TenantId", "Claims*", "*_d", "SourceSystem"])
def test_columns_that_the_stream_does_not_carry_may_be_dropped(name: str) -> None:
    assert accepted(rule(f"| project-away {name}"))
