"""What NAME.yaml may say beside a query, and what every mistake is answered with."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mangling import mangled

from stream_detector.errors import ConfigurationError
from stream_detector.rules.load import load_rules, read_rules
from stream_detector.rules.model import Handling, RuleInfo
from stream_detector.ticks import MINUTE

SOUND = Path(__file__).parent / "files" / "sound"
QUERY = (SOUND / "runs.kql").read_text("utf-8")
TEXT = (SOUND / "runs.yaml").read_text("utf-8")
STARTED = (SOUND / "started.kql").read_text("utf-8")


def problems(directory: Path, metadata: str, query: str = QUERY) -> list[str]:
    """What is wrong with a directory of this one rule."""
    (directory / "rule.kql").write_text(query, encoding="utf-8")
    (directory / "rule.yaml").write_text(metadata, encoding="utf-8")
    _, found = read_rules(directory)
    return [str(problem).replace(f"{directory}/", "") for problem in found]


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def first_difference(before: str, after: str) -> int:
    """Number of the first line that differs."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


MISTAKES = [
    ("severity: High", "severity: Hihg", "severity", "'Hihg' is unknown; did you mean High?"),
    ("severity: High", "severty: High", "severty", "is no key of this place; did you mean severity?"),
    ("severity: High", "severity: [High]", "severity", "is a list; write a text"),
    ("severity: High", "severity:", "severity", "is empty; write a text"),
    ("severity: High", "severity: high", "severity", "'high' is unknown; did you mean High?"),
    ("id: runs", "id: Runs 1", "id", "'Runs 1' is not lower-case letters, digits, _ and -"),
    ("id: runs", "id: ''", "id", "is blank; write lower-case letters"),
    ('version: "1.2.0"', "version: 1.0", "version", 'write a text such as "1.0.0", in quotes'),
    ('version: "1.2.0"', 'version: " "', "version", "is blank"),
    ("[T1059, T1059.009]", "[T1059, 1059]", "techniques", "is a number; write a technique such as T1059.009"),
    ("[T1059, T1059.009]", "[T1059, T159]", "techniques", "'T159' is not a technique such as T1059.009"),
    ("[T1059, T1059.009]", "[T1059, T1059]", "techniques", "'T1059' is in the list twice"),
    ("[Execution]", "[]", "tactics", "is an empty list; write at least one member"),
    ("[Execution]", "Execution", "tactics", "is a text; write a list"),
    ("[Execution]", "{a: b}", "tactics", "is a mapping; write a list"),
    ("https://runbooks.example.com/runs", "runs", "runbook_url", "is not a URL that starts with https://"),
    ("description: A person", "description: # A person", "description", "is empty; write a text"),
    ("grouping: ignore_case", "grouping: exactly", "grouping", "did you mean exact?"),
    ("grouping: ignore_case", "grouping: yes", "grouping", "is true or false; write a text, in quotes"),
    ("close_grace: 5m", "close_grace: 5 minutes", "close_grace", "'5 minutes' is not a duration; write 30s"),
    ("close_grace: 5m", "close_grace: 300", "close_grace", "is a number; write a duration such as 2h"),
    ("close_grace: 5m", "close_grace: 0s", "close_grace", "must be longer than nothing"),
    ("close_grace: 5m", "hold: 2h", "hold", "must be shorter than the window of the query, which is 2h"),
    ("close_grace: 5m", "hold: 400d", "hold", "at most 366d"),
    ("close_grace: 5m", f"hold: {'9' * 400}d", "hold", "is not a duration"),
    ("close_grace: 5m", "deduplicate: 'no'", "deduplicate", "is a text; write true or false"),
    ("close_grace: 5m", "deduplicate: 0", "deduplicate", "is a number; write true or false"),
    ("close_grace: 5m", "correlation:", "correlation", "is empty; write true or false"),
    ("close_grace: 5m", "every_record: [true]", "every_record", "is a list; write true or false"),
    ("close_grace: 5m", "amends: true", "amends", "name them in yields_to"),
    ("close_grace: 5m", "yields_to: runs", "yields_to", "is a text; write a list"),
    ("close_grace: 5m", "yields_to: []", "yields_to", "leave the key out when there is none"),
    ("close_grace: 5m", "yields_to: [Runs]", "yields_to", "'Runs' is not an id: lower-case letters"),
    ("close_grace: 5m", "yields_to: [runs]", "yields_to", "names the rule itself; take 'runs' out"),
    ("close_grace: 5m", "yields_to: [rusn]", "yields_to", "'rusn' is the id of no rule; did you mean runs?"),
    ("close_grace: 5m", "window: 2h", "window", "is no key of this place"),
    ("Runs: 1", "Runs: 0", "thresholds.Runs", "is 0; write a whole number from 1 to 999999999"),
    ("Runs: 1", "Runs: ten", "thresholds.Runs", "is a text; write a whole number"),
    ("Runs: 1", "Runs: 1e1", "thresholds.Runs", "write a whole number"),
    ("Runs: 1", "Runs: 0x10", "thresholds.Runs", "write a whole number"),
    ("Runs: 1", "Runs: true", "thresholds.Runs", "is true or false; write a whole number"),
    ("Runs: 1", "Runs: -1", "thresholds.Runs", "write a whole number from 1"),
    ("Runs: 1", "runs: 1", "thresholds.runs", "is no column of the result; did you mean Runs?"),
    ("Runs: 1", "VMName: 1", "thresholds.VMName", "is no column of the result"),
    (
        "Runs: 1",
        "CallerIP: 1",
        "thresholds.CallerIP",
        "is a string, and only numbers and sets have a least",
    ),
    ("Runs: 1", "FirstSeen: 1", "thresholds.FirstSeen", "is a datetime, and only numbers and sets"),
    ("Runs: 1", "Machines: 6", "thresholds.Machines", "can never reach: the query keeps at most 5 members"),
    ("thresholds:\n  Runs: 1", "thresholds: 1", "thresholds", "is a number; write a mapping"),
    ("thresholds:\n  Runs: 1", "thresholds: {}", "thresholds", "is empty; write a mapping"),
    ("cases: runs.cases.yaml", "cases: runs.yaml", "cases", "is not a file name such as x.cases.yaml"),
    ("cases: runs.cases.yaml", "cases: ../runs.cases.yaml", "cases", "is not a file name such as"),
]


