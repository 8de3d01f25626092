"""RULE 15 written by hand, apart from any KQL text: the second oracle for `config/rules/rule15.kql`.

The filter, the group key and the row of the query, in the words of the AzureActivity table. Shares with the
product what the operators mean (`stream_detector.kql.text`) and the windows, and nothing of the compiler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql import dynamic
from stream_detector.kql.literals import datetime_literal, string_literal
from stream_detector.kql.text import (
    TextTest,
    coalesce,
    compile_equals_any,
    compile_has_any,
    compile_starts_with_any,
    fold,
    has,
    is_not_empty,
    lower,
)
from stream_detector.rules.model import (
    Aggregate,
    AggregateKind,
    Handling,
    Match,
    Rejection,
    RuleInfo,
    Summary,
    Value,
)
from stream_detector.rules.operations import WantedOperations
from stream_detector.ticks import HOUR, format_ticks

KEY_COLUMNS = ("Caller", "ResourceGroup", "SubscriptionId")
SET_COLUMNS = ("AffectedVMs", "ExtensionTypes", "AffectedResources", "SourceIPs")
CLAUSES = (
    "OperationNameValue",
    "ActivityStatusValue",
    "OperationNameValue+Properties",
    "Caller",
    "CallerIpAddress",
)
"""In the order of the query."""

EXTENSION_WRITE = "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE"
RUN_COMMAND = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
_TYPES = (
    "CustomScriptExtension",
    "CustomScriptForLinux",
    "RunCommandHandler",
    "RunCommand",
    "Microsoft.Compute.CustomScriptExtension",
    "Microsoft.Azure.Extensions.CustomScript",
)
_CALLER_TERMS = (
    *("terraform", "bicep", "pipeline", "github", "pulumi", "devops"),
    *("arm-deployment", "chef", "puppet", "ansible", "dsc"),
)

_OPERATION, _STATUS, _TYPE, _CALLER, _ADDRESS = map(Rejection, CLAUSES)

INFO = RuleInfo(
    id="rule15",
    name="Azure - Custom Script Extension or Run Command Executed on Virtual Machine",
    version="1.0.0",
    severity="High",
    tactics=("Execution", "Persistence"),
    techniques=("T1059", "T1059.009"),
    runbook_url="https://runbooks.example.com/rule15",
)


@dataclass(frozen=True)
class Rule15ByHand:
    """A `rules.model.Rule`."""

    info: RuleInfo = INFO
    handling: Handling = field(default_factory=Handling)
    operations: WantedOperations = field(
        default_factory=lambda: WantedOperations(frozenset(map(fold, (EXTENSION_WRITE, RUN_COMMAND))))
    )
    clauses: tuple[str, ...] = CLAUSES
    window: int = 2 * HOUR
    key_columns: tuple[str, ...] = KEY_COLUMNS
    aggregates: tuple[Aggregate, ...] = (
        Aggregate("ExecutionCount", AggregateKind.COUNT),
        Aggregate("AffectedVMs", AggregateKind.SET, 10),
        Aggregate("ExtensionTypes", AggregateKind.SET, 5),
        Aggregate("AffectedResources", AggregateKind.SET, 10),
        Aggregate("SourceIPs", AggregateKind.SET, 5),
        Aggregate("CallerIP", AggregateKind.ANY),
        Aggregate("FirstSeen", AggregateKind.FIRST),
        Aggregate("LastSeen", AggregateKind.LAST),
    )
    thresholds: tuple[tuple[str, int], ...] = ()
    """Columns, a count or a set, with the least that the row must reach."""
    is_monotone: bool = True
    is_operation: TextTest = field(default_factory=lambda: compile_equals_any((EXTENSION_WRITE, RUN_COMMAND)))
    is_run_command: TextTest = field(default_factory=lambda: compile_equals_any((RUN_COMMAND,)))
    is_success: TextTest = field(default_factory=lambda: compile_equals_any(("Success",)))
    names_type: TextTest = field(default_factory=lambda: compile_has_any(_TYPES))
    is_excluded_caller: TextTest = field(default_factory=lambda: compile_has_any(_CALLER_TERMS))
    is_excluded_address: TextTest = field(
        default_factory=lambda: compile_starts_with_any(("168.63.", "169.254."))
    )

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        """Decide on one record, whatever its time: the window is not the rule's business."""
        if not self.is_operation(record.operation):
            return _OPERATION
        if not self.is_success(record.status):
            return _STATUS
        if not self.is_run_command(record.operation) and not self.names_type(record.properties):
            return _TYPE
        if self.is_excluded_caller(lower(record.caller)):
            return _CALLER
        if not is_not_empty(record.caller_ip) or self.is_excluded_address(record.caller_ip):
            return _ADDRESS
        return Match(
            key=(record.caller, record.resource_group, record.subscription_id),
            inputs=(
                self.machine(record),
                self.extension_type(record),
                record.resource_id,
                record.caller_ip,
                record.caller_ip,
            ),
        )

    def machine(self, record: ActivityRecord) -> str:
        """VMName: the ninth segment of the resource, the empty one before the first / included."""
        return dynamic.part(dynamic.split(record.resource_id, "/"), 8)

    def extension_type(self, record: ActivityRecord) -> str:
        """ExtensionType: the top-level type of Properties, else RunCommand for Run Command, else ""."""
        named = dynamic.to_text(dynamic.parse_top_level(record.properties, "type"))
        return coalesce(named, "RunCommand" if has(record.operation, "RUNCOMMAND") else "")

    @property
    def opens_always(self) -> bool:
        """Whether one record is always enough."""
        return all(least <= 1 for _, least in self.thresholds)

    @property
    def threshold_reads(self) -> tuple[int, ...]:
        """Positions of the columns with a threshold."""
        return tuple(self._position(name) for name, _ in self.thresholds)

    @property
    def records_needed(self) -> int:
        """The greatest threshold."""
        return max((least for _, least in self.thresholds), default=1)

    def _position(self, name: str) -> int:
        return [aggregate.name for aggregate in self.aggregates].index(name)

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        """Every threshold is reached."""
        for name, least in self.thresholds:
            value = summary.values[self._position(name)]
            size = len(value) if isinstance(value, tuple) else value
            assert isinstance(size, int)
            if size < least:
                return False
        return True

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        """The key by column."""
        return dict(zip(KEY_COLUMNS, key, strict=True))

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        """The thirteen columns of the query's result, in its order."""
        count, *sets, address, first, last = summary.values
        caller_parts = dynamic.split(str(key[0]), "@")
        assert isinstance(first, int)
        assert isinstance(last, int)
        return {
            **self.group(key),
            "ExecutionCount": count,
            **{name: list(members) for name, members in zip(SET_COLUMNS, sets, strict=True)},  # type: ignore[call-overload]
            "CallerIP": address,
            "FirstSeen": format_ticks(first),
            "LastSeen": format_ticks(last),
            "AccountName": dynamic.part(caller_parts, 0),
            "AccountUPNSuffix": dynamic.part(caller_parts, 1),
        }

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        """The group's records of any outcome: an oracle needs no more."""
        columns = zip(KEY_COLUMNS, key, strict=True)
        lines = [
            "AzureActivity",
            f"| where TimeGenerated between ({datetime_literal(since)} .. {datetime_literal(until)})",
            *(f"| where {column} =~ {string_literal(str(value))}" for column, value in columns),
        ]
        return "\n".join(lines)
