"""The scanner of large files: what it finds, and that nothing depends on it living."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stream_detector.cli.bodies import read_bodies
from stream_detector.cli.scan_ahead import SMALLEST

ROOT = Path(__file__).resolve().parents[2]
NEEDED = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two processors"
)

_SCAN = """
import os, signal, sys
from stream_detector.cli import scan_ahead as module
from stream_detector.rules.operations import WantedOperations

module.SMALLEST, module._BLOCK = 0, 4096
path, killed_after = sys.argv[1], int(sys.argv[2])
ahead = module.scan_ahead(path, WantedOperations(frozenset({sys.argv[3].lower()})))
assert ahead is not None
with ahead:
    if killed_after == 0:
        os.kill(ahead.process, signal.SIGKILL)
    for count, (number, body) in enumerate(ahead.found(), start=1):
        print("found", number, len(body))
        if count == killed_after:
            os.kill(ahead.process, signal.SIGKILL)
    print("passed", ahead.bodies, ahead.others)
    for number, offset, view in ahead.rest():
        print("rest", number, len(view))
"""


def bodies(path: Path, size: int, ending: bytes = b"\n") -> int:
    """Bodies of one or two records, each tenth with a needed operation, some broken; how many bodies."""
    written = number = 0
    with path.open("wb") as file:
        while written < size:
            number += 1
            operation = NEEDED if number % 10 == 0 else "MICROSOFT.STORAGE/STORAGEACCOUNTS/READ"
            record = {
                "time": f"2026-03-12T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
                "operationName": operation,
                "resultType": "Success",
                "callerIpAddress": "203.0.113.9",
                "resourceId": f"/SUBSCRIPTIONS/S/RESOURCEGROUPS/G{number % 50}/PROVIDERS/P/T/V",
                "identity": {"claims": {"appid": f"app-{number % 7}"}},
                "filling": "x" * (number * 37 % 3000),
            }
            line = json.dumps({"records": [record] * (1 + number % 2)}).encode() + ending
            if number % 13 == 0:
                line = b"broken {" + b"\n" + b"  \n"
            written += file.write(line)
        file.truncate(file.tell() - len(ending) if not line.startswith(b"broken") else None)
    return number


def scan(path: Path, killed_after: int) -> tuple[list[int], int, int, list[int]]:
    """Lines found by the scanner, bodies and other records that it passed, and lines left to be scanned."""
    done = subprocess.run(
        [sys.executable, "-c", _SCAN, str(path), str(killed_after), NEEDED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found, rest, passed = [], [], [0, 0]
    for line in done.stdout.splitlines():
        kind, *values = line.split()
        if kind == "found":
            found.append(int(values[0]))
        elif kind == "rest":
            rest.append(int(values[0]))
        else:
            passed = [int(value) for value in values]
    return found, passed[0], passed[1], rest


def is_to_be_looked_at(body: bytes) -> bool:
    return NEEDED.encode() in body or body.startswith(b"broken")


def test_the_scanner_tells_every_body_that_matters_and_counts_the_others(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    bodies(path, 400_000)
    given = list(read_bodies(str(path)))
    found, passed, others, rest = scan(path, -1)
    assert found == [number for number, body in given if is_to_be_looked_at(body)]
    assert (passed, rest) == (len(given), [])
    assert others == sum(
        len(json.loads(body)["records"]) for _, body in given if not is_to_be_looked_at(body)
    )


@pytest.mark.parametrize("killed_after", [0, 1, 2, 7])
def test_what_a_killed_scanner_has_not_told_is_scanned_here(killed_after: int, tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    # More than a pipe holds, so that the scanner cannot have told everything before it is killed.
    bodies(path, 30_000_000)
    given = dict(read_bodies(str(path)))
    found, passed, _, rest = scan(path, killed_after)
    assert rest
    scanned = [number for number in given if number < rest[0]]
    assert rest == [number for number in given if number >= rest[0]]
    assert passed == len(scanned)
    assert found == [number for number in scanned if is_to_be_looked_at(given[number])]


def test_a_document_over_many_lines_is_one_body(tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_text(json.dumps({"records": [{"operationName": NEEDED}] * 300}, indent=2))
    assert scan(path, -1) == ([1], 1, 0, [])


def replay(path: Path, processors: int) -> tuple[bytes, bytes]:
    """Both outputs of `replay` on this many processors."""
    allowed = sorted(os.sched_getaffinity(0))[:processors]
    done = subprocess.run(
        [sys.executable, "-m", "stream_detector", "replay", "--all", str(path), str(path)],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_replay_says_the_same_with_and_without_a_scanner(ending: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    number = bodies(path, SMALLEST + 100_000, ending)
    alone, beside = replay(path, 1), replay(path, 2)
    assert beside == alone
    assert f"{2 * number:,} bodies".encode() in alone[1]
    assert alone[0].count(b'"event":"opened"') > 10


def test_a_full_disk_at_stdout_does_not_blame_the_input(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    bodies(path, SMALLEST + 100_000)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stream_detector", "replay", str(path)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == b"stream-detector: No space left on device"


def test_an_interrupted_replay_leaves_no_scanner(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    bodies(path, SMALLEST + 100_000)
    with subprocess.Popen(
        [sys.executable, "-m", "stream_detector", "replay", "--all", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    # Every member of the group has to be gone, the scanner too, which finds nobody to report to.
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the scanner is still there")
