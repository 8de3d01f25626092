"""From one parsed JSON object to a row of AzureActivity: which field feeds which column.

Two schemas are known: the stream's own names (`operationName`, `resultType`, `identity`, ...),
whose columns are partly derived, and the names of the table as Log Analytics exports it
(`OperationNameValue`, `Caller`, ...), whose values are the columns and are kept as they are.
A record that mixes them is read column by column. Total: no value of any field raises.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stream_detector.activity.identity import address_without_port, caller_of, segment_after
from stream_detector.activity.json_text import properties_text, text_of
from stream_detector.activity.record import ActivityRecord, Origin, TimeSource
from stream_detector.activity.times import parse_time

_STREAM_PROPERTIES = ("properties", "Properties", "Properties_d")
_TABLE_PROPERTIES = ("Properties", "Properties_d", "properties")


class Schema(StrEnum):
    """Whose names a record speaks."""

    STREAM = "stream"
    TABLE = "table"


class Operation(Struct, frozen=True, gc=False):
    """A record's operation, and the schema it was named in."""

    name: str
    schema: Schema


class WrongOperation(ValueError):
    """The operation name is there but is no text. Its text names the JSON type, never the value."""


class Fields:
    """A record's fields by name: the exact spelling first, then any casing (ASCII folding only)."""

    __slots__ = ("_exact", "_folded")

    def __init__(self, record: dict[str, object]) -> None:
        self._exact = record
        self._folded: dict[str, object] | None = None

    def get(self, name: str) -> object:
        """The field's value; None when no spelling of the name is there."""
        if name in self._exact:
            return self._exact[name]
        if self._folded is None:
            self._folded = {}
            for key, value in self._exact.items():
                if key.isascii():
                    self._folded.setdefault(key.lower(), value)
        return self._folded.get(name.lower())

    def value(self, *names: str) -> object:
        """The first of the fields that holds anything but null and ""; None when none does."""
        for name in names:
            found = self.get(name)
            if found is not None and found != "":
                return found
        return None

    def text(self, *names: str) -> str:
        """The same as a column's text."""
        first = self._exact.get(names[0])
        if first and isinstance(first, str):  # nearly always
            return first
        return text_of(self.value(*names))


def operation_of(record: dict[str, object]) -> Operation | None:
    """The record's operation, or None for an object that is no activity record (a metric, say).

    `operationName` or the table's `OperationNameValue`, in this order; `{"value": ...}` is its
    value. The table's `OperationName` is a display name: it counts only where the record has no
    other name and it has the form of an operation, with a slash.

    Raises:
        WrongOperation: a name is there, but no text in any of its places.
    """
    wrong: object = None
    for key, schema in (("operationName", Schema.STREAM), ("OperationNameValue", Schema.TABLE)):
        value = record.get(key)
        if value is None or value == "":
            continue
        name = _name_text(value)
        if name:
            return Operation(name, schema)
        wrong = value
    if wrong is None:
        for key, value in record.items():
            folded = key.lower() if key.isascii() else ""
            if folded not in ("operationname", "operationnamevalue") or value is None or value == "":
                continue
            name = _name_text(value)
            if name and (key != "OperationName" or "/" in name):
                return Operation(name, Schema.STREAM if folded == "operationname" else Schema.TABLE)
            if not name:
                wrong = value
    if wrong is None:
        return None
    raise WrongOperation(f"the operation name is of JSON type {json_type(wrong)}, not text")


def time_of(record: dict[str, object]) -> int | None:
    """The record's own time in ticks, or None when it is missing or unreadable."""
    fields = Fields(record)
    is_table = "TimeGenerated" in record and "operationName" not in record
    for name in ("TimeGenerated", "time") if is_table else ("time", "TimeGenerated"):
        ticks = parse_time(fields.get(name))
        if ticks is not None:
            return ticks
    return None


def hub_time_of(record: dict[str, object]) -> int | None:
    """When the hub took in or a job processed the event, as some exporters write beside the records."""
    for name in ("EventEnqueuedUtcTime", "EventProcessedUtcTime"):
        ticks = parse_time(record.get(name))
        if ticks is not None:
            return ticks
    return None


def record_from(
    record: dict[str, object], operation: Operation, time: int, time_source: TimeSource, origin: Origin
) -> ActivityRecord:
    """The typed record. `time` is what TimeGenerated becomes, `time_source` where it came from."""
    fields = Fields(record)
    is_table = operation.schema is Schema.TABLE
    resource_id = _either(fields, is_table, "resourceId", "ResourceId") or fields.text("_ResourceId")
    address = _either(fields, is_table, "callerIpAddress", "CallerIpAddress")
    return ActivityRecord(
        time=time,
        operation=operation.name,
        status=_either(fields, is_table, "resultType", "ActivityStatusValue"),
        status_detail=_either(fields, is_table, "resultSignature", "ActivitySubstatusValue"),
        caller=_caller(fields, is_table),
        caller_ip=address if is_table else address_without_port(address),
        subscription_id=_scope(fields, is_table, "SubscriptionId", "subscriptions", resource_id),
        resource_group=_scope(fields, is_table, "ResourceGroup", "resourcegroups", resource_id),
        resource_id=resource_id,
        properties=properties_text(fields.value(*(_TABLE_PROPERTIES if is_table else _STREAM_PROPERTIES))),
        correlation_id=_either(fields, is_table, "correlationId", "CorrelationId"),
        level=_either(fields, is_table, "level", "Level"),
        category=_either(fields, is_table, "category", "CategoryValue"),
        origin=origin,
        time_source=time_source,
    )


def json_type(value: object) -> str:
    """The JSON name of a value's type, for error texts."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _name_text(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def _either(fields: Fields, is_table: bool, stream_name: str, table_name: str) -> str:
    return fields.text(table_name, stream_name) if is_table else fields.text(stream_name, table_name)


def _caller(fields: Fields, is_table: bool) -> str:
    if is_table:
        return fields.text("Caller") or caller_of(fields.get("identity"))
    return caller_of(fields.get("identity")) or fields.text("caller").strip()


def _scope(fields: Fields, is_table: bool, column: str, segment: str, resource_id: str) -> str:
    """SubscriptionId or ResourceGroup: a table's column stands even when "", a stream's id comes first."""
    if is_table and fields.get(column) is not None:
        return fields.text(column)
    return segment_after(resource_id, segment) or fields.text(column)
