"""Writes a generated record as JSON would hold it: in the stream's schema, or in the table's own.

Every record says `"generatedBy"`: none of these is a capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import orjson

from stream_detector.generate.facts import GeneratedRecord
from stream_detector.generate.people import Directory, Principal, new_uuid
from stream_detector.ticks import format_ticks

GENERATED_BY = "stream-detector generate"

_LEVELS = {"Failure": "Error", "Failed": "Error"}
_DISPLAY = {"Start": "Started", "Accept": "Accepted", "Success": "Succeeded", "Failure": "Failed"}


def common_properties(fact: GeneratedRecord, entity: str, action: str, tenant_id: str) -> dict[str, object]:
    """The keys that the portal's own records carry: what was touched, and where it hangs."""
    return {
        "eventCategory": fact.category,
        "entity": entity,
        "message": action,
        "hierarchy": f"{tenant_id}/{fact.subscription_id.lower()}",
    }


def stream_record(
    fact: GeneratedRecord,
    principal: Principal,
    action: str,
    properties: Mapping[str, object],
    directory: Directory,
    random: Random,
) -> dict[str, object]:
    """The record as a diagnostic setting sends it to Event Hubs.

    Some addresses carry a port, as Azure writes them now and then; the fact holds the address alone.
    """
    address = fact.caller_ip
    if address and random.random() < 0.02:
        port = random.randrange(1024, 65536)
        address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return {
        "RoleLocation": "West Europe",
        "Stamp": "contoso-weu-01",
        "ReleaseVersion": f"6.2026.44.3+{random.getrandbits(80):020x}.release_2026w44",
        "time": format_ticks(fact.time),
        "resourceId": fact.resource_id,
        "operationName": fact.operation,
        "category": fact.category,
        "resultType": fact.status,
        "resultSignature": fact.status_detail,
        "durationMs": str(random.randrange(3000)),
        "callerIpAddress": address,
        "correlationId": fact.correlation_id,
        "identity": directory.identity(principal, fact.caller_ip, str(properties["entity"]), action),
        "level": _LEVELS.get(fact.status, "Information"),
        "properties": properties,
        "tenantId": directory.tenant_id,
        "generatedBy": GENERATED_BY,
    }


def table_record(
    fact: GeneratedRecord,
    principal: Principal,
    action: str,
    properties: Mapping[str, object],
    directory: Directory,
    random: Random,
) -> dict[str, object]:
    """The same record as Log Analytics exports it: the AzureActivity table's columns, Properties as text."""
    identity = directory.identity(principal, fact.caller_ip, str(properties["entity"]), action)
    return {
        "TenantId": directory.tenant_id,
        "TimeGenerated": format_ticks(fact.time),
        "OperationName": action.rsplit("/", 2)[-2].title(),
        "OperationNameValue": fact.operation,
        "Level": "Informational",
        "ActivityStatus": _DISPLAY.get(fact.status, fact.status),
        "ActivityStatusValue": fact.status,
        "ActivitySubstatusValue": fact.status_detail,
        "ResourceGroup": fact.resource_group,
        "SubscriptionId": fact.subscription_id,
        "CorrelationId": fact.correlation_id,
        "Caller": fact.caller,
        "CallerIpAddress": fact.caller_ip,
        "CategoryValue": fact.category,
        "Claims": orjson.dumps(identity["claims"]).decode(),
        "Authorization": orjson.dumps(identity["authorization"]).decode(),
        "Properties": orjson.dumps(properties).decode(),
        "EventDataId": new_uuid(random),
        "ResourceId": fact.resource_id,
        "_ResourceId": fact.resource_id.lower(),
        "SourceSystem": "Azure",
        "Type": "AzureActivity",
        "generatedBy": GENERATED_BY,
    }
