"""Values written as KQL, for queries that people open in Sentinel. No value can leave its literal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from stream_detector.ticks import format_ticks

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Controls, invisible and direction-changing characters, and the line breaks of Unicode: in a query
they would break the line or show an analyst something else than what is compared. Beyond U+FFFF
they stand as they are: KQL's parser knows no escape for them."""


def string_literal(text: str) -> str:
    """`text` as a string literal in double quotes, on one line. Half a surrogate pair becomes U+FFFD."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_escape, text))}"'


def string_list(texts: Iterable[str]) -> str:
    """`("a", "b")`, the right-hand side of in~ and has_any."""
    return f"({', '.join(map(string_literal, texts))})"


def datetime_literal(ticks: int) -> str:
    """`datetime(2026-03-12T10:00:00.0000000Z)`, exact to the tick."""
    return f"datetime({format_ticks(ticks)})"


def _escape(character: str) -> str:
    escaped = _ESCAPES.get(character)
    if escaped is not None:
        return escaped
    category = unicodedata.category(character)
    if category == "Cs":
        return "\\ufffd"
    hidden = category in _HIDDEN_CATEGORIES and ord(character) <= 0xFFFF
    return f"\\u{ord(character):04x}" if hidden else character
