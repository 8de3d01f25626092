"""`rules list`: one line for each rule, as a table."""

from __future__ import annotations

import argparse
import sys

from stream_detector.cli.rules_choice import Directory, SoundRule, chosen, directory_of, sound_rules
from stream_detector.cli.rules_shown import table
from stream_detector.ticks import format_duration


def run(args: argparse.Namespace) -> int:
    """Print the table; the directory goes to stderr."""
    directory = directory_of(args)
    rules = chosen(sound_rules(directory), args.ids)
    heading = ("id", "severity", "version", "window", "enabled", "operations", "name")
    for line in table([heading, *(_line(rule, directory) for rule in rules)]):
        print(line)
    print(f"{len(rules)} rule{'' if len(rules) == 1 else 's'} in {directory.path}", file=sys.stderr)
    return 0


def _line(rule: SoundRule, directory: Directory) -> tuple[str, ...]:
    info, wanted = rule.rule.info, rule.rule.operations
    return (
        info.id,
        info.severity,
        info.version,
        format_duration(rule.rule.window),
        "yes" if directory.is_enabled(info.id) else "no",
        # A rule that names operations by a part has no number of them.
        "by test" if wanted.tests else str(len(wanted.names)),
        info.name,
    )
