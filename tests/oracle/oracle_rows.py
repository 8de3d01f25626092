"""Seeded rows of AzureActivity aimed at the edges of RULE 15: about one in three matches.

Rows on which the engine is known to differ from Kusto are left out: letters outside ASCII that fold
to ASCII ones next to a term, strings that look like JSON arrays in a set, trailing commas, a key
written twice, and numbers whose text Kusto does not document.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from stream_detector.ticks import DAY, HOUR, MINUTE, SECOND

AT = 1_773_316_800 * SECOND
"""2026-03-12T12:00:00Z, the instant of the query."""

_WRITE = "Microsoft.Compute/virtualMachines/extensions/write"
_RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
_OTHER_OPERATIONS = (
    "Microsoft.Compute/virtualMachines/runCommands/write",
    "Microsoft.Compute/virtualMachines/runCommands/action",
    "Microsoft.Compute/virtualMachines/extensions/delete",
    "Microsoft.Compute/virtualMachines/extensions/write/action",
    "Microsoft.Compute/virtualMachineScaleSets/extensions/write",
    " Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Compute/virtualMachines/runCommand/action ",
    "Microsoft.Compute/virtualMachines/\u212aextensions/write",
)
_STATUSES = ("Success",) * 12 + ("SUCCESS", "success", "sUcCeSs") * 2
_OTHER_STATUSES = (
    "Succeeded",
    "Success ",
    " Success",
    "Failure",
    "Start",
    "Accept",
    "",
    "\u017fuccess",
    "Succes",
)

_NEEDLES = (
    "CustomScriptExtension",
    "CustomScriptForLinux",
    "RunCommandHandler",
    "RunCommand",
    "Microsoft.Compute.CustomScriptExtension",
    "Microsoft.Azure.Extensions.CustomScript",
)
_TERMS = (
    "terraform",
    "bicep",
    "pipeline",
    "github",
    "pulumi",
    "devops",
    "arm-deployment",
    "arm_deployment",
    "arm.deployment",
    "chef",
    "puppet",
    "ansible",
    "dsc",
)
_BEFORE = ("", "", "my", "1", "_", "-", "svc_", "a.", "é", "٣", "\u0301", " ", "Я")
_AFTER = ("", "", "er", "1", "_", "-", "_x", ".b", "é", "²", "\u0301", " ", "名")
_DOMAINS = ("@contoso.com", "@contoso.com", "@fabrikam.example", "", "@github.com", "@chef.io", "@a@b", "@")

_PLAIN_CALLERS = (
    "ann@contoso.com",
    "Ann@contoso.com",
    "ANN@CONTOSO.COM",
    "bob@fabrikam.example",
    "5f0a1c3e-0000-4000-8000-0123456789ab",
    "",
    "x@",
    "@y",
    "a@b@c",
    "jürgen@contoso.com",
    "JÜRGEN@contoso.com",
    "李雷@contoso.com",
    " lead@contoso.com",
    "azuredevops@contoso.com",
)
_RESOURCE_GROUPS = ("rg-web", "RG-WEB", "rg-data", "", "rg-é")
_SUBSCRIPTIONS = ("0f4b3a52-1111-4222-8333-444455556666", "0F4B3A52-1111-4222-8333-444455556666", "")
_ADDRESSES = ("203.0.113.7", "203.0.113.8", "198.51.100.20", "2001:db8::1", "2001:DB8::1", " 203.0.113.7")
_EDGE_ADDRESSES = (
    "",
    " ",
    "168.63.129.16",
    "168.63.",
    "168.63",
    "168.631.1.1",
    "1168.63.1.1",
    " 168.63.129.16",
    "169.254.169.254",
    "169.254",
    "169.2540.1.1",
    "169.25.4.1",
    " 169.254.1.1",
)
_TYPE_VALUES = (
    '"CustomScriptExtension"',
    '"customscriptextension"',
    '"RunCommand"',
    '"MyCustomScriptExtension"',
    '"\\u0043ustomScriptExtension"',
    '"é"',
    '"  "',
    '""',
    "null",
    "7",
    "-3",
    "1.5",
    "true",
    "false",
    '{"b": 1, "a": "x/y"}',
    "{}",
)

Row = tuple[int, dict[str, str]]


def generate(seed: int, count: int) -> Iterator[Row]:
    """`count` rows; equal seeds give equal rows. One row in twenty is a copy of an earlier one."""
    pick = random.Random(seed)
    earlier: list[Row] = []
    for _ in range(count):
        if earlier and pick.random() < 0.05:
            yield pick.choice(earlier)
            continue
        row = (_time(pick), _columns(pick, small_groups=count // 160 + 1))
        if len(earlier) < 500:
            earlier.append(row)
        yield row


def _columns(pick: random.Random, small_groups: int) -> dict[str, str]:
    """Each column is on the rule's good side most of the time, so that the edges of others show."""
    operation = pick.choice((_WRITE, _RUN))
    if pick.random() < 0.08:
        operation = pick.choice(_OTHER_OPERATIONS)
    columns = {
        "OperationNameValue": _cased(pick, operation),
        "ActivityStatusValue": pick.choice(_STATUSES if pick.random() < 0.9 else _OTHER_STATUSES),
        "Caller": _caller(pick),
        "CallerIpAddress": _address(pick),
        "ResourceGroup": pick.choice(_RESOURCE_GROUPS),
        "SubscriptionId": pick.choice(_SUBSCRIPTIONS),
        "ResourceId": _resource_id(pick),
        "Properties": _properties(pick),
        "CorrelationId": f"c-{pick.randrange(10**9)}",
    }
    for name in ("Caller", "ResourceId", "Properties", "CallerIpAddress", "ActivityStatusValue"):
        if pick.random() < 0.01:
            del columns[name]
    if pick.random() < 0.15:
        # Groups of about a dozen matches, whose sets end just below and above their capacity.
        columns |= {"Caller": "eve@contoso.com", "SubscriptionId": _SUBSCRIPTIONS[0]}
        columns["ResourceGroup"] = f"rg-{pick.randrange(small_groups)}"
    return columns


