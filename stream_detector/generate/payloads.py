"""What background records carry in `properties`: nested documents as JSON text, as Azure sends them.

Some of them name script extensions on purpose: text that must not be mistaken for running one.
"""

from __future__ import annotations

from random import Random

import orjson

from stream_detector.generate.cases import extension_document
from stream_detector.generate.operations import RUN_COMMAND, Payload
from stream_detector.generate.people import new_uuid


def payload(kind: Payload, number: int, random: Random) -> dict[str, object]:
    """Properties beside the common ones."""
    if kind is Payload.RESULT:
        return {}
    if kind is Payload.POLICY:
        assignment = f"/subscriptions/{new_uuid(random)}/providers/Microsoft.Authorization/policyAssignments"
        catalogue = "/providers/Microsoft.Authorization"
        policies = [
            {
                "policyDefinitionId": f"{catalogue}/policyDefinitions/{new_uuid(random)}",
                "policySetDefinitionId": f"{catalogue}/policySetDefinitions/contoso-{number}",
                "policyDefinitionReferenceId": f"require-{RUN_COMMAND}-audit",
                "policyAssignmentId": f"{assignment}/baseline",
                "policyDefinitionEffect": "AuditIfNotExists",
                "policyAssignmentParameters": {},
            }
            for _ in range(1 + number % 3)
        ]
        text = orjson.dumps(policies).decode()
        return {
            "isComplianceCheck": "False",
            "resourceLocation": "westeurope",
            "ancestors": "contoso",
            "policies": text,
        }
    document: dict[str, object] = {
        "location": "westeurope",
        "tags": {
            "environment": "production",
            "owner": f"team{number % 30}",
            "costCentre": str(4000 + number),
        },
        "sku": {"name": "Standard_D4s_v5", "tier": "Standard"},
    }
    if kind is Payload.TEMPLATE:
        document = {"properties": {"mode": "Incremental", "template": _template(number)}}
    return {"requestbody": orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()}


def _template(number: int) -> dict[str, object]:
    """A deployment that would install a script extension: text that must not be mistaken for running one."""
    extension = extension_document("Microsoft.Compute", "CustomScriptExtension") | {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "apiVersion": "2024-03-01",
        "name": f"vm{number}/CustomScriptExtension",
    }
    account = {"type": "Microsoft.Storage/storageAccounts", "name": f"stcontoso{number}", "kind": "StorageV2"}
    interface = {
        "type": "Microsoft.Network/networkInterfaces",
        "name": f"nic{number}",
        "apiVersion": "2024-01-01",
    }
    return {"contentVersion": "1.0.0.0", "resources": [account, interface, extension], "parameters": {}}
