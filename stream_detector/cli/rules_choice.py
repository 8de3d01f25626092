"""Which rules a `rules` command is about: the directory, what is enabled, and the ids on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from stream_detector.errors import ConfigurationError, UsageError
from stream_detector.rules.fields import did_you_mean
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.load import RuleFiles, default_rules_directory, read_rules


class Directory(Struct, frozen=True, gc=False):
    """Where rules are, and which of them the settings enable."""

    path: Path
    enabled: tuple[str, ...] | None = None
    """Ids; None enables all."""

    def is_enabled(self, rule_id: str) -> bool:
        """Whether `run` and `replay` would use the rule."""
        return self.enabled is None or rule_id in self.enabled


class SoundRule(Struct, frozen=True, gc=False):
    """A rule without any problem."""

    files: RuleFiles
    rule: KqlRule

    @property
    def id(self) -> str:
        """As its file says."""
        return self.rule.info.id


def directory_of(args: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Directory:
    """What `--rules`, else `--config` and the environment, else the defaults say.

    Raises:
        ConfigurationError: the settings cannot be used.
    """
    environ = os.environ if environ is None else environ
    given: Path | None = args.rules
    has_settings = args.config is not None or any(name.startswith("STREAM_DETECTOR_") for name in environ)
    if not has_settings:
        return Directory(given or default_rules_directory())
    from stream_detector.settings import load_settings
    from stream_detector.settings.rules import rules_directory

    settings = load_settings(args.config, environ)
    # The setting names rules of its own directory; another one need not have them.
    enabled = settings.rules.enabled if given is None else None
    return Directory(given or rules_directory(settings), enabled)


def sound_rules(directory: Directory) -> tuple[SoundRule, ...]:
    """Every rule of the directory, enabled or not, in the order of the files.

    Raises:
        ConfigurationError: with all problems of the directory.
    """
    found, problems = read_rules(directory.path)
    if problems:
        raise ConfigurationError(problems)
    return tuple(SoundRule(files, files.rule) for files in found if files.rule is not None)


def chosen(rules: tuple[SoundRule, ...], ids: list[str]) -> tuple[SoundRule, ...]:
    """The rules with these ids, in the order of the files; all of them without ids.

    Raises:
        UsageError: an id of no rule.
    """
    known = [rule.id for rule in rules]
    wrong = [f"{each!r} is the id of no rule{did_you_mean(each, known)}" for each in ids if each not in known]
    if wrong:
        raise UsageError("; ".join(wrong))
    return tuple(rule for rule in rules if not ids or rule.id in ids)
