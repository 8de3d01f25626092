"""The window of a rule that looks at operations: rows come with what the others say, and come again.

    arrives    Start (alice, script)      Success (nobody)
    judged     Start                      Success, and Start anew, knowing how it ended

A row is judged when it arrives and again whenever more is known of its operation. By the newest
judgement it is taken in, hands in more than before, or is taken out again, the last only as long as
nothing was paged. An operation stays in the group that it has opened: a caller who becomes known
later amends the alert and never opens a second one about the same operation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from stream_detector.activity.record import CorrelatedRecord
from stream_detector.detect.alert import Alert
from stream_detector.detect.operation import operation_digest
from stream_detector.detect.window import Outcome, RuleWindow
from stream_detector.rules.model import Match, Rejection, Value

_MOST_OPERATIONS = 20_000
"""Operations whose group is remembered; as many as `CorrelationOptions` holds."""


class OperationWindow:
    """Takes in the rows of operations for one rule."""

    def __init__(self, window: RuleWindow) -> None:
        self.window = window
        self._keys: OrderedDict[bytes, tuple[Value, ...]] = OrderedDict()
        """By operation, the group it is counted in."""

    def judge(
        self, rows: Sequence[CorrelatedRecord], now: int
    ) -> tuple[Match | Rejection, Outcome, list[Alert]]:
        """Take in what `Correlator.take` gave; tells how the first row, the one that arrived, was judged."""
        decisions = [self.window.rule.evaluate(row) for row in rows]
        operation = operation_digest(rows[0]) or b""
        alerts: list[Alert] = []
        key = self._group(operation, rows, decisions, now, alerts)
        told = Outcome.FILTERED
        for row, decision in zip(rows, decisions, strict=True):
            if isinstance(decision, Match):
                outcome, raised = self.window.apply(row, replace(decision, key=key), now, operation)
                told = outcome if row is rows[0] else told
                alerts += raised
            elif operation and key is not None:
                alerts += self.window.retract(row, key, now)
        return decisions[0], told, alerts

    def _group(
        self,
        operation: bytes,
        rows: Sequence[CorrelatedRecord],
        decisions: Sequence[Match | Rejection],
        now: int,
        alerts: list[Alert],
    ) -> tuple[Value, ...] | None:
        """The key of the group that the operation is counted in from now on; None while none matched.

        What is told when it leaves another group is added to `alerts`.
        """
        told = next((decision.key for decision in decisions if isinstance(decision, Match)), None)
        known = self._keys.get(operation) if operation else None
        if told is None or (known is not None and (known == told or self._has_opened(known, rows))):
            return known
        if known is not None:
            for row in rows:
                alerts += self.window.retract(row, known, now)
        if operation:
            self._keys[operation] = told
            self._keys.move_to_end(operation)
            if len(self._keys) > _MOST_OPERATIONS:
                self._keys.popitem(last=False)
        return told

    def _has_opened(self, key: tuple[Value, ...], rows: Sequence[CorrelatedRecord]) -> bool:
        """Whether an alert of the group tells of the operation."""
        return any(self.window.has_told(row, key) for row in rows)
