"""String operators: tables of cases, and has against a definition written in another way."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.kql import text

KELVIN, LONG_S = "\u212a", "\u017f"


@pytest.mark.parametrize(
    ("value", "needle", "expected"),
    [
        ("svc_terraform@contoso.com", "terraform", True),
        ("myterraform", "terraform", False),
        ("terraform1", "terraform", False),
        ("1terraform", "terraform", False),
        ("TERRAFORM", "terraform", True),
        ("x terraformer terraform", "terraform", True),
        ("éterraform", "terraform", False),
        ("terraformé", "terraform", False),
        ("terraform٣", "terraform", False),
        ("terraform²", "terraform", False),
        ("terraform\u0301", "terraform", True),
        ("terraform\u200d", "terraform", True),
        ("terraform\U0001f600", "terraform", True),
        ("terraform\ud83d", "terraform", True),
        ("\ud83d\ude00TERRAFORM", "terraform", True),
        ("𝐚terraform", "terraform", False),
        ("farm-deployment", "arm-deployment", False),
        ("arm_deployment", "arm-deployment", False),
        ("x-ARM-deployment-1", "arm-deployment", True),
        ("anything", "", True),
        ("", "", True),
        ("", "a", False),
        ("a-b", "-", True),
        ("ab -c", " -c", True),
        ("ab -cd", " -c", False),
        ("xab-", "ab-", False),
        (f"dev{KELVIN}it", "devkit", False),
        (f"d{LONG_S}c", "dsc", False),
        ("DSC", "dSc", True),
        ("dsc1dsc", "dsc", False),
        ("dsc1 dsc", "dsc", True),
        ("ß", "ss", False),
        ("É", "é", False),
    ],
)
def test_has_finds_whole_terms_and_folds_ascii_only(value: str, needle: str, expected: bool) -> None:
    assert text.has(value, needle) is expected
    assert text.compile_has_any([needle])(value) is expected


def test_has_any_without_needles_finds_nothing() -> None:
    assert not text.compile_has_any([])("anything")


def test_term_characters_are_the_letters_and_numbers_of_unicode() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        assert text.is_term_character(character) == (unicodedata.category(character)[0] in "LN")


def _plainly_has(value: str, needle: str) -> bool:
    """has once more, by looking at every position and counting term boundaries."""
    folded, wanted = ("".join(c.lower() if c < "\x80" else c for c in t) for t in (value, needle))

    def runs_on(position: int) -> bool:
        """Whether one term reaches over the gap before `position`."""
        around = folded[max(position - 1, 0) : position + 1]
        return 0 < position < len(folded) and all(unicodedata.category(c)[0] in "LN" for c in around)

    return any(
        folded[start : start + len(wanted)] == wanted
        and not (wanted and (runs_on(start) or runs_on(start + len(wanted))))
        for start in range(len(folded) - len(wanted) + 1)
    )


ALPHABET = st.sampled_from(list("abAB1_-. é\u0301" + KELVIN + LONG_S + "ks٣\ud800"))
PIECES = st.text(ALPHABET, max_size=12)


@given(PIECES, st.lists(st.text(ALPHABET, min_size=1, max_size=3), max_size=4))
def test_has_any_agrees_with_the_definition(value: str, needles: Sequence[str]) -> None:
    assert text.compile_has_any(needles)(value) == any(_plainly_has(value, needle) for needle in needles)
    assert all(text.has(value, needle) == _plainly_has(value, needle) for needle in needles)


@given(st.text())
def test_folding_changes_nothing_but_ascii_capitals(value: str) -> None:
    folded = text.fold(value)
    assert len(folded) == len(value)
    assert all(b == (a.lower() if "A" <= a <= "Z" else a) for a, b in zip(value, folded, strict=True))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("SUCCESS", "Success", True),
        ("Succeeded", "Success", False),
        (" Success", "Success", False),
        ("", "", True),
        (f"{LONG_S}uccess", "Success", False),
        ("É", "é", False),
    ],
)
def test_equality_ignores_ascii_case_and_trims_nothing(left: str, right: str, expected: bool) -> None:
    assert text.equals(left, right) is expected
    assert text.compile_equals_any(["other", right])(left) is expected


@pytest.mark.parametrize(
    ("value", "prefix", "expected"),
    [
        ("168.63.129.16", "168.63.", True),
        ("168.631.1.1", "168.63.", False),
        (" 168.63.1.1", "168.63.", False),
        ("", "168.63.", False),
        ("FE80::1", "fe80:", True),
        ("anything", "", True),
    ],
)
def test_startswith_ignores_case_and_trims_nothing(value: str, prefix: str, expected: bool) -> None:
    assert text.starts_with(value, prefix) is expected
    assert text.compile_starts_with_any([prefix, "999."])(value) is expected


def test_a_blank_is_not_empty_but_the_empty_text_is() -> None:
    assert text.is_not_empty(" ")
    assert not text.is_not_empty("")


def test_coalesce_takes_the_first_text_that_is_not_empty() -> None:
    assert text.coalesce("", " ", "b") == " "
    assert text.coalesce("", "") == ""
    assert text.coalesce() == ""


@pytest.mark.parametrize("hostile", ["xruncommandx", "runcommand1", "r", "runcommandrun"])
def test_a_megabyte_without_a_match_is_searched_in_linear_time(hostile: str) -> None:
    has_any = text.compile_has_any(["RunCommand", "CustomScriptExtension", "Microsoft.Compute.CustomScript"])
    small, large = (hostile * (size // len(hostile)) for size in (250_000, 1_000_000))
    assert _seconds(has_any, large) < 10 * _seconds(has_any, small) + 0.05
    assert not has_any(large)
    assert has_any(f"{large} RUNCOMMAND")


def _seconds(test: text.TextTest, value: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        test(value)
        best = min(best, time.perf_counter() - start)
    return best
