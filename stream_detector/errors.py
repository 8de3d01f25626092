"""The tree of errors that this program raises on purpose.

    StreamDetectorError
    ├── ConfigurationError      settings or rule files; carries every problem at once
    ├── UsageError              arguments of a command that do not fit
    ├── InputError              a file of a command that cannot be used
    └── HubError                the hub refused us: wrong key, missing entity, no connection

A user's mistake ends in one of these and is shown as text, never as a traceback.
Texts name keys, files and entities; they never hold a secret or a value from a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StreamDetectorError(Exception):
    """Root of the tree. `str()` of it is fit for a user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration: where it stands and what to do about it."""

    source: str
    """File name, `environment`, or `arguments`."""
    line: int | None
    """Line in `source`, from 1; None when the source has no lines."""
    key: str
    """Dotted key, such as `hub.prefetch`, or the name of the environment variable."""
    text: str
    """What is wrong and what would be right. Never the value of a secret."""
    column: int | None = None
    """Character in the line, from 1; None when the line is place enough."""

    def __str__(self) -> str:
        places = (self.source, self.line, None if self.line is None else self.column)
        place = ":".join(str(part) for part in places if part is not None)
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigurationError(StreamDetectorError):
    """Settings or rules that cannot be used. All problems are reported together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(StreamDetectorError):
    """Arguments of a command that do not fit together, or a value that cannot be."""


class InputError(StreamDetectorError):
    """An input file of a command that cannot be used."""


class HubError(StreamDetectorError):
    """The hub cannot be used: it refused the connection, the key, or the entity."""
