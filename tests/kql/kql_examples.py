"""Examples of Kusto's pages, one row each, by the name of the function, and how to call one by its values."""

from __future__ import annotations

import math
from typing import Any

from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values.moments import parse_moment
from stream_detector.kql.values.spans import parse_span
from stream_detector.ticks import DAY, HOUR, MINUTE, SECOND


class Moment(int):
    """Ticks of a datetime."""


class Span(int):
    """Ticks of a timespan."""


class Held(list[Any]):
    """A dynamic that is no array: its one element."""


def at(text: str) -> Moment:
    ticks = parse_moment(text)
    assert ticks is not None, text
    return Moment(ticks)


def span(text: str) -> Span:
    ticks = parse_span(text)
    assert ticks is not None, text
    return Span(ticks)


def type_of(value: object) -> Type:
    kinds: tuple[tuple[type, Type], ...] = (
        (Moment, Type.DATETIME),
        (Span, Type.TIMESPAN),
        (bool, Type.BOOL),
        (int, Type.LONG),
        (float, Type.REAL),
        (str, Type.STRING),
    )
    return next((type_ for kind, type_ in kinds if isinstance(value, kind)), Type.DYNAMIC)


def overload(name: str, types: tuple[Type, ...]) -> Function:
    for function in SCALAR[name]:
        parameters = function.parameters + function.parameters[-1:] * (len(types) if function.repeats else 0)
        if len(function.parameters) - function.optional <= len(types) and parameters[: len(types)] == types:
            return function
    raise LookupError(f"{name}{types}")


def call(name: str, *arguments: Any) -> Any:
    """The function of these values; an `Held` holds a dynamic."""
    function = overload(name, tuple(map(type_of, arguments)))
    values = [value[0] if isinstance(value, Held) else value for value in arguments]
    if function.check is not None:
        assert function.check(*values) is None
    return None if function.is_strict and None in values else function.implementation(*values)


