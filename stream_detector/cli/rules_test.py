"""`rules test`: the cases beside the rules, one line for each.

Exit code 0 when every case is as expected, 1 when one is not, 2 when rules or cases cannot be used.
"""

from __future__ import annotations

import argparse
import sys

from stream_detector.cli.rules_cases import cases_of
from stream_detector.cli.rules_choice import chosen, directory_of, sound_rules
from stream_detector.cli.rules_judging import judge
from stream_detector.cli.rules_shown import printable
from stream_detector.errors import ConfigurationError, Problem
from stream_detector.rules.load import in_reading_order

EXIT_FAILED = 1


def run(args: argparse.Namespace) -> int:
    """Print what each case led to; the summary goes to stderr."""
    rules = chosen(sound_rules(directory_of(args)), args.ids)
    problems: list[Problem] = []
    cases = [(rule, cases_of(rule.files, problems)) for rule in rules]
    if problems:
        raise ConfigurationError(in_reading_order(problems))
    failed = total = 0
    for rule, own in cases:
        if not own:
            print(f"warning: {rule.id} has no cases", file=sys.stderr)
        for case in own:
            differences = judge(case, rule.rule)
            total += 1
            failed += bool(differences)
            if differences:
                print(
                    printable(
                        f"FAILED {rule.id}: {case.name} ({case.source}:{case.line}): {'; '.join(differences)}"
                    )
                )
            else:
                print(printable(f"ok     {rule.id}: {case.name}"))
    print(
        f"{total} case{'' if total == 1 else 's'} of {len(rules)} rule{'' if len(rules) == 1 else 's'}: "
        f"{total - failed} ok, {failed} failed",
        file=sys.stderr,
    )
    return EXIT_FAILED if failed else 0
