"""Real bodies from public repositories: everything in them is read."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord, TimeSource
from stream_detector.ticks import format_ticks

SAMPLES = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no sample bodies beside the repository")


def records_of(name: str) -> tuple[ActivityRecord, ...]:
    decoded = BodyDecoder(None).decode((SAMPLES / name).read_bytes(), EventSource("0", 1, None))
    assert decoded.problems == ()
    assert decoded.repaired == 0
    assert all(record.time_source is TimeSource.RECORD for record in decoded.records)
    return decoded.records


def test_every_sample_is_read_without_a_problem() -> None:
    for sample in SAMPLES.glob("*.json"):
        assert records_of(sample.name)


def test_a_captured_administrative_body_is_read() -> None:
    (record,) = records_of("otel-administrative.json")
    assert record.operation == "MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/WRITE"
    assert (record.status, record.caller, record.caller_ip) == ("Start", "user@example.com", "203.0.113.10")
    assert (record.subscription_id, record.resource_group) == ("11111111-1111-1111-1111-111111111111", "")
    assert format_ticks(record.time) == "2025-04-15T10:16:32.9873441Z"
    assert "/providers/microsoft.insights/diagnosticSettings" in record.properties


def test_the_vendors_own_sample_is_read_and_the_caller_trimmed() -> None:
    (record,) = records_of("msdocs-eventhub-sample.json")
    assert (record.caller, record.resource_group) == ("admin@contoso.com", "MSSupportGroup")
    assert (record.subscription_id, record.category, record.level) == ("s1", "Write", "Information")


def test_an_old_body_with_three_fractional_digits_and_no_properties_is_read() -> None:
    (record,) = records_of("sumologic-2018.json")
    assert format_ticks(record.time) == "2018-03-07T14:23:51.9910000Z"
    assert (record.properties, record.caller) == ("", "abc@itsumologic.onmicrosoft.com")


def test_properties_of_three_kinds_and_odd_times_are_read() -> None:
    records = records_of("dynatrace-events.json")
    assert [format_ticks(record.time) for record in records] == [
        *["2021-02-04T07:45:44.5864815Z"] * 4,
        "2021-04-02T07:45:00.0000000Z",
    ]
    assert orjson.loads(records[0].properties)["hostVersion"] == "3.0.15277.0"
    assert records[4].properties.startswith("{'appName':'ik-log-forwarder-function'")
