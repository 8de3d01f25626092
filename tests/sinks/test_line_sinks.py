"""The stdout and file sinks, on real files, pipes and processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stream_detector.settings import FileSinkSettings, StdoutSinkSettings
from stream_detector.sinks.build import build_routes
from stream_detector.sinks.file import FileSink
from stream_detector.sinks.lines import SinkClosed
from stream_detector.sinks.port import Outcome
from stream_detector.sinks.stdout import StdoutSink


@dataclass(frozen=True)
class SmallAlert:
    """What a sink needs of an alert."""

    alert_id: str = "a1"
    event: str = "opened"
    row: dict[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        return {"alert_id": self.alert_id, "event": self.event, "row": self.row}


HOSTILE = SmallAlert(row={"Caller": 'new\nline "quote" \u2028 ü 🙂', "Count": 3})
UNCARRIABLE = SmallAlert(row={"Caller": "\ud800"})


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe: reading, writing."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


async def test_stdout_writes_each_alert_as_one_line_at_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = StdoutSink(descriptor=writing)
    for alert in (SmallAlert("a1"), HOSTILE):
        assert await sink.deliver(alert) is Outcome.DELIVERED
        line = os.read(reading, 10_000)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert json.loads(line) == alert.to_dict()


async def test_a_reader_that_has_gone_is_told_in_one_sentence(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    sink = StdoutSink(descriptor=pipe[1])
    for _ in range(2):
        with pytest.raises(SinkClosed, match="sink stdout: nothing reads standard output any more"):
            await sink.deliver(SmallAlert())


async def test_a_closed_descriptor_counts_as_gone(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(SinkClosed):
        await StdoutSink(descriptor=pipe[1]).deliver(SmallAlert())


async def test_a_pipe_that_is_full_and_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    big = SmallAlert(row={"Caller": "x" * 500_000})
    delivery = asyncio.create_task(StdoutSink(descriptor=writing).deliver(big))
    received = b""
    while not received.endswith(b"\n"):
        received += await asyncio.to_thread(os.read, reading, 100_000)
    assert await delivery is Outcome.DELIVERED
    assert json.loads(received) == big.to_dict()


async def test_a_line_after_one_that_a_full_disk_cut_off_starts_on_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = StdoutSink(descriptor=descriptor)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            assert await sink.deliver(SmallAlert("a1")) is Outcome.RETRY
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert await sink.deliver(SmallAlert("a1")) is Outcome.DELIVERED
    finally:
        os.close(descriptor)
    cut, whole = path.read_bytes().splitlines()
    assert len(cut) == 20
    assert json.loads(whole) == SmallAlert("a1").to_dict()


_PROGRAM = """
import asyncio, sys
from stream_detector.sinks.lines import SinkClosed
from stream_detector.sinks.stdout import StdoutSink

class Alert:
    alert_id, event = "a", "opened"
    def to_dict(self):
        return {"text": "x" * 1_000_000}

async def main():
    sys.stdin.readline()
    await asyncio.wait_for(StdoutSink().deliver(Alert()), 0.5)

try:
    asyncio.run(main())
except SinkClosed as error:
    print(error, file=sys.stderr)
    sys.exit(1)
except TimeoutError:
    print("gave up", file=sys.stderr)
    sys.exit(3)
"""


def start(**streams: int | None) -> subprocess.Popen[bytes]:
    """A process that writes one big alert once it is told to, and gives up after half a second."""
    root = Path(__file__).resolve().parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", _PROGRAM], cwd=root, **(pipes | streams))  # type: ignore[call-overload, no-any-return]


def test_a_process_whose_reader_ended_dies_without_a_traceback() -> None:
    process = start()
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(b"go\n", timeout=60)
    assert errors.decode() == "sink stdout: nothing reads standard output any more\n"
    assert process.returncode == 1


def test_a_process_whose_reader_stopped_reading_can_still_end() -> None:
    process = start()
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()
    assert process.wait(timeout=60) == 3
    assert process.stderr.read() == b"gave up\n"
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()


@pytest.mark.parametrize("kind", ["stdout", "file"])
async def test_an_alert_that_json_cannot_carry_is_rejected_and_the_next_goes_through(
    kind: str, tmp_path: Path, pipe: tuple[int, int]
) -> None:
    sink = StdoutSink(descriptor=pipe[1]) if kind == "stdout" else FileSink(tmp_path / "a")
    assert await sink.deliver(UNCARRIABLE) is Outcome.REJECTED
    assert await sink.deliver(SmallAlert()) is Outcome.DELIVERED


async def test_a_file_is_appended_to_and_its_directory_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alerts.jsonl"
    for name in ("a1", "a2"):
        assert await FileSink(path).deliver(SmallAlert(name)) is Outcome.DELIVERED
    assert [json.loads(line)["alert_id"] for line in path.read_text().splitlines()] == ["a1", "a2"]
    assert path.stat().st_mode & 0o077 == 0


async def test_a_file_that_was_rotated_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = FileSink(path)
    await sink.deliver(SmallAlert("a1"))
    path.rename(tmp_path / "alerts.1")
    await sink.deliver(SmallAlert("a2"))
    assert "a1" in (tmp_path / "alerts.1").read_text()
    assert json.loads(path.read_text())["alert_id"] == "a2"


async def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"alert_id": "cut')
    await FileSink(path).deliver(SmallAlert("a2"))
    cut, whole = path.read_text().splitlines()
    assert cut == '{"alert_id": "cut'
    assert json.loads(whole)["alert_id"] == "a2"


async def test_a_file_that_cannot_be_written_asks_for_another_try_and_recovers(tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("x")
    sink = FileSink(obstacle / "alerts.jsonl")
    assert await sink.deliver(SmallAlert()) is Outcome.RETRY
    obstacle.unlink()
    assert await sink.deliver(SmallAlert()) is Outcome.DELIVERED


def test_routes_are_made_as_the_settings_say(tmp_path: Path) -> None:
    settings = (
        StdoutSinkSettings(name="screen", events=("opened",)),
        FileSinkSettings(name="log", path=tmp_path / "log"),
    )
    first, second = build_routes(settings)
    assert isinstance(first.sink, StdoutSink)
    assert (first.sink.name, first.events) == ("screen", frozenset({"opened"}))
    assert isinstance(second.sink, FileSink)
    assert (second.sink.name, second.sink.path) == ("log", tmp_path / "log")
    assert second.events == {"opened", "updated", "closed"}
