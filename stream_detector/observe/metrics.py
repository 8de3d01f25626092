"""The Prometheus metrics of one detector, in a registry of their own.

Every label set that can ever occur exists at 0 from the start: a counter born at 1 shows no increase
(prometheus issues 1673 and 13570). Labels are bounded: rules, operations and clauses from the rules,
sinks from the settings, partitions from the hub. Never a caller, address, machine or resource group.
"""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from stream_detector import __version__
from stream_detector.rules.model import Rule
from stream_detector.sinks.port import Outcome

PREFIX = "stream_detector_"
RECORD_KINDS = ("needed", "other", "foreign")
LIFECYCLE = ("opened", "updated", "closed")
LOOP_LAG_WINDOW = 60.0
"""Seconds. A scrape sees the worst of the last minute, not the moment it happens to ask."""

_DELAY_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 3600, 7200, 21600, 86400)
"""Seconds; Azure hands an activity record out after 1 to 20 minutes."""
_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class DuplicateLayer(StrEnum):
    """How a duplicate was recognised."""

    REDELIVERY = "redelivery"
    """By partition and sequence number."""
    CONTENT = "content"
    """By the hash of the record: Azure exported it twice."""


class Stage(StrEnum):
    """Where a defect of our own showed; the label of internal_errors_total."""

    RECEIVE = "receive"
    DECODE = "decode"
    DETECT = "detect"
    DELIVER = "deliver"
    POSITIONS = "positions"


