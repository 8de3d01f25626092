"""The alert: what is handed to sinks, and its form as one JSON object.

Values and their rendering only; when an alert is raised is decided in `window`. Times are ticks
here and ISO 8601 with seven digits and Z in the JSON. A repr must not show whom an alert is about.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.rules.model import RuleInfo
from stream_detector.ticks import format_ticks


class AlertEvent(StrEnum):
    """A step in the life of an alert."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


class Evidence(Struct, frozen=True, gc=False):
    """A record behind an alert: enough to find it in Azure and in the hub."""

    time: int
    operation: str
    status: str
    correlation_id: str
    resource_id: str
    partition: str
    sequence_number: int

    def __repr__(self) -> str:
        """Without texts that say who did it to what."""
        return f"Evidence(time={self.time}, operation={self.operation!r}, status={self.status!r})"

    @classmethod
    def of(cls, record: ActivityRecord, texts: SharedTexts) -> Evidence:
        """What is kept of `record`."""
        return cls(
            time=record.time,
            operation=texts.of(record.operation),
            status=texts.of(record.status),
            correlation_id=record.correlation_id,
            resource_id=texts.of(record.resource_id),
            partition=texts.of(record.origin.partition),
            sequence_number=record.origin.sequence_number,
        )

    def to_dict(self) -> dict[str, object]:
        """Names as in the Activity Log."""
        return {
            "time": format_ticks(self.time),
            "operation": self.operation,
            "status": self.status,
            "correlationId": self.correlation_id,
            "resourceId": self.resource_id,
            "partition": self.partition,
            "sequenceNumber": self.sequence_number,
        }


class Alert(Struct, frozen=True, gc=False):
    """One event in the life of an alert about one group."""

    alert_id: str
    """UUID of rule, group and opening record: the same after any replay."""
    dedup_key: str
    """Names rule and group, over all episodes."""
    event: AlertEvent
    revision: int
    """1 for `opened`, then one more each time."""
    rule: RuleInfo
    group: dict[str, object]
    """Summarize-by columns, in the spelling that was seen first."""
    row: dict[str, object]
    """The row of the query's result, fit for JSON."""
    opened_at: int
    """Event time at which the row first met the rule's minimums."""
    detected_at: int
    """The clock when this event was decided."""
    late: bool
    """The window had already passed when the alert was opened."""
    evidence: tuple[Evidence, ...]
    """The opening record first, then the latest to arrive."""
    pivot_query: str
    """KQL that shows the row's records."""

    def __repr__(self) -> str:
        """Without group, row, evidence and query: they are about people."""
        return f"Alert({self.alert_id}, {self.event}, revision={self.revision}, opened_at={self.opened_at})"

    @property
    def runbook_url(self) -> str:
        """Where it is written what to do."""
        return self.rule.runbook_url

    def to_dict(self) -> dict[str, object]:
        """The alert as the JSON object that sinks deliver."""
        rule = self.rule
        return {
            "alert_id": self.alert_id,
            "dedup_key": self.dedup_key,
            "event": self.event.value,
            "revision": self.revision,
            "rule": {
                "id": rule.id,
                "name": rule.name,
                "version": rule.version,
                "severity": rule.severity,
                "tactics": list(rule.tactics),
                "techniques": list(rule.techniques),
            },
            "group": dict(self.group),
            "row": dict(self.row),
            "opened_at": format_ticks(self.opened_at),
            "detected_at": format_ticks(self.detected_at),
            "late": self.late,
            "evidence": [record.to_dict() for record in self.evidence],
            "runbook_url": self.runbook_url,
            "pivot_query": self.pivot_query,
        }
