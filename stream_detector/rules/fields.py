"""Typed reading of a rule file: from YAML nodes to values, with every problem located and none fatal.

Works on nodes rather than constructed objects, because only nodes know their lines and show a key
that is written twice. A reader takes what it needs from a `Section`; each wrong or missing field
adds a `Problem` and yields a stand-in, so that one pass finds everything. `close` ends the reading.
No file is opened here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from math import isfinite
from typing import cast

import yaml

from stream_detector.errors import Problem
from stream_detector.ticks import DAY, parse_duration

Node = yaml.Node

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
LONGEST_DURATION = 366 * DAY
"""Ticks."""
_MOST_VALUES = 100_000
"""Of one file, each alias counted as what it stands for: aliases of aliases grow without bound."""
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters: controls, formats, halves of pairs, separators of lines and of paragraphs."""
_JOINERS = "\u00ad\u200b\u200c\u200d"
"""Formats that some scripts are spelled with."""
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONSTRUCTOR = yaml.constructor.SafeConstructor()


class Section:
    """One mapping of a rule file, read key by key. Problems of all sections go to one list."""

    __slots__ = (
        *("_missing", "_sections", "_taken", "_values"),
        *("has_doubles", "node", "path", "problems", "source"),
    )

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
        self._sections: dict[str, Section] = {}
        """Those opened so far: opening one again would report its doubled keys again."""
        self.has_doubles = False
        """Whether some key is written twice, which is reported already."""
        for key_node, value in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            if key in self._values:
                first = self._values[key][0]
                self.has_doubles = True
                self._report(line_of(key_node), key, f"is written twice, first in line {first}; keep one")
            else:
                self._values[key] = (line_of(key_node), value)

    def line(self, key: str) -> int:
        """Line of `key`, or of the mapping when it is missing."""
        return self._values[key][0] if key in self._values else line_of(self.node)

    def report(self, key: str, text: str) -> None:
        """Add a problem with `key`; `text` says what is wrong and what would be right."""
        self._report(self.line(key), key, text)

    def text(
        self,
        key: str,
        *,
        choices: Collection[str] = (),
        pattern: str = "",
        expected: str = "a text",
        default: str | None = None,
        may_break: bool = False,
    ) -> str:
        """A text that is not blank; one of `choices`, or like `pattern` (described by `expected`).

        A key that is missing is a problem unless there is a `default`. `may_break` allows several lines.
        """
        node = self._take(key, expected if not choices else " or ".join(sorted(choices)), default is None)
        if node is None:
            return default or ""
        text = self._plain_text(node, key, expected, may_break)
        if text and choices and text not in choices:
            self.report(key, f"{_shown(text)} is unknown{did_you_mean(text, choices)}")
        elif text and pattern and not re.fullmatch(pattern, text):
            self.report(key, f"{_shown(text)} is not {expected}")
        return text

    def texts(
        self, key: str, *, pattern: str = "", expected: str = "a text", optional: bool = False
    ) -> tuple[str, ...]:
        """A list of distinct texts with at least one member."""
        node = self._take(key, "a list", not optional)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.report(key, f"is {_kind(node)}; write a list")
            return ()
        if not node.value:
            way_out = "; leave the key out when there is none" if optional else ""
            self.report(key, f"is an empty list; write at least one member{way_out}")
        found: list[str] = []
        for member in node.value:
            text = self._plain_text(member, key, expected)
            if text and pattern and not re.fullmatch(pattern, text):
                self._report(line_of(member), key, f"{_shown(text)} is not {expected}")
            elif text in found:
                self._report(line_of(member), key, f"{_shown(text)} is in the list twice; keep one")
            elif text:
                found.append(text)
        return tuple(found)

    def boolean(self, key: str, *, default: bool | None = None) -> bool | None:
        """true or false; `default` when the key is missing, None after a problem."""
        node = self._take(key, "true or false", default is None)
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}bool":
            return bool(_CONSTRUCTOR.construct_yaml_bool(node))
        self.report(key, f"is {_kind(node)}; write true or false")
        return None

    def duration(self, key: str) -> int | None:
        """A positive duration of at most 366 days, in ticks; None when the key is missing or wrong."""
        node = self._take(key, "a duration such as 2h", False)
        text = "" if node is None else self._plain_text(node, key, "a duration such as 2h")
        if not text:
            return None
        try:
            ticks = parse_duration(text)
        except (ValueError, OverflowError):
            self.report(key, f"{_shown(text)} is not a duration; write 30s, 10m, 2h or 1d")
            return None
        if not 0 < ticks <= LONGEST_DURATION:
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

    def section(self, key: str, *, optional: bool = False) -> Section | None:
        """A mapping below `key`; None when an optional one is missing, and after a problem."""
        node = self._take(key, "a mapping", not optional)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self.report(key, f"is {_kind(node)}; write a mapping of keys to values")
            return None
        if key not in self._sections:
            self._sections[key] = Section(self.source, node, self.problems, self._dotted(key))
        return self._sections[key]

    def sections(self, key: str) -> tuple[Section, ...]:
        """The mappings of the list below `key`; numbered from 1 in problems."""
        node = self._take(key, "a list of mappings")
        return () if node is None else tuple(sections_of(self.source, node, self.problems, self._dotted(key)))

    def plain(self) -> dict[str, object] | None:
        """This mapping as plain values, see `plain_value`; None after a problem."""
        try:
            value = plain_value(self.node)
        except NotPlain as error:
            self.problems.append(Problem(self.source, line_of(error.node), self.path, str(error)))
            return None
        return cast(dict[str, object], value)

    def ignore(self, key: str) -> None:
        """Take `key` as known, whatever it holds."""
        self._take(key, "", False)

    def has(self, key: str) -> bool:
        """Whether `key` is written here."""
        return key in self._values

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

    def _take(self, key: str, expected: str, required: bool = True) -> yaml.Node | None:
        self._taken.append(key)
        if key in self._values:
            return self._values[key][1]
        if required:
            self._missing[key] = expected
        return None

    def _plain_text(self, node: yaml.Node, key: str, expected: str, may_break: bool = False) -> str:
        """The text of a scalar; "" after a problem."""
        if not isinstance(node, yaml.ScalarNode):
            self._report(line_of(node), key, f"is {_kind(node)}; write {expected}")
        elif node.tag != f"{_TAG}str":
            quoting = "" if node.tag == f"{_TAG}null" else ", in quotes if it is one"
            self._report(line_of(node), key, f"is {_kind(node)}; write {expected}{quoting}")
        elif not node.value.strip():
            self._report(line_of(node), key, f"is blank; write {expected}")
        elif unfit := _unfit(node.value, may_break):
            self._report(line_of(node), key, f"holds {unfit}; take it out")
        else:
            return str(node.value)
        return ""

    def _dotted(self, key: str) -> str:
        return ".".join(filter(None, (self.path, key)))

    def _report(self, line: int, key: str, text: str) -> None:
        place = self._dotted(key)
        shown = place if place.isprintable() else repr(place)
        self.problems.append(Problem(self.source, line, shown, text))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when something known is close, else the list of what is known."""
    names = list(known)
    close = _closest(word, names)
    if close:
        return f"; did you mean {close}?"
    return f"; known: {', '.join(names)}" if names else ""


def sections_of(source: str, node: yaml.Node, problems: list[Problem], path: str = "") -> Iterator[Section]:
    """The mappings of a list of them; whatever else it holds is a problem."""
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        problems.append(Problem(source, line_of(node), path, f"is {_kind(node)}; write a list of mappings"))
        return
    for number, member in enumerate(node.value, 1):
        place = f"{path}[{number}]"
        if isinstance(member, yaml.MappingNode) and member.value:
            yield Section(source, member, problems, place)
        else:
            text = f"is {_kind(member)}; write a mapping of keys to values"
            problems.append(Problem(source, line_of(member), place, text))


def _closest(word: str, known: Iterable[str]) -> str:
    """The known name that is most like `word`, "" when none is."""
    import difflib  # here, because a start without errors has no use for it

    by_folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_folded), n=1)
    return by_folded[close[0]] if close else ""


def line_of(node: yaml.Node) -> int:
    """Line of a node in its file, from 1."""
    return node.start_mark.line + 1 if node.start_mark is not None else 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.value:
        return "empty"
    return _KINDS.get(node.tag.removeprefix(_TAG), "of an unknown type")


def _unfit(text: str, may_break: bool) -> str:
    """The first character that would act on a terminal or hide in a line, in words; "" without any."""
    for character in text:
        if (may_break and character in "\t\n\r") or unicodedata.category(character) not in _UNSEEN:
            continue
        if character in _JOINERS:
            continue
        if character == "\n":
            return "a line break"
        what = "changes the direction of writing" if character in _DIRECTIONS else "is not to be seen"
        return f"the character U+{ord(character):04X}, which {what}"
    return ""


def _shown(text: str) -> str:
    """A text from the file, short enough for one line."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


