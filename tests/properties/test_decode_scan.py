"""The typed scan against the full parse: whatever the body looks like, no needed record is missed."""

from __future__ import annotations

import json

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.activity.body import EventSource, RecordKind
from stream_detector.activity.decode import BodyDecoder
from stream_detector.activity.reading import BodyReading
from stream_detector.activity.scan import scan
from stream_detector.rules.operations import WantedOperations

EXTENSION = "microsoft.compute/virtualmachines/extensions/write"
RUN_COMMAND = "microsoft.compute/virtualmachines/runcommand/action"
NEEDED = WantedOperations(frozenset({EXTENSION.lower(), RUN_COMMAND.lower()}))
SOURCE = EventSource("0", 1, 7)


@st.composite
def cased(draw: st.DrawFn, text: str) -> str:
    """The text with any letters in upper case."""
    flips = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(letter.upper() if flip else letter for letter, flip in zip(text, flips, strict=True))


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """The text as a JSON string in which any character may be escaped, in either hexadecimal case."""
    out = []
    for letter in text:
        forms = [json.dumps(letter, ensure_ascii=True)[1:-1]]
        if ord(letter) < 0x10000:
            forms += [f"\\u{ord(letter):04x}", f"\\u{ord(letter):04X}"]
        if letter == "/":
            forms.append("\\/")
        out.append(draw(st.sampled_from(forms)))
    return '"' + "".join(out) + '"'


names = st.one_of(
    st.sampled_from(sorted(NEEDED.names)).flatmap(cased),
    st.sampled_from(
        ["microsoft.compute/virtualmachines/write", "a/b", EXTENSION + "x", " " + EXTENSION, "\u212a/k"]
    ),
    st.text(max_size=12).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
)
name_values = st.one_of(
    names.flatmap(spelled),
    st.sampled_from(["null", '""', "5", "true", "[]", "{}", '{"value":"a/b"}']),
    names.map(lambda name: json.dumps({"value": name, "localizedValue": "x"})),
)
keys = st.one_of(
    st.sampled_from(["operationName", "operationName", "OperationNameValue"]).flatmap(spelled),
    st.sampled_from(["OperationName", "operationname", "OPERATIONNAMEVALUE", "operationNameValue"]).flatmap(
        spelled
    ),
)
fillers = st.sampled_from(
    [
        '"time":"2026-01-01T00:00:00Z"',
        '"x":"\\"operationName\\":\\"a/b\\""',
        '"p":{"operationName":"' + EXTENSION + '"}',
    ]
)
members = st.one_of(st.tuples(keys, name_values).map(":".join), fillers)
records = st.lists(members, max_size=4).map(lambda parts: "{" + ",".join(parts) + "}")
odd_elements = st.one_of(
    records, st.sampled_from(["5", "null", '"x"', "[]"]), records.map(lambda one: f"[{one}]")
)
envelopes = st.lists(odd_elements, max_size=4).flatmap(
    lambda elements: st.sampled_from(
        [
            '{{"records":[{}]}}'.format(",".join(elements)),
            '{{"PartitionId":1,"records":[{}]}}'.format(",".join(elements)),
            '{{"recor\\u0064s":[{}],"x":[1]}}'.format(",".join(elements)),
            '{{"operationName":"a/b","records":[{}]}}'.format(",".join(elements)),
            '{{"Records":[{}]}}'.format(",".join(elements)),
            "[{}]".format(",".join(elements)),
            '[{{"records":[{}]}}]'.format(",".join(elements)),
            "\n".join(elements),
        ]
    )
)
plain_keys = st.sampled_from(["operationName", "operationName", "OperationNameValue"])
plain_names = st.one_of(
    st.sampled_from(sorted(NEEDED.names)).flatmap(cased).flatmap(spelled),
    st.sampled_from(['"a/b"', '"c\\/d"', '"\u00fc"']),
)
plain_records = st.builds('{{"level":"x","{}":{}}}'.format, plain_keys, plain_names)
plain_bodies = st.lists(plain_records, min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(['{{"records":[{}]}}', "[{}]", " [{}]\n", '{{"records":[{}],"x":1}}']).map(
        lambda shape: shape.format(",".join(parts))
    )
)
"""Bodies as they usually are: these the scan settles without a full parse."""
bodies = st.one_of(plain_bodies, envelopes, records).map(str.encode)


@settings(max_examples=500, deadline=None)
@given(bodies)
def test_the_scan_and_the_full_parse_find_the_same_records(body: bytes) -> None:
    quick = BodyDecoder(NEEDED).decode(body, SOURCE)
    full = BodyReading(NEEDED)
    full.read(body)
    assert [(record.origin.index, record.operation) for record in quick.records] == [
        (needed.index, needed.operation.name) for needed in full.needed
    ]
    assert quick.counts[RecordKind.OTHER] == full.other
    assert quick.counts[RecordKind.FOREIGN] == full.foreign
    assert list(quick.problems) == full.problems


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_keeping_some_operations_is_keeping_all_and_then_choosing(body: bytes) -> None:
    everything = BodyDecoder(None).decode(body, SOURCE)
    chosen = [
        record
        for record in everything.records
        if record.operation.isascii() and record.operation.lower() in NEEDED
    ]
    some = BodyDecoder(NEEDED).decode(body, SOURCE)
    assert list(some.records) == chosen
    assert some.counts[RecordKind.OTHER] == len(everything.records) - len(chosen)
    assert some.problems == everything.problems


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(sorted(NEEDED.names)).flatmap(cased).flatmap(spelled),
    st.sampled_from(["operationName", "OperationNameValue"]).flatmap(spelled),
)
def test_no_escape_or_casing_hides_a_needed_operation(name: str, key: str) -> None:
    body = (f'{{"records":[{{"operationName":"a/b"}},{{"level":"x",{key}:{name}}}]}}').encode()
    found = scan(body, NEEDED)
    assert found is not None
    assert (found.total, found.needed) == (2, (1,))
    (record,) = BodyDecoder(NEEDED).decode(body, SOURCE).records
    assert record.operation == orjson.loads(name)


def test_bodies_without_a_needed_operation_are_settled_by_the_scan_alone() -> None:
    body = b'{"records":[{"operationName":"a/b"},{"OperationNameValue":"c/d"}]}'
    found = scan(body, NEEDED)
    assert found is not None
    assert (found.total, found.needed) == (2, ())


def test_a_needed_record_keeps_its_position_among_records_that_were_not_parsed() -> None:
    body = b'{"records":[{"operationName":"a/b"},{"operationName":"c/d"},{"operationName":"%b"}]}'
    decoded = BodyDecoder(NEEDED).decode(body % EXTENSION.encode(), SOURCE)
    assert [record.origin.index for record in decoded.records] == [2]
    assert decoded.counts[RecordKind.OTHER] == 2
