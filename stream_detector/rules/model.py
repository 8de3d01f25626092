"""What a rule is, to the rest of the program. Windows and shell know rules by this module alone.

A rule decides on one record at a time: which operations it needs, whether the record matches,
the group it belongs to, and what it adds to the group's aggregates. It keeps no state and
reads no clock; the sliding window belongs to `stream_detector.detect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord


class RuleInfo(Struct, frozen=True, gc=False):
    """Who a rule is: shown in alerts, never used to decide."""

    id: str
    name: str
    version: str
    severity: str
    """High, Medium, Low or Informational."""
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    runbook_url: str


class SetColumn(Struct, frozen=True, gc=False):
    """A column of the row that holds make_set(value, capacity)."""

    name: str
    capacity: int


class Minimum(Struct, frozen=True, gc=False):
    """A threshold: a row counts only when `column` (a count, or the size of a set) is at least `at_least`."""

    column: str
    at_least: int


class Match(Struct, frozen=True, gc=False):
    """A record that passed every clause."""

    key: tuple[str, ...]
    """Values of the summarize-by columns, in the record's own casing, in the order of `Rule.key_columns`."""
    members: tuple[str, ...]
    """One value for each of `Rule.sets`, then one for each of `Rule.anys`."""


class Rejection(Struct, frozen=True, gc=False):
    """A record that failed a clause; `clause` is the first that failed, from `Rule.clauses`."""

    clause: str


class Aggregates(Struct, frozen=True, gc=False):
    """A group at one instant: what summarize gives before the row is dressed."""

    count: int
    first: int
    """Ticks of the oldest record in the window."""
    last: int
    """Ticks of the newest."""
    sets: tuple[tuple[str, ...], ...]
    """Members of each of `Rule.sets`, at most its capacity."""
    anys: tuple[str, ...]
    """One value for each of `Rule.anys`."""


class Rule(Protocol):
    """A compiled or hand-written rule. Attributes are constant for the life of the rule."""

    @property
    def info(self) -> RuleInfo: ...

    @property
    def operations(self) -> frozenset[str]:
        """Operation names the rule can match, ASCII lower case. Records of others are never evaluated."""

    @property
    def clauses(self) -> tuple[str, ...]:
        """Names of the clauses in order of evaluation; the bounded label set of filtered_total."""

    @property
    def window(self) -> int:
        """Length of the sliding window in ticks: a record at t counts at `now` while t > now - window."""

    @property
    def key_columns(self) -> tuple[str, ...]: ...

    @property
    def ignore_case(self) -> bool:
        """Whether keys that differ in ASCII case only are one group; its first spelling is shown."""

    @property
    def count_column(self) -> str:
        """Name of the row's count() column, for thresholds."""

    @property
    def sets(self) -> tuple[SetColumn, ...]: ...

    @property
    def anys(self) -> tuple[str, ...]: ...

    @property
    def thresholds(self) -> tuple[Minimum, ...]:
        """All must hold; empty or count >= 1 means that any matching record opens."""

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        """Decide on one record. Total: never raises for any record."""

    def row(self, key: tuple[str, ...], aggregates: Aggregates) -> dict[str, object]:
        """The query's result row: columns in the query's order, values fit for JSON, times as text."""

    def pivot_query(self, key: tuple[str, ...], since: int, until: int) -> str:
        """KQL that shows the group's rows in Sentinel for times in [since, until] (ticks)."""


def needed_operations(rules: Iterable[Rule]) -> frozenset[str]:
    """Every operation that some rule can match, ASCII lower case."""
    return frozenset[str]().union(*(rule.operations for rule in rules))
