"""Which field of a record feeds which column, in both schemas, through the decoder."""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson
import pytest

from stream_detector.activity.decode import BodyDecoder, EventSource, RecordKind, UndecodableReason
from stream_detector.activity.record import ActivityRecord, Origin, TimeSource
from stream_detector.rules.operations import WantedOperations
from stream_detector.ticks import format_ticks

RUN_COMMAND = "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION"
SOURCE = EventSource("3", 42, 1_700_000_000 * 10_000_000)
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
VM = "/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/RG-1/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/VM1"

STREAM: dict[str, object] = {
    "time": "2026-01-02T03:04:05.1234567Z",
    "resourceId": VM,
    "operationName": RUN_COMMAND,
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.OK",
    "callerIpAddress": "203.0.113.9:51000",
    "correlationId": "c-1",
    "identity": {"claims": {UPN: " bob@contoso.com"}},
    "level": "Information",
    "properties": {"entity": "/a/b", "name": "Zürich", "list": [1, 2]},
}
TABLE: dict[str, object] = {
    "TimeGenerated": "2026-01-02T03:04:05.1234567Z",
    "OperationName": "Run Command on Virtual Machine",
    "OperationNameValue": RUN_COMMAND,
    "ActivityStatus": "Succeeded",
    "ActivityStatusValue": "Success",
    "ActivitySubstatusValue": "OK",
    "Caller": " bob@contoso.com",
    "CallerIpAddress": "203.0.113.9:51000",
    "SubscriptionId": "s-1",
    "ResourceGroup": "rg-1",
    "ResourceId": VM,
    "_ResourceId": VM.lower(),
    "Properties": '{"entity": "\\/a\\/b"}',
    "CorrelationId": "c-1",
    "Level": "Informational",
    "CategoryValue": "Administrative",
}


def decode_one(record: dict[str, object]) -> ActivityRecord:
    decoded = BodyDecoder(None).decode(json.dumps({"records": [record]}).encode(), SOURCE)
    assert decoded.problems == ()
    (only,) = decoded.records
    return only


def without(record: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in record.items() if name not in names}


def test_a_stream_record_becomes_the_columns_of_the_table() -> None:
    assert decode_one(STREAM) == ActivityRecord(
        time=17673230451234567,
        operation=RUN_COMMAND,
        status="Success",
        status_detail="Succeeded.OK",
        caller="bob@contoso.com",
        caller_ip="203.0.113.9",
        subscription_id="S-1",
        resource_group="RG-1",
        resource_id=VM,
        properties='{"entity":"/a/b","name":"Zürich","list":[1,2]}',
        correlation_id="c-1",
        level="Information",
        category="Administrative",
        origin=Origin("3", 42, 0),
        time_source=TimeSource.RECORD,
    )


def test_a_table_record_keeps_its_columns_as_they_are() -> None:
    record = decode_one(TABLE)
    assert format_ticks(record.time) == "2026-01-02T03:04:05.1234567Z"
    assert (record.operation, record.status, record.status_detail) == (RUN_COMMAND, "Success", "OK")
    assert (record.caller, record.caller_ip) == (" bob@contoso.com", "203.0.113.9:51000")
    assert (record.subscription_id, record.resource_group, record.resource_id) == ("s-1", "rg-1", VM)
    assert record.properties == '{"entity": "\\/a\\/b"}'
    assert (record.correlation_id, record.level, record.category) == (
        "c-1",
        "Informational",
        "Administrative",
    )


def test_the_display_names_of_the_table_are_not_its_values() -> None:
    decoded = BodyDecoder(None).decode(orjson.dumps([without(TABLE, "OperationNameValue")]), SOURCE)
    assert decoded.records == ()
    assert decoded.counts[RecordKind.FOREIGN] == 1
    assert decode_one(without(TABLE, "ActivityStatusValue")).status == ""


@pytest.mark.parametrize(
    "spelling", ["OperationName", "operationname", "OPERATIONNAME", "operation\\u004eame"]
)
def test_an_operation_name_is_found_in_any_casing_of_its_key(spelling: str) -> None:
    body = f'{{"records":[{{"time":"2026-01-02T03:04:05Z","{spelling}":"{RUN_COMMAND}"}}]}}'
    for operations in (None, WantedOperations(frozenset({RUN_COMMAND.lower()}))):
        decoded = BodyDecoder(operations).decode(body.encode(), SOURCE)
        assert [record.operation for record in decoded.records] == [RUN_COMMAND]


