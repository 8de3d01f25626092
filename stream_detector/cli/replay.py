"""`replay`: event bodies from files through the detector, with event time as the clock.

Prints alerts as JSON lines on stdout; everything else (summary, unreadable lines, progress) on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import orjson
from msgspec import Struct, field

from stream_detector import ticks
from stream_detector.activity.decode import BodyDecoder, RecordKind, Undecodable
from stream_detector.activity.scan import Scan
from stream_detector.cli.bodies import body_views
from stream_detector.cli.core import Core, add_config_option, load_core
from stream_detector.cli.progress import Progress
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.positions import Positions
from stream_detector.detect.window import Outcome
from stream_detector.pipeline import EventClock, Pipeline, Processed, ReceivedEvent
from stream_detector.rules.model import needed_operations

SHOWN_UNREADABLE = 1000
"""Lines named on stderr before only their number is counted."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("replay", help="run the rules over files of event bodies")
    parser.add_argument("files", nargs="+", metavar="FILE", help="event bodies, one per line; - is stdin")
    parser.add_argument("--all", action="store_true", help="print updated and closed alerts too")
    add_config_option(parser)
    parser.set_defaults(run=run)


class Totals(Struct, gc=False):
    """What the summary tells."""

    bodies: int = 0
    records: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    events: Counter[AlertEvent] = field(default_factory=Counter)
    late: int = 0
    repaired: int = 0
    unreadable: int = 0
    failures: int = 0

    def add(self, processed: Processed) -> None:
        """Count one event."""
        body = processed.body
        if body is None:
            return
        for kind, count in body.counts.items():
            self.records[kind] += count
        self.repaired += body.repaired
        self.failures += len(processed.failures)
        for _, verdict in processed.verdicts:
            self.outcomes[verdict.outcome] += 1
            self.late += verdict.late

    def lines(self, clock: EventClock, detector: Detector) -> list[str]:
        """The summary."""
        records = sum(self.records.values())
        text = [
            f"{self.bodies:,} bodies, {records:,} records, "
            f"{self.records['needed']:,} of the rules' operations",
            f"{self.outcomes[Outcome.MATCHED]:,} matched, {self.outcomes[Outcome.FILTERED]:,} filtered, "
            f"{self.outcomes[Outcome.DUPLICATE]:,} duplicates, {self.late:,} late",
            f"{self.events[AlertEvent.OPENED]:,} opened, {self.events[AlertEvent.UPDATED]:,} updated, "
            f"{self.events[AlertEvent.CLOSED]:,} closed, "
            f"{sum(detector.groups_open(clock.now).values()):,} groups open at the end",
        ]
        if clock.started:
            text.append(f"event time ends at {ticks.format_ticks(clock.now)}")
        if self.repaired:
            text.append(f"{self.repaired:,} records repaired from broken JSON")
        text.append(f"{self.unreadable:,} unreadable")
        if self.failures:
            text.append(f"{self.failures:,} records failed inside the detector: please report this")
        return text


class Replay:
    """One run over all files; state is kept across them."""

    def __init__(self, core: Core, *, every_event: bool) -> None:
        self.clock = EventClock()
        self.detector = Detector(core.rules, core.options)
        self._decoder = BodyDecoder(needed_operations(core.rules))
        self.pipeline = Pipeline(self._decoder, self.detector, Positions(), self.clock)
        self.totals = Totals()
        self._every_event = every_event
        self._passes: Counter[str] = Counter()
        self._out = sys.stdout.buffer

    def file(self, path: str) -> None:
        """Process one file; alerts go out at once when they come from a pipe or to a terminal."""
        self._passes[path] += 1
        # A file that is named twice is sent twice, not redelivered: its second pass has a name of its own.
        partition = path if self._passes[path] == 1 else f"{path}#{self._passes[path]}"
        prompt = path == "-" or sys.stdout.isatty()
        look = self._decoder.look
        bodies = others = 0
        with Progress(path) as progress:
            for number, view in body_views(path, progress.callback):
                bodies += 1
                found = look(view)
                if found is not None and not found.needed:
                    others += found.total
                    continue
                self._body(partition, number, view, found)
                if prompt:
                    self._out.flush()
        self.totals.bodies += bodies
        self.totals.records[RecordKind.OTHER] += others
        self._out.flush()

    def _body(self, path: str, number: int, body: memoryview, found: Scan | None) -> None:
        processed = self.pipeline.process(ReceivedEvent(path, number, "", None, body), found)
        if processed.body is not None and processed.body.problems:
            self._name_unreadable(path, number, processed.body.problems)
        self.totals.add(processed)
        self._print(processed.alerts)
        if self.clock.started:
            self._print(self.detector.advance(self.clock.now))

    def _print(self, alerts: tuple[Alert, ...]) -> None:
        for alert in alerts:
            self.totals.events[alert.event] += 1
            if self._every_event or alert.event is AlertEvent.OPENED:
                self._out.write(orjson.dumps(alert.to_dict()) + b"\n")

    def _name_unreadable(self, path: str, number: int, problems: tuple[Undecodable, ...]) -> None:
        for problem in problems:
            self.totals.unreadable += 1
            if self.totals.unreadable <= SHOWN_UNREADABLE:
                place = "" if problem.index is None else f" record {problem.index}"
                print(
                    f"{path}:{number}:{place} unreadable: {problem.reason}: {problem.detail}", file=sys.stderr
                )
            elif self.totals.unreadable == SHOWN_UNREADABLE + 1:
                print("further unreadable lines are only counted", file=sys.stderr)


def run(args: argparse.Namespace) -> int:
    """Replay every file in the order given."""
    replay = Replay(load_core(args.config), every_event=args.all)
    for path in args.files:
        replay.file(path)
    for line in replay.totals.lines(replay.clock, replay.detector):
        print(f"replay: {line}", file=sys.stderr)
    return 1 if replay.totals.failures else 0