@pytest.mark.parametrize(("old", "new", "key", "answer"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_key(
    tmp_path: Path, old: str, new: str, key: str, answer: str
) -> None:
    text = edited(old, new)
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"rule.yaml:{first_difference(TEXT, text)}: {key}: ")
    assert answer in problem


@pytest.mark.parametrize("key", ["id", "name", "version", "severity", "tactics", "techniques", "runbook_url"])
def test_what_an_alert_shows_must_be_there(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith(f"{key}:"))
    (problem,) = problems(tmp_path, text)
    # A key that is missing is reported at the mapping that lacks it, which starts with its first key.
    assert problem.startswith(f"rule.yaml:1: {key}: is missing; write ")


@pytest.mark.parametrize("key", ["description", "grouping", "close_grace", "cases"])
def test_what_has_a_default_may_be_left_out(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith(f"{key}:"))
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize("threshold", ["Runs: 999999999", "Machines: 5", "Runs: 2\n  Machines: 3"])
def test_a_threshold_that_can_be_reached_is_taken(tmp_path: Path, threshold: str) -> None:
    assert problems(tmp_path, edited("Runs: 1", threshold)) == []


def test_a_threshold_follows_a_column_that_was_renamed(tmp_path: Path) -> None:
    query = QUERY + "| project-rename Hosts = Machines\n"
    assert problems(tmp_path, edited("Runs: 1", "Hosts: 5"), query) == []
    (problem,) = problems(tmp_path, edited("Runs: 1", "Hosts: 6"), query)
    assert "thresholds.Hosts: is 6, which it can never reach" in problem


def test_a_key_written_twice_is_refused_once(tmp_path: Path) -> None:
    last = len(TEXT.splitlines()) + 1
    assert problems(tmp_path, f"{TEXT}name: again\n") == [
        f"rule.yaml:{last}: name: is written twice, first in line 2; keep one"
    ]
    text = edited("  Runs: 1", "  Runs: 1\n  Runs: 2")
    (problem,) = problems(tmp_path, text)
    assert ": thresholds.Runs: is written twice, first in line " in problem


def test_a_member_of_a_list_is_named_with_its_own_line(tmp_path: Path) -> None:
    text = edited("tactics: [Execution]", "tactics:\n  - Execution\n  - 7")
    assert problems(tmp_path, text) == [
        "rule.yaml:7: tactics: is a number; write a text, in quotes if it is one"
    ]


def test_all_mistakes_of_a_file_come_at_once_in_their_order(tmp_path: Path) -> None:
    text = edited("severity: High", "severity: Hgh").replace("5m", "soon").replace("Runs: 1", "Runs: x")
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "severity",
        "close_grace",
        "thresholds.Runs",
    ]


