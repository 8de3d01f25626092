"""Random rules on random records: compiled functions do what the interpreter says, and promise no more."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from kql_samples import (
    TEXTS,
    Dice,
    accepted,
    expected,
    expected_meets,
    expected_row,
    rule_of,
    sample,
    shape,
)

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_summaries

RULES = settings(max_examples=400, deadline=None)
SEEDS = st.integers(0, 2**32)


@RULES
@given(SEEDS)
def test_a_compiled_rule_decides_as_the_interpreter_does(seed: int) -> None:
    dice = Dice(seed)
    for rule in accepted(dice.rule()):
        for record in dice.records():
            assert shape(rule.evaluate(record)) == shape(expected(rule, record)), rule.text


@RULES
@given(SEEDS)
def test_conditions_that_share_parts_are_decided_as_the_interpreter_does(seed: int) -> None:
    dice = Dice(seed)
    first, second = dice.bool(3), dice.bool(3)
    steps = (
        f"| extend B = {first}\n| where B or {second}\n| where not(B) or Caller has 'a' or ({second})\n"
        f"| where iff(B, {second}, isempty(Caller) or B)"
    )
    rule = rule_of(steps, f"| summarize N = countif(B), S = sumif(strlen(Caller), {second}) by Caller, B")
    for record in dice.records(20):
        assert shape(rule.evaluate(record)) == shape(expected(rule, record)), steps


@RULES
@given(SEEDS)
def test_a_compiled_rule_dresses_and_keeps_rows_as_the_interpreter_does(seed: int) -> None:
    dice = Dice(seed)
    for rule in accepted(dice.rule()):
        for key, summary in scheduled_summaries(rule, dice.records(), 0):
            assert rule.meets(key, summary) is expected_meets(rule, key, summary), rule.text
            read = rule.threshold_reads
            bare = [value if at in read else None for at, value in enumerate(summary.values)]
            known = msgspec.structs.replace(summary, values=tuple(bare))
            assert rule.meets(key, known) is rule.meets(key, summary), rule.text
            row = rule.row(key, summary)
            assert shape(row) == shape(expected_row(rule, key, summary)), rule.text
            assert list(row) == [name for name, _ in rule.schema]
            msgspec.json.encode(row)


OPERATION_CONDITIONS = (
    *("OperationNameValue == {0}", "OperationNameValue =~ {0}", "{0} == OperationNameValue", "{0} =~ Op"),
    *("OperationNameValue in ({0}, {1})", "OperationNameValue in~ ({0}, {1})", "Op in~ ({0})", "Op == {0}"),
    *(
        "tolower(OperationNameValue) == {0}",
        "tolower(OperationNameValue) =~ {0}",
        "tolower(Op) in ({0}, {1})",
    ),
    *("toupper(OperationNameValue) == {0}", "toupper(OperationNameValue) has {0}", "Lowered == {0}"),
    *("OperationNameValue has {0}", "OperationNameValue contains {0}", "OperationNameValue != {0}"),
    *("OperationNameValue !in ({0}, {1})", "strcat(OperationNameValue, Caller) == {0}", "Op endswith {0}"),
    *("Caller == {0}", "isempty(Caller)", "IsOne", "not(OperationNameValue =~ {0})", "Op == Caller"),
    *("iff(OperationNameValue =~ {0}, true, false)", "tostring(tolower(Op)) == {0}", "Lowered in~ ({0})"),
    *("strlen(OperationNameValue) > 2", "true", "false", "bool(null)", "Op =~ strcat({0}, {1})"),
)


def operation_condition(dice: Dice, depth: int) -> str:
    """A condition that says something about the operation, or nothing."""
    if depth == 0 or dice.random.random() < 0.4:
        return dice.one(*OPERATION_CONDITIONS).format(dice.literal(), dice.literal())
    left, right = operation_condition(dice, depth - 1), operation_condition(dice, depth - 1)
    return dice.one(f"({left} or {right})", f"({left} and {right})", f"not({left})")


@settings(RULES, max_examples=800)
@given(SEEDS)
def test_what_a_rule_matches_is_always_wanted(seed: int) -> None:
    dice = Dice(seed)
    conditions = [operation_condition(dice, 2) for _ in range(dice.random.randint(1, 3))]
    rule = rule_of(
        "| extend Op = OperationNameValue, IsOne = OperationNameValue =~ 'a' or OperationNameValue has 'k'"
        "\n| extend Lowered = tolower(Op)\n" + "\n".join(f"| where {condition}" for condition in conditions)
    )
    for record in dice.records(3):
        for spelled in {record.operation, *TEXTS}:
            tried = msgspec.structs.replace(record, operation=spelled)
            if isinstance(rule.evaluate(tried), Match):
                assert spelled in rule.operations, conditions


@settings(RULES, max_examples=800)
@given(SEEDS)
def test_a_monotone_rule_never_loses_a_row_while_records_are_added(seed: int) -> None:
    dice = Dice(seed)
    thresholds = {name: dice.random.randint(0, 3) for name in dice.some(["N", "Seen", "Total", "Odd"], 1)}
    for rule in accepted(dice.growing_rule(), thresholds):
        assert_keeps_its_promises(rule, dice.records(25))


def assert_keeps_its_promises(rule: KqlRule, given: list[ActivityRecord]) -> None:
    """Rows stay when the rule is monotone, and are all there when it opens always."""
    met: set[str] = set()
    for count in range(1, len(given) + 1):
        for key, summary in scheduled_summaries(rule, given[:count], 0):
            meets = rule.meets(key, summary)
            assert meets or not rule.opens_always, rule.text
            assert meets or not rule.is_monotone or repr(key) not in met, rule.text
            if meets:
                met.add(repr(key))


def test_a_rule_that_reads_every_column_decides_on_every_record() -> None:
    rule = rule_of(
        "| where strlen(strcat(OperationNameValue, ActivityStatusValue, ActivitySubstatusValue, Caller, "
        "CallerIpAddress, SubscriptionId, ResourceGroup, ResourceId, Properties, CorrelationId, Level, "
        "CategoryValue, _ResourceId, _SubscriptionId, tostring(Properties_d), Type)) >= 0"
    )
    for surrogate in ("\ud800", "\udc00a", "\x00", "a" * 100_000):
        record = sample(caller=surrogate, operation=surrogate, properties=surrogate, resource_id=surrogate)
        assert isinstance(rule.evaluate(record), Match)
