"""A second process that scans a large file while this one starts and decides.

    this process    load rules | load the rest | read and decide what was found ...
    scanner          (forked)  | scan block after block, telling what was found ...

Scanning takes most of the time of a replay, and the rest can go on beside it. The scanner is this
process forked, so nothing is loaded twice. It tells the bodies that hold a needed operation, or that
it cannot judge, by their place; they are read and decoded here, so a mistake of the scanner can
cost time, not records. Should it end early, the rest of the file is scanned here.

What it tells, block after block, is text lines in a pipe: `NUMBER OFFSET SIZE` for each such body,
then `block LINES OFFSET BODIES OTHERS` with the sums so far, and `end` when there is no more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
from collections.abc import Container, Iterator
from io import RawIOBase
from types import TracebackType
from typing import BinaryIO, Self

from stream_detector.activity.scan import scan
from stream_detector.cli.bodies import Told, lines, open_bodies, told_as_input_error, views

SMALLEST = 16 << 20
"""Bytes. A smaller file is scanned sooner than a second process is under way."""
_BLOCK = 1 << 20
"""Bytes scanned between two reports."""


def scan_ahead(path: str, operations: Container[str] | None) -> ScanAhead | None:
    """Start scanning a file in a process of its own; None where that is no gain, or not possible."""
    if operations is None or not _is_worth_it(path):
        return None
    try:
        stream = open_bodies(path)
    except OSError:
        return None  # the command says why when it opens the file
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _be_scanner(stream, operations, reading, writing)
    os.close(writing)
    return ScanAhead(path, stream, process, os.fdopen(reading, "rb"))


def _is_worth_it(path: str) -> bool:
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        return False
    if path == "-" or path.endswith(".gz"):
        return False
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size >= SMALLEST


class ScanAhead:
    """What the scanner of one file tells. To be closed, which ends the scanner."""

    def __init__(self, path: str, stream: RawIOBase, process: int, reports: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self.process = process
        self._reports = reports
        self.bodies = 0
        """Bodies scanned so far, those without needed operations included."""
        self.others = 0
        """Records in bodies without needed operations."""
        self._line = self._offset = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reports.close()
        self._stream.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def found(self, progress: Told = None) -> Iterator[tuple[int, bytes]]:
        """(line number from 1, body) of every body to be looked at, as far as the scanner came."""
        hits: list[tuple[int, int, int]] = []
        for report in self._reports:
            if report == b"end\n":
                self._ended = True
            if report == b"end\n" or not report.endswith(b"\n"):
                return
            if not report.startswith(b"block "):
                number, offset, size = map(int, report.split())
                hits.append((number, offset, size))
                continue
            for number, offset, size in hits:
                with told_as_input_error(self._path):
                    body = os.pread(self._stream.fileno(), size, offset)
                yield number, body
            hits.clear()
            before = self._offset
            self._line, self._offset, self.bodies, self.others = map(int, report.split()[1:])
            if progress is not None:
                progress(self._offset - before)

    def rest(self, progress: Told = None) -> Iterator[tuple[int, int, memoryview]]:
        """What the scanner has not told about, to be scanned here: nothing, unless it ended early."""
        if self._ended:
            return
        with told_as_input_error(self._path):
            self._stream.seek(self._offset)
            if self._offset == 0:
                yield from views(self._stream, progress)
            else:
                yield from lines(self._stream, progress, self._line, self._offset)


def _be_scanner(stream: RawIOBase, operations: Container[str], reading: int, writing: int) -> None:
    """Scan, report, and end this process. Never returns; an error ends it early, which is understood."""
    try:
        os.close(reading)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the one who reads has gone
        with os.fdopen(writing, "wb", buffering=_BLOCK) as reports:
            _scan(stream, operations, reports)
            reports.write(b"end\n")
    finally:
        os._exit(0)


def _scan(stream: RawIOBase, operations: Container[str], reports: BinaryIO) -> None:
    others_seen: set[str] = set()
    number = end = bodies = others = 0
    due = _BLOCK
    for number, offset, view in views(stream):
        bodies += 1
        found = scan(view, operations, others_seen)
        if found is None or found.needed:
            reports.write(b"%d %d %d\n" % (number, offset, len(view)))
        else:
            others += found.total
        end = offset + len(view) + 1
        if end >= due:
            reports.write(b"block %d %d %d %d\n" % (number, end, bodies, others))
            reports.flush()
            due = end + _BLOCK
    reports.write(b"block %d %d %d %d\n" % (number, end, bodies, others))
