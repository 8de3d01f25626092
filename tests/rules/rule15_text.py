"""RULE 15 as KQL, for tests of the compiler; the shipped one is in config/rules."""

from __future__ import annotations

RULE_15 = """let operations = dynamic(["Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Compute/virtualMachines/runCommand/action"]); // the two ways in
let period = 2h;
AzureActivity
| where TimeGenerated > ago(period)
// what ran
| where OperationNameValue in~ (operations)
| where ActivityStatusValue =~ "Success"
| where OperationNameValue =~ "Microsoft.Compute/virtualMachines/runCommand/action"
    or Properties has_any ("CustomScriptExtension", "CustomScriptForLinux", "RunCommandHandler", "RunCommand",
        "Microsoft.Compute.CustomScriptExtension", "Microsoft.Azure.Extensions.CustomScript")
| where not(tolower(Caller) has_any ("terraform", "bicep", "pipeline", "github", "pulumi", "devops",
    "arm-deployment", "chef", "puppet", "ansible", "dsc"))
| where isnotempty(CallerIpAddress) and CallerIpAddress !startswith "168.63." // the platform
    and CallerIpAddress !startswith "169.254."
| extend Path = split(ResourceId, "/"), PropsParsed = todynamic(Properties)
| extend VMName = tostring(Path[8]), ExtensionName = tostring(Path[10])
| extend ExtensionType = coalesce(
    tostring(PropsParsed["type"]),
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
| sort by LastSeen desc
"""
