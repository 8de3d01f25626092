"""Our own program as a real process: its lines as they come, signals, and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]


class NeverCame(AssertionError):
    """A line, or the end of the process, did not come in time. Shows what came instead."""


class Program:
    """`python -m stream_detector ARGUMENTS`, killed at the latest when the block is left.

    with Program(["run", "--config", str(settings)]) as program:
        program.wait_for("ready", stream="stderr")
        program.terminate()
        assert program.wait() == 0
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        feed: bytes | None = None,
        command: Sequence[str] = (sys.executable, "-m", "stream_detector"),
    ) -> None:
        """Start at once.

        Args:
            arguments: what follows the command.
            environment: added to this process's environment without STREAM_DETECTOR_ variables.
            directory: working directory; the repository root when None.
            feed: bytes for standard input, which is then closed; empty when None.
            command: another program than ours.
        """
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("STREAM_DETECTOR_")
        }
        path = os.pathsep.join(filter(None, (str(ROOT), inherited.get("PYTHONPATH"))))
        self._arrived = threading.Condition()
        self._lines: dict[str, list[tuple[float, str]]] = {"stdout": [], "stderr": []}
        self._open_streams = 2
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory or ROOT,
            env={**inherited, "PYTHONPATH": path, **(environment or {})},
        )
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=("stdout", stdout), daemon=True),
            threading.Thread(target=self._read, args=("stderr", stderr), daemon=True),
            threading.Thread(target=self._feed, args=(feed or b"",), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _feed(self, feed: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            with stdin:
                stdin.write(feed)
        except BrokenPipeError:
            # The program stopped reading: that is its own decision, seen in its exit code.
            return

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._arrived:
                    self._lines[name].append(
                        (time.monotonic(), line.decode("utf-8", "replace").rstrip("\r\n"))
                    )
                    self._arrived.notify_all()
        with self._arrived:
            self._open_streams -= 1
            self._arrived.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> list[str]:
        """Lines of standard output so far."""
        return [line for _, line in self.timed_lines("stdout")]

    @property
    def stderr(self) -> list[str]:
        """Lines of standard error so far."""
        return [line for _, line in self.timed_lines("stderr")]

    def timed_lines(self, stream: str = "stdout") -> list[tuple[float, str]]:
        """Lines so far with the `time.monotonic()` of their arrival."""
        with self._arrived:
            return list(self._lines[stream])

    def wait_for(
        self, wanted: str | Callable[[str], object], *, stream: str = "stdout", timeout: float = 30.0
    ) -> str:
        """The first line that holds `wanted`, or for which `wanted` is true; lines already there count.

        Raises:
            NeverCame: after `timeout` seconds, or when the program ended without such a line.
        """
        accepts = wanted if callable(wanted) else lambda line: wanted in line
        self.wait_until(lambda: any(accepts(line) for _, line in self._lines[stream]), str(wanted), timeout)
        return next(line for _, line in self.timed_lines(stream) if accepts(line))

    def wait_until(self, holds: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until `holds()`; it is asked anew with every line that comes."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            while not holds():
                left = deadline - time.monotonic()
                if left <= 0 or self._open_streams == 0:
                    raise NeverCame(self._report(what))
                self._arrived.wait(left)

    def _report(self, what: str) -> str:
        ended = self._process.poll()
        state = "still running" if ended is None else f"ended with {ended}"
        tails = [
            f"--- {name}\n" + "\n".join(line for _, line in lines[-40:])
            for name, lines in self._lines.items()
        ]
        return "\n".join([f"never came: {what} (program {state})", *tails])

    def terminate(self) -> None:
        """SIGTERM, as Kubernetes stops a pod."""
        self._process.send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """SIGINT, as Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL, as losing the machine."""
        self._process.kill()

    def wait(self, timeout: float = 30.0) -> int:
        """The exit code, after both outputs were read to their ends.

        Raises:
            NeverCame: the program did not end within `timeout` seconds.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NeverCame(self._report("the end of the program")) from None
        for reader in self._readers:
            reader.join(timeout)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()
        self.wait()


def run_program(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    feed: bytes | None = None,
    timeout: float = 60.0,
) -> tuple[int, list[str], list[str]]:
    """Run our program to its end: exit code, lines of standard output, lines of standard error."""
    with Program(arguments, environment=environment, directory=directory, feed=feed) as program:
        code = program.wait(timeout)
        return code, program.stdout, program.stderr
