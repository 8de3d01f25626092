"""RULE 15 by hand: Custom Script Extension or Run Command executed on a virtual machine.

The filter, the group key and the row of the query, in the words of the AzureActivity table. What the
operators mean is decided in `stream_detector.kql`; lists, window and sizes come from the rule's file
(`rule15_file`). No I/O, no clock, no state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from msgspec import Struct

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql import dynamic
from stream_detector.kql.literals import datetime_literal, string_list, string_literal
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
from stream_detector.rules.model import Aggregates, Match, Minimum, Rejection, RuleInfo, SetColumn
from stream_detector.ticks import format_ticks

KEY_COLUMNS = ("Caller", "ResourceGroup", "SubscriptionId")
COUNT_COLUMN = "ExecutionCount"
SET_COLUMNS = ("AffectedVMs", "ExtensionTypes", "AffectedResources", "SourceIPs")
"""In the order of the row and of `Match.members`."""
ANY_COLUMNS = ("CallerIP",)
CLAUSES = ("operation", "status", "type", "caller", "address")
"""In the order of the query."""

_VM_SEGMENT = 8
"""Position of the machine's name in a resource id split on "/"; [0] is before the leading slash."""

_OPERATION, _STATUS, _TYPE, _CALLER, _ADDRESS = map(Rejection, CLAUSES)


class Rule15Settings(Struct, frozen=True, gc=False):
    """What the rule's file says. Texts are as written there; tests on them ignore ASCII case."""

    info: RuleInfo
    window: int
    """Ticks."""
    ignore_case: bool
    """Group callers, resource groups and subscriptions that differ in case only."""
    operations: tuple[str, ...]
    operations_without_type: tuple[str, ...]
    """Of `operations`: those that match whatever Properties holds."""
    status: str
    types: tuple[str, ...]
    """Terms, one of which Properties must have."""
    run_command_term: str
    """An operation that has this term is given `run_command_type` when Properties names no type."""
    run_command_type: str
    caller_terms: tuple[str, ...]
    """Terms that exclude a caller."""
    address_prefixes: tuple[str, ...]
    """Beginnings that exclude an address."""
    sets: tuple[SetColumn, ...]
    """Capacities of SET_COLUMNS, in that order."""
    thresholds: tuple[Minimum, ...]


class Rule15(Struct, frozen=True, gc=False):
    """RULE 15 with its lists compiled; made by `compile_rule15`. A `rules.model.Rule`."""

    clauses: ClassVar[tuple[str, ...]] = CLAUSES
    key_columns: ClassVar[tuple[str, ...]] = KEY_COLUMNS
    count_column: ClassVar[str] = COUNT_COLUMN
    anys: ClassVar[tuple[str, ...]] = ANY_COLUMNS

    settings: Rule15Settings
    info: RuleInfo
    operations: frozenset[str]
    window: int
    ignore_case: bool
    sets: tuple[SetColumn, ...]
    thresholds: tuple[Minimum, ...]
    is_operation: TextTest
    passes_without_type: TextTest
    """Of an operation: needs no type in Properties."""
    is_wanted_status: TextTest
    names_type: TextTest
    """Of Properties."""
    is_excluded_caller: TextTest
    """Of the lower-cased caller."""
    is_excluded_address: TextTest

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        """Decide on one record, whatever its time: the window is not the rule's business."""
        if not self.is_operation(record.operation):
            return _OPERATION
        if not self.is_wanted_status(record.status):
            return _STATUS
        if not self.passes_without_type(record.operation) and not self.names_type(record.properties):
            return _TYPE
        if self.is_excluded_caller(lower(record.caller)):
            return _CALLER
        if not is_not_empty(record.caller_ip) or self.is_excluded_address(record.caller_ip):
            return _ADDRESS
        return Match(
            key=(record.caller, record.resource_group, record.subscription_id),
            members=(
                self.machine(record),
                self.extension_type(record),
                record.resource_id,
                record.caller_ip,
                record.caller_ip,
            ),
        )

    def machine(self, record: ActivityRecord) -> str:
        """VMName: `tostring(split(ResourceId, "/")[8])`, "" for a shorter id."""
        return dynamic.part(dynamic.split(record.resource_id, "/"), _VM_SEGMENT)

    def extension_type(self, record: ActivityRecord) -> str:
        """ExtensionType: the top-level type of Properties, else RunCommand for Run Command, else ""."""
        named = dynamic.to_text(dynamic.parse_top_level(record.properties, "type"))
        is_run_command = has(record.operation, self.settings.run_command_term)
        return coalesce(named, self.settings.run_command_type if is_run_command else "")

    def row(self, key: tuple[str, ...], aggregates: Aggregates) -> dict[str, object]:
        """The thirteen columns of the query's result, in its order."""
        caller_parts = dynamic.split(key[0], "@")
        return {
            **dict(zip(KEY_COLUMNS, key, strict=True)),
            COUNT_COLUMN: aggregates.count,
            **{name: list(members) for name, members in zip(SET_COLUMNS, aggregates.sets, strict=True)},
            **dict(zip(ANY_COLUMNS, aggregates.anys, strict=True)),
            "FirstSeen": format_ticks(aggregates.first),
            "LastSeen": format_ticks(aggregates.last),
            "AccountName": dynamic.part(caller_parts, 0),
            "AccountUPNSuffix": dynamic.part(caller_parts, 1),
        }

    def pivot_query(self, key: tuple[str, ...], since: int, until: int) -> str:
        """KQL that lists the group's matching rows with TimeGenerated in [since, until], in ticks.

        The clause on the caller is left out: every row of the group has the caller that passed it.
        """
        same = "=~" if self.ignore_case else "=="
        columns = zip(KEY_COLUMNS, key, strict=True)
        lines = [
            "AzureActivity",
            f"| where TimeGenerated between ({datetime_literal(since)} .. {datetime_literal(until)})",
            *(f"| where {column} {same} {string_literal(value)}" for column, value in columns),
            *_fixed_lines(self.settings),
        ]
        return "\n".join(lines)


def compile_rule15(settings: Rule15Settings) -> Rule15:
    """The rule that `settings` describe."""
    return Rule15(
        settings=settings,
        info=settings.info,
        operations=frozenset(map(fold, settings.operations)),
        window=settings.window,
        ignore_case=settings.ignore_case,
        sets=settings.sets,
        thresholds=settings.thresholds,
        is_operation=compile_equals_any(settings.operations),
        passes_without_type=compile_equals_any(settings.operations_without_type),
        is_wanted_status=compile_equals_any((settings.status,)),
        names_type=compile_has_any(settings.types),
        is_excluded_caller=compile_has_any(settings.caller_terms),
        is_excluded_address=compile_starts_with_any(settings.address_prefixes),
    )


@lru_cache(maxsize=16)
def _fixed_lines(settings: Rule15Settings) -> tuple[str, ...]:
    """The lines of the pivot query that are the same for every group."""
    return (
        f"| where OperationNameValue in~ {string_list(settings.operations)}",
        f"| where ActivityStatusValue =~ {string_literal(settings.status)}",
        f"| where {_type_condition(settings)}",
        "| where isnotempty(CallerIpAddress)",
        *(
            f"| where CallerIpAddress !startswith {string_literal(prefix)}"
            for prefix in settings.address_prefixes
        ),
        "| sort by TimeGenerated asc",
    )


def _type_condition(settings: Rule15Settings) -> str:
    named = f"Properties has_any {string_list(settings.types)}"
    if not settings.operations_without_type:
        return named
    return f"OperationNameValue in~ {string_list(settings.operations_without_type)} or {named}"
