"""The columns of table AzureActivity: which of them exist here, with which type, and which do not.

Only names, types and sentences. Where a column's value comes from is `activity.record`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stream_detector.kql.types import Type

TABLE = "AzureActivity"

COLUMNS: Mapping[str, Type] = MappingProxyType(
    {
        "TimeGenerated": Type.DATETIME,
        "OperationNameValue": Type.STRING,
        "ActivityStatusValue": Type.STRING,
        "ActivitySubstatusValue": Type.STRING,
        "Caller": Type.STRING,
        "CallerIpAddress": Type.STRING,
        "SubscriptionId": Type.STRING,
        "ResourceGroup": Type.STRING,
        "ResourceId": Type.STRING,
        "Properties": Type.STRING,
        "CorrelationId": Type.STRING,
        "Level": Type.STRING,
        "CategoryValue": Type.STRING,
        "_ResourceId": Type.STRING,
        "_SubscriptionId": Type.STRING,
        "Properties_d": Type.DYNAMIC,
        "Type": Type.STRING,
    }
)
"""What every rule sees, in the order in which `*` hands it on."""

CORRELATED: Mapping[str, Type] = MappingProxyType(
    {
        "OperationCaller": Type.STRING,
        "OperationCallerIpAddress": Type.STRING,
        "OperationRequestBody": Type.STRING,
        "OperationResponseBody": Type.STRING,
        "OperationOutcome": Type.STRING,
        "OperationStarted": Type.DATETIME,
        "OperationDuration": Type.TIMESPAN,
        "OperationRows": Type.LONG,
    }
)
"""What a rule with `correlation: true` sees as well: facts of all rows of the same operation."""

_NOT_EXPORTED = "the stream does not carry it"

UNAVAILABLE: Mapping[str, str] = MappingProxyType(
    {
        "ActivityStatus": "it is deprecated: write ActivityStatusValue",
        "ActivitySubstatus": "it is deprecated: write ActivitySubstatusValue",
        "OperationName": "it is the localized name: write OperationNameValue",
        "Category": "it is deprecated: write CategoryValue",
        "ResourceProvider": "it is deprecated: write tostring(split(OperationNameValue, '/')[0])",
        "ResourceProviderValue": f"{_NOT_EXPORTED}: write tostring(split(OperationNameValue, '/')[0])",
        "Resource": f"{_NOT_EXPORTED}: take the last part of ResourceId, with split()",
        "ResourceType": f"{_NOT_EXPORTED}: take the type from ResourceId or OperationNameValue",
        "OperationId": f"{_NOT_EXPORTED}: write CorrelationId",
        "Authorization": f"{_NOT_EXPORTED}: who called is in Caller, on what is in ResourceId",
        "Authorization_d": f"{_NOT_EXPORTED}: who called is in Caller, on what is in ResourceId",
        "Claims": f"{_NOT_EXPORTED}: who called is in Caller",
        "Claims_d": f"{_NOT_EXPORTED}: who called is in Caller",
        "HTTPRequest": f"{_NOT_EXPORTED}: the caller's address is in CallerIpAddress",
        "EventDataId": f"{_NOT_EXPORTED}: rows of one operation share CorrelationId",
        "EventSubmissionTimestamp": f"{_NOT_EXPORTED}: write TimeGenerated",
        "Hierarchy": f"{_NOT_EXPORTED}: the subscription is in SubscriptionId",
        "CallerIpAddress_d": f"{_NOT_EXPORTED}: write CallerIpAddress",
        "TenantId": "it names the workspace, and there is none here: group by SubscriptionId",
        "SourceSystem": "it says how a row came into the workspace, and there is none here: leave it out",
        "MG": "it says how a row came into the workspace, and there is none here: leave it out",
        "_BilledSize": "it says how a row is billed by the workspace, and there is none here: leave it out",
        "_IsBillable": "it says how a row is billed by the workspace, and there is none here: leave it out",
        "_ItemId": "it names a row of the workspace, and there is none here: rows share CorrelationId",
        "_TimeReceived": "it says when a row came into the workspace: write TimeGenerated",
    }
)
"""Real columns of the table that do not exist here: why, and what to write instead."""
