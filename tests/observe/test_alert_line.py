"""The canonical line of a real alert: RULE 15 on a record whose every text is a marker."""

from __future__ import annotations

import logging

import pytest

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.detect.detector import Detector
from stream_detector.detect.options import WindowOptions
from stream_detector.observe.alert_line import alert_fields, log_alert
from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.ticks import HOUR, parse_duration

RECORD = ActivityRecord(
    time=500_000 * HOUR,
    operation="Microsoft.Compute/virtualMachines/runCommand/action",
    status="Success",
    status_detail="",
    caller="PERSONAL@contoso.example",
    caller_ip="203.0.113.77",
    subscription_id="PERSONAL-subscription",
    resource_group="PERSONAL-group",
    resource_id="/subscriptions/s/resourceGroups/PERSONAL/providers/Microsoft.Compute/virtualMachines/PERSONAL",
    properties='{"PERSONAL": 1}',
    correlation_id="PERSONAL-correlation",
    level="Information",
    category="Administrative",
    origin=Origin("3", 42),
)


def test_the_line_of_a_real_alert_names_it_and_holds_no_text_of_the_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    detector = Detector(load_rules(default_rules_directory(), ["rule15"]), WindowOptions())
    (alert,) = detector.apply(RECORD, RECORD.time + parse_duration("3s")).alerts
    fields = alert_fields(alert)
    assert fields["alert_id"] == str(alert.alert_id)
    assert fields["lifecycle"] == "opened"
    assert fields["rule"] == "rule15"
    assert fields["severity"] == "High"
    assert fields["counts"] == {
        "ExecutionCount": 1,
        "AffectedVMs": 1,
        "ExtensionTypes": 1,
        "AffectedResources": 1,
        "SourceIPs": 1,
    }
    assert (fields["partition"], fields["sequence_number"]) == ("3", 42)
    caplog.set_level(logging.INFO)
    log_alert(alert)
    (record,) = caplog.records
    everything = repr(vars(record))
    assert str(alert.alert_id) in everything
    assert "PERSONAL" not in everything
    assert "203.0.113.77" not in everything
