"""Alerts as JSON lines on standard output, for people and for programs behind a pipe.

Each line is handed to the system before `deliver` returns: written to the file descriptor itself,
so that no buffer of Python is left to flush, or to fail, when the process ends.
"""

from __future__ import annotations

import errno
import os
import select
import sys

from stream_detector.sinks.aside import Aside
from stream_detector.sinks.lines import SinkClosed, alert_line
from stream_detector.sinks.port import DeliverableAlert, Outcome

_GONE = (errno.EPIPE, errno.EBADF, errno.ECONNRESET)


class StdoutSink:
    """Writes to `descriptor`, by default the process's standard output."""

    def __init__(self, name: str = "stdout", descriptor: int | None = None) -> None:
        self.name = name
        self._descriptor = descriptor
        self._aside = Aside(f"sink {name}")
        self._cut = False

    async def deliver(self, alert: DeliverableAlert) -> Outcome:
        """Write one line.

        Raises:
            SinkClosed: the reader of the pipe has ended.
        """
        try:
            line = alert_line(alert)
        except TypeError:
            return Outcome.REJECTED
        try:
            await self._aside.run(lambda: self._write(line))
        except OSError as error:
            if error.errno in _GONE:
                raise SinkClosed(f"sink {self.name}: nothing reads standard output any more") from error
            return Outcome.RETRY
        return Outcome.DELIVERED

    def _write(self, line: bytes) -> None:
        """The whole line, after a line break when the last one was cut off, as by a full disk."""
        descriptor = _standard_output() if self._descriptor is None else self._descriptor
        rest = memoryview(b"\n" + line if self._cut else line)
        while rest:
            try:
                written = os.write(descriptor, rest)
            except BlockingIOError:
                # Whoever started us made the pipe non-blocking.
                select.select([], [descriptor], [])
                continue
            rest = rest[written:]
            self._cut = bool(rest)

    async def aclose(self) -> None:
        """Nothing to release: standard output belongs to the process."""


def _standard_output() -> int:
    # Python sets this to None when it was started with the descriptor closed; 1 may be another file then.
    if sys.__stdout__ is None:
        raise BrokenPipeError(errno.EPIPE, "standard output is closed")
    return 1
