"""Rule files: what is read, and what every mistake is answered with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_detector.errors import ConfigurationError
from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.rules.rule15 import Rule15
from stream_detector.ticks import MINUTE

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "config" / "rules"
TEXT = (SHIPPED / "rule15.yaml").read_text(encoding="utf-8")


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[str]]:
    """Loads files, given as name=text, and returns the problems as texts without the directory."""

    def load(*, enabled: list[str] | None = None, **files: str) -> list[str]:
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(ConfigurationError) as caught:
            load_rules(tmp_path, enabled)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return load


def line_of(text: str, beginning: str) -> int:
    """Line number of the first line that starts with `beginning`, blanks aside and comments left out."""
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return next(number for number, line in lines if line.startswith(beginning) and line[:1] != "#")


def first_difference(before: str, after: str) -> int:
    """Number of the first line that differs."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) >= 1
    return TEXT.replace(old, new, 1)


def test_the_shipped_rules_load() -> None:
    (rule,) = load_rules(SHIPPED, None)
    assert rule.info.id == "rule15"
    assert load_rules(SHIPPED, ["rule15"])[0].info == rule.info


MISTAKES = [
    ("severity: High", "severity: Hihg", "severity", "'Hihg' is unknown; did you mean High?"),
    ("severity: High", "severty: High", "severty", "is no key of this place; did you mean severity?"),
    ("severity: High\n", "", "severity", "is missing; write High or Informational or Low or Medium"),
    ("severity: High", "severity: [High]", "severity", "is a list; write a text"),
    ("severity: High", "severity:", "severity", "is empty; write a text"),
    ("id: rule15", "id: Rule 15", "id", "'Rule 15' is not lower-case letters, digits, _ and -"),
    ('version: "1.0.0"', "version: 1.0", "version", 'write a text such as "1.0.0", in quotes'),
    ('version: "1.0.0"', 'version: " "', "version", "is blank"),
    ("[T1059, T1059.009]", "[T1059, 1059]", "techniques", "is a number; write a technique such as T1059.009"),
    ("[T1059, T1059.009]", "[T1059, T159]", "techniques", "'T159' is not a technique such as T1059.009"),
    ("[T1059, T1059.009]", "[T1059, T1059]", "techniques", "'T1059' is in the list twice"),
    ("[Execution, Persistence]", "[]", "tactics", "is an empty list; write at least one member"),
    ("[Execution, Persistence]", "Execution", "tactics", "is a text; write a list"),
    (
        "https://runbooks.example.com/rule15",
        "rule15",
        "runbook_url",
        "is not a URL that starts with https://",
    ),
    ("window: 2h", "window: 2 hours", "window", "'2 hours' is not a duration; write 30s, 10m, 2h or 1d"),
    ("window: 2h", "window: 7200", "window", "is a number; write a duration such as 2h"),
    ("window: 2h", "window: 0s", "window", "must be longer than nothing"),
    ("window: 2h", "window: 400d", "window", "at most 366d"),
    ("window: 2h", f"window: {'9' * 400}d", "window", "is not a duration"),
    ("grouping: ignore_case", "grouping: exactly", "grouping", "did you mean exact?"),
    ("status: Success", "status: yes", "match.status", "is true or false; write a text, in quotes"),
    ("status: Success", "state: Success", "match.state", "did you mean status?"),
    (
        "    - MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE",
        "    - Write",
        "match.operations",
        "is not an operation name such as",
    ),
    ("type: RunCommand", "typ: RunCommand", "run_command.typ", "did you mean type?"),
    (
        '["168.63.", "169.254."]',
        '["168.63.", 169.254]',
        "exclude.address_prefixes",
        "is a number; write a text",
    ),
    ('["168.63.", "169.254."]', "[]", "exclude.address_prefixes", "write `address_prefixes: none`"),
    ('["168.63.", "169.254."]', "nothing", "exclude.address_prefixes", "is a text; write a list"),
    ("AffectedVMs: 10", "AffectedVMs: 0", "sets.AffectedVMs", "is 0; write a whole number from 1 to 1048576"),
    ("AffectedVMs: 10", "AffectedVMs: ten", "sets.AffectedVMs", "is a text; write a whole number"),
    ("AffectedVMs: 10", "AffectedVMs: 1e1", "sets.AffectedVMs", "write a whole number"),
    ("AffectedVMs: 10", "AffectedVMs: 0x10", "sets.AffectedVMs", "write a whole number"),
    ("AffectedVMs: 10", "AffectedVMs: true", "sets.AffectedVMs", "is true or false"),
    ("AffectedVMs: 10", "AffectedVms: 10", "sets.AffectedVms", "did you mean AffectedVMs?"),
    (
        "  ExecutionCount: 1",
        "  Executions: 1",
        "thresholds.Executions",
        "is no count or set of the row; did you mean ExecutionCount?",
    ),
    ("  ExecutionCount: 1", "  CallerIP: 1", "thresholds.CallerIP", "is no count or set of the row"),
    ("  ExecutionCount: 1", "  SourceIPs: 6", "thresholds.SourceIPs", "can never reach: it holds at most 5"),
    (
        "  ExecutionCount: 1",
        "  ExecutionCount: -1",
        "thresholds.ExecutionCount",
        "write a whole number from 1",
    ),
    ("thresholds:\n  ExecutionCount: 1", "thresholds: 1", "thresholds", "is a number; write a mapping"),
    ("thresholds:\n  ExecutionCount: 1", "thresholds: {}", "thresholds", "is empty; write a mapping"),
    ("kind: rule15", "kind: rule51", "kind", "'rule51' is unknown; did you mean rule15?"),
    ("kind: rule15\n", "", "kind", "is missing"),
]