def test_the_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    keys = ("id", "name", "version", "severity", "tactics", "techniques", "runbook_url")
    text = "\n".join(line for line in TEXT.splitlines() if line.startswith(tuple(f"{key}:" for key in keys)))
    assert problems(tmp_path, text) == []
    (rule,) = load_rules(tmp_path, None)
    assert rule.handling == Handling(
        ignore_case=True,
        close_grace=None,
        deduplicate=True,
        correlate=False,
        hold=0,
        yields_to=(),
        amends=False,
    )
    assert rule.info == RuleInfo(
        id="runs",
        name="Run Command on a machine",
        version="1.2.0",
        severity="High",
        tactics=("Execution",),
        techniques=("T1059", "T1059.009"),
        runbook_url="https://runbooks.example.com/runs",
    )


def test_what_the_file_says_is_how_the_rule_is_treated() -> None:
    bursts, runs, started = load_rules(SOUND, None)
    assert bursts.handling == Handling(
        ignore_case=False, deduplicate=False, hold=MINUTE, yields_to=("runs",), amends=True
    )
    assert runs.handling == Handling(close_grace=5 * MINUTE)
    assert started.handling == Handling(correlate=True)


def test_a_correlated_rule_must_keep_the_rows_of_an_operation_together(tmp_path: Path) -> None:
    text = edited("thresholds:\n  Runs: 1", "correlation: true")
    assert problems(tmp_path, text, STARTED) == []
    found = problems(tmp_path, text, STARTED.replace(", SubscriptionId, ResourceGroup", ""))
    assert found == [
        "rule.yaml:11: correlation: needs the rows of one operation in one group: "
        "add SubscriptionId and ResourceGroup to the keys of summarize"
    ]


def test_correlated_columns_are_for_correlated_rules(tmp_path: Path) -> None:
    text = edited("thresholds:\n  Runs: 1\n", "")
    found = problems(tmp_path, text, STARTED)
    assert [problem.split(" ")[0] for problem in found] == ["rule.kql:4:9:", "rule.kql:5:42:"]
    # A flag that cannot be read must not make the columns unknown as well.
    (problem,) = problems(tmp_path, f"{text}correlation: maybe\n", STARTED)
    assert ": correlation: " in problem


def write_rule(directory: Path, name: str, *yields_to: str) -> None:
    other = "" if not yields_to else f"yields_to: [{', '.join(yields_to)}]\n"
    (directory / f"{name}.kql").write_text(QUERY, encoding="utf-8")
    (directory / f"{name}.yaml").write_text(edited("id: runs", f"id: {name}") + other, encoding="utf-8")


