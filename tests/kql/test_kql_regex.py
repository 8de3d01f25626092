"""Regular expressions mean what Kusto's page "Regex syntax" says; what RE2 reads otherwise is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stream_detector.kql.values import regex
from stream_detector.kql.values.regex_classes import SPACE, WORD
from stream_detector.kql.values.regex_syntax import RegexRefused, translated

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
ASCII = [chr(code) for code in range(128)]

PAGE: list[tuple[str, str, bool]] = [
    # Match one character
    (r"^.$", "\n", False),
    (r"(?s)^.$", "\n", True),
    (r"^.$", "\r", True),
    (r"^a$", "A", False),
    (r"^\d$", "٣", True),
    (r"^\D$", "٣", False),
    (r"^[0-9]$", "٣", False),
    (r"^\pN$", "Ⅷ", True),
    (r"^\PN$", "Ⅷ", False),
    (r"^\p{Greek}$", "λ", True),
    (r"^\P{Greek}$", "λ", False),
    (r"^\p{Letter}$", "λ", True),
    (r"^\p{lu}$", "Λ", True),
    # Classes
    (r"^[xyz]$", "y", True),
    (r"^[^xyz]$", "\n", True),
    (r"^[[:alpha:]]$", "é", False),
    (r"^[[:^alpha:]]$", "é", True),
    (r"^[\[\]]$", "]", True),
    (r"^[\p{Greek}[:digit:]]$", "7", True),
    (r"^[\p{Greek}[:digit:]]$", "٣", False),
    (r"^[-a]$", "-", True),
    (r"^[a-]$", "-", True),
    (r"^[a-c\-e]$", "d", False),
    (r"^[.*]$", "a", False),
    (r"^[&~]$", "&", True),
    # Repetitions and choices
    (r"^a{2,3}$", "aaaa", False),
    (r"^(a|ab)c$", "abc", True),
    (r"^(|a)$", "", True),
    # Empty matches
    (r"b$", "ab\n", False),
    (r"(?m)b$", "ab\n", True),
    (r"(?m)^$", "ab\n", True),
    (r"(?m)\Ab", "a\nb", False),
    (r"(?m)a\z", "a\nb", False),
    # Groups and flags
    (r"^(?P<first>a)(?<second>b)(?:c)$", "abc", True),
    (r"^(?i)a+(?-i)b+$", "aAb", True),
    (r"^(?i)a+(?-i)b+$", "aAB", False),
    (r"^(?i:é)$", "É", True),
    (r"^(?i)k$", "\u212a", True),
    (r"^(?i)[^k]$", "\u212a", False),
    (r"^(?is-m:A.)$", "a\n", True),
    # Escapes
    (r"^\a\f\t\n\r\v$", "\a\f\t\n\r\v", True),
    (r"^\x41\x{42}\u0043\u{44}\U00000045\U{46}$", "ABCDEF", True),
    (r"^\xe9\U0001F600$", "é😀", True),
    (r"^\*\.\\\-\_\ \~\{$", "*.\\-_ ~{", True),
    # Perl classes
    (r"^\w+$", "aé_1٣Ⅷ\u0301ⓐ🄰\u200d", True),
    (r"^[\w]+$", "aé_1٣Ⅷ\u0301ⓐ🄰\u200d", True),
    (r"^\w$", "²", False),
    (r"^\W$", "é", False),
    (r"^[\W_]$", "é", False),
    (r"^[\W_]$", "_", True),
    (r"^[\W_]$", "²", True),
    (r"^[^\W_]$", "é", True),
    (r"^\s+$", "\t\n\v\f\r \x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", True),
    (r"^\s$", "\u200b", False),
    (r"^\S$", "\xa0", False),
    (r"^[\S]$", "\xa0", False),
    (r"^[\s\d]$", "٣", True),
    (r"^[^\s\d]$", "٣", False),
    (r"^[[:space:]]$", "\xa0", False),
    (r"^[[:space:]]$", "\v", True),
    (r"^[[:word:]]$", "é", False),
]


@pytest.mark.parametrize(("pattern", "text", "found"), PAGE)
def test_what_the_page_says_holds(pattern: str, text: str, found: bool) -> None:
    assert regex.problem(pattern) is None
    assert regex.matches(text, pattern) is found


REFUSED: list[tuple[str, int, str]] = [
    *((f"a{boundary}", 2, "write `has`") for boundary in (r"\b", r"\B", r"\<", r"\>", r"\b{start}")),
    (r"[\b]", 2, "write `has`"),
    (r"[a-z&&x]", 5, r"\&"),
    (r"[0-9--4]", 5, r"\-"),
    (r"[a-g~~b-h]", 5, r"\~"),
    (r"[x[^xyz]]", 3, r"write \["),
    (r"[[:foo:]]", 2, r"write \["),
    (r"[]a]", 2, r"write \]"),
    (r"[^]a]", 3, r"write \]"),
    (r"[a-c-e]", 5, r"write \-"),
    (r"[\d-z]", 4, r"write \-"),
    (r"[a-\d]", 6, r"write \-"),
    (r"[z-a]", 5, "lower end first"),
    ("xx[a", 3, "its ] is missing"),
    (r"[\A]", 2, "before or behind them"),
    (r"\C", 1, "write . or"),
    (r"\Qa\E", 1, "backslash before each"),
    (r"a\Z", 2, r"\z or $"),
    (r"(a)\1", 4, r"\x{...}"),
    (r"\012", 1, r"\x{...}"),
    (r"\e", 1, r"\x1B"),
    (r"\h", 1, "the character itself"),
    (r"\é", 1, "the character itself"),
    ("a\\", 2, r"write \\"),
    (r"\x4", 1, "hexadecimal"),
    (r"\x{110000}", 1, "hexadecimal"),
    (r"\u{D800}", 1, "hexadecimal"),
    (r"\p", 1, r"\p{Greek}"),
    (r"\p{^Greek}", 1, r"\p{Greek}"),
    (r"\p{sc=Greek}", 1, r"\p{Greek}"),
    (r"a\pC", 2, r"\p{Cc}"),
    (r"[\P{Other}]", 2, r"\p{Cc}"),
    (r"(?x) a", 1, "of the flags i, m, s and U"),
    (r"(?-u:\w)", 1, "of the flags"),
    (r"(?R)a", 1, "of the flags"),
    (r"(?ii)a", 1, "each once"),
    (r"(?)", 1, "of the flags"),
    (r"a(?=b)", 2, "no lookaround"),
    (r"(?<!a)b", 1, "no lookaround"),
    (r"(?<n.a>x)", 1, "names of ASCII letters"),
    (r"(?P<n>a)(?<n>b)", 9, "write another one"),
    (r"a{,2}", 2, r"write \{"),
    (r"{", 1, r"write \{"),
    (r"a{1, 2}", 2, r"write \{"),
    (r"a{1001}", 2, "counts to 1000"),
    (r"a++", 3, "write (?:...)"),
    (r"a**", 3, "write (?:...)"),
    (r"*a", 1, "write (?:...)"),
    (r"^*", 2, "write (?:...)"),
    (r"(?i)*", 5, "write (?:...)"),
]


@pytest.mark.parametrize(("pattern", "place", "advice"), REFUSED)
def test_what_both_do_not_read_alike_is_refused_with_its_place(pattern: str, place: int, advice: str) -> None:
    sentence = regex.problem(pattern)
    assert sentence is not None
    assert f"at character {place}:" in sentence
    assert advice in sentence


@pytest.mark.parametrize("pattern", ["(a", "a)", r"\p{Nowhere}", "(a{500}){500}"])
def test_what_re2_alone_refuses_is_told_too(pattern: str) -> None:
    assert "RE2 does not accept" in (regex.problem(pattern) or "")


def _held(pattern: str) -> set[str]:
    runs = regex.compiled(f"(?:{pattern})+").finditer("".join(EVERY).encode())
    return set("".join(run.group().decode() for run in runs))


@pytest.mark.parametrize(
    ("pattern", "is_held"),
    [
        (r"\d", lambda character: unicodedata.category(character) == "Nd"),
        (r"\s", lambda character: character.isspace() and not "\x1c" <= character <= "\x1f"),
        (
            r"\w",
            lambda character: (
                character in "\u200c\u200d"
                or unicodedata.category(character)[0] in "LM"
                or unicodedata.category(character) in ("Nd", "Nl", "Pc")
                or "CIRCLED LATIN" in (name := unicodedata.name(character, ""))
                or name.startswith(("SQUARED LATIN CAPITAL", "NEGATIVE SQUARED LATIN CAPITAL"))
            ),
        ),
    ],
)
def test_classes_hold_the_characters_that_python_knows_too(
    pattern: str, is_held: Callable[[str], bool]
) -> None:
    known = {character for character in EVERY if unicodedata.category(character) != "Cn"}
    held = _held(pattern)
    assert {c for c in known if is_held(c)} - held == set()
    assert {c for c in held & known if not is_held(c)} == set()
    assert _held(f"[{pattern}]") == held
    negation = pattern.upper()
    assert _held(negation) == _held(f"[{negation}]") == _held(f"[^{pattern}]") == set(EVERY) - held
    assert _held(f"[^{negation}]") == held


ALIKE = st.sampled_from(
    [
        *("a", "b", "A", "k", ".", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?i:", "(?s)", "(?m)", "(?U)"),
        *(
            "*",
            "+",
            "?",
            "*?",
            "+?",
            "??",
            "{2}",
            "{1,2}",
            "{2,}?",
            "[ab]",
            "[^a]",
            "[a-c_]",
            "[-a]",
            "]",
            "}",
        ),
        *(
            r"\d",
            r"\D",
            r"\w",
            r"\W",
            r"\s",
            r"\S",
            r"[\w.]",
            r"[^\W_]",
            r"[\W_]",
            r"[^\d]",
            r"[\S]",
            r"[\D]",
        ),
        *("[[:alpha:]_]", r"\A", r"\z", r"\n", r"\x41", r"\pL", r"\p{Lu}", r"\.", "-", "&", "é", " ", "_"),
    ]
)
PATTERNS = st.lists(ALIKE, max_size=10).map("".join)
# RE2's own \s leaves out \v, Kusto's has it.
PLAIN = st.text(st.sampled_from([each for each in ASCII if each != "\v"]) | st.sampled_from("abAk_1 \n"))


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, PLAIN)
def test_on_ascii_the_spelling_changes_nothing(pattern: str, text: str) -> None:
    assume(regex.problem(pattern) is None)
    ours, plain = regex.compiled(pattern), re2.compile(pattern)
    assert ours.groups == plain.groups
    assert _spans(ours.search(text.encode())) == _spans(plain.search(text.encode()))


def _spans(match: Any) -> list[tuple[int, int]]:
    return [] if match is None else [match.span(group) for group in range(match.re.groups + 1)]


@settings(max_examples=1000, deadline=None)
@given(st.text() | st.text(st.sampled_from("\\[](){}|*+?^$-&~.abdwspPxuUQE<>,1:i!=")), st.text())
def test_any_text_is_a_usable_expression_or_told_in_a_sentence(pattern: str, text: str) -> None:
    sentence = regex.problem(pattern)
    if sentence is None:
        assert regex.matches(text, pattern) in (True, False)
    else:
        assert repr(pattern) in sentence or "RE2" in sentence


def _old(name: str, by: str) -> Callable[[str], str]:
    return lambda pattern: translated(pattern).replace(name, by)


WRONG: dict[str, Callable[[str], str]] = {
    "as RE2 reads it": lambda pattern: pattern,
    "words are letters and digits": _old(WORD, r"\p{L}\p{Nd}_"),
    "words without marks": _old(r"\p{M}", ""),
    "words without circled letters": _old(r"\x{24B6}-\x{24E9}", ""),
    "words with any number": _old(r"\p{Nl}", r"\p{N}"),
    "words without joiners": _old(r"\x{200D}", ""),
    "digits are numbers": _old(r"\p{Nd}", r"\p{N}"),
    "space is ASCII": _old(SPACE, r"\t\n\f\r "),
    "space has zero width": _old(r"\x{2000}-\x{200A}", r"\x{2000}-\x{200B}"),
    "no space within brackets": _old(r"\x{A1}", r"\x{A0}"),
    "the dot has line feeds": lambda pattern: f"(?s){translated(pattern)}",
    "the end is before a last line feed": lambda pattern: translated(pattern).replace("$", r"\n?$"),
    "lines": lambda pattern: f"(?m){translated(pattern)}",
    "no case": lambda pattern: f"(?i){translated(pattern)}",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spelling_is_found_by_the_page(name: str) -> None:
    def answer(pattern: str, text: str) -> bool | None:
        try:
            return re2.compile(WRONG[name](pattern)).search(text.encode()) is not None
        except re2.error:
            return None

    assert any(answer(pattern, text) is not found for pattern, text, found in PAGE)


def test_re2_reads_silently_what_is_refused() -> None:
    """The refusals are needed: RE2 itself takes these, and means something else."""
    taken = []
    for pattern, _, _ in REFUSED:
        try:
            re2.compile(pattern)
        except re2.error:
            continue
        taken.append(pattern)
    assert {r"a\b", r"a\B", r"[a-z&&x]", r"[a-g~~b-h]", r"[x[^xyz]]", r"\C", r"a{,2}", r"a\pC"} <= set(taken)
    for pattern in taken:
        with pytest.raises(RegexRefused):
            translated(pattern)