@pytest.mark.parametrize(("old", "new", "key", "answer"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_key(
    problems: Callable[..., list[str]], old: str, new: str, key: str, answer: str
) -> None:
    text = edited(old, new)
    (problem,) = problems(rule=text)
    # A key that is missing is reported at the mapping that lacks it, which starts with its first key.
    place = line_of(text, "") if "is missing" in answer else first_difference(TEXT, text)
    assert problem.startswith(f"rule.yaml:{place}: {key}: ")
    assert answer in problem


def test_a_member_of_a_list_is_named_with_its_own_line(problems: Callable[..., list[str]]) -> None:
    text = edited("    - CustomScriptForLinux", "    - 7")
    (problem,) = problems(rule=text)
    assert (
        problem
        == f"rule.yaml:{line_of(text, '- 7')}: match.types: is a number; write a text, in quotes if it is one"
    )


def test_an_operation_without_type_must_be_one_of_the_operations(problems: Callable[..., list[str]]) -> None:
    operation = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
    before, _, after = TEXT.rpartition(f"    - {operation}")
    (problem,) = problems(rule=f"{before}    - {operation}S{after}")
    assert f"'{operation}S' is not in operations; did you mean {operation}?" in problem


def test_all_mistakes_of_all_files_come_at_once(problems: Callable[..., list[str]]) -> None:
    first = (
        edited("severity: High", "severity: Hgh")
        .replace("window: 2h", "window: x")
        .replace("  type: RunCommand", "  typ: X")
    )
    found = problems(first=first, second="kind: nothing\n", third="[]\n", fourth="")
    assert [problem.split(":")[0] for problem in found] == [
        *["first.yaml"] * 3,
        "fourth.yaml",
        "second.yaml",
        "third.yaml",
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "rule.yaml:1: is empty"),
        ("# only a comment\n", "rule.yaml:1: is empty"),
        ("- a\n", "rule.yaml:1: is not a mapping"),
        ("a: [1\nb: 2\n", "rule.yaml:2: is not YAML: "),
        ("a: 1\n\tb: 2\n", "rule.yaml:2: is not YAML: "),
        ("a: 1\n---\nb: 2\n", "rule.yaml:2: is not YAML: "),
        ("a: *nothing\n", "rule.yaml:1: is not YAML: "),
        ("a: \x01\n", "is not YAML: "),
    ],
)
def test_a_file_that_is_no_mapping_is_located(
    problems: Callable[..., list[str]], text: str, answer: str
) -> None:
    (problem,) = problems(rule=text)
    assert answer in problem


