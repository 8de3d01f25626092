"""The operators of expressions, how tightly they bind, and what people write in their place.

From the loosest: `or`; `and`; equality, lists and between; order; `+ -`; `* / %`; operators on
strings. Comparisons do not chain: `a == b == c` is an error in Kusto too.

Source: the expression rules of Microsoft's published grammar and parser (microsoft/Kusto-Query-Language),
and Kusto's pages on the operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from stream_detector.kql.parse.dynamic import DynamicParser
from stream_detector.kql.parse.refusals import LEGACY_OPERATORS, OTHER_LANGUAGES, QUERY_INSIDE
from stream_detector.kql.parse.tokens import NAME, OPERATOR

LOOSEST, _AND, _EQUALITY, _ORDER, _SUM, _PRODUCT, TIGHTEST = range(1, 8)
DO_NOT_CHAIN = (_EQUALITY, _ORDER, TIGHTEST)

_TEXT_TESTS = ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith")
"""Each also with `_cs`, and each of these also with `!`."""
LISTS = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})
POWERS = {"or": LOOSEST, "and": _AND, "==": _EQUALITY, "!=": _EQUALITY, "<>": _EQUALITY}
POWERS |= dict.fromkeys((*LISTS, "between", "!between"), _EQUALITY)
POWERS |= dict.fromkeys(("<", "<=", ">", ">="), _ORDER)
POWERS |= {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}
POWERS |= dict.fromkeys(("=~", "!~", "matches"), TIGHTEST)
POWERS |= dict.fromkeys(
    (f"{no}{test}{cs}" for test in _TEXT_TESTS for no in ("", "!") for cs in ("", "_cs")), TIGHTEST
)
"""How tightly each operator binds. `matches` is the first word of `matches regex`."""


class WordParser(DynamicParser):
    """Knows what may stand behind a complete expression, and says why something else may not."""

    def close_expression(self, opening: int, expected: str) -> None:
        """Step over the bracket that ends an expression, or say what is in its way."""
        token = self.token
        if token.kind == "|" and opening in self.partners:
            self.refuse(token.span, QUERY_INSIDE)
        elif token.kind in ("=", NAME, OPERATOR, ":"):
            self._misplaced_word()
        self.close(opening, expected)

    def not_finished(self, expected: str) -> NoReturn:
        """Give up behind a complete expression, where `expected` should stand."""
        token = self.token
        if token.kind in (")", "]", "}"):
            self.refuse(token.span, f"this {token.kind} closes nothing; remove it, or open it before")
        self._misplaced_word()
        self.unexpected(expected)

    def _misplaced_word(self) -> None:
        """Give up if the next word is what people write behind a value without it being KQL."""
        token = self.token
        word = token.text
        if token.kind == "=":
            self.refuse(
                token.span,
                "= names a column and cannot stand here; compare with ==, or name it in an extend before",
            )
        if word in LEGACY_OPERATORS:
            self.refuse(token.span, LEGACY_OPERATORS[word])
        if token.kind is OPERATOR:
            self.refuse(token.span, f"{word} is no operator of KQL{similar(word, POWERS)}")
        if token.kind is NAME:
            lower = word.lower()
            if lower in OTHER_LANGUAGES:
                self.refuse(token.span, OTHER_LANGUAGES[lower])
            if lower in POWERS and word not in POWERS:
                self.refuse(token.span, f"KQL's words are told apart by case; write {lower}")


def similar(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """What a misspelled operator may have meant; `otherwise` when it is like none of those known."""
    from difflib import get_close_matches  # needed for a wrong rule only

    found = get_close_matches(word[:40], list(known), 1)
    return f"; did you mean {found[0]}?" if found else otherwise
