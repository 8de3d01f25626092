"""Alerts as JSON lines appended to a file.

The file is opened for each alert: alerts are rare, and so a file that was renamed or removed by
a log rotation is simply made anew. A line that a crash cut off is closed before the next one.
"""

from __future__ import annotations

import os
from pathlib import Path

from stream_detector.sinks.aside import Aside
from stream_detector.sinks.lines import alert_line
from stream_detector.sinks.port import DeliverableAlert, Outcome


class FileSink:
    """Appends to `path`; its directory is made when it is missing."""

    def __init__(self, path: Path, name: str = "file") -> None:
        self.name = name
        self.path = path
        self._aside = Aside(f"sink {name}")

    async def deliver(self, alert: DeliverableAlert) -> Outcome:
        """Append one line, on the disk when this returns."""
        try:
            line = alert_line(alert)
        except TypeError:
            return Outcome.REJECTED
        try:
            await self._aside.run(lambda: self._append(line))
        except OSError:
            return Outcome.RETRY
        return Outcome.DELIVERED

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Alerts name people and machines: readable by the owner only.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = 0
            while written < len(line):
                written += file.write(line[written:]) or 0
            os.fsync(descriptor)

    async def aclose(self) -> None:
        """Nothing to release: the file is closed after each alert."""
