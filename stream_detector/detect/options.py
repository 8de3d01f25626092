"""Limits and delays of the windows, with the reason for each default.

Values only: settings build it, the windows read it. It must not read a file or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream_detector.ticks import HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """How long windows remember and how often they speak. Times are ticks."""

    lateness: int = 24 * HOUR
    """How long an episode that is over still takes in records, so that they do not page again.
    Delays of many hours have been reported for diagnostic exports."""
    close_grace: int = 10 * MINUTE
    """How long after the window has emptied `closed` waits for stragglers. The slowest of the records
    measured came 133 s late; documentation promises no more than 20 minutes."""
    update_interval: int = 5 * MINUTE
    """At most one `updated` in this time per alert, counted from the event that showed the alert last."""
    max_records_per_group: int = 10_000
    """Times remembered per group. Beyond, the oldest are dropped: the count saturates, openings go on."""
    max_episodes_per_group: int = 64
    """Episodes remembered per group. In order, 13 fit into window and lateness; a backlog has more."""
    max_evidence: int = 5
    """Records named in an alert."""
    deduplicate: bool = True
    """Whether a record with the content of an earlier one of its group is left out."""

    def __post_init__(self) -> None:
        if min(self.lateness, self.close_grace, self.update_interval, self.max_evidence) < 0:
            raise ValueError("lateness, close_grace, update_interval and max_evidence cannot be negative")
        if min(self.max_records_per_group, self.max_episodes_per_group) < 1:
            raise ValueError("max_records_per_group and max_episodes_per_group must be at least 1")
