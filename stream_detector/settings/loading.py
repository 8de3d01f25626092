"""Loads the settings: file, environment over it, types, and what depends on several keys.

Everything wrong is collected and raised together. Texts come from here and from the types in
`settings.model`; they never hold a value, because any value may be a misplaced secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.settings import azure
from stream_detector.settings.document import read_document
from stream_detector.settings.environment import CONFIG_VARIABLE, PREFIX, SOURCE, read_environment
from stream_detector.settings.model import SOURCES, FileSinkSettings, Settings, StdoutSinkSettings
from stream_detector.settings.secrets import SECRETS, file_key, resolve_secrets
from stream_detector.settings.tree import Path, Place, Tree, dotted, merge

_LOWERED: tuple[Path, ...] = (("hub", "name"), ("hub", "namespace"), ("state", "blob", "container"))
_LATER = {("matches",): "belongs to topology `keyed`, which is not available in this version"}
_ELSEWHERE = Place("settings", None)


@dataclass(frozen=True, slots=True)
class Read:
    """What the sources give, before anybody insists that it is usable."""

    tree: Tree
    settings: Settings | None
    """None when there are problems."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what a person who checks them wants to know besides."""

    settings: Settings
    origins: Mapping[str, str]
    """Dotted key to the place that gave its value; keys at their default are absent."""
    warnings: tuple[Problem, ...]
    """What works and was hardly meant so."""


def load_settings(path: FilePath | None, environ: Mapping[str, str]) -> Settings:
    """The settings of `path` (or of the file that STREAM_DETECTOR_CONFIG names) and `environ`.

    Raises:
        ConfigurationError: with every problem at once.
    """
    return load(path, environ).settings


def load(path: FilePath | None, environ: Mapping[str, str]) -> Loaded:
    """As `load_settings`, with the origin of each value and warnings."""
    read = read_sources(path, environ)
    if read.settings is None:
        raise configuration_error(read.problems)
    return loaded(read.settings, read.tree)


def loaded(settings: Settings, tree: Tree) -> Loaded:
    """The settings with what the tree that they came from tells besides."""
    return Loaded(settings, {dotted(key): str(place) for key, place in tree.places.items()}, _warnings(tree))


def configuration_error(problems: Iterable[Problem]) -> ConfigurationError:
    """One error of all problems, each told once, in the order in which they are read."""
    return ConfigurationError(sorted(dict.fromkeys(problems), key=_reading_order))


def read_sources(path: FilePath | None, environ: Mapping[str, str]) -> Read:
    """What `path` (or the file that STREAM_DETECTOR_CONFIG names) and `environ` give. Never raises."""
    if path is None and (named := environ.get(CONFIG_VARIABLE, "").strip()):
        path = FilePath(named)
    file = Tree() if path is None else read_document(path)
    environment = read_environment(environ)
    for tree in (file, environment):
        resolve_secrets(tree)
    merged = merge(file, environment)
    _fill_implied(merged, file)
    problems = [*merged.problems, *_empty_unknown(file)]
    settings, wrong = _validate(environment.values, file.values)
    problems += [problem for problem in (_problem(error, merged) for error in wrong) if problem]
    if merged.readable:
        problems += _across_keys(merged)
    return Read(merged, None if problems else settings, tuple(problems))


def _empty_unknown(file: Tree) -> Iterator[Problem]:
    """Keys that do not exist and have no value, which a model of the settings never gets to see."""
    for path, place in file.empty.items():
        known = _known_keys(path[:-1])
        if known and path[-1] not in known:
            yield place.problem(path, _unknown(path))


def _reading_order(problem: Problem) -> tuple[bool, str, int, str]:
    return problem.source == SOURCE, problem.source, problem.line or 0, problem.key


def _validate(*sources: dict[str, Any]) -> tuple[Settings | None, list[ErrorDetails]]:
    token = SOURCES.set(sources)
    try:
        return Settings(), []
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)
    finally:
        SOURCES.reset(token)


def _fill_implied(merged: Tree, lowest: Tree) -> None:
    """An EntityPath names the hub unless hub.name does; a proxy means WebSocket, as the SDK has it."""
    connection = _hub_connection(merged)
    implied: list[tuple[Path, Path, str]] = []
    if connection is not None and connection.entity:
        implied.append((("hub", "name"), ("hub", "connection_string"), connection.entity))
    if merged.find(("hub", "proxy")) is not None:
        implied.append((("hub", "transport"), ("hub", "proxy"), "websocket"))
    for path, cause, value in implied:
        if merged.find(path) is None and cause in merged.places:
            for tree in (merged, lowest):
                tree.put(path, value, merged.places[cause])


def _hub_connection(tree: Tree) -> azure.HubConnection | None:
    text = tree.find(("hub", "connection_string"))
    try:
        return azure.parse_hub_connection(text) if isinstance(text, str) else None
    except ValueError:
        return None  # reported by the type of the key


def _across_keys(tree: Tree) -> Iterator[Problem]:
    yield from _exclusive(tree, ("hub",), "connection_string", "namespace")
    yield from _exclusive(tree, ("state", "blob"), "connection_string", "account_url")
    name, connection = tree.find(("hub", "name")), _hub_connection(tree)
    entity = None if connection is None else connection.entity
    if entity and isinstance(name, str) and name.strip().lower() != entity:
        yield _at(tree, ("hub", "name"), "differs from the EntityPath of hub.connection_string")
    blob = tree.find(("state", "blob"))
    if isinstance(blob, dict) and blob and "account_url" not in blob and "connection_string" not in blob:
        yield _at(tree, ("state", "blob"), "needs account_url or connection_string")
    if tree.find(("hub", "proxy")) and tree.find(("hub", "transport")) == "amqp":
        yield _at(tree, ("hub", "transport"), "must be websocket when hub.proxy is given")
    yield from _sink_names(tree)


