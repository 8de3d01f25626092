"""Rules and window options for commands that need no hub: `replay` and `rows`.

Without a configuration file and without STREAM_DETECTOR_ variables the defaults are used as they are,
and the settings library, which takes longer to import than a small file to replay, is left alone.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from stream_detector.detect.options import WindowOptions
from stream_detector.errors import ConfigurationError, Problem
from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.rules.model import Rule


class Core(Struct, frozen=True, gc=False):
    """What decides: the rules and how their windows are kept."""

    rules: tuple[Rule, ...]
    options: WindowOptions


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """The option that every command with settings has."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (YAML); environment wins")


def add_rule_option(parser: argparse.ArgumentParser) -> None:
    """The option to run some of the rules only."""
    parser.add_argument(
        "--rule", action="append", metavar="ID", help="only this rule; may be given several times"
    )


def load_core(
    config: Path | None, chosen: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> Core:
    """Rules and options from the settings, or the defaults; of the rules those with the ids `chosen`, or all.

    Raises:
        ConfigurationError: settings or rules that cannot be used, or a chosen id that no rule has.
    """
    core = _load(config, chosen, os.environ if environ is None else environ)
    known = [rule.info.id for rule in core.rules]
    for name in chosen or ():
        if name not in known:
            text = f"no rule {name!r}; known are: {', '.join(known)}"
            raise ConfigurationError([Problem("arguments", None, "--rule", text)])
    return Core(tuple(rule for rule in core.rules if chosen is None or rule.info.id in chosen), core.options)


def _load(config: Path | None, chosen: Sequence[str] | None, environ: Mapping[str, str]) -> Core:
    if config is None and not any(name.startswith("STREAM_DETECTOR_") for name in environ):
        directory = default_rules_directory()
        if chosen is not None:
            try:
                return Core(load_rules(directory, chosen, check_all=False), WindowOptions())
            except ConfigurationError:
                pass  # whatever it is, all rules together say it better
        return Core(load_rules(directory, None), WindowOptions())
    from stream_detector.settings.rules import load_configuration
    from stream_detector.settings.windows import window_options

    settings, rules = load_configuration(config, environ)
    return Core(rules, window_options(settings))