def test_rules_may_yield_to_each_other_in_one_direction(tmp_path: Path) -> None:
    write_rule(tmp_path, "a", "b", "c")
    write_rule(tmp_path, "b", "c")
    write_rule(tmp_path, "c")
    assert len(load_rules(tmp_path, None)) == 3
    # What is enabled makes no difference: the settings must be able to switch a rule off alone.
    assert [rule.info.id for rule in load_rules(tmp_path, ["a"])] == ["a"]


def test_a_rule_can_only_yield_to_one_whose_group_its_own_tells(tmp_path: Path) -> None:
    write_rule(tmp_path, "a", "b")
    write_rule(tmp_path, "b")
    coarser = QUERY.replace("by Caller, ResourceGroup, SubscriptionId", "by SubscriptionId")
    (tmp_path / "b.kql").write_text(coarser, encoding="utf-8")
    assert len(load_rules(tmp_path, None)) == 2
    (tmp_path / "b.kql").write_text(QUERY, encoding="utf-8")
    (tmp_path / "a.kql").write_text(coarser, encoding="utf-8")
    _, (problem,) = read_rules(tmp_path)
    assert (Path(problem.source).name, problem.line, problem.key) == ("a.yaml", 14, "yields_to")
    assert problem.text == (
        "'b' groups by Caller and ResourceGroup too, so that nothing tells which of its groups is meant; "
        "add Caller and ResourceGroup to the keys of summarize, or take 'b' out"
    )


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (
            {"a": ["b"], "b": ["a"]},
            ["a.yaml:14: yields_to: leads in a circle: a yields to b, which yields to a"],
        ),
        (
            {"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": []},
            ["b.yaml:14: yields_to: leads in a circle: b yields to c, which yields to b"],
        ),
        (
            {"a": ["b"], "b": ["c"], "c": ["a"]},
            ["a.yaml:14: yields_to: leads in a circle: a yields to b, which yields to c, which yields to a"],
        ),
        (
            {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]},
            ["a.yaml:14: yields_to: leads in a circle: a ", "c.yaml:14: yields_to: leads in a circle: c "],
        ),
        (
            {"a": ["a", "x"], "b": []},
            ["a.yaml:14: yields_to: names the rule itself", "a.yaml:14: yields_to: 'x' is the id of no rule"],
        ),
    ],
)
def test_a_circle_is_told_once(tmp_path: Path, others: dict[str, list[str]], told: list[str]) -> None:
    for name, yields_to in others.items():
        write_rule(tmp_path, name, *yields_to)
    with pytest.raises(ConfigurationError) as caught:
        load_rules(tmp_path, None)
    found = [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    assert len(found) == len(told)
    assert all(problem.startswith(beginning) for problem, beginning in zip(found, told, strict=True))


def test_an_id_is_not_called_unknown_while_a_file_cannot_be_read(tmp_path: Path) -> None:
    write_rule(tmp_path, "a", "b")
    (tmp_path / "b.kql").write_text(QUERY, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("id: [\n", encoding="utf-8")
    _, found = read_rules(tmp_path)
    assert [Path(problem.source).name for problem in found] == ["b.yaml"]


def test_a_file_of_a_rule_in_python_is_told_what_has_changed(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("kind: rule15\nid: rule15\nwindow: 2h\n", encoding="utf-8")
    _, found = read_rules(tmp_path)
    (problem,) = found
    assert str(problem).startswith(f"{tmp_path}/old.yaml:1: kind: is no longer known: rules are KQL now.")


_LINES = TEXT.splitlines()
_WORDS = st.sampled_from(
    [
        "",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "&a ",
        "*a",
        "!!int ",
        "!x ",
        "'",
        '"',
        "\t",
        "\x00",
        "<<: ",
        "? ",
        "é",
        "|",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_file_is_metadata_or_a_problem_of_that_file(data: st.DataObject) -> None:
    text = mangled(data, _LINES, _WORDS)
    with tempfile.TemporaryDirectory() as directory:
        found = problems(Path(directory), text)
    assert all(re.match(r"rule\.(yaml|kql)(:\d+)?(:\d+)?: ", problem) for problem in found)
    assert len(found) == len(set(found))
