"""Hub and detector as separate processes on loopback, as a person would start them."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.ports import free_port
from services.program import Program, run_program

READY = "receiving"
"""Part of the log line of a detector that has opened its hub."""


@dataclass(frozen=True, slots=True)
class ServedHub:
    """A running `hub` command."""

    program: Program
    connection_string: str
    port: int

    def environment(self) -> dict[str, str]:
        """What `run` and `send` need to reach it."""
        return {"STREAM_DETECTOR_HUB__CONNECTION_STRING": self.connection_string}


@contextlib.contextmanager
def served_hub(
    *arguments: str, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[ServedHub]:
    """`stream-detector hub`, ready for clients."""
    port = port or free_port()
    with Program(["hub", "--port", str(port), *arguments], environment=environment) as program:
        program.wait_for("listening", stream="stderr")
        yield ServedHub(program, program.wait_for("Endpoint="), port)


@dataclass(frozen=True, slots=True)
class Detector:
    """A running `run` command with its metrics port."""

    program: Program
    port: int

    def alerts(self) -> list[dict[str, object]]:
        """Alerts printed so far."""
        return [json.loads(line) for line in self.program.stdout]

    def opened(self) -> list[dict[str, object]]:
        """Alerts of event `opened` printed so far."""
        return [alert for alert in self.alerts() if alert["event"] == "opened"]

    def wait_for_opened(self, count: int, timeout: float = 30.0) -> list[dict[str, object]]:
        """The alerts of event `opened` as soon as there are `count`.

        Lines are not counted: `closed` comes at once after `opened` for a record that is old enough.
        """
        self.program.wait_until(lambda: len(self.opened()) >= count, f"{count} opened alerts", timeout)
        return self.opened()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the health server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric whose labels include `labels`."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found is None or found.group(1) != f"stream_detector_{name}":
                continue
            present = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
            if labels.items() <= present.items():
                total += float(found.group(3))
        return total


@contextlib.contextmanager
def detector(
    environment: Mapping[str, str], directory: Path, *, wait: bool = True, arguments: tuple[str, ...] = ()
) -> Iterator[Detector]:
    """`stream-detector run` with RULE 15 and its state under `directory`; ready when `wait`."""
    port = free_port()
    settings = {
        "STREAM_DETECTOR_STATE__DIRECTORY": str(directory / "state"),
        "STREAM_DETECTOR_OBSERVE__PORT": str(port),
        "STREAM_DETECTOR_HUB__START": "earliest",
        "STREAM_DETECTOR_FLUSH_INTERVAL": "1s",
        "STREAM_DETECTOR_RULES__ENABLED": "rule15",
    }
    with Program(["run", *arguments], environment={**settings, **environment}) as program:
        if wait:
            program.wait_for(READY, stream="stderr")
        yield Detector(program, port)


def send(hub: ServedHub, *arguments: str, feed: bytes | None = None) -> tuple[int, list[str], list[str]]:
    """`stream-detector send` to `hub`, to its end."""
    return run_program(["send", *arguments], environment=hub.environment(), feed=feed)
