"""Any bytes at all: decoding is total, deterministic, accounts for what it saw, and spares neighbours."""

from __future__ import annotations

import json

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.activity.body import EventSource, RecordKind
from stream_detector.activity.decode import BodyDecoder
from stream_detector.activity.identity import address_without_port, caller_of
from stream_detector.activity.times import parse_time
from stream_detector.rules.operations import WantedOperations
from stream_detector.ticks import MAX_TICKS, MIN_TICKS, format_ticks

SOURCE = EventSource("0", 1, 7)
OPERATIONS = WantedOperations(frozenset({"a/b"}))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "time", "TimeGenerated", "operationName", "OperationNameValue", "OperationName", "resultType",
    "resultSignature", "ActivityStatusValue", "Caller", "callerIpAddress", "identity", "resourceId",
    "ResourceId", "_ResourceId",
    "SubscriptionId", "ResourceGroup", "properties", "Properties", "correlationId", "level", "records",
    "category",
]  # fmt: skip
field_values = json_values | st.sampled_from(["a/b", "A/B", "c/d", "", "/subscriptions/s/resourceGroups/g"])
wild_records = st.dictionaries(st.sampled_from(FIELDS), field_values, max_size=8)
grammar = st.lists(
    st.sampled_from(
        [
            "{", "}", "[", "]", ",", ":", '"', "'", "\\", "\n", " ", "null", "None", "1", "-", "1e999", "\\u",
            "\\ud800",
            '"records":', '"operationName":"a/b"', "'operationName':'a/b'", '{"operationName":"a/b"}',
            "\ufffe", "x",
            '"requestbody":"{"', "\x00", "\ufeff",
        ]
    ),
    max_size=40,
).map("".join)  # fmt: skip
damaged_bytes = st.one_of(st.binary(max_size=60), grammar.map(str.encode))


@settings(max_examples=600, deadline=None)
@given(damaged_bytes)
def test_any_bytes_are_decoded_without_raising_and_always_the_same_way(body: bytes) -> None:
    for operations in (None, OPERATIONS):
        first = BodyDecoder(operations).decode(body, SOURCE)
        assert first == BodyDecoder(operations).decode(body, SOURCE)
        assert first.counts[RecordKind.NEEDED] == len(first.records)
        for problem in first.problems:
            assert problem.raw or not body


@settings(max_examples=300, deadline=None)
@given(damaged_bytes)
def test_nothing_but_an_empty_container_is_passed_over_in_silence(body: bytes) -> None:
    decoded = BodyDecoder(None).decode(body, SOURCE)
    if not decoded.problems and not sum(decoded.counts.values()):
        assert set(body.decode().strip("\ufeff").replace('"records"', "").replace("null", "")) <= set(
            '{}[],:" \r\n\x00'
        )


@settings(max_examples=300, deadline=None)
@given(st.lists(wild_records, max_size=4))
def test_any_value_in_any_field_gives_text_columns_and_a_time_in_range(
    records: list[dict[str, object]],
) -> None:
    body = json.dumps({"records": records}).encode()
    decoded = BodyDecoder(None).decode(body, SOURCE)
    for record in decoded.records:
        assert MIN_TICKS <= record.time <= MAX_TICKS
        for column in record.__struct_fields__:
            value = getattr(record, column)
            if isinstance(value, str):
                value.encode()  # raises if a lone surrogate survived


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), grammar), min_size=1, max_size=6))
def test_a_sound_line_survives_whatever_its_neighbours_are(lines: list[tuple[bool, str]]) -> None:
    sound = [f'{{"operationName":"a/b","correlationId":"{number}"}}' for number in range(len(lines) + 1)]
    body = [sound[-1]]
    for number, (is_sound, text) in enumerate(lines):
        body.append(sound[number] if is_sound else text.replace("\n", " "))
    decoded = BodyDecoder(OPERATIONS).decode("\n".join(body).encode(), SOURCE)
    expected = [str(len(lines)), *(str(number) for number, (is_sound, _) in enumerate(lines) if is_sound)]
    assert [record.correlation_id for record in decoded.records if record.correlation_id] == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2000), st.binary(min_size=1, max_size=3))
def test_a_cut_body_keeps_every_record_before_the_cut(count: int, cut: int, noise: bytes) -> None:
    records = [
        orjson.dumps(
            {"operationName": "a/b", "correlationId": str(number), "properties": {"k": [{"v": "}]{["}]}}
        )
        for number in range(count)
    ]
    body = b'{"records":[' + b",".join(records) + b"]}"
    cut = min(cut, len(body) - 1)
    whole, position = 0, len(b'{"records":[')
    for record in records:
        position += len(record)
        whole += position <= cut
        position += 1
    decoded = BodyDecoder(OPERATIONS).decode(body[:cut], SOURCE)
    assert [record.correlation_id for record in decoded.records] == [str(number) for number in range(whole)]
    assert decoded.problems
    noisy = BodyDecoder(OPERATIONS).decode(body[:cut] + noise, SOURCE)
    assert len(noisy.records) >= whole - 1


@given(json_values)
def test_any_value_is_an_identity_an_address_and_a_time_without_raising(value: object) -> None:
    assert isinstance(caller_of(value), str)
    assert isinstance(caller_of({"claims": value, "authorization": value}), str)
    ticks = parse_time(value)
    assert ticks is None or MIN_TICKS <= ticks <= MAX_TICKS
    if isinstance(value, str):
        assert address_without_port(value) in value


@given(st.integers(MIN_TICKS, MAX_TICKS))
def test_a_time_written_in_the_normal_form_is_read_back_to_the_tick(ticks: int) -> None:
    text = format_ticks(ticks)
    assert parse_time(text) == ticks
    assert parse_time(text.replace("T", " ").replace("Z", "")) == ticks
    assert parse_time(text.replace(":", ": ").replace("Z", " +00:00")) == ticks
