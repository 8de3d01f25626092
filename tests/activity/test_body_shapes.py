"""Every shape of a body that holds sound JSON, and what the counts say about it."""

from __future__ import annotations

import orjson
import pytest

from stream_detector.activity.decode import (
    BodyDecoder,
    DecodedBody,
    EventSource,
    RecordKind,
    UndecodableReason,
)
from stream_detector.rules.operations import WantedOperations

OPERATIONS = WantedOperations(frozenset({"a/b"}))
NEEDED = '{"operationName":"a/b","time":"2026-01-01T00:00:00Z"}'
OTHER = '{"time":"2026-01-01T00:00:00Z","operationName":"c/d"}'
METRIC = '{"metricName":"cpu","total":1}'
SOURCE = EventSource("0", 9, 0)


def decode(body: str | bytes) -> DecodedBody:
    return BodyDecoder(OPERATIONS).decode(body.encode() if isinstance(body, str) else body, SOURCE)


def kinds(decoded: DecodedBody) -> tuple[int, int, int]:
    return tuple(decoded.counts[kind] for kind in RecordKind)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "body",
    [
        f'{{"records":[{NEEDED},{OTHER}]}}',
        f' \r\n{{ "records" : [ {NEEDED} , {OTHER} ] }}\n',
        f'{{"PartitionId":1,"records":[{NEEDED},{OTHER}],"EventProcessedUtcTime":"2026-01-01T00:00:00"}}',
        f'{{"meta":{{"records":[{METRIC}]}},"records":[{NEEDED},{OTHER}]}}',
        f'{{"Records":[{NEEDED},{OTHER}]}}',
        f'{{"rec\\u006frds":[{NEEDED},{OTHER}]}}',
        f'{{"records":{{"records":[{NEEDED},{OTHER}]}}}}',
        f"[{NEEDED},{OTHER}]",
        f" [{NEEDED},{OTHER}]",
        f"[[{NEEDED}],[[{OTHER}]]]",
        f'[{{"records":[{NEEDED}]}},{{"records":[{OTHER}]}}]',
        f'[{{"records":[{NEEDED}]}},{OTHER}]',
        f"{NEEDED}\n{OTHER}",
        f"{NEEDED}\r\n\r\n{OTHER}\r\n",
        f'{{"records":[{NEEDED}]}}\n{{"records":[{OTHER}]}}\n',
        f'{{"records":[{NEEDED}]}}\n\n[{OTHER}]\n',
        f"{NEEDED}{OTHER}",
        f"{NEEDED} , {OTHER},",
        f"\ufeff{NEEDED}\n{OTHER}",
        f'{{"records":[{NEEDED},{OTHER}]}}\x00\x00',
        orjson.dumps(f'{{"records":[{NEEDED},{OTHER}]}}').decode(),
        orjson.dumps([NEEDED, OTHER]).decode(),
        orjson.dumps({"records": f"[{NEEDED},{OTHER}]"}).decode(),
    ],
)
def test_every_shape_holds_the_same_two_records(body: str) -> None:
    decoded = decode(body)
    assert kinds(decoded) == (1, 1, 0)
    assert decoded.problems == ()
    (record,) = decoded.records
    assert (record.operation, record.origin.index) == ("a/b", 0)
    everything = BodyDecoder(None).decode(body.encode(), SOURCE)
    assert [found.origin.index for found in everything.records] == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_body_in_utf_16_is_read(encoding: str) -> None:
    assert kinds(decode(f'{{"records":[{NEEDED},{OTHER}]}}'.encode(encoding))) == (1, 1, 0)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_may_be_any_bytes_like_object(kind: type) -> None:
    assert len(BodyDecoder(OPERATIONS).decode(kind(NEEDED.encode()), SOURCE).records) == 1


def test_one_bare_record_is_a_body() -> None:
    assert kinds(decode(NEEDED)) == (1, 0, 0)
    assert kinds(decode(OTHER)) == (0, 1, 0)
    assert kinds(decode(METRIC)) == (0, 0, 1)
    assert kinds(decode(f'{{"records":{NEEDED}}}')) == (1, 0, 0)


