"""The type system: encodings of part 1 of the AMQP 1.0 specification, both ways, and bytes that are none."""

from __future__ import annotations

import math
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.amqp.decoder import MAX_DEPTH, decode, decode_value, skip_value
from stream_detector.localhub.amqp.encoder import encode, encode_items
from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.types import (
    Array,
    Byte,
    Char,
    Decimal32,
    Decimal64,
    Decimal128,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

SMALLEST: list[tuple[object, str]] = [
    (None, "40"),
    (True, "41"),
    (False, "42"),
    (UByte(200), "50c8"),
    (UShort(40_000), "609c40"),
    (UInt(0), "43"),
    (UInt(255), "52ff"),
    (UInt(256), "7000000100"),
    (ULong(0), "44"),
    (ULong(255), "53ff"),
    (ULong(2**64 - 1), "80ffffffffffffffff"),
    (Byte(-1), "51ff"),
    (Short(-2), "61fffe"),
    (Int(-128), "5480"),
    (Int(128), "7100000080"),
    (-1, "55ff"),
    (-129, "81ffffffffffffff7f"),
    (Float(1.5), "723fc00000"),
    (1.5, "823ff8000000000000"),
    (Decimal32(b"\x22\x50\x00\x01"), "7422500001"),
    (Decimal64(bytes(8)), "840000000000000000"),
    (Decimal128(bytes(16)), "94" + "00" * 16),
    (Char("€"), "73000020ac"),
    (Timestamp(1_311_704_463_521), "830000013167adb8a1"),
    (uuid.UUID("12345678-1234-5678-1234-567812345678"), "9812345678123456781234567812345678"),
    (b"\x01\x02", "a0020102"),
    ("é", "a102c3a9"),
    (Symbol("abc"), "a303616263"),
    ([], "45"),
    ([True, UInt(1)], "c00402415201"),
    ({}, "c10100"),
    ({Symbol("k"): "v"}, "c10702a3016ba10176"),
    (Array(UInt, (UInt(1), UInt(2))), "e00a02700000000100000002"),
]


@pytest.mark.parametrize(
    ("value", "encoded"), SMALLEST, ids=[f"{type(v).__name__}-{e[:8]}" for v, e in SMALLEST]
)
def test_a_value_has_its_shortest_encoding_and_is_read_back_with_its_type(
    value: object, encoded: str
) -> None:
    raw = bytes.fromhex(encoded)
    assert encode(value) == raw
    read = decode(raw)
    assert read == value
    assert type(read) is type(value)
    assert skip_value(raw, 0, len(raw)) == len(raw)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("5601", True),
        ("5600", False),
        ("70000000ff", UInt(255)),
        ("8000000000000000ff", ULong(255)),
        ("71ffffffff", Int(-1)),
        ("81ffffffffffffffff", -1),
        ("b000000001ff", b"\xff"),
        ("b10000000161", "a"),
        ("b30000000161", Symbol("a")),
        ("d00000000500000001" + "41", [True]),
        ("d10000000600000002" + "4142", {True: False}),
        ("f0000000060000000141" + "", None),
    ],
)
def test_the_other_encodings_of_a_value_are_read_as_well(encoded: str, value: object) -> None:
    if value is None:
        # An array of booleans that need no bytes, in the large encoding, with one byte too many declared.
        with pytest.raises(DecodeError):
            decode(bytes.fromhex(encoded))
        return
    assert decode(bytes.fromhex(encoded)) == value


def test_a_described_string_reads_as_in_the_specification() -> None:
    # Part 1, figure 1.3: an URL is a described string.
    raw = b"\x00\xa1\x03URL\xa1\x1ehttp://example.org/hello-world"
    assert decode(raw) == Described("URL", "http://example.org/hello-world")
    assert encode(decode(raw)) == raw


def test_the_book_of_the_specification_is_a_composite_with_an_array() -> None:
    # Part 1, section 1.4: list8 of a title, an array of two authors, and no isbn.
    raw = (
        b"\x00\xa3\x11example:book:list\xc0\x40\x03"
        b"\xa1\x15AMQP for & by Dummies"
        b"\xe0\x25\x02\xa1\x0eRob J. Godfrey\x13Rafael H. Schloming"
        b"\x40"
    )
    authors = Array(str, ("Rob J. Godfrey", "Rafael H. Schloming"))
    assert decode(raw) == Described("example:book:list", ["AMQP for & by Dummies", authors, None])


def test_an_array_of_described_values_shares_one_descriptor() -> None:
    raw = bytes.fromhex("e00702" + "005301" + "5007" + "09")
    assert decode(raw) == Array(UByte, (UByte(7), UByte(9)), ULong(1))
    assert decode(encode(decode(raw))) == decode(raw)


def test_an_array_may_hold_arrays_and_maps() -> None:
    nested = Array(Array, (Array(Symbol, (Symbol("a"),)), Array(int, (1, 2))))
    assert decode(encode(nested)) == nested
    maps = Array(dict, ({"a": 1}, {}))
    assert decode(encode(maps)) == maps


