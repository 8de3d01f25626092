"""Rewrites one damaged JSON value as strict JSON. Called only after strict parsing has failed.

Mends what exporters are known to break: single-quoted strings, None/True/False, NaN, trailing
commas, raw control characters, bad escapes, lone surrogates, and quotes left unescaped in a text,
above all in a request body. Invalid bytes arrive here as lone surrogates (`surrogateescape`) and
become U+FFFD. What is not clearly one of these is refused, not guessed.

A pushdown rewriter over regular expressions, without recursion; work is bounded by a small
multiple of the length. It evaluates nothing.
"""

from __future__ import annotations

import re

import orjson
from msgspec import Struct

from stream_detector.activity.extent import DEEPEST, Work, extent_of_value

_WS = r"[ \t\r\n]*+"
# Single characters may be possessive, groups must not: before Python 3.11.4 a possessive group that can
# backtrack inside matches wrongly. So texts are "run, then (escape, run) again and again".
_STRICT_RUN = r'[^"\\\x00-\x1f\ud800-\udfff]*+'
_STRICT_ESCAPE = r'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})'
_STRICT_STRING = rf'"{_STRICT_RUN}(?:{_STRICT_ESCAPE}{_STRICT_RUN})*"'
_STRICT_SCALAR = (
    rf"(?:{_STRICT_STRING}|-?(?:0|[1-9][0-9]{{0,17}})(?:\.[0-9]{{1,17}})?(?=[ \t\r\n,])|true|false|null)"
)
_SOUND_MEMBERS = re.compile(rf"(?:{_WS}{_STRICT_STRING}{_WS}:{_WS}{_STRICT_SCALAR}{_WS},)*")
_SOUND_ITEMS = re.compile(rf"(?:{_WS}{_STRICT_SCALAR}{_WS},)*")
_PLAIN_TEXT = r"'[^'\"\\\x00-\x1f\ud800-\udfff]*+'"
_PLAIN_MEMBERS = re.compile(
    rf"(?:{_WS}{_PLAIN_TEXT}{_WS}:{_WS}(?:{_PLAIN_TEXT}|0|[1-9][0-9]{{0,17}}|true|false|null){_WS},)*"
)
"""Single-quoted members without any other quote in them: exchanging the quotes makes them strict."""
_BLANK = re.compile(_WS)
_LITERAL = re.compile(r"[-+.A-Za-z0-9]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS = {
    "null": "null", "None": "null", "undefined": "null",
    "NaN": "null", "Infinity": "null", "-Infinity": "null",
    "true": "true", "True": "true", "false": "false", "False": "false",
}  # fmt: skip

