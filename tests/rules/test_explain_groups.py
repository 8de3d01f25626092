"""What `explain` says of records together: the conditions behind summarize, their values, and the row."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kql_samples import expected_meets, rule_of, sample

from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.explain import ExplainedClause
from stream_detector.rules.explain_groups import ExplainedGroup, ExplainedGroups, explain_group
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_rows, scheduled_summaries
from stream_detector.ticks import HOUR, MINUTE

SUMMARIZE = "| summarize n = count(), d = dcount(CallerIpAddress), IPs = make_set(CallerIpAddress) by Caller"
AFTER = "| where n >= 3\n| where d > 1"


def group_of(rule: KqlRule, *records: ActivityRecord, **more: Any) -> ExplainedGroup:
    """The only group."""
    (group,) = ExplainedGroups(rule, records, **more).all
    return group


def outcomes(conditions: tuple[ExplainedClause, ...]) -> list[tuple[str, bool, bool]]:
    return [(each.name, each.passed, each.decides) for each in conditions]


def test_the_first_condition_that_failed_decides_and_shows_the_value_that_it_saw() -> None:
    rule = rule_of("", SUMMARIZE, AFTER)
    group = group_of(rule, *(sample(time=at) for at in range(3)))
    enough, distinct = group.conditions
    assert (enough.text, enough.line, enough.column, enough.values) == ("n >= 3", 5, 9, (("n", "3"),))
    assert (distinct.text, distinct.line, distinct.column, distinct.values) == ("d > 1", 6, 9, (("d", "1"),))
    assert outcomes(group.conditions) == [("n", True, False), ("d", False, True)]
    assert group.first_failed is distinct
    assert (group.records, group.outside, group.key) == (3, 0, (("Caller", '"ann@contoso.com"'),))
    assert group.row == {"Caller": "ann@contoso.com", "n": 3, "d": 1, "IPs": ["203.0.113.7"]}


def test_conditions_behind_the_first_that_failed_are_computed_too() -> None:
    group = group_of(rule_of("", SUMMARIZE, AFTER + "\n| where n < 9 | where n > 0"), sample())
    assert outcomes(group.conditions) == [
        ("n", False, True),
        ("d", False, False),
        ("n#2", True, False),
        ("n#3", True, False),
    ]


def test_a_row_has_no_condition_that_failed() -> None:
    records = [sample(time=at, caller_ip=f"203.0.113.{at}") for at in range(3)]
    group = group_of(rule_of("", SUMMARIZE, AFTER), *records)
    assert group.first_failed is None
    assert outcomes(group.conditions) == [("n", True, False), ("d", True, False)]


def test_columns_behind_a_computed_one_are_shown_with_it() -> None:
    after = "| extend ips = array_length(IPs) | project-rename total = n | where ips * 2 > total + 9"
    (condition,) = group_of(rule_of("", SUMMARIZE, after), sample()).conditions
    assert condition.values == (("ips", "1"), ("total", "1"), ("IPs", '["203.0.113.7"]'))
    assert condition.name == "ips+total"


def test_thresholds_come_last_with_their_key_and_the_number_they_saw() -> None:
    rule = rule_of("", SUMMARIZE, "| where n > 0", thresholds={"n": 2, "IPs": 2})
    (_, count, size) = group_of(rule, sample(), sample(), thresholds=[("n", 8), ("IPs", 9)]).conditions
    assert (count.name, count.text, count.line, count.column) == ("thresholds.n", "n: 2", 8, None)
    assert (count.passed, count.values) == (True, (("n", "2"),))
    assert (size.name, size.text, size.line, size.passed, size.decides) == (
        "thresholds.IPs",
        "IPs: 2",
        9,
        False,
        True,
    )
    assert size.values == (("array_length(IPs)", "1"),)


def test_records_are_put_together_by_the_grouping_of_the_rule() -> None:
    spellings = [sample(caller=caller) for caller in ("Ann", "bob", "ANN")]
    groups = ExplainedGroups(rule_of("", SUMMARIZE, AFTER), spellings)
    assert [(group.key[0][1], group.records) for group in groups.all] == [
        ('"Ann"', 2),
        ('"bob"', 1),
    ]
    assert groups.of(("aNN",)) is groups.all[0]
    assert groups.of(("carol",)) is None
    exact = ExplainedGroups(rule_of("", SUMMARIZE, AFTER, ignore_case=False), spellings)
    assert [group.records for group in exact.all] == [1, 1, 1]


def test_records_that_do_not_match_or_are_not_wanted_are_in_no_group() -> None:
    rule = rule_of('| where OperationNameValue =~ "a/b" and Caller != "ann"', SUMMARIZE, AFTER)
    records = [sample(operation="a/b", caller="ann"), sample(operation="c/d", caller="bob")]
    assert ExplainedGroups(rule, records).all == ()


def test_only_records_of_one_window_count() -> None:
    rule = rule_of("", SUMMARIZE, "| where n >= 3")
    times = [0, HOUR, HOUR + MINUTE]
    group = group_of(rule, *(sample(time=at) for at in times))
    # The record at 0 leaves at one hour exactly.
    assert (group.records, group.outside, group.at) == (2, 1, HOUR + MINUTE)
    assert group.first_failed is not None


def test_a_window_that_makes_a_row_is_shown_though_newer_records_make_none() -> None:
    rule = rule_of("", SUMMARIZE, "| where n >= 3")
    times = [10 * HOUR, 0, 2 * MINUTE, MINUTE]
    group = group_of(rule, *(sample(time=at) for at in times))
    assert (group.records, group.outside, group.at) == (3, 1, 2 * MINUTE)
    assert group.first_failed is None


def test_the_newest_of_several_windows_that_make_a_row_is_shown() -> None:
    group = group_of(rule_of("", SUMMARIZE, "| where n == 1"), *(sample(time=at * HOUR) for at in range(5)))
    assert (group.at, group.records, group.outside) == (4 * HOUR, 1, 4)


@pytest.mark.parametrize("number", [1, 500])
def test_a_long_file_takes_no_longer_than_its_newest_windows(number: int) -> None:
    rule = rule_of("", SUMMARIZE, "| where n >= 999")
    group = group_of(rule, *(sample(time=at * 20 * MINUTE) for at in range(number)))
    assert (group.records, group.outside) == (min(number, 3), max(0, number - 3))


SUMMARIES = (
    "| summarize n = count(), last = max(TimeGenerated), top = max(Level), some = take_any(ResourceGroup), "
    "x = sum(toreal(Level)), l = make_list(Level), arg_max(Level, ResourceId) by Caller, r = toreal(Level)"
)
CONDITIONS = (
    "n > 1",
    'top == ""',
    'some has "rg"',
    "x >= 1.5",
    "array_length(l) > 1",
    "not(x > 1.0)",
    "last > datetime(1970-01-01T00:00:00.0000002Z)",
    "isnull(r)",
    "r > 1.0",
    "tolong(l[0]) == 1",
)


@settings(max_examples=60, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), least=st.integers(1, 3))
def test_the_conditions_say_what_the_compiled_rule_says(seed: int, least: int) -> None:
    dice = Random(seed)
    after = "".join(f"| where {dice.choice(CONDITIONS)}\n" for _ in range(dice.randint(0, 3)))
    rule = rule_of("", SUMMARIES, after, thresholds={"n": least})
    records = [
        sample(
            time=dice.randrange(4),
            caller=dice.choice("ab"),
            level=dice.choice(["", "1", "1.5", "x", "nan"]),
            resource_group=dice.choice(["", "rg"]),
        )
        for _ in range(dice.randint(1, 8))
    ]
    found = list(scheduled_summaries(rule, records, 4))
    for key, summary in found:
        conditions = explain_group(rule.plan, key, summary, [("n", 9)])
        assert all(each.passed for each in conditions) is rule.meets(key, summary)
        assert rule.meets(key, summary) is expected_meets(rule, key, summary)
    groups = ExplainedGroups(rule, records, [("n", 9)])
    rows = [group.row for group in groups.all if group.first_failed is None]
    assert list(map(repr, rows)) == list(map(repr, scheduled_rows(rule, records, 4)))
    for record in records:
        said = rule.evaluate(record)
        assert isinstance(said, Match)
        assert groups.of(said.key) is not None
