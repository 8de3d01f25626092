"""Any supported query, run by an engine that shares no code with this project (duckdb-kql on DuckDB).

What the engine lacks or does otherwise is worked around here, and nowhere else:

- `now()` and `ago()` read the wall clock; the generated SQL gets a variable in its place.
- make_set and make_list ignore their sizes; rows therefore hold whole sets (`differences` allows for that).
- ipv4_*, bag_keys and make_set_if are missing; they are given to it in SQL, from their documentation.
- It cannot read a member whose name is a word of the language (`.kind`): write ["kind"].
- Time spans hold whole microseconds: only feed times that do.
- It keeps JSON as text; values are read back here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import duckdb_kql
from duckdb_kql.translate.functions import AGGREGATE_FUNCTIONS, SCALAR_FUNCTIONS, AggregateSpec, FunctionSpec

from stream_detector.activity.record import ActivityRecord
from stream_detector.ticks import format_ticks

Row = dict[str, Any]

COLUMNS: dict[str, Callable[[ActivityRecord], str]] = {
    "OperationNameValue": lambda record: record.operation,
    "ActivityStatusValue": lambda record: record.status,
    "ActivitySubstatusValue": lambda record: record.status_detail,
    "Caller": lambda record: record.caller,
    "CallerIpAddress": lambda record: record.caller_ip,
    "SubscriptionId": lambda record: record.subscription_id,
    "ResourceGroup": lambda record: record.resource_group,
    "ResourceId": lambda record: record.resource_id,
    "Properties": lambda record: record.properties,
    "CorrelationId": lambda record: record.correlation_id,
    "Level": lambda record: record.level,
    "CategoryValue": lambda record: record.category,
    "_ResourceId": lambda record: record.resource_id.lower(),
    "_SubscriptionId": lambda record: record.subscription_id.lower(),
    "Type": lambda _: "AzureActivity",
}

_WALL_CLOCK = "(now() AT TIME ZONE 'UTC')"
_GIVEN_CLOCK = "getvariable('instant')"

SCALAR_FUNCTIONS |= {
    name: FunctionSpec(name, "template", template, arities)
    for name, template, arities in (
        ("ipv4_is_private", "ipv4_private({0})", (1,)),
        ("ipv4_is_in_range", "ipv4_same({0}, {1}, ipv4_bits({1}))", (2,)),
        ("ipv4_is_match", "ipv4_match({})", ()),
        ("bag_keys", "CASE WHEN json_type({0}) = 'OBJECT' THEN to_json(json_keys({0})) END", (1,)),
    )
}


AGGREGATE_FUNCTIONS["make_set_if"] = AggregateSpec(
    "make_set_if",
    "to_json(coalesce(list_distinct(list(to_json({0})) FILTER (WHERE {0} IS NOT NULL AND {1})), []))",
    (2, 3),
    name_prefix="set",
)

_MACROS = r"""
CREATE MACRO ipv4_parts(text) AS regexp_extract(text,
    '^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?$', ['a', 'b', 'c', 'd', 'bits']);
CREATE MACRO ipv4_bits(text) AS coalesce(try_cast(ipv4_parts(text).bits AS BIGINT), 32);
CREATE MACRO ipv4_number(text) AS CASE
    WHEN greatest(try_cast(ipv4_parts(text).a AS BIGINT), try_cast(ipv4_parts(text).b AS BIGINT),
        try_cast(ipv4_parts(text).c AS BIGINT), try_cast(ipv4_parts(text).d AS BIGINT)) <= 255
        AND ipv4_bits(text) <= 32
    THEN ((try_cast(ipv4_parts(text).a AS BIGINT) * 256 + try_cast(ipv4_parts(text).b AS BIGINT)) * 256
        + try_cast(ipv4_parts(text).c AS BIGINT)) * 256 + try_cast(ipv4_parts(text).d AS BIGINT) END;
CREATE MACRO ipv4_same(one, other, bits) AS
    ipv4_number(one) // (1 << (32 - bits)) = ipv4_number(other) // (1 << (32 - bits));
CREATE MACRO ipv4_match
    (one, other) AS ipv4_same(one, other, least(ipv4_bits(one), ipv4_bits(other))),
    (one, other, bits) AS ipv4_same(one, other, least(ipv4_bits(one), ipv4_bits(other), bits));
CREATE MACRO ipv4_private(text) AS ipv4_same(text, '10.0.0.0', 8)
    OR ipv4_same(text, '172.16.0.0', 12) OR ipv4_same(text, '192.168.0.0', 16);