def test_missing_columns_of_a_table_record_are_empty_and_scope_comes_from_the_id() -> None:
    record = decode_one(
        without(TABLE, "Caller", "CallerIpAddress", "SubscriptionId", "ResourceGroup", "Properties")
    )
    assert (record.caller, record.caller_ip, record.properties) == ("", "", "")
    assert (record.subscription_id, record.resource_group) == ("S-1", "RG-1")


def test_an_empty_resource_group_column_stays_empty() -> None:
    assert decode_one(TABLE | {"ResourceGroup": ""}).resource_group == ""


def test_the_underscored_resource_id_stands_in_for_a_missing_one() -> None:
    assert decode_one(without(TABLE, "ResourceId")).resource_id == VM.lower()


def test_the_scope_of_a_stream_record_is_that_of_its_resource_id() -> None:
    assert decode_one(STREAM | {"SubscriptionId": "other", "ResourceGroup": "other"}).subscription_id == "S-1"
    bare = decode_one(STREAM | {"resourceId": "/x", "subscriptionId": "s-9", "resourceGroup": "rg-9"})
    assert (bare.subscription_id, bare.resource_group) == ("s-9", "rg-9")


def test_a_record_that_mixes_both_schemas_is_read_column_by_column() -> None:
    mixed = without(STREAM, "time", "resultType", "identity", "properties", "category")
    record = decode_one(
        mixed
        | {
            "TimeGenerated": "2026-01-02T03:04:05Z",
            "ActivityStatusValue": "Failure",
            "Caller": "carol@contoso.com ",
            "Properties": "text",
            "CategoryValue": "Policy",
        }
    )
    assert format_ticks(record.time) == "2026-01-02T03:04:05.0000000Z"
    assert (record.status, record.caller) == ("Failure", "carol@contoso.com")
    assert (record.properties, record.category) == ("text", "Policy")
    turned = decode_one(without(TABLE, "ActivityStatusValue", "Caller") | {"resultType": "Start"} | {
        "identity": {"claims": {UPN: "dave@x"}}
    })  # fmt: skip
    assert (turned.status, turned.caller) == ("Start", "dave@x")


def test_an_empty_field_gives_way_to_the_other_spelling_of_its_column() -> None:
    empty = {"properties": "", "callerIpAddress": "", "level": None, "correlationId": "", "resourceId": ""}
    full = {
        "Properties": "p",
        "CallerIpAddress": "1.2.3.4:5",
        "Level": "l",
        "CorrelationId": "c",
        "ResourceId": "/r",
    }
    record = decode_one(STREAM | empty | full)
    assert (record.properties, record.caller_ip, record.level) == ("p", "1.2.3.4", "l")
    assert (record.correlation_id, record.resource_id) == ("c", "/r")


def test_the_callers_identity_goes_before_a_caller_field() -> None:
    assert decode_one(STREAM | {"caller": "x@x"}).caller == "bob@contoso.com"
    assert decode_one(STREAM | {"caller": " x@x ", "identity": {}}).caller == "x@x"


def test_level_is_found_in_either_casing() -> None:
    assert decode_one(without(STREAM, "level") | {"Level": "4"}).level == "4"
    assert decode_one(STREAM | {"Level": "4"}).level == "Information"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        ("0", "0"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        ([1, "a"], '[1,"a"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
        ({"value": "Success", "localizedValue": "Erfolg"}, "Success"),
    ],
)
def test_a_field_of_another_type_becomes_text(value: object, text: str) -> None:
    assert decode_one(STREAM | {"resultType": value}).status == text


@pytest.mark.parametrize("value", [None, 5, True, "x", [1], {"a": 1}, []])
@pytest.mark.parametrize("name", [name for name in STREAM if name != "operationName"])
def test_any_type_in_any_stream_field_keeps_the_record(name: str, value: object) -> None:
    assert decode_one(STREAM | {name: value}).operation == RUN_COMMAND


@pytest.mark.parametrize("value", [None, 5, True, "x", [1], {"a": 1}, []])
@pytest.mark.parametrize("name", [name for name in TABLE if name != "OperationNameValue"])
def test_any_type_in_any_table_field_keeps_the_record(name: str, value: object) -> None:
    assert decode_one(TABLE | {name: value}).operation == RUN_COMMAND


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"a": "/x", "ü": "\u2028"}, '{"a":"/x","ü":"\u2028"}'),
        ('{"a": "\\/x"}', '{"a": "\\/x"}'),
        ("{'type':'CustomScript'}", "{'type':'CustomScript'}"),
        ("", ""),
        (None, ""),
        ({}, "{}"),
        ([{"a": 1}], '[{"a":1}]'),
        (12, "12"),
    ],
)
def test_properties_are_serialised_once_and_text_stays_the_text_it_was(properties: object, text: str) -> None:
    assert decode_one(STREAM | {"properties": properties}).properties == text


