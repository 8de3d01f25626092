"""The compiler got wrong in one place each: operators on text and dynamics, and their cheaper forms.

As in `compile_mutants`: a mutant exchanges one function or table while the query that shows it is compiled
and run.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from compile_patches import RULE_15, Mutant, Patch, entry, exchanged, overload
from msgspec.structs import replace

from stream_detector.kql import dynamic, text
from stream_detector.kql.generate import code as generate_code
from stream_detector.kql.generate import fold as generate_fold
from stream_detector.kql.generate.nodes import Kind
from stream_detector.kql.text import fold
from stream_detector.kql.types import Type

_STRING, _LONG, _DYNAMIC = Type.STRING, Type.LONG, Type.DYNAMIC


def _folds_by(wrong: Callable[[str], str]) -> Patch:
    """Folding exchanged wherever it was imported."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith("stream_detector.") and getattr(module, "fold", None) is fold:
                monkeypatch.setattr(module, "fold", wrong)
        monkeypatch.setattr(generate_fold, "FOLD", replace(generate_fold.FOLD, implementation=wrong))

    return patch


def _inline(operator: str, code: str) -> Patch:
    return entry(generate_fold.FOLDED, operator, lambda right: replace(right, inline=code))


def _list_inline(operator: str, code: str) -> Patch:
    return entry(generate_fold.LISTS, operator, lambda right: (replace(right[0], inline=code), right[1]))


