"""String functions that are no operators: strcat, substring, indexof, split, countof and their kin.

Characters are Unicode code points. Nothing here raises; what grows is cut after `limits.MOST` characters.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache

from stream_detector.kql.dynamic import Dynamic, mend, to_text
from stream_detector.kql.dynamic import split as split_text
from stream_detector.kql.text import TextTest, fold, has_prefix_exactly, has_suffix_exactly
from stream_detector.kql.values.compare import elements
from stream_detector.kql.values.limits import MOST, bounded


def compile_has_prefix(needle: str) -> TextTest:
    """`text hasprefix needle` with the needle folded once."""
    folded = fold(needle)
    return lambda text: has_prefix_exactly(fold(text), folded)


def compile_has_prefix_exactly(needle: str) -> TextTest:
    """`text hasprefix_cs needle` for one needle."""
    return lambda text: has_prefix_exactly(text, needle)


def compile_has_suffix_exactly(needle: str) -> TextTest:
    """`text hassuffix_cs needle` for one needle."""
    return lambda text: has_suffix_exactly(text, needle)


def compile_has_suffix(needle: str) -> TextTest:
    """`text hassuffix needle` with the needle folded once."""
    folded = fold(needle)
    return lambda text: has_suffix_exactly(fold(text), folded)


def compile_contains(part: str) -> TextTest:
    """`text contains part` with the part folded once."""
    folded = fold(part)
    return lambda text: folded in fold(text)


def compile_ends_with(suffix: str) -> TextTest:
    """`text endswith suffix` with the suffix folded once."""
    folded = fold(suffix)
    return lambda text: fold(text).endswith(folded)


def needles_of(items: Sequence[Dynamic]) -> list[str]:
    """The needles of has_any and has_all that are given as dynamics; null is "", which every text has."""
    return [to_text(item) for item in elements(items)]


def upper(text: str) -> str:
    """`toupper(text)`: Unicode upper case, character by character, so that the length stays."""
    if text.isascii():
        return text.upper()
    return "".join(raised if len(raised := character.upper()) == 1 else character for character in text)


def substring(text: str, start: int | None) -> str:
    """`substring(text, start)`: from 0, or from the end below zero; "" before the text, and of null."""
    return substring_of(text, start, len(text))


def substring_of(text: str, start: int | None, length: int | None) -> str:
    """`substring(text, start, length)`: as `substring`, `length` characters at most; none below zero."""
    if start is None or length is None:
        return ""
    begin = start if start >= 0 else len(text) + start
    return text[begin : begin + max(length, 0)] if begin >= 0 else ""


def index_of(text: str, part: str, start: int = 0) -> int:
    """`indexof(text, part, start)`: from 0, -1 when absent; a negative start counts from the end."""
    return text.find(part, start) if start <= len(text) else -1


def join(*texts: str) -> str:
    """`strcat(...)` of texts."""
    return "".join(texts) if sum(map(len, texts)) <= MOST else bounded(texts)


def join_with(delimiter: str, *texts: str) -> str:
    """`strcat_delim(delimiter, ...)` of texts; an empty one keeps its place."""
    if sum(map(len, texts)) + len(delimiter) * len(texts) <= MOST:
        return delimiter.join(texts)
    return bounded([texts[0], *(piece for text in texts[1:] for piece in (delimiter, text))])


def order(left: str, right: str) -> int:
    """`strcmp(left, right)`: -1, 0 or 1, by code points."""
    return (left > right) - (left < right)


def reverse(text: str) -> str:
    """`reverse(text)`, by code points."""
    return text[::-1]


def replace(text: str, part: str, other: str) -> str:
    """`replace_string(text, part, other)`: every `part`; "" is nowhere."""
    if not part:
        return text
    if len(text) // len(part) * len(other) + len(text) <= MOST:
        return text.replace(part, other)
    # As many as fill what is kept: those behind them lie beyond it.
    enough = MOST // len(other) + 1 if len(other) > len(part) else -1
    return text.replace(part, other, enough)[:MOST]


def split_part(text: str, delimiter: str, position: int) -> list[Dynamic]:
    """`split(text, delimiter, position)`: an array of that part alone, empty when there is none."""
    parts = split_text(text, delimiter)
    return [parts[position]] if 0 <= position < len(parts) else []


def count(text: str, part: str) -> int:
    """`countof(text, part)`: occurrences, which may overlap; of "" none."""
    if not part or part not in text:
        return 0
    fallback = _fallback(part)
    if not fallback[-1]:
        # No end of the part is its beginning: occurrences cannot overlap.
        return text.count(part)
    found = length = 0
    for character in text:
        while length and (length == len(part) or part[length] != character):
            length = fallback[length - 1]
        length += part[length] == character
        found += length == len(part)
    return found


@lru_cache(maxsize=256)
def _fallback(part: str) -> tuple[int, ...]:
    """For each beginning of the part how long its own longest beginning is that is its end too.

    The table of Knuth, Morris and Pratt: with it no character is looked at again, whatever the text.
    """
    table = [0]
    length = 0
    for character in part[1:]:
        while length and part[length] != character:
            length = table[length - 1]
        length += part[length] == character
        table.append(length)
    return tuple(table)


def sha256(text: str) -> str:
    """`hash_sha256(text)`: lower-case hexadecimal digits, of "" the text ""."""
    return hashlib.sha256(mend(text).encode()).hexdigest() if text else ""


def base64_decode(text: str) -> str:
    """`base64_decode_tostring(text)`: "" when the text is no base64 or its bytes are no UTF-8."""
    try:
        return b64decode(text, validate=True).decode()
    except (ValueError, binascii.Error):
        return ""