class Metrics:
    """All metrics of one detector. Methods are named for what happened; none blocks or awaits.

    Args:
        rules: their ids, operations and clauses become label values.
        sinks: names of the sinks.
        undecodable_reasons: closed set of the decoder's reasons.
        hub_error_kinds: closed set of the hub's kinds of trouble.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        sinks: Iterable[str],
        undecodable_reasons: Iterable[str],
        hub_error_kinds: Iterable[str],
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._define_records()
        self._define_alerts()
        self._define_hub()
        self._oldest_undelivered: float | None = None
        self._loop_lags: deque[tuple[float, float]] = deque()
        self._declare_rules(rules)
        self._declare(self._undecodable, undecodable_reasons)
        self._declare(self._hub_errors, hub_error_kinds)
        self._declare(self._records, RECORD_KINDS)
        self._declare(self._duplicates, DuplicateLayer)
        self._declare(self._dead_letters, ("kept", "refused"))
        self._declare(self._internal_errors, Stage)
        for sink in sinks:
            for outcome in Outcome:
                self._deliveries.labels(sink, str(outcome))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, labels, registry=self.registry)

    def _define_records(self) -> None:
        self._messages = self._counter("received_messages_total", "Events received from the hub.")
        self._bytes = self._counter("received_bytes_total", "Bytes of the bodies of received events.")
        self._records = self._counter("records_total", "Records seen in bodies, by kind.", "kind")
        self._repaired = self._counter("repaired_total", "Records read only after repair of broken JSON.")
        self._undecodable = self._counter(
            "undecodable_total", "Records or bodies that could not be read, by reason.", "reason"
        )
        self._dead_letters = self._counter(
            "dead_letters_total", "Dead letters kept, or refused because of their limits.", "outcome"
        )
        self._matches = self._counter(
            "matches_total", "Records that passed every clause of a rule.", "rule", "operation"
        )
        self._filtered = self._counter(
            "filtered_total",
            "Records that failed a clause of a rule; the first that failed.",
            "rule",
            "clause",
        )
        self._late = self._counter("late_total", "Matching records older than the window on arrival.")
        self._duplicates = self._counter(
            "duplicates_total", "Duplicates left out, by how they were recognised.", "layer"
        )

    def _define_alerts(self) -> None:
        self._groups = self._gauge("groups_open", "Groups the rule's query would return now.", "rule")
        self._alerts = self._counter(
            "alerts_total", "Alert events, by lifecycle.", "rule", "severity", "event"
        )
        self._deliveries = self._counter(
            "delivery_attempts_total", "Attempts to deliver an alert, by outcome.", "sink", "outcome"
        )
        self._outbox = self._gauge("outbox_depth", "Alerts waiting for delivery.")
        oldest = self._gauge("oldest_undelivered_seconds", "Age of the oldest alert waiting for delivery.")
        oldest.set_function(self._oldest_age)
        self._delay = Histogram(
            PREFIX + "detection_delay_seconds",
            "From a record's event time to the decision to open an alert.",
            buckets=_DELAY_BUCKETS,
            registry=self.registry,
        )
        self._latency = Histogram(
            PREFIX + "alert_latency_seconds",
            "From receipt of the event to acknowledgement of its alert by the sinks.",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )

    def _define_hub(self) -> None:
        self._lag_events = self._gauge(
            "lag_events", "Events in the hub that are not applied yet.", "partition"
        )
        self._lag_seconds = self._gauge(
            "lag_seconds", "Enqueued time of the newest event less that of the last applied.", "partition"
        )
        self._last_message = self._gauge(
            "last_message_timestamp_seconds", "Unix time at which an event was last received.", "partition"
        )
        self._owned = self._gauge("owned_partitions", "Partitions this process receives.")
        self._hub_errors = self._counter("hub_errors_total", "Errors of the hub, by kind.", "kind")
        self._missing = self._counter(
            "missing_events_total", "Events the hub's retention dropped before they were read."
        )
        self._internal_errors = self._counter(
            "internal_errors_total", "Defects of the detector itself, by stage.", "stage"
        )
        loop_lag = self._gauge("loop_lag_seconds", "Greatest delay of the event loop in the last minute.")
        loop_lag.set_function(self._worst_loop_lag)
        build = Info(PREFIX + "build", "The running program.", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})

    def _declare_rules(self, rules: Sequence[Rule]) -> None:
        self._operations = {rule.info.id: rule.operations.names for rule in rules}
        for rule in rules:
            self._groups.labels(rule.info.id)
            for operation in (*sorted(rule.operations.names), "other"):
                self._matches.labels(rule.info.id, operation)
            for clause in rule.clauses:
                self._filtered.labels(rule.info.id, clause)
            for event in LIFECYCLE:
                self._alerts.labels(rule.info.id, rule.info.severity, event)

    @staticmethod
    def _declare(metric: Counter | Gauge, values: Iterable[str]) -> None:
        for value in values:
            metric.labels(str(value))

    def declare_partitions(self, partitions: Iterable[str]) -> None:
        """Create the label sets of these partitions at 0; those that exist keep their values."""
        for partition in partitions:
            for gauge in (self._lag_events, self._lag_seconds, self._last_message):
                gauge.labels(partition)

    def received(self, partition: str, events: int, size: int) -> None:
        """Events of one partition were received; `size` is the bytes of their bodies."""
        self._messages.inc(events)
        self._bytes.inc(size)
        self._last_message.labels(partition).set(time.time())

    def records(self, kind: str, count: int) -> None:
        """Records of a kind (`RECORD_KINDS`) were seen."""
        self._records.labels(kind).inc(count)

    def repaired(self, count: int) -> None:
        """Records were read after repair."""
        self._repaired.inc(count)

    def undecodable(self, reason: str) -> None:
        """Something could not be read."""
        self._undecodable.labels(reason).inc()

    def dead_letter(self, kept: bool) -> None:
        """A dead letter was kept, or refused."""
        self._dead_letters.labels("kept" if kept else "refused").inc()

    def matched(self, rule: str, operation: str) -> None:
        """A record of `operation`, in any casing, matched."""
        folded = operation.lower()
        known = folded in self._operations.get(rule, ())
        self._matches.labels(rule, folded if known else "other").inc()

    def filtered(self, rule: str, clause: str) -> None:
        """A record failed `clause`."""
        self._filtered.labels(rule, clause).inc()

    def late(self) -> None:
        """A matching record was older than the window."""
        self._late.inc()

    def duplicate(self, layer: DuplicateLayer) -> None:
        """A duplicate was left out."""
        self._duplicates.labels(str(layer)).inc()

    def groups_open(self, rule: str, count: int) -> None:
        """How many groups of a rule are open."""
        self._groups.labels(rule).set(count)

    def alert(self, rule: str, severity: str, event: str) -> None:
        """An alert was opened, updated or closed."""
        self._alerts.labels(rule, severity, event).inc()

    def delivery(self, sink: str, outcome: Outcome) -> None:
        """A sink answered."""
        self._deliveries.labels(sink, str(outcome)).inc()

    def outbox(self, depth: int, oldest_received_at: float | None) -> None:
        """Alerts waiting, and the Unix time in seconds of the oldest; None when there is none."""
        self._outbox.set(depth)
        self._oldest_undelivered = oldest_received_at

    def detection_delay(self, seconds: float) -> None:
        """Event time to decision of one opened alert. A clock that runs behind gives 0."""
        self._delay.observe(max(0.0, seconds))

    def alert_latency(self, seconds: float) -> None:
        """Receipt to acknowledgement of one alert."""
        self._latency.observe(max(0.0, seconds))

    def lag(self, partition: str, events: int, seconds: float) -> None:
        """How far a partition is behind its hub."""
        self._lag_events.labels(partition).set(events)
        self._lag_seconds.labels(partition).set(seconds)

    def owned(self, partitions: int) -> None:
        """How many partitions are received."""
        self._owned.set(partitions)

    def hub_error(self, kind: str) -> None:
        """The hub or the way to it failed."""
        self._hub_errors.labels(kind).inc()

    def gap(self, missing: int) -> None:
        """Sequence numbers were skipped: events that nobody can read any more."""
        self._missing.inc(missing)

    def internal_error(self, stage: Stage) -> None:
        """Our own code failed and was contained."""
        self._internal_errors.labels(str(stage)).inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop was late by so much."""
        now = time.monotonic()
        self._loop_lags.append((now, seconds))
        while self._loop_lags[0][0] < now - LOOP_LAG_WINDOW:
            self._loop_lags.popleft()

    def watch_groups(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Ask `count` for the open groups per rule at each scrape, instead of being told."""
        for rule in self._operations:
            self._groups.labels(rule).set_function(partial(_count_of, count, rule))

    def _oldest_age(self) -> float:
        oldest = self._oldest_undelivered
        return 0.0 if oldest is None else max(0.0, time.time() - oldest)

    def _worst_loop_lag(self) -> float:
        since = time.monotonic() - LOOP_LAG_WINDOW
        return max((lag for at, lag in list(self._loop_lags) if at >= since), default=0.0)


def _count_of(count: Callable[[], Mapping[str, int]], rule: str) -> float:
    return float(count().get(rule, 0))
