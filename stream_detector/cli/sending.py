"""The publishing half of the `send` command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from stream_detector.errors import HubError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.publisher import Publisher


async def send(
    connection: HubConnection,
    bodies: Iterator[tuple[str, bytes]],
    partition: str | None,
    partition_key: str | None,
    rate: float | None,
) -> int:
    """Publish (place, body) pairs, at most `rate` per second; the exit code, 1 when a body was refused.

    Raises:
        HubError: the hub cannot be used.
    """
    async with Publisher(connection, partition=partition, partition_key=partition_key) as publisher:
        refused = await _send_all(publisher, bodies, rate)
        await publisher.flush()
    print(
        f"send: {publisher.events:,} events, {publisher.size:,} bytes, {refused:,} refused", file=sys.stderr
    )
    return 1 if refused else 0


async def _send_all(publisher: Publisher, bodies: Iterator[tuple[str, bytes]], rate: float | None) -> int:
    refused = 0
    loop = asyncio.get_running_loop()
    started = loop.time()
    for count, (place, body) in enumerate(bodies):
        if rate is not None:
            wait = started + count / rate - loop.time()
            if wait > 0:
                await publisher.flush()
                await asyncio.sleep(wait)
        try:
            await publisher.add(body)
        except HubError as error:
            if not publisher.usable:
                raise
            refused += 1
            print(f"{place}: {error}", file=sys.stderr)
    return refused
