"""Bodies that nobody can read arrive between good ones: none of the good ones is lost, nothing loops."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
from services.records import run_command
from services.stack import Detector, ServedHub, detector, served_hub
from services.waiting import wait_until

from stream_detector.hub.connection import HubConnection
from stream_detector.hub.publisher import Publisher

HUB = "insights-operational-logs"


POISON: list[bytes] = [
    b"",
    b"\x00\xff\xfe binary",
    b"{" * 200_000,
    b'{"records":[' * 1000,
    b'{"records": 7}',
    b'{"records": [null, 1, "text", [], {"operationName": {"a": 1}}]}',
    b'{"records": [{"operationName": "\xff\xfe"}',
    b"[" + b"1," * 300_000 + b"1]",
    orjson.dumps({"records": [{key: [{}] for key in run_command("x")}]}),
    # These two are odd, but can be read.
    b'{"records":[{"time":1e400,"operationName":"Microsoft.Compute/virtualMachines/runCommand/action"}]}',
    b'{"records":[{"operationName":"\\ud800"}]}',
]
READABLE = 2


async def _publish(hub: ServedHub, bodies: list[bytes], partition: str | None = None) -> None:
    connection = HubConnection(HUB, "localhost", connection_string=hub.connection_string)
    async with Publisher(connection, partition=partition) as publisher:
        for body in bodies:
            await publisher.add(body)
        await publisher.flush()


async def test_every_good_record_between_poison_opens_its_alert_and_poison_is_kept(tmp_path: Path) -> None:
    bodies = []
    for number, poison in enumerate(POISON):
        bodies += [poison, orjson.dumps({"records": [run_command(f"user{number}@contoso.example"), 7]})]
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        await _publish(hub, bodies, partition="1")
        await wait_until(lambda: running.metric("received_messages_total") >= len(bodies), "every event")
        await wait_until(lambda: len(running.opened()) >= len(POISON), "an alert for each good record")
        callers = {alert["group"]["Caller"] for alert in running.opened()}  # type: ignore[index]
        assert callers >= {f"user{number}@contoso.example" for number in range(len(POISON))}
        assert running.metric("undecodable_total") > len(POISON)
        assert running.metric("internal_errors_total") == 0
        assert running.metric("received_messages_total") == len(bodies), "an event was read twice"
        _every_problem_is_named_and_kept(running, tmp_path)
        running.program.terminate()
        assert running.program.wait() == 0


def _every_problem_is_named_and_kept(running: Detector, directory: Path) -> None:
    named = [json.loads(line) for line in running.program.stderr if '"event":"undecodable"' in line]
    assert all(
        entry["partition"] == "1" and entry["sequence_number"] >= 0 and entry["reason"] for entry in named
    )
    bodies_named = {entry["sequence_number"] for entry in named}
    assert len(bodies_named) == 2 * len(POISON) - READABLE
    kept = [path.read_bytes() for path in (directory / "state" / "dead-letters").rglob("*") if path.is_file()]
    assert len(kept) < 1000, "one body filled the dead letters"
    assert POISON[1] in kept
    assert POISON[2] in kept
    assert POISON[7] in kept
