"""Rules from a directory of pairs NAME.kql and NAME.yaml: the one place of the rules that touches files.

The query says what the rule means, the YAML beside it who it is and how its alerts are treated. Whatever
is wrong in any file is reported together, with file, line and column or key; nothing is guessed, nothing is
skipped. NAME.cases.yaml holds a rule's cases, which only the commands `rules test` and `rules lint` read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from errno import ENOENT, ENOTDIR
from pathlib import Path
from stat import S_ISREG

import yaml
from msgspec import Struct

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.kql.problems import line_and_column
from stream_detector.rules.fields import Section, did_you_mean, line_of
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.metadata import (
    Described,
    Metadata,
    check_result,
    check_yielding,
    is_of_former_kind,
    neutral_metadata,
    read_metadata,
)
from stream_detector.rules.model import Rule

QUERY = ".kql"
METADATA = ".yaml"
CASES = ".cases.yaml"
_OTHER_ENDINGS = {".kusto": QUERY, ".csl": QUERY, ".kql": QUERY, ".yml": METADATA, ".yaml": METADATA}
"""Of files that somebody means as a rule, in lower case, and what they should be."""
_SETTING = "rules.directory"

_PACKAGE = Path(__file__).resolve().parents[1]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RuleFiles(Struct, frozen=True, gc=False):
    """A rule as its files describe it, as far as they could be read."""

    query: Path
    metadata: Metadata
    """Neutral where there is no NAME.yaml, or none that could be read."""
    section: Section | None
    """NAME.yaml, to report problems with it; None as above."""
    text: str
    """Of the query."""
    rule: KqlRule | None
    """None when the query cannot be accepted."""

    @property
    def cases(self) -> Path | None:
        """The file of the rule's cases, which may or may not be there; None when it names none."""
        return self.query.with_name(self.metadata.cases) if self.metadata.cases else None


def default_rules_directory() -> Path:
    """Where rules are when no setting names a directory.

    `config/rules` of the working directory; else the copy in an installed package; else the
    directory beside the package in a checkout.
    """
    working = Path("config") / "rules"
    packaged = _PACKAGE / "_config" / "rules"
    if working.is_dir():
        return working
    return packaged if packaged.is_dir() else _PACKAGE.parent / "config" / "rules"


def load_rules(directory: Path, enabled: Sequence[str] | None, *, check_all: bool = True) -> tuple[Rule, ...]:
    """The rules of `directory/*.kql` in the order of their file names.

    `enabled` names the ids to keep; None keeps all. Queries of rules that are not enabled are checked
    all the same, unless `check_all` is False: that is for a command which is asked for a rule by name.

    Raises:
        ConfigurationError: with every problem of the directory, its files and `enabled`.
    """
    found, problems = read_rules(directory, None if check_all else enabled)
    together = list(problems)
    if enabled is not None:
        ids = dict.fromkeys(files.metadata.info.id for files in found)
        together += _check_enabled(directory, enabled, ids, complete=_are_known(found))
    if together:
        raise ConfigurationError(together)
    rules = (files.rule for files in found if enabled is None or files.metadata.info.id in enabled)
    return tuple(rule for rule in rules if rule is not None)


def read_rules(
    directory: Path, only: Collection[str] | None = None
) -> tuple[tuple[RuleFiles, ...], tuple[Problem, ...]]:
    """Every rule of `directory` as far as it can be read, and all that is wrong, in the order of reading.

    Queries are read of the rules with the ids `only`, or of all.
    """
    problems: list[Problem] = []
    found = [_read(query, metadata, problems, only) for query, metadata in _pairs(directory, problems)]
    described = [rule for files in found for rule in _described(files)]
    owners: dict[str, Section] = {}
    for rule in described:
        own, section = rule.metadata.info.id, rule.section
        if own and owners.setdefault(own, section) is not section:
            section.report("id", f"{own!r} is the id of {owners[own].source} too; give each rule its own")
    check_yielding(described, complete=_are_known(found))
    return tuple(found), in_reading_order(problems)


def read_rule(query: Path) -> tuple[RuleFiles, tuple[Problem, ...]]:
    """One rule by its .kql file; without a NAME.yaml beside it the query alone, with neutral metadata."""
    problems: list[Problem] = []
    metadata = query.with_suffix(METADATA)
    if is_there(metadata):
        files = _read(query, metadata, problems)
    else:
        text = _text(query, problems)
        if text is None:
            files = RuleFiles(query, neutral_metadata(query.stem), None, "", None)
        else:
            files = read_query(text, query, problems)
    check_yielding(_described(files), complete=False)
    return files, in_reading_order(problems)


def read_query(text: str, name: Path, problems: list[Problem]) -> RuleFiles:
    """A query that nothing is known of but its text, called `name` in problems."""
    metadata = neutral_metadata(name.stem)
    rule = _compile(text, metadata, name, None, problems)
    return RuleFiles(name, metadata, None, text, rule)


def in_reading_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Sorted by file, line and column."""
    return tuple(sorted(problems, key=lambda each: (each.source, each.line or 0, each.column or 0)))


def open_yaml(path: Path, problems: list[Problem], what: str) -> yaml.Node | None:
    """The node of a file's only document, with the lines of its parts; None after a problem."""

    def report(line: int | None, text: str, column: int | None = None) -> None:
        problems.append(Problem(str(path), line, "", text, column))

    text = _text(path, problems)
    if text is None:
        return None
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        complaint = f"is not YAML: {error.problem or error.context or 'cannot be parsed'}"
        report(None if mark is None else mark.line + 1, complaint, None if mark is None else mark.column + 1)
    except (yaml.YAMLError, RecursionError):
        report(None, "is not YAML: it holds characters or a nesting that YAML does not allow")
    else:
        if node is None:
            report(1, f"is empty; write {what} or delete the file")
        return node
    return None


