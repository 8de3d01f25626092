"""What a compiled rule costs per record, beside RULE 15 written by hand and streaming-kql 0.0.2.

    PYTHONPATH=.:tests python tests/bench/compiled_rule.py [--streaming-kql PYTHON]

PYTHON is an interpreter of an environment with `streaming-kql==0.0.2`; its column stays empty without.
The rule is RULE 15; records are a match, near misses, and records of other operations.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import timeit
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from services.rule15_by_hand import EXTENSION_WRITE, RUN_COMMAND, Rule15ByHand

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import Handling, Match, RuleInfo

MACHINE = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333/resourceGroups/rg/providers"
QUERY = """AzureActivity
| where TimeGenerated > ago(2h)
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/extensions/write"
    or OperationNameValue =~ "Microsoft.Compute/virtualMachines/runCommand/action"
| where ActivityStatusValue =~ "success"
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/runCommand/action"
    or Properties has_any ("CustomScriptExtension", "CustomScriptForLinux", "RunCommandHandler", "RunCommand",
        "Microsoft.Compute.CustomScriptExtension", "Microsoft.Azure.Extensions.CustomScript")
| where not(tolower(Caller) has_any ("terraform", "bicep", "pipeline", "github", "pulumi", "devops",
    "arm-deployment", "chef", "puppet", "ansible", "dsc"))
| where isnotempty(CallerIpAddress)
| where CallerIpAddress !startswith "168.63." and CallerIpAddress !startswith "169.254."
| extend Path = split(ResourceId, "/")
| extend VMName = tostring(Path[8])
| extend ExtensionType = coalesce(
    tostring(todynamic(Properties)["type"]),
    iff(OperationNameValue has "RUNCOMMAND", "RunCommand", ""))
| summarize ExecutionCount = count(),
    AffectedVMs = make_set(VMName, 10), ExtensionTypes = make_set(ExtensionType, 5),
    AffectedResources = make_set(ResourceId, 10), SourceIPs = make_set(CallerIpAddress, 5),
    CallerIP = any(CallerIpAddress), FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated)
    by Caller, ResourceGroup, SubscriptionId
| extend Account = split(Caller, "@")
| project Caller, ResourceGroup, SubscriptionId, ExecutionCount, AffectedVMs, ExtensionTypes,
    AffectedResources, SourceIPs, CallerIP, FirstSeen, LastSeen,
    AccountName = tostring(Account[0]), AccountUPNSuffix = tostring(Account[1])
"""


def records() -> dict[str, ActivityRecord]:
    """The records that are measured, by what they are."""
    body = {"statusCode": "OK", "entity": f"{MACHINE}/x", "message": "y", "hierarchy": "z" * 120}
    match = ActivityRecord(
        time=0,
        operation=EXTENSION_WRITE,
        status="Success",
        status_detail="Created",
        caller="ann@contoso.com",
        caller_ip="203.0.113.7",
        subscription_id="0b1f6471-1bf0-4dda-aec3-111122223333",
        resource_group="rg",
        resource_id=f"{MACHINE}/Microsoft.Compute/virtualMachines/vm1/extensions/cse",
        properties=json.dumps({**body, "type": "CustomScriptExtension"}, separators=(",", ":")),
        correlation_id="c",
        level="Information",
        category="Administrative",
        origin=Origin("0", 1),
    )
    plain = json.dumps({**body, "a": "CustomScriptExtension"}, separators=(",", ":"))
    return {
        "match, type in Properties": match,
        "match, type not at the top": replace(match, properties=plain),
        "match, Run Command": replace(match, operation=RUN_COMMAND, properties="{}"),
        "near miss: address": replace(match, caller_ip="168.63.129.16"),
        "near miss: caller": replace(match, caller="svc_terraform@contoso.com"),
        "near miss: type": replace(match, properties=json.dumps(body)),
        "near miss: status": replace(match, status="Start"),
        "another operation": replace(match, operation="MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"),
    }


def compiled() -> KqlRule:
    """RULE 15, compiled."""
    info = RuleInfo("rule15", "RULE 15", "1", "High", (), (), "")
    rule, problems = compile_kql(QUERY, info, Handling(), {}, False)
    assert rule is not None, problems
    return rule


def nanoseconds(
    record: ActivityRecord, *evaluates: Any, rounds: int = 30, number: int = 10_000
) -> list[float]:
    """Of one call of each: the best of several rounds in turn, since whatever disturbs only adds."""
    best = [float("inf")] * len(evaluates)
    for _ in range(rounds):
        for at, evaluate in enumerate(evaluates):
            took = timeit.timeit("call(record)", globals={"call": evaluate, "record": record}, number=number)
            best[at] = min(best[at], took / number * 1e9)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streaming-kql", metavar="PYTHON")
    chosen = parser.parse_args()
    by_hand, rule = Rule15ByHand(), compiled()
    others = streaming(chosen.streaming_kql) if chosen.streaming_kql else {}
    print(f"{'record':<28}{'by hand':>10}{'compiled':>10}{'ratio':>8}{'streaming-kql':>15}{'ratio':>8}")
    for name, record in records().items():
        assert isinstance(rule.evaluate(record), Match) == isinstance(by_hand.evaluate(record), Match)
        hand, ours = nanoseconds(record, by_hand.evaluate, rule.evaluate)
        line = f"{name:<28}{hand:>7.0f} ns{ours:>7.0f} ns{ours / hand:>8.2f}"
        if name in others:
            line += f"{others[name]:>12.0f} ns{others[name] / ours:>8.1f}"
        print(line)
    seconds = min(timeit.repeat(compiled, repeat=20, number=1))
    print(f"compiling the rule: {seconds * 1e3:.1f} ms")


def streaming(python: str) -> dict[str, float]:
    """Nanoseconds per record in streaming-kql, by name of the record."""
    rows = {name: _row(record) for name, record in records().items()}
    program = Path(__file__).with_name("streaming_kql_times.py")
    answer = subprocess.run(
        [python, str(program)],
        input=json.dumps({"query": QUERY, "rows": rows}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    times: dict[str, float] = json.loads(answer.stdout)
    return times


def _row(record: ActivityRecord) -> dict[str, str]:
    return {
        "OperationNameValue": record.operation,
        "ActivityStatusValue": record.status,
        "Caller": record.caller,
        "CallerIpAddress": record.caller_ip,
        "ResourceGroup": record.resource_group,
        "SubscriptionId": record.subscription_id,
        "ResourceId": record.resource_id,
        "Properties": record.properties,
        "CorrelationId": record.correlation_id,
    }


if __name__ == "__main__":
    main()
