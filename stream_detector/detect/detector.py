"""The detector: every rule's window behind one pair of calls, `apply` and `advance`.

Routes a record to the rules that need its operation and gathers what they say. It decides nothing
itself and knows no rule by name. A function of (state, records, now): the shell passes the clock in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.detect.alert import Alert
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.detect.window import Outcome, RuleWindow
from stream_detector.kql.text import fold
from stream_detector.rules.model import Rejection, Rule


class Verdict(Struct, frozen=True, gc=False):
    """What one rule made of a record."""

    rule_id: str
    outcome: Outcome
    clause: str = ""
    """The first clause that failed, when filtered."""
    late: bool = False
    """Matched, but the window had already passed at `now`."""


class Applied(Struct, frozen=True, gc=False):
    """What a record led to: one verdict for each rule that needs its operation."""

    alerts: tuple[Alert, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


_NOTHING = Applied()


class Detector:
    """Windows of a set of rules.

    Raises:
        ValueError: two rules have the same id, or a threshold names an unknown column.
    """

    def __init__(self, rules: Sequence[Rule], options: WindowOptions | None = None) -> None:
        texts = SharedTexts()
        self._windows: dict[str, RuleWindow] = {}
        self._by_operation: dict[str, list[RuleWindow]] = {}
        for rule in rules:
            if rule.info.id in self._windows:
                raise ValueError(f"two rules have the id {rule.info.id}")
            window = RuleWindow(rule, options or WindowOptions(), texts)
            self._windows[rule.info.id] = window
            for operation in sorted(rule.operations):
                self._by_operation.setdefault(operation, []).append(window)

    def apply(self, record: ActivityRecord, now: int) -> Applied:
        """Take in one record at the clock `now` (ticks); gives the alerts it raises, at once.

        Operation names are compared as Azure does, ignoring ASCII case only. Closings of the
        record's own group that are due come before its other alerts.
        """
        windows = self._by_operation.get(fold(record.operation))
        if windows is None:
            return _NOTHING
        alerts: list[Alert] = []
        verdicts: list[Verdict] = []
        for window in windows:
            rule = window.rule
            decision = rule.evaluate(record)
            if isinstance(decision, Rejection):
                verdicts.append(Verdict(rule.info.id, Outcome.FILTERED, decision.clause))
                continue
            outcome, raised = window.apply(record, decision, now)
            late = outcome is Outcome.MATCHED and record.time + rule.window <= now
            verdicts.append(Verdict(rule.info.id, outcome, late=late))
            alerts += raised
        return Applied(tuple(alerts), tuple(verdicts))

    def advance(self, now: int) -> tuple[Alert, ...]:
        """What the clock alone brings by `now`: `closed`, held-back `updated`, and forgetting.

        Costs next to nothing when nothing is due. What a record opens does not depend on how
        often this is called.
        """
        return tuple(alert for window in self._windows.values() for alert in window.advance(now))

    def next_due(self) -> int | None:
        """A time (ticks) before which `advance` has nothing to do; None when nothing waits."""
        times = (window.next_due() for window in self._windows.values())
        return min((time for time in times if time is not None), default=None)

    def rows(self, at: int, rule_id: str | None = None) -> Iterator[dict[str, object]]:
        """The rows that the rules' queries return at `at` (ticks), from the remembered state.

        De-duplicated and grouped as configured, thresholds applied. Exact for every `at` from
        `lateness` before the last record's clock on, up to the bounds in `WindowOptions`.

        Raises:
            KeyError: no rule has the id `rule_id`.
        """
        windows = self._windows.values() if rule_id is None else (self._windows[rule_id],)
        for window in windows:
            yield from window.rows(at)

    def groups_open(self, now: int) -> dict[str, int]:
        """Rule id to the number of groups whose alert is open at `now`."""
        return {rule_id: window.groups_open(now) for rule_id, window in self._windows.items()}

    def groups_kept(self) -> dict[str, int]:
        """Rule id to the number of groups in memory, those that are over included."""
        return {rule_id: window.groups_kept() for rule_id, window in self._windows.items()}
