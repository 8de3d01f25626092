"""A YAML settings file, read into a `Tree` with the line of every key.

Works on the nodes of `yaml.compose` instead of `yaml.safe_load`, because only nodes know
lines and only nodes show that a key stands twice. No tags beyond plain YAML are constructed.
Must not know any key of the settings.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import yaml

from stream_detector.errors import Problem
from stream_detector.settings.tree import Path, Place, Tree, dotted

MAX_BYTES = 1_000_000
"""A settings file is a few kilobytes; a larger one is the wrong file."""
MAX_NODES = 20_000
"""Bounds what nested aliases can expand to."""


def read_document(path: FilePath) -> Tree:
    """The settings in `path`. Never raises: what is wrong is in `Tree.problems`."""
    source = str(path)
    text = _read_text(path)
    if isinstance(text, Problem):
        return Tree(problems=[text], readable=False)
    return parse_document(text, source)


def parse_document(text: str, source: str) -> Tree:
    """The settings in YAML `text`; `source` names it in problems. An empty text holds no settings."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return Tree(problems=[_syntax_problem(error, source)], readable=False)
    except RecursionError:
        return Tree(problems=[Problem(source, None, "", "is nested too deeply")], readable=False)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
        return Tree()
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        text = "must hold `key: value` lines at its top level, not a list or a single value"
        return Tree(problems=[Problem(source, line, "", text)], readable=False)
    reading = _Reading(loader, source)
    try:
        reading.tree.values = reading.mapping(node, ())
    except RecursionError:
        return Tree(problems=[Problem(source, None, "", "is nested too deeply")], readable=False)
    return reading.tree


def _read_text(path: FilePath) -> str | Problem:
    source = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Problem(source, None, "", "no such file")
    except OSError as error:
        return Problem(source, None, "", f"cannot be read: {error.strerror}")
    if len(raw) > MAX_BYTES:
        return Problem(source, None, "", f"is larger than {MAX_BYTES} bytes, so it is hardly a settings file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem(source, line, "", "is not UTF-8 text; save it as UTF-8")


def _syntax_problem(error: yaml.YAMLError, source: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        what = error.problem or error.context or "broken"
        if any(named in what for named in (" alias ", " anchor ", " tag ")):
            what = what.partition(" '")[0]  # the name may be a secret that begins with * or & or !
        return Problem(source, mark.line + 1, "", f"is not valid YAML at column {mark.column + 1}: {what}")
    if isinstance(error, yaml.reader.ReaderError):
        return Problem(
            source, None, "", f"is not valid YAML: a control character at position {error.position}"
        )
    return Problem(source, None, "", "is not valid YAML")


class _Reading:
    """One pass over the nodes of a file; collects values, places and problems."""

    def __init__(self, loader: yaml.SafeLoader, source: str) -> None:
        self.tree = Tree()
        self._loader = loader
        self._source = source
        self._nodes = 0
        self._open: set[int] = set()

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path, line)
            if key is None:
                continue
            here = (*path, key)
            if key in first_lines:
                self._note(line, here, f"stands twice; first in line {first_lines[key]}")
                continue
            first_lines[key] = line
            value = self._value(value_node, here, line)
            if value is not None:  # `key:` with nothing after it means the default
                values[key] = value
                self.tree.places[here] = Place(self._source, line)
            elif isinstance(value_node, yaml.ScalarNode):
                self.tree.empty[here] = Place(self._source, line)
        return values

    def _key(self, node: yaml.Node, path: Path, line: int) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return str(node.value)
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:merge":
            self._note(line, path, "`<<` is not supported; write the keys out")
        else:
            self._note(line, path, "a key must be plain text")
        return None

    def _value(self, node: yaml.Node, path: Path, line: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            if self._nodes == MAX_NODES + 1:
                self._note(line, path, f"the file expands to more than {MAX_NODES} values")
            return None
        if id(node) in self._open:
            self._note(line, path, "an alias refers to the value that it stands in")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, line)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            return self._sequence(node, path)
        finally:
            self._open.discard(id(node))

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        items: list[Any] = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            line = item.start_mark.line + 1
            self.tree.places[here] = Place(self._source, line)
            items.append(self._value(item, here, line))
        return items

    def _scalar(self, node: yaml.ScalarNode, path: Path, line: int) -> Any:
        try:
            return self._loader.construct_object(node)
        except Exception:  # the constructors of PyYAML raise whatever comes, for a value that its tag denies
            # The value is not repeated: it may be a secret that happens to look like a date or a tag.
            self._note(line, path, "the value cannot be read; put it in quotes")
            return None

    def _note(self, line: int, path: Path, text: str) -> None:
        self.tree.problems.append(Problem(self._source, line, dotted(path), text))