def test_a_file_that_is_not_utf8_is_located(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "rule.yaml").write_bytes(b"kind: rule15\nname: \xff\n")
    assert problems() == ["rule.yaml:2: is not UTF-8 text; save it as UTF-8"]


def test_a_key_written_twice_is_refused(problems: Callable[..., list[str]]) -> None:
    text = TEXT + "window: 3h\n"
    first, last = line_of(text, "window"), len(text.splitlines())
    assert problems(rule=text) == [
        f"rule.yaml:{last}: window: is written twice, first in line {first}; keep one"
    ]


def test_two_rules_cannot_have_one_id(problems: Callable[..., list[str]]) -> None:
    (problem,) = problems(one=TEXT, two=TEXT)
    assert problem.startswith(f"two.yaml:{line_of(TEXT, 'id:')}: id: 'rule15' is the id of one.yaml too")


def test_a_rule_that_is_not_enabled_is_checked_all_the_same(problems: Callable[..., list[str]]) -> None:
    other = edited("id: rule15", "id: other").replace("window: 2h", "window: soon")
    assert len(problems(one=TEXT, two=other, enabled=["rule15"])) == 1


def test_enabling_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rule.yaml").write_text(TEXT, encoding="utf-8")
    for enabled, answer in (
        (["rule51"], "'rule51' is the id of no rule; did you mean rule15?"),
        (["rule15", "zzz"], "'zzz' is the id of no rule; known: rule15"),
        ([], "is an empty list"),
    ):
        with pytest.raises(ConfigurationError, match=r"rules\.enabled: ") as caught:
            load_rules(tmp_path, enabled)
        assert answer in str(caught.value)


def test_enabled_rules_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.yaml").write_text(edited("id: rule15", f"id: {name}"), encoding="utf-8")
    assert [rule.info.id for rule in load_rules(tmp_path, None)] == ["a", "b", "c"]
    assert [rule.info.id for rule in load_rules(tmp_path, ["c", "a"])] == ["a", "c"]


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text(""), "is not a directory"),
        (lambda path: path.mkdir(), "holds no rule"),
    ],
)
def test_a_directory_without_rules_is_refused(
    tmp_path: Path, make: Callable[[Path], object], answer: str
) -> None:
    directory = tmp_path / "rules"
    make(directory)
    with pytest.raises(ConfigurationError, match=r"rules\.directory: ") as caught:
        load_rules(directory, None)
    assert answer in str(caught.value)


def test_a_rule_file_that_would_be_overlooked_is_refused(
    problems: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "other.yml").write_text(TEXT, encoding="utf-8")
    assert problems(rule=TEXT) == ["other.yml: is not read; rename it to end in .yaml"]


def test_a_rule_file_that_is_a_directory_is_refused(
    problems: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "rule.yaml").mkdir()
    (problem,) = problems()
    assert problem.startswith("rule.yaml: cannot be read: ")


def test_what_the_file_says_is_what_the_rule_does(tmp_path: Path) -> None:
    text = (
        edited("window: 2h", "window: 1h30m")
        .replace("grouping: ignore_case", "grouping: exact")
        .replace('["168.63.", "169.254."]', "none")
        .replace("status: Success", "status: Succeeded")
        .replace("ExecutionCount: 1", "AffectedVMs: 10")
    )
    (tmp_path / "rule.yaml").write_text(text, encoding="utf-8")
    (rule,) = load_rules(tmp_path, None)
    assert isinstance(rule, Rule15)
    assert rule.window == 90 * MINUTE
    assert not rule.ignore_case
    assert rule.is_wanted_status("SUCCEEDED")
    assert not rule.is_wanted_status("Success")
    assert not rule.is_excluded_address("168.63.129.16")
    assert [(minimum.column, minimum.at_least) for minimum in rule.thresholds] == [("AffectedVMs", 10)]


def test_the_working_directory_comes_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_rules_directory().resolve() != tmp_path / "config" / "rules"
    assert load_rules(default_rules_directory(), None)[0].info.id == "rule15"
    (tmp_path / "config" / "rules").mkdir(parents=True)
    assert default_rules_directory().resolve() == tmp_path / "config" / "rules"
