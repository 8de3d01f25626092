"""`rules`: look at rules, check them, run their cases, and explain what they make of a record.

Declares the commands; each is a module of its own that is imported when it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from stream_detector.cli.core import add_config_option

_Commands = argparse._SubParsersAction


def add_parser(commands: _Commands[argparse.ArgumentParser]) -> None:
    """Declare the group."""
    group = commands.add_parser("rules", help="list, check, test and explain the rules")
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(inner, "list", "rules_list", "one line for each rule of the directory")
    lint = _add(inner, "lint", "rules_lint", "show everything that is wrong or doubtful in rules", ids=False)
    lint.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="directory of rules, or one .kql file with or without its .yaml; - is a query from stdin",
    )
    _add(inner, "test", "rules_test", "run the cases that stand beside the rules")
    explain = _add(inner, "explain", "rules_explain", "show clause by clause what rules make of a record")
    explain.add_argument(
        "--record",
        required=True,
        metavar="FILE",
        help="JSON: a record or a body, as delivered or with the columns of the table; - is stdin",
    )
    _add_json(explain)
    _add_json(_add(inner, "schema", "rules_schema", "show the columns of the rules' results"))


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, module: str, text: str, *, ids: bool = True
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    if ids:
        parser.add_argument("ids", nargs="*", metavar="ID", help="only these rules")
    parser.add_argument("--rules", type=Path, metavar="DIRECTORY", help="instead of the configured directory")
    add_config_option(parser)
    parser.set_defaults(run=_later(module))
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: one JSON document on stdout")


def _later(module: str) -> Callable[[argparse.Namespace], int]:
    """The command of a module, which is imported when it is called."""

    def run(args: argparse.Namespace) -> int:
        # Rules and records hold any character; a terminal that lacks one is shown its escape.
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return int(import_module(f"stream_detector.cli.{module}").run(args))

    return run
