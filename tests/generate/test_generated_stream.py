"""A generated stream has the records, shares, groups and facts that were asked for."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from services.recompute import group_of, openings, order_free_openings

from stream_detector.generate.cases import ATTACKS, NEAR_MISSES
from stream_detector.generate.facts import GeneratedBody, Purpose
from stream_detector.generate.operations import BACKGROUND
from stream_detector.generate.records import GENERATED_BY
from stream_detector.generate.shapes import Shape, encode
from stream_detector.generate.stream import (
    StreamOptions,
    activity_stream,
    feed_options,
    generated_bodies,
    generated_records,
)
from stream_detector.ticks import HOUR, MINUTE, SECOND, format_ticks


def records_of(body: GeneratedBody) -> list[dict[str, object]]:
    """What the standard library's parser reads, whatever the shape."""
    try:
        parsed = json.loads(body.body)
    except json.JSONDecodeError:
        parsed = [json.loads(line) for line in body.body.splitlines()]
    parts = parsed if isinstance(parsed, list) else [parsed]
    return [record for part in parts for record in part.get("records", [part])]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    options = StreamOptions(records=300)
    assert list(activity_stream(1, options)) == list(activity_stream(1, options))
    assert [b.body for b in activity_stream(1, options)] != [b.body for b in activity_stream(2, options)]


@pytest.mark.parametrize("count", [1, 2, 49, 1000])
def test_exactly_the_number_of_records_asked_for_is_written(count: int) -> None:
    bodies = list(activity_stream(3, StreamOptions(records=count)))
    assert sum(len(records_of(body)) for body in bodies) == count
    assert all(1 <= len(body.records) <= 50 for body in bodies)


@pytest.mark.parametrize("share", [0.0, 0.002, 0.2, 0.9])
def test_the_share_of_matching_records_is_kept(share: float) -> None:
    records = generated_records(4, StreamOptions(records=4000, share=share))
    assert sum(record.matches for record in records) == pytest.approx(share * 4000, abs=25)


def test_as_many_groups_match_as_were_asked_for() -> None:
    records = generated_records(5, StreamOptions(records=6000, share=0.2, groups=230))
    assert len({group_of(record) for record in records if record.matches}) == 230


def test_the_background_has_at_least_sixty_operations_and_every_case_occurs() -> None:
    records = generated_records(6, StreamOptions(records=20_000, share=0.01, near_share=0.05))
    background = {record.operation.lower() for record in records if record.purpose is Purpose.BACKGROUND}
    assert len({operation.name.lower() for operation in BACKGROUND}) == len(BACKGROUND)
    assert len(background) >= 60
    assert {case.name for case in (*ATTACKS, *NEAR_MISSES)} <= {record.case for record in records}


def test_every_record_says_that_it_was_generated() -> None:
    for table_schema in (False, True):
        options = StreamOptions(records=200, table_schema=table_schema)
        for body in activity_stream(7, options):
            assert all(record["generatedBy"] == GENERATED_BY for record in records_of(body))


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("escape_share", [0.0, 1.0])
def test_the_facts_are_what_a_parser_reads_in_the_stream_schema(shape: Shape, escape_share: float) -> None:
    options = StreamOptions(records=400, share=0.05, shapes=(shape,), escape_share=escape_share)
    for body in activity_stream(8, options):
        for record, fact in zip(records_of(body), body.records, strict=True):
            assert record["time"] == format_ticks(fact.time)
            assert record["operationName"] == fact.operation
            assert record["resourceId"] == fact.resource_id
            assert record["resultType"] == fact.status
            assert record["correlationId"] == fact.correlation_id
            assert fact.caller_ip in str(record["callerIpAddress"])


def test_the_facts_are_what_a_parser_reads_in_the_table_schema() -> None:
    for body in activity_stream(9, StreamOptions(records=400, share=0.05, table_schema=True)):
        for record, fact in zip(records_of(body), body.records, strict=True):
            assert record["TimeGenerated"] == format_ticks(fact.time)
            assert record["OperationNameValue"] == fact.operation
            assert record["Caller"] == fact.caller
            assert record["CallerIpAddress"] == fact.caller_ip
            assert (record["SubscriptionId"], record["ResourceGroup"]) == (
                fact.subscription_id,
                fact.resource_group,
            )
            assert isinstance(record["Properties"], str)


def test_escapes_are_written_when_asked_for_and_only_then() -> None:
    plain = b"".join(body.body for body in activity_stream(10, StreamOptions(records=300)))
    escaped = list(activity_stream(10, StreamOptions(records=300, escape_share=1.0)))
    assert b"\\/" not in plain
    assert all(b"\\/" in body.body or b"\\u00" in body.body for body in escaped)


def test_records_arrive_out_of_order_by_seconds_and_minutes_and_some_twice() -> None:
    records = generated_records(11, StreamOptions(records=5000))
    newest, delays = records[0].time, []
    for record in records:
        newest = max(newest, record.time)
        delays.append(newest - record.time)
    assert sum(delay > 0 for delay in delays) > 100
    assert any(delay > MINUTE for delay in delays)
    assert max(delays) < 10 * MINUTE
    assert max(Counter(records).values()) == 2


@pytest.mark.parametrize("count", [5, 300, 20_000])
def test_event_times_lie_in_the_span_and_none_after_its_end(count: int) -> None:
    end = 17_000_000_000_000_000
    records = generated_records(12, StreamOptions(records=count, span=HOUR, end=end))
    assert max(record.time for record in records) <= end
    assert min(record.time for record in records) >= end - HOUR - 2 * MINUTE
    if count > 5:
        assert max(record.time for record in records) > end - 10 * MINUTE


def test_many_records_fit_into_a_tenth_of_a_second() -> None:
    assert len(generated_records(17, StreamOptions(records=500, span=SECOND // 10))) == 500


def test_both_casings_and_service_principals_and_unknown_callers_occur() -> None:
    records = [r for r in generated_records(13, StreamOptions(records=4000, share=0.1)) if r.matches]
    assert any(record.operation.isupper() for record in records)
    assert any(not record.operation.isupper() for record in records)
    assert any(record.resource_group.isupper() for record in records)
    assert any(not record.resource_group.isupper() for record in records)
    assert any(record.caller.count("-") == 4 and "@" not in record.caller for record in records)
    assert any(record.caller == "" for record in records)


def test_only_final_records_of_attacks_are_said_to_match() -> None:
    for record in generated_records(14, StreamOptions(records=4000, share=0.1, near_share=0.1)):
        if record.matches:
            assert record.purpose is Purpose.ATTACK
            assert record.status == "Success"
            assert record.caller_ip
            assert not record.caller_ip.startswith(("168.63.", "169.254."))


def test_a_bare_record_is_written_alone_and_several_in_an_envelope() -> None:
    assert json.loads(encode([{"a": 1}], Shape.BARE)) == {"a": 1}
    assert json.loads(encode([{"a": 1}, {"a": 2}], Shape.BARE)) == {"records": [{"a": 1}, {"a": 2}]}


def test_a_feed_for_a_hub_opens_each_group_once_in_any_order_of_arrival() -> None:
    records = generated_records(15, feed_options(10_000))
    assert order_free_openings(records) == {opening.group: 1 for opening in openings(reversed(records))}
    assert len(order_free_openings(records)) == 40


def test_the_bodies_of_a_feed_are_those_of_its_facts() -> None:
    stream = activity_stream(16, feed_options(500))
    assert list(generated_bodies(seed=16, records=500)) == [body.body for body in stream]
