"""`rules lint` and `rules explain` on files that are wrong in unusual ways: told once, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import orjson
import pytest
from services.program import ROOT, run_program

from stream_detector.cli.main import main
from stream_detector.kql.problems import line_and_column

SOUND = ROOT / "tests" / "rules" / "files" / "sound"
DELETE: dict[str, object] = {
    "operationName": "Microsoft.Compute/virtualMachines/delete",
    "resultType": "Success",
    "resourceId": "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
    "callerIpAddress": "203.0.113.7",
    "identity": {"claims": {"appid": "ann"}},
}
NEAR = """AzureActivity
| where TimeGenerated > ago(2h)
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/delete"
| summarize n = count(), d = dcount(CallerIpAddress) by Caller, SubscriptionId, ResourceGroup
| where n >= 3
| where d > 1
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A directory with one sample rule, to be changed."""
    directory = tmp_path / "rules"
    directory.mkdir()
    for ending in (".kql", ".yaml", ".cases.yaml"):
        shutil.copy(SOUND / f"runs{ending}", directory)
    return directory


class Lint:
    """`rules lint` in this process."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def lines(self, place: Path) -> list[str]:
        """Everything that it prints, without the directory."""
        main(["rules", "lint", str(place)])
        out, errors = self._captured.readouterr()
        assert errors.startswith("lint: ")
        return [line.replace(f"{place}/", "") for line in out.splitlines()]

    def told(self, place: Path) -> list[str]:
        """Problems and warnings without the lines they are about."""
        return [line for line in self.lines(place) if not line.startswith("    ")]


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str]) -> Lint:
    return Lint(capsys)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


# cases


@pytest.mark.parametrize(
    "name", ["sub/a.yaml", "..", ".", "/etc/passwd", "sub/a.cases.yaml", "../runs.cases.yaml"]
)
def test_a_name_of_cases_that_is_no_file_beside_the_rule_is_one_problem(
    lint: Lint, rules: Path, name: str
) -> None:
    edit(rules / "runs.yaml", "cases: runs.cases.yaml", f"cases: {name}")
    assert lint.told(rules) == [f"runs.yaml:13: cases: {name!r} is not a file name such as x.cases.yaml"]
    assert lint.told(rules / "runs.kql")[0].endswith("is not a file name such as x.cases.yaml")
    for command in ("test", "list", "schema"):
        code, _, errors = run_program(["rules", command, "--rules", str(rules)])
        assert (code, len(errors)) == (2, 1)


@pytest.mark.parametrize("name", ["other.cases.yaml", f"{'a' * 300}.cases.yaml"])
def test_cases_that_are_not_there_are_one_problem(lint: Lint, rules: Path, name: str) -> None:
    edit(rules / "runs.yaml", "cases: runs.cases.yaml", f"cases: {name}")
    (told,) = lint.told(rules)
    assert "does not exist" in told or "File name too long" in told


@pytest.mark.parametrize("text", ["- [", "", "- name: a\n", "[]"])
def test_broken_cases_are_told_as_that_and_not_as_missing(lint: Lint, rules: Path, text: str) -> None:
    (rules / "runs.cases.yaml").write_text(text, encoding="utf-8")
    told = lint.told(rules)
    assert told
    assert all(line.startswith("runs.cases.yaml:") and "warning" not in line for line in told)


def test_cases_of_a_rule_that_cannot_be_read_are_not_called_unnamed(lint: Lint, rules: Path) -> None:
    (rules / "runs.yaml").write_text("]", encoding="utf-8")
    (told,) = lint.told(rules)
    assert told.startswith("runs.yaml:1:")


# files that are none


@pytest.mark.parametrize("name", ["runs.kql", "runs.yaml", "runs.cases.yaml"])
@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
def test_what_is_no_regular_file_is_told_and_not_waited_for(rules: Path, name: str, kind: str) -> None:
    path = rules / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    code, out, _ = run_program(["rules", "lint", str(rules)])
    assert code == 2
    assert out == [f"{path}: is not a regular file; put a text file there"]