def _exclusive(tree: Tree, section: Path, first: str, second: str) -> Iterator[Problem]:
    if tree.find((*section, first)) is not None and tree.find((*section, second)) is not None:
        other = tree.places.get((*section, first), _ELSEWHERE)
        yield _at(tree, (*section, second), f"excludes {first} (given in {other}); give one of them")


def _sink_names(tree: Tree) -> Iterator[Problem]:
    sinks = tree.find(("sinks",))
    seen: dict[str, int] = {}
    for index, sink in enumerate(sinks if isinstance(sinks, list) else ()):
        if not isinstance(sink, dict):
            continue
        name = sink.get("name", sink.get("type"))
        if isinstance(name, str) and name in seen:
            text = f"has the same name as sinks[{seen[name]}]; names of sinks must differ"
            yield _at(tree, ("sinks", index, "name"), text)
        elif isinstance(name, str):
            seen[name] = index


def _warnings(tree: Tree) -> tuple[Problem, ...]:
    found = []
    for path in _LOWERED:
        value = tree.find(path)
        if isinstance(value, str) and value != value.lower():
            found.append(_at(tree, path, "is used in lower case, as Azure compares it"))
    return tuple(found)


def _at(tree: Tree, path: Path, text: str) -> Problem:
    """A problem at `path`, placed where some source gave it, a key below it, or a key above it."""
    if exact := tree.places.get(path):
        return exact.problem(path, text)
    below = [place for key, place in tree.places.items() if key[: len(path)] == path]
    above = [place for end in range(len(path) - 1, 0, -1) if (place := tree.places.get(path[:end]))]
    place = next(iter([*below, *above, *tree.places.values()]), _ELSEWHERE)
    return Problem(place.source, place.line if below or above else None, dotted(path), text)


def _problem(error: ErrorDetails, tree: Tree) -> Problem | None:
    path = _untagged(error["loc"], tree)
    if error["type"] == "missing" and not tree.readable:
        return None  # it may stand in the part that could not be read
    if error["type"] == "too_short" and tree.find(path):
        return None  # only because each of its items is wrong, which is reported
    return _at(tree, path, _text(error, path))


def _untagged(loc: Path, tree: Tree) -> Path:
    """`loc` as the sources know it: without the names that the types put between keys."""
    path: Path = ()
    after_sink = False
    for step in loc:
        if after_sink and step in ("stdout", "file"):
            after_sink = False
            continue
        after_sink = isinstance(step, int) and path == ("sinks",)
        if isinstance(step, str) and not step.isidentifier() and tree.find((*path, step)) is None:
            continue  # the name of a validator
        path = (*path, step)
    return path


_TEXTS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_type": "must be text; if it looks like a number or yes/no, put it in quotes",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be 1 to 63 of a-z, 0-9, `.`, `_`, `-`, beginning with a letter or digit",
    "path_type": "must be the name of a file or directory",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "model_type": "must be a section with keys below it",
    "model_attributes_type": "must be a section with keys below it",
    "byte_size": "must be a number of bytes, or such as 256MiB",
    "byte_size_unit": "must be a number of bytes, or such as 256MiB",
    "missing": "is required",
    "union_tag_invalid": "has a type that is not known; types are {expected_tags}",
    "union_tag_not_found": "has no type; types are stdout, file",
}


def _text(error: ErrorDetails, path: Path) -> str:
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return _unknown(path)
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in ("greater_than", "greater_than_equal") and context.get("gt", context.get("ge")) == 0:
        return "must be more than zero" if "gt" in context else "must not be negative"
    form = _TEXTS.get(error["type"], error["msg"])
    return form.format(**{key: value for key, value in context.items() if key != "error"})


def _unknown(path: Path) -> str:
    if path in _LATER:
        return _LATER[path]
    known = sorted(_known_keys(path[:-1]))
    everywhere = {_joined(key): dotted(key) for key in _all_keys()}
    close = [everywhere[name] for name in difflib.get_close_matches(_joined(path), everywhere, 1, 0.85)]
    close = close or difflib.get_close_matches(str(path[-1]), known, 1, 0.6)
    close = close or [key for key in everywhere.values() if key.rpartition(".")[2] == path[-1]][:1]
    if not close:
        return f"unknown key; known here are {', '.join(known)}"
    right = close[0] if "." in close[0] else dotted((*path[:-1], close[0]))
    if "[" in right:
        return f"unknown key; did you mean {right}?"
    variable = PREFIX + right.replace(".", "__").upper()
    return f"unknown key; did you mean {right} (in the environment {variable})?"


def _joined(path: Path) -> str:
    return dotted(path).replace(".", "_")


def _all_keys(model: type[BaseModel] = Settings, above: Path = ()) -> Iterator[Path]:
    for name, annotation in _fields(model):
        path = (*above, name)
        yield path
        if path in SECRETS:
            yield file_key(path)
        for section in _sections(annotation):
            yield from _all_keys(section, path)


def _known_keys(section: Path) -> set[str]:
    if section[:1] == ("sinks",):
        return {name for sink in (StdoutSinkSettings, FileSinkSettings) for name, _ in _fields(sink)}
    length = len(section) + 1
    return {str(path[-1]) for path in _all_keys() if len(path) == length and path[:-1] == section}


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield name, field.annotation


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate
