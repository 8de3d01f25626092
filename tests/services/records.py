"""A generated record that matches RULE 15, for tests about everything but the rule."""

from __future__ import annotations

import orjson


def run_command(caller: str) -> dict[str, object]:
    """A successful Run Command by `caller`, whose name makes the record and its group unique."""
    return {
        "time": "2026-03-12T10:00:00Z",
        "resourceId": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1",
        "operationName": "Microsoft.Compute/virtualMachines/runCommand/action",
        "resultType": "Success",
        "callerIpAddress": "203.0.113.7",
        "correlationId": caller,
        "identity": {"claims": {"appid": caller}},
        "properties": {},
    }


def run_command_body(caller: str) -> bytes:
    """The record in an event body of its own."""
    return orjson.dumps({"records": [run_command(caller)]})