# texts


TEXTS = [
    ("name: ", '"Run\\e[31mred"', "holds the character U+001B, which is not to be seen"),
    ("name: ", '"Run\\u202Ered"', "holds the character U+202E, which changes the direction of writing"),
    ("name: ", '"Run\\nred"', "holds a line break"),
    ("name: ", '"Run\\x9bred"', "holds the character U+009B"),
    ("tactics: ", '["Execution\\u2066"]', "holds the character U+2066, which changes"),
    ("description: ", '"one\\n\\e[2Jtwo"', "holds the character U+001B"),
    ("runbook_url: ", '"https://a.example/\\u200fb"', "holds the character U+200F"),
    ("version: ", '"1\\x00"', "holds the character U+0000"),
    ("cases: ", '"runs\\0.cases.yaml"', "holds the character U+0000"),
    ("id: ", '"runs\\u2028"', "holds the character U+2028"),
]


@pytest.mark.parametrize(("key", "text", "told"), TEXTS)
def test_a_text_that_would_act_on_a_terminal_is_refused(
    lint: Lint, rules: Path, key: str, text: str, told: str
) -> None:
    path = rules / "runs.yaml"
    lines = path.read_text("utf-8").splitlines()
    (number,) = [at for at, line in enumerate(lines) if line.startswith(key)]
    lines[number] = key + text
    path.write_text("\n".join(lines), encoding="utf-8")
    (line,) = lint.told(rules)
    assert line.startswith(f"runs.yaml:{number + 1}: {key.strip(': ')}: {told}")


def test_a_text_may_be_in_any_script_and_a_description_of_several_lines(lint: Lint, rules: Path) -> None:
    edit(
        rules / "runs.yaml",
        "description: A person",
        "description: |\n  One\n\n  \u0645\u06cc\u200c\u0634\u0648\u062f A person",
    )
    assert lint.told(rules) == []


def test_a_key_that_would_act_on_a_terminal_is_shown_with_escapes(rules: Path) -> None:
    with (rules / "runs.yaml").open("a", encoding="utf-8") as file:
        file.write('"a\\e[31m": 5\n')
    for command in (["list", "--rules"], ["lint"]):
        _, out, errors = run_program(["rules", *command, str(rules)])
        assert any("'a\\x1b[31m': is no key" in line for line in (*out, *errors))


@pytest.mark.parametrize(
    ("tactic", "hint"),
    [
        ("Executing", "; did you mean Execution?"),
        ("execution", "; did you mean Execution?"),
        ("InitialAcess", "; did you mean Initial Access?"),
        ("Zz", "; known: Reconnaissance, "),
    ],
)
def test_a_tactic_that_does_not_exist_is_a_warning(lint: Lint, rules: Path, tactic: str, hint: str) -> None:
    edit(rules / "runs.yaml", "[Execution]", f"[Persistence, {tactic}]")
    (told,) = lint.told(rules)
    assert told.startswith(f"runs.yaml:5: tactics: warning: {tactic!r} is no tactic of MITRE ATT&CK{hint}")


@pytest.mark.parametrize(
    "tactic", ["Command and Control", "CommandAndControl", "InitialAccess", "Impact", "PreAttack"]
)
def test_tactics_are_known_as_attack_and_as_sentinel_spell_them(lint: Lint, rules: Path, tactic: str) -> None:
    edit(rules / "runs.yaml", "[Execution]", f"[{tactic}]")
    assert lint.told(rules) == []


