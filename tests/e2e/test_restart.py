"""Stopped, killed, and a hub made anew: where reading goes on."""

from __future__ import annotations

from pathlib import Path

from services.ports import free_port
from services.records import run_command_body
from services.stack import Detector, detector, send, served_hub


def _callers(running: Detector) -> list[str]:
    return [alert["group"]["Caller"] for alert in running.opened()]  # type: ignore[index]


def test_after_kill_9_reading_goes_on_at_once_and_repeats_only_known_ids(tmp_path: Path) -> None:
    with served_hub() as hub:
        with detector(hub.environment(), tmp_path) as running:
            assert send(hub, "-", feed=run_command_body("one") + b"\n" + run_command_body("two"))[0] == 0
            running.wait_for_opened(2)
            ids = {alert["alert_id"] for alert in running.opened()}
            running.program.kill()
            running.program.wait()
        with detector(hub.environment(), tmp_path) as again:
            assert send(hub, "-", feed=run_command_body("three"))[0] == 0
            again.program.wait_for('"three"', timeout=15)
            repeated = {alert["alert_id"] for alert in again.opened()} - ids
            assert len(repeated) == 1, "an alert came again with another id"


def test_a_hub_made_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    port = free_port()
    key = {"STREAM_DETECTOR_LOCAL_HUB_KEY": "a2V5IG9mIHRoZSB0ZXN0"}
    with served_hub(port=port, environment=key) as hub, detector(hub.environment(), tmp_path) as running:
        feed = b"\n".join(run_command_body(f"old{number}") for number in range(8))
        assert send(hub, "-", "--partition", "0", feed=feed)[0] == 0
        running.wait_for_opened(8)
        running.program.terminate()
        assert running.program.wait() == 0
    with served_hub(port=port, environment=key) as hub:
        assert send(hub, "-", "--partition", "0", feed=run_command_body("new1"))[0] == 0
        with detector(hub.environment(), tmp_path) as running:
            running.program.wait_for('"new1"')
            assert any("made anew" in line for line in running.program.stderr)
            assert _callers(running) == ["new1"]
