"""Records that RULE 15 matches and a detector for it, for the tests beside this file."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import Any

from msgspec.structs import replace
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.detect.alert import Alert
from stream_detector.detect.detector import Detector
from stream_detector.detect.options import WindowOptions
from stream_detector.ticks import DAY

RUN = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
NOON = 20_524 * DAY + DAY // 2
"""2026-03-12T12:00:00Z"""

RULE = Rule15ByHand()


def machine(name: str) -> str:
    return f"/subscriptions/s1/resourceGroups/RG-App/providers/Microsoft.Compute/virtualMachines/{name}"


def record(time: int, vm: str = "vm1", **columns: Any) -> ActivityRecord:
    """A Run Command that matches, but for `columns`; each time and machine has its own correlation."""
    matching = ActivityRecord(
        time=time,
        operation=RUN,
        status="Success",
        status_detail="",
        caller="ann@contoso.com",
        caller_ip="203.0.113.7",
        subscription_id="s1",
        resource_group="RG-App",
        resource_id=machine(vm),
        properties="{}",
        correlation_id=f"c-{time}-{vm}",
        level="Information",
        category="Administrative",
        origin=Origin("2", 4711),
    )
    return replace(matching, **columns)


def detector(options: WindowOptions | None = None, **rule_changes: Any) -> Detector:
    """A detector with RULE 15 as shipped, but for `rule_changes`."""
    return Detector([changed(RULE, **rule_changes)], options)


def events(alerts: tuple[Alert, ...] | list[Alert]) -> list[tuple[str, int]]:
    """Event and revision of each alert."""
    return [(alert.event.value, alert.revision) for alert in alerts]