def _text(path: Path, problems: list[Problem]) -> str | None:
    """The file's text without byte order mark; None after a problem."""
    raw = b""
    try:
        if not S_ISREG(path.stat().st_mode):
            # A pipe would be waited for, and a device can be without an end.
            problems.append(Problem(str(path), None, "", "is not a regular file; put a text file there"))
            return None
        raw = path.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        problems.append(Problem(str(path), None, "", f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        line, _ = line_and_column(raw.decode("latin-1"), error.start)
        problems.append(Problem(str(path), line, "", "is not UTF-8 text; save it as UTF-8"))
    return None


def _pairs(directory: Path, problems: list[Problem]) -> Iterator[tuple[Path, Path]]:
    """Every NAME.kql and NAME.yaml of which at least one is there, in the order of their names."""

    def report(text: str, path: Path = directory, key: str = "") -> None:
        problems.append(Problem(str(path), None, key, text))

    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        report("does not exist; name a directory with a .kql and a .yaml file for each rule", key=_SETTING)
        return
    except NotADirectoryError:
        report("is not a directory; name the directory that holds the rule files", key=_SETTING)
        return
    except OSError as error:
        report(f"cannot be read: {error.strerror}", key=_SETTING)
        return
    names: dict[str, None] = {}
    for path in paths:
        if path.name.endswith(CASES):
            continue
        if path.suffix in (QUERY, METADATA):
            names[path.stem] = None
        elif path.suffix.lower() in _OTHER_ENDINGS:
            report(f"is not read; rename it to end in {_OTHER_ENDINGS[path.suffix.lower()]}", path)
    if not names:
        report("holds no rule; put a .kql and a .yaml file for each rule there", key=_SETTING)
    for name in names:
        yield directory / f"{name}{QUERY}", directory / f"{name}{METADATA}"


def _read(query: Path, path: Path, problems: list[Problem], only: Collection[str] | None = None) -> RuleFiles:
    """One rule of which at least one file is there."""
    section, metadata = _describe(query, path, problems)
    if not is_there(query) or (only is not None and metadata.info.id not in only):
        return RuleFiles(query, metadata, section, "", None)
    text = _text(query, problems)
    rule = None if text is None else _compile(text, metadata, query, section, problems)
    return RuleFiles(query, metadata, section, text or "", rule)


def _describe(query: Path, path: Path, problems: list[Problem]) -> tuple[Section | None, Metadata]:
    """What NAME.yaml says; without a section when that cannot be known."""
    nothing_known = None, neutral_metadata(query.stem, lenient=True)
    if not is_there(path):
        wanted = "id, name, version, severity, tactics, techniques and runbook_url"
        problems.append(
            Problem(str(query), None, "", f"has no metadata; write {path.name} beside it, with {wanted}")
        )
        return nothing_known
    node = open_yaml(path, problems, "what describes the rule")
    if node is None:
        return nothing_known
    if not isinstance(node, yaml.MappingNode):
        text = "is not a mapping of keys to values, as the description of a rule must be"
        problems.append(Problem(str(path), line_of(node), "", text))
        return nothing_known
    section = Section(str(path), node, problems)
    if is_of_former_kind(section):
        return nothing_known
    if not is_there(query):
        text = f"has no query; put it into {query.name} beside it, or delete this file"
        problems.append(Problem(str(path), None, "", text))
    return section, read_metadata(section)


def _described(files: RuleFiles) -> list[Described]:
    """The rule, if its NAME.yaml could be read."""
    return [] if files.section is None else [Described(files.section, files.metadata, files.rule)]


def _are_known(found: Sequence[RuleFiles]) -> bool:
    """Whether the id of every rule could be read."""
    return bool(found) and all(files.section is not None and files.metadata.info.id for files in found)


def is_there(path: Path) -> bool:
    """Whether the name is taken, even if by a link that leads nowhere: that is told when it is read."""
    try:
        path.lstat()
    except OSError as error:
        # What forbids to look, or a name that no file can have, is told when it is read.
        return error.errno not in (ENOENT, ENOTDIR)
    return True


def _compile(
    text: str, metadata: Metadata, query: Path, section: Section | None, problems: list[Problem]
) -> KqlRule | None:
    """The rule; None after a problem. Those with thresholds belong to NAME.yaml, which knows their lines."""
    rule, found = compile_kql(
        text, metadata.info, metadata.handling, metadata.thresholds, metadata.every_record
    )
    before = len(problems)
    if rule is None and metadata.thresholds and section is not None:
        bare, in_query = compile_kql(text, metadata.info, metadata.handling, {}, metadata.every_record)
        if bare is not None:
            check_result(section, metadata, bare)
        found = () if len(problems) > before else in_query or found
    for problem in found:
        line, column = line_and_column(text, problem.span.start)
        problems.append(Problem(str(query), line, "", problem.text, column))
    if rule is not None and section is not None:
        check_result(section, metadata, rule)
    if rule is None and len(problems) == before:
        # Never silently without a rule.
        problems.append(Problem(str(query), None, "", "cannot be compiled: please report this"))
    return rule


def _check_enabled(
    directory: Path, enabled: Sequence[str], known: Collection[str], complete: bool
) -> list[Problem]:
    """Problems of the setting `rules.enabled`; unknown ids only if every file could be read."""
    source = str(directory)
    if not enabled:
        return [
            Problem(source, None, "rules.enabled", "is an empty list; name a rule or leave it out for all")
        ]
    if not complete:
        return []
    return [
        Problem(source, None, "rules.enabled", f"{name!r} is the id of no rule{did_you_mean(name, known)}")
        for name in enabled
        if name not in known
    ]
