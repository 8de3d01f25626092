"""Runs a command to its end and says what it cost: wall time, CPU time, peak memory. POSIX only."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run, start-up included."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time."""
    peak: int
    """Largest resident size in bytes."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of several runs of the same command."""

    runs: tuple[Cost, ...]

    @property
    def wall(self) -> float:
        """The best wall time: what disturbs a run only ever adds to it."""
        return min(run.wall for run in self.runs)

    @property
    def wall_median(self) -> float:
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        return min(run.cpu for run in self.runs)

    @property
    def peak(self) -> int:
        return min(run.peak for run in self.runs)


def run(command: Sequence[str], out: Path, environment: Mapping[str, str]) -> Cost:
    """Run once; standard output goes to `out`.

    Raises:
        SystemExit: the command failed; its error output is shown.
    """
    errors = out.with_suffix(".stderr")
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment
        )
        # wait4 instead of wait: only it tells the memory and CPU of this very child.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)} ended with {process.returncode}:\n{errors.read_text()[-4000:]}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)
