"""Seeded records of AzureActivity for any rule: few accounts and machines, so that groups grow.

Every record has a time of its own in whole microseconds, so that the newest of a group is one record and
time spans survive the engine. Rows on which the engine is known to differ from Kusto are left out:
letters that fold to ASCII ones, a key written twice in JSON, numbers whose text Kusto does not document.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.ticks import HOUR, MINUTE, SECOND, format_ticks

AT = 1_773_316_800 * SECOND
"""2026-03-12T12:00:00Z, the instant of the queries."""
_MICROSECOND = 10
_RECORDS_IN_A_BODY = 25

_GRANT = "Microsoft.Authorization/roleAssignments/write"
_OPERATIONS = (
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION",
    "Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/delete",
    "Microsoft.Compute/disks/delete",
    "Microsoft.KeyVault/vaults/delete",
    "Microsoft.Storage/storageAccounts/delete",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    _GRANT,
    "Microsoft.Network/networkSecurityGroups/securityRules/write",
    "Microsoft.Network/azureFirewalls/write",
    "Microsoft.Network/virtualNetworks/read",
)
_STATUSES = (
    "Success",
    "Success",
    "Success",
    "SUCCESS",
    "Succeeded",
    "Failure",
    "Failure",
    "Failed",
    "Start",
    "Start",
    "",
)
_CALLERS = (
    "ann@contoso.com",
    "ann@contoso.com",
    "Ann@contoso.com",
    "bob@contoso.com",
    "svc-deploy@contoso.com",
    "adm-x1@fabrikam.example",
    "eve@evil.example",
    " eve@evil.example",
    "azuredevops@contoso.com",
    "5f0a1c3e-0000-4000-8000-0123456789ab",
    "ann_b@x@y",
    "joanna@contoso.com.example",
    "BOB@CONTOSO.COM",
    " ",
    "@",
    "",
)
_ADDRESSES = (
    "203.0.113.7",
    "203.0.113.9",
    "198.51.100.20",
    "198.51.100.200",
    "192.0.2.1",
    "10.1.2.3",
    "172.16.5.4",
    "172.32.5.4",
    "192.168.1.6",
    "168.63.129.16",
    "2001:db8::1",
    "not an address",
    "203.0.113",
    "",
)
_MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-{}"
_GROUPS = ("rg-web", "RG-WEB", "rg-data", "rg-test", "")
_SUBSCRIPTIONS = ("0f4b3a52-1111-4222-8333-444455556666", "0F4B3A52-1111-4222-8333-444455556666", "s2")
_LEVELS = ("Informational", "Informational", "Error", "Warning", "Verbose", "")
_MODELS = ("vm", "VM", "vm disk", "disk", "", "a/b", 'quoted "text"', "café", "lines\nof text")
_TYPES = ("CustomScriptExtension", "AzureMonitorLinuxAgent", "runcommand", "CustomScript", "", "x")


def records(seed: int, count: int, least: int = AT - HOUR - 20 * MINUTE) -> list[ActivityRecord]:
    """`count` records in order of time, as the decoder reads them; equal seeds give equal records."""
    return decoded(bodies(seed, count, least))


def bodies(seed: int, count: int, least: int = AT - HOUR - 20 * MINUTE) -> list[bytes]:
    """The same as bodies of events, as a hub delivers them."""
    pick = random.Random(seed)
    times = sorted(
        least + at * _MICROSECOND for at in pick.sample(range((AT - least) // _MICROSECOND), count)
    )
    rows = [
        {"TimeGenerated": format_ticks(time), "CorrelationId": f"c-{number}", **_columns(pick)}
        for number, time in enumerate(times)
    ]
    return [
        json.dumps({"records": rows[start : start + _RECORDS_IN_A_BODY]}).encode()
        for start in range(0, count, _RECORDS_IN_A_BODY)
    ]


def decoded(given: Iterable[bytes]) -> list[ActivityRecord]:
    """Records of bodies, each of which must be sound."""
    decoder = BodyDecoder(None)
    found: list[ActivityRecord] = []
    for number, body in enumerate(given):
        read = decoder.decode(body, EventSource("0", number, None))
        assert not read.problems
        found += read.records
    return found


def _columns(pick: random.Random) -> dict[str, str]:
    columns = _any_columns(pick)
    story = pick.random()
    if story < 0.06:
        columns |= {
            "Caller": "mallory@evil.example",
            "OperationNameValue": _OPERATIONS[0],
            "ActivityStatusValue": "Success",
        }
        columns |= {"SubscriptionId": _SUBSCRIPTIONS[0], "ResourceId": _MACHINE.format(pick.randrange(5))}
    elif story < 0.1:
        columns |= {"Caller": "probe@evil.example", "ActivityStatusValue": "Failure"}
    elif story < 0.14:
        columns |= {
            "Caller": "tester@contoso.com",
            "ActivityStatusValue": pick.choice(("Failure",) * 6 + ("Success",)),
        }
    elif story < 0.2:
        columns |= {"OperationNameValue": _GRANT, "ActivityStatusValue": "Start"}
        columns["Properties"] = json.dumps({"requestbody": _request(pick)}, separators=(",", ":"))
    return columns


def _any_columns(pick: random.Random) -> dict[str, str]:
    return {
        "OperationNameValue": pick.choice(_OPERATIONS),
        "ActivityStatusValue": pick.choice(_STATUSES),
        "ActivitySubstatusValue": pick.choice(("OK", "Created", "")),
        "Caller": pick.choice(_CALLERS),
        "CallerIpAddress": pick.choice(_ADDRESSES),
        "ResourceGroup": pick.choice(_GROUPS),
        "SubscriptionId": pick.choice(_SUBSCRIPTIONS),
        "ResourceId": _resource_id(pick),
        "Properties": _properties(pick),
        "Level": pick.choice(_LEVELS),
        "CategoryValue": pick.choice(("Administrative", "Security", "")),
    }


def _resource_id(pick: random.Random) -> str:
    machine = f"{pick.choice(('vm', 'VM'))}-{pick.randrange(14)}"
    segments = ["", "subscriptions", "s", "resourceGroups", "rg", "providers", "Microsoft.Compute"]
    segments += ["virtualMachines", machine, "extensions", "cse"]
    return "/".join(segments[: pick.choice((0, 1, 5, 8, 9, 9, 9, 9, 11))])


def _properties(pick: random.Random) -> str:
    """Compact JSON, in which any member may be missing, null or of another type; sometimes no JSON at all."""
    kind = pick.random()
    if kind < 0.06:
        return pick.choice(("", "{}", "null", "[]", "7", '"script"', "no json: script"))
    bag: dict[str, Any] = {}
    for name, values in _MEMBERS.items():
        if pick.random() < 0.7:
            bag[name] = pick.choice(values)
    if pick.random() < 0.3:
        bag["requestbody"] = _request(pick)
    return json.dumps(bag, separators=(",", ":"), ensure_ascii=False)


def _request(pick: random.Random) -> str:
    asked = {"RoleDefinitionId": pick.choice(_ROLES), "PrincipalId": f"p{pick.randrange(5)}"}
    return json.dumps({"Properties": asked}, separators=(",", ":"))


_ROLES = (
    "/providers/x/roleDefinitions/8E3AF657-A8FF-443C-A75C-2FE8C4BCB635",
    "/providers/x/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c",
    "/providers/x/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c/more",
    "none",
)
_MEMBERS: dict[str, Sequence[Any]] = {
    "type": _TYPES,
    "kind": ("k", "script"),
    "model": (*_MODELS, None),
    "small": (0, 1, 2, 7, -3, None),
    "whole": (0, 1, 2, 3, 4, 11, -7, -1, None),
    "ratio": (0.5, 1.5, 0.25, -2.5, 3.75, None),
    "flag": (True, True, False, None),
    "list": ([1, 2, 3], [2], [], ["a", "b"], [3, 2, 1], None),
    "inner": ({"name": "n", "b": 1}, {}, {"name": ""}, None),
    "properties": ({"type": "Inner"}, {"kind": ["first", "second"]}, {}),
    "ip": ("10.0.0.1", "8.8.8.8", "", None),
    "odd name": ("odd", 1),
    "a": ("", "x"),
}

_SAMPLE = {
    "TimeGenerated": "2026-03-12T11:35:00.1234567Z",
    "OperationNameValue": "Microsoft.Compute/virtualMachines/write",
    "ActivityStatusValue": "Success",
    "Caller": "ann@contoso.com",
    "CallerIpAddress": "203.0.113.7",
    "ResourceGroup": "rg-web",
    "SubscriptionId": "s",
    "ResourceId": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-3",
    "CorrelationId": "c-0",
    "Level": "Error",
    "Properties": json.dumps(
        {
            "small": 2,
            "whole": -7,
            "ratio": 2.5,
            "flag": True,
            "kind": "k",
            "model": "vm",
            "list": [1, 2, 3],
            "inner": {"name": "n", "b": 1},
            "nothing": None,
        },
        separators=(",", ":"),
    ),
}


def made(rows: Iterable[dict[str, str]]) -> list[ActivityRecord]:
    """Records with the columns of `rows`, and those of the sample where a row has none."""
    return decoded([json.dumps({"records": [{**_SAMPLE, **row} for row in rows]}).encode()])


def sample() -> ActivityRecord:
    """One record with a value of every kind, and ticks that an engine of microseconds would lose."""
    (record,) = made([{}])
    return record