def test_the_encoding_grows_to_the_large_form_exactly_when_it_must() -> None:
    assert encode(b"x" * 255)[0] == 0xA0
    assert encode(b"x" * 256)[0] == 0xB0
    assert encode([b"x" * 252])[0] == 0xC0
    assert encode([b"x" * 253])[0] == 0xD0
    assert encode([None] * 254)[0] == 0xC0
    assert encode([None] * 255)[0] == 0xD0
    assert decode(encode([None] * 300)) == [None] * 300
    assert encode_items([]) == b"\x45"


@pytest.mark.parametrize("value", [UByte(256), UInt(-1), Int(2**31), 2**63, object(), Decimal32(b"123")])
def test_a_value_outside_the_type_system_is_not_encoded(value: object) -> None:
    with pytest.raises(ValueError, match=r"range|no AMQP encoding|expected"):
        encode(value)


ROTTEN = {
    "nothing at all": "",
    "an unknown constructor": "3f",
    "a constructor of an unused class": "c7",
    "a number cut short": "700000",
    "a string longer than its bytes": "a105616263",
    "a string that is not UTF-8": "a102c328",
    "a symbol that is not ASCII": "a302c3a9",
    "a boolean of two": "5602",
    "a surrogate as character": "730000d800",
    "a list that ends after its items should": "c0030141",
    "a list with more items than bytes": "c00205414141",
    "a list of four billion items": "d0000000ff" + "ffffffff",
    "a map with an odd number of items": "c1020141",
    "a map with a list as key": "c103024541",
    "a map with the same key twice": "c1050441414142",
    "an array without a constructor": "e00101",
    "an array of four billion nulls": "f000000005ffffffff40",
    "an array with an unknown constructor": "e002013f",
    "a descriptor without a value": "005310",
    "bytes after the value": "4141",
}


@pytest.mark.parametrize("encoded", ROTTEN.values(), ids=ROTTEN.keys())
def test_bytes_that_are_no_value_are_refused(encoded: str) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(encoded))


def test_nesting_is_limited_and_does_not_exhaust_the_stack() -> None:
    with pytest.raises(DecodeError, match="nested"):
        decode(b"\x00" * 100_000 + b"\x40")
    with pytest.raises(DecodeError, match="nested"):
        skip_value(b"\x00" * 100_000 + b"\x40", 0, 100_001)
    value: object = None
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(DecodeError, match="nested"):
        decode(encode([value]))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**8 - 1).map(UByte),
    st.integers(0, 2**16 - 1).map(UShort),
    st.integers(0, 2**32 - 1).map(UInt),
    st.integers(0, 2**64 - 1).map(ULong),
    st.integers(-(2**7), 2**7 - 1).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**31), 2**31 - 1).map(Int),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Timestamp),
    st.floats(width=32).map(Float),
    st.floats(),
    st.characters(codec="utf-8").map(Char),
    st.uuids(),
    st.binary(max_size=300),
    st.text(max_size=300),
    st.text(st.characters(max_codepoint=127), max_size=40).map(Symbol),
)
keys = st.one_of(st.text(max_size=10), st.text(st.characters(max_codepoint=127), max_size=9).map(Symbol))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(keys, inner, max_size=6),
        st.builds(Described, st.one_of(st.integers(0, 2**64 - 1).map(ULong), keys), inner),
        st.lists(st.integers(0, 2**32 - 1).map(UInt), max_size=5).map(lambda v: Array(UInt, tuple(v))),
        st.lists(st.text(max_size=5), max_size=5).map(lambda v: Array(str, tuple(v))),
        st.lists(st.lists(inner, max_size=3), max_size=3).map(lambda v: Array(list, tuple(v))),
    ),
    max_leaves=20,
)


def alike(one: object, other: object) -> bool:
    """Equal in value and in type, all the way down; NaN is like NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack(">d", one) == struct.pack(">d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, Described) and isinstance(other, Described):
        return alike(one.descriptor, other.descriptor) and alike(one.value, other.value)
    if isinstance(one, Array) and isinstance(other, Array):
        return one.element is other.element and alike(list(one.values), list(other.values))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return alike(list(one.items()), list(other.items()))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(map(alike, one, other))
    return one == other


@given(values)
def test_every_value_is_read_back_as_it_was_and_can_be_skipped(value: object) -> None:
    raw = encode(value)
    assert alike(decode(raw), value)
    assert skip_value(raw, 0, len(raw)) == len(raw)
    padded = b"\xff" + raw + b"\xff"
    assert decode_value(padded, 1, len(padded))[1] == len(padded) - 1


@given(values, st.data())
def test_no_prefix_of_a_value_is_a_value(value: object, data: st.DataObject) -> None:
    raw = encode(value)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(DecodeError):
        decode(raw[:cut])
    with pytest.raises(DecodeError):
        skip_value(raw[:cut], 0, cut)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_a_decode_error(raw: bytes) -> None:
    try:
        value, after = decode_value(raw, 0, len(raw))
    except DecodeError:
        return
    assert 0 < after <= len(raw)
    assert skip_value(raw, 0, len(raw)) == after
    encode(value)


@given(values, st.data())
def test_damaged_values_raise_nothing_but_a_decode_error(value: object, data: st.DataObject) -> None:
    raw = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(raw))
    except DecodeError:
        return
