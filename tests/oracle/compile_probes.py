"""Queries that reach what RULE 15 does not, each aimed at choices of the compiler that could go wrong.

The engine runs the same text. What it does otherwise is kept out: see `oracle_rows` and `query_engine`.
"""

from __future__ import annotations

PROBES: dict[str, str] = {
    "window": """
let Long = 1h;
AzureActivity
| where TimeGenerated > ago(Long) - 30m and TimeGenerated >= ago(2h) + 30m
| where OperationNameValue has "virtualMachines" and isnotempty(Caller) and ActivityStatusValue =~ "Success"
| summarize Rows = count(), First = min(TimeGenerated), Last = max(TimeGenerated) by SubscriptionId
""",
    "edge": """
AzureActivity
| where ago(2h) <= TimeGenerated
| where OperationNameValue has "virtualMachines"
| where TimeGenerated > ago(3h)
| summarize Rows = count(), First = min(TimeGenerated) by SubscriptionId
""",
    "operations": """
let Write = "microsoft.compute/virtualmachines/extensions/write";
AzureActivity
| where TimeGenerated > ago(1h)
| extend Operation = tolower(OperationNameValue), Is = ActivityStatusValue
| where Operation == Write or Operation in ("microsoft.compute/virtualmachines/kextensions/write",
    "microsoft.compute/virtualmachines/extensions/delete")
    or (OperationNameValue =~ "MICROSOFT.COMPUTE/virtualMachines/runCommand/action" and Is =~ "Success")
| where not(OperationNameValue =~ Write and Is =~ "Failure")
| summarize Rows = count() by OperationNameValue, Is
""",
    "parts of operations": """
AzureActivity
| where TimeGenerated > ago(1h)
| where (OperationNameValue has "extensions" and Caller has "contoso")
    or OperationNameValue endswith "/action"
| summarize Rows = count() by OperationNameValue, Caller
""",
    "null": """
AzureActivity
| where TimeGenerated > ago(1h)
| where OperationNameValue has "virtualMachines"
| extend Parsed = parse_json(Properties)
| extend Size = array_length(Parsed["n"]), Kind = tostring(Parsed.type), Inner = Parsed["properties"]["type"]
| where not(Size > 5) or not(Size > 1 and Caller has "fabrikam") or (Size != 2 and Caller has "bob")
| extend Judged = case(Size > 1, "large", Size > 0, "small", "none"),
    Unsure = isnull(Size > 1 and Caller has "contoso"), Either = isnull(Size > 1 or Caller has "contoso"),
    Shown = coalesce(Kind, tostring(Inner), "-"), Sized = iff(Size >= 2, Kind, Caller)
| summarize Rows = count(), Large = countif(Size > 1), Not = countif(not(Size > 1)), Sum = sum(Size),
    Kinds = make_set(Kind, 50), Some = make_set(Size, 5) by Judged, Shown, Sized, Unsure, Either
""",
    "names": """
AzureActivity
| where TimeGenerated > ago(1h)
| where OperationNameValue has "virtualMachines"
| extend X = strcat(Caller, ""), Before = strcat(ResourceGroup, "1")
| extend Y = X
| extend X = strcat("", ResourceGroup), Before = X
| extend Z = strcat(X, "+", Before), W = strcat(Before, "+", X)
| project-rename Old = X
| extend X = strlen(Old)
| summarize Rows = count() by Y, Z, X, W
| extend Z = strcat(Y, Z), Y = Z
| project Y, Z, X, W, Rows
""",
    "shared": """
AzureActivity
| where TimeGenerated > ago(1h)
| where OperationNameValue has "virtualMachines"
| extend Parts = split(tolower(ResourceId), "/"), Asked = split(tolower(Caller), "@")
| extend Depth = array_length(Parts), Deep = array_length(Asked)
| where (Caller has "contoso" and Depth > 6) or (Caller has "fabrikam" and Deep > 1 and Depth > 3)
    or Depth == 9
| extend Tail = strcat(tostring(Parts[-1]), "|", tostring(Parts[0]), "|",
    tostring(Parts[8]), "|", tostring(Asked[1]))
| summarize Rows = count(), A = countif(Caller has "ann" and Depth > 9), B = countif(Depth > 10 or Deep > 2)
    by Tail, Depth
""",
    "aggregates": """
AzureActivity
| where TimeGenerated > ago(90m)
| where TimeGenerated < datetime(2026-03-12T11:59:59Z)
| where OperationNameValue has "virtualMachines"
| extend Depth = array_length(split(ResourceId, "/")), Size = array_length(parse_json(Properties)["n"])
| extend Good = ActivityStatusValue =~ "Success"
| summarize Rows = count(), GoodRows = countif(Good), BadRows = countif(not(Good)),
    Places = dcount(ResourceGroup), Spellings = dcountif(ActivityStatusValue, Good),
    Deep = max(Depth), Shallow = min(Depth), All = sum(Depth),
    Sum = sumif(Depth, Good), Ips = make_set(CallerIpAddress, 60), Few = make_set(CallerIpAddress, 2),
    Groups = make_set(ResourceGroup, 60),
    GoodIps = make_set_if(ActivityStatusValue, Good, 7), arg_max(TimeGenerated, CorrelationId, ResourceId),
    Oldest = arg_min(TimeGenerated, CorrelationId), Largest = max(Size), First = min(TimeGenerated)
    by Caller, Slot = bin(TimeGenerated, 30m)
| where Rows > 3 and Places >= 2 and array_length(GoodIps) > 0
| extend Rest = Rows - GoodRows, Late = First > datetime(2026-03-12T11:00:00Z)
| where Rest + Rest < Rows
""",
    "lists": """
AzureActivity
| where TimeGenerated > ago(1h)
| where OperationNameValue has "virtualMachines"
| where CallerIpAddress !in ("203.0.113.7", "2001:DB8::1")
    and Caller !in~ ("ann@contoso.com", "BOB@fabrikam.example")
| where Properties has_all ("type", "entity") or Properties has_any ("n", "runcommand")
| where Properties !has "RUNCOMMANDHANDLER" and Caller !contains "@B" and ResourceId !endswith "/CSE"
| where strlen(Caller) between (5 .. 15) and strlen(Properties) !between (10 .. 30)
| summarize Rows = count() by Caller, CallerIpAddress
""",
    "any": """
AzureActivity
| where TimeGenerated > ago(1h)
| where OperationNameValue has "virtualMachines"
| summarize Rows = count(), Any = take_any(ResourceGroup) by Caller
| project Caller, Rows, Some = isnotempty(Any)
""",
}
"""By what they are aimed at."""

FOR_THE_ENGINE: dict[str, str] = {
    "any": PROBES["any"]
    .replace("Any = take_any(ResourceGroup)", "Filled = countif(isnotempty(ResourceGroup))")
    .replace("isnotempty(Any)", "Filled > 0"),
}
"""The same, where the engine takes any value and Kusto one that is not empty."""