def _first_needle(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda node: right(
        SimpleNamespace(
            function=node.function, operands=node.operands[:2], kind=node.kind, number=node.number
        )
    )


def _searched(_: Any) -> Callable[[str, str], Any]:
    def member(properties: str, name: str) -> Any:
        found = re.search(rf'"{name}" ?: ?"([^"]*)"', properties)
        return found.group(1) if found else None

    return member


def _member_in_any_case(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((inner for key, inner in value.items() if fold(key) == fold(name)), None)


def _element_or_last(value: Any, position: int) -> Any:
    return dynamic.element(value, min(position, len(value) - 1)) if isinstance(value, list) else None


def _no_negative_element(value: Any, position: int) -> Any:
    return dynamic.element(value, position) if position >= 0 else None


MUTANTS: dict[str, Mutant] = {
    # Text.
    "folding goes beyond ASCII": (RULE_15, _folds_by(str.casefold)),
    "folding is by case": (RULE_15, _folds_by(str)),
    "terms end at letters beyond ASCII": (
        RULE_15,
        exchanged(text, "is_term_character", lambda right: lambda each: each.isascii() and each.isalnum()),
    ),
    "terms go on after _": (
        RULE_15,
        exchanged(text, "is_term_character", lambda right: lambda each: each == "_" or right(each)),
    ),
    "digits end a term": (RULE_15, exchanged(text, "is_term_character", lambda right: str.isalpha)),
    "has has no boundaries": (
        RULE_15,
        exchanged(text, "_edges", lambda right: lambda each: (each, False, False)),
    ),
    "has has no boundary behind it": (
        RULE_15,
        exchanged(text, "_edges", lambda right: lambda each: (*right(each)[:2], False)),
    ),
    "has looks at the first place only": (
        RULE_15,
        exchanged(
            text,
            "_found",
            lambda right: (
                lambda folded, needle, opens, closes: right(
                    folded[: folded.find(needle) + len(needle) + 1], needle, opens, closes
                )
            ),
        ),
    ),
    "of two needles the one inside the other is left out": (
        RULE_15,
        exchanged(text, "has", lambda right: lambda needle, other: right(other, needle)),
    ),
    "tolower folds ASCII only": ("operations", overload("tolower", (_STRING,), implementation=fold)),
    'coalesce keeps ""': (
        RULE_15,
        overload("coalesce", (_STRING, _STRING), implementation=lambda *given: given[0]),
    ),
    "coalesce begins at its end": (
        RULE_15,
        overload("coalesce", (_STRING, _STRING), implementation=lambda *given: text.coalesce(*given[::-1])),
    ),
    "blanks are empty": (RULE_15, overload("isnotempty", (_STRING,), inline="({0}.strip() != '')")),
    "nothing is empty": (RULE_15, overload("isnotempty", (_STRING,), inline="True")),
    "between leaves its ends out": (
        "lists",
        overload("between", (_LONG,) * 3, implementation=lambda value, low, high: low < value < high),
    ),
    "!between is between": ("lists", overload("!between", (_LONG,) * 3, inline="({1} <= {0} <= {2})")),
    "has_all is has_any": (
        "lists",
        overload("has_all", (_STRING, _STRING), implementation=text.has_any),
    ),
    "!has is by case": (
        "lists",
        overload("!has", (_STRING, _STRING), implementation=lambda value, needle: needle not in value),
    ),
    # Dynamics.
    'tostring of null is "null"': (
        RULE_15,
        overload(
            "tostring",
            (_DYNAMIC,),
            implementation=lambda value: "null" if value is None else dynamic.to_text(value),
        ),
    ),
    "tostring quotes a string": (RULE_15, overload("tostring", (_DYNAMIC,), implementation=json.dumps)),
    "members are found in any case": (
        RULE_15,
        exchanged(dynamic, "member", lambda right: _member_in_any_case),
    ),
    "members are searched for in the text": (RULE_15, exchanged(dynamic, "parse_top_level", _searched)),
    "elements count from one": (
        RULE_15,
        overload("[]", (_DYNAMIC, _LONG), implementation=lambda value, at: dynamic.element(value, at - 1)),
    ),
    "an element beyond the end is the last": (
        RULE_15,
        overload("[]", (_DYNAMIC, _LONG), implementation=_element_or_last),
    ),
    "no element is counted from the end": (
        "shared",
        overload("[]", (_DYNAMIC, _LONG), implementation=_no_negative_element),
    ),
    "split leaves empty parts out": (
        RULE_15,
        overload(
            "split",
            (_STRING, _STRING),
            implementation=lambda value, by: [part for part in value.split(by) if part],
        ),
    ),
    "no array has no elements": (
        "null",
        overload(
            "array_length",
            (_DYNAMIC,),
            is_strict=False,
            implementation=lambda value: len(value) if isinstance(value, list) else 0,
        ),
    ),
    "a comparison with null is false": (
        "null",
        overload(
            ">",
            (_LONG, _LONG),
            is_strict=False,
            implementation=lambda left, right: left is not None and left > right,
        ),
    ),
    "null is equal to everything": (
        "null",
        overload(
            "!=",
            (_LONG, _LONG),
            implementation=lambda left, right: None not in (left, right) and left != right,
        ),
    ),
    # Cheaper forms.
    "startswith looks anywhere": (RULE_15, _inline("!startswith", "{1} not in {0}")),
    "!startswith is startswith": (RULE_15, _inline("!startswith", "{0}.startswith({1})")),
    "=~ is startswith": (RULE_15, _inline("=~", "{0}.startswith({1})")),
    "!contains looks at the beginning": ("lists", _inline("!contains", "not {0}.startswith({1})")),
    "in~ does not fold": (
        RULE_15,
        entry(generate_fold.LISTS, "in~", lambda right: (right[0], False)),
    ),
    "in folds": ("lists", entry(generate_fold.LISTS, "!in", lambda right: (right[0], True))),
    "!in~ is in~": ("lists", _list_inline("!in~", "{0} in {1}")),
    "constants are not folded": (
        RULE_15,
        exchanged(
            generate_fold,
            "folded",
            lambda right: lambda graph, node: node if node.kind is Kind.CONSTANT else right(graph, node),
        ),
    ),
    "prepare() gets the first needle only": (
        RULE_15,
        exchanged(generate_code, "_prepared", _first_needle),
    ),
}
