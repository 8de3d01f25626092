"""The detector: every rule's window behind one pair of calls, `apply` and `advance`.

Routes a record to the rules that need its operation and gathers what they say. It decides nothing
itself and knows no rule by name. A function of (state, records, now): the shell passes the clock in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord
from stream_detector.detect.alert import Alert
from stream_detector.detect.correlation import Correlator
from stream_detector.detect.operations import OperationWindow
from stream_detector.detect.options import WindowOptions
from stream_detector.detect.shared_texts import SharedTexts
from stream_detector.detect.window import Outcome, RuleWindow
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
_MOST_ROUTES = 4096
_LONGEST_ROUTE = 256
"""Together a bound on what a stream of made-up operation names can make us remember."""


class Detector:
    """Windows of a set of rules.

    Raises:
        ValueError: two rules have the same id.
    """

    def __init__(self, rules: Sequence[Rule], options: WindowOptions | None = None) -> None:
        texts = SharedTexts()
        self._windows: dict[str, RuleWindow] = {}
        self._routes: dict[str, tuple[RuleWindow, ...]] = {}
        """Windows by operation in the spelling of the record, as far as met."""
        for rule in rules:
            if rule.info.id in self._windows:
                raise ValueError(f"two rules have the id {rule.info.id}")
            self._windows[rule.info.id] = RuleWindow(rule, options or WindowOptions(), texts)
        for rule in rules:
            rivals = [self._windows[name] for name in rule.handling.yields_to if name in self._windows]
            self._windows[rule.info.id].yield_to(rivals)
        self._operations = {
            rule.info.id: OperationWindow(self._windows[rule.info.id])
            for rule in rules
            if rule.handling.correlate
        }
        self._correlator = Correlator()
        self._in_turn = tuple(self._windows[rule.info.id] for rule in in_turn(rules))

    def apply(self, record: ActivityRecord, now: int) -> Applied:
        """Take in one record at the clock `now` (ticks); gives the alerts it raises, at once.

        Operation names are compared as Azure does, ignoring ASCII case only. Closings of the
        record's own group that are due come before its other alerts.
        """
        windows = self._routes.get(record.operation)
        if windows is None:
            windows = self._route(record.operation)
        if not windows:
            return _NOTHING
        alerts: list[Alert] = []
        verdicts: list[Verdict] = []
        rows: tuple[CorrelatedRecord, ...] = ()
        for window in windows:
            rule = window.rule
            if rule.handling.correlate:
                rows = rows or self._correlator.take(record, now)
                decision, outcome, raised = self._operations[rule.info.id].judge(rows, now)
            else:
                decision, outcome, raised = window.judge(record, now)
            clause = decision.clause if isinstance(decision, Rejection) else ""
            late = outcome is Outcome.MATCHED and record.time + rule.window <= now
            verdicts.append(Verdict(rule.info.id, outcome, clause, late))
            alerts += raised
        return Applied(tuple(alerts), tuple(verdicts))

    def _route(self, operation: str) -> tuple[RuleWindow, ...]:
        """The windows of the rules that want an operation; remembered, within a bound."""
        windows = tuple(window for window in self._in_turn if operation in window.rule.operations)
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        if len(operation) <= _LONGEST_ROUTE:
            self._routes[operation] = windows
        return windows

    def advance(self, now: int) -> tuple[Alert, ...]:
        """What the clock alone brings by `now`: `closed`, held-back `updated`, and forgetting.

        Costs next to nothing when nothing is due. What a record opens does not depend on how
        often this is called.
        """
        self._correlator.forget(now)
        return tuple(alert for window in self._in_turn for alert in window.advance(now))

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


def in_turn(rules: Sequence[Rule]) -> list[Rule]:
    """`rules`, each behind those that it yields to; otherwise in their order. In a circle, in their order."""
    left = {rule.info.id: rule for rule in rules}
    ordered: list[Rule] = []
    while left:
        free = [rule for rule in left.values() if not any(name in left for name in rule.handling.yields_to)]
        ordered += [left.pop(rule.info.id) for rule in free or list(left.values())]
    return ordered
