"""`make bench`: replay against a plain loop over the same file in the same run, and memory against file size.

Prints a table with each target and whether it is met, and writes bench-out/bench.json. Ends with 1 when
a target is missed or the two disagree on an alert. Figures are ratios of runs that alternate on one
machine; absolute seconds say nothing about another.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import Cost, Costs, run

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "plain orjson loop"
REPLAY = "replay"
READ = "read loop alone"
STARTS = {PLAIN: "plain loop, empty file", REPLAY: "replay, empty file"}
"""What of each run is start-up."""

SPEED_TARGET = 1.5
"""Times as fast as the plain loop, on bodies of which few matter."""
MEMORY_TARGET = 1.1
"""Most times the memory for four times the file."""


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is promised."""

    name: str
    figure: float
    wanted: str
    met: bool


def environment() -> dict[str, str]:
    """That of this process without our settings, which could change what replay does."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("STREAM_DETECTOR_")}
    return inherited | {"PYTHONPATH": str(ROOT)}


def bench_file(out: Path, megabytes: float, share: float, groups: int) -> Path:
    """The generated file, made once for the same generator."""
    sources = sorted((ROOT / "stream_detector" / "generate").glob("*.py"))
    newest = max(source.stat().st_mtime for source in sources)
    path = out / f"bodies-{megabytes:g}mb-{share:g}-{groups}.ndjson"
    if not path.exists() or path.stat().st_mtime < newest:
        partial = path.with_suffix(".partial")
        command = [sys.executable, "-m", "stream_detector.generate", str(partial), "--mb", f"{megabytes:g}"]
        command += ["--share", f"{share:g}", "--groups", str(groups)]
        subprocess.run(command, check=True, env=environment(), cwd=ROOT)
        partial.replace(path)
    return path


def commands(path: Path) -> dict[str, list[str]]:
    """What is compared, by name."""
    read = "import sys\nfor line in open(sys.argv[1], 'rb', buffering=1 << 20): pass"
    plain = [sys.executable, str(ROOT / "tests" / "bench" / "plain_loop.py")]
    replay = [sys.executable, "-m", "stream_detector", "replay", "--rule", "rule15"]
    return {
        PLAIN: [*plain, str(path)],
        REPLAY: [*replay, str(path)],
        READ: [sys.executable, "-c", read, str(path)],
        STARTS[PLAIN]: [*plain, os.devnull],
        STARTS[REPLAY]: [*replay, os.devnull],
    }


def printed_by(out: Path, name: str) -> Path:
    """Where the standard output of a command is kept."""
    return out / f"{name.replace(', ', '-').replace(' ', '-')}.out"


def compare(out: Path, path: Path, rounds: int) -> dict[str, Costs]:
    """Run all commands in turn, `rounds` times: what changes on the machine changes for each."""
    runs: dict[str, list[Cost]] = defaultdict(list)
    for round_number in range(rounds):
        names = list(commands(path).items())
        for name, command in names if round_number % 2 == 0 else reversed(names):
            runs[name].append(run(command, printed_by(out, name), environment()))
    return {name: Costs(tuple(runs[name])) for name in commands(path)}


def openings(printed: Path) -> list[tuple[str, ...]]:
    """Group and event time of each opening that a command printed, in comparable form."""
    found = []
    for line in printed.read_text("utf-8").splitlines():
        alert = json.loads(line)
        group = alert["group"]
        parts = list(group.values()) if isinstance(group, dict) else group
        found.append((*(str(part).lower() for part in parts), alert["opened_at"]))
    return sorted(found)


def memory(out: Path, small: Path, large: Path) -> tuple[int, int]:
    """Peak memory of replay for both files, in bytes; the best of two runs each."""
    peaks = []
    for path in (small, large):
        command = commands(path)[REPLAY]
        peaks.append(min(run(command, out / "memory.out", environment()).peak for _ in range(2)))
    return peaks[0], peaks[1]


def judge(
    costs: dict[str, Costs],
    expected: list[tuple[str, ...]],
    printed: list[tuple[str, ...]],
    peaks: tuple[int, int],
) -> list[Target]:
    """Every target with its figure. No opening at all proves nothing, and so meets nothing."""
    speed = costs[PLAIN].wall / costs[REPLAY].wall
    growth = peaks[1] / peaks[0]
    differing = (Counter(expected) - Counter(printed)) + (Counter(printed) - Counter(expected))
    alike = bool(expected) and not differing
    faster = f">= {SPEED_TARGET}"
    return [
        Target("replay against the plain loop, wall time", speed, faster, speed >= SPEED_TARGET),
        Target(
            "peak memory, file against a quarter of it",
            growth,
            f"<= {MEMORY_TARGET}",
            growth <= MEMORY_TARGET,
        ),
        Target(f"openings that differ, of {len(expected)}", differing.total(), "0", alike),
    ]


def table(costs: dict[str, Costs], targets: list[Target], size: int) -> str:
    """Both tables as text."""
    plain = costs[PLAIN]
    heading = f"over {size / 1e6:.0f} MB"
    lines = [f"{heading:24}{'best':>9}{'median':>9}{'CPU':>9}{'peak':>10}{'ratio':>8}"]
    for name, cost in costs.items():
        ratio = "" if name in STARTS.values() else f"{plain.wall / cost.wall:8.2f}"
        seconds = f"{cost.wall:8.2f}s{cost.wall_median:8.2f}s{cost.cpu:8.2f}s"
        lines.append(f"{name:24}{seconds}{cost.peak / 1e6:7.0f} MB{ratio}")
    lines += ["", f"{'target':52}{'figure':>9}{'wanted':>10}"]
    lines += [f"{t.name:52}{t.figure:9.2f}{t.wanted:>10}  {'met' if t.met else 'MISSED'}" for t in targets]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, write; the exit code says whether every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=float, default=200, help="size of the file (default 200)")
    parser.add_argument(
        "--share", type=float, default=0.002, help="share of matching records (default 0.002)"
    )
    parser.add_argument("--groups", type=int, default=50, help="distinct groups (default 50)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command (default 5)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "bench-out", help="directory for files and results"
    )
    chosen = parser.parse_args()
    out: Path = chosen.out
    out.mkdir(exist_ok=True)
    large = bench_file(out, chosen.mb, chosen.share, chosen.groups)
    small = bench_file(out, chosen.mb / 4, chosen.share, chosen.groups)
    costs = compare(out, large, chosen.rounds)
    expected, printed = openings(printed_by(out, PLAIN)), openings(printed_by(out, REPLAY))
    peaks = memory(out, small, large)
    targets = judge(costs, expected, printed, peaks)
    print(table(costs, targets, large.stat().st_size))
    report = {
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.system()},
        "arguments": {
            "mb": chosen.mb,
            "share": chosen.share,
            "groups": chosen.groups,
            "rounds": chosen.rounds,
        },
        "bytes": large.stat().st_size,
        "openings": len(expected),
        "costs": {name: [asdict(each) for each in cost.runs] for name, cost in costs.items()},
        "replay_peak_bytes": {"quarter": peaks[0], "whole": peaks[1]},
        "targets": [asdict(target) for target in targets],
    }
    (out / "bench.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return 0 if all(target.met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
