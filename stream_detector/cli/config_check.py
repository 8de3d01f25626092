"""`config check`: the effective configuration, where each value comes from, and all that is wrong.

Prints YAML on stdout that could be used as a settings file again, except for secrets, which are
shown as ********. Rules are loaded too. Starts nothing and connects to nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stream_detector.cli.core import add_config_option
from stream_detector.errors import ConfigurationError

if TYPE_CHECKING:
    from stream_detector.settings import Settings

EXIT_DONE = 0
EXIT_USAGE = 2


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `check` below `config`."""
    parser = commands.add_parser(
        "check",
        help="show the effective configuration and everything that is wrong with it",
        description="Shows the effective configuration with the origin of each value that is not a default, "
        "and everything that is wrong with settings and rules. Secrets are masked.",
    )
    add_config_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str] | None = None) -> int:
    """Print the configuration and return the exit code: 0 usable, 2 not."""
    from stream_detector.settings.rules import read_configuration

    found = read_configuration(args.config, os.environ if environ is None else environ)
    loaded = found.loaded
    if loaded is None:
        return _refuse(found.error())
    for line in _document(_effective(loaded.settings), loaded.origins):
        print(line)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if found.problems:
        return _refuse(found.error())
    names = ", ".join(f"{rule.info.id} {rule.info.version}" for rule in found.rules)
    hub = loaded.settings.hub
    print(f"hub: {'embedded' if hub.is_embedded else f'{hub.name} at {hub.host}'}", file=sys.stderr)
    count = len(found.rules)
    print(f"usable: {count} rule{'' if count == 1 else 's'} ({names})", file=sys.stderr)
    return EXIT_DONE


def _refuse(error: ConfigurationError) -> int:
    count = len(error.problems)
    print(error, file=sys.stderr)
    print(f"not usable: {count} problem{'' if count == 1 else 's'}", file=sys.stderr)
    return EXIT_USAGE


def _effective(settings: Settings) -> dict[str, Any]:
    """The settings with the defaults that only show when rules are loaded."""
    from stream_detector.settings.rules import rules_directory

    shown = settings.redacted()
    shown["rules"]["directory"] = str(rules_directory(settings))
    if settings.rules.enabled is None:
        shown["rules"]["enabled"] = "all"
    return shown


def _document(shown: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[str]:
    """The lines of a YAML document, each value that some source gave with its origin as a comment."""
    for key, value in shown.items():
        yield from _entry(key, value, key, 0, origins)


def _entry(
    label: str, value: Any, key: str, depth: int, origins: Mapping[str, str], dash: str = ""
) -> Iterator[str]:
    start = f"{'  ' * depth}{dash}{label}:"
    comment = f"  # {_one_line(origins[key])}" if key in origins else ""
    if isinstance(value, Mapping) and value:
        yield start
        for name, inner in value.items():
            yield from _entry(name, inner, f"{key}.{name}", depth + 1, origins)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield f"{start}{comment}"
        for index, item in enumerate(value):
            yield from _item(item, f"{key}[{index}]", depth + 1, origins)
    else:
        yield f"{start} {_scalar(value)}{comment}"


def _item(item: Mapping[str, Any], key: str, depth: int, origins: Mapping[str, str]) -> Iterator[str]:
    """An item of a list of sections: its first key behind a dash, the others below it."""
    for position, (name, value) in enumerate(item.items()):
        first = position == 0
        place = f"{key}.{name}"
        yield from _entry(name, value, place, depth if first else depth + 1, origins, "- " if first else "")


def _scalar(value: Any) -> str:
    import yaml

    if isinstance(value, list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    text = yaml.safe_dump(value, allow_unicode=False, width=1_000_000, default_flow_style=True)
    return text.removesuffix("...\n").strip()


def _one_line(text: str) -> str:
    return text.encode("unicode_escape").decode() if not text.isprintable() else text
