"""`rules schema`: the columns of each rule's result with their types in KQL."""

from __future__ import annotations

import argparse
import sys

import orjson

from stream_detector.cli.rules_choice import chosen, directory_of, sound_rules
from stream_detector.cli.rules_shown import table


def run(args: argparse.Namespace) -> int:
    """Print a table, or `[{"rule", "columns": [{"name", "type", "is_key"}]}]`."""
    rules = chosen(sound_rules(directory_of(args)), args.ids)
    if args.json:
        sys.stdout.buffer.write(
            orjson.dumps(
                [
                    {
                        "rule": rule.id,
                        "columns": [
                            {"name": name, "type": type_.value, "is_key": name in rule.rule.key_columns}
                            for name, type_ in rule.rule.schema
                        ],
                    }
                    for rule in rules
                ]
            )
            + b"\n"
        )
        return 0
    lines = [("rule", "column", "type", "")]
    for rule in rules:
        keys = rule.rule.key_columns
        lines += [
            (rule.id, name, type_.value, "key" if name in keys else "") for name, type_ in rule.rule.schema
        ]
    for line in table(lines):
        print(line)
    return 0
