"""Settings and the rules that they ask for, checked together so that every mistake is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.rules.model import Rule
from stream_detector.settings.loading import Loaded, configuration_error, loaded, read_sources
from stream_detector.settings.model import Settings
from stream_detector.settings.tree import Tree


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that settings and rule files say, and all that is wrong with it."""

    loaded: Loaded | None
    """None when the settings are wrong."""
    rules: tuple[Rule, ...]
    """The enabled rules; none when anything about rules is wrong."""
    problems: tuple[Problem, ...]

    def error(self) -> ConfigurationError:
        """Every problem in one error."""
        return configuration_error(self.problems)


def rules_directory(settings: Settings) -> Path:
    """Where the rules are read from."""
    return settings.rules.directory or default_rules_directory()


def read_configuration(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Settings and rules, as far as they can be understood. Never raises.

    Wrong settings do not hide wrong rules: the directory and the names of the rules are then taken
    from the sources as they stand.
    """
    read = read_sources(path, environ)
    directory, enabled = _asked_for(read.settings, read.tree)
    problems, rules = list(read.problems), tuple[Rule, ...]()
    if directory is not None:
        try:
            rules = load_rules(directory, enabled)
        except ConfigurationError as error:
            problems += _placed(error.problems, read.tree)
    settings = None if read.settings is None else loaded(read.settings, read.tree)
    return Configuration(settings, rules, tuple(problems))


def load_configuration(path: Path | None, environ: Mapping[str, str]) -> tuple[Settings, tuple[Rule, ...]]:
    """The settings and the enabled rules.

    Raises:
        ConfigurationError: with every problem of both at once.
    """
    found = read_configuration(path, environ)
    if found.problems or found.loaded is None:
        raise found.error()
    return found.loaded.settings, found.rules


def _asked_for(settings: Settings | None, tree: Tree) -> tuple[Path | None, tuple[str, ...] | None]:
    """Directory and ids of the rules; no directory when what is given for it cannot be one."""
    if settings is not None:
        return rules_directory(settings), settings.rules.enabled
    given = tree.find(("rules", "directory"))
    if given is None:
        return (default_rules_directory() if tree.readable else None), None
    return (Path(given) if isinstance(given, str) and given.strip() else None), None


def _placed(problems: tuple[Problem, ...], tree: Tree) -> Iterator[Problem]:
    """Problems of the settings about rules, placed where the setting was given."""
    for problem in problems:
        path = tuple(problem.key.split("."))
        place = tree.places.get(path) if problem.key.startswith("rules.") else None
        if place is None:
            yield problem
        elif path == ("rules", "directory"):
            yield place.problem(path, f"{problem.source} {problem.text}")
        else:
            yield place.problem(path, problem.text)