CASES: list[tuple[str, tuple[Any, ...], Any]] = [
    # numerical-operators
    ("/", (1.0, 2), 0.5),
    ("/", (1, 2.0), 0.5),
    ("/", (1, 2), 0),
    ("/", (-7, 2), -3),
    ("/", (7, -2), -3),
    ("/", (1, 0), None),
    ("/", (1.0, 0), math.inf),
    ("%", (14, 12), 2),
    ("%", (-14, 12), 10),
    ("%", (14, -12), 2),
    ("%", (-14, -12), 10),
    ("%", (-5.5, 2), 0.5),
    ("%", (1, 0), None),
    ("+", (2**63 - 1, 1), None),
    ("*", (2**62, 2), None),
    ("/", (-(2**63), -1), None),
    ("-", (-(2**63),), None),
    ("==", (2**53 + 1, float(2**53)), True),
    # datetime-timespan-arithmetic, timespan
    ("-", (at("1997-06-25"), at("1910-06-11")), 31791 * DAY),
    ("+", (Span(DAY), Span(2 * DAY)), 3 * DAY),
    ("+", (at("1910-06-11"), Span(DAY)), at("1910-06-12")),
    ("/", (Span(DAY), Span(5 * HOUR)), 4.8),
    ("/", (Span(HOUR), Span(SECOND)), 3600.0),
    ("*", (1.5, Span(HOUR)), 90 * MINUTE),
    ("*", (Span(SECOND), 5), 5 * SECOND),
    ("/", (Span(HOUR), 0), None),
    ("+", (at("9999-12-31"), Span(DAY)), None),
    # datatypes-string-operators
    ("has", ("North America", "america"), True),
    ("!has", ("North America", "amer"), True),
    ("has_cs", ("North America", "America"), True),
    ("has_cs", ("North America", "america"), False),
    ("!has_cs", ("North America", "amer"), True),
    ("hasprefix", ("North America", "ame"), True),
    ("!hasprefix", ("North America", "mer"), True),
    ("hasprefix", ("North America", "mer"), False),
    ("hasprefix_cs", ("North America", "Ame"), True),
    ("hasprefix_cs", ("North America", "ame"), False),
    ("!hasprefix_cs", ("North America", "CA"), True),
    ("hassuffix", ("North America", "ica"), True),
    ("hassuffix", ("North America", "ICA"), True),
    ("!hassuffix", ("North America", "americ"), True),
    ("hassuffix", ("North America", "americ"), False),
    ("hassuffix_cs", ("North America", "ICA"), False),
    ("hassuffix_cs", ("North America", "ica"), True),
    ("!hassuffix_cs", ("North America", "icA"), True),
    ("contains", ("FabriKam", "BRik"), True),
    ("!contains", ("Fabrikam", "xyz"), True),
    ("contains_cs", ("FabriKam", "Kam"), True),
    ("!contains_cs", ("Fabrikam", "Kam"), True),
    ("startswith", ("Fabrikam", "fab"), True),
    ("!startswith", ("Fabrikam", "kam"), True),
    ("startswith_cs", ("Fabrikam", "Fab"), True),
    ("!startswith_cs", ("Fabrikam", "fab"), True),
    ("endswith", ("Fabrikam", "Kam"), True),
    ("!endswith", ("Fabrikam", "brik"), True),
    ("endswith_cs", ("Fabrikam", "kam"), True),
    ("endswith_cs", ("Fabrikam", "Kam"), False),
    ("!endswith_cs", ("Fabrikam", "Kam"), True),
    ("matches regex", ("Fabrikam", "b.*k"), True),
    ("in", ("abc", "123", "345", "abc"), True),
    ("!in", ("bca", "123", "345", "abc"), True),
    ("in~", ("Abc", "123", "345", "ABC"), True),
    ("!in~", ("bCa", "123", "345", "ABC"), True),
    ("has_any", ("North America", "south", "north"), True),
    ("has_all", ("North America", "america", "north"), True),
    ("has_all", ("North America", "america", "south"), False),
    ("=~", ("abc", "ABC"), True),
    ("!~", ("aBc", "xyz"), True),
    ("has_any", ("North America", ["south", "north"]), True),
    ("in~", ("texas", ["FLORIDA", "Texas"]), True),
    # between
    ("between", (55, 50, 55), True),
    ("between", (50, 50, 55), True),
    ("between", (56, 50, 55), False),
    ("!between", (56, 50, 55), True),
    ("between", (at("2007-07-30"), at("2007-07-27"), Span(3 * DAY)), True),
    ("between", (at("2007-07-30T00:00:01"), at("2007-07-27"), Span(3 * DAY)), False),
    # dynamic
    ("[]", (Held([{"a1": 100, "a b c": "2015-01-01"}]), "a1"), 100),
    ("[]", ([100, 101, 102], 0), 100),
    ("[]", ([100, 101, 102], -1), 102),
    ("[]", ([100, 101, 102], -4), None),
    ("[]", ([100, 101, 102], 3), None),
    ("[]", ([100], "a"), None),
    ("toint", (Held([101]),), 101),
    ("todatetime", (Held(["2015-01-01"]),), at("2015-01-01")),
    # conversions
    ("tostring", (123,), "123"),
    ("tostring", (True,), "True"),
    ("tostring", (Held([True]),), "true"),
    ("tostring", (1.0,), "1.0"),
    ("tostring", (at("2020-01-01"),), "2020-01-01T00:00:00.0000000Z"),
    ("tostring", (Span(DAY),), "1.00:00:00"),
    ("tostring", (Span(-2 * HOUR),), "-02:00:00"),
    ("tostring", (Span(3 * SECOND // 2),), "00:00:01.5000000"),
    ("tolong", ("123",), 123),
    ("tolong", ("0x1F",), 31),
    ("tolong", ("5.7",), None),
    ("tolong", ("1e3",), None),
    ("tolong", ("9223372036854775808",), None),
    ("tolong", (1.7,), 1),
    ("tolong", (-1.7,), -1),
    ("tolong", (1e30,), 2**63 - 1),
    ("tolong", (math.nan,), None),
    ("tolong", (Span(DAY),), 864_000_000_000),
    ("tolong", (at("0100-01-01"),), 31_241_376_000_000_000),
    ("toint", (2.3,), 2),
    ("toint", (9_999_999_999,), 1_410_065_407),
    ("toint", ("9999999999",), None),
    ("toreal", ("123.4",), 123.4),
    ("todouble", ("abc",), None),
    ("tobool", ("true",), True),
    ("tobool", ("FALSE",), False),
    ("tobool", (123,), True),
    ("tobool", ("1.5",), None),
    ("tobool", (1.5,), True),
    ("tobool", ("yes",), None),
    ("totimespan", ("0.00:01:00",), MINUTE),
    ("totimespan", ("1d",), None),
    ("totimespan", (123,), 123),
    ("parse_json", (Held(['{"a":1}']),), '{"a":1}'),
    # bin
    ("bin", (4.5, 1), 4.0),
    ("bin", (Span(16 * DAY), Span(7 * DAY)), 14 * DAY),
    ("bin", (at("1970-05-11 13:45:07"), Span(DAY)), at("1970-05-11")),
    ("bin", (-7, 5), -10),
    ("floor", (-7, 5), -10),
    # split, substring, indexof, countof, trim, replace, extract, strcat
    ("split", ("aa_bb", "_"), ["aa", "bb"]),
    ("split", ("aaa_bbb_ccc", "_", 1), ["bbb"]),
    ("split", ("aaa_bbb_ccc", "_", 3), []),
    ("split", ("", "_"), [""]),
    ("split", ("a__b", "_"), ["a", "", "b"]),
    ("split", ("aabbcc", "bb"), ["aa", "cc"]),
    ("substring", ("123456", 1), "23456"),
    ("substring", ("123456", 2, 2), "34"),
    ("substring", ("ABCD", 0, 2), "AB"),
    ("substring", ("123456", -2, 2), "56"),
    ("substring", ("abc", -10), ""),
    ("substring", ("abcdefg", 1, -1), ""),
    ("indexof", ("abcdefg", "cde"), 2),
    ("indexof", ("abcdefg", "cde", -5), 2),
    ("indexof", ("abcdefg", "cde", 3), -1),
    ("countof", ("aaa", "a"), 3),
    ("countof", ("aaaa", "aa"), 3),
    ("countof", ("ababa", "ab", "normal"), 2),
    ("countof", ("ababa", "aba"), 2),
    ("countof", ("abababa", "aba", "Normal"), 3),
    ("trim", ("(--)+", "--https://bing.com--"), "https://bing.com"),
    ("trim", (r"[^\w]+", "-  Te st1// $"), "Te st1"),
    ("trim", (r"\s+", "    Hello, world!    "), "Hello, world!"),
    ("trim", ("a+", "aaaa"), ""),
    ("trim", ("(?i)(ab)*", "ABabxaBa"), "xaBa"),
    ("trim_start", ("[ax]+", "axbxa"), "bxa"),
    ("trim_end", ("[ax]+", "axbxa"), "axb"),
    ("extract", (r"-(\d{2})-", 1, "15-12-2024"), "12"),
    ("extract", ("User: ([^,]+)", 1, "User: JohnDoe, Email: johndoe@example.com"), "JohnDoe"),
    ("extract", ("x", 0, "abc"), ""),
    (
        "replace_string",
        ("A magic trick can turn a cat into a dog", "cat", "hamster"),
        "A magic trick can turn a hamster into a dog",
    ),
    ("strcmp", ("ABC", "ABC"), 0),
    ("strcmp", ("abc", "ABC"), 1),
    ("strcmp", ("ABC", "abc"), -1),
    ("strcmp", ("abcde", "abc"), 1),
    ("strcat", ("hello", " ", "world"), "hello world"),
    ("strcat_delim", ("-", "a", "", "b"), "a--b"),
    ("reverse", ("abc",), "cba"),
    ("hash_sha256", ("World",), "78ae647dc5544d227130a0682a51e30bc7777fbb6d8a8f17007463a3ecd1d524"),
    ("base64_decode_tostring", ("S3VzdG8=",), "Kusto"),
    ("base64_decode_tostring", ("U3RyaW5n0KHR0tGA0L7Rh9C60LA=",), ""),
    # nulls
    ("coalesce", ("", "", "fallback"), "fallback"),
    ("coalesce", (" ", "x"), " "),
    ("isempty", ("",), True),
    ("isempty", (Held([[]]),), False),
    ("isempty", (Held([None]),), True),
    ("isnotempty", (Held([""]),), False),
    ("isnull", ("",), False),
    ("isnull", (Held([None]),), True),
    # max_of
    ("max_of", (10, 1, -3, 17), 17),
    ("min_of", (10, 1, -3, 17), -3),
    # arrays and bags
    ("array_length", (Held([{"a": 1}]),), None),
    ("bag_keys", (Held([{"a": "b", "c": {"d": 123}}]),), ["a", "c"]),
    ("bag_keys", (Held([[]]),), None),
    ("bag_keys", (Held([{}]),), []),
    ("bag_has_key", (Held([{"key1": 123, "key2": "abc"}]), "key2"), True),
    ("bag_has_key", (Held([{"key1": 123, "key3": "abc"}]), "key2"), False),
    ("set_has_element", (["this", "is", "an", "example"], "example"), True),
    ("set_has_element", ([1, True], 1), True),
    ("set_has_element", ([True], 1), False),
    ("array_index_of", (["this", "is", "an", "example", "an", "example"], "an"), 2),
    ("array_index_of", (["this"], "an"), -1),
    ("pack_array", (Held([1]), Held(["a"]), Held([None])), [1, "a", None]),
    ("bag_pack", ("Level", Held(["Information"]), "Code", Held([1])), {"Level": "Information", "Code": 1}),
    ("gettype", (Held([{}]),), "dictionary"),
    ("gettype", (Held([1.5]),), "double"),
    # times
    ("dayofweek", (at("1947-11-30T10:00:05"),), 0),
    ("dayofweek", (at("1970-05-11"),), DAY),
    ("dayofmonth", (at("2015-12-14"),), 14),
    ("dayofyear", (at("2015-12-14"),), 348),
    ("hourofday", (at("2015-12-14T18:54"),), 18),
    ("getyear", (at("2015-10-12"),), 2015),
    ("monthofyear", (at("2015-12-14"),), 12),
    ("startofweek", (at("2017-01-01T10:10:17"), -1), at("2016-12-25")),
    ("startofweek", (at("2017-01-01T10:10:17"),), at("2017-01-01")),
    ("startofweek", (at("2017-01-01T10:10:17"), 1), at("2017-01-08")),
    ("startofmonth", (at("2017-01-01T10:10:17"), -1), at("2016-12-01")),
    ("startofyear", (at("2017-01-01T10:10:17"), 1), at("2018-01-01")),
    ("startofday", (at("2017-01-01T10:10:17"), -1), at("2016-12-31")),
    ("endofday", (at("2017-01-01T10:10:17"), -1), at("2016-12-31T23:59:59.9999999")),
    ("endofweek", (at("2017-01-01T10:10:17"),), at("2017-01-07T23:59:59.9999999")),
    ("endofmonth", (at("2017-01-01T10:10:17"), 1), at("2017-02-28T23:59:59.9999999")),
    ("endofyear", (at("2017-01-01T10:10:17"), -1), at("2016-12-31T23:59:59.9999999")),
    ("datetime_diff", ("year", at("2017-01-01"), at("2000-12-31")), 17),
    ("datetime_diff", ("quarter", at("2017-07-01"), at("2017-03-30")), 2),
    ("datetime_diff", ("month", at("2017-01-01"), at("2015-12-30")), 13),
    ("datetime_diff", ("week", at("2017-10-29"), at("2017-09-30T23:59")), 5),
    ("datetime_diff", ("day", at("2017-10-29"), at("2017-09-30T23:59")), 29),
    ("datetime_diff", ("hour", at("2017-10-31T01:00"), at("2017-10-30T23:59")), 2),
    ("datetime_diff", ("minute", at("2017-10-30T23:05:01"), at("2017-10-30T23:00:59")), 5),
    ("datetime_diff", ("second", at("2017-10-30T23:00:10.100"), at("2017-10-30T23:00:00.900")), 10),
    ("datetime_diff", ("millisecond", at("2017-10-30 23:00:00.2001"), at("2017-10-30 23:00:00.1009")), 100),
    (
        "datetime_diff",
        ("microsecond", at("2017-10-30 23:00:00.1009001"), at("2017-10-30 23:00:00.1008009")),
        100,
    ),
    ("make_timespan", (1, 12, 30, 55.123), DAY + 12 * HOUR + 30 * MINUTE + 551_230_000),
    ("make_timespan", (24, 0), None),
    ("unixtime_seconds_todatetime", (1_546_300_800,), at("2019-01-01")),
    # IPv4
    ("ipv4_is_private", ("192.168.1.1/24",), True),
    ("ipv4_is_private", ("10.1.2.3/24",), True),
    ("ipv4_is_private", ("202.1.2.3",), False),
    ("ipv4_is_private", ("127.0.0.1",), False),
    ("ipv4_is_private", ("172.31.255.255",), True),
    ("ipv4_is_private", ("172.32.0.0",), False),
    ("ipv4_is_private", ("::1",), None),
    ("ipv4_is_in_range", ("192.168.1.1", "192.168.1.1"), True),
    ("ipv4_is_in_range", ("192.168.1.1", "192.168.1.255/24"), True),
    ("ipv4_is_in_range", ("192.168.2.1", "192.168.1.255/24"), False),
    ("ipv4_is_in_range", ("", "192.168.1.255/24"), None),
    ("ipv4_is_in_any_range", ("192.168.1.6", "192.168.1.1/24", "10.0.0.1/8", "127.1.0.1/16"), True),
    ("ipv4_is_in_any_range", ("127.0.0.1", ["127.0.0.1", "192.168.1.1"]), True),
    ("ipv4_is_in_any_range", ("123.1.11.21", ["192.168.1.1/16", "127.0.0.1/8", "10.0.0.1/8"]), False),
    ("ipv4_is_match", ("192.168.1.0", "192.168.1.0"), True),
    ("ipv4_is_match", ("192.168.1.1/24", "192.168.1.255"), True),
    ("ipv4_is_match", ("192.168.1.1", "192.168.1.255/24"), True),
    ("ipv4_is_match", ("192.168.1.1/30", "192.168.1.255/24"), True),
    ("ipv4_is_match", ("192.168.1.1", "192.168.1.0", 31), True),
    ("ipv4_is_match", ("192.168.1.1", "192.168.1.255", 24), True),
    ("ipv4_is_match", ("192.168.1.1", "192.168.1.255", 25), False),
    ("ipv4_compare", ("192.168.1.1/24", "192.168.1.255", 31), 0),
    ("ipv4_compare", ("10.0.0.2", "10.0.0.1"), 1),
    ("parse_ipv4", ("203.0.113.10/24",), 3_405_803_776),
    ("parse_ipv4", ("01.02.03.04",), None),
    ("parse_ipv4", (" 203.0.113.10",), 3_405_803_786),
]
