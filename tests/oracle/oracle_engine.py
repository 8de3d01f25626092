"""RULE 15 as KQL text, run by an engine that shares no code with this project (duckdb-kql on DuckDB).

The text is written here once more, without lets and lists, so that a slip in `config/rules/rule15.kql` is
a difference too; the engine takes that file's own text just as well.

Three defects of the engine are worked around, each by asking it less and checking more here:
`ago()` reads the wall clock, so its instant is put into the generated SQL; make_set ignores its size,
so it returns the true set and any legal part of it is accepted; times come back as nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import duckdb_kql

from stream_detector.ticks import HOUR, format_ticks

COLUMNS = (
    "OperationNameValue",
    "ActivityStatusValue",
    "Caller",
    "CallerIpAddress",
    "ResourceGroup",
    "SubscriptionId",
    "ResourceId",
    "Properties",
    "CorrelationId",
)
"""Text columns of the table; TimeGenerated comes before them."""

CAPACITIES = {"AffectedVMs": 10, "ExtensionTypes": 5, "AffectedResources": 10, "SourceIPs": 5}

_FILTER = """
AzureActivity
| where TimeGenerated > ago(2h)
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/extensions/write"
    or OperationNameValue =~ "Microsoft.Compute/virtualMachines/runCommand/action"
| where ActivityStatusValue =~ "success"
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/runCommand/action"
    or Properties has_any ("CustomScriptExtension", "CustomScriptForLinux", "RunCommandHandler", "RunCommand",
        "Microsoft.Compute.CustomScriptExtension", "Microsoft.Azure.Extensions.CustomScript")
| where not(tolower(Caller) has_any ("terraform", "bicep", "pipeline", "github", "pulumi", "devops",
    "arm-deployment", "chef", "puppet", "ansible", "dsc"))
| where isnotempty(CallerIpAddress)
| where CallerIpAddress !startswith "168.63." and CallerIpAddress !startswith "169.254."
"""

_SUMMARY = """
| extend Path = split(ResourceId, "/")
| extend VMName = tostring(Path[8])
| extend ExtensionType = coalesce(
    tostring(todynamic(Properties)["type"]),
    iff(OperationNameValue has "RUNCOMMAND", "RunCommand", ""))
| summarize ExecutionCount = count(),
    AffectedVMs = make_set(VMName, 10), ExtensionTypes = make_set(ExtensionType, 5),
    AffectedResources = make_set(ResourceId, 10), SourceIPs = make_set(CallerIpAddress, 5),
    CallerIP = any(CallerIpAddress), FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated)
    by Caller, ResourceGroup, SubscriptionId
| extend Account = split(Caller, "@")
| project Caller, ResourceGroup, SubscriptionId, ExecutionCount, AffectedVMs, ExtensionTypes,
    AffectedResources, SourceIPs, CallerIP, FirstSeen, LastSeen,
    AccountName = tostring(Account[0]), AccountUPNSuffix = tostring(Account[1])
"""

_WALL_CLOCK = "((now() AT TIME ZONE 'UTC') - INTERVAL '2h')"

Row = dict[str, Any]
Table = Sequence[tuple[int, dict[str, str]]]
"""Time in ticks and the text columns, "" where a column is missing."""


def table_of(rows: Table) -> duckdb.DuckDBPyConnection:
    """A connection whose AzureActivity holds `rows`, times exact to the tick."""
    connection = duckdb_kql.connect()
    texts = ", ".join(f"{column} VARCHAR" for column in COLUMNS)
    connection.execute(f"CREATE TABLE AzureActivity (TimeGenerated TIMESTAMP_NS, {texts})")
    columns = [
        [time * 100 for time, _ in rows],
        *([row.get(name, "") for _, row in rows] for name in COLUMNS),
    ]
    unnested = ", ".join("unnest(?)" for _ in COLUMNS)
    connection.execute(f"INSERT INTO AzureActivity SELECT make_timestamp_ns(unnest(?)), {unnested}", columns)
    return connection


def oracle_rows(
    connection: duckdb.DuckDBPyConnection, at: int, having: str = "", text: str = _FILTER + _SUMMARY
) -> list[Row]:
    """The query's rows at `at` (ticks) with unbounded sets; `having` is KQL that follows `text`."""
    sql = str(duckdb_kql.to_sql(text + having))
    assert sql.count(_WALL_CLOCK) == 1
    since = f"TIMESTAMP_NS '{format_ticks(at - 2 * HOUR).removesuffix('Z')}00'"
    sql = sql.replace(_WALL_CLOCK, since)
    seen = "epoch_ns(FirstSeen) // 100 AS FirstSeen, epoch_ns(LastSeen) // 100 AS LastSeen"
    relation = connection.execute(f"SELECT * REPLACE ({seen}) FROM ({sql})")
    names = [column[0] for column in relation.description or ()]
    return [_row(dict(zip(names, values, strict=True))) for values in relation.fetchall()]


def matching_times(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    """TimeGenerated in ticks of the rows that a query over AzureActivity lists, in its order."""
    sql = str(duckdb_kql.to_sql(query))
    found = connection.execute(f"SELECT epoch_ns(TimeGenerated) // 100 FROM ({sql})").fetchall()
    return [int(time) for (time,) in found]


def _row(row: Row) -> Row:
    sets = {name: frozenset(json.loads(row[name])) for name in CAPACITIES}
    return {
        **row,
        **sets,
        "FirstSeen": format_ticks(row["FirstSeen"]),
        "LastSeen": format_ticks(row["LastSeen"]),
    }


def differences(expected: Iterable[Row], actual: Iterable[Row]) -> list[str]:
    """What is wrong with `actual`, as texts; empty when each row is one that the query may return."""
    wanted, given = _by_group(expected), _by_group(actual)
    found = [f"row missing: {group}" for group in wanted.keys() - given.keys()]
    found += [f"row too many: {group}" for group in given.keys() - wanted.keys()]
    for group in wanted.keys() & given.keys():
        if len(given[group]) > 1:
            found.append(f"two rows for {group}")
        found += _row_differences(wanted[group][0], given[group][0])
    return found


def _by_group(rows: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["Caller"], row["ResourceGroup"], row["SubscriptionId"]), []).append(row)
    return groups


def _row_differences(wanted: Row, given: Row) -> list[str]:
    if list(wanted) != list(given):
        return [f"columns {list(given)}, not {list(wanted)}"]
    found = []
    for name, value in wanted.items():
        if name in CAPACITIES:
            members = set(given[name])
            legal = members <= value and len(given[name]) == len(members) == min(CAPACITIES[name], len(value))
        elif name == "CallerIP":
            legal = given[name] in wanted["SourceIPs"]
        else:
            legal = given[name] == value
        if not legal:
            found.append(f"{name} is {given[name]!r}, which {value!r} does not allow")
    return found
