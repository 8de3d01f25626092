"""What `replay` does with its files: find bodies that matter, decide, print, count."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

import orjson
from msgspec import Struct, field

from stream_detector import ticks
from stream_detector.activity.decode import BodyDecoder, RecordKind, Undecodable
from stream_detector.activity.scan import Scan
from stream_detector.cli.bodies import Told, body_views
from stream_detector.cli.core import Core
from stream_detector.cli.progress import Progress
from stream_detector.cli.scan_ahead import ScanAhead
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.positions import Positions
from stream_detector.detect.window import Outcome
from stream_detector.pipeline import EventClock, Pipeline, Processed, ReceivedEvent
from stream_detector.rules.model import wanted_operations

SHOWN_UNREADABLE = 1000
"""Lines named on stderr before only their number is counted."""


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
        self._rules = core.rules
        self.detector = Detector(core.rules, core.options)
        self._decoder = BodyDecoder(wanted_operations(core.rules))
        self.pipeline = Pipeline(self._decoder, self.detector, Positions(), self.clock)
        self.totals = Totals()
        self._every_event = every_event
        self._passes: Counter[str] = Counter()
        self._out = sys.stdout.buffer

    def file(self, path: str, ahead: ScanAhead | None = None) -> None:
        """Process one file, which `ahead` scans if it is given.

        Alerts go out at once when they come from a pipe or to a terminal.
        """
        self._passes[path] += 1
        # A file that is named twice is sent twice, not redelivered: its second pass has a name of its own.
        partition = path if self._passes[path] == 1 else f"{path}#{self._passes[path]}"
        with Progress(path) as progress:
            if ahead is None:
                self._look_at_all(path, partition, body_views(path, progress.callback))
            else:
                with ahead:
                    self._look_at_found(partition, ahead, progress.callback)
                    self._look_at_all(path, partition, ahead.rest(progress.callback))
        self._out.flush()

    def _look_at_found(self, partition: str, ahead: ScanAhead, progress: Told) -> None:
        """Every body that the other process has found."""
        prompt = sys.stdout.isatty()
        for number, body in ahead.found(progress):
            self._body(partition, number, body, None)
            if prompt:
                self._out.flush()
        self.totals.bodies += ahead.bodies
        self.totals.records[RecordKind.OTHER] += ahead.others

    def _look_at_all(self, path: str, partition: str, views: Iterable[tuple[int, int, memoryview]]) -> None:
        """Every body, scanned here."""
        prompt = path == "-" or sys.stdout.isatty()
        look = self._decoder.look
        bodies = others = 0
        for number, _, view in views:
            bodies += 1
            found = look(view)
            if found is not None and not found.needed:
                others += found.total
                continue
            self._body(partition, number, bytes(view), found)
            if prompt:
                self._out.flush()
        self.totals.bodies += bodies
        self.totals.records[RecordKind.OTHER] += others

    def end(self) -> None:
        """Let the clock go on to the end of what rules hold back: nothing more will come to take it out."""
        hold = max((rule.handling.hold for rule in self._rules), default=0)
        if hold and self.clock.started:
            self._print(self.detector.advance(self.clock.now + hold))
            self._out.flush()

    def tell_summary(self) -> None:
        """Say on stderr what was found."""
        for line in self.totals.lines(self.clock, self.detector):
            print(f"replay: {line}", file=sys.stderr)

    def _body(self, path: str, number: int, body: bytes, found: Scan | None) -> None:
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
