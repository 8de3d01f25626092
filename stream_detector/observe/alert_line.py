"""One canonical log line per alert: enough to find it again, nothing personal.

It names the alert, the rule, the times and how much the row holds; never a caller, an address,
a machine, a resource group or any other text from a record. The alert itself goes to the sinks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from stream_detector.sinks.port import DeliverableAlert

logger = logging.getLogger("stream_detector.alerts")

_PLAIN = ("alert_id", "dedup_key", "revision", "opened_at", "detected_at", "late")


def alert_fields(alert: DeliverableAlert) -> dict[str, object]:
    """The fields of the line. Of the row: its counts, and the sizes of its sets."""
    told: Mapping[str, Any] = alert.to_dict()
    fields: dict[str, object] = {name: told[name] for name in _PLAIN if name in told}
    fields["lifecycle"] = str(alert.event)
    rule = told.get("rule", {})
    fields["rule"], fields["severity"] = rule.get("id"), rule.get("severity")
    row: Mapping[str, object] = told.get("row", {})
    fields["counts"] = {name: size for name, value in row.items() if (size := _size(value)) is not None}
    evidence = told.get("evidence", ())
    if evidence:
        fields["partition"] = evidence[0].get("partition")
        fields["sequence_number"] = evidence[0].get("sequenceNumber")
    return fields


def log_alert(alert: DeliverableAlert) -> None:
    """Write the line."""
    logger.info("alert", extra=alert_fields(alert))


def _size(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return len(value) if isinstance(value, (list, tuple)) else None
