"""Directories of rules: which files are read, what belongs together, and what mistakes are answered with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.rules.load import (
    default_rules_directory,
    in_reading_order,
    load_rules,
    read_rule,
    read_rules,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "config" / "rules"
SOUND = Path(__file__).parent / "files" / "sound"
QUERY = (SOUND / "runs.kql").read_text("utf-8")
METADATA = (SOUND / "runs.yaml").read_text("utf-8")


def write(directory: Path, name: str, query: str | None = QUERY, metadata: str | None = METADATA) -> None:
    """The two files of a rule, as far as given."""
    for ending, text in ((".kql", query), (".yaml", metadata)):
        if text is not None:
            (directory / f"{name}{ending}").write_text(text, encoding="utf-8")


def with_id(name: str) -> str:
    assert "id: runs\n" in METADATA
    return METADATA.replace("id: runs\n", f"id: {name}\n")


def problems(directory: Path, enabled: list[str] | None = None) -> list[str]:
    """The problems of loading, without the directory."""
    with pytest.raises(ConfigurationError) as caught:
        load_rules(directory, enabled)
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


def test_the_shipped_rules_load() -> None:
    rules = load_rules(SHIPPED, None)
    assert "rule15" in [rule.info.id for rule in rules]
    assert [rule.info for rule in load_rules(SHIPPED, ["rule15"])] == [
        rule.info for rule in rules if rule.info.id == "rule15"
    ]


def test_rules_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path, name, metadata=with_id(f"of-{name}"))
    assert [rule.info.id for rule in load_rules(tmp_path, None)] == ["of-a", "of-b", "of-c"]
    assert [rule.info.id for rule in load_rules(tmp_path, ["of-c", "of-a"])] == ["of-a", "of-c"]


def test_other_files_of_the_directory_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "runs")
    (tmp_path / "runs.cases.yaml").write_text("no: [cases\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("# Rules\n", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("[", encoding="utf-8")
    (tmp_path / "old").mkdir()
    assert len(load_rules(tmp_path, None)) == 1


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("other.yml", ".yaml"),
        ("other.YAML", ".yaml"),
        ("other.kusto", ".kql"),
        ("other.csl", ".kql"),
        ("other.KQL", ".kql"),
        ("other.Csl", ".kql"),
    ],
)
def test_a_file_that_would_be_overlooked_is_refused(tmp_path: Path, name: str, right: str) -> None:
    write(tmp_path, "runs")
    (tmp_path / name).write_text(QUERY, encoding="utf-8")
    assert problems(tmp_path) == [f"{name}: is not read; rename it to end in {right}"]


def test_a_query_without_metadata_is_refused_and_checked_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "runs", metadata=None)
    missing = (
        "runs.kql: has no metadata; write runs.yaml beside it, with id, name, version, severity, tactics, "
        "techniques and runbook_url"
    )
    assert problems(tmp_path) == [missing]
    write(tmp_path, "runs", QUERY.replace("isnt", "").replace('=~ "Success"', '= "Success"'), None)
    first, second = problems(tmp_path)
    assert first == missing
    assert second.startswith("runs.kql:7:29: ")


def test_columns_that_only_metadata_could_allow_are_not_refused_for_want_of_it(tmp_path: Path) -> None:
    write(tmp_path, "started", (SOUND / "started.kql").read_text("utf-8"), None)
    (problem,) = problems(tmp_path)
    assert "has no metadata" in problem
    write(tmp_path, "started", (SOUND / "started.kql").read_text("utf-8"), "id: [\n")
    (problem,) = problems(tmp_path)
    assert "is not YAML" in problem


def test_metadata_without_a_query_is_refused_and_checked_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "runs", None, METADATA.replace("High", "Hgh"))
    first, second = problems(tmp_path)
    assert first == "runs.yaml: has no query; put it into runs.kql beside it, or delete this file"
    assert second.startswith("runs.yaml:4: severity: ")


def test_a_problem_of_the_query_is_told_with_line_and_column(tmp_path: Path) -> None:
    write(tmp_path, "runs", QUERY.replace("Caller !has", "Callr !has"))
    with pytest.raises(ConfigurationError) as caught:
        load_rules(tmp_path, None)
    (problem,) = caught.value.problems
    assert (problem.source, problem.line, problem.column) == (f"{tmp_path}/runs.kql", 8, 9)
    assert "Caller" in problem.text
    assert str(problem) == f"{tmp_path}/runs.kql:8:9: {problem.text}"


def test_a_rule_is_never_left_out_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "runs")
    monkeypatch.setattr("stream_detector.rules.load.compile_kql", lambda *_: (None, ()))
    assert problems(tmp_path) == ["runs.kql: cannot be compiled: please report this"]


def test_all_problems_of_all_files_come_at_once_in_the_order_of_reading(tmp_path: Path) -> None:
    wrong = QUERY.replace("Caller !has", "Callr !has").replace("split(ResourceId", "splat(ResourceId")
    write(tmp_path, "b", wrong, METADATA.replace("High", "Hgh").replace("5m", "soon"))
    write(tmp_path, "a", wrong, None)
    write(tmp_path, "c", QUERY.replace("| where TimeGenerated > ago(Window)\n", ""), "[]\n")
    write(tmp_path, "d", None, "kind: rule15\n")
    (tmp_path / "e.yml").write_text("", encoding="utf-8")
    places = [problem.partition(": ")[0] for problem in problems(tmp_path)]
    assert places[:7] == [
        "a.kql",
        "a.kql:8:9",
        "a.kql:9:28",
        "b.kql:8:9",
        "b.kql:9:28",
        "b.yaml:4",
        "b.yaml:10",
    ]
    assert places[7].startswith("c.kql:")
    assert places[8:] == ["c.yaml:1", "d.yaml:1", "e.yml"]


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        ("", "1", "is empty; write what describes the rule or delete the file"),
        ("# only a comment\n", "1", "is empty"),
        ("- a\n", "1", "is not a mapping"),
        ("text\n", "1", "is not a mapping"),
        ("a: [1\nb: 2\n", "2:2", "is not YAML: "),
        ("a: 1\n\tb: 2\n", "2:1", "is not YAML: "),
        ("a: 1\n---\nb: 2\n", "2:1", "is not YAML: "),
        ("a: *nothing\n", "1:4", "is not YAML: "),
    ],
)
def test_metadata_that_is_no_mapping_is_located(tmp_path: Path, text: str, place: str, answer: str) -> None:
    write(tmp_path, "rule", QUERY, text)
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"rule.yaml:{place}: {answer}")


def test_characters_that_yaml_does_not_allow_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "rule", QUERY, "a: \x01\n")
    (problem,) = problems(tmp_path)
    assert problem.startswith("rule.yaml")
    assert "is not YAML" in problem


@pytest.mark.parametrize("name", ["rule.kql", "rule.yaml"])
def test_a_file_that_is_not_utf8_is_located(tmp_path: Path, name: str) -> None:
    write(tmp_path, "rule")
    (tmp_path / name).write_bytes(b"id: a\nname: \xff\n")
    assert problems(tmp_path) == [f"{name}:2: is not UTF-8 text; save it as UTF-8"]


def test_a_byte_order_mark_and_the_line_ends_of_windows_make_no_difference(tmp_path: Path) -> None:
    for name, text in (("rule.kql", QUERY), ("rule.yaml", METADATA)):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_rules(tmp_path, None)[0].info.id == "runs"
    wrong = QUERY.replace("Caller !has", "Callr !has").replace("\n", "\r\n")
    (tmp_path / "rule.kql").write_bytes(b"\xef\xbb\xbf" + wrong.encode())
    (problem,) = problems(tmp_path)
    assert problem.startswith("rule.kql:8:9: ")
    # The mark takes no column of the first line.
    (tmp_path / "rule.kql").write_bytes(b"\xef\xbb\xbfAzureActivty | take 1")
    assert problems(tmp_path)[0].startswith("rule.kql:1:1: ")


@pytest.mark.parametrize("name", ["rule.kql", "rule.yaml"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, "rule")
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert problems(tmp_path) == [f"{name}: is not a regular file; put a text file there"]


@pytest.mark.parametrize("name", ["rule.kql", "rule.yaml"])
def test_a_link_that_leads_nowhere_is_told_and_not_taken_for_a_missing_file(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path, "rule")
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "gone")
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"{name}: cannot be read: ")


def test_two_rules_cannot_have_one_id(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    (problem,) = problems(tmp_path)
    assert problem.startswith("two.yaml:1: id: 'runs' is the id of ")
    assert problem.endswith("one.yaml too; give each rule its own")


def test_a_rule_that_is_not_enabled_is_checked_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", "AzureActivity | take 1", with_id("two"))
    assert {problem.partition(":")[0] for problem in problems(tmp_path, ["runs"])} == {"two.kql"}


def test_enabling_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "rule")
    for enabled, answer in (
        (["rusn"], "'rusn' is the id of no rule; did you mean runs?"),
        (["runs", "zzz"], "'zzz' is the id of no rule; known: runs"),
        ([], "is an empty list"),
    ):
        with pytest.raises(ConfigurationError, match=r"rules\.enabled: ") as caught:
            load_rules(tmp_path, enabled)
        assert answer in str(caught.value)


def test_an_id_is_not_called_unknown_while_a_file_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", QUERY, "id: [\n")
    (problem,) = problems(tmp_path, ["two"])
    assert "is not YAML" in problem


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


def test_a_single_query_is_checked_with_the_metadata_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "runs", QUERY, METADATA.replace("Runs: 1", "Rnus: 1"))
    files, found = read_rule(tmp_path / "runs.kql")
    assert [problem.key for problem in found] == ["thresholds.Rnus"]
    assert files.metadata.info.id == "runs"
    # The ids of the rules beside it are not known here.
    write(tmp_path, "runs", QUERY, f"{METADATA}yields_to: [another]\n")
    assert read_rule(tmp_path / "runs.kql")[1] == ()
    write(tmp_path, "runs", QUERY, f"{METADATA}yields_to: [runs]\n")
    assert [problem.key for problem in read_rule(tmp_path / "runs.kql")[1]] == ["yields_to"]


def test_a_single_query_needs_no_metadata(tmp_path: Path) -> None:
    write(tmp_path, "pasted", QUERY, None)
    files, found = read_rule(tmp_path / "pasted.kql")
    assert found == ()
    assert files.rule is not None
    assert files.section is None
    _, found = read_rule(tmp_path / "gone.kql")
    assert [str(problem) for problem in found] == [
        f"{tmp_path}/gone.kql: cannot be read: No such file or directory"
    ]


def test_what_was_read_of_a_broken_directory_can_still_be_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "runs")
    write(tmp_path, "wrong", "AzureActivity", with_id("wrong"))
    found, told = read_rules(tmp_path)
    assert [(files.metadata.info.id, files.rule is not None) for files in found] == [
        ("runs", True),
        ("wrong", False),
    ]
    assert told


def test_the_working_directory_comes_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_rules_directory().resolve() != tmp_path / "config" / "rules"
    assert "rule15" in [rule.info.id for rule in load_rules(default_rules_directory(), None)]
    (tmp_path / "config" / "rules").mkdir(parents=True)
    assert default_rules_directory().resolve() == tmp_path / "config" / "rules"


def test_problems_are_read_by_file_line_and_column() -> None:
    places = [("b", None, None), ("a", 10, 2), ("a", 2, 30), ("a", 2, 4), ("a", 2, None), ("a", None, None)]
    mixed = [Problem(source, line, "", "text", column) for source, line, column in places]
    assert in_reading_order(mixed) == (*reversed(mixed[1:]), mixed[0])


def test_a_column_is_shown_only_behind_a_line() -> None:
    assert str(Problem("a.kql", 3, "", "text", 7)) == "a.kql:3:7: text"
    assert str(Problem("a.yaml", 3, "key", "text")) == "a.yaml:3: key: text"
    assert str(Problem("a.yaml", None, "", "text", 7)) == "a.yaml: text"