@pytest.mark.parametrize("time", ["yesterday", "''", "null", "2026-13-01", "[1]", "5", "true"])
def test_a_time_of_a_case_that_cannot_be_read_is_a_problem(lint: Lint, rules: Path, time: str) -> None:
    (rules / "runs.cases.yaml").write_text(
        f"- name: a\n  record:\n    OperationNameValue: a/b\n    TimeGenerated: {time}\n  expect: no match\n",
        encoding="utf-8",
    )
    (told,) = lint.told(rules)
    assert told.startswith("runs.cases.yaml:4: [1].record.TimeGenerated: ")
    assert told.endswith(" is no time; write one such as 2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "time", ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01 10:00:00.5 +01:00", "1767225600"]
)
def test_a_time_of_a_case_may_be_spelled_as_in_the_stream(lint: Lint, rules: Path, time: str) -> None:
    (rules / "runs.cases.yaml").write_text(
        f"- name: a\n  record: {{OperationNameValue: a/b, TimeGenerated: {time}}}\n  expect: no match\n",
        encoding="utf-8",
    )
    assert lint.told(rules) == []


# line ends


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_in_messages_and_below_the_caret(lint: Lint, rules: Path, end: str) -> None:
    text = (rules / "runs.kql").read_text("utf-8").replace("Caller !has", "Callr !has")
    (rules / "runs.kql").write_bytes(text.replace("\n", end).encode())
    (rules / "runs.cases.yaml").write_text(
        "- {name: a, record: {OperationNameValue: a/b}, expect: no match}\n"
    )
    lines = lint.lines(rules)
    assert lines[0].startswith("runs.kql:8:9: ")
    assert lines[1:] == ['    | where Callr !has "pipeline"', "            ^"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a\rb\r\nc\n\rd", {0: (1, 1), 1: (1, 2), 2: (2, 1), 3: (2, 2), 5: (3, 1), 7: (4, 1), 8: (5, 1)}),
        ("", {0: (1, 1)}),
        ("ab", {2: (1, 3)}),
        ("a\r", {1: (1, 2), 2: (2, 1)}),
    ],
)
def test_a_place_is_a_line_and_a_character(text: str, places: dict[int, tuple[int, int]]) -> None:
    assert {offset: line_and_column(text, offset) for offset in places} == places


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_byte_that_is_no_text_is_told_with_its_line(lint: Lint, rules: Path, end: bytes) -> None:
    (rules / "runs.kql").write_bytes(b"AzureActivity" + end + b"// a" + end + b"// \xff" + end)
    assert "runs.kql:3: is not UTF-8 text; save it as UTF-8" in lint.told(rules)


# texts side by side


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ('Caller !in ("a" "b")', 21),
        ('Caller !in~ ("x", "a" "b" "c", "d")', 27),
        ('not(Caller has_any ("a", "b" \'c\'))', 34),
        ('Caller !in (dynamic(["a" "b"]))', 30),
        ('Caller !in ("x", strcat("a", "b"), "c"\n  // comment\n  "d")', 44),
    ],
)
def test_texts_side_by_side_in_a_list_are_a_warning(
    lint: Lint, rules: Path, condition: str, column: int
) -> None:
    edit(rules / "runs.kql", 'Caller !has "pipeline"', condition)
    (told,) = lint.told(rules)
    assert told.startswith(f"runs.kql:8:{column}: warning: these texts are one, since no comma stands")


@pytest.mark.parametrize(
    "condition",
    [
        'Caller !in ("a", "b")',
        'Caller != "a" "b"',
        'Caller !in (strcat("a" "b"), "c")',
        'Caller !in ("a") and Level != "b"',
    ],
)
def test_other_texts_are_no_warning(lint: Lint, rules: Path, condition: str) -> None:
    edit(rules / "runs.kql", 'Caller !has "pipeline"', condition)
    assert not any("these texts are one" in line for line in lint.told(rules))


# a near miss of a threshold


def near(rules: Path, tmp_path: Path, *addresses: str, thresholds: str = "") -> list[str]:
    """Arguments that explain a rule with conditions behind summarize on one body of records."""
    metadata = (SOUND / "runs.yaml").read_text("utf-8").replace("id: runs\n", "id: near\n")
    metadata = metadata.partition("thresholds:")[0]
    (rules / "near.kql").write_text(NEAR, encoding="utf-8")
    (rules / "near.yaml").write_text(metadata + thresholds, encoding="utf-8")
    records = [
        DELETE | {"time": f"2026-03-12T10:0{at}:00Z", "callerIpAddress": address}
        for at, address in enumerate(addresses)
    ]
    path = tmp_path / "records.json"
    path.write_bytes(orjson.dumps({"records": records}))
    return ["rules", "explain", "near", "--record", str(path), "--rules", str(rules)]


