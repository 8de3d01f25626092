"""RULE 15 record by record: which match, and which clause the others fail first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Aggregates, Match, Rejection, Rule
from stream_detector.rules.rule15 import Rule15
from stream_detector.ticks import HOUR

REPOSITORY = Path(__file__).resolve().parents[2]
WRITE = "MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE"
RUN = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
MACHINE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"

LOADED: tuple[Rule, ...] = load_rules(REPOSITORY / "config" / "rules", ["rule15"])


def rule15() -> Rule15:
    (rule,) = LOADED
    assert isinstance(rule, Rule15)
    return rule


RULE = rule15()


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

CASES = [
    (MATCH, {}),
    (MATCH, {"operation": "Microsoft.Compute/virtualMachines/extensions/write"}),
    (MATCH, {"operation": RUN, "properties": ""}),
    (MATCH, {"operation": "microsoft.compute/virtualmachines/runcommand/action", "properties": "{}"}),
    ("operation", {"operation": ""}),
    ("operation", {"operation": "Microsoft.Compute/virtualMachines/runCommands/write"}),
    ("operation", {"operation": f"{RUN} "}),
    ("operation", {"operation": "Microsoft.Compute/virtualMachineScaleSets/extensions/write"}),
    ("operation", {"operation": RUN.replace("S", "\u017f")}),
    ("operation", {"operation": "", "status": "", "caller_ip": ""}),
    (MATCH, {"status": "SUCCESS"}),
    ("status", {"status": "Succeeded"}),
    ("status", {"status": "Failure"}),
    ("status", {"status": "Start"}),
    ("status", {"status": ""}),
    ("status", {"status": " Success"}),
    ("status", {"status": "\u017fuccess"}),
    ("status", {"status": "0", "caller": "terraform"}),
    (MATCH, {"properties": '{"entity":"/x/extensions/CustomScriptExtension"}'}),
    (MATCH, {"properties": '{"a":"Microsoft.Compute.CustomScriptExtension"}'}),
    (MATCH, {"properties": '{"type":"customscriptforlinux"}'}),
    (MATCH, {"properties": "RUNCOMMAND and no JSON"}),
    (MATCH, {"properties": '{"requestbody":"{\\"type\\":\\"RunCommandHandler\\"}"}'}),
    (MATCH, {"properties": '{"type":"RunCommand_Linux"}'}),
    ("type", {"properties": ""}),
    ("type", {"properties": '{"type":"RunCommandLinux"}'}),
    ("type", {"properties": '{"type":"MyCustomScriptExtension"}'}),
    ("type", {"properties": '{"type":"CustomScript","publisher":"Microsoft.Azure.Extensions"}'}),
    ("type", {"properties": '{"x":"\\nRunCommand"}'}),
    ("type", {"properties": '{"type":"\\u0043ustomScriptExtension"}'}),
    ("type", {"properties": '{"type":"éRunCommand"}'}),
    (MATCH, {"caller": ""}),
    (MATCH, {"caller": "azuredevops@contoso.com"}),
    (MATCH, {"caller": "5f0a1c3e-0000-4000-8000-0123456789ab"}),
    (MATCH, {"caller": "masterchef@contoso.com"}),
    (MATCH, {"caller": "arm_deployment@contoso.com"}),
    (MATCH, {"caller": "éterraform@contoso.com"}),
    ("caller", {"caller": "svc_terraform@contoso.com"}),
    ("caller", {"caller": "ann@github.com"}),
    ("caller", {"caller": "BOB@CHEF.IO"}),
    ("caller", {"caller": "x-Arm-Deployment-1"}),
    ("caller", {"caller": "dsc", "caller_ip": ""}),
    ("address", {"caller_ip": ""}),
    ("address", {"caller_ip": "168.63.129.16"}),
    ("address", {"caller_ip": "169.254.169.254"}),
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
    if clause == MATCH:
        assert isinstance(verdict, Match)
    else:
        assert verdict == Rejection(clause)


def test_every_clause_has_a_record_that_fails_it() -> None:
    assert {clause for clause, _ in CASES} == {MATCH, *RULE.clauses}


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
        ({"operation": RUN, "properties": '{"Type":"X"}'}, "vm1", "RunCommand"),
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
    assert verdict.members == (
        machine,
        extension_type,
        given.resource_id,
        given.caller_ip,
        given.caller_ip,
    )


TEXTS = st.text(st.characters(), max_size=20)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from([WRITE, RUN]))
def test_no_record_raises(caller: str, address: str, resource: str, properties: str, operation: str) -> None:
    given = record(
        caller=caller,
        caller_ip=address,
        resource_id=resource,
        properties=f'{properties} RunCommand "type"',
        operation=operation,
    )
    verdict = RULE.evaluate(given)
    assert isinstance(verdict, Match) or verdict.clause in ("caller", "address")


def test_a_megabyte_of_properties_is_decided_on() -> None:
    filler = '{"a":"' + "x" * 1_000_000
    assert RULE.evaluate(record(properties=filler)) == Rejection("type")
    assert isinstance(RULE.evaluate(record(properties=f'{filler}-RunCommand","type":"X"}}')), Match)


def test_the_row_has_the_columns_of_the_query_in_its_order() -> None:
    aggregates = Aggregates(
        count=3,
        first=0,
        last=1,
        sets=(("vm1", "vm2"), ("",), ("/a",), ("203.0.113.7",)),
        anys=("203.0.113.7",),
    )
    row = RULE.row(("a@b@c", "rg", "s"), aggregates)
    assert list(row.items()) == [
        ("Caller", "a@b@c"),
        ("ResourceGroup", "rg"),
        ("SubscriptionId", "s"),
        ("ExecutionCount", 3),
        ("AffectedVMs", ["vm1", "vm2"]),
        ("ExtensionTypes", [""]),
        ("AffectedResources", ["/a"]),
        ("SourceIPs", ["203.0.113.7"]),
        ("CallerIP", "203.0.113.7"),
        ("FirstSeen", "1970-01-01T00:00:00.0000000Z"),
        ("LastSeen", "1970-01-01T00:00:00.0000001Z"),
        ("AccountName", "a"),
        ("AccountUPNSuffix", "b"),
    ]


@pytest.mark.parametrize(
    ("caller", "name", "suffix"),
    [("ann@contoso.com", "ann", "contoso.com"), ("guid", "guid", ""), ("", "", ""), ("@x", "", "x")],
)
def test_the_account_is_split_from_the_caller(caller: str, name: str, suffix: str) -> None:
    row = RULE.row((caller, "rg", "s"), Aggregates(1, 0, 0, ((), (), (), ()), ("",)))
    assert (row["AccountName"], row["AccountUPNSuffix"]) == (name, suffix)


def test_the_shipped_rule_is_the_one_that_is_documented() -> None:
    assert RULE.info.severity == "High"
    assert RULE.info.tactics == ("Execution", "Persistence")
    assert RULE.info.techniques == ("T1059", "T1059.009")
    assert RULE.window == 2 * HOUR
    assert RULE.ignore_case
    assert RULE.operations == {WRITE.lower(), RUN.lower()}
    assert [(column.name, column.capacity) for column in RULE.sets] == [
        ("AffectedVMs", 10),
        ("ExtensionTypes", 5),
        ("AffectedResources", 10),
        ("SourceIPs", 5),
    ]
    assert [(minimum.column, minimum.at_least) for minimum in RULE.thresholds] == [("ExecutionCount", 1)]


_LITERAL = r'"(?:[^"\\\n]|\\.)*"'


@given(TEXTS, TEXTS, TEXTS)
def test_no_group_changes_the_shape_of_the_pivot_query(caller: str, group: str, subscription: str) -> None:
    def shape(*key: str) -> str:
        return re.sub(_LITERAL, '""', RULE.pivot_query(key, 0, HOUR))

    assert shape(caller, group, subscription) == shape("a", "b", "c")


def test_the_pivot_query_compares_as_the_rule_groups() -> None:
    key = ("ann@contoso.com", "rg", "s")
    assert '| where Caller =~ "ann@contoso.com"' in RULE.pivot_query(key, 0, HOUR)
    assert '| where Caller == "ann@contoso.com"' in replace(RULE, ignore_case=False).pivot_query(key, 0, HOUR)


def test_the_pivot_query_names_its_times_to_the_tick() -> None:
    query = RULE.pivot_query(("a", "b", "c"), 1, HOUR)
    times = "datetime(1970-01-01T00:00:00.0000001Z) .. datetime(1970-01-01T01:00:00.0000000Z)"
    assert f"| where TimeGenerated between ({times})" in query
