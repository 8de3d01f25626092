"""What a rule is, to the rest of the program. Windows and shell know rules by this module alone.

A rule decides on one record at a time: which operations it needs, whether the record matches,
the group it belongs to, and what it adds to the group's aggregates. It keeps no state and
reads no clock; the sliding window belongs to `stream_detector.detect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql.text import fold
from stream_detector.rules.operations import WantedOperations, union

Value = None | bool | int | float | str
"""A scalar of KQL, held as `kql.types` says. Keys and inputs of aggregates are never dynamic."""


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


class AggregateKind(StrEnum):
    """How the values of a column of the row come about, and what a match hands in for it."""

    COUNT = "count"
    """Number of records. Nothing is handed in."""
    FIRST = "first"
    """Time of the oldest record: min(TimeGenerated). Nothing is handed in."""
    LAST = "last"
    """Time of the newest: max(TimeGenerated). Nothing is handed in."""
    COUNT_IF = "count_if"
    """Number of records that handed in True."""
    SUM = "sum"
    """Sum of the numbers; None is left out; 0 when nothing is left."""
    DISTINCT = "distinct"
    """Number of distinct values; None is left out. Exact up to `capacity`, and `capacity` beyond."""
    SET = "set"
    """At most `capacity` distinct values; None is left out. Gives a tuple."""
    LIST = "list"
    """At most `capacity` values; None is left out. Gives a tuple, oldest first."""
    ANY = "any"
    """One value, neither None nor "" if there is such a one; else what there is."""
    GREATEST = "greatest"
    """max and arg_max. Hands in (compared, shown): a value and a tuple of values; None is left out.
    Gives the pair with the greatest compared value, None without any. Equal ones: the newest record.
    A pair that compares None is worse than every other, as in arg_max of rows that are all null."""
    LEAST = "least"
    """The same for min and arg_min."""

    @property
    def takes_input(self) -> bool:
        """Whether a match has a value for it."""
        return self not in (AggregateKind.COUNT, AggregateKind.FIRST, AggregateKind.LAST)


class Aggregate(Struct, frozen=True, gc=False):
    """One aggregate of the summarize."""

    name: str
    """Of its column in the row, for messages."""
    kind: AggregateKind
    capacity: int = 0
    """Of SET, LIST and DISTINCT; at least 1 there."""
    empty: Value = ""
    """What SUM and ANY give when there is nothing: 0 or 0.0 by the type of a sum, "" or None by that of
    the other."""


class Match(Struct, frozen=True, gc=False):
    """A record that passed every clause."""

    key: tuple[Value, ...]
    """Values of the summarize-by columns, in the record's own casing, in the order of `Rule.key_columns`."""
    inputs: tuple[object, ...]
    """One for each of `Rule.aggregates` that takes an input, in order."""


class Rejection(Struct, frozen=True, gc=False):
    """A record that failed a clause; `clause` is the first that failed, from `Rule.clauses`."""

    clause: str


class Summary(Struct, frozen=True, gc=False):
    """A group at one instant: what summarize gives before the row is dressed."""

    count: int
    first: int
    """Ticks of the oldest record in the window."""
    last: int
    """Ticks of the newest."""
    values: tuple[object, ...]
    """One for each of `Rule.aggregates`, as its kind says."""


class Handling(Struct, frozen=True, gc=False):
    """How the detector treats a rule's records and alerts, apart from what the query means."""

    ignore_case: bool = True
    """Whether keys that differ in ASCII case only are one group; its first spelling is shown."""
    close_grace: int | None = None
    """Ticks; None is the setting `close_grace`."""
    deduplicate: bool = True
    correlate: bool = False
    """Whether the rule reads what other rows of the same operation say (`detect.correlation`)."""
    hold: int = 0
    """Ticks for which an opening is held back; then the alert opens if the query still returns the row."""
    yields_to: tuple[str, ...] = ()
    """Ids of rules: while one of them has the same group open, this rule opens no alert."""
    amends: bool = False
    """Whether a record that therefore opens nothing is named in the evidence of the other rule's alert."""


class Rule(Protocol):
    """A compiled or hand-written rule. Attributes are constant for the life of the rule."""

    @property
    def info(self) -> RuleInfo: ...

    @property
    def handling(self) -> Handling: ...

    @property
    def operations(self) -> WantedOperations:
        """The operations that the rule can match. Records of others are never evaluated."""

    @property
    def clauses(self) -> tuple[str, ...]:
        """Names of the clauses in order of evaluation; the bounded label set of filtered_total."""

    @property
    def window(self) -> int:
        """Length of the sliding window in ticks: a record at t counts at `now` while t > now - window."""

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Names of the summarize-by columns."""

    @property
    def aggregates(self) -> tuple[Aggregate, ...]: ...

    @property
    def opens_always(self) -> bool:
        """Whether every row is returned: there is no `where` after summarize and no threshold."""

    @property
    def is_monotone(self) -> bool:
        """Whether a row that is returned stays returned when records are added to the group."""

    @property
    def threshold_reads(self) -> tuple[int, ...]:
        """Positions of the aggregates that `meets` looks at; the others may be None in its summary."""

    @property
    def records_needed(self) -> int:
        """How many records a group must be able to hold so that `meets` can come true: the greatest whole
        number that a count, a number of distinct values or the size of a set is compared with, and one
        more; 1 without any."""

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        """Decide on one record. Total: never raises for any record."""

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        """Whether the query returns the row: every `where` after summarize, and every threshold."""

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        """The summarize-by columns by name, values fit for JSON."""

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        """The query's result row: columns in the query's order, values fit for JSON, times as text."""

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        """KQL that shows the group's rows in Sentinel for times in [since, until] (ticks)."""


def group_name(key: tuple[Value, ...], *, ignore_case: bool) -> tuple[str, ...]:
    """Texts that are equal for the keys of one group. A column of the key has one type, so the text of a
    value that is no text cannot be taken for one."""
    texts = tuple([value if isinstance(value, str) else str(value) for value in key])
    return tuple(map(fold, texts)) if ignore_case else texts


def wanted_operations(rules: Iterable[Rule]) -> WantedOperations:
    """Every operation that some rule can match."""
    return union(rule.operations for rule in rules)
