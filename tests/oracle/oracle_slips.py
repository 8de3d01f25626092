"""Slips in the text of RULE 15: a piece of `config/rules/rule15.kql` exchanged for another, one at a time.

Not here, because they mean the same: has_any does not look at case, so tolower() before it changes nothing;
"Microsoft.Compute.CustomScriptExtension" has the term CustomScriptExtension; ExtensionName shows nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from oracle_rows import AT

from stream_detector.ticks import format_ticks

Slip = tuple[str, str]
"""A piece that the rule's text has once, and what is written instead."""

TYPES = (
    "CustomScriptExtension",
    "CustomScriptForLinux",
    "RunCommandHandler",
    "RunCommand",
    "Microsoft.Azure.Extensions.CustomScript",
)
TERMS = (
    *("terraform", "bicep", "pipeline", "github", "pulumi", "devops"),
    *("arm-deployment", "chef", "puppet", "ansible", "dsc"),
)
_SETS = {
    "AffectedVMs": ("VMName", 10),
    "ExtensionTypes": ("ExtensionType", 5),
    "AffectedResources": ("ResourceId", 10),
    "SourceIPs": ("CallerIpAddress", 5),
}

_OPERATION = "OperationNameValue in~ (ExecutionOperations)"
_WRITE = "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE"
_RUN = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
_STATUS = 'ActivityStatusValue =~ "Success"'
_EITHER = f'OperationNameValue =~ "{_RUN}"\n    or Properties has_any (ExecutionTypes)'
_NAMES_TYPE = "Properties has_any (ExecutionTypes)"
_EXCLUDED = "tolower(Caller) has_any (AutomationTerms)"
_SOME_ADDRESS = "isnotempty(CallerIpAddress)"
_PLATFORM = 'CallerIpAddress !startswith "168.63." and CallerIpAddress !startswith "169.254."'
_NAMED_TYPE = 'tostring(PropsParsed["type"])'
_RUN_TYPE = 'iff(OperationNameValue has "RUNCOMMAND", "RunCommand", "")'
_OF_MACHINE = "VMName = tostring(Segments[8])"


def _each(column: str, operator: str, values: Iterable[str]) -> str:
    """The same test of a column with each of the values, one of which must hold."""
    tests = (f'{column} {operator} "{value}"' for value in values)
    return f"({' or '.join(tests)})"


