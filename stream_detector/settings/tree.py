"""What a source of settings gives: nested values, and where each of them stands.

Both the file and the environment are read into a `Tree`, so that merging and error reports
need to know only one form. Values are untyped here; `settings.model` gives them types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stream_detector.errors import Problem

Path = tuple[str | int, ...]
"""Keys from the root down, such as ("hub", "prefetch") or ("sinks", 0, "type")."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was given."""

    source: str
    """File name or `environment`."""
    line: int | None
    """Line from 1; None in the environment."""
    variable: str = ""
    """Name of the environment variable; "" for a key of a file."""

    def problem(self, path: Path, text: str) -> Problem:
        """A problem of the key at `path`, shown by the variable's name when it came from one."""
        return Problem(self.source, self.line, self.variable or dotted(path), text)

    def __str__(self) -> str:
        if self.variable:
            return f"environment {self.variable}"
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(slots=True)
class Tree:
    """The values of one source, the place of every key, and what could not be read."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    empty: dict[Path, Place] = field(default_factory=dict)
    """Keys with nothing after them: their values are the defaults, if there are such keys."""
    readable: bool = True
    """False when the source could not be read at all: what it may hold is unknown."""

    def find(self, path: Path) -> Any:
        """The value at `path`, or None."""
        here: Any = self.values
        for key in path:
            if not isinstance(here, dict) or key not in here:
                return None
            here = here[key]
        return here

    def put(self, path: Path, value: Any, place: Place) -> bool:
        """Set `path`, creating sections on the way; False when a plain value stands in the way."""
        here = self.values
        for key in path[:-1]:
            following = here.setdefault(str(key), {})
            if not isinstance(following, dict):
                return False
            here = following
        here[str(path[-1])] = value
        self.places[path] = place
        return True

    def drop(self, path: Path) -> None:
        """Remove the key at `path`; its place goes with it."""
        parent = self.find(path[:-1]) if len(path) > 1 else self.values
        if isinstance(parent, dict):
            parent.pop(str(path[-1]), None)
        self.places.pop(path, None)


def dotted(path: Path) -> str:
    """`hub.prefetch`, `sinks[0].type`; on one line, whatever a key holds."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            shown = key if key.isprintable() else key.encode("unicode_escape").decode()
            text += f".{shown}" if text else shown
    return text


def merge(lower: Tree, upper: Tree) -> Tree:
    """`upper` over `lower`: sections are merged key by key, lists and plain values replaced."""
    places = dict(lower.places)
    for path in upper.places:
        value = upper.find(path)
        if isinstance(value, list):
            for stale in [known for known in places if known[: len(path)] == path]:
                del places[stale]
    places.update(upper.places)
    return Tree(
        values=_merge_values(lower.values, upper.values),
        places=places,
        problems=[*lower.problems, *upper.problems],
        readable=lower.readable and upper.readable,
    )


def _merge_values(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merge_values(below, value)
        else:
            merged[key] = value
    return merged