def test_properties_deeper_than_a_serialiser_writes_are_still_text() -> None:
    deep = '{"a":' * 600 + '["x",{},[],null,1]' + "}" * 600
    body = '{"records":[{"operationName":"a/b","properties":' + deep + "}]}"
    (record,) = BodyDecoder(None).decode(body.encode(), SOURCE).records
    assert record.properties == deep


def test_a_record_without_properties_has_empty_ones() -> None:
    assert decode_one(without(STREAM, "properties")).properties == ""


def test_a_localised_operation_name_is_its_value() -> None:
    record = decode_one(STREAM | {"operationName": {"value": RUN_COMMAND, "localizedValue": "Run Command"}})
    assert record.operation == RUN_COMMAND


@pytest.mark.parametrize("name", [5, True, [RUN_COMMAND], {"name": "x"}, {"value": 5}])
def test_an_operation_name_that_is_no_text_costs_that_record_alone(name: object) -> None:
    body = orjson.dumps({"records": [STREAM, STREAM | {"operationName": name}, STREAM]})
    for operations in (None, WantedOperations(frozenset({RUN_COMMAND.lower()}))):
        decoded = BodyDecoder(operations).decode(body, SOURCE)
        assert [record.origin.index for record in decoded.records] == [0, 2]
        (problem,) = decoded.problems
        assert (problem.reason, problem.index) == (UndecodableReason.WRONG_TYPE, 1)
        assert orjson.loads(problem.raw) == STREAM | {"operationName": name}
        assert "contoso" not in problem.detail + repr(problem)


def test_operations_are_compared_by_ascii_folding_only() -> None:
    operations = WantedOperations(frozenset({"x/k"}))
    body = orjson.dumps([{"operationName": "X/K"}, {"operationName": "x/\u212a"}])
    decoded = BodyDecoder(operations).decode(body, SOURCE)
    assert [record.operation for record in decoded.records] == ["X/K"]
    assert decoded.counts[RecordKind.OTHER] == 1


ENQUEUED = "2023-11-14T22:13:20.0000000Z"


@pytest.mark.parametrize(
    "change", [lambda r: without(r, "time"), lambda r: r | {"time": ""}, lambda r: r | {"time": "junk"}]
)
def test_the_enqueued_time_stands_in_for_an_unreadable_one(
    change: Callable[[dict[str, object]], dict[str, object]],
) -> None:
    record = decode_one(change(STREAM))
    assert format_ticks(record.time) == ENQUEUED
    assert record.time_source is TimeSource.ENQUEUED


def test_without_an_enqueued_time_the_next_best_time_stands_in() -> None:
    unknown = EventSource("0", 1, None)
    timeless, other = {"operationName": "a/b"}, {"operationName": "c/d", "time": "2026-01-01T00:00:00Z"}
    hub = {"EventEnqueuedUtcTime": "2025-01-01T00:00:00", "EventProcessedUtcTime": "2025-06-01T00:00:00"}

    def time_of(body: object, decoder: BodyDecoder) -> str:
        (record,) = decoder.decode(orjson.dumps(body), unknown).records
        assert record.time_source is TimeSource.ENQUEUED
        return format_ticks(record.time)

    decoder = BodyDecoder(WantedOperations(frozenset({"a/b"})))
    assert time_of([timeless], decoder) == "1970-01-01T00:00:00.0000000Z"
    assert time_of([timeless | hub, other], decoder) == "2025-01-01T00:00:00.0000000Z"
    processed = {"records": [timeless, other], "EventProcessedUtcTime": hub["EventProcessedUtcTime"]}
    assert time_of(processed, decoder) == "2025-06-01T00:00:00.0000000Z"
    older = {"operationName": "c/d", "time": "2024-01-01T00:00:00Z"}
    assert time_of([older, timeless, other], decoder) == "2026-01-01T00:00:00.0000000Z"
    assert time_of([timeless], decoder) == "2026-01-01T00:00:00.0000000Z"
    assert (
        time_of([timeless], BodyDecoder(WantedOperations(frozenset({"a/b"}))))
        == "1970-01-01T00:00:00.0000000Z"
    )