SLIPS: dict[str, Slip] = {
    "the window includes its edge": ("TimeGenerated > ago", "TimeGenerated >= ago"),
    "the window is a tick short": ("ago(2h)", "ago(time(01:59:59.9999999))"),
    "the window is in minutes": ("ago(2h)", "ago(2m)"),
    "future rows do not count": (
        "TimeGenerated > ago(2h)",
        f"TimeGenerated > ago(2h) and TimeGenerated <= datetime({format_ticks(AT)})",
    ),
    "run command is not listed": (f',\n    "{_RUN}"\n]', "\n]"),
    "extension writes are not listed": (f'"{_WRITE}",\n', ""),
    "an operation is misspelled": ("EXTENSIONS/WRITE", "EXTENSION/WRITE"),
    "operations are compared by case": (_OPERATION, "OperationNameValue in (ExecutionOperations)"),
    "operations are compared by beginning": (
        _OPERATION,
        _each("OperationNameValue", "startswith", (_WRITE, _RUN)),
    ),
    "operations are compared by end": (_OPERATION, _each("OperationNameValue", "endswith", (_WRITE, _RUN))),
    "operations are searched for": (_OPERATION, "OperationNameValue has_any (ExecutionOperations)"),
    "operations are trimmed": (_OPERATION, 'trim(" +", OperationNameValue) in~ (ExecutionOperations)'),
    "Succeeded is a success": (_STATUS, 'ActivityStatusValue in~ ("Success", "Succeeded")'),
    "status is compared by case": (_STATUS, 'ActivityStatusValue == "Success"'),
    "status is compared by beginning": (_STATUS, 'ActivityStatusValue startswith "Success"'),
    "status is searched for": (_STATUS, 'ActivityStatusValue has "Success"'),
    "status is raised beyond ASCII": (_STATUS, 'toupper(ActivityStatusValue) == "SUCCESS"'),
    "status is trimmed": (_STATUS, 'trim(" +", ActivityStatusValue) =~ "Success"'),
    "status is another one": (_STATUS, 'ActivityStatusValue !~ "Success"'),
    "status does not matter": (f"| where {_STATUS}\n", ""),
    "run command needs a type": (_EITHER, _NAMES_TYPE),
    "run command alone passes": (_EITHER, f'OperationNameValue =~ "{_RUN}"'),
    "both halves are wanted": ("\n    or Properties", "\n    and Properties"),
    "no operation needs a type": (_NAMES_TYPE, f"{_OPERATION} "),
    "run command is told by case": (f'OperationNameValue =~ "{_RUN}"', f'OperationNameValue == "{_RUN}"'),
    "every type is wanted": (_NAMES_TYPE, "Properties has_all (ExecutionTypes)"),
    "types are found inside words": (_NAMES_TYPE, _each("Properties", "contains", TYPES)),
    "types are compared by case": (_NAMES_TYPE, _each("Properties", "has_cs", TYPES)),
    "types are found at the start of words": (_NAMES_TYPE, _each("Properties", "hasprefix", TYPES)),
    "types are found at the end of words": (_NAMES_TYPE, _each("Properties", "hassuffix", TYPES)),
    "types are looked for in the parsed member": (
        _NAMES_TYPE,
        'tostring(parse_json(Properties)["type"]) has_any (ExecutionTypes)',
    ),
    "types are looked for in the resource": (_NAMES_TYPE, "ResourceId has_any (ExecutionTypes)"),
    **{f"the type {name} is forgotten": (f'    "{name}"', '    "Another"') for name in TYPES},
    "excluded callers are wanted": (f"not({_EXCLUDED})", _EXCLUDED),
    "no caller is excluded": (f"| where not({_EXCLUDED})\n", ""),
    "callers are found inside words": (_EXCLUDED, _each("Caller", "contains", TERMS)),
    "callers are compared by case": (_EXCLUDED, _each("Caller", "has_cs", TERMS)),
    "callers are found at the start of words": (_EXCLUDED, _each("Caller", "hasprefix", TERMS)),
    "callers are compared whole": (_EXCLUDED, "Caller in~ (AutomationTerms)"),
    "callers are compared by beginning": (_EXCLUDED, _each("Caller", "startswith", TERMS)),
    "callers match with other separators": (
        _EXCLUDED,
        'replace_string(replace_string(Caller, "_", "-"), ".", "-") has_any (AutomationTerms)',
    ),
    "callers are judged without their domain": (
        _EXCLUDED,
        'tostring(split(Caller, "@")[0]) has_any (AutomationTerms)',
    ),
    "unknown callers are dropped": (f"not({_EXCLUDED})", f"not({_EXCLUDED}) and isnotempty(Caller)"),
    **{f"the caller term {term} is forgotten": (f'"{term}"', '"another"') for term in TERMS},
    "records without an address count": (f"| where {_SOME_ADDRESS}\n", ""),
    "only records without an address count": (_SOME_ADDRESS, "isempty(CallerIpAddress)"),
    "blank addresses are empty": (_SOME_ADDRESS, 'isnotempty(trim(" +", CallerIpAddress))'),
    "null stands for an empty address": (_SOME_ADDRESS, "isnotnull(CallerIpAddress)"),
    "no address is excluded": (f"| where {_PLATFORM}\n", ""),
    "one of two prefixes is enough": (
        '"168.63." and CallerIpAddress !startswith',
        '"168.63." or CallerIpAddress !startswith',
    ),
    "the first prefix lacks its dot": ('"168.63."', '"168.63"'),
    "the second prefix lacks its dot": ('"169.254."', '"169.254"'),
    "the first prefix matches anywhere": ('!startswith "168.63."', '!contains "168.63."'),
    "the second prefix matches as a term": ('!startswith "169.254."', '!has "169.254"'),
    "platform addresses are wanted": ('!startswith "169.254."', 'startswith "169.254."'),
    "addresses are trimmed": (
        _PLATFORM,
        'trim(" +", CallerIpAddress) !startswith "168.63." and CallerIpAddress !startswith "169.254."',
    ),
    "the machine is one segment early": (_OF_MACHINE, "VMName = tostring(Segments[7])"),
    "the machine is one segment late": (_OF_MACHINE, "VMName = tostring(Segments[9])"),
    "the machine is the last segment": (_OF_MACHINE, "VMName = tostring(Segments[-1])"),
    "the machine is in lower case": (_OF_MACHINE, "VMName = tolower(Segments[8])"),
    "empty segments do not count": (
        'split(ResourceId, "/")',
        'split(replace_string(trim("/+", ResourceId), "//", "/"), "/")',
    ),
    "the machine is looked up by name": (
        _OF_MACHINE,
        'VMName = extract("/virtualMachines/([^/]*)", 1, ResourceId)',
    ),
    "the type's name is read in any case": (
        _NAMED_TYPE,
        f'coalesce({_NAMED_TYPE}, tostring(PropsParsed["Type"]))',
    ),
    "the type is spelled otherwise": (_NAMED_TYPE, 'tostring(PropsParsed["Type"])'),
    "the type is read one level down": (_NAMED_TYPE, "tostring(PropsParsed.properties.type)"),
    "only a string is a type": (
        _NAMED_TYPE,
        f'iff(gettype(PropsParsed["type"]) == "string", {_NAMED_TYPE}, "")',
    ),
    "Properties is parsed in lower case": ("parse_json(Properties)", "parse_json(tolower(Properties))"),
    "the operation's type comes first": (
        f"{_NAMED_TYPE},\n        {_RUN_TYPE}",
        f"{_RUN_TYPE},\n        {_NAMED_TYPE}",
    ),
    "run command has no type of its own": (_RUN_TYPE, '""'),
    "every operation is a run command": (_RUN_TYPE, '"RunCommand"'),
    "the other operation is a run command": ('"RunCommand", "")', '"", "RunCommand")'),
    "run command is looked for by case": ('has "RUNCOMMAND"', 'has_cs "RUNCOMMAND"'),
    "the operation's type is in capitals": ('"RunCommand", "")', '"RUNCOMMAND", "")'),
    "duplicates count once": ("count()", "dcount(strcat(TimeGenerated, CorrelationId))"),
    "the count is of resources": ("count()", "dcount(ResourceId)"),
    "unknown callers are not counted": ("count()", "countif(isnotempty(Caller))"),
    **{
        f"{name} holds {size + more}": (f"make_set({value}, {size})", f"make_set({value}, {size + more})")
        for name, (value, size) in _SETS.items()
        for more in (-1, 1)
    },
    **{
        f"{name} drops the empty text": (
            f"make_set({value}, {size})",
            f"make_set_if({value}, isnotempty({value}), {size})",
        )
        for name, (value, size) in _SETS.items()
        if name != "SourceIPs"
    },
    **{
        f"{name} is in lower case": (f"make_set({value}, {size})", f"make_set(tolower({value}), {size})")
        for name, (value, size) in _SETS.items()
    },
    **{
        f"{name} holds a value more than once": (
            f"make_set({value}, {size})",
            f"make_list({value}, {size})",
        )
        for name, (value, size) in _SETS.items()
    },
    "machines and types are exchanged": ("make_set(VMName, 10)", "make_set(ExtensionType, 10)"),
    "any address of the caller is the caller": ("take_any(CallerIpAddress)", "take_any(Caller)"),
    "the first is the last": ("min(TimeGenerated)", "max(TimeGenerated)"),
    "the last is the first": ("max(TimeGenerated)", "min(TimeGenerated)"),
    "times are cut to milliseconds": ("min(TimeGenerated)", "min(bin(TimeGenerated, 1ms))"),
    "callers are one group in any case": ("by Caller,", "by Caller = tolower(Caller),"),
    "subscriptions are one group in any case": (
        "ResourceGroup, SubscriptionId",
        "ResourceGroup, SubscriptionId = tolower(SubscriptionId)",
    ),
    "keys stand in another order": ("by Caller, ResourceGroup,", "by ResourceGroup, Caller,"),
    "the account is what follows the @": (
        "AccountName = tostring(Account[0])",
        "AccountName = tostring(Account[1])",
    ),
    "the suffix is what follows the last @": (
        "AccountUPNSuffix = tostring(Account[1])",
        "AccountUPNSuffix = tostring(Account[-1])",
    ),
    "the suffix is all that follows the first @": (
        "AccountUPNSuffix = tostring(Account[1])",
        'AccountUPNSuffix = extract("@(.*)", 1, Caller)',
    ),
    "the account is in lower case": ('split(Caller, "@")', 'split(tolower(Caller), "@")'),
    "the split account shows": ("\n| project-away Account", ""),
    "a single execution does not count": (
        "\n| extend Account",
        "\n| where ExecutionCount > 1\n| extend Account",
    ),
}
