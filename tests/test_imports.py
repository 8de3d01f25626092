"""Imports point inward, and the core is a function of its arguments."""

from __future__ import annotations

import pytest
from services.layers import ALLOWED, CORE, layer_of, package_violations, violations
from services.program import ROOT


def test_no_module_imports_against_the_direction_and_the_core_is_pure() -> None:
    assert package_violations(ROOT / "stream_detector") == []


def test_every_layer_with_a_rule_exists() -> None:
    package = ROOT / "stream_detector"
    layers = {layer_of(path.relative_to(package).as_posix()) for path in package.rglob("*.py")}
    assert set(ALLOWED) | CORE <= layers


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("detect/x.py", "from stream_detector.hub import receiver", "detect must not import hub"),
        ("detect/x.py", "import stream_detector.settings", "detect must not import settings"),
        ("detect/x.py", "from ..sinks import stdout", "detect must not import sinks"),
        ("activity/x.py", "from stream_detector import rules", "activity must not import rules"),
        (
            "kql/x.py",
            "from stream_detector.activity.record import ActivityRecord",
            "kql must not import activity",
        ),
        (
            "rules/x.py",
            "def f():\n    from stream_detector.detect import alert",
            "rules must not import detect",
        ),
        ("ticks.py", "from stream_detector.errors import InputError", "ticks must not import errors"),
        (
            "localhub/a/x.py",
            "from stream_detector.activity import decode",
            "localhub must not import activity",
        ),
        ("generate/x.py", "from stream_detector.rules import rule15", "generate must not import rules"),
        ("pipeline.py", "from stream_detector.observe import metrics", "pipeline must not import observe"),
        ("hub/x.py", "from stream_detector.cli import run", "hub must not import cli, an entry point"),
        ("detect/x.py", "import asyncio", "the core must not use asyncio"),
        ("detect/x.py", "from azure.eventhub import EventData", "the core must not use azure"),
        ("activity/x.py", "import time as t", "the core must not use time"),
        ("rules/rule15.py", "from pathlib import Path", "the core must not use pathlib"),
        ("detect/x.py", "async def f(): ...", "the core must not await"),
        ("activity/x.py", "from datetime import datetime\ndatetime.now()", "the core must not call now()"),
        ("activity/x.py", "import datetime as d\nd.datetime.now(tz=d.UTC)", "the core must not call now()"),
        ("detect/x.py", "import uuid\nuuid.uuid4()", "the core must not call uuid4()"),
        ("detect/x.py", "print(1)", "the core must not call print()"),
        ("kql/x.py", "open('rule.kql')", "the core must not call open()"),
    ],
)
def test_the_checker_sees_a_wrong_module(path: str, source: str, complaint: str) -> None:
    assert [line.split(": ", 1)[1] for line in violations(path, source)] == [complaint]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("detect/x.py", "from stream_detector import ticks\nfrom stream_detector.rules.model import Rule"),
        ("detect/x.py", "from . import alert\nimport uuid\nuuid.uuid5(a, b)"),
        ("rules/load.py", "from pathlib import Path\nimport yaml\nopen('x')"),
        ("hub/x.py", "import asyncio, time\nfrom stream_detector.detect import detector\nprint(time.time())"),
        ("cli/x.py", "from stream_detector import service, __version__"),
        ("localhub/x.py", "import asyncio\nfrom stream_detector.errors import HubError"),
    ],
)
def test_the_checker_accepts_a_right_module(path: str, source: str) -> None:
    assert violations(path, source) == []
