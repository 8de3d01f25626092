"""The `rules` commands as a person or a program runs them: output, messages and exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import orjson
import pytest
from services.program import ROOT, run_program

from stream_detector.cli.main import main

SOUND = ROOT / "tests" / "rules" / "files" / "sound"
VIRTUAL_MACHINE = "/subscriptions/s1/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm1"
RUN: dict[str, object] = {
    "time": "2026-03-12T10:00:00Z",
    "operationName": "Microsoft.Compute/virtualMachines/runCommand/action",
    "resultType": "Success",
    "resourceId": VIRTUAL_MACHINE,
    "callerIpAddress": "203.0.113.7",
    "correlationId": "c1",
    "identity": {"claims": {"appid": "ann"}},
    "properties": {},
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the sample rules, to be changed."""
    return Path(shutil.copytree(SOUND, tmp_path / "rules"))


def run(
    *arguments: str | Path, feed: bytes | None = None, **environ: str
) -> tuple[int, list[str], list[str]]:
    """A `rules` command; no traceback comes out of any of them."""
    environment = {f"STREAM_DETECTOR_{name}": value for name, value in environ.items()}
    code, out, errors = run_program(["rules", *map(str, arguments)], feed=feed, environment=environment)
    assert not any(line.startswith("Traceback") for line in errors), errors
    return code, out, errors


