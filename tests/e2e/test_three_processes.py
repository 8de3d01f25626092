"""`hub`, `run` and `send` as three processes over TCP: what goes in comes out, exactly and soon."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import orjson
from services.recompute import (
    execution_counts,
    group_of_alert,
    order_free_openings,
)
from services.stack import Detector, detector, send, served_hub

from stream_detector import ticks
from stream_detector.generate.stream import activity_stream, feed_options

RECORDS = 10_000


def _wait_for_metric(
    running: Detector, name: str, at_least: float, timeout: float = 60.0, **labels: str
) -> None:
    deadline = time.monotonic() + timeout
    while running.metric(name, **labels) < at_least:
        assert time.monotonic() < deadline, f"{name} stayed below {at_least}"
        time.sleep(0.05)


def test_every_sample_body_is_received_and_read(samples: Path, tmp_path: Path) -> None:
    files = sorted(samples.glob("*.json"))
    assert files
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        code, _, told = send(hub, *map(str, files))
        assert code == 0, told
        _wait_for_metric(running, "received_messages_total", len(files))
        expected = sum(_records(orjson.loads(path.read_bytes())) for path in files)
        _wait_for_metric(running, "records_total", expected)
        assert running.metric("records_total") == expected
        assert running.metric("undecodable_total") == 0


def _records(document: object) -> int:
    if isinstance(document, list):
        return len(document)
    assert isinstance(document, dict)
    return len(document["records"])


def test_ten_thousand_records_over_four_partitions_page_exactly_as_recomputed(tmp_path: Path) -> None:
    options = feed_options(RECORDS, ticks.from_unix_seconds(time.time()))
    bodies = list(activity_stream(7, options))
    facts = [record for body in bodies for record in body.records]
    path = tmp_path / "bodies.ndjson"
    path.write_bytes(b"".join(_one_line(body.body) + b"\n" for body in bodies))
    expected = order_free_openings(facts)
    with served_hub() as hub, detector(hub.environment(), tmp_path) as running:
        code, _, told = send(hub, str(path))
        assert code == 0, told
        _wait_for_metric(running, "received_messages_total", len(bodies))
        running.program.wait_until(
            lambda: len(running.opened()) >= sum(expected.values()), "every expected alert", 30
        )
        running.program.terminate()
        assert running.program.wait() == 0
        opened = running.opened()
        assert Counter(group_of_alert(alert) for alert in opened) == Counter(expected)
        assert len({alert["alert_id"] for alert in opened}) == len(opened)
        assert set(_partitions(opened)) <= {"0", "1", "2", "3"}
        assert len(set(_partitions(opened))) > 1
    assert sum(execution_counts(facts).values()) >= len(opened)


def _one_line(body: bytes) -> bytes:
    """A newline-delimited or pretty body would be several lines of a file: send it as one JSON text."""
    if b"\n" not in body:
        return body
    records = [json.loads(line) for line in body.splitlines() if line.strip()]
    return orjson.dumps(records)


def _partitions(alerts: list[dict[str, object]]) -> list[str]:
    found = []
    for alert in alerts:
        evidence = alert["evidence"]
        assert isinstance(evidence, list)
        found.append(evidence[0]["partition"])
    return found
