"""Whatever an execution looks like, the shipped rules open one alert for it: never none, never two.

Operations are put together at random of what Azure is known to vary: which row tells the type, how the
operation ends, which rows have an address, who calls, and in which order the rows arrive. What has to be
paged is said here in a few plain words, independent of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

import orjson
import pytest
from services.program import ROOT

from stream_detector.activity.decode import BodyDecoder
from stream_detector.detect.alert import AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.positions import Positions
from stream_detector.pipeline import EventClock, Pipeline, ReceivedEvent
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Rule, wanted_operations
from stream_detector.ticks import HOUR

RULES = ROOT / "config" / "rules"
SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-payments/providers/"
MACHINES = {
    "Microsoft.Compute/virtualMachines": "vm1",
    "Microsoft.Compute/virtualMachineScaleSets": "vmss1",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines": "3",
    "Microsoft.HybridCompute/machines": "arc1",
}
TYPES = {
    "CustomScriptExtension": "Microsoft.Compute",
    "CustomScriptForLinux": "Microsoft.OSTCExtensions",
    "CustomScript": "Microsoft.Azure.Extensions",
    "RunCommandHandlerLinux": "Microsoft.CPlat.Core",
    "VMAccessForLinux": "Microsoft.OSTCExtensions",
    "DSC": "Microsoft.Powershell",
    "RemoteHelper": "Contoso.Tools",
    "AzureMonitorLinuxAgent": "Microsoft.Azure.Monitor",
}
CALLERS = ("adele.vance@contoso.com", "mallory@github.com", "svc-terraform@contoso.com", "")
SERVICE = "5f2c1e9a-7f0d-4c54-8a55-0a4f8f2d7c11"
ADDRESS = "203.0.113.77"


@dataclass(frozen=True)
class Execution:
    """One operation of two or three rows."""

    machine: str
    kind: str
    """The type of the extension, or "" for a Run Command."""
    managed: bool
    """Of a Run Command: the resource, not the action."""
    told: str
    """Where the type stands: "request", "response" of the last row, "both", "answer" (response of the first
    row), or "name" of the extension."""
    final: str
    """The status of the last row, "" when there is none."""
    last_address: str
    caller: str
    accepted: bool
    reverse: bool

    @property
    def operation(self) -> str:
        if self.kind:
            return f"{self.machine}/extensions/write"
        return f"{self.machine}/{'runCommands/write' if self.managed else 'runCommand/action'}"

    @property
    def resource(self) -> str:
        segments = self.machine.split("/")
        path = f"{segments[0]}/{segments[1]}/{MACHINES['/'.join(segments[:2])]}"
        if len(segments) > 2:
            path += f"/{segments[2]}/{MACHINES[self.machine]}"
        if self.kind:
            path += f"/extensions/{self.kind if self.told == 'name' else 'agent'}"
        elif self.managed:
            path += "/runCommands/x"
        return SUBSCRIPTION + path

    @property
    def must_page(self) -> bool:
        """Whether some row says that code runs, or does not let us be sure that it does not."""
        if not self.kind:
            return True
        if self.kind == "AzureMonitorLinuxAgent" or (self.told == "response" and not self.final):
            return False
        # A name is anybody's choice: it tells a type only where it is that of a script runner.
        return self.told != "name" or self.kind not in ("DSC", "RemoteHelper")

    def bodies(self) -> list[bytes]:
        rows = [("Start", "09:00:00", ADDRESS)]
        rows += [("Accept", "09:00:01", ADDRESS)] if self.accepted else []
        rows += [(self.final, "09:04:00", self.last_address)] if self.final else []
        bodies = [self._body(*row) for row in rows]
        return bodies[::-1] if self.reverse else bodies

    def _body(self, status: str, time: str, address: str) -> bytes:
        properties = {"entity": self.resource}
        inner = {"publisher": TYPES.get(self.kind, ""), "type": self.kind}
        document = orjson.dumps({"location": "westeurope", "properties": inner}).decode()
        if self.kind and status == "Start" and self.told in ("request", "both"):
            properties["requestbody"] = document
        answers = {"response": self.final, "both": self.final, "answer": "Start"}
        if self.kind and status == answers.get(self.told):
            properties["responseBody"] = document
        record = {
            "TimeGenerated": f"2026-05-04T{time}Z",
            "OperationNameValue": self.operation,
            "ActivityStatusValue": status,
            "Caller": self.caller,
            "CallerIpAddress": address,
            "SubscriptionId": self.resource.split("/")[2],
            "ResourceGroup": "rg-payments",
            "ResourceId": self.resource,
            "CorrelationId": "6a1c0c2e-0001-4f00-9d00-000000000001",
            "Properties": orjson.dumps(properties).decode(),
        }
        return orjson.dumps({"records": [record]})


def random_execution(random: Random) -> Execution:
    kind = random.choice([*TYPES, "", "", ""])
    machine = random.choice(["Microsoft.Compute/virtualMachines"] * 3 + list(MACHINES))
    if not kind and machine == "Microsoft.Compute/virtualMachineScaleSets":
        machine += "/virtualMachines"  # a model runs no commands
    has_action = machine.endswith("/virtualMachines")
    return Execution(
        machine=machine,
        kind=kind,
        managed=not has_action or random.random() < 0.3,
        told=random.choice(["request", "response", "both", "answer", "name"]),
        final=random.choice(["Success", "Success", "Succeeded", "Failure", "Canceled", ""]),
        last_address=random.choice([ADDRESS, "", "168.63.129.16"]),
        caller=random.choice([*CALLERS, SERVICE]),
        accepted=random.random() < 0.7,
        reverse=random.random() < 0.3,
    )


@cache
def shipped() -> tuple[Rule, ...]:
    return load_rules(RULES, None)


def opened_for(execution: Execution) -> list[str]:
    detector, clock = Detector(shipped()), EventClock()
    pipeline = Pipeline(BodyDecoder(wanted_operations(shipped())), detector, Positions(), clock)
    alerts = [
        alert
        for number, body in enumerate(execution.bodies())
        for alert in pipeline.process(ReceivedEvent("0", number, "", None, body)).alerts
    ]
    alerts += detector.advance(clock.now + 3 * HOUR)
    return [alert.rule.id for alert in alerts if alert.event is AlertEvent.OPENED]


@pytest.mark.parametrize("seed", range(4))
def test_an_execution_opens_one_alert_however_it_looks(seed: int) -> None:
    random = Random(seed)
    for _ in range(500):
        execution = random_execution(random)
        assert len(opened_for(execution)) == (1 if execution.must_page else 0), execution
