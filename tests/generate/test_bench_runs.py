"""The bench works on a small file and finds that replay and the plain loop open the same alerts.

Says nothing about speed: on a small file start-up is all there is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from services.program import ROOT


def test_replay_opens_what_the_plain_loop_opens_on_every_group(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tests" / "bench" / "bench.py"), "--out", str(tmp_path)]
    command += ["--mb", "4", "--share", "0.1", "--rounds", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode in {0, 1}, ended.stderr
    report = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    openings = next(target for target in report["targets"] if target["name"].startswith("openings"))
    assert report["openings"] >= 50
    assert openings["met"], openings
    assert openings["name"] in ended.stdout
