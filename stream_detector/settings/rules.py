"""From the settings to the rules that they ask for."""

from __future__ import annotations

from pathlib import Path

from stream_detector.rules.load import default_rules_directory, load_rules
from stream_detector.rules.model import Rule
from stream_detector.settings.model import Settings


def rules_directory(settings: Settings) -> Path:
    """Where the rules are read from."""
    return settings.rules.directory or default_rules_directory()


def configured_rules(settings: Settings) -> tuple[Rule, ...]:
    """The enabled rules.

    Raises:
        ConfigurationError: rules that cannot be used.
    """
    return load_rules(rules_directory(settings), settings.rules.enabled)
