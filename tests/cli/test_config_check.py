"""`config check` as a person runs it: a process, its two streams and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
KEY = "c2VjcmV0LXZhbHVl"
CONNECTION = f"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={KEY}"


def check(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `config check`."""
    return program("config", "check", *arguments, **environ)


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository's directory, with these variables and no others of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_DETECTOR_")}
    done = subprocess.run(
        [sys.executable, "-m", "stream_detector", *arguments],
        env=inherited | {f"STREAM_DETECTOR_{name}": value for name, value in environ.items()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_defaults_are_usable_and_shown_as_yaml() -> None:
    done = check()
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    assert shown["observe"] == {"host": "127.0.0.1", "port": 9464, "log_level": "info", "log_format": "auto"}
    assert shown["lateness"] == "1d"
    assert shown["rules"]["enabled"] == "all"
    assert Path(shown["rules"]["directory"]).name == "rules"
    assert "hub: embedded" in done.stderr
    assert "rule15" in done.stderr


def test_values_are_shown_with_their_origin_and_secrets_masked(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("hub:\n  name: Activity\n  prefetch: 10\nsinks:\n  - {type: file, path: a}\n")
    environ = {"HUB__CONNECTION_STRING": CONNECTION, "HUB__PREFETCH": "20"}
    done = check("--config", str(path), **environ)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"  name: activity  # {path}:2" in lines
    assert "  prefetch: 20  # environment STREAM_DETECTOR_HUB__PREFETCH" in lines
    assert "  max_batch_size: 300" in lines
    masked = "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=********"
    assert yaml.safe_load(done.stdout)["hub"]["connection_string"] == masked
    assert yaml.safe_load(done.stdout)["sinks"][0]["path"] == "a"
    assert f"warning: {path}:2: hub.name: is used in lower case" in done.stderr
    assert "hub: activity at a.servicebus.windows.net" in done.stderr


def test_what_is_shown_can_be_used_as_a_settings_file_again(tmp_path: Path) -> None:
    shown = check(LATENESS="90m", HUB__START="2h", STATE__DIRECTORY="odd: # name").stdout
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    repeated = check("--config", str(again))
    assert repeated.returncode == 0, repeated.stderr
    assert yaml.safe_load(repeated.stdout) == yaml.safe_load(shown)


def test_a_wrong_configuration_exits_with_2_and_all_problems(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("hub:\n  prefetch: none\nobserv: {}\n")
    done = check("--config", str(path), LATENESS=CONNECTION)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{path}:2: hub.prefetch: must be a whole number",
        f"{path}:3: observ"
        + ": unknown key; did you mean observe (in the environment STREAM_DETECTOR_OBSERVE)?",
        "environment: STREAM_DETECTOR_LATENESS: is not a duration; write it as 30s, 10m, 2h or 1d",
        "not usable: 3 problems",
    ]


@pytest.mark.parametrize("kind", ["missing", "empty", "broken"])
def test_rules_that_cannot_be_used_exit_with_2(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "rules"
    if kind != "missing":
        directory.mkdir()
    if kind == "broken":
        (directory / "mine.yaml").write_text("id: [\n")
    done = check(RULES__DIRECTORY=str(directory))
    assert done.returncode == 2
    assert str(directory) in done.stderr
    assert "not usable: 1 problem\n" in done.stderr


def test_a_rule_that_does_not_exist_is_named_where_it_was_enabled(tmp_path: Path) -> None:
    done = check(RULES__ENABLED="rule51")
    assert done.returncode == 2
    assert "environment: STREAM_DETECTOR_RULES__ENABLED: 'rule51' is the id of no rule" in done.stderr
    path = tmp_path / "s.yaml"
    path.write_text("lateness: 1h\nrules:\n  enabled: [rule51]\n")
    done = check("--config", str(path))
    assert done.returncode == 2
    assert f"{path}:3: rules.enabled: 'rule51' is the id of no rule" in done.stderr


def test_wrong_settings_and_wrong_rules_are_told_together(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "mine.yaml").write_text("id: mine\nseverity: Loud\n")
    path = tmp_path / "s.yaml"
    path.write_text(f"hub:\n  prefetch: none\nrules:\n  directory: {rules}\n")
    for done in (check("--config", str(path)), program("run", "--config", str(path))):
        assert done.returncode == 2
        assert f"{path}:2: hub.prefetch: must be a whole number" in done.stderr
        assert f"{rules / 'mine.yaml'}:2: severity: " in done.stderr


def test_a_directory_of_rules_that_is_missing_is_named_where_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"rules:\n  directory: {tmp_path / 'none'}\n")
    done = check("--config", str(path))
    assert f"{path}:2: rules.directory: {tmp_path / 'none'} does not exist" in done.stderr
