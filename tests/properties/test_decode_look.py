"""A look before decoding: it hides no record, and what it found changes nothing about the decoding."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.activity.body import EventSource, RecordKind
from stream_detector.activity.decode import BodyDecoder, DecodedBody
from stream_detector.rules.operations import WantedOperations

EXTENSION = "microsoft.compute/virtualmachines/extensions/write"
RUN_COMMAND = "Microsoft.Compute/virtualMachines/runCommand/action"
NEEDED = WantedOperations(frozenset({EXTENSION.lower(), RUN_COMMAND.lower()}))
SOURCE = EventSource("0", 1, None)

names = st.sampled_from(
    [EXTENSION, EXTENSION.upper(), RUN_COMMAND, "A/B", "a/b", "c/d", EXTENSION + "x", "\u212a/k", "", None]
)
plain = st.sampled_from([EXTENSION.upper(), RUN_COMMAND, "A/B", "a/b", "c/d"]).map(
    lambda name: {"time": "2026-01-01T00:00:00Z", "operationName": name}
)
odd = st.one_of(
    plain,
    st.fixed_dictionaries(
        {"operationName": names},
        optional={
            "OperationNameValue": names,
            "records": st.sampled_from([None, [], [{"operationName": EXTENSION}], 0]),
            "time": st.just("2026-01-01T00:00:01Z"),
        },
    ),
    st.just({"metric": 1}),
)
bodies = st.one_of(
    st.lists(plain, max_size=6).map(lambda records: {"records": records}),
    st.lists(odd, max_size=4).map(lambda records: {"records": records}),
    st.lists(odd, max_size=4).map(lambda records: {"records": records, "operationName": "a/b"}),
    st.lists(odd, max_size=4),
    odd,
).map(orjson.dumps)
damaged = st.tuples(bodies, st.integers(0, 40)).map(lambda cut: cut[0][: max(0, len(cut[0]) - cut[1])])
streams = st.lists(st.one_of(bodies, bodies, damaged), min_size=1, max_size=8)


def told(decoded: DecodedBody) -> tuple[object, ...]:
    """All that decoding gives, in comparable form."""
    return decoded.records, dict(decoded.counts), decoded.problems, decoded.repaired


@settings(max_examples=300)
@given(streams)
def test_what_a_look_found_does_not_change_the_decoding(stream: list[bytes]) -> None:
    looking, plainly = BodyDecoder(NEEDED), BodyDecoder(NEEDED)
    for body in stream:
        with_look = looking.decode(body, SOURCE, looking.look(memoryview(body)))
        assert told(with_look) == told(plainly.decode(body, SOURCE))


@settings(max_examples=300)
@given(streams)
def test_a_look_that_finds_nothing_tells_the_whole_truth(stream: list[bytes]) -> None:
    looking, everything = BodyDecoder(NEEDED), BodyDecoder(None)
    for body in stream:
        found = looking.look(body)
        if found is None or found.needed:
            continue
        decoded = everything.decode(body, SOURCE)
        assert not [record for record in decoded.records if record.operation.lower() in NEEDED]
        assert found.total == decoded.counts[RecordKind.NEEDED] == len(decoded.records)
        assert decoded.problems == ()


def test_a_look_points_out_the_positions_of_needed_operations() -> None:
    records = [{"operationName": name} for name in ("a/b", RUN_COMMAND, "c/d", EXTENSION.upper())]
    found = BodyDecoder(NEEDED).look(orjson.dumps({"records": records}))
    assert found is not None
    assert (found.total, found.needed) == (4, (1, 3))


def test_names_seen_before_hide_no_needed_operation_beside_them() -> None:
    decoder = BodyDecoder(NEEDED)
    quiet = orjson.dumps({"records": [{"operationName": "a/b"}, {"operationName": "c/d"}]})
    busy = orjson.dumps({"records": [{"operationName": "a/b"}, {"operationName": EXTENSION}]})
    looks = [decoder.look(body) for body in (quiet, busy, quiet, busy)]
    assert [None if found is None else found.needed for found in looks] == [(), (1,), (), (1,)]


def test_the_repr_of_a_record_names_nobody() -> None:
    record = {
        "operationName": EXTENSION,
        "identity": {"claims": {"upn": "ann@contoso.com"}},
        "callerIpAddress": "203.0.113.7",
        "properties": {"password": "hunter2"},
    }
    decoded = BodyDecoder(NEEDED).decode(orjson.dumps({"records": [record]}), SOURCE)
    (typed,) = decoded.records
    assert typed.caller == "ann@contoso.com"
    assert not any(text in repr(typed) for text in ("ann", "203.0.113.7", "hunter2"))
