"""Cases beside rules: what may be written, what every mistake is answered with, and what a case decides."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mangling import mangled

from stream_detector.cli.rules_cases import cases_of, unnamed_cases
from stream_detector.cli.rules_judging import judge
from stream_detector.errors import Problem
from stream_detector.rules.cases import FIRST_TIME, Case
from stream_detector.rules.load import RuleFiles, read_rules
from stream_detector.ticks import SECOND

SOUND = Path(__file__).parent / "files" / "sound"
QUERY = (SOUND / "runs.kql").read_text("utf-8")
METADATA = (SOUND / "runs.yaml").read_text("utf-8")
TEXT = (SOUND / "runs.cases.yaml").read_text("utf-8")

RUN = (
    "{OperationNameValue: Microsoft.Compute/virtualMachines/runCommand/action, ActivityStatusValue: Success}"
)
OTHER = "{OperationNameValue: Microsoft.Compute/virtualMachines/start/action}"


@pytest.fixture(scope="module")
def sound() -> dict[str, RuleFiles]:
    """The sample rules by id."""
    found, problems = read_rules(SOUND)
    assert problems == ()
    return {files.metadata.info.id: files for files in found}


def read(directory: Path, text: str, query: str = QUERY) -> tuple[tuple[Case, ...], list[str]]:
    """The cases of a rule and what is wrong with them, without the directory."""
    (directory / "runs.kql").write_text(query, encoding="utf-8")
    (directory / "runs.yaml").write_text(METADATA, encoding="utf-8")
    (directory / "runs.cases.yaml").write_text(text, encoding="utf-8")
    (files,), _ = read_rules(directory)
    problems: list[Problem] = []
    cases = cases_of(files, problems)
    return cases, [str(problem).replace(f"{directory}/", "") for problem in problems]


def one(**parts: str) -> str:
    """A file with one case: a sound one but for `parts`; a part that is "" is left out."""
    lines = {"name": "a case", "record": RUN, "expect": "match"} | parts
    return "- " + "\n  ".join(f"{key}: {text}" for key, text in lines.items() if text) + "\n"


MISTAKES = [
    ("", "1: is empty; write a list of cases or delete the file"),
    ("name: a\n", "1: is a mapping; write a list of mappings"),
    ("[]\n", "1: is empty; write a list of mappings"),
    ("- a\n", "1: [1]: is a text; write a mapping of keys to values"),
    (f"{one()}- \n", "4: [2]: is empty; write a mapping of keys to values"),
    (f"{one()}- name: [\n", "5:1: is not YAML: "),
    (one(name=""), "1: [1].name: is missing; write a sentence that says what happens"),
    (one(name="7"), "1: [1].name: is a number; write a sentence that says what happens"),
    (one(naem="x"), "4: [1].naem: is no key of this place; did you mean name?"),
    (one(expect=""), "1: [1].expect: is missing; write match or no match"),
    (one(expect="yes"), "3: [1].expect: is true or false; write a text, in quotes"),
    (one(expect="matches"), "3: [1].expect: 'matches' is unknown; did you mean match?"),
    (one(expect="match\n  expect: match"), "4: [1].expect: is written twice, first in line 3; keep one"),
    (
        one(why="Caller"),
        "4: [1].why: names the clause that rejects one record; it goes with `expect: no match`",
    ),
    (
        one(expect="no match", why="Callr"),
        "4: [1].why: 'Callr' is no clause of the rule; did you mean Caller?",
    ),
    (one(expect="no match", row="{Runs: 1}"), "4: [1].row: cannot be expected where nothing matches"),
    (one(row="{Rnus: 1}"), "4: [1].row.Rnus: is no column of the result; did you mean Runs?"),
    (one(row="[Runs]"), "4: [1].row: is a list; write a mapping of keys to values"),
    (one(row="{Runs: !x 1}"), "4: [1].row: has a tag that is not known; leave the tag out"),
    (one(opens="often"), "4: [1].opens: is a text; write true or false"),
    (
        one(record=""),
        "1: [1]: has no record; write one of record (columns of the table), body (as delivered)",
    ),
    (one(body="{}"), "1: [1]: has record and body; write only one of record"),
    (one(record="Success"), "2: [1].record: is a text; write a mapping of keys to values"),
    (one(record="{}"), "2: [1].record: is empty; write a mapping of keys to values"),
    (one(record="{Caller: a}"), "2: [1].record: names no operation; write OperationNameValue"),
    (one(record="{OperationNameValue: [a]}"), "2: [1].record: cannot be read as a record: "),
    (
        one(record=RUN.replace("{", "{Callr: a, ")),
        "2: [1].record.Callr: is no column of AzureActivity; did you mean Caller?",
    ),
    (one(record=RUN.replace("{", "{Caller: a, Caller: b, ")), "2: [1].record.Caller: is written twice"),
    (
        one(record=RUN.replace("{", "{OperationOutcome: Success, ")),
        "2: [1].record.OperationOutcome: is gathered from the rows of one operation; write those rows under",
    ),
    (
        one(record=RUN.replace("{", "{_SubscriptionId: s1, ")),
        "_SubscriptionId: is derived; write SubscriptionId",
    ),
    (one(record=RUN.replace("{", "{identity: {}, ")), "a record as the hub delivers it goes under `body`"),
    (
        one(record=RUN.replace("{", "{Properties: {a: 1, a: 2}, ")),
        "2: [1].record: has the key 'a' twice; keep one",
    ),
    (one(record=RUN.replace("{", "{Level: .inf, ")), "2: [1].record: '.inf' is no number of JSON"),
    (one(record=RUN.replace("{", "{Level: !!int x, ")), "2: [1].record: 'x' is not what its tag says"),
    (one(record="&r {<<: *r, Caller: a}"), "2: [1].record: holds itself by way of an alias"),
    (one(record="{<<: text, Caller: a}"), "2: [1].record: takes in something that is no mapping"),
    (one(record="{[a]: text}"), "2: [1].record: has a key that is no text"),
    (
        one(record="", body="{time: 2026-01-01T00:00:00Z}"),
        "3: [1].body: names no operation; write operationName",
    ),
    (
        one(record="", body="{records: [{operationName: a/b}, {operationName: a/b}]}"),
        "3: [1].body: holds 2 records; write several as a list under `records`",
    ),
    (one(record="", expect="", records=RUN, opens="true"), "2: [1].records: is a mapping; write a list of"),
    (
        one(record="", expect="", records="[]", opens="true"),
        "2: [1].records: is empty; write a list of mappings",
    ),
    (one(record="", expect="", records=f"[{RUN}]"), "1: [1].opens: is missing; write true or false"),
    (
        one(record="", records=f"[{RUN}]", opens="true"),
        "2: [1].expect: is for a single record; write `opens: true` or `opens: false`",
    ),
    (
        one(record="", expect="", records=f"\n    - {RUN}\n    - {{Caler: a}}", opens="true"),
        "4: [1].records[2].Caler: is no column of AzureActivity; did you mean Caller?",
    ),
    (
        one(record="", expect="", records=f"[{RUN}]", opens="false", row="{Runs: 1}"),
        "4: [1].row: cannot be expected where nothing matches or opens; leave it out",
    ),
    (one() + one(), "4: name: 'a case' is the name of the case in line 1 too; give each its own"),
]


@pytest.mark.parametrize(("text", "answer"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_key(tmp_path: Path, text: str, answer: str) -> None:
    _, (problem, *others) = read(tmp_path, text)
    assert problem.startswith("runs.cases.yaml:")
    assert answer in problem
    assert others == []
    if answer[0].isdigit():
        assert problem.startswith(f"runs.cases.yaml:{answer[:20]}")


def test_all_mistakes_of_all_cases_come_at_once(tmp_path: Path) -> None:
    _, problems = read(tmp_path, one(expect="maybe", why="Callr") + one(naem="x") + one(record=""))
    assert [problem.split(": ")[1] for problem in problems] == ["[1].expect", "[1].why", "[2].naem", "[3]"]


def test_aliases_cannot_blow_a_file_up(tmp_path: Path) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 8)]
    record = RUN.replace("{", f"{{Properties: {{l0: &l0 [x, x], {', '.join(levels)}}}, ")
    _, (problem,) = read(tmp_path, one(record=record))
    assert "expands to more than 100,000 values" in problem


def test_clauses_and_columns_are_not_called_unknown_while_the_query_is_wrong(tmp_path: Path) -> None:
    text = one(expect="no match", why="Whatever") + one(name="b", row="{Whatever: 1}")
    cases, problems = read(tmp_path, text, "AzureActivity")
    assert (len(cases), problems) == (2, [])


def test_a_file_of_cases_that_is_not_there_is_told_at_the_key_that_names_it(tmp_path: Path) -> None:
    read(tmp_path, TEXT)
    (tmp_path / "runs.cases.yaml").unlink()
    (files,), _ = read_rules(tmp_path)
    problems: list[Problem] = []
    assert cases_of(files, problems) == ()
    (problem,) = problems
    line = METADATA.splitlines().index("cases: runs.cases.yaml") + 1
    assert str(problem) == (
        f"{tmp_path}/runs.yaml:{line}: cases: runs.cases.yaml does not exist; write it, or leave the key out"
    )


def test_cases_that_no_rule_names_are_told(tmp_path: Path) -> None:
    read(tmp_path, TEXT)
    (tmp_path / "run.cases.yaml").write_text(TEXT, encoding="utf-8")
    rules, _ = read_rules(tmp_path)
    assert [Path(each.source).name for each in unnamed_cases(tmp_path, rules)] == ["run.cases.yaml"]


def test_records_of_a_case_have_the_times_that_they_name_else_a_second_between_them(tmp_path: Path) -> None:
    records = "[{%s}, {TimeGenerated: 2026-03-12T10:00:00Z, %s}, {%s}]" % ((RUN.strip("{}"),) * 3)
    (case,), problems = read(tmp_path, one(record="", expect="", records=records, opens="true"))
    assert problems == []
    assert [record.time - FIRST_TIME for record in case.records] == [
        0,
        70 * 86400 * SECOND + 36000 * SECOND,
        2 * SECOND,
    ]


def test_values_are_those_that_stand_in_the_file(tmp_path: Path) -> None:
    more = "ResourceGroup: 10:30, SubscriptionId: 2026-01-01, Level: 5, CategoryValue: true"
    more += ", Properties: {a: [1, null]}"
    (case,), problems = read(tmp_path, one(record=RUN.replace("}", f", {more}}}")))
    assert problems == []
    (record,) = case.records
    assert (record.resource_group, record.subscription_id, record.level) == ("10:30", "2026-01-01", "5")
    assert (record.category, record.properties) == ("true", '{"a":[1,null]}')


def test_a_number_of_any_size_may_stand_in_a_record(tmp_path: Path) -> None:
    more = f"Level: {'9' * 30}"
    (case,), problems = read(tmp_path, one(record=RUN.replace("}", f", {more}}}")))
    assert problems == []
    assert case.records[0].level == "1e+30"


def test_columns_that_rules_cannot_read_may_stand_in_a_record(tmp_path: Path) -> None:
    cases, problems = read(
        tmp_path, one(record=RUN.replace("}", ", EventDataId: x, TenantId: y, Type: AzureActivity}"))
    )
    assert (len(cases), problems) == (1, [])


def test_a_record_of_several_may_be_as_the_hub_delivers_it(tmp_path: Path) -> None:
    body = "{operationName: Microsoft.Compute/virtualMachines/runCommand/action, resultType: Start}"
    (case,), problems = read(tmp_path, one(record="", expect="", records=f"[{RUN}, {body}]", opens="true"))
    assert problems == []
    assert [record.status for record in case.records] == ["Success", "Start"]


@pytest.mark.parametrize("rule", ["runs", "bursts", "started"])
def test_the_sample_cases_are_as_expected(sound: dict[str, RuleFiles], rule: str) -> None:
    files, problems = sound[rule], list[Problem]()
    assert files.rule is not None
    cases = cases_of(files, problems)
    assert problems == []
    assert len(cases) >= 2
    assert {case.name: judge(case, files.rule) for case in cases} == {case.name: () for case in cases}


WRONG = [
    (one(record=OTHER), "expected a match; OperationNameValue rejects the record"),
    (one(expect="no match"), "expected no match; every clause passes"),
    (one(expect="no match", why="Caller"), "expected no match, by Caller; every clause passes"),
    (
        one(record=OTHER, expect="no match", why="Caller"),
        "expected Caller to reject the record; OperationNameValue does",
    ),
    (one(opens="false"), "expected no alert; 1 opened"),
    (
        one(record=OTHER, expect="no match", opens="true"),
        "expected an alert; none opened, for no record matches (OperationNameValue)",
    ),
    (one(row="{Runs: 2}"), "expected Runs to be 2; it is 1"),
    (one(row="{Runs: '1'}"), "expected Runs to be '1'; it is 1"),
    (one(row="{Runs: true}"), "expected Runs to be True; it is 1"),
    (one(row="{Caller: x}"), "expected Caller to be 'x'; it is ''"),
    (one(row="{Machines: [x]}"), "expected Machines to be ['x']; it is ['']"),
    (
        one(row="{FirstSeen: 2026-01-01T00:00:01Z}"),
        "expected FirstSeen to be '2026-01-01T00:00:01Z'; it is '2026-",
    ),
    (one(row="{FirstSeen: soon}"), "expected FirstSeen to be 'soon'; it is '2026-"),
    (
        one(record="", expect="", records=f"[{RUN}, {OTHER}]", opens="true", row="{Runs: 2}"),
        "expected Runs to be 2; it is 1",
    ),
]


def differences(directory: Path, text: str) -> tuple[str, ...]:
    """What the only case of a file is told."""
    (case,), problems = read(directory, text)
    assert problems == []
    (files,), _ = read_rules(directory)
    assert files.rule is not None
    return judge(case, files.rule)


@pytest.mark.parametrize(("text", "difference"), WRONG)
def test_a_case_that_is_not_as_expected_says_what_was_seen(
    tmp_path: Path, text: str, difference: str
) -> None:
    (told,) = differences(tmp_path, text)
    assert told.startswith(difference)


def test_arrays_are_compared_without_their_order_and_times_by_the_instant(tmp_path: Path) -> None:
    vm = RUN.replace("}", ", ResourceId: /1/2/3/4/5/6/7/%s}")
    text = one(
        record="",
        expect="",
        records=f"[{vm % 'a'}, {vm % 'b'}]",
        opens="true",
        row='{Machines: [b, a], Runs: 2.0, FirstSeen: "2026-01-01T01:00:00+01:00"}',
    )
    assert differences(tmp_path, text) == ()


def test_one_of_several_rows_is_enough(tmp_path: Path) -> None:
    ann, bob = (RUN.replace("}", f", Caller: {who}}}") for who in ("ann", "bob"))
    text = one(
        record="", expect="", records=f"[{ann}, {bob}, {ann}]", opens="true", row="{Runs: 2, Caller: ann}"
    )
    assert differences(tmp_path, text) == ()
    assert differences(tmp_path, text.replace("Runs: 2", "Runs: 3")) == ("expected Runs to be 3; it is 2",)


def test_a_row_that_is_gone_at_the_end_is_the_one_that_the_alert_showed(tmp_path: Path) -> None:
    later = RUN.replace("}", ", Caller: bob, TimeGenerated: 2026-01-02T00:00:00Z}").replace(
        "Success", "Start"
    )
    text = one(record="", expect="", records=f"[{RUN}, {later}]", opens="true", row="{Runs: 1}")
    assert differences(tmp_path, text) == ()


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
        "*run",
        "*a",
        "!!int ",
        "!x ",
        "'",
        '"',
        "<<: ",
        "? ",
        "|",
        "1e999",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_file_is_a_case_or_a_problem_of_that_file(data: st.DataObject) -> None:
    text = mangled(data, _LINES, _WORDS)
    with tempfile.TemporaryDirectory() as directory:
        cases, found = read(Path(directory), text)
    assert all(problem.startswith("runs.cases.yaml:") for problem in found)
    assert len(found) == len(set(found))
    assert all(len(case.records) >= 1 for case in cases)