def test_a_near_miss_names_the_condition_that_failed_and_the_value_it_saw(
    rules: Path, tmp_path: Path
) -> None:
    _, out, _ = run_program(near(rules, tmp_path, *["203.0.113.7"] * 3))
    assert out[2] == "near: match, but this record alone makes no row: see below what its group makes"
    at = out.index("near, its group of 3 records: no row: `d > 1` fails first (d = 1)")
    assert out[at + 1 :] == [
        "  passed  5:9  n >= 3",
        "            n = 3",
        "  FAILED  6:9  d > 1",
        "            d = 1",
        '  group   Caller = "ann"',
        '          SubscriptionId = "s1"',
        '          ResourceGroup = "rg"',
    ]


def test_a_row_that_records_make_together_is_shown(rules: Path, tmp_path: Path) -> None:
    _, out, _ = run_program(near(rules, tmp_path, "203.0.113.7", "203.0.113.8", "203.0.113.8"))
    at = out.index("near, its group of 3 records: a row")
    assert out[at + 8 :] == [
        '  row     Caller = "ann"',
        '          SubscriptionId = "s1"',
        '          ResourceGroup = "rg"',
        "          n = 3",
        "          d = 2",
    ]


def test_a_threshold_of_the_yaml_is_named_by_its_key_and_line(rules: Path, tmp_path: Path) -> None:
    arguments = near(
        rules,
        tmp_path,
        "203.0.113.7",
        "203.0.113.8",
        "203.0.113.8",
        thresholds="thresholds:\n  d: 1\n  n: 9\n",
    )
    _, out, _ = run_program(arguments)
    at = out.index("near, its group of 3 records: no row: `n: 9` fails first (n = 3)")
    line = len((rules / "near.yaml").read_text("utf-8").splitlines())
    assert out[at + 5 : at + 9] == [
        f"  passed  {rules}/near.yaml:{line - 1}  d: 1",
        "            d = 2",
        f"  FAILED  {rules}/near.yaml:{line}  n: 9",
        "            n = 3",
    ]


def test_a_near_miss_is_in_the_document_for_programs(rules: Path, tmp_path: Path) -> None:
    arguments = near(rules, tmp_path, *["203.0.113.7"] * 3)
    _, (document,), _ = run_program([*arguments, "--json"])
    for explained in json.loads(document):
        (rule,) = explained["rules"]
        together = rule["together"]
        assert (rule["matches"], rule["returns_row"], together["returns_row"]) == (True, False, False)
        assert (together["records"], together["outside"]) == (3, 0)
        assert together["first_failed"] == "d"
        assert [
            (each["text"], each["line"], each["column"], each["passed"], each["decides"], each["values"])
            for each in together["conditions"]
        ] == [
            ("n >= 3", 5, 9, True, False, {"n": "3"}),
            ("d > 1", 6, 9, False, True, {"d": "1"}),
        ]
        assert together["group"]["Caller"] == '"ann"'
        assert together["row"] == {
            "Caller": "ann",
            "SubscriptionId": "s1",
            "ResourceGroup": "rg",
            "n": 3,
            "d": 1,
        }


def test_a_record_that_does_not_match_is_in_no_group(rules: Path, tmp_path: Path) -> None:
    arguments = near(rules, tmp_path, "203.0.113.7")
    path = tmp_path / "records.json"
    path.write_bytes(path.read_bytes().replace(b"machines/delete", b"machines/start"))
    path.write_bytes(path.read_bytes().replace(b"Machines/delete", b"Machines/start"))
    _, (document,), _ = run_program([*arguments, "--json"])
    assert json.loads(document)[0]["rules"][0]["together"] is None
    _, out, _ = run_program(arguments)
    assert not any("its group of" in line for line in out)