class Here:
    """A `rules` command in this process: quicker, for what is tried in many variants."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def run(self, *arguments: str | Path) -> tuple[int, list[str], list[str]]:
        code = main(["rules", *map(str, arguments)])
        out, errors = self._captured.readouterr()
        return code, out.splitlines(), errors.splitlines()


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def record_file(directory: Path, **changes: object) -> Path:
    path = directory / "record.json"
    path.write_bytes(orjson.dumps(RUN | changes))
    return path


# list and schema


def test_rules_are_listed_in_the_order_of_their_files() -> None:
    code, out, errors = run("list", "--rules", SOUND)
    assert code == 0
    assert [line.split()[:6] for line in out] == [
        ["id", "severity", "version", "window", "enabled", "operations"],
        ["bursts", "Medium", "0.1", "10m", "yes", "1"],
        ["runs", "High", "1.2.0", "2h", "yes", "1"],
        ["started", "Informational", "1", "2h", "yes", "1"],
    ]
    assert errors == [f"3 rules in {SOUND}"]


def test_the_list_says_what_the_settings_enable(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"rules:\n  directory: {SOUND}\n  enabled: [started]\n", encoding="utf-8")
    _, out, _ = run("list", "--config", settings)
    assert [line.split()[4] for line in out[1:]] == ["no", "no", "yes"]
    _, out, _ = run("list", "runs", RULES__DIRECTORY=str(SOUND), RULES__ENABLED='["bursts"]')
    assert [line.split()[4] for line in out[1:]] == ["no"]
    # The setting names rules of the configured directory, not of this one.
    _, out, _ = run("list", "--rules", SOUND, RULES__ENABLED='["rule15"]')
    assert [line.split()[4] for line in out[1:]] == ["yes"] * 3


def test_the_schema_is_the_result_of_the_query() -> None:
    code, out, errors = run("schema", "--rules", SOUND, "runs")
    assert (code, errors) == (0, [])
    assert [line.split() for line in out] == [
        ["rule", "column", "type"],
        ["runs", "Caller", "string", "key"],
        ["runs", "ResourceGroup", "string", "key"],
        ["runs", "SubscriptionId", "string", "key"],
        ["runs", "Runs", "long"],
        ["runs", "Machines", "dynamic"],
        ["runs", "FirstSeen", "datetime"],
        ["runs", "CallerIP", "string"],
    ]


def test_the_schema_for_programs_is_one_document() -> None:
    code, (document,), errors = run("schema", "--rules", SOUND, "--json")
    assert (code, errors) == (0, [])
    schema = {rule["rule"]: rule["columns"] for rule in json.loads(document)}
    assert list(schema) == ["bursts", "runs", "started"]
    assert schema["bursts"][-2:] == [
        {"name": "Deletes", "type": "long", "is_key": False},
        {"name": "Machines", "type": "dynamic", "is_key": False},
    ]


@pytest.mark.parametrize("command", ["list", "test", "schema", "explain"])
def test_an_unknown_id_is_refused_with_the_one_that_was_meant(
    here: Here, command: str, tmp_path: Path
) -> None:
    more = ["--record", str(record_file(tmp_path))] if command == "explain" else []
    code, out, errors = here.run(command, "rusn", "zzzz", "--rules", SOUND, *more)
    assert (code, out) == (2, [])
    assert errors == [
        "stream-detector: 'rusn' is the id of no rule; did you mean runs?; "
        "'zzzz' is the id of no rule; known: bursts, runs, started"
    ]


@pytest.mark.parametrize("command", ["list", "test", "schema", "explain"])
def test_wrong_rules_are_refused_with_all_that_is_wrong(
    here: Here, command: str, rules: Path, tmp_path: Path
) -> None:
    edit(rules / "runs.kql", "Caller !has", "Callr !has")
    edit(rules / "started.yaml", "severity: Informational", "severity: None")
    more = ["--record", str(record_file(tmp_path))] if command == "explain" else []
    code, out, errors = here.run(command, "--rules", rules, *more)
    assert (code, out) == (2, [])
    assert [line.removeprefix(f"{rules}/").split(" ")[0] for line in errors] == [
        "runs.kql:8:9:",
        "started.yaml:4:",
    ]


def test_wrong_settings_and_directories_are_refused(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("rulse: {}\n", encoding="utf-8")
    code, out, errors = run("list", "--config", settings)
    assert (code, out) == (2, [])
    assert errors[0].startswith(f"{settings}:1: rulse: ")
    code, _, errors = run("list", "--rules", tmp_path / "gone")
    assert code == 2
    assert "does not exist" in errors[0]
    assert run()[0] == run("judge")[0] == run("explain")[0] == 2


# lint


def test_sound_rules_have_nothing_to_tell() -> None:
    assert run("lint", SOUND) == (0, [], ["lint: 3 rules, 0 problems, 0 warnings"])
    assert run("lint", "--rules", SOUND) == run("lint", SOUND)


def test_each_problem_is_shown_with_its_line_and_a_caret_below_its_character(rules: Path) -> None:
    edit(rules / "runs.kql", "Caller !has", "Callr !has")
    edit(rules / "runs.yaml", "severity: High", "severity: Hgh")
    edit(rules / "runs.cases.yaml", "why: Caller\n", "why: Callr\n")
    code, out, errors = run("lint", rules)
    assert code == 2
    assert errors == ["lint: 3 rules, 2 problems, 0 warnings"]
    assert out[0].startswith(f"{rules}/runs.kql:8:9: ")
    assert out[1:3] == ['    | where Callr !has "pipeline"', "            ^"]
    assert out[3] == f"{rules}/runs.yaml:4: severity: 'Hgh' is unknown; did you mean High?"
    assert out[4:] == ["    severity: Hgh", "    ^"]


def test_problems_of_the_cases_are_told_too(rules: Path) -> None:
    edit(rules / "runs.cases.yaml", "why: Caller\n", "why: Callr\n")
    edit(rules / "started.cases.yaml", "Who: ann", "Whom: ann")
    code, out, errors = run("lint", rules)
    assert code == 2
    assert errors == ["lint: 3 rules, 2 problems, 0 warnings"]
    assert out[0].startswith(f"{rules}/runs.cases.yaml:")
    assert out[0].endswith(": [5].why: 'Callr' is no clause of the rule; did you mean Caller?")
    assert out[1:3] == ["      why: Callr", "      ^"]
    assert ": [1].row.Whom: is no column of the result; did you mean Who?" in out[3]


def test_the_caret_stands_below_the_character_whatever_stands_before_it(rules: Path) -> None:
    edit(rules / "runs.kql", "| where Caller !has", '| where\tCaller != "日本" and Callr !has')
    code, out, _ = run("lint", rules / "runs.kql")
    assert code == 2
    assert out[1] == '    | where Caller != "日本" and Callr !has "pipeline"'
    # Each of the two letters takes two cells.
    assert out[2] == "    " + " " * (len('| where Caller != "日本" and ') + 2) + "^"


def test_a_long_line_is_cut_around_the_place(rules: Path) -> None:
    long = " and ".join(['Caller != "somebody"'] * 40)
    edit(rules / "runs.kql", "| where Caller !has", f"| where {long} and Callr !has")
    _, out, _ = run("lint", rules / "runs.kql")
    assert len(out[1]) <= 124
    assert out[1][out[2].index("^") :].startswith("Callr !has")


WARNINGS = [
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'tolower(Caller) != "Ann"',
        "8:9: warning: is always true: tolower",
    ),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'tolower(Caller) == "Ann"',
        "8:9: warning: can never be true: tolower",
    ),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        '"ann" == toupper(Caller)',
        "8:9: warning: can never be true: toupper",
    ),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'tolower(Caller) in ("a", "B")',
        "can never be true for 'B': tolower",
    ),
    ("runs.kql", 'Caller !has "pipeline"', 'tolower(Caller) startswith_cs "A"', "can never be true: tolower"),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'Caller has " "',
        "8:20: warning: `has` looks for words, and this is only",
    ),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'Caller has_any ("a", "")',
        'warning: every text passes `has_any ""`',
    ),
    (
        "runs.kql",
        'Caller !has "pipeline"',
        'Caller contains ""',
        '8:25: warning: every text passes `contains ""`',
    ),
    (
        "runs.kql",
        "OperationNameValue in~ (Operations)",
        'OperationNameValue has "runCommand"',
        "names its operations",
    ),
    (
        "runs.kql",
        ", ResourceGroup, SubscriptionId",
        ", ResourceGroup",
        "10:3: warning: does not group by Subscription",
    ),
    (
        "runs.kql",
        "SubscriptionId\n",
        "SubscriptionId\n| where array_length(Machines) > 5\n",
        "holds at most 5",
    ),
    (
        "runs.kql",
        "SubscriptionId\n",
        "SubscriptionId\n| extend n = array_length(Machines) | where n >= 6\n",
        "at most 5",
    ),
    (
        "runs.yaml",
        "cases: runs.cases.yaml",
        "",
        "runs.kql: warning: has no cases; write some into runs.cases.yaml",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "warning"), WARNINGS)
def test_what_is_hardly_meant_is_a_warning_and_no_problem(
    here: Here, rules: Path, file: str, old: str, new: str, warning: str
) -> None:
    for name in ("bursts", "started"):
        for path in rules.glob(f"{name}.*"):
            path.unlink()
    edit(rules / file, old, new)
    if file == "runs.yaml":
        (rules / "runs.cases.yaml").unlink()
    else:
        # The clauses have other names now.
        (rules / "runs.cases.yaml").write_text(
            "- {name: a, record: {OperationNameValue: a/b}, expect: no match}\n", encoding="utf-8"
        )
    code, out, errors = here.run("lint", rules)
    assert (code, errors) == (0, ["lint: 1 rule, 0 problems, 1 warning"])
    assert warning in out[0]


@pytest.mark.parametrize(
    "condition",
    [
        'tolower(Caller) == "ann"',
        'tolower(Caller) has "ANN"',
        'tolower(Caller) =~ "ANN"',
        'toupper(Caller) in ("ANN")',
        'Caller has "a b"',
        'Caller contains " "',
        'Caller == ""',
    ],
)
def test_what_may_well_be_meant_is_no_warning(here: Here, rules: Path, condition: str) -> None:
    edit(rules / "runs.kql", 'Caller !has "pipeline"', condition)
    edit(rules / "runs.yaml", "cases: runs.cases.yaml\n", "")
    code, (warning,), _ = here.run("lint", rules / "runs.kql")
    assert code == 0
    assert "has no cases" in warning


@pytest.mark.parametrize("condition", ["> 4", ">= 5", "== 5", "< 9"])
def test_a_size_that_an_array_can_have_is_no_warning(here: Here, rules: Path, condition: str) -> None:
    edit(
        rules / "runs.kql",
        "SubscriptionId\n",
        f"SubscriptionId\n| where array_length(Machines) {condition}\n",
    )
    assert here.run("lint", rules / "runs.kql") == (0, [], ["lint: 1 rule, 0 problems, 0 warnings"])


def test_cases_that_no_rule_names_are_a_warning(rules: Path) -> None:
    shutil.copy(rules / "runs.cases.yaml", rules / "run.cases.yaml")
    code, out, _ = run("lint", rules)
    assert code == 0
    assert out == [
        f"{rules}/run.cases.yaml: warning: is named by no rule, so its cases are never run; write "
        "`cases: run.cases.yaml` into the rule's .yaml"
    ]


def test_a_pasted_query_is_checked_alone(tmp_path: Path) -> None:
    query = (SOUND / "runs.kql").read_bytes()
    (tmp_path / "pasted.kql").write_bytes(query)
    assert run("lint", tmp_path / "pasted.kql") == (0, [], ["lint: 1 rule, 0 problems, 0 warnings"])
    assert run("lint", "-", feed=query) == (0, [], ["lint: 1 rule, 0 problems, 0 warnings"])
    code, out, errors = run("lint", "-", feed=query.replace(b"Caller !has", b"Callr !has"))
    assert (code, errors) == (2, ["lint: 1 rule, 1 problem, 0 warnings"])
    assert out[0].startswith("stdin:8:9: ")
    assert out[1:] == ['    | where Callr !has "pipeline"', "            ^"]


def test_several_places_are_checked_in_one_go(rules: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.kql"
    wrong.write_text("AzureActivity | where Callr == 1\n", encoding="utf-8")
    code, out, errors = run("lint", rules, wrong)
    assert code == 2
    assert errors[0].startswith("lint: 4 rules, ")
    assert {line.split(":")[0] for line in out if not line.startswith(" ")} == {str(wrong)}


def test_lint_refuses_what_is_no_rule(tmp_path: Path) -> None:
    code, out, errors = run("lint", SOUND / "runs.yaml")
    assert (code, out) == (2, [])
    assert errors == [f"stream-detector: {SOUND}/runs.yaml: name a directory of rules or a .kql file"]
    assert run("lint", "-", feed=b"\xff\xfe")[0] == 2
    code, out, _ = run("lint", tmp_path / "gone.kql")
    assert (code, out) == (2, [f"{tmp_path}/gone.kql: cannot be read: No such file or directory"])
    code, out, _ = run("lint", tmp_path)
    assert code == 2
    assert "holds no rule" in out[0]


def test_a_terminal_that_knows_few_characters_is_no_reason_to_fail(rules: Path) -> None:
    edit(rules / "runs.kql", "Caller !has", 'Caller != "é日" and Callr !has')
    code, out, _ = run_program(
        ["rules", "lint", str(rules)], environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert code == 2
    assert "Callr" in out[1]


def test_controls_in_a_file_do_not_reach_the_terminal(rules: Path) -> None:
    edit(rules / "runs.kql", "Caller !has", "Callr\x1b[31m !has")
    _, out, _ = run("lint", rules / "runs.kql")
    assert "\x1b" not in "".join(out)


# test


def test_sound_cases_are_told_one_by_one() -> None:
    code, out, errors = run("test", "--rules", SOUND)
    assert code == 0
    assert out[:2] == ["ok     bursts: two are few", "ok     bursts: three are many"]
    assert all(line.startswith("ok ") for line in out)
    assert errors == [f"{len(out)} cases of 3 rules: {len(out)} ok, 0 failed"]
    _, out, errors = run("test", "started", "--rules", SOUND)
    assert len(out) == 2
    assert errors == ["2 cases of 1 rule: 2 ok, 0 failed"]


def test_a_case_that_fails_says_what_was_expected_and_seen(rules: Path) -> None:
    edit(rules / "runs.kql", 'ActivityStatusValue =~ "Success"', 'ActivityStatusValue == "Sucess"')
    code, out, errors = run("test", "runs", "--rules", rules)
    assert code == 1
    assert out[0] == (
        f"FAILED runs: a Run Command that succeeded ({rules}/runs.cases.yaml:1): expected a match; "
        "ActivityStatusValue rejects the record; expected an alert; none opened, for no record matches "
        "(ActivityStatusValue)"
    )
    assert errors == ["6 cases of 1 rule: 2 ok, 4 failed"]


def test_cases_that_cannot_be_read_are_located_and_none_is_run(rules: Path) -> None:
    edit(rules / "runs.cases.yaml", "why: Caller\n", "why: Callr\n")
    edit(rules / "started.yaml", "cases: started.cases.yaml", "cases: start.cases.yaml")
    code, out, errors = run("test", "--rules", rules)
    assert (code, out) == (2, [])
    assert errors[0].startswith(f"{rules}/runs.cases.yaml:")
    assert errors[1].startswith(f"{rules}/started.yaml:9: cases: start.cases.yaml does not exist")
    assert len(errors) == 2


def test_a_rule_without_cases_is_told(rules: Path) -> None:
    edit(rules / "started.yaml", "cases: started.cases.yaml", "")
    code, out, errors = run("test", "started", "--rules", rules)
    assert (code, out) == (0, [])
    assert errors == ["warning: started has no cases", "0 cases of 1 rule: 0 ok, 0 failed"]


# explain


def test_a_record_that_matches_is_shown_with_its_group_and_what_it_adds(tmp_path: Path) -> None:
    code, out, errors = run("explain", "runs", "--record", record_file(tmp_path), "--rules", SOUND)
    assert (code, errors) == (0, [])
    assert out[0] == "Microsoft.Compute/virtualMachines/runCommand/action at 2026-03-12T10:00:00.0000000Z"
    assert out[2] == "runs: match, and this record alone makes a row"
    assert [line for line in out if line.startswith("  passed")] == [
        "  passed  5:9  TimeGenerated > ago(Window)",
        "  passed  6:9  OperationNameValue in~ (Operations)",
        '  passed  7:9  ActivityStatusValue =~ "Success"',
        '  passed  8:9  Caller !has "pipeline"',
    ]
    assert '            Caller = "ann"' in out
    assert '  group   Caller = "ann"' in out
    assert '          Machines = "vm1"' in out


def test_the_clause_that_failed_first_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    record = record_file(tmp_path, resultType="Failure", identity={"claims": {"appid": "pipeline"}})
    _, out, _ = run("explain", "--record", record, "--rules", SOUND)
    assert f"runs: no match: ActivityStatusValue fails first ({SOUND}/runs.kql:7:9)" in out
    assert [line.split()[0] for line in out if line.startswith("  ") and ":9  " in line][:4] == [
        "passed",
        "passed",
        "FAILED",
        "failed",
    ]
    assert '            ActivityStatusValue = "Failure"' in out
    assert out[-1] == "Not wanted by: bursts"


def test_a_record_that_is_not_enough_alone_is_told(tmp_path: Path) -> None:
    record = record_file(tmp_path, operationName="Microsoft.Compute/virtualMachines/delete")
    _, out, _ = run("explain", "bursts", "--record", record, "--rules", SOUND)
    assert out[2].startswith("bursts: match, but this record alone makes no row")


def test_an_operation_that_no_rule_wants_is_told_with_the_nearest(tmp_path: Path) -> None:
    record = record_file(tmp_path, operationName="Microsoft.Compute/virtualMachine/runCommand/action")
    code, out, _ = run("explain", "--record", record, "--rules", SOUND)
    assert code == 0
    assert out == [
        "Microsoft.Compute/virtualMachine/runCommand/action at 2026-03-12T10:00:00.0000000Z",
        "No rule wants this operation, so none looks at the record; the nearest that one wants is "
        "microsoft.compute/virtualmachines/runcommand/action.",
    ]
    # A rule that is named is explained all the same.
    _, out, _ = run("explain", "runs", "--record", record, "--rules", SOUND)
    assert f"runs: no match: OperationNameValue fails first ({SOUND}/runs.kql:6:9)" in out


def test_the_explanation_for_programs_is_one_document(tmp_path: Path) -> None:
    record = record_file(tmp_path, resultType="Failure")
    code, (document,), errors = run("explain", "--record", record, "--rules", SOUND, "--json")
    assert (code, errors) == (0, [])
    (explained,) = json.loads(document)
    assert (explained["operation_is_wanted"], explained["nearest_operation"]) == (True, None)
    by_rule = {each["rule"]: each for each in explained["rules"]}
    assert {name: each["operation_is_wanted"] for name, each in by_rule.items()} == {
        "bursts": False,
        "runs": True,
        "started": True,
    }
    runs = by_rule["runs"]
    assert (runs["matches"], runs["returns_row"], runs["first_failed"]) == (
        False,
        None,
        "ActivityStatusValue",
    )
    (clause,) = [each for each in runs["clauses"] if each["decides"]]
    assert (clause["line"], clause["column"], clause["values"]) == (
        7,
        9,
        {"ActivityStatusValue": '"Failure"'},
    )


def test_records_come_from_stdin_in_either_schema_alone_or_in_a_body(tmp_path: Path) -> None:
    table = {
        "TimeGenerated": "2026-03-12T10:00:00Z",
        "OperationNameValue": RUN["operationName"],
        "ActivityStatusValue": "Success",
        "Caller": "ann",
    }
    for document, times in (
        (orjson.dumps(table), 1),
        (orjson.dumps({"records": [RUN, table]}), 2),
        (json.dumps([RUN], indent=2).encode(), 1),
        (orjson.dumps(RUN) + b"\n" + orjson.dumps(table) + b"\n", 2),
    ):
        code, out, _ = run("explain", "runs", "--record", "-", "--rules", SOUND, feed=document)
        assert code == 0
        assert out.count("runs: match, and this record alone makes a row") == times


def test_a_correlated_rule_sees_what_the_whole_file_says_of_the_operation(tmp_path: Path) -> None:
    start = RUN | {"resultType": "Start", "time": "2026-03-12T09:59:00Z"}
    path = tmp_path / "records.json"
    path.write_bytes(orjson.dumps({"records": [start]}))
    _, out, _ = run("explain", "started", "--record", path, "--rules", SOUND)
    assert "started: match, and this record alone makes a row" in out
    path.write_bytes(orjson.dumps({"records": [start, RUN]}))
    _, out, _ = run("explain", "started", "--record", path, "--rules", SOUND)
    assert out.count('            OperationOutcome = "Success"') == 2


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "holds no activity record"),
        (b"{}", "holds no activity record"),
        (b"not json", "unreadable: "),
        (b'{"operationName": 5}', "unreadable: "),
    ],
)
def test_a_file_without_a_record_is_refused(here: Here, tmp_path: Path, document: bytes, told: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(document)
    code, out, errors = here.run("explain", "--record", path, "--rules", SOUND)
    assert (code, out) == (1, [])
    assert told in errors[0]
    assert "holds no activity record" in errors[-1]
    assert here.run("explain", "--record", tmp_path / "gone", "--rules", SOUND)[0] == 1


def test_only_enabled_rules_explain_unless_one_is_named(tmp_path: Path) -> None:
    record = record_file(tmp_path)
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"rules:\n  directory: {SOUND}\n  enabled: [started]\n", encoding="utf-8")
    _, out, _ = run("explain", "--record", record, "--config", settings)
    assert not any(line.startswith("runs:") for line in out)
    _, out, _ = run("explain", "runs", "--record", record, "--config", settings)
    assert any(line.startswith("runs:") for line in out)


def test_the_group_is_in_the_help_with_its_commands() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for name in ("list", "lint", "test", "explain", "schema"):
        assert any(line.split()[:1] == [name] for line in out)
    code, out, _ = run_program(["--help"])
    assert any(line.split()[:1] == ["rules"] for line in out)