"""
"""Written from the documentation of the functions; null for what is no address."""


class QueryEngine:
    """AzureActivity with given records, and queries over it at given instants."""

    def __init__(self, records: Iterable[ActivityRecord]) -> None:
        """The view AzureActivity holds every record; `only_known` hides those of the future."""
        self._connection = duckdb_kql.connect()
        self._shapes: dict[str, dict[str, str]] = {}
        """Names and types of the columns of queries that have run."""
        self._connection.execute(_MACROS)
        self._connection.execute("SET threads = 1")
        kept = list(records)
        texts = ", ".join(f'"{name}" VARCHAR' for name in COLUMNS)
        execute = self._connection.execute
        execute(f"CREATE TABLE AllRecords (TimeGenerated TIMESTAMP_NS, {texts}, Properties_d JSON)")
        columns = [
            [record.time * 100 for record in kept],
            *([read(record) for record in kept] for read in COLUMNS.values()),
            [_dynamic(record.properties) for record in kept],
        ]
        unnested = ", ".join("unnest(?)" for _ in columns[1:])
        execute(f"INSERT INTO AllRecords SELECT make_timestamp_ns(unnest(?)), {unnested}", columns)
        execute("CREATE TABLE AzureActivity AS FROM AllRecords")

    def close(self) -> None:
        self._connection.close()

    def only_known(self) -> None:
        """From now on a query at an instant sees the records up to that instant, as a stream would."""
        self._connection.execute(
            "DROP TABLE AzureActivity;"
            f"CREATE VIEW AzureActivity AS FROM AllRecords WHERE TimeGenerated <= {_GIVEN_CLOCK}"
        )

    def compile(self, query: str) -> str:
        """The SQL of a query whose clock is a variable.

        Raises:
            Exception: whatever the engine raises for what it cannot run; it has no common class.
        """
        return str(duckdb_kql.to_sql(query)).replace(_WALL_CLOCK, _GIVEN_CLOCK)

    def run(self, sql: str, at: int) -> list[Row]:
        """The rows of a compiled query at `at` (ticks), with values as `Rule.row` writes them."""
        execute = self._connection.execute
        execute(f"SET VARIABLE instant = TIMESTAMP_NS '{format_ticks(at).removesuffix('Z')}00'")
        shape = self._shapes.get(sql)
        if shape is None:
            shape = {name: kind for name, kind, *_ in execute(f"DESCRIBE ({sql})").fetchall()}
            self._shapes[sql] = shape
        times = [name for name, kind in shape.items() if kind.startswith("TIMESTAMP")]
        shown = ", ".join(f'epoch_ns("{name}") // 100 AS "{name}"' for name in times)
        found = execute(f"SELECT * {f'REPLACE ({shown})' if shown else ''} FROM ({sql})").fetchall()
        reads = [(name, _READ.get(kind, _as_it_is)) for name, kind in shape.items()]
        return [{name: read(value) for (name, read), value in zip(reads, row, strict=True)} for row in found]

    def rows(self, query: str, at: int) -> list[Row]:
        """The rows of a query at `at` (ticks)."""
        return self.run(self.compile(query), at)


def _dynamic(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text)
    return text


def _as_it_is(value: object) -> object:
    return value


def _time(value: int | None) -> str | None:
    return None if value is None else format_ticks(value)


def _span(value: timedelta | None) -> str | None:
    """As Kusto writes a time span: [-][d.]hh:mm:ss[.fffffff]."""
    if value is None:
        return None
    whole = abs(value)
    minutes, seconds = divmod(whole.seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if whole.days:
        text = f"{whole.days}.{text}"
    if whole.microseconds:
        text += f".{whole.microseconds * 10:07}"
    return "-" + text if value < timedelta(0) else text


def _real(value: float | None) -> object:
    if value is None or value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _json(value: str | None) -> object:
    return None if value is None else json.loads(value)


_READ: Mapping[str, Callable[[Any], object]] = {
    "JSON": _json,
    "TIMESTAMP": _time,
    "TIMESTAMP_NS": _time,
    "INTERVAL": _span,
    "DOUBLE": _real,
}


def differences(
    expected: Iterable[Row], actual: Iterable[Row], sets: Mapping[str, int], free: Collection[str] = ()
) -> list[str]:
    """What is wrong with `actual`, as texts; empty when its rows are ones that the query may return.

    Args:
        sets: columns without order, and how many members each may have.
        free: columns whose value the query leaves open; they are not compared.
    """
    wanted, given = list(expected), list(actual)
    names = {tuple(row) for row in wanted} | {tuple(row) for row in given}
    if len(names) > 1:
        return [f"not the same columns: {sorted(names)}"]
    open_columns = sets.keys() | set(free)
    rows = _by_fixed_part(given, open_columns)
    found = []
    for row in wanted:
        alike = rows.get(_fixed_part(row, open_columns), [])
        legal = [other for other in alike if _is_legal(row, other, sets)]
        if legal:
            alike.remove(legal[0])
        else:
            found.append(f"row missing: {row}")
    return found + [f"row too many: {row}" for left in rows.values() for row in left]


def _fixed_part(row: Row, open_columns: Collection[str]) -> str:
    fixed = {name: _rounded(value) for name, value in row.items() if name not in open_columns}
    return json.dumps(fixed, sort_keys=True)


def _rounded(value: object) -> object:
    """Reals up to the digits that two orders of addition agree on."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _by_fixed_part(rows: Iterable[Row], open_columns: Collection[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(_fixed_part(row, open_columns), []).append(row)
    return found


def _is_legal(wanted: Row, given: Row, sets: Mapping[str, int]) -> bool:
    """Whether every set is a part of the whole one, as large as it may be."""
    for name, capacity in sets.items():
        whole = [json.dumps(_rounded(value)) for value in wanted[name]]
        part = [json.dumps(_rounded(value)) for value in given[name]]
        if len(part) != min(capacity, len(whole)) or Counter(part) - Counter(whole):
            return False
    return True


def same(wanted: object, given: object) -> bool:
    """Equal, true and 1 told apart, and reals up to the last digits."""
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    if isinstance(wanted, float) and isinstance(given, float):
        return abs(wanted - given) <= 1e-9 * max(1.0, abs(wanted))
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(map(same, wanted, given))
    if isinstance(wanted, dict) and isinstance(given, dict):
        return wanted.keys() == given.keys() and all(same(wanted[name], given[name]) for name in wanted)
    return wanted == given
