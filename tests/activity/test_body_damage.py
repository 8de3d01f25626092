"""Bodies that are no strict JSON: what is mended, what is lost, and that no neighbour is."""

from __future__ import annotations

import json
import time as clock

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

SOURCE = EventSource("0", 1, 0)
OPERATIONS = WantedOperations(frozenset({"a/b"}))


def record(name: str, **more: object) -> str:
    fields = {"time": "2026-01-01T00:00:00Z", "operationName": "a/b", "correlationId": name} | more
    return json.dumps(fields)


A, B, C = record("A"), record("B"), record("C")


def decode(body: str | bytes, operations: WantedOperations | None = OPERATIONS) -> DecodedBody:
    return BodyDecoder(operations).decode(body.encode() if isinstance(body, str) else body, SOURCE)


def names(decoded: DecodedBody) -> str:
    return "".join(found.correlation_id for found in decoded.records)


def reasons(decoded: DecodedBody) -> list[UndecodableReason]:
    return [problem.reason for problem in decoded.problems]


BROKEN = [
    '{"time":"2026-01-01T00:00:00Z","operationName": oops,"x":1}',
    '{"operationName":"a/b" "x":1}',
    '{"operationName":"a/b","x":{"y":[1,2}}',
    '{"operationName":"a/b","x":[{"a":[1},{"b":2}],"y":3}',
    '{"operationName":"a/b","x":}',
    '{"operationName":"a/b","x":01}',
    '{"operationName":"a/b","x":1,,"y":2}',
    '{"time":"2026-01-01T00:00:00Z,"operationName":"a/b","correlationId":"X"}',
    "[ 227 B blob data ]",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_record_in_an_envelope_is_lost_alone(broken: str) -> None:
    decoded = decode(f'{{"records":[{A},{broken},{B}],"PartitionId":3}}')
    assert names(decoded) == "AB"
    assert [found.origin.index for found in decoded.records] == [0, 2]
    assert decoded.counts[RecordKind.FOREIGN] == 0
    (problem,) = decoded.problems
    assert (problem.reason, problem.index) == (UndecodableReason.INVALID_JSON, 1)
    assert problem.raw in broken.encode()


@pytest.mark.parametrize(
    "broken", [*BROKEN, "hello world", B[:40], B[:-1], '{"operationName":"a/b', "}", '"', "{"]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_line_is_lost_alone(broken: str, place: int) -> None:
    lines = [A, C]
    lines.insert(place, broken)
    decoded = decode("\n".join(lines))
    assert names(decoded) == "AC"
    (problem,) = decoded.problems
    assert problem.index == place
    assert problem.raw == broken.encode()


def test_a_broken_line_among_envelopes_keeps_the_records_it_still_has() -> None:
    decoded = decode(f'{{"records":[{A}]}}\n{{"records":[{B},{C[:30]}\n{{"records":[{C}]}}')
    assert names(decoded) == "ABC"
    (problem,) = decoded.problems
    assert (problem.reason, problem.raw) == (UndecodableReason.TRUNCATED, C[:30].encode())


@pytest.mark.parametrize("cut", [1, 20, len(C) // 2, len(C) - 1])
def test_a_truncated_body_keeps_its_whole_records_and_reports_the_rest(cut: int) -> None:
    decoded = decode(f'{{"records":[{A},{B},{C[:cut]}')
    assert names(decoded) == "AB"
    (problem,) = decoded.problems
    assert (problem.reason, problem.index, problem.raw) == (UndecodableReason.TRUNCATED, 2, C[:cut].encode())


def test_a_body_truncated_between_records_is_still_reported() -> None:
    body = f'{{"records":[{A},{B},'
    decoded = decode(body)
    assert names(decoded) == "AB"
    (problem,) = decoded.problems
    assert (problem.reason, problem.index, problem.raw) == (UndecodableReason.TRUNCATED, None, body.encode())


def test_a_record_that_lost_its_closing_brace_costs_no_neighbour() -> None:
    decoded = decode(f'{{"records":[{A},{B[:-1]},{C},{A}]}}')
    assert names(decoded) == "ACA"
    assert reasons(decoded) == [UndecodableReason.INVALID_JSON]


def test_many_records_without_their_closing_brace_cost_no_neighbours() -> None:
    filler = record("B", properties={"text": "x" * 3000, "list": [{"a": 1}] * 5})
    records = [filler[:-1] if number % 5 == 2 else filler for number in range(300)]
    decoded = decode('{"records":[' + ",".join(records) + "]}")
    assert len(decoded.records) == 240
    assert len(decoded.problems) == 60


def pseudo(value: object) -> str:
    return str(value)  # single quotes, None, True: what a careless exporter writes


RICH = {
    "time": "2026-01-01T00:00:00Z",
    "operationName": "a/b",
    "correlationId": "A",
    "properties": {
        "none": None,
        "yes": True,
        "no": False,
        "n": [1, -2.5, 1e3],
        "quote": 'it"s',
        "it": "it's",
        "e": "",
    },
}


@pytest.mark.parametrize(
    "body", [RICH, [RICH, RICH], {"records": [RICH, RICH]}, {"PartitionId": None, "records": [RICH]}]
)
def test_single_quoted_pseudo_json_is_mended(body: object) -> None:
    decoded = decode(pseudo(body))
    assert decoded.problems == ()
    assert decoded.repaired == len(decoded.records) > 0
    assert orjson.loads(decoded.records[0].properties) == RICH["properties"]


def test_single_quoted_lines_are_mended() -> None:
    decoded = decode(f"{pseudo(RICH)}\n{B}\n{pseudo(RICH)}")
    assert (names(decoded), decoded.repaired) == ("ABA", 2)
    alone = decode(f"{pseudo(RICH)}\n\n{pseudo(RICH)}\r\n{pseudo({'records': [RICH]})}")
    assert (names(alone), alone.repaired, alone.problems) == ("AAA", 3, ())


@pytest.mark.parametrize(
    ("field", "properties"),
    [
        ('{"m":"line\nbreak\ttab\x01"}', '{"m":"line\\nbreak\\ttab\\u0001"}'),
        ('{"m":1,}', '{"m":1}'),
        ('{"m":[1,2 , ],}', '{"m":[1,2]}'),
        ('{"m":[{},[],],}', '{"m":[{},[]]}'),
        ('{"m":None,"y":True,"n":False}', '{"m":null,"y":true,"n":false}'),
        ('{"m":NaN,"i":-Infinity}', '{"m":null,"i":null}'),
        ('{"m":1e999}', '{"m":"1e999"}'),
        ('{"m":"\\ud800x"}', '{"m":"\ufffdx"}'),
        ('{"m":"\\ud83d\\ude00\\x41\\q\\\'"}', '{"m":"\U0001f600A\\\\q\'"}'),
        ('{"m":"say "hi" to them","k":1}', '{"m":"say \\"hi\\" to them","k":1}'),
    ],
)
def test_a_known_damage_is_mended_and_the_rest_left_alone(field: str, properties: str) -> None:
    damaged = f'{{"operationName":"a/b","correlationId":"X","properties":{field}}}'
    decoded = decode(f'{{"records":[{A},{damaged},{B}]}}')
    assert (names(decoded), decoded.problems, decoded.repaired) == ("AXB", (), 1)
    assert decoded.records[1].properties == properties
    assert names(decode(damaged)) == "X"


@pytest.mark.parametrize(
    "inner",
    [
        '{"properties":{"type":"CustomScript","n":1}}',
        '[{"a":"}]"},{"b":""}]',
        '{"command":"powershell -c \\"x\\" ["}',
        '{"a": {"b": [1, 2]}, "c": "it\'s"}',
        "{}",
    ],
)
@pytest.mark.parametrize("key", ["requestbody", "requestBody", "responseBody"])
def test_an_inner_document_left_unescaped_is_mended(key: str, inner: str) -> None:
    damaged = f'{{"operationName":"a/b","correlationId":"X","properties":{{"{key}":"{inner}","k":1}}}}'
    decoded = decode(f'{{"records":[{A},{damaged},{{"broken":oops}},{B}]}}')
    assert names(decoded) == "AXB"
    assert orjson.loads(decoded.records[1].properties) == {key: inner, "k": 1}


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("damage", ['"correlationId": oops', '"correlationId": "X" "y": 1'])
def test_a_broken_record_in_a_document_over_many_lines_is_lost_alone(indent: int, damage: str) -> None:
    document = json.dumps({"records": [json.loads(A), json.loads(record("X")), json.loads(B)]}, indent=indent)
    decoded = decode(document.replace('"correlationId": "X"', damage))
    assert names(decoded) == "AB"
    assert reasons(decoded) == [UndecodableReason.INVALID_JSON]
    one_a_line = f"[\n{A},\n{record('X')},\n{B}\n]".replace('"correlationId": "X"', damage)
    assert names(decode(one_a_line)) == "AB"
    assert reasons(decode(one_a_line)) == [UndecodableReason.INVALID_JSON]


def test_a_trailing_comma_after_the_records_is_mended() -> None:
    decoded = decode(f'{{"records":[{A},{B},],}}')
    assert (names(decoded), decoded.problems, decoded.repaired) == ("AB", (), 1)


def test_sound_bodies_are_not_called_repaired() -> None:
    assert decode(f'{{"records":[{A},{B}]}}').repaired == 0
    assert decode(f"{A}\n{B}").repaired == 0


def test_invalid_utf_8_is_replaced_in_the_needed_record_and_ignored_elsewhere() -> None:
    bad = record("X", level="L").replace('"L"', '"a@b"').encode().replace(b"@", b"\xff\xfe")
    decoded = decode(b'{"records":[' + A.encode() + b"," + bad + b"]}")
    assert (names(decoded), decoded.problems, decoded.repaired) == ("AX", (), 1)
    assert decoded.records[1].level == "a\ufffd\ufffdb"
    other = bad.replace(b"a/b", b"c/d")
    with_match = decode(b'{"records":[' + A.encode() + b"," + other + b"]}")
    without_match = decode(b'{"records":[' + other + b"]}")
    assert (names(with_match), with_match.problems, with_match.repaired) == ("A", (), 0)
    assert without_match.counts[RecordKind.OTHER] == with_match.counts[RecordKind.OTHER] == 1
    assert (without_match.problems, without_match.repaired) == ((), 0)


def test_invalid_utf_8_in_an_operation_name_makes_it_another_operation() -> None:
    decoded = decode(b'{"records":[{"operationName":"a/b\xff"},' + A.encode() + b"]}")
    assert names(decoded) == "A"
    assert decoded.counts[RecordKind.OTHER] == 1


def test_binary_content_is_reported_as_no_utf_8_with_its_very_bytes() -> None:
    body = bytes(range(128, 256)) + b"\x1f\x8b\x08"
    decoded = decode(body)
    assert reasons(decoded) == [UndecodableReason.INVALID_UTF8]
    assert decoded.problems[0].raw == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[ 227 B blob data ]", UndecodableReason.INVALID_JSON),
        ("hello", UndecodableReason.NOT_AN_OBJECT),
        ("<html>no</html>", UndecodableReason.INVALID_JSON),
        (",,,", UndecodableReason.INVALID_JSON),
        ("]]]", UndecodableReason.INVALID_JSON),
        ("[" * 100_000, UndecodableReason.TOO_DEEP),
        ("[" * 100_000 + "]" * 100_000, UndecodableReason.TOO_DEEP),
        ('{"a":' * 100_000, UndecodableReason.TRUNCATED),
        ('{"records":[', UndecodableReason.TRUNCATED),
    ],
)
def test_a_body_that_holds_nothing_readable_is_reported_whole(body: str, reason: UndecodableReason) -> None:
    decoded = decode(body)
    assert decoded.records == ()
    (problem,) = decoded.problems
    assert (problem.reason, problem.raw) == (reason, body.encode())


@pytest.mark.parametrize("levels", [300, 1015, 1500, 100_000])
def test_a_record_of_any_depth_is_read_and_costs_no_neighbour(levels: int) -> None:
    deep = "[" * levels + "]" * levels
    middle = f'{{"operationName":"a/b","correlationId":"D","level":null,"properties":{deep}}}'
    decoded = decode(f'{{"records":[{A},{middle},{B}]}}')
    assert (names(decoded), decoded.problems) == ("ADB", ())
    assert decoded.records[1].properties == deep


def test_error_texts_hold_no_content_of_the_record() -> None:
    decoded = decode(f'{{"records":[{A},{{"operationName":"a/b","secret":hunter2}}]}}')
    (problem,) = decoded.problems
    assert b"hunter2" in problem.raw
    assert "hunter2" not in problem.detail + repr(problem) + repr(decoded)


REAL = record("R", properties={f"key{number}": "value " * 20 for number in range(20)})
MEGABYTE = 1 << 20
HOSTILE = [
    "{", "[", '{"a":', '"', '{"', '\n{"', '},{"a":[', "{'", '{"a":"{', "\\", '{"a":"\\"', "{ ", '{"a":"b"x',
    '"{"x "', '\n{"a":1,', ",", '"a":', '{"a":{"b":1},', "x,{", '{"records":[', "']", '{"time":"x",',
    "{'a':'", "'", "\ud800", '{"a":"b},', "{]},", '{"a":x},', '{"x":[{',
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("head", ["", '[{"operationName":"a/b","x":"'])
def test_hostile_text_is_reported_in_time_proportional_to_its_length(head: str, unit: str) -> None:
    def seconds(length: int) -> float:
        body = (head + unit * (length // len(unit))).encode("utf-8", "surrogatepass")
        started = clock.process_time()
        decoded = decode(body)
        taken = clock.process_time() - started
        assert decoded.problems
        return taken

    short = max(seconds(MEGABYTE // 64), 0.001)  # less is not measured well
    assert seconds(MEGABYTE // 4) < 60 * short  # 16 times the length; an unbounded search takes 256 times


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        ("{,", 1),
        ("{ , ", 3),
        ("{{", 1),
        ('{"a":x},', 1_000),
        ('{"a":x},', 30_000),
        ("{'a':'b'},", 30_000),
        ('{"a":1,', 1_000),
        ('{"a":"b},', 1_000),
        ("{]},", 10_000),
        ("1,", 30_000),
        ("?,", 30_000),
        ("{},", 30_000),
        (A[:-1] + ",", 1_000),
        (A[:-1] + ',"x":y},', 1_000),
        (A[:-1].replace("a/b", 'a"b') + "},", 1_000),
    ],
)
def test_however_many_damaged_records_there_are_the_sound_one_behind_them_is_read(
    unit: str, count: int
) -> None:
    decoded = decode(f'{{"records":[{B},{unit * count}{C}]}}')
    found = [one.correlation_id for one in decoded.records]
    assert found[0] == "B"
    assert found[-1] == "C"


R = record("R1"), record("R2"), record("R3")
ALL = ["R1", "R2", "R3"]


@pytest.mark.parametrize(
    "damage",
    [
        '{"operationName":"A/B",',
        '{"operationName": "A/B/C", "level":',
        '{"operationName": "A/B/C", "level": "x", "time": "2026-11-25T10:00:00Z"',
        '{"a":',
        '{"a":1',
        '{"a":1, ',
        '{"a":{"b":[1,2',
        '{"a":{"b":{"c":1},',
        '{"operationName":"a/b",' * 3,
    ],
)
@pytest.mark.parametrize("frame", ['{{"records":[{}]}}', "[{}]", "{}"])
def test_a_first_record_cut_anywhere_costs_no_record_behind_it(damage: str, frame: str) -> None:
    found = decode(frame.format(",".join((damage, *R))))
    assert [one.correlation_id for one in found.records] == ALL
    assert found.problems


def test_a_record_cut_at_any_character_costs_no_record_behind_it() -> None:
    whole = json.dumps({"operationName": "A/B", "level": "x", "n": [1, {"m": 2}], "properties": {"q": "r"}})
    for end in range(1, len(whole) - 1):
        if whole[:end].endswith(("[1", '{"m": 2}')):
            continue  # what follows is a sound list: nothing tells that it was not meant
        found = [one.correlation_id for one in decode(f'{{"records":[{whole[:end]},{",".join(R)}]}}').records]
        inside_a_text = whole[:end].count('"') % 2
        assert found == (ALL[1:] if inside_a_text and found != ALL else ALL), whole[:end]


@pytest.mark.parametrize(
    "siblings",
    [
        '"PartitionId":,',
        '"EventProcessedUtcTime":"2026-11-25T10:00:00Z" "PartitionId":1,',
        '"a":1 ',
        "x:1,",
        '"x" 1,',
        '"a" "b",',
        '"a":,,',
    ],
)
def test_damage_beside_the_records_costs_none_of_them(siblings: str) -> None:
    for key in ('"records"', "records", "'records'"):
        found = decode(f"{{{siblings}{key}:[{','.join(R)}]}}")
        assert [one.correlation_id for one in found.records] == ALL, key


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        ('"operationName": "a/b"', '"operationName" "a/b"'),
        ('"operationName": "a/b",', '"operationName": "a/b"'),
        ('"time": ', '"time" '),
        ('"time": "2026-01-01T00:00:00Z",', '"time": "2026-01-01T00:00:00Z"'),
    ],
)
def test_a_missing_colon_or_comma_is_reported_not_guessed(sound: str, damaged: str) -> None:
    assert sound in R[1]
    found = decode(f'{{"records":[{R[0]},{R[1].replace(sound, damaged)},{R[2]}]}}')
    assert [one.correlation_id for one in found.records] == ["R1", "R3"]
    assert reasons(found) == [UndecodableReason.INVALID_JSON]


@pytest.mark.parametrize(
    "lines",
    [
        [R[0], json.dumps(json.loads(R[1]), indent=2), R[2]],
        [R[0], json.dumps({"records": [json.loads(R[1])], "n": [1, 2, {}]}, indent=2), R[2]],
        [R[0], record("R2", script="a\nb").replace("\\n", "\n"), R[2]],
        [f'{{"records":[{R[0]}]}}', json.dumps([json.loads(R[1]), json.loads(R[2])], indent=1)],
        [R[0], '{"cut":', R[1], '{"cut":[1,', "}", "broken", R[2], "]"],
    ],
)
def test_a_document_over_several_lines_among_lines_is_read(lines: list[str]) -> None:
    assert [one.correlation_id for one in decode("\n".join(lines)).records] == ALL
    assert [one.correlation_id for one in decode("\r\n".join(lines) + "\n").records] == ALL


def test_a_record_whose_members_have_no_key_does_not_take_its_neighbours() -> None:
    assert names(decode(f'{{"records":[{A},{{x: ,{B},{C}]}}')) == "ABC"
    assert names(decode(f'{{"records":[{A},{{,{B},{C}]}}')) == "ABC"


def test_a_megabyte_of_damaged_records_takes_about_as_long_as_an_ordinary_megabyte() -> None:
    def seconds(body: str) -> float:
        best = float("inf")
        for _ in range(3):
            started = clock.process_time()
            decode(body, None)
            best = min(best, clock.process_time() - started)
        return best

    records = [REAL] * (MEGABYTE // len(REAL))
    ordinary = seconds('{"records":[' + ",".join(records) + "]}")
    assert seconds('{"records":[' + ",".join(records) + ",]}") < 25 * ordinary
    assert seconds('{"records":[' + ",".join(records)[:-50]) < 25 * ordinary
    assert (
        seconds('{"records":[' + ",".join(one.replace('"R"', "oops") for one in records) + "]}")
        < 25 * ordinary
    )


@pytest.mark.parametrize("levels", [1500, 1800, 3000, 30_000])
@pytest.mark.parametrize("opening", ['{"a":', '[{"a":', '{"a": '])
def test_a_deep_object_in_any_field_costs_neither_its_record_nor_those_behind_it(
    levels: int, opening: str
) -> None:
    closing = opening.replace('"a":', "").strip()[::-1].translate(str.maketrans("{[", "}]"))
    deep = opening * levels + "1" + closing * levels
    damaged = f'{{"operationName":"a/b","correlationId":"X","properties":{deep}}}'
    assert names(decode(f'{{"records":[{A},{damaged},{damaged},{B}]}}')) == "AXXB"
    assert names(decode(f'{{"records":[{damaged},{A},{B}]}}')) == "XAB"


@pytest.mark.parametrize("body", ['["a":1}', '["\x01":""}', '{"records":["a":"b"}'])
def test_a_body_of_which_mending_leaves_nothing_is_told(body: str) -> None:
    decoded = decode(body)
    assert decoded.records == ()
    (problem,) = decoded.problems
    assert problem.raw == body.encode()
    assert decoded.repaired == 0


@pytest.mark.parametrize("body", ['{"records":[', "[", '{"records":[,]}'])
def test_an_empty_container_that_is_damaged_is_not(body: str) -> None:
    assert decode(body).records == ()