@pytest.mark.parametrize(
    "body", ['{"records":null}', '{"records":""}', '{"records":" "}', '{"records":[]}', "[]"]
)
def test_a_body_without_records_holds_nothing_and_is_no_error(body: str) -> None:
    decoded = decode(body)
    assert (kinds(decoded), decoded.problems, decoded.repaired) == ((0, 0, 0), (), 0)


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"\x00\x00", b"\xef\xbb\xbf"])
def test_an_empty_body_is_reported_as_empty(body: bytes) -> None:
    decoded = decode(body)
    (problem,) = decoded.problems
    assert (problem.reason, problem.index, problem.raw) == (UndecodableReason.EMPTY_BODY, None, body)


@pytest.mark.parametrize("body", ["null", "true", "12", '"text"'])
def test_a_scalar_body_is_no_object(body: str) -> None:
    (problem,) = decode(body).problems
    assert (problem.reason, problem.raw) == (UndecodableReason.NOT_AN_OBJECT, body.encode())


@pytest.mark.parametrize("held", ["5", "true", '"text"'])
def test_records_of_another_type_are_reported(held: str) -> None:
    (problem,) = decode(f'{{"records":{held}}}').problems
    assert problem.reason is UndecodableReason.WRONG_TYPE


def test_an_element_that_is_no_object_costs_no_neighbour() -> None:
    decoded = decode(f'{{"records":[{NEEDED},5,null,"x",true,{OTHER},{NEEDED},{METRIC}]}}')
    assert kinds(decoded) == (2, 1, 1)
    assert [record.origin.index for record in decoded.records] == [0, 6]
    assert [(problem.reason, problem.index, problem.raw) for problem in decoded.problems] == [
        (UndecodableReason.NOT_AN_OBJECT, 1, b"5"),
        (UndecodableReason.NOT_AN_OBJECT, 2, b"null"),
        (UndecodableReason.NOT_AN_OBJECT, 3, b'"x"'),
        (UndecodableReason.NOT_AN_OBJECT, 4, b"true"),
    ]


def test_an_envelope_that_names_an_operation_is_a_record_too() -> None:
    decoded = decode(f'{{"operationName":"a/b","records":[{OTHER},{NEEDED}]}}')
    assert kinds(decoded) == (2, 1, 0)
    inner = decode(f'{{"records":[{OTHER},{{"operationName":"c/d","records":[{NEEDED}]}}]}}')
    assert kinds(inner) == (1, 2, 0)


def test_only_the_last_of_duplicate_keys_counts() -> None:
    assert kinds(decode('{"operationName":"a/b","operationName":"c/d"}')) == (0, 1, 0)
    assert kinds(decode('{"operationName":5,"operationName":"a/b"}')) == (1, 0, 0)
    assert kinds(decode(f'{{"records":[{OTHER}],"records":[{NEEDED},{NEEDED}]}}')) == (2, 0, 0)


def test_the_same_record_carries_its_event() -> None:
    (record,) = BodyDecoder(None).decode(NEEDED.encode(), EventSource("7", 123, 5)).records
    assert (record.origin.partition, record.origin.sequence_number) == ("7", 123)


def test_containers_nested_beyond_any_known_shape_are_reported() -> None:
    decoded = decode("[" * 40 + NEEDED + "]" * 40)
    (problem,) = decoded.problems
    assert problem.reason is UndecodableReason.TOO_DEEP
    assert NEEDED.encode() in problem.raw


def test_many_problems_of_one_body_are_reported_as_a_bounded_number() -> None:
    body = "[" + "1," * 5000 + NEEDED + "]"
    decoded = decode(body)
    assert kinds(decoded) == (1, 0, 0)
    assert len(decoded.problems) == 1001
    assert decoded.problems[-1].raw == body.encode()
    assert "4000 more" in decoded.problems[-1].detail
