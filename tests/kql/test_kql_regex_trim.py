"""trim, trim_start and trim_end take only expressions for which one match and every match are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.kql.values import regex
from stream_detector.kql.values.regex_syntax import translated

TAKEN = [
    *("a+", "[ab]+", r"\s+", r"\W*", ".+", r"[^\w]+", "(ab)+", "(?:ab)*", "(?i)a+", "(?i:aB)+", r"(?s).+"),
    *(r"(a[bc])+", r"(aa)+", r"(aba)+", r"\.+", "é+"),
]
REFUSED = [
    *("a", " ", "--", "a$", "^a+", "a+$", "a|b", "(a|b)+", "a+?", "a{2,}", "a{3}", "ab+", "a+b+", "(a+)+"),
    *("(a)?", "(?U)a+", "(?U:a)+", "(ab", "()+", "((ab))+", "((?i)a)+", "a)(b+", r"a\b"),
]


@pytest.mark.parametrize("pattern", TAKEN)
def test_what_repeats_as_a_whole_is_taken(pattern: str) -> None:
    assert regex.trim_problem(pattern) is None


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(pattern: str) -> None:
    assert regex.trim_problem(pattern) is not None


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        (" ", "write one that repeats as a whole, ' +'"),
        (r"\s", r"'\\s+'"),
        ("--", "'(--)+'"),
        ("(ab)", "'(ab)+'"),
        ("a|b", "such as [x]+"),
        ("^a", "such as [x]+"),
    ],
)
def test_the_refusal_says_what_to_write(pattern: str, advice: str) -> None:
    assert advice in (regex.trim_problem(pattern) or "")


def _framed(frame: str, pattern: str, text: str, *, again: bool) -> str:
    """One match removed from one end, or matches until there is none."""
    found = re2.compile(frame.format(translated(pattern)))
    while True:
        match = found.search(text)
        if match is None or match.start() == match.end():
            return text
        text = text[: match.start()] + text[match.end() :]
        if not again:
            return text


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(TAKEN), st.text(st.sampled_from("abAcé .\n")))
def test_one_match_and_all_matches_are_the_same(pattern: str, text: str) -> None:
    for frame, trim in ((r"\A(?:{})", regex.trim_start), (r"(?:{})\z", regex.trim_end)):
        once, all_of_them = (_framed(frame, pattern, text, again=again) for again in (False, True))
        assert trim(pattern, text) == once == all_of_them
    assert regex.trim(pattern, text) == regex.trim_end(pattern, regex.trim_start(pattern, text))
    for cut in (regex.trim, regex.trim_start, regex.trim_end):
        assert cut(pattern, cut(pattern, text)) == cut(pattern, text)


CASES = [
    ("[ab]+", "abxaba", "x", "xaba", "abx"),
    ("(ab)+", "ababaab", "a", "aab", "ababa"),
    (r"\s+", "\xa0 a b\t\u3000", "a b", "a b\t\u3000", "\xa0 a b"),
    ("é+", "ééaé", "a", "aé", "ééa"),
    ("a+", "aaa", "", "", ""),
    ("a+", "bab", "bab", "bab", "bab"),
    (".+", "a\nb", "\n", "\nb", "a\n"),
    ("(?i)k+", "kK\u212ax", "x", "x", "kK\u212ax"),
]


@pytest.mark.parametrize(("pattern", "text", "both", "start", "end"), CASES)
def test_ends_are_trimmed(pattern: str, text: str, both: str, start: str, end: str) -> None:
    assert regex.trim(pattern, text) == both
    assert regex.trim_start(pattern, text) == start
    assert regex.trim_end(pattern, text) == end


@pytest.mark.parametrize(
    "wrong",
    [
        lambda pattern, text: text.strip(),
        lambda pattern, text: re2.sub(translated(pattern), "", text),
        lambda pattern, text: re2.sub(rf"^(?:{translated(pattern)})", "", text),
        lambda pattern, text: re2.sub(rf"(?:{translated(pattern)})$", "", text),
        lambda pattern, text: re2.sub(rf"^{pattern}|{pattern}$", "", text),
    ],
)
def test_a_wrong_trim_is_found(wrong: Callable[[str, str], str]) -> None:
    assert any(wrong(pattern, text) != both for pattern, text, both, _, _ in CASES)
