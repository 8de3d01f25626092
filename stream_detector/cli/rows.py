"""`rows`: the rows that the query returns at an instant, from files of event bodies.

By default from the detector's own state: grouping as configured, duplicates counted once.
`--as-scheduled` is the scheduled query to the letter, for comparison with Sentinel.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson

from stream_detector import ticks
from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.activity.times import parse_time
from stream_detector.cli.bodies import read_bodies
from stream_detector.cli.core import Core, add_config_option, add_rule_option, load_core
from stream_detector.detect.detector import Detector
from stream_detector.detect.operation import alone
from stream_detector.rules.model import Rule, wanted_operations
from stream_detector.rules.scheduled import scheduled_rows


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("rows", help="print the rows that the query returns at an instant")
    parser.add_argument("files", nargs="+", metavar="FILE", help="event bodies, one per line; - is stdin")
    parser.add_argument(
        "--at", required=True, type=_instant, metavar="TIME", help="ISO 8601, or the word now"
    )
    parser.add_argument(
        "--as-scheduled",
        action="store_true",
        help="exactly the scheduled query: case-sensitive groups, every duplicate counted",
    )
    add_rule_option(parser)
    add_config_option(parser)
    parser.set_defaults(run=run)


def _instant(text: str) -> int:
    if text.strip().lower() == "now":
        return ticks.from_unix_seconds(time.time())
    parsed = parse_time(text)
    if parsed is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; write 2026-03-12T10:00:00Z, or now")
    return parsed


def run(args: argparse.Namespace) -> int:
    """Print one JSON line for each row, in the order of the rules."""
    core = load_core(args.config, args.rule)
    rules = core.rules
    unreadable = 0

    def records() -> Iterator[ActivityRecord]:
        nonlocal unreadable
        decoder = BodyDecoder(wanted_operations(rules))
        for path in args.files:
            for number, body in read_bodies(path):
                decoded = decoder.decode(body, EventSource(path, number, None))
                for problem in decoded.problems:
                    unreadable += 1
                    print(f"{path}:{number}: unreadable: {problem.reason}: {problem.detail}", file=sys.stderr)
                yield from decoded.records

    if args.as_scheduled:
        found = _scheduled(rules, records(), args.at)
    else:
        found = _from_state(Core(rules, core.options), records(), args.at)
    out = sys.stdout.buffer
    count = 0
    for row in found:
        out.write(orjson.dumps(row) + b"\n")
        count += 1
    out.flush()
    print(f"rows: {count:,} rows, {unreadable:,} unreadable", file=sys.stderr)
    return 0


def _scheduled(
    rules: Sequence[Rule], records: Iterator[ActivityRecord], at: int
) -> Iterator[dict[str, object]]:
    kept = records if len(rules) == 1 else list(records)
    for rule in rules:
        yield from scheduled_rows(rule, map(alone, kept) if rule.handling.correlate else kept, at)


def _from_state(core: Core, records: Iterator[ActivityRecord], at: int) -> Iterator[dict[str, object]]:
    # A file is finite, and its rows are wanted exactly: the bounds that protect a service do not apply.
    detector = Detector(
        core.rules,
        replace(core.options, max_records_per_group=sys.maxsize, max_episodes_per_group=sys.maxsize),
    )
    for record in records:
        detector.apply(record, at)
    yield from detector.rows(at)