_STRINGS = {
    '"': re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.S),
    "'": re.compile(r"'([^'\\]*+(?:\\.[^'\\]*+)*)'", re.S),
}
_AFTER_KEY = rf"{_WS}:"
_AFTER_MEMBER = rf"{_WS}(?:[}}\]]|,{_WS}[\"'}}])"
_AFTER_ITEM = rf"{_WS}(?:[}}\]]|,{_WS}[\"'{{\[\]\-0-9tfnTFNI])"
_FOLLOWS = {name: re.compile(name) for name in (_AFTER_KEY, _AFTER_MEMBER, _AFTER_ITEM)}
_LOOSE_ENDS = {
    (quote, follows): re.compile(rf"(?<!\\){quote}(?={follows})")
    for quote in "\"'"
    for follows in (_AFTER_MEMBER, _AFTER_ITEM)
}
_SWALLOWED = re.compile(
    r"[^{]*?,[ \t\r\n]*+([\"'])[^\"'{]*+\1[ \t\r\n]*+:"
    r"|[^{]*?[\"'][ \t\r\n]*+([\"'])[^\"'{]*+\2[ \t\r\n]*+:"
    r"|.*?\}[ \t\r\n]*+,?[ \t\r\n]*+\{",
    re.S,
)
"""The content of a text that never ended and took the next member, or the next record, with it."""
_ODD = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|\\|[\"\x00-\x1f\ud800-\udfff]",
    re.S,
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Repaired(Struct, frozen=True, gc=False):
    """A value that could be mended: strict JSON, and where it ended in the damaged text."""

    json: str
    end: int


def repair_value(text: str, start: int, work: Work) -> Repaired | None:
    """Rewrite the object or array that opens at `start`. None when it is not mended by the rules above."""
    return _Rewriter(text, start, work).run()


def printable(text: str) -> str:
    """The text without lone surrogates: each becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


class _Rewriter:
    """One pass over a damaged value: the strict text so far, and the containers still open."""

    __slots__ = ("closers", "parts", "position", "start", "text", "work")

    def __init__(self, text: str, start: int, work: Work) -> None:
        self.text, self.start, self.work = text, start, work
        self.position = start
        self.parts: list[str] = []
        self.closers: list[str] = []

    def run(self) -> Repaired | None:
        self._open()
        while self.closers:
            if len(self.closers) > DEEPEST or not self._next_element():
                self.work.spend(self.position - self.start)
                return None
        self.work.spend(self.position - self.start)
        return Repaired("".join(self.parts), self.position)

    def _next_element(self) -> bool:
        """One member or item with what follows it; False when the damage is of an unknown kind."""
        in_object = self.closers[-1] == "}"
        self._copy((_SOUND_MEMBERS if in_object else _SOUND_ITEMS).match(self.text, self.position))
        self._skip_blanks()
        if in_object and self._peek() == "'":
            self._copy(_PLAIN_MEMBERS.match(self.text, self.position))
            self._skip_blanks()
        if self._peek() == self.closers[-1]:
            return self._close()
        if in_object:
            if not self._string(_AFTER_KEY):
                return False
            self._skip_blanks()
            self.position += 1
            self.parts.append(":")
            self._skip_blanks()
        head = self._peek()
        if head in ("{", "["):
            self._open()
            return True
        if head in ('"', "'"):
            sound = self._string(_AFTER_MEMBER if in_object else _AFTER_ITEM)
        else:
            sound = self._literal()
        return sound and self._separator()

    def _separator(self) -> bool:
        """After a value: a comma, or any number of closing brackets and then perhaps a comma."""
        while True:
            self._skip_blanks()
            head = self._peek()
            if head == ",":
                self.parts.append(",")
                self.position += 1
                return True
            if not self.closers or head != self.closers[-1]:
                return False
            self._close_bracket()
            if not self.closers:
                return True

    def _close(self) -> bool:
        """A closing bracket right after an opening one or after a trailing comma, which goes."""
        kept = self.parts[-1].rstrip(" \t\r\n")
        self.parts[-1] = kept.removesuffix(",")
        self._close_bracket()
        return not self.closers or self._separator()

    def _close_bracket(self) -> None:
        self.parts.append(self.closers.pop())
        self.position += 1

    def _open(self) -> None:
        head = self.text[self.position]
        self.parts.append(head)
        self.closers.append("}" if head == "{" else "]")
        self.position += 1

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _copy(self, found: re.Match[str] | None) -> None:
        """Take over members or items, as they are or with single quotes exchanged for double ones."""
        if found is not None and found.end() > self.position:
            text = found.group()
            self.parts.append(text.replace("'", '"') if found.re is _PLAIN_MEMBERS else text)
            self.position = found.end()

    def _skip_blanks(self) -> None:
        found = _BLANK.match(self.text, self.position)
        if found is not None:
            self.position = found.end()

    def _string(self, follows: str) -> bool:
        """A string in either quote, ending where what follows it makes sense."""
        text, start = self.text, self.position
        quote = text[start : start + 1]
        pattern = _STRINGS.get(quote)
        if pattern is None:
            return False
        found = pattern.match(text, start)
        if found is not None and _FOLLOWS[follows].match(text, found.end()):
            return self._take(_rewrite_content(found.group(1)), found.end())
        if follows is _AFTER_KEY:
            return False  # a key that does not end where it should is a missing colon, not a stray quote
        if quote == '"' and text[start + 1 : start + 2] in ("{", "["):
            extent = extent_of_value(text, start + 1, self.work)
            end = 0 if extent is None else extent.end
            if end and text[end : end + 1] == '"' and _FOLLOWS[follows].match(text, end + 1):
                inner = orjson.dumps(printable(text[start + 1 : end])).decode()
                return self._take(inner, end + 1)
        limit = self.work.limit(text, start)
        loose = _LOOSE_ENDS[quote, follows].search(text, start + 1, limit)
        self.work.spend((limit if loose is None else loose.end()) - start)
        if loose is None or self.work.left <= 0:
            self.work.miss()
            return False
        content = text[start + 1 : loose.start()]
        if _SWALLOWED.match(content):
            self.work.miss()
            return False
        return self._take(_rewrite_content(content), loose.end())

    def _take(self, strict: str, end: int) -> bool:
        self.parts.append(strict)
        self.position = end
        return True

    def _literal(self) -> bool:
        found = _LITERAL.match(self.text, self.position)
        if found is None:
            return False
        token = found.group()
        word = _WORDS.get(token)
        if word is None:
            if _NUMBER.fullmatch(token) is None:
                return False
            # a number beyond the range of a double keeps its digits, as text
            word = token if len(token) <= 300 and abs(float(token)) != float("inf") else f'"{token}"'
        return self._take(word, found.end())


def _rewrite_content(content: str) -> str:
    return f'"{_ODD.sub(_strict_escape, content)}"'


def _strict_escape(found: re.Match[str]) -> str:
    """The strict spelling of a character or an escape that may not be strict."""
    odd = found.group()
    if len(odd) == 12:
        return odd
    if len(odd) == 6:
        return "\ufffd" if odd[2] in "dD" and odd[3] in "89abcdefABCDEF" else odd
    if len(odd) == 4:
        return f"\\u00{odd[2:]}"
    if len(odd) == 2:
        if odd[1] in '"\\/bfnrt':
            return odd
        return "'" if odd[1] == "'" else "\\\\" + _ODD.sub(_strict_escape, odd[1])
    if odd in ('"', "\\"):
        return "\\" + odd
    return f"\\u{ord(odd):04x}" if odd < " " else "\ufffd"