def _time(pick: random.Random) -> int:
    edge = AT - 2 * HOUR
    kind = pick.random()
    if kind < 0.06:
        return edge + pick.choice((-10, -2, -1, 0, 1, 2, 10))
    if kind < 0.08:
        return AT + pick.choice((-1, 0, 1, DAY, 3 * HOUR))
    if kind < 0.12:
        return edge - pick.randrange(30 * MINUTE)
    return edge + pick.randrange(1, 2 * HOUR)


def _cased(pick: random.Random, text: str) -> str:
    kind = pick.random()
    if kind < 0.4:
        return text
    if kind < 0.8:
        return "".join(c.upper() if c.isascii() else c for c in text)
    return "".join(pick.choice((c.lower(), c.upper())) if c.isascii() else c for c in text)


def _caller(pick: random.Random) -> str:
    if pick.random() < 0.75:
        return pick.choice(_PLAIN_CALLERS)
    return (
        pick.choice(_BEFORE) + _cased(pick, pick.choice(_TERMS)) + pick.choice(_AFTER) + pick.choice(_DOMAINS)
    )


def _address(pick: random.Random) -> str:
    if pick.random() < 0.12:
        return pick.choice(_EDGE_ADDRESSES)
    return pick.choice(_ADDRESSES) if pick.random() < 0.7 else f"203.0.113.{pick.randrange(40)}"


def _resource_id(pick: random.Random) -> str:
    """An id of a machine or extension; in one of five cases cut or grown to any depth."""
    machine = f"{pick.choice(('vm', 'VM'))}-{pick.randrange(30)}"
    segments = ["", "subscriptions", "s", "resourceGroups", "rg", "providers", "Microsoft.Compute"]
    segments += ["virtualMachines", machine, "extensions", pick.choice(("cse", "RunCommand", ""))]
    if pick.random() < 0.8:
        return "/".join(segments[: pick.choice((9, 11))])
    segments += ["x", "", "y"]
    return "/".join(segments[pick.choice((0, 0, 1)) : pick.randrange(14)])


def _properties(pick: random.Random) -> str:
    needle = _cased(pick, pick.choice(_NEEDLES))
    if pick.random() < 0.3:
        needle = pick.choice(_BEFORE) + needle + pick.choice(_AFTER)
    shapes = (
        lambda: f'{{"type":{pick.choice(_TYPE_VALUES)},"entity":"/x/{needle}"}}',
        lambda: f'{{"type":"{needle}"}}',
        lambda: f'{{ "type" : "{needle}" , "n": [1, 2] }}',
        lambda: f'{{"Type":"{needle}","properties":{{"type":"Inner-{needle}"}}}}',
        lambda: f'{{"properties":{{"type":"{needle}"}}}}',
        lambda: f'{{"requestbody":"{{\\"properties\\":{{\\"type\\":\\"{needle}\\"}}}}"}}',
        lambda: f'{{"message":"\\n{needle}"}}',
        lambda: f'{{"{needle}":true,"type":{pick.choice(_TYPE_VALUES)}}}',
        lambda: f'[{{"type":"{needle}"}}]',
        lambda: f"{{'type':'{needle}'}}",
        lambda: f"not json: {needle}",
        lambda: f'{{"type":{pick.choice(_TYPE_VALUES)}}}',
        lambda: '{"type":"CustomScript","publisher":"Microsoft.Azure.Extensions"}',
        lambda: pick.choice(("", "{}", "null", '"RunCommand"', "RunCommand", "[]", "7")),
    )
    return pick.choice(shapes)()
