"""`rows`: what the query returns at an instant, from the state or exactly as scheduled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from services.program import run_program

ROW = {
    "TimeGenerated": "2026-03-12T10:00:00.0000000Z",
    "OperationNameValue": "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION",
    "ActivityStatusValue": "Success",
    "Caller": "ann@contoso.example",
    "CallerIpAddress": "203.0.113.7",
    "SubscriptionId": "s1",
    "ResourceGroup": "rg1",
    "ResourceId": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1",
    "Properties": "{}",
    "CorrelationId": "c1",
}


def rows(tmp_path: Path, records: list[dict[str, Any]], *arguments: str) -> list[dict[str, Any]]:
    path = tmp_path / "bodies"
    path.write_bytes(b"".join(orjson.dumps({"records": [record]}) + b"\n" for record in records))
    code, out, told = run_program(["rows", str(path), "--rule", "rule15", *arguments])
    assert code == 0, told
    return [json.loads(line) for line in out]


def test_the_scheduled_query_groups_by_case_and_counts_duplicates(tmp_path: Path) -> None:
    records = [ROW, ROW, ROW | {"ResourceGroup": "RG1"}]
    found = rows(tmp_path, records, "--at", "2026-03-12T11:00:00Z", "--as-scheduled")
    assert sorted((row["ResourceGroup"], row["ExecutionCount"]) for row in found) == [("RG1", 1), ("rg1", 2)]


def test_the_state_groups_without_case_and_counts_a_duplicate_once(tmp_path: Path) -> None:
    records = [ROW, ROW, ROW | {"ResourceGroup": "RG1", "CorrelationId": "c2"}]
    (found,) = rows(tmp_path, records, "--at", "2026-03-12T11:00:00Z")
    assert (found["ResourceGroup"], found["ExecutionCount"]) == ("rg1", 2)


@pytest.mark.parametrize("scheduled", [(), ("--as-scheduled",)])
@pytest.mark.parametrize(
    ("at", "count"),
    [("2026-03-12T12:00:00Z", 0), ("2026-03-12T11:59:59.9999999Z", 1), ("2026-03-11T00:00:00Z", 1)],
)
def test_the_window_is_strict_at_one_tick_and_open_towards_the_future(
    scheduled: tuple[str, ...], at: str, count: int, tmp_path: Path
) -> None:
    assert len(rows(tmp_path, [ROW], "--at", at, *scheduled)) == count


def test_an_unknown_rule_ends_with_code_2_and_names_the_known_ones(tmp_path: Path) -> None:
    code, out, told = run_program(["rows", "-", "--at", "now", "--rule", "nope"])
    assert code == 2
    assert out == []
    (line,) = told
    assert line.startswith("arguments: --rule: no rule 'nope'; known are: ")
    assert ", rule15, " in line


def test_a_time_that_is_none_is_wrong_usage() -> None:
    code, _, told = run_program(["rows", "-", "--at", "yesterday-ish"])
    assert code == 2
    assert "is not a time" in told[-1]


def test_the_time_of_rows_is_required() -> None:
    code, _, told = run_program(["rows", "-"])
    assert code == 2
    assert "--at" in told[-1]


def test_as_scheduled_a_rule_about_operations_sees_what_each_record_says_itself(tmp_path: Path) -> None:
    started = ROW | {
        "OperationNameValue": "Microsoft.SerialConsole/serialPorts/connect/action",
        "ActivityStatusValue": "Start",
    }
    path = tmp_path / "bodies"
    path.write_bytes(orjson.dumps({"records": [started, started | {"Caller": "", "CorrelationId": "c2"}]}))
    for rules in (["--rule", "serial-console"], []):
        at = ["--at", "2026-03-12T11:00:00Z", "--as-scheduled"]
        code, out, told = run_program(["rows", str(path), *rules, *at])
        assert code == 0, told
        assert {json.loads(line)["Caller"] for line in out} == {"ann@contoso.example", ""}
