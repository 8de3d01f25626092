"""Rules and window options for commands that need no hub: `replay` and `rows`.

Without a configuration file and without STREAM_DETECTOR_ variables the defaults are used as they are,
and the settings library, which takes longer to import than a small file to replay, is left alone.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from stream_detector.detect.options import WindowOptions
from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.rules.model import Rule


class Core(Struct, frozen=True, gc=False):
    """What decides: the rules and how their windows are kept."""

    rules: tuple[Rule, ...]
    options: WindowOptions


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """The option that every command with settings has."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (YAML); environment wins")


def load_core(config: Path | None, environ: Mapping[str, str] | None = None) -> Core:
    """Rules and options from the settings, or the defaults.

    Raises:
        ConfigurationError: settings or rules that cannot be used.
    """
    environ = os.environ if environ is None else environ
    if config is None and not any(name.startswith("STREAM_DETECTOR_") for name in environ):
        return Core(load_rules(default_rules_directory(), None), WindowOptions())
    from stream_detector.settings.rules import load_configuration
    from stream_detector.settings.windows import window_options

    settings, rules = load_configuration(config, environ)
    return Core(rules, window_options(settings))
