"""Entry of the program: one sub-command per module of this package.

Only argparse is imported here; what a command needs is imported when it runs, because `replay` of a
small file should not wait for the Azure SDK.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from stream_detector import __version__
from stream_detector.errors import ConfigurationError, StreamDetectorError, UsageError

EXIT_FAILED = 1
EXIT_USAGE = 2
PROGRAM = "stream-detector"
_COLUMNS = 80
"""Width of the help where there is no terminal."""


COMMANDS = ("run", "demo", "replay", "rows", "rules", "hub", "send")
"""Modules of this package, in the order of the help."""
_BRIEF = ("replay", "rows")
"""Commands that read files and end."""
_BRIEF_THRESHOLD = 200_000
"""Objects made before garbage is looked for: more than the start makes, so that it is not searched."""


class _Parser(argparse.ArgumentParser):
    """A parser that asks for the terminal's width by itself: argparse imports all compression for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _formatter} | options)


def _formatter(prog: str) -> argparse.HelpFormatter:
    told = os.environ.get("COLUMNS", "")
    try:
        columns = int(told) if told.isdecimal() and int(told) else os.get_terminal_size().columns
    except OSError:
        columns = _COLUMNS
    return argparse.HelpFormatter(prog, width=columns - 2)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands, or of `only` the one that was called: the others stay unimported."""
    parser: argparse.ArgumentParser = _Parser(
        prog=PROGRAM,
        description="Detects code execution on Azure machines from Activity Log events as they arrive.",
    )
    parser.add_argument("--version", action="version", version=f"stream-detector {__version__}")
    commands = parser.add_subparsers(prog=PROGRAM, title="commands", metavar="COMMAND", required=True)
    for name in (only,) if only in COMMANDS else COMMANDS:
        import_module(f"stream_detector.cli.{name}").add_parser(commands)
    if only not in COMMANDS:
        config = commands.add_parser("config", help="look at the configuration")
        import_module("stream_detector.cli.config_check").add_parser(
            config.add_subparsers(title="commands", metavar="COMMAND", required=True)
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if arguments is None:
        return _run_process(sys.argv[1:])
    return _run(arguments)


def _run_process(given: Sequence[str]) -> int:
    """Run one command as all that this process does."""
    if not given or given[0] not in _BRIEF:
        return _run(given)
    gc.set_threshold(_BRIEF_THRESHOLD)
    try:
        return _run(given)
    finally:
        gc.freeze()  # the interpreter would look through everything twice before it ends


def _run(given: Sequence[str]) -> int:
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - closed by whoever started us: nobody to tell
    if sys.stdout is None:
        print("stream-detector: standard output is closed", file=sys.stderr)
        return EXIT_FAILED
    try:
        args = build_parser(given[0] if given else None).parse_args(list(given))
        return int(args.run(args))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except UsageError as error:
        print(f"stream-detector: {error}", file=sys.stderr)
        return EXIT_USAGE
    except StreamDetectorError as error:
        print(f"stream-detector: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        # Whoever read our output has gone, as `| head` does, or the disk is full. What fails to be read is
        # told by the commands themselves. Python would complain once more at exit.
        if not isinstance(error, BrokenPipeError):
            print(f"stream-detector: {error.strerror or type(error).__name__}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
