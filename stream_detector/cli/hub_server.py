"""The serving half of the `hub` command."""

from __future__ import annotations

import argparse
import ssl
import sys
from collections.abc import Sequence

from stream_detector import ticks
from stream_detector.cli.secret_file import write_secret
from stream_detector.cli.signals import stop_on_signals
from stream_detector.errors import InputError, StreamDetectorError, UsageError
from stream_detector.localhub import LocalHub
from stream_detector.settings import azure


def _entities(names: list[str] | None) -> dict[str, int]:
    entities = {}
    for text in names or ["insights-operational-logs:4"]:
        name, _, count = text.partition(":")
        if not name or (count and not count.isdecimal()) or not 1 <= int(count or 4) <= 1024:
            raise UsageError(f"--name {text}: write NAME or NAME:PARTITIONS with 1 to 1024 partitions")
        try:
            entities[azure.hub_name(name)] = int(count or 4)
        except ValueError as error:
            raise UsageError(f"--name {text}: {error}") from None
    return entities


def _consumer_groups(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        try:
            azure.consumer_group(name)
        except ValueError as error:
            raise UsageError(f"--consumer-group {name}: {error}") from None
    return ("$Default", *names)


def _tls(args: argparse.Namespace) -> ssl.SSLContext | None:
    if (args.tls_certificate is None) != (args.tls_key is None):
        raise UsageError("--tls-certificate and --tls-key belong together")
    if args.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(args.tls_certificate, args.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InputError("the TLS certificate or key cannot be used") from error
    return context


def local_hub(args: argparse.Namespace, key: str | None) -> LocalHub:
    """The hub that the arguments describe, not started."""
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: must be from 0 to 65535")
    tls = _tls(args)
    try:
        return LocalHub(
            _entities(args.name),
            key=key,
            consumer_groups=_consumer_groups(args.consumer_group),
            retention_age=ticks.to_unix_seconds(args.retention),
            host=args.host,
            port=args.port,
            tls=tls,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


async def serve(args: argparse.Namespace, key: str | None) -> None:
    """Serve until SIGTERM or SIGINT; a key is drawn when none is given."""
    stop = stop_on_signals()
    hub = local_hub(args, key)
    try:
        await hub.start()
    except OSError as error:
        raise StreamDetectorError(
            f"cannot listen on {args.host} port {args.port}: {error.strerror}"
        ) from error
    try:
        text = hub.connection_string(only_hub(args))
        if args.connection_string_file is not None:
            write_secret(args.connection_string_file, text)
        print(text, flush=True)
        print(f"hub: listening on {args.host} port {hub.port}", file=sys.stderr, flush=True)
        await stop.wait()
    finally:
        await hub.stop()
    print(f"hub: {hub.received:,} events received, {hub.delivered:,} delivered", file=sys.stderr)


def only_hub(args: argparse.Namespace) -> str | None:
    """The name of the hub when there is just one: then the connection string can name it."""
    names = list(_entities(args.name))
    return names[0] if len(names) == 1 else None
