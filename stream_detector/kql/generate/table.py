"""Where generated functions find the columns of AzureActivity in a record, by attribute.

The attributes are those of `activity.record.ActivityRecord` and its correlated subclass, which this layer
does not know. Three columns are made of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stream_detector.kql import dynamic
from stream_detector.kql.function import Function
from stream_detector.kql.generate.nodes import Graph, Node
from stream_detector.kql.schema import COLUMNS, CORRELATED, TABLE
from stream_detector.kql.text import lower
from stream_detector.kql.types import Type

ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "TimeGenerated": "time",
        "OperationNameValue": "operation",
        "ActivityStatusValue": "status",
        "ActivitySubstatusValue": "status_detail",
        "Caller": "caller",
        "CallerIpAddress": "caller_ip",
        "SubscriptionId": "subscription_id",
        "ResourceGroup": "resource_group",
        "ResourceId": "resource_id",
        "Properties": "properties",
        "CorrelationId": "correlation_id",
        "Level": "level",
        "CategoryValue": "category",
        "OperationCaller": "operation_caller",
        "OperationCallerIpAddress": "operation_caller_ip",
        "OperationRequestBody": "operation_request_body",
        "OperationResponseBody": "operation_response_body",
        "OperationOutcome": "operation_outcome",
        "OperationStarted": "operation_started",
        "OperationDuration": "operation_duration",
        "OperationRows": "operation_rows",
    }
)
"""Attribute of the record by column. None of these columns is ever null."""

_LOWER = Function("tolower", (Type.STRING,), Type.STRING, lower, inline="{0}.lower()")
_PARSE = Function("parse_json", (Type.STRING,), Type.DYNAMIC, dynamic.parse_json, may_be_null=True)
_MADE_OF = {
    "_ResourceId": (_LOWER, "ResourceId"),
    "_SubscriptionId": (_LOWER, "SubscriptionId"),
    "Properties_d": (_PARSE, "Properties"),
}


def record_column(graph: Graph, name: str) -> Node:
    """The node of a column of the table; the record is the argument `r`."""
    if name in _MADE_OF:
        function, column = _MADE_OF[name]
        return graph.apply(function, record_column(graph, column))
    if name == "Type":
        return graph.constant(Type.STRING, TABLE)
    column_type = COLUMNS[name] if name in COLUMNS else CORRELATED[name]
    return graph.source(f"r.{ATTRIBUTES[name]}", column_type, may_be_null=False)


def operation_column(graph: Graph, name: str) -> Node:
    """The same where only the operation's name is known; it is the argument `name`."""
    assert name == "OperationNameValue", name
    return graph.source("name", Type.STRING, may_be_null=False)


def column_value(record: object, name: str) -> object:
    """The value of one column of a record, without any generated code."""
    if name in _MADE_OF:
        function, column = _MADE_OF[name]
        return function.implementation(column_value(record, column))
    return TABLE if name == "Type" else getattr(record, ATTRIBUTES[name])
