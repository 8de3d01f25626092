"""Typed reading of a rule file: from YAML nodes to values, with every problem located and none fatal.

Works on nodes rather than constructed objects, because only nodes know their lines and show a key
that is written twice. A reader takes what it needs from a `Section`; each wrong or missing field
adds a `Problem` and yields a stand-in, so that one pass finds everything. `close` ends the reading.
No file is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import yaml

from stream_detector.errors import Problem
from stream_detector.ticks import DAY, parse_duration

NOTHING = "none"
"""Written in place of a list that is meant to be empty."""

_TAG = "tag:yaml.org,2002:"
_KINDS = {
    "null": "empty",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
    "seq": "a list",
    "map": "a mapping",
    "str": "a text",
}
_DIGITS = re.compile(r"\d{1,9}")
_LONGEST_DURATION = 366 * DAY


class Section:
    """One mapping of a rule file, read key by key. Problems of all sections go to one list."""

    __slots__ = ("_missing", "_taken", "_values", "node", "path", "problems", "source")

    def __init__(self, source: str, node: yaml.MappingNode, problems: list[Problem], path: str = "") -> None:
        self.source = source
        """File name for problems."""
        self.node = node
        self.problems = problems
        self.path = path
        """Dotted place of this mapping in the file, "" for the file itself."""
        self._values: dict[str, tuple[int, yaml.Node]] = {}
        self._taken: list[str] = []
        self._missing: dict[str, str] = {}
        """Keys asked for and not there, with what they should hold."""
        for key_node, value in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            if key in self._values:
                first = self._values[key][0]
                self._report(_line(key_node), key, f"is written twice, first in line {first}; keep one")
            else:
                self._values[key] = (_line(key_node), value)

    def line(self, key: str) -> int:
        """Line of `key`, or of the mapping when it is missing."""
        return self._values[key][0] if key in self._values else _line(self.node)

    def report(self, key: str, text: str) -> None:
        """Add a problem with `key`; `text` says what is wrong and what would be right."""
        self._report(self.line(key), key, text)

    def text(
        self, key: str, *, choices: Collection[str] = (), pattern: str = "", expected: str = "a text"
    ) -> str:
        """A text that is not blank; one of `choices`, or like `pattern` (described by `expected`)."""
        node = self._take(key, expected if not choices else " or ".join(sorted(choices)))
        if node is None:
            return ""
        text = self._plain_text(node, key, expected)
        if text and choices and text not in choices:
            self.report(key, f"{_shown(text)} is unknown{did_you_mean(text, choices)}")
        elif text and pattern and not re.fullmatch(pattern, text):
            self.report(key, f"{_shown(text)} is not {expected}")
        return text

    def texts(
        self, key: str, *, may_be_none: bool = False, pattern: str = "", expected: str = "a text"
    ) -> tuple[str, ...]:
        """A list of distinct texts with at least one member, or, with `may_be_none`, the word `none`."""
        way_out = f"; to leave it empty on purpose write `{key}: {NOTHING}`" if may_be_none else ""
        node = self._take(key, f"a list{way_out}")
        if node is None:
            return ()
        if may_be_none and isinstance(node, yaml.ScalarNode) and node.value == NOTHING:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.report(key, f"is {_kind(node)}; write a list{way_out}")
            return ()
        if not node.value:
            self.report(key, f"is an empty list; write at least one member{way_out}")
        found: list[str] = []
        for member in node.value:
            text = self._plain_text(member, key, expected)
            if text and pattern and not re.fullmatch(pattern, text):
                self._report(_line(member), key, f"{_shown(text)} is not {expected}")
            elif text in found:
                self._report(_line(member), key, f"{_shown(text)} is in the list twice; keep one")
            elif text:
                found.append(text)
        return tuple(found)

    def duration(self, key: str) -> int:
        """A positive duration of at most 366 days, in ticks."""
        node = self._take(key, "a duration such as 2h")
        text = "" if node is None else self._plain_text(node, key, "a duration such as 2h")
        if not text:
            return 0
        try:
            ticks = parse_duration(text)
        except (ValueError, OverflowError):
            self.report(key, f"{_shown(text)} is not a duration; write 30s, 10m, 2h or 1d")
            return 0
        if not 0 < ticks <= _LONGEST_DURATION:
            self.report(key, "must be longer than nothing and at most 366d")
        return ticks

    def whole_number(self, key: str, *, at_least: int, at_most: int) -> int:
        """A whole number in decimal digits."""
        expected = f"a whole number from {at_least} to {at_most}"
        node = self._take(key, expected)
        if node is None:
            return at_least
        is_number = isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}int"
        if not is_number or not _DIGITS.fullmatch(node.value):
            self.report(key, f"is {_kind(node)}; write {expected}" if not is_number else f"write {expected}")
            return at_least
        number = int(node.value)
        if not at_least <= number <= at_most:
            self.report(key, f"is {number}; write {expected}")
        return number

    def section(self, key: str) -> Section | None:
        """A mapping below `key`; None after a problem."""
        node = self._take(key, "a mapping")
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self.report(key, f"is {_kind(node)}; write a mapping of keys to values")
            return None
        return Section(self.source, node, self.problems, self._dotted(key))

    def names(self) -> tuple[str, ...]:
        """The keys as written, in order."""
        return tuple(self._values)

    def close(self) -> None:
        """Report keys that are missing and keys that nothing has asked for; a misspelled one once."""
        for key in self._values:
            if key in self._taken:
                continue
            meant = _closest(key, self._missing)
            hint = f"; did you mean {meant}?" if meant else did_you_mean(key, self._taken)
            self.report(key, f"is no key of this place{hint}")
            self._missing.pop(meant, None)
        self.report_missing()

    def report_missing(self) -> None:
        """Report the keys that were asked for and are not there."""
        for key, expected in self._missing.items():
            self.report(key, f"is missing; write {expected}")
        self._missing.clear()

    def _take(self, key: str, expected: str) -> yaml.Node | None:
        self._taken.append(key)
        if key in self._values:
            return self._values[key][1]
        self._missing[key] = expected
        return None

    def _plain_text(self, node: yaml.Node, key: str, expected: str) -> str:
        """The text of a scalar; "" after a problem."""
        if not isinstance(node, yaml.ScalarNode):
            self._report(_line(node), key, f"is {_kind(node)}; write {expected}")
        elif node.tag != f"{_TAG}str":
            quoting = "" if node.tag == f"{_TAG}null" else ", in quotes if it is one"
            self._report(_line(node), key, f"is {_kind(node)}; write {expected}{quoting}")
        elif not node.value.strip():
            self._report(_line(node), key, f"is blank; write {expected}")
        else:
            return str(node.value)
        return ""

    def _dotted(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _report(self, line: int, key: str, text: str) -> None:
        self.problems.append(Problem(self.source, line, self._dotted(key), text))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when something known is close, else the list of what is known."""
    names = list(known)
    close = _closest(word, names)
    if close:
        return f"; did you mean {close}?"
    return f"; known: {', '.join(names)}" if names else ""


def _closest(word: str, known: Iterable[str]) -> str:
    """The known name that is most like `word`, "" when none is."""
    import difflib  # here, because a start without errors has no use for it

    by_folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_folded), n=1)
    return by_folded[close[0]] if close else ""


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark is not None else 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.value:
        return "empty"
    return _KINDS.get(node.tag.removeprefix(_TAG), "of an unknown type")


def _shown(text: str) -> str:
    """A text from the file, short enough for one line."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
