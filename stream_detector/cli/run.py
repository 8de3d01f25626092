"""`run`: the service, until SIGTERM. Without Azure settings, on the embedded hub."""

from __future__ import annotations

import argparse
import os

from stream_detector.cli.core import add_config_option


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="run the service until SIGTERM")
    add_config_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until a signal; 0 after a clean stop."""
    import asyncio

    from stream_detector.cli.serving import serve
    from stream_detector.observe.logs import configure_logging
    from stream_detector.settings.rules import load_configuration

    settings, rules = load_configuration(args.config, os.environ)
    configure_logging(settings.observe.log_level, settings.observe.log_format)
    asyncio.run(serve(settings, rules))
    return 0
