"""`replay` as a person uses it: files in, alerts out, everything else on stderr."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from services.program import Program, run_program
from services.recompute import Opening, group_of_alert, openings

from stream_detector import ticks
from stream_detector.generate.stream import StreamOptions, activity_stream
from stream_detector.ticks import HOUR

RUN_COMMAND = "Microsoft.Compute/virtualMachines/runCommand/action"


def record(
    at: str, *, caller: str = "ann@contoso.example", ip: str = "203.0.113.7", **more: Any
) -> dict[str, Any]:
    """A generated Run Command record that matches RULE 15."""
    return {
        "time": at,
        "resourceId": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1",
        "operationName": RUN_COMMAND,
        "resultType": "Success",
        "callerIpAddress": ip,
        "correlationId": at,
        "identity": {"claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": caller}},
        "properties": {},
    } | more


def body(*records: object) -> bytes:
    return orjson.dumps({"records": list(records)}) + b"\n"


def replay(
    path: Path | str, *arguments: str, feed: bytes | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    code, out, told = run_program(["replay", "--rule", "rule15", str(path), *arguments], feed=feed)
    assert code == 0, told
    return [json.loads(line) for line in out], told


def test_a_matching_record_opens_an_alert_with_the_row_of_the_query(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(body(record("2026-03-12T10:00:00.1234567Z")))
    (alert,), _ = replay(path)
    assert alert["event"] == "opened"
    assert alert["row"] == {
        "Caller": "ann@contoso.example",
        "ResourceGroup": "rg1",
        "SubscriptionId": "s1",
        "ExecutionCount": 1,
        "AffectedVMs": ["vm1"],
        "ExtensionTypes": ["RunCommand"],
        "AffectedResources": [
            "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1"
        ],
        "SourceIPs": ["203.0.113.7"],
        "CallerIP": "203.0.113.7",
        "FirstSeen": "2026-03-12T10:00:00.1234567Z",
        "LastSeen": "2026-03-12T10:00:00.1234567Z",
        "AccountName": "ann",
        "AccountUPNSuffix": "contoso.example",
    }
    assert alert["opened_at"] == alert["detected_at"] == "2026-03-12T10:00:00.1234567Z"
    assert alert["late"] is False


def test_only_openings_are_printed_unless_all_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(
        body(record("2026-03-12T10:00:00Z"))
        + body(record("2026-03-12T11:00:00Z", ip="203.0.113.8"))
        + body(record("2026-03-12T15:00:00Z", caller="bob@contoso.example"))
    )
    alerts, _ = replay(path)
    assert [alert["event"] for alert in alerts] == ["opened", "opened"]
    every, _ = replay(path, "--all")
    assert [
        (alert["event"], alert["revision"]) for alert in every if alert["alert_id"] == alerts[0]["alert_id"]
    ] == [
        ("opened", 1),
        ("updated", 2),
        ("closed", 3),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_generated_stream_opens_exactly_what_is_recomputed(seed: int, tmp_path: Path) -> None:
    options = StreamOptions(records=6000, share=0.05, groups=30, span=20 * HOUR)
    bodies = list(activity_stream(seed, options))
    path = tmp_path / "bodies"
    path.write_bytes(b"".join(entry.body + b"\n" for entry in bodies))
    alerts, told = replay(path)
    expected = openings(fact for entry in bodies for fact in entry.records)
    assert expected
    assert [Opening(group_of_alert(alert), _ticks(alert["opened_at"])) for alert in alerts] == expected
    assert f"{options.records:,} records" in "\n".join(told)


def _ticks(text: str) -> int:
    from stream_detector.activity.times import parse_time

    parsed = parse_time(text)
    assert parsed is not None
    return parsed


def test_unreadable_lines_are_named_with_their_numbers_and_cost_no_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(
        body(record("2026-03-12T10:00:00Z"))
        + b"\x00\x01\x02 no json at all\n"
        + body(7, record("2026-03-12T10:00:01Z", caller="bob@contoso.example"))
    )
    alerts, told = replay(path)
    assert [alert["group"]["Caller"] for alert in alerts] == ["ann@contoso.example", "bob@contoso.example"]
    assert any(line.startswith(f"{path}:2:") for line in told)
    assert any(line.startswith(f"{path}:3: record 0") for line in told)
    assert "replay: 2 unreadable" in told


def test_standard_input_is_read_and_alerts_come_before_it_ends() -> None:
    with Program(["replay", "-"], feed=body(record("2026-03-12T10:00:00Z"))) as program:
        assert json.loads(program.wait_for("opened"))["event"] == "opened"
        assert program.wait() == 0


def test_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bodies.gz"
    path.write_bytes(gzip.compress(body(record("2026-03-12T10:00:00Z"))))
    alerts, _ = replay(path)
    assert len(alerts) == 1


def test_a_pretty_printed_document_is_one_body(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"records": [record("2026-03-12T10:00:00Z")]}, indent=2))
    alerts, told = replay(path)
    assert len(alerts) == 1
    assert any("1 bodies, 1 records" in line for line in told)


def test_the_same_file_gives_the_same_alerts_with_the_same_ids(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(b"".join(body(record(f"2026-03-12T{hour:02}:00:00Z")) for hour in range(0, 24, 3)))
    first, _ = replay(path, "--all")
    second, _ = replay(path, "--all")
    assert first == second
    assert len({alert["alert_id"] for alert in first if alert["event"] == "opened"}) == 8


def test_a_record_older_than_the_window_alerts_as_late(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(
        body(record("2026-03-12T10:00:00Z"))
        + body(record("2026-03-12T07:59:59Z", caller="bob@contoso.example"))
        + body(record("2026-03-12T08:00:01Z", caller="eve@contoso.example"))
    )
    alerts, _ = replay(path)
    assert [(alert["group"]["Caller"].split("@")[0], alert["late"]) for alert in alerts] == [
        ("ann", False),
        ("bob", True),
        ("eve", False),
    ]


def test_a_missing_file_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    code, out, told = run_program(["replay", str(tmp_path / "nowhere")])
    assert code == 1
    assert out == []
    assert told == [f"stream-detector: {tmp_path / 'nowhere'}: No such file or directory"]


def test_a_directory_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    code, _, told = run_program(["replay", str(tmp_path)])
    assert code == 1
    assert told == [f"stream-detector: {tmp_path}: Is a directory"]


def test_a_damaged_compressed_file_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "bodies.gz"
    path.write_bytes(gzip.compress(body(record("2026-03-12T10:00:00Z")) * 50)[:-20])
    code, _, told = run_program(["replay", "--rule", "rule15", str(path)])
    assert code == 1
    assert told[-1].startswith(f"stream-detector: {path}: ")


def test_settings_of_the_windows_are_used(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(
        body(record("2026-03-12T10:00:00Z"))
        + body(record("2026-03-12T12:05:00Z", caller="bob@contoso.example"))
    )
    code, out, _ = run_program(["replay", "--rule", "rule15", str(path), "--all"])
    assert code == 0
    assert [json.loads(line)["event"] for line in out] == ["opened", "opened"]
    code, out, _ = run_program(
        ["replay", str(path), "--all"], environment={"STREAM_DETECTOR_CLOSE_GRACE": "1m"}
    )
    assert code == 0
    assert [json.loads(line)["event"] for line in out] == ["opened", "opened", "closed"]


def test_a_wrong_setting_ends_with_code_2_and_names_the_key(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("lateness: soon\nhubb: {}\n")
    code, out, told = run_program(["replay", "--rule", "rule15", "-", "--config", str(settings)])
    assert code == 2
    assert out == []
    assert any(line.startswith(f"{settings}:1: lateness:") for line in told)
    assert any(line.startswith(f"{settings}:2: hubb:") for line in told)


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    lines = [
        body(record("2026-03-12T10:00:00Z", caller=f"u{number}@contoso.example")) for number in range(20_000)
    ]
    path.write_bytes(b"".join(lines))
    with subprocess.Popen(
        [sys.executable, "-m", "stream_detector", "replay", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert "Traceback" not in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", [["replay"], ["rows", "--at", "2026-03-12T11:00:00Z"]])
def test_an_output_that_cannot_be_written_is_a_sentence(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(body(record("2026-03-12T10:00:00Z")))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stream_detector", *command, str(path)],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "stream-detector: No space left on device"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text + "\n,garbage",
        lambda text: text.replace('"', "'"),
        lambda text: text.replace("}\n", "},\n", 1),
        lambda text: text[: text.rindex("]")],
        lambda text: text + "\n" + text.replace("example", "example2"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-8-sig"),
    ],
)
def test_a_pretty_printed_file_may_be_damaged(damage: Any, tmp_path: Path) -> None:
    whole = json.dumps(json.loads(body(record("2026-03-12T10:00:00Z"))), indent=2)
    path = tmp_path / "document"
    damaged = damage(whole)
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    code, out, _ = run_program(["replay", "--rule", "rule15", str(path)])
    assert code == 0
    assert len(out) == 1 + ("example2" in str(damaged))


@pytest.mark.parametrize("command", ["replay", "rows"])
def test_a_closed_output_is_a_sentence(command: str, tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(body(record("2026-03-12T10:00:00Z")))
    line = f"{sys.executable} -m stream_detector {command} {path} >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"stream-detector: standard output is closed\n")


def test_alerts_are_printed_when_nobody_listens_to_stderr(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(body(record("2026-03-12T10:00:00Z")))
    line = f"{sys.executable} -m stream_detector replay {path} 2>&-"
    done = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stdout.count(b'"event":"opened"') == 1


def test_a_file_that_is_named_twice_is_read_twice_and_opens_once(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(body(record("2026-03-12T10:00:00Z")))
    code, out, told = run_program(["replay", "--rule", "rule15", str(path), str(path)])
    assert code == 0
    assert len(out) == 1
    assert any("2 bodies, 2 records" in line for line in told)
    assert any("1 matched, 0 filtered, 1 duplicates" in line for line in told)


def test_a_window_edge_is_exact_to_one_tick(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    start = 17_000_000_000_000_000
    for gap, openings_expected in ((2 * HOUR - 1, 1), (2 * HOUR, 2), (2 * HOUR + 1, 2)):
        path.write_bytes(
            body(record(ticks.format_ticks(start))) + body(record(ticks.format_ticks(start + gap)))
        )
        alerts, _ = replay(path)
        assert len(alerts) == openings_expected, gap - 2 * HOUR
