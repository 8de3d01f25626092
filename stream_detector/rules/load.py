"""Rules from a directory of YAML files: the one place of the rules that touches the file system.

Each file configures one rule and says by `kind` which implementation it configures. Whatever is wrong
in any file is reported together, with file, line and key; nothing is guessed, nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.rules.fields import Section, did_you_mean
from stream_detector.rules.model import Rule
from stream_detector.rules.rule15_file import read_rule15

RuleReader = Callable[[Section], Rule | None]
"""Makes a rule of an opened file, or adds problems to the section and returns None."""

_KINDS: Mapping[str, RuleReader] = {"rule15": read_rule15}

_PACKAGE = Path(__file__).resolve().parents[1]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def load_rules(directory: Path, enabled: Sequence[str] | None) -> tuple[Rule, ...]:
    """The rules of `directory/*.yaml` in the order of their file names.

    `enabled` names the ids to keep; None keeps all. Files of rules that are not enabled are checked
    all the same.

    Raises:
        ConfigurationError: with every problem of the directory, its files and `enabled`.
    """
    problems: list[Problem] = []
    rules: dict[str, tuple[Rule, str]] = {}
    for path in _rule_files(directory, problems):
        section = _open(path, problems)
        rule = None if section is None else _read(section)
        if section is None or rule is None:
            continue
        known = rules.setdefault(rule.info.id, (rule, section.source))
        if known[0] is not rule:
            section.report("id", f"{rule.info.id!r} is the id of {known[1]} too; give each rule its own")
    if enabled is not None:
        problems += _check_enabled(directory, enabled, rules, complete=not problems)
    if problems:
        raise ConfigurationError(sorted(problems, key=lambda problem: (problem.source, problem.line or 0)))
    return tuple(rule for rule, _ in rules.values() if enabled is None or rule.info.id in enabled)


def _rule_files(directory: Path, problems: list[Problem]) -> list[Path]:
    def report(text: str) -> None:
        problems.append(Problem(str(directory), None, "rules.directory", text))

    try:
        names = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        report("does not exist; name a directory with a .yaml file for each rule")
        return []
    except NotADirectoryError:
        report("is not a directory; name the directory that holds the rule files")
        return []
    except OSError as error:
        report(f"cannot be read: {error.strerror}")
        return []
    problems.extend(
        Problem(str(path), None, "", "is not read; rename it to end in .yaml")
        for path in names
        if path.suffix.lower() in (".yml", ".yaml") and path.suffix != ".yaml"
    )
    files = [path for path in names if path.suffix == ".yaml"]
    if not files:
        report("holds no rule; put a .yaml file for each rule there")
    return files


def _open(path: Path, problems: list[Problem]) -> Section | None:
    """The file's mapping with the lines of its keys; None after a problem."""

    def report(line: int | None, text: str) -> None:
        problems.append(Problem(str(path), line, "", text))

    try:
        raw = path.read_bytes()
        node = yaml.compose(raw.decode("utf-8-sig"), Loader=_LOADER)
    except OSError as error:
        report(None, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        report(raw.count(b"\n", 0, error.start) + 1, "is not UTF-8 text; save it as UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "cannot be parsed"
        report(None if mark is None else mark.line + 1, f"is not YAML: {what}{_column(mark)}")
    except (yaml.YAMLError, RecursionError):
        report(None, "is not YAML: it holds characters or a nesting that YAML does not allow")
    else:
        if node is None:
            report(1, "is empty; write a rule or delete the file")
        elif not isinstance(node, yaml.MappingNode):
            report(node.start_mark.line + 1, "is not a mapping of keys to values, as a rule file must be")
        else:
            return Section(str(path), node, problems)
    return None


def _column(mark: object) -> str:
    column = getattr(mark, "column", None)
    return "" if column is None else f" (column {column + 1})"


def _read(section: Section) -> Rule | None:
    kind = section.text("kind", choices=tuple(_KINDS), expected="which rule this configures")
    reader = _KINDS.get(kind)
    if reader is None:
        section.report_missing()
        return None
    return reader(section)


def _check_enabled(
    directory: Path, enabled: Sequence[str], known: Mapping[str, object], complete: bool
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
