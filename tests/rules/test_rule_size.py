"""Rules as large as anybody writes them, and larger: compiled, or refused with a sentence; nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kql_samples import INFO, rule_of, sample

from stream_detector.kql.check.calls import MOST_CONDITIONS
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import Handling, Match

PRE = "AzureActivity | where TimeGenerated > ago(1h)\n"
POST = "\n| summarize n = count() by Caller"


def judged(steps: str, summarize: str = POST) -> tuple[KqlRule | None, tuple[str, ...]]:
    """The rule, after a record went through it, or why it is refused."""
    rule, problems = compile_kql(PRE + steps + summarize, INFO, Handling(), {}, every_record=True)
    if rule is not None:
        said = rule.evaluate(sample())
        explanation = rule.explain(sample())
        assert explanation.matches is isinstance(said, Match)
    return rule, tuple(problem.text for problem in problems)


def cases(conditions: int, otherwise: str = '"z"', left: str = "Caller") -> str:
    pairs = ", ".join(f'{left} == "c{at}", "v{at}"' for at in range(conditions))
    return f"case({pairs}, {otherwise})"


@pytest.mark.parametrize("count", [1, 49, 50, 51, 99, 100, 101, 149, 150, 151, MOST_CONDITIONS])
def test_a_case_of_every_allowed_length_means_what_it_says(count: int) -> None:
    rule = rule_of(f"| extend x = {cases(count)}", "| summarize n = count() by x")
    for at in range(count):
        said = rule.evaluate(sample(caller=f"c{at}"))
        assert isinstance(said, Match)
        assert said.key == (f"v{at}",)
    said = rule.evaluate(sample())
    assert isinstance(said, Match)
    assert said.key == ("z",)


def test_the_first_of_equal_conditions_wins_in_a_long_case() -> None:
    pairs = ", ".join(f'Caller == "c{at // 2}", "v{at}"' for at in range(150))
    rule = rule_of(f'| extend x = case({pairs}, "z")', "| summarize n = count() by x")
    for at in range(75):
        said = rule.evaluate(sample(caller=f"c{at}"))
        assert isinstance(said, Match)
        assert said.key == (f"v{2 * at}",)


@pytest.mark.parametrize("count", [MOST_CONDITIONS + 1, 3000])
def test_a_longer_case_is_refused_at_its_name(count: int) -> None:
    text = f"{PRE}| extend x = {cases(count)}{POST}"
    _, (problem,) = compile_kql(text, INFO, Handling(), {}, every_record=True)
    assert text[problem.span.start : problem.span.end] == "case"
    assert problem.text == (
        f"`case` has {count} conditions; {MOST_CONDITIONS} are the most: take it apart with `extend`, or "
        "test for many values at once with in (...)"
    )


def test_conditions_inside_of_a_case_count_with_it_wherever_they_stand() -> None:
    for inner in (
        f"case(Level == '1', 'a', {cases(200)})",
        f"case({cases(200)} == 'q', 'a', 'b')",
        f"iff(Level == '1', tolower({cases(200)}), 'b')",
    ):
        _, (told,) = judged(f"| extend x = {inner}")
        assert f"has 1 condition, and those inside of it {MOST_CONDITIONS}; " in told
    # Beside one another, or inside of a list, they are no levels.
    assert judged(f"| where strcat({cases(200)}, {cases(200)}) != ''")[1] == ()
    assert judged(f"| extend x = {cases(199)} | extend y = iff(x == 'z', {cases(199)}, 'q')")[1] == ()


def test_long_cases_one_behind_the_other_are_compiled() -> None:
    chain = '| extend x = "z"\n' + "\n".join(
        f"| extend x = {cases(190, 'x', 'Caller' if at % 2 else 'Level')}" for at in range(24)
    )
    assert judged(f'{chain}\n| where x != "q"')[1] == ()


def nested(wrap: Callable[[str, int], str], inner: str, depth: int = 95) -> str:
    for at in range(depth):
        inner = wrap(inner, at)
    return inner


LARGE = {
    "extends one behind the other": '| extend x0 = ""\n'
    + "".join(f'| extend x{at} = strcat(x{at - 1}, "a")\n' for at in range(1, 3000)),
    "iff in iff": "| where "
    + nested(lambda x, at: f"iff(strlen(Caller) == {at}, {x}, Level)", "Level")
    + " != 'q'",
    "not in not": f"| where {nested(lambda x, at: f'not({x})', 'isempty(Caller)')}",
    "and in or": "| where "
    + nested(lambda x, at: f"({x} {'and' if at % 2 else 'or'} tolong(Level) > {at})", "isempty(Caller)"),
    "nulls in nulls": "| where " + nested(lambda x, at: f"({x} + tolong(Level))", "tolong(Caller)") + " > 1",
    "calls in calls": f"| where {nested(lambda x, at: f'tolower({x})', 'Caller')} != ''",
    "members of members": f"| where tostring(Properties_d{'.a' * 95}) != 'q'",
    "a thousand conditions": "\n".join(f'| where Caller != "a{at}"' for at in range(1000)),
    "a thousand columns": "| extend " + ", ".join(f"x{at} = strlen(Caller)" for at in range(1000)),
    "a thousand values": "| where Caller in~ (" + ", ".join(f'"a{at}"' for at in range(1000)) + ")",
    "a thousand arguments": "| where strcat(" + ", ".join(["tostring(Properties_d.a)"] * 1000) + ") == ''",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_rule_is_compiled(name: str) -> None:
    assert judged(LARGE[name])[1] == ()


def test_a_thousand_columns_of_the_result_are_compiled() -> None:
    columns = ", ".join(f'x{at} = countif(Level == "{at}")' for at in range(1000))
    assert judged("", f"\n| summarize {columns} by Caller")[1] == ()


class Nesting:
    """Random expressions inside of one another, of every type, as deep as is allowed and a little deeper."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def _one_of(self, ways: list[Callable[[], str]]) -> str:
        return self._dice.choice(ways)()

    def text(self, depth: int) -> str:
        if depth <= 0:
            return self._dice.choice(["Caller", '"x"', "tostring(Properties_d.a)"])
        inner, leaf = self.text, self.text(0)
        return self._one_of(
            [
                lambda: f"strcat({inner(depth - 1)}, {leaf})",
                lambda: f"iff({self.test(0)}, {inner(depth - 1)}, {leaf})",
                lambda: f"iff({self.test(depth - 1)}, {leaf}, Level)",
                lambda: cases(self._dice.choice([3, 40, 60]), inner(depth - 1)),
                lambda: f"tostring({self.number(depth - 1)})",
                lambda: f"tostring(parse_json({inner(depth - 1)}).a)",
            ]
        )

    def number(self, depth: int) -> str:
        if depth <= 0:
            return self._dice.choice(["tolong(Caller)", "strlen(Level)", "tolong(Properties_d.b)"])
        return self._one_of(
            [
                lambda: f"({self.number(depth - 1)} + {self.number(0)})",
                lambda: f"strlen({self.text(depth - 1)})",
                lambda: f"coalesce({self.number(0)}, {self.number(depth - 1)})",
                lambda: f"iff({self.test(0)}, {self.number(depth - 1)}, {self.number(0)})",
            ]
        )

    def test(self, depth: int) -> str:
        if depth <= 0:
            return self._dice.choice(['Caller == "x"', "tolong(Caller) > 3", "tobool(Properties_d.c)"])
        return self._one_of(
            [
                lambda: f"not({self.test(depth - 1)})",
                lambda: f"({self.test(depth - 1)} and {self.test(0)})",
                lambda: f"({self.test(0)} or {self.test(depth - 1)})",
                lambda: f"({self.number(depth - 1)} > {self.number(0)})",
                lambda: f"({self.text(depth - 1)} in ({self.text(0)}, {self.text(0)}))",
            ]
        )


@settings(max_examples=60, deadline=None, database=None)
@given(seed=st.integers(0, 2**64), depth=st.sampled_from([5, 20, 35, 45, 90]))
def test_whatever_is_nested_is_compiled_or_refused(seed: int, depth: int) -> None:
    nesting = Nesting(Random(seed))
    rule, told = judged(
        f"| extend x = {nesting.text(depth)}\n| where {nesting.test(depth)}\n| where x != 'q'"
    )
    assert (rule is None) is bool(told)
