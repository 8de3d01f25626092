"""`run` as an operator sees it: probes, metrics, logs, signals."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import orjson
from services.program import Program
from services.stack import detector, send, served_hub

BODY = orjson.dumps(
    {
        "records": [
            {
                "time": "2026-03-12T10:00:00Z",
                "resourceId": "/subscriptions/s1/resourceGroups/secret-rg/providers/Microsoft.Compute"
                "/virtualMachines/secret-vm",
                "operationName": "Microsoft.Compute/virtualMachines/runCommand/action",
                "resultType": "Success",
                "callerIpAddress": "203.0.113.77",
                "correlationId": "c1",
                "identity": {"claims": {"appid": "secret-person@contoso.example"}},
            }
        ]
    }
)
PERSONAL = ("secret-person", "secret-rg", "secret-vm", "203.0.113.77")


def test_probes_say_yes_while_receiving_and_metrics_exist_from_the_start(tmp_path: Path) -> None:
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        deadline = time.monotonic() + 30
        while running.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, running.get("/readyz")
            time.sleep(0.05)
        assert running.get("/livez")[0] == 200
        assert running.get("/startupz")[0] == 200
        page = running.get("/metrics")[1]
        for name in (
            'stream_detector_alerts_total{event="opened",rule="rule15",severity="High"} 0.0',
            'stream_detector_undecodable_total{reason="invalid_json"} 0.0',
            'stream_detector_lag_events{partition="3"} 0.0',
        ):
            assert name in page
        assert running.metric("owned_partitions") == 4
        assert running.metric("build_info") == 1


def test_an_alert_is_one_line_in_the_log_without_anybodys_name(tmp_path: Path) -> None:
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        assert send(hub, "-", feed=BODY + b"\n")[0] == 0
        running.program.wait_for("opened")
        line = running.program.wait_for('"event":"alert"', stream="stderr")
        assert json.loads(line)["rule"] == "rule15"
        running.program.terminate()
        assert running.program.wait() == 0
        logged, printed = "\n".join(running.program.stderr), "\n".join(running.program.stdout)
        assert all(text in printed for text in PERSONAL)
        assert not any(text in logged for text in PERSONAL)


def test_metrics_count_the_way_of_a_record_and_name_nobody(tmp_path: Path) -> None:
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        assert send(hub, "-", feed=BODY + b"\n" + BODY + b"\n")[0] == 0
        running.program.wait_for("opened")
        deadline = time.monotonic() + 30
        while running.metric("duplicates_total", layer="content") < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        operation = "microsoft.compute/virtualmachines/runcommand/action"
        assert running.metric("matches_total", rule="rule15", operation=operation) == 1
        assert running.metric("alerts_total", rule="rule15", event="opened") == 1
        assert running.metric("late_total") == 1
        assert running.metric("records_total", kind="needed") == 2
        assert not any(text in running.get("/metrics")[1] for text in PERSONAL)


def test_sigterm_delivers_writes_positions_and_ends_with_0(tmp_path: Path) -> None:
    with served_hub() as hub:
        with detector(hub.environment(), tmp_path) as running:
            assert send(hub, "-", feed=BODY + b"\n")[0] == 0
            running.program.wait_for("opened")
            began = time.monotonic()
            running.program.terminate()
            assert running.program.wait() == 0
            assert time.monotonic() - began < 25
        with detector(hub.environment(), tmp_path) as again:
            other = BODY.replace(b"secret-person", b"other-person")
            assert send(hub, "-", feed=other + b"\n")[0] == 0
            (alert,) = again.wait_for_opened(1)
            assert "other-person" in str(alert["group"]), "an event before the position was read again"


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "not-a-directory").touch()
    settings = tmp_path / "settings.yaml"
    sink = {"type": "file", "path": str(tmp_path / "not-a-directory" / "alerts")}
    settings.write_text(json.dumps({"sinks": [sink]}))
    with (
        served_hub() as hub,
        detector(hub.environment(), tmp_path, arguments=("--config", str(settings))) as running,
    ):
        assert send(hub, "-", feed=BODY + b"\n")[0] == 0
        running.program.wait_for('"event":"alert"', stream="stderr")
        running.program.terminate()
        running.program.wait_for("stopping", stream="stderr")
        began = time.monotonic()
        running.program.terminate()  # the first would wait for the sink that takes nothing
        assert running.program.wait() == 1
        assert time.monotonic() - began < 2


def test_without_settings_run_brings_its_own_hub_and_send_finds_it(tmp_path: Path) -> None:
    environment = {
        "STREAM_DETECTOR_STATE__DIRECTORY": str(tmp_path / "state"),
        "STREAM_DETECTOR_OBSERVE__PORT": "0",
    }
    with Program(["run"], environment=environment, directory=tmp_path) as program:
        program.wait_for("receiving", stream="stderr")
        where = tmp_path / "state" / "embedded-hub.connection-string"
        assert where.stat().st_mode & 0o077 == 0
        with Program(["send", "-", "--connection-string-file", str(where)], feed=BODY + b"\n") as sending:
            assert sending.wait() == 0
        assert json.loads(program.wait_for("opened"))["event"] == "opened"
        key = re.search(r"SharedAccessKey=([^;]+)", where.read_text())
        assert key is not None
        program.terminate()
        assert program.wait() == 0
        assert key.group(1) not in "\n".join(program.stderr + program.stdout)
        assert not where.exists()
