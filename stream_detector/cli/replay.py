"""`replay`: event bodies from files through the detector, with event time as the clock.

Prints alerts as JSON lines on stdout; everything else (summary, unreadable lines, progress) on stderr.
A large file is scanned by a second process, which is started before the rest of the program is loaded.
"""

from __future__ import annotations

import argparse

from stream_detector.cli.core import add_config_option, add_rule_option, load_core
from stream_detector.cli.scan_ahead import scan_ahead
from stream_detector.rules.model import wanted_operations


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("replay", help="run the rules over files of event bodies")
    parser.add_argument("files", nargs="+", metavar="FILE", help="event bodies, one per line; - is stdin")
    parser.add_argument("--all", action="store_true", help="print updated and closed alerts too")
    add_rule_option(parser)
    add_config_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay every file in the order given."""
    core = load_core(args.config, args.rule)
    operations = wanted_operations(core.rules)
    ahead = scan_ahead(args.files[0], operations)
    from stream_detector.cli.replaying import Replay

    replay = Replay(core, every_event=args.all)
    for number, path in enumerate(args.files):
        replay.file(path, ahead if number == 0 else scan_ahead(path, operations))
    replay.end()
    replay.tell_summary()
    return 1 if replay.totals.failures else 0
