"""RULE 15 record by record: which match, and which clause the others fail first, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Match, Rejection

ROOT = Path(__file__).resolve().parents[2]
WRITE = "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE"
RUN = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"


def rule15() -> KqlRule:
    (rule,) = load_rules(ROOT / "config" / "rules", ["rule15"])
    assert isinstance(rule, KqlRule)
    return rule


RULE = rule15()
BY_HAND = Rule15ByHand()


def record(**columns: Any) -> ActivityRecord:
    """An extension write that matches, but for `columns`."""
    matching = ActivityRecord(
        time=0,
        operation=WRITE,
        status="Success",
        status_detail="Created",
        caller="ann@contoso.com",
        caller_ip="203.0.113.7",
        subscription_id="s",
        resource_group="rg",
        resource_id=f"{MACHINE}/extensions/cse",
        properties='{"type":"CustomScriptExtension"}',
        correlation_id="c",
        level="Information",
        category="Administrative",
        origin=Origin("0", 1),
    )
    return replace(matching, **columns)


MATCH = ""
OPERATION, STATUS, TYPE, CALLER, ADDRESS, FIRST_PREFIX, SECOND_PREFIX = RULE.clauses

CASES = [
    (MATCH, {}),
    (MATCH, {"operation": "Microsoft.Compute/virtualMachines/extensions/write"}),
    (MATCH, {"operation": RUN, "properties": ""}),
    (MATCH, {"operation": "microsoft.compute/virtualmachines/runcommand/action", "properties": "{}"}),
    (OPERATION, {"operation": ""}),
    (OPERATION, {"operation": "Microsoft.Compute/virtualMachines/runCommands/write"}),
    (OPERATION, {"operation": f"{RUN} "}),
    (OPERATION, {"operation": "Microsoft.Compute/virtualMachineScaleSets/extensions/write"}),
    (OPERATION, {"operation": RUN.replace("S", "\u017f")}),
    (OPERATION, {"operation": "", "status": "", "caller_ip": ""}),
    (MATCH, {"status": "SUCCESS"}),
    (STATUS, {"status": "Succeeded"}),
    (STATUS, {"status": "Failure"}),
    (STATUS, {"status": "Start"}),
    (STATUS, {"status": ""}),
    (STATUS, {"status": " Success"}),
    (STATUS, {"status": "\u017fuccess"}),
    (STATUS, {"status": "0", "caller": "terraform"}),
    (MATCH, {"properties": '{"entity":"/x/extensions/CustomScriptExtension"}'}),
    (MATCH, {"properties": '{"a":"Microsoft.Compute.CustomScriptExtension"}'}),
    (MATCH, {"properties": '{"type":"customscriptforlinux"}'}),
    (MATCH, {"properties": "RUNCOMMAND and no JSON"}),
    (MATCH, {"properties": '{"requestbody":"{\\"type\\":\\"RunCommandHandler\\"}"}'}),
    (MATCH, {"properties": '{"type":"RunCommand_Linux"}'}),
    (TYPE, {"properties": ""}),
    (TYPE, {"properties": '{"type":"RunCommandLinux"}'}),
    (TYPE, {"properties": '{"type":"MyCustomScriptExtension"}'}),
    (TYPE, {"properties": '{"type":"CustomScript","publisher":"Microsoft.Azure.Extensions"}'}),
    (TYPE, {"properties": '{"x":"\\nRunCommand"}'}),
    (TYPE, {"properties": '{"type":"\\u0043ustomScriptExtension"}'}),
    (TYPE, {"properties": '{"type":"éRunCommand"}'}),
    (MATCH, {"caller": ""}),
    (MATCH, {"caller": "azuredevops@contoso.com"}),
    (MATCH, {"caller": "5f0a1c3e-0000-4000-8000-0123456789ab"}),
    (MATCH, {"caller": "masterchef@contoso.com"}),
    (MATCH, {"caller": "arm_deployment@contoso.com"}),
    (MATCH, {"caller": "éterraform@contoso.com"}),
    (CALLER, {"caller": "svc_terraform@contoso.com"}),
    (CALLER, {"caller": "ann@github.com"}),
    (CALLER, {"caller": "BOB@CHEF.IO"}),
    (CALLER, {"caller": "x-Arm-Deployment-1"}),
    (CALLER, {"caller": "dsc", "caller_ip": ""}),
    (ADDRESS, {"caller_ip": ""}),
    (FIRST_PREFIX, {"caller_ip": "168.63.129.16"}),
    (FIRST_PREFIX, {"caller_ip": "168.63."}),
    (SECOND_PREFIX, {"caller_ip": "169.254.169.254"}),
    (MATCH, {"caller_ip": " "}),
    (MATCH, {"caller_ip": "168.63"}),
    (MATCH, {"caller_ip": "168.631.1.1"}),
    (MATCH, {"caller_ip": " 168.63.129.16"}),
    (MATCH, {"caller_ip": "169.25.4.1"}),
    (MATCH, {"caller_ip": "2001:db8::1"}),
]


@pytest.mark.parametrize(("clause", "columns"), CASES)
def test_each_record_matches_or_fails_at_the_first_clause(clause: str, columns: dict[str, str]) -> None:
    verdict = RULE.evaluate(record(**columns))
    by_hand = BY_HAND.evaluate(record(**columns))
    if clause == MATCH:
        assert isinstance(verdict, Match)
        assert verdict == by_hand
    else:
        assert verdict == Rejection(clause)
        assert by_hand == Rejection(clause.partition("#")[0])


def test_every_clause_has_a_record_that_fails_it() -> None:
    assert {clause for clause, _ in CASES} == {MATCH, *RULE.clauses}


def test_clauses_are_named_by_the_columns_they_read() -> None:
    assert RULE.clauses == (
        "OperationNameValue",
        "ActivityStatusValue",
        "OperationNameValue+Properties",
        "Caller",
        "CallerIpAddress",
        "CallerIpAddress#2",
        "CallerIpAddress#3",
    )


NEAR_MISSES = [
    (
        OPERATION,
        {"operation": "Microsoft.Compute/virtualMachines/extensions/delete"},
        "OperationNameValue in~ (ExecutionOperations)",
        {"OperationNameValue": '"Microsoft.Compute/virtualMachines/extensions/delete"'},
    ),
    (
        STATUS,
        {"status": "Succeeded"},
        'ActivityStatusValue =~ "Success"',
        {"ActivityStatusValue": '"Succeeded"'},
    ),
    (
        TYPE,
        {"properties": '{"type":"CustomScript"}'},
        f'OperationNameValue =~ "{RUN}"\n    or Properties has_any (ExecutionTypes)',
        {"OperationNameValue": f'"{WRITE}"', "Properties": '"{\\"type\\":\\"CustomScript\\"}"'},
    ),
    (
        CALLER,
        {"caller": "Chef@contoso.com"},
        "not(tolower(Caller) has_any (AutomationTerms))",
        {"Caller": '"Chef@contoso.com"'},
    ),
    (ADDRESS, {"caller_ip": ""}, "isnotempty(CallerIpAddress)", {"CallerIpAddress": '""'}),
    (
        FIRST_PREFIX,
        {"caller_ip": "168.63.129.16"},
        'CallerIpAddress !startswith "168.63."',
        {"CallerIpAddress": '"168.63.129.16"'},
    ),
    (
        SECOND_PREFIX,
        {"caller_ip": "169.254.1.1"},
        'CallerIpAddress !startswith "169.254."',
        {"CallerIpAddress": '"169.254.1.1"'},
    ),
]


@pytest.mark.parametrize(("clause", "columns", "text", "values"), NEAR_MISSES)
def test_a_near_miss_is_explained_by_the_clause_and_the_value_it_saw(
    clause: str, columns: dict[str, str], text: str, values: dict[str, str]
) -> None:
    explanation = RULE.explain(record(**columns))
    assert not explanation.matches
    (deciding,) = (each for each in explanation.clauses if each.decides)
    assert (deciding.name, deciding.text, dict(deciding.values)) == (clause, text, values)
    assert not deciding.passed
    # It is where the file says so.
    line = RULE.text.splitlines()[deciding.line - 1]
    assert line[(deciding.column or 0) - 1 :].startswith(text.splitlines()[0])


def test_every_clause_has_a_near_miss_that_is_explained() -> None:
    assert tuple(clause for clause, *_ in NEAR_MISSES) == RULE.clauses


def test_an_address_of_the_platform_fails_no_clause_but_its_own() -> None:
    explanation = RULE.explain(record(caller_ip="168.63.129.16"))
    assert [each.name for each in explanation.clauses if not each.passed] == [FIRST_PREFIX]


def test_a_match_is_explained_by_its_group_and_what_it_adds() -> None:
    explanation = RULE.explain(record())
    assert explanation.matches
    assert [each.name for each in explanation.clauses] == ["window", *RULE.clauses]
    assert all(each.passed and not each.decides for each in explanation.clauses)
    assert dict(explanation.key) == {
        "Caller": '"ann@contoso.com"',
        "ResourceGroup": '"rg"',
        "SubscriptionId": '"s"',
    }
    added = dict(explanation.inputs)
    assert added["AffectedVMs"] == '"vm1"'
    assert added["ExtensionTypes"] == '"CustomScriptExtension"'
    assert added["ExecutionCount"] == "counted"


@pytest.mark.parametrize(
    ("columns", "machine", "extension_type"),
    [
        ({}, "vm1", "CustomScriptExtension"),
        ({"operation": RUN, "properties": ""}, "vm1", "RunCommand"),
        ({"operation": RUN, "properties": '{"type":""}'}, "vm1", "RunCommand"),
        ({"operation": RUN, "properties": '{"type":" "}'}, "vm1", " "),
        ({"operation": RUN, "properties": '{"type":null}'}, "vm1", "RunCommand"),
        ({"operation": RUN, "properties": '{"type":7}'}, "vm1", "7"),
        ({"operation": RUN, "properties": '{"type":false}'}, "vm1", "false"),
        ({"operation": RUN, "properties": '{"type":["a",{"b":1}]}'}, "vm1", '["a",{"b":1}]'),
        ({"operation": RUN, "properties": '{"Type":"X"}'}, "vm1", "RunCommand"),
        ({"operation": RUN, "properties": '{"\\u0074ype":"X"}'}, "vm1", "X"),
        ({"operation": RUN, "properties": '{"type":"X",}'}, "vm1", "RunCommand"),
        ({"properties": '{"properties":{"type":"RunCommand"}}'}, "vm1", ""),
        ({"properties": '[{"type":"RunCommand"}]'}, "vm1", ""),
        ({"resource_id": MACHINE.upper()}, "VM1", "CustomScriptExtension"),
        ({"resource_id": ""}, "", "CustomScriptExtension"),
        ({"resource_id": MACHINE.removeprefix("/")}, "", "CustomScriptExtension"),
        ({"resource_id": "/" * 9}, "", "CustomScriptExtension"),
        ({"resource_id": "/1/2/3/4/5/6/7/eight/9"}, "eight", "CustomScriptExtension"),
    ],
)
def test_a_match_gives_machine_and_type(columns: dict[str, str], machine: str, extension_type: str) -> None:
    given = record(**columns)
    verdict = RULE.evaluate(given)
    assert isinstance(verdict, Match)
    assert verdict.key == (given.caller, given.resource_group, given.subscription_id)
    assert verdict.inputs == (
        machine,
        extension_type,
        given.resource_id,
        given.caller_ip,
        given.caller_ip,
    )


TEXTS = st.text(st.characters(), max_size=20)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from([WRITE, RUN]))
def test_every_record_is_judged_and_explained_as_by_hand(
    caller: str, address: str, resource: str, properties: str, operation: str
) -> None:
    given = record(
        caller=caller,
        caller_ip=address,
        resource_id=resource,
        properties=f'{properties} RunCommand "type"',
        operation=operation,
    )
    verdict, by_hand = RULE.evaluate(given), BY_HAND.evaluate(given)
    explanation = RULE.explain(given)
    assert explanation.matches == isinstance(verdict, Match)
    if isinstance(verdict, Match):
        assert verdict == by_hand
    else:
        assert by_hand == Rejection(verdict.clause.partition("#")[0])
        assert [each.name for each in explanation.clauses if each.decides] == [verdict.clause]


def test_a_megabyte_of_properties_is_decided_on() -> None:
    filler = '{"a":"' + "x" * 1_000_000
    assert RULE.evaluate(record(properties=filler)) == Rejection(TYPE)
    assert isinstance(RULE.evaluate(record(properties=f'{filler}-RunCommand","type":"X"}}')), Match)


@pytest.mark.parametrize("operation", [WRITE, RUN, WRITE.lower(), RUN.title()])
def test_its_operations_are_wanted_in_any_case(operation: str) -> None:
    assert operation in RULE.operations


@pytest.mark.parametrize(
    "operation",
    [
        "",
        f"{RUN} ",
        f" {WRITE}",
        f"{WRITE}/x",
        WRITE[:-1],
        RUN.replace("S", "\u017f"),
        WRITE.replace("WRITE", "DELETE"),
    ],
)
def test_no_other_operation_is_wanted(operation: str) -> None:
    assert operation not in RULE.operations
    assert RULE.evaluate(record(operation=operation)) == Rejection(OPERATION)