class NotPlain(ValueError):
    """A node that is no JSON value. Its text says why."""

    def __init__(self, node: yaml.Node, text: str) -> None:
        self.node = node
        super().__init__(text)


def plain_value(node: yaml.Node) -> object:
    """What a node holds, in the types of JSON: dates stay the text that was written, `<<` takes in mappings.

    Raises:
        NotPlain: a key written twice, a key that is no text, an alias that holds itself, another tag.
    """
    return _Plain().value(node, ())


class _Plain:
    """One reading of a value, with the number of nodes that it has cost."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> object:
        self._count += 1
        if self._count > _MOST_VALUES:
            raise NotPlain(node, f"expands to more than {_MOST_VALUES:,} values")
        if node in above:
            raise NotPlain(node, "holds itself by way of an alias")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, (*above, node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(member, (*above, node)) for member in node.value]
        return _scalar(cast(yaml.ScalarNode, node))

    def _mapping(self, node: yaml.MappingNode, above: tuple[yaml.Node, ...]) -> dict[str, object]:
        own: dict[str, object] = {}
        taken_in: dict[str, object] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                for member in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = self.value(member, above)
                    if not isinstance(merged, dict):
                        raise NotPlain(key, "takes in something that is no mapping; write `<<: *name`")
                    taken_in = merged | taken_in
            elif not isinstance(key, yaml.ScalarNode):
                raise NotPlain(key, "has a key that is no text")
            elif key.value in own:
                raise NotPlain(key, f"has the key {_shown(key.value)} twice; keep one")
            else:
                own[key.value] = self.value(value, above)
        return taken_in | own


def _scalar(node: yaml.ScalarNode) -> object:
    kind = node.tag.removeprefix(_TAG)
    text = str(node.value)
    if kind in ("str", "timestamp") or ":" in text:  # 10:30 is a number to YAML, and a text to anyone else
        return text
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return bool(_CONSTRUCTOR.construct_yaml_bool(node))
        if kind == "int":
            return int(_CONSTRUCTOR.construct_yaml_int(node))
        if kind == "float" and isfinite(number := float(_CONSTRUCTOR.construct_yaml_float(node))):
            return number
    except (KeyError, ValueError):
        raise NotPlain(node, f"{_shown(text)} is not what its tag says") from None
    if kind == "float":
        raise NotPlain(node, f"{_shown(text)} is no number of JSON")
    raise NotPlain(node, "has a tag that is not known; leave the tag out")
