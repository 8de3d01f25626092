"""Kusto's regular expressions as RE2 spells them, character by character. No engine: RE2 does the matching.

Kusto documents (page "Regex syntax") what Rust's crate regex knows: Unicode classes, Unicode word
boundaries, nested classes. RE2 reads some of it otherwise, silently, or not at all. What both mean alike
passes, `\\d`, `\\w`, `\\s` and code points are spelled out, and all else is refused with what to write
instead. Tables of characters are RE2's; another version of Unicode may know more letters.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from stream_detector.kql.values.regex_classes import NOT_SPACE, POSIX, SPACE, WORD, category, not_word

MOST_REPEATED = 1000
"""RE2 counts no further."""

_ESCAPED = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_CLASSES = {
    "d": (r"\p{Nd}", r"\p{Nd}"),
    "D": (r"\P{Nd}", r"\P{Nd}"),
    "s": (SPACE, f"[{SPACE}]"),
    "S": (NOT_SPACE, f"[^{SPACE}]"),
    "w": (WORD, f"[{WORD}]"),
}
"""What stands for a class inside of brackets, and outside."""
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[xuU]\{([0-9A-Fa-f]{1,8})\}")
_PROPERTY = re.compile(r"[pP](?:([A-Za-z])|\{([A-Za-z_ -]+)\})")
_GROUP = re.compile(r"\((?!\?)|\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>|\(\?(?:([a-zA-Z]+)?(?:-([a-zA-Z]+))?)([:)])")
_REPEAT = re.compile(r"(?:[*+?]|\{([0-9]{1,9})(?:,([0-9]{0,9}))?\})\??")
_POSIX = re.compile(r"\[:\^?([a-z]+):\]")
_FLAGS = frozenset("imsU")

_BOUNDARY = (
    "word boundaries know the letters of every language in Kusto and ASCII alone here; write `has` for a"
    r" whole term, or (^|\W)term(\W|$)"
)
_REFUSED = {
    **dict.fromkeys("bB<>", _BOUNDARY),
    **dict.fromkeys("QE", r"Kusto knows no quoting by \Q and \E; write a backslash before each sign"),
    "C": r"Kusto matches characters, not bytes; write . or (?s:.)",
    **dict.fromkeys("ZG", r"Kusto does not know it; write \z or $ for the end, \A or ^ for the beginning"),
    **dict.fromkeys(
        "0123456789", r"octal numbers and references to groups are not supported; write \x{...} for a code"
    ),
    "e": r"Kusto does not know it; write \x1B",
    **dict.fromkeys("xuU", r"write \x7F, \u007F, \U0000007F or \x{7F}, hexadecimal, up to \x{10FFFF}"),
    **dict.fromkeys(
        "pP", r"write \pL or \p{Greek}: a category of one letter, or a category or script in braces"
    ),
}


class RegexRefused(Exception):
    """An expression cannot be used. Its text is a sentence."""


class Part(Struct, frozen=True, gc=False):
    """A piece of an expression."""

    kind: str
    """one (of a character or class), anchor, open, flags, close, bar or repeat"""
    text: str
    """As RE2 spells it."""


@lru_cache(maxsize=1024)
def parts(pattern: str) -> tuple[Part, ...]:
    """The expression piece by piece.

    Raises:
        RegexRefused: RE2 and Kusto read it differently, or one of them does not know it.
    """
    return tuple(_Reader(pattern).read())


def translated(pattern: str) -> str:
    """The expression as RE2 spells it. Raises as `parts`."""
    return "".join(part.text for part in parts(pattern))


class _Reader:
    """Reads one expression from its first character to its last."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._found: list[Part] = []
        self._names: set[str] = set()

    def read(self) -> list[Part]:
        while self._at < len(self._pattern):
            self._found.append(self._part())
        return self._found

    def _refuse(self, what: str, reason: str) -> RegexRefused:
        return RegexRefused(
            f"the regular expression {self._pattern!r} has {what} at character {self._at + 1}: {reason}"
        )

    def _part(self) -> Part:
        character = self._pattern[self._at]
        if character == "\\":
            return self._escape()
        if character == "[":
            return Part("one", self._brackets())
        if character == "(":
            return self._group()
        if character in "*+?{":
            return self._repetition()
        self._at += 1
        kind = {".": "one", "^": "anchor", "$": "anchor", "|": "bar", ")": "close"}.get(character)
        return Part("one", _literal(character)) if kind is None else Part(kind, character)

    def _escape(self) -> Part:
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in ("A", "z"):
            self._at += 2
            return Part("anchor", f"\\{letter}")
        if letter == "W":
            self._at += 2
            return Part("one", f"[^{WORD}]")
        of_class = self._class_escape(letter, 1)
        return Part("one", of_class if of_class is not None else _literal(self._character_escape(letter)))

    def _class_escape(self, letter: str, place: int) -> str | None:
        """A class such as `\\d` or `\\pL`, inside of brackets (place 0) or outside (1); None for others."""
        if letter in _CLASSES:
            self._at += 2
            return _CLASSES[letter][place]
        if letter not in ("p", "P"):
            return None
        match = _PROPERTY.match(self._pattern, self._at + 1)
        name = category(match[1] or match[2]) if match else None
        if match is None:
            raise self._refuse(f"\\{letter}", _REFUSED[letter])
        if name is None:
            reason = r"RE2 does not know which codes are not assigned; write \p{Cc} or \p{Cf}"
            raise self._refuse(f"\\{match[0]}", reason)
        self._at = match.end()
        return f"\\{letter}{{{name}}}"

    def _character_escape(self, letter: str) -> str:
        """The character that an escape stands for."""
        if letter in ("x", "u", "U"):
            match = _CODE.match(self._pattern, self._at + 1)
            code = int(match[match.lastindex or 0], 16) if match else -1
            if match is None or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self._refuse(f"\\{letter}", _REFUSED[letter])
            self._at = match.end()
            return chr(code)
        if not letter:
            raise self._refuse("a backslash", r"nothing follows; write \\")
        if letter in _REFUSED or (letter.isalnum() and letter not in _ESCAPED) or not letter.isascii():
            reason = _REFUSED.get(letter, "Kusto does not know it; write the character itself")
            raise self._refuse(f"\\{letter}", reason)
        self._at += 2
        return _ESCAPED.get(letter, letter)

    def _group(self) -> Part:
        match = _GROUP.match(self._pattern, self._at)
        if match is None:
            reason = (
                "Kusto knows (...), (?:...), (?P<name>...) and (?<name>...), names of ASCII letters, digits"
                " and _ here, and flags such as (?i); there is no lookaround"
            )
            raise self._refuse(self._pattern[self._at : self._at + 3], reason)
        flags = (match[2] or "") + (match[3] or "")
        if (match[4] == ")" and not flags) or len(set(flags)) < len(flags) or not set(flags) <= _FLAGS:
            reason = (
                "of the flags i, m, s and U are supported, each once; write the expression without others"
            )
            raise self._refuse(match[0], reason)
        if match[1] in self._names:
            raise self._refuse(match[0], "another group has this name; write another one")
        if match[1]:
            self._names.add(match[1])
        self._at = match.end()
        return Part("flags" if match[4] == ")" else "open", match[0])

    def _repetition(self) -> Part:
        match = _REPEAT.match(self._pattern, self._at)
        if match is None:
            raise self._refuse("{", r"RE2 takes it for the sign itself, Kusto does not; write \{ or x{n,m}")
        if any(int(count or 0) > MOST_REPEATED for count in match.groups()):
            raise self._refuse(match[0], f"RE2 counts to {MOST_REPEATED}; write + or * instead")
        before = self._found[-1].kind if self._found else "nothing"
        if before not in ("one", "close"):
            reason = "it follows nothing that RE2 and Kusto repeat alike; write (?:...) around what is meant"
            raise self._refuse(match[0], reason)
        self._at = match.end()
        return Part("repeat", match[0])

    def _brackets(self) -> str:
        start = self._at
        self._at += 1
        items = ["["]
        if self._pattern.startswith("^", self._at):
            self._at += 1
            items.append("^")
        first = self._at
        while not self._pattern.startswith("]", self._at):
            if self._at >= len(self._pattern):
                self._at = start
                raise self._refuse("[", "its ] is missing")
            items.append(self._member(first))
        if self._at == first:
            raise self._refuse("]", r"RE2 and Kusto take it for the sign itself; write \]")
        self._at += 1
        return "".join(items) + "]"

    def _member(self, first: int) -> str:
        """One character, range or class between brackets."""
        two = self._pattern[self._at : self._at + 2]
        if two in ("&&", "--", "~~"):
            reason = r"intersections and differences are Kusto's alone; write the characters, or \& \- \~"
            raise self._refuse(two, reason)
        if two[0] == "-" and self._at > first and two != "-]":
            raise self._refuse("-", r"it is a sign of its own only first or last; write \-")
        low = self._single()
        if len(low) > 1 or self._pattern[self._at : self._at + 1] != "-":
            return low if len(low) > 1 else _literal(low)
        if self._pattern[self._at + 1 : self._at + 2] in ("-", "]", ""):
            return _literal(low)
        self._at += 1
        high = self._single()
        if len(high) > 1:
            raise self._refuse("a range", r"it ends in a class; write \- for the sign itself")
        if high < low:
            raise self._refuse("a range", "it ends before it begins; write the lower end first")
        return f"{_literal(low)}-{_literal(high)}"

    def _single(self) -> str:
        """The next character between brackets; of a class RE2's spelling, which is longer than one."""
        character = self._pattern[self._at]
        if character == "[":
            match = _POSIX.match(self._pattern, self._at)
            if match is None or match[1] not in POSIX:
                raise self._refuse(
                    "[", r"brackets in brackets are Kusto's alone; write \[ for the sign itself"
                )
            self._at = match.end()
            return match[0]
        if character != "\\":
            self._at += 1
            return character
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter == "W":
            self._at += 2
            return not_word()
        if letter in ("A", "z"):
            raise self._refuse(f"\\{letter}", "brackets hold characters only; write it before or behind them")
        return self._class_escape(letter, 0) or self._character_escape(letter)


def _literal(character: str) -> str:
    """RE2's spelling of a character that stands for itself, inside and outside of brackets."""
    if character.isalnum() or character == "_" or not character.isascii():
        return character
    return f"\\{character}" if character.isprintable() and character != " " else f"\\x{{{ord(character):X}}}"
