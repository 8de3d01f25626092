"""The executions that are made to match RULE 15, and those made to miss it by one clause.

A case is what the final record looks like; `matches` is written down by hand, not computed,
so that the facts are independent of the rule's code. Holds no randomness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from stream_detector.generate.facts import Purpose
from stream_detector.generate.operations import EXTENSION_WRITE, OTHER_EXECUTIONS, RUN_COMMAND


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of execution on a virtual machine."""

    name: str
    operation: str = EXTENSION_WRITE
    extension: str = ""
    """Name the user gave the extension: the last segment of the resource id."""
    requested_type: str = "CustomScriptExtension"
    """Extension type in the Start record's requestbody."""
    result: Mapping[str, object] = field(default_factory=dict)
    """Keys that the final record's properties hold beside the common ones."""
    status: str = "Success"
    caller: str | None = None
    """Replaces the caller when the case is about the caller."""
    address: str | None = None
    """Replaces the address when the case is about the address."""
    path: str | None = None
    """Replaces the resource below `/providers/` when the case is not about a virtual machine."""
    matches: bool = False

    @property
    def purpose(self) -> Purpose:
        return Purpose.ATTACK if self.matches else Purpose.NEAR_MISS


def extension_document(publisher: str, kind: str, version: str = "1.10") -> dict[str, object]:
    """The extension resource as the Compute API takes and returns it, with a harmless command."""
    settings = {"fileUris": ["https://stcontoso.example/setup"], "commandToExecute": "echo generated"}
    inner = {"publisher": publisher, "type": kind, "typeHandlerVersion": version, "settings": settings}
    return {"location": "westeurope", "properties": inner}


def _text(document: object) -> str:
    return orjson.dumps(document).decode()


_WINDOWS = extension_document("Microsoft.Compute", "CustomScriptExtension")
_LINUX = extension_document("Microsoft.OSTCExtensions", "CustomScriptForLinux", "1.5")
_LINUX_V2 = extension_document("Microsoft.Azure.Extensions", "CustomScript", "2.1")
_AGENT = extension_document("Microsoft.Azure.Monitor", "AzureMonitorLinuxAgent", "1.33")

ATTACKS: tuple[Case, ...] = (
    Case("run command", RUN_COMMAND, matches=True),
    Case("type at the top", extension="install", result={"type": "CustomScriptExtension"}, matches=True),
    Case(
        "linux type at the top",
        extension="install",
        requested_type="CustomScriptForLinux",
        result={"type": "CustomScriptForLinux"},
        matches=True,
    ),
    Case("type in response text", extension="config", result={"responseBody": _text(_WINDOWS)}, matches=True),
    Case(
        "linux type in response text",
        extension="config",
        requested_type="CustomScriptForLinux",
        result={"responseBody": _text(_LINUX)},
        matches=True,
    ),
    Case("type in response object", extension="config", result={"responseBody": _WINDOWS}, matches=True),
    Case("extension named by its type", extension="CustomScriptExtension", matches=True),
    Case("extension named in capitals", extension="CUSTOMSCRIPTEXTENSION", matches=True),
    Case(
        "extension named by its full type",
        extension="Microsoft.Azure.Extensions.CustomScript",
        requested_type="CustomScript",
        matches=True,
    ),
    Case(
        "extension named after run command",
        extension="RunCommand",
        requested_type="RunCommandLinux",
        matches=True,
    ),
    Case(
        "run command type",
        extension="agent",
        requested_type="RunCommandHandler",
        result={"type": "RunCommandHandler"},
        matches=True,
    ),
    Case("run command with odd properties", RUN_COMMAND, result={"type": 15}, matches=True),
)

_NAMED = "CustomScriptExtension"
_EXCLUDED_CALLERS = (
    "svc-terraform@contoso.com",
    "svc_terraform@contoso.com",
    "Terraform@contoso.com",
    "github-actions@contoso.com",
    "release.pipeline@contoso.com",
    "bicep.deploy@contoso.com",
    "azure-devops@contoso.com",
    "arm-deployment@contoso.com",
    "dana@chef.contoso.com",
    "puppet@contoso.com",
    "ansible@contoso.com",
    "pulumi@contoso.com",
    "vm.dsc@contoso.com",
)

NEAR_MISSES: tuple[Case, ...] = (
    Case("failed", extension=_NAMED, status="Failure"),
    Case("failed run command", RUN_COMMAND, status="Failure"),
    Case("Succeeded is not Success", extension=_NAMED, status="Succeeded"),
    Case(
        "agent",
        extension="AzureMonitorLinuxAgent",
        requested_type="AzureMonitorLinuxAgent",
        result={"responseBody": _text(_AGENT)},
    ),
    Case(
        "known type as part of a word",
        extension="MyCustomScriptExtension",
        requested_type="MyCustomScriptExtension",
    ),
    Case(
        "known type with a number",
        extension="CustomScriptExtension2",
        requested_type="CustomScriptExtension2",
    ),
    Case(
        "managed run command on linux",
        extension="RunCommandHandlerLinux",
        requested_type="RunCommandLinux",
        result={"type": "RunCommandLinux"},
    ),
    Case(
        "custom script version 2",
        extension="setup",
        requested_type="CustomScript",
        result={"responseBody": _text(_LINUX_V2)},
    ),
    Case("platform address", extension=_NAMED, address="168.63.129.16"),
    Case("metadata address", RUN_COMMAND, address="169.254.169.254"),
    Case("no address", extension=_NAMED, address=""),
    *(Case("excluded caller", extension=_NAMED, caller=caller) for caller in _EXCLUDED_CALLERS),
    *(
        Case("run command of an excluded caller", RUN_COMMAND, caller=caller)
        for caller in _EXCLUDED_CALLERS[:4]
    ),
    *(Case("another execution", name, path=path) for name, path in OTHER_EXECUTIONS),
)
