"""`send`: publish event bodies to a hub, the embedded one or Azure's.

Bodies go to the partitions in turn, as Azure Monitor's records do (it sets no partition key), unless a
partition or a key is asked for.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stream_detector import ticks
from stream_detector.cli.bodies import read_bodies
from stream_detector.cli.core import add_config_option
from stream_detector.errors import ConfigurationError, InputError, Problem, UsageError

if TYPE_CHECKING:
    from stream_detector.hub.connection import HubConnection


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("send", help="publish event bodies to a hub")
    parser.add_argument("files", nargs="*", metavar="FILE", help="event bodies, one per line; - is stdin")
    parser.add_argument(
        "--connection-string-file",
        type=Path,
        metavar="FILE",
        help="file that holds the hub's connection string; else settings and environment are used",
    )
    parser.add_argument("--hub", metavar="NAME", help="name of the hub, when the settings do not say it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--partition", metavar="ID", help="send everything to this partition")
    where.add_argument("--partition-key", metavar="KEY", help="let the hub choose a partition by this key")
    parser.add_argument(
        "--generate",
        type=_positive,
        metavar="N",
        help="send N generated records that end now, instead of files",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the generated records")
    parser.add_argument("--rate", type=_rate, metavar="N", help="at most N bodies per second")
    add_config_option(parser)
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def run(args: argparse.Namespace) -> int:
    """Send every body; exit code 1 when one was refused."""
    if bool(args.files) == bool(args.generate):
        raise UsageError("name files to send, or --generate N, but not both")
    import asyncio

    from stream_detector.cli.sending import send

    return asyncio.run(send(_connection(args), _bodies(args), args.partition, args.partition_key, args.rate))


_CONNECTION_VARIABLE = "STREAM_DETECTOR_HUB__CONNECTION_STRING"
_NAME_VARIABLE = "STREAM_DETECTOR_HUB__NAME"


def _connection(args: argparse.Namespace) -> HubConnection:
    """The hub of the settings, with the arguments over them as if they were variables."""
    from stream_detector.hub.from_settings import hub_connection
    from stream_detector.settings import load_settings

    environ = dict(os.environ)
    options: dict[str, str] = {}
    if args.connection_string_file is not None:
        try:
            text = args.connection_string_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{args.connection_string_file}: cannot be read") from error
        if not text:
            raise UsageError(f"--connection-string-file: {args.connection_string_file} is empty")
        environ.pop(f"{_CONNECTION_VARIABLE}_FILE", None)
        environ[_CONNECTION_VARIABLE] = text
        options[_CONNECTION_VARIABLE] = "--connection-string-file"
    if args.hub is not None:
        if not args.hub.strip():
            raise UsageError("--hub: must not be empty")
        environ[_NAME_VARIABLE] = args.hub
        options[_NAME_VARIABLE] = "--hub"
    try:
        settings = load_settings(args.config, environ)
    except ConfigurationError as error:
        raise ConfigurationError([_as_given(problem, options) for problem in error.problems]) from None
    if settings.hub.is_embedded:
        raise UsageError(
            "no hub to send to: set STREAM_DETECTOR_HUB__CONNECTION_STRING, "
            "or give --config or --connection-string-file"
        )
    return hub_connection(settings.hub)


def _as_given(problem: Problem, options: dict[str, str]) -> Problem:
    """The problem by the name of the option that gave the value, where one did."""
    option = options.get(problem.key)
    text = problem.text.replace(
        "hub.connection_string", options.get(_CONNECTION_VARIABLE, "hub.connection_string")
    )
    return Problem(
        problem.source if option is None else "arguments", problem.line, option or problem.key, text
    )


def _bodies(args: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    if args.generate:
        from stream_detector.generate.stream import generated_bodies

        now = ticks.from_unix_seconds(time.time())
        for number, body in enumerate(generated_bodies(args.seed, args.generate, now), 1):
            yield f"generated:{number}", body
        return
    for path in args.files:
        for number, body in read_bodies(path):
            yield f"{path}:{number}", body.rstrip(b"\r\n")
