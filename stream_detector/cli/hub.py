"""`hub`: the embedded Event Hubs as a server, for development and tests.

Prints the connection string as the only line on stdout, so that a script can take it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from stream_detector import ticks

KEY_VARIABLE = "STREAM_DETECTOR_LOCAL_HUB_KEY"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("hub", help="serve an embedded Event Hubs for development")
    parser.add_argument(
        "--name",
        action="append",
        metavar="NAME[:PARTITIONS]",
        help="a hub to serve, repeatable (default insights-operational-logs:4)",
    )
    parser.add_argument("--consumer-group", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5672, help="0 is any free port (default 5672)")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM; serves TLS with --tls-key")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM")
    parser.add_argument(
        "--retention", type=_duration, default=24 * ticks.HOUR, metavar="TIME", help="such as 24h"
    )
    parser.add_argument(
        "--connection-string-file", type=Path, metavar="FILE", help="also write the connection string here"
    )
    parser.epilog = (
        f"The key is taken from {KEY_VARIABLE} if it is set, else a new one is drawn at each start."
    )
    parser.set_defaults(run=run)


def _duration(text: str) -> int:
    try:
        return ticks.parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    import asyncio

    from stream_detector.cli.hub_server import serve

    asyncio.run(serve(args, os.environ.get(KEY_VARIABLE)))
    return 0
