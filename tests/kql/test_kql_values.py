"""Numbers, timespans, datetimes, addresses, expressions and nulls: properties, and tables of odd forms."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.kql import dynamic
from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.types import Type
from stream_detector.kql.values import arrays, compare, convert, ipv4, moments, numbers, regex, spans, words
from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MIN_TICKS, MINUTE, SECOND, from_datetime

LONGS = st.integers(numbers.MIN_LONG, numbers.MAX_LONG)
REALS = st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.integers(MIN_TICKS, MAX_TICKS)
NULL = None


@given(LONGS, LONGS)
def test_division_and_modulo_of_whole_numbers(left: int, right: int) -> None:
    quotient, rest = numbers.divide(left, right), numbers.modulo(left, right)
    if right == 0:
        assert quotient is None
        assert rest is None
        return
    assert rest is not None
    assert 0 <= rest < abs(right)
    assert (left - rest) % right == 0
    if quotient is not None:
        assert abs(left - quotient * right) < abs(right)
        assert abs(quotient * right) <= abs(left)


@given(REALS, REALS)
def test_modulo_of_reals_is_small_and_not_negative(left: float, right: float) -> None:
    rest = numbers.modulo_reals(left, right)
    assert math.isnan(rest) if right == 0 else 0 <= rest < abs(right)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(1.0, 0.0, math.inf), (-1.0, 0.0, -math.inf), (1.0, -0.0, -math.inf), (0.0, 0.0, math.nan)],
)
def test_reals_divide_by_zero_as_ieee_has_it(left: float, right: float, expected: float) -> None:
    assert repr(numbers.divide_reals(left, right)) == repr(expected)


@given(LONGS, st.integers(1, 10**12))
def test_a_bin_is_the_multiple_at_or_below(value: int, size: int) -> None:
    found = numbers.bin_whole(value, size)
    if found is not None:
        assert found % size == 0
        assert found <= value < found + size


@pytest.mark.parametrize(
    ("size", "is_same"), [(MINUTE, True), (DAY, True), (7 * DAY, False), (7 * HOUR, False)]
)
def test_the_origin_of_bins_matters_for_sizes_that_do_not_divide_a_day(size: int, is_same: bool) -> None:
    assert numbers.has_one_origin(size) is is_same
    assert all(numbers.bin_datetime(at, size) == at // size * size for at in range(0, DAY, HOUR)) is is_same


@given(LONGS)
def test_timespans_are_read_back_from_their_text(ticks: int) -> None:
    text = spans.format_span(ticks)
    assert spans.parse_span(text) == ticks
    assert re.fullmatch(r"-?(\d+\.)?\d\d:\d\d:\d\d(\.\d{7})?", text)


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("00:05:00", 5 * MINUTE),
        ("00:01", MINUTE),
        ("1.02:03:04.0000001", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 1),
        ("1.02:03:04.00000019", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 1),
        ("-00:00:01.5", -SECOND * 3 // 2),
        (" 1.00:00:00 ", DAY),
        ("00:01:00 junk", NULL),
        ("24:00:00", NULL),
        ("00:60:00", NULL),
        ("10675200.00:00:00", NULL),
        ("99999999999999999999.00:00", NULL),
        ("1d", NULL),
        ("3", NULL),
        ("", NULL),
        ("１:00", NULL),
    ],
)
def test_forms_of_timespans(text: str, ticks: int | None) -> None:
    assert spans.parse_span(text) == ticks


@given(MOMENTS)
def test_datetimes_are_read_back_from_their_text(ticks: int) -> None:
    assert moments.parse_moment(spans.format_moment(ticks)) == ticks


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-05-25T08:20:03.123456Z", datetime(2014, 5, 25, 8, 20, 3, 123456)),
        ("2014-05-25T08:20:03.123456", datetime(2014, 5, 25, 8, 20, 3, 123456)),
        ("2014-05-25T08:20", datetime(2014, 5, 25, 8, 20)),
        ("2014-11-08 15:55:55.123456Z", datetime(2014, 11, 8, 15, 55, 55, 123456)),
        ("2014-11-08 15:55", datetime(2014, 11, 8, 15, 55)),
        ("2014-11-08", datetime(2014, 11, 8)),
        ("Sat, 8 Nov 14 15:05:02 GMT", datetime(2014, 11, 8, 15, 5, 2)),
        ("Sat, 8 Nov 14 15:05", datetime(2014, 11, 8, 15, 5)),
        ("8 Nov 14 15:05:02", datetime(2014, 11, 8, 15, 5, 2)),
        ("Saturday, 08-Nov-14 15:05:02 GMT", datetime(2014, 11, 8, 15, 5, 2)),
        ("08-Nov-14 15:05", datetime(2014, 11, 8, 15, 5)),
        ("2014-11-08 15:05:25 GMT", datetime(2014, 11, 8, 15, 5, 25)),
        ("2014-11-08T15:05 GMT", datetime(2014, 11, 8, 15, 5)),
        ("2022-12-02T13:45:56+02:00", datetime(2022, 12, 2, 11, 45, 56)),
        ("2022-12-02T13:45:56-0230", datetime(2022, 12, 2, 16, 15, 56)),
        ("12-02-2022", datetime(2022, 12, 2)),
        ("02/17/2016 08:40:01", datetime(2016, 2, 17, 8, 40, 1)),
        ("20220102", datetime(2022, 1, 2)),
        ("8 Nov 50", datetime(1950, 11, 8)),
        ("8 Nov 49", datetime(2049, 11, 8)),
        (" 2014-11-08 ", datetime(2014, 11, 8)),
        ("Sun, 8 Nov 14 15:05:02 GMT", NULL),
        ("13-01-2022", NULL),
        ("2014-02-30", NULL),
        ("2014-11-08T24:00:00Z", NULL),
        ("2014-11-08T15:05:25+15:00", NULL),
        ("0001-01-01T00:00:00+01:00", NULL),
        ("8 Foo 2014", NULL),
        ("08:20", NULL),
        ("tomorrow", NULL),
        ("", NULL),
    ],
)
def test_forms_of_datetimes(text: str, moment: datetime | None) -> None:
    assert moments.parse_moment(text) == (None if moment is None else from_datetime(moment))


@given(st.datetimes(datetime(1, 1, 8), datetime(9999, 12, 24)), st.integers(-400, 400))
def test_edges_of_periods_lie_around_their_moment(moment: datetime, offset: int) -> None:
    ticks = from_datetime(moment)
    for start, end in (
        (spans.start_of_day, spans.end_of_day),
        (spans.start_of_week, spans.end_of_week),
        (spans.start_of_month, spans.end_of_month),
        (spans.start_of_year, spans.end_of_year),
    ):
        first, last = start(ticks), end(ticks)
        assert first is not None
        assert last is not None
        assert first <= ticks <= last
        assert start(last) == first
        assert end(ticks, offset) == (None if end(ticks, offset) is None else end(start(ticks, offset) or 0))
    sunday = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    sunday -= timedelta(days=(moment.weekday() + 1) % 7)
    assert spans.start_of_week(ticks) == from_datetime(sunday.replace(tzinfo=UTC))


@given(st.datetimes(), st.datetimes())
def test_differences_count_boundaries(left: datetime, right: datetime) -> None:
    one, other = from_datetime(left), from_datetime(right)
    assert spans.difference("day", one, other) == (left.date() - right.date()).days
    assert spans.difference("year", one, other) == left.year - right.year
    assert spans.difference("month", one, other) == (left.year - right.year) * 12 + left.month - right.month
    assert spans.difference("hour", one, other) == -(spans.difference("hour", other, one) or 0)


ADDRESSES = st.ip_addresses(v=4)


@given(ADDRESSES, ADDRESSES, st.integers(0, 32))
def test_ranges_of_addresses_are_those_of_the_standard_library(
    address: ipaddress.IPv4Address, network: ipaddress.IPv4Address, prefix: int
) -> None:
    wanted = ipaddress.ip_network((str(network), prefix), strict=False)
    text = f"{network}/{prefix}"
    assert ipv4.is_in_range(str(address), text) is (address in wanted)
    assert ipv4.is_match(str(address), str(network), prefix) is (address in wanted)
    assert ipv4.parse(text) == int(wanted.network_address)
    assert ipv4.is_in_any_of(str(address), ["0.0.0.1", text]) is (address in wanted or int(address) == 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/",
        "::1",
        "١.2.3.4",
    ],
)
def test_what_is_no_address_gives_null(text: str) -> None:
    assert ipv4.parse(text) is None
    assert ipv4.is_private(text) is None
    assert ipv4.is_in_range(text, "0.0.0.0/0") is None
    assert ipv4.is_in_range("1.2.3.4", text) is None
    assert ipv4.is_in_any_range("1.2.3.4", text) is None
    assert ipv4.is_in_any_range("1.2.3.4", text, "1.0.0.0/8") is True
    assert ipv4.compare(text, "1.2.3.4") is None


def test_a_hostile_text_does_not_make_an_expression_slow() -> None:
    hostile = "a" * 200_000
    started = time.perf_counter()
    assert regex.matches(hostile, "^(a+)+$")
    assert not regex.matches(hostile + "b", "^(a|aa)+$")
    assert regex.extract("(a*)*b", 0, hostile) == ""
    assert regex.trim("a+", f"b{hostile}b{hostile}") == f"b{hostile}b"
    assert not regex.matches(hostile, r"^(\w{1,64}@)+[\W_]$")
    # A backtracking engine would need longer than anybody can wait.
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("left", "right", "is_equal", "is_unequal"),
    [
        (1, 1, True, False),
        (1, 2, False, True),
        (1, NULL, False, True),
        (NULL, 1, False, True),
        (NULL, NULL, NULL, NULL),
    ],
)
def test_what_null_equals(
    left: int | None, right: int | None, is_equal: bool | None, is_unequal: bool | None
) -> None:
    assert compare.equal(left, right) is is_equal
    assert compare.not_equal(left, right) is is_unequal
    assert compare.equal_as_reals(left, right) is is_equal
    assert compare.not_equal_as_reals(left, right) is is_unequal
    assert compare.dynamic_equals_number(left, right) is is_equal


def test_orderings_with_null_are_left_to_the_caller_as_null() -> None:
    assert all(each.is_strict for name in ("<", "<=", ">", ">=", "between") for each in SCALAR[name])


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("x", "x", True),
        ("X", "x", False),
        (5, "5", True),
        (5, "5.0", False),
        (True, "true", True),
        (True, "True", False),
        ([1], "[1]", True),
        (NULL, "", False),
        ("", "", True),
    ],
)
def test_a_dynamic_beside_a_text_counts_as_its_text(
    value: dynamic.Dynamic, text: str, expected: bool
) -> None:
    assert compare.dynamic_equals_text(value, text) is expected


@pytest.mark.parametrize(
    ("value", "number", "is_equal", "is_less"),
    [
        (5, 5, True, False),
        (4, 5.5, False, True),
        (5.0, 5, True, False),
        ("5", 5, False, NULL),
        (True, 1, False, NULL),
        ([5], 5, False, NULL),
        (2**64 - 1, 2**63 - 1, False, False),
    ],
)
def test_a_dynamic_beside_a_number_counts_as_its_number(
    value: dynamic.Dynamic, number: float, is_equal: bool, is_less: bool | None
) -> None:
    assert compare.dynamic_equals_number(value, number) is is_equal
    assert compare.order_of_dynamic(compare.ORDERINGS["<"])(value, number) is is_less


def test_a_dynamic_beside_a_bool_counts_as_its_bool() -> None:
    assert compare.dynamic_equals_bool(True, True) is True
    assert compare.dynamic_equals_bool(1, True) is False
    assert compare.dynamic_equals_bool("true", True) is False
    assert compare.dynamic_equals_bool(None, None) is None


def test_missing_members_are_not_among_any_list_and_have_no_term() -> None:
    for name, answer in (("in", False), ("!in", True), ("in~", False), ("!in~", True), ("has_any", False)):
        (entry,) = [each for each in SCALAR[name] if each.parameters == (Type.DYNAMIC, Type.STRING)]
        assert entry.implementation(None, "a") is answer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e20, "1e+20"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_texts_of_reals(value: float, expected: str) -> None:
    assert convert.real_text(value) == expected
    assert repr(convert.real_of_text(expected)) == repr(value)


@pytest.mark.parametrize("text", ["", ".", "1,000", "0x1F", "1_000", "1e", "abc", "١", "inf"])
def test_what_is_no_real_gives_null(text: str) -> None:
    assert convert.real_of_text(text) is None


@given(LONGS)
def test_toint_keeps_the_lowest_32_bits(number: int) -> None:
    assert convert.int_of_long(number) == int.from_bytes(
        (number % 2**32).to_bytes(4, "big"), "big", signed=True
    )


def test_half_surrogate_pairs_become_replacement_characters_where_text_leaves_python() -> None:
    assert dynamic.to_text(words.split_part("a\ud800-b", "-", 0)) == '["a\ufffd"]'
    assert words.sha256("\ud800") == words.sha256("\ufffd")
    assert regex.extract(".", 0, "\ud800") == "\ufffd"


def test_packing_copies_nothing_it_would_have_to_change() -> None:
    inner: dynamic.Dynamic = [1]
    assert arrays.pack_array(inner, None) == [[1], None]
    assert arrays.bag_pack("a", 1, "a", 2) == {"a": 2}
    assert words.upper("aßé") == "AßÉ"
