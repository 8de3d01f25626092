"""Who called, from where and on what, from what the stream carries."""

from __future__ import annotations

import json

import pytest

from stream_detector.activity.identity import address_without_port, caller_of, segment_after

XML = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


@pytest.mark.parametrize(
    ("claims", "caller"),
    [
        ({XML + "upn": "u@x", XML + "name": "n@x", "appid": "app"}, "u@x"),
        ({XML + "name": " n@x", XML + "emailaddress": "e@x", "appid": "app"}, "n@x"),
        ({XML + "emailaddress": "e@x", "appid": "app", OBJECT_ID: "oid"}, "e@x"),
        ({"appid": "app", OBJECT_ID: "oid"}, "app"),
        ({OBJECT_ID: "oid"}, "oid"),
        ({"name": "John Smith"}, ""),
        ({XML + "givenname": "John", XML + "nameidentifier": "xyz"}, ""),
        ({XML + "upn": "  ", "appid": "app"}, "app"),
        ({XML + "upn": "", XML + "name": None, "appid": 7, OBJECT_ID: "oid"}, "oid"),
        ({XML + "upn": ["", " first@x ", "second@x"]}, "first@x"),
        ({XML + "upn": [], XML + "name": {}, "appid": "app"}, "app"),
        ({"http://schemas.example.org/CLAIMS/UPN": "odd@x"}, "odd@x"),
        ({"upn": "bare@x", "appid": "app"}, "bare@x"),
    ],
)
def test_the_best_claim_names_the_caller(claims: dict[str, object], caller: str) -> None:
    assert caller_of({"claims": claims}) == caller
    assert caller_of(json.dumps({"claims": claims})) == caller
    assert caller_of({"claims": json.dumps(claims)}) == caller
    assert caller_of([None, {"Claims": claims}]) == caller


@pytest.mark.parametrize(
    "identity", [None, {}, "", "admin@contoso.com", "{broken", 5, True, [], [1], {"claims": 5}]
)
def test_an_identity_that_names_nobody_is_an_unknown_caller(identity: object) -> None:
    assert caller_of(identity) == ""


def test_the_principal_stands_in_when_no_claim_names_the_caller() -> None:
    authorization = {"evidence": {"principalId": " 5555 "}}
    assert caller_of({"authorization": authorization}) == "5555"
    assert caller_of({"authorization": json.dumps(authorization), "claims": {}}) == "5555"
    assert caller_of({"authorization": authorization, "claims": {"appid": "app"}}) == "app"
    assert caller_of({"authorization": {"evidence": "text"}}) == ""


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:8080", "1.2.3.4"),
        (" 1.2.3.4:8080 ", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
        ("", ""),
        ("[junk]", "[junk]"),
        ("host:80", "host:80"),
        ("1.2.3.4:port", "1.2.3.4:port"),
        ("1.2.3.4, 5.6.7.8", "1.2.3.4, 5.6.7.8"),
    ],
)
def test_an_address_loses_its_port_and_nothing_else(field: str, address: str) -> None:
    assert address_without_port(field) == address


@pytest.mark.parametrize(
    ("resource_id", "subscription", "group"),
    [
        ("/subscriptions/s1/resourceGroups/rg/providers/p", "s1", "rg"),
        ("/SUBSCRIPTIONS/S1/RESOURCEGROUPS/Rg-A", "S1", "Rg-A"),
        ("/TeNaNtS/t/PROVIDERS/x/subscriptions/s2/resourcegroups/g", "s2", "g"),
        ("/subscriptions/s1/providers/p/resourceGroupsX/g", "s1", ""),
        ("/subscriptions/s1/resourceGroups", "s1", ""),
        ("/subscriptions", "", ""),
        ("/subscriptions//resourceGroups/g", "", "g"),
        ("subscriptions/s/resourceGroups/a/resourceGroups/b", "s", "a"),
        ("", "", ""),
        ("/providers/Microsoft.Management/managementGroups/m", "", ""),
    ],
)
def test_segments_are_found_by_name_in_any_casing(resource_id: str, subscription: str, group: str) -> None:
    assert segment_after(resource_id, "subscriptions") == subscription
    assert segment_after(resource_id, "resourcegroups") == group
