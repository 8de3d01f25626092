"""`rules lint`: everything that is wrong in rules, and what is allowed but hardly meant.

Problems and warnings are what the command is for, so they go to stdout, each with the line it is about;
the summary goes to stderr. Exit code 0 without problems, whatever the warnings; 2 with one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stream_detector.cli.rules_cases import cases_of, unnamed_cases
from stream_detector.cli.rules_choice import directory_of
from stream_detector.cli.rules_shown import Sources
from stream_detector.cli.rules_warnings import warnings_of
from stream_detector.errors import Problem, UsageError
from stream_detector.rules.load import QUERY, RuleFiles, in_reading_order, read_query, read_rule, read_rules

EXIT_USAGE = 2
_STDIN = Path("stdin")


class _Found:
    """What was found in all places so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.rules = 0

    def add(self, rules: tuple[RuleFiles, ...], problems: list[Problem]) -> None:
        """Rules with the problems that reading them gave; those of their cases are added here."""
        for files in rules:
            cases_of(files, problems)
            if files.rule is not None:
                self.warnings += warnings_of(files)
        self.rules += len(rules)
        self.problems += problems


def run(args: argparse.Namespace) -> int:
    """Print what is wrong in each place, in the order given."""
    found, sources = _Found(), Sources()
    for path in args.paths or [None]:
        if path == "-":
            _lint_stdin(found, sources)
        elif path is None or Path(path).is_dir():
            directory = directory_of(args).path if path is None else Path(path)
            rules, problems = read_rules(directory)
            found.add(rules, list(problems))
            found.warnings += _as_warnings(unnamed_cases(directory, rules))
        else:
            files, problems = read_rule(_query(path))
            found.add((files,), list(problems))
    for problem in in_reading_order([*found.problems, *found.warnings]):
        for line in sources.shown(problem):
            print(line)
    counts = (
        _count(found.rules, "rule"),
        _count(len(found.problems), "problem"),
        _count(len(found.warnings), "warning"),
    )
    print(f"lint: {', '.join(counts)}", file=sys.stderr)
    return EXIT_USAGE if found.problems else 0


def _lint_stdin(found: _Found, sources: Sources) -> None:
    raw = sys.stdin.buffer.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
    sources.add(str(_STDIN), text)
    problems: list[Problem] = []
    found.add((read_query(text, _STDIN, problems),), problems)


def _query(path: str) -> Path:
    """A single rule's file.

    Raises:
        UsageError: it cannot be one.
    """
    query = Path(path)
    if query.suffix != QUERY:
        raise UsageError(f"{path}: name a directory of rules or a {QUERY} file")
    return query


def _as_warnings(problems: list[Problem]) -> list[Problem]:
    return [Problem(each.source, each.line, each.key, f"warning: {each.text}") for each in problems]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
