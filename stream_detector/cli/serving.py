"""What `run` and `demo` share: the hub and its positions from the settings, the embedded hub."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from stream_detector import ticks
from stream_detector.cli.secret_file import write_secret
from stream_detector.cli.signals import stop_on_signals
from stream_detector.errors import InputError, StreamDetectorError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.from_settings import hub_connection
from stream_detector.hub.memory_positions import MemoryPositions
from stream_detector.hub.positions import DirectoryCheckpointStore
from stream_detector.localhub import LocalHub
from stream_detector.rules.model import Rule
from stream_detector.service import Service, Source, blob_positions
from stream_detector.settings import Settings
from stream_detector.settings.azure import parse_hub_connection

logger = logging.getLogger(__name__)


async def serve(settings: Settings, rules: Sequence[Rule]) -> None:
    """Run the service that `settings` describe, with `rules`, until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    service = Service(settings, rules)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(open_source(settings))
        await service.run(source, stop)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[Source]:
    """The hub of the settings with its positions; the embedded hub is started and stopped here."""
    async with AsyncExitStack() as stack:
        if settings.hub.is_embedded:
            hub = await stack.enter_async_context(embedded_hub(settings))
            yield embedded_source(settings, hub)
            return
        if settings.state.blob is not None:
            store = await stack.enter_async_context(blob_positions(settings))
        else:
            store = DirectoryCheckpointStore(settings.state.directory / "positions")
        yield Source(hub_connection(settings.hub), store)


def embedded_source(settings: Settings, hub: LocalHub) -> Source:
    """The embedded hub as a source. Its log lives in memory, so its positions do too."""
    text = hub.connection_string()
    connection = HubConnection(
        name=settings.hub.name,
        host=parse_hub_connection(text).host,
        connection_string=text,
        consumer_group=settings.hub.consumer_group,
    )
    return Source(connection, MemoryPositions())


@asynccontextmanager
async def embedded_hub(settings: Settings) -> AsyncIterator[LocalHub]:
    """The embedded hub, listening; its connection string is left in the state directory for `send`."""
    embedded = settings.hub.embedded
    hub = LocalHub(
        {settings.hub.name: embedded.partitions},
        key=None if embedded.key is None else embedded.key.get_secret_value(),
        consumer_groups=("$Default", settings.hub.consumer_group),
        retention_bytes=embedded.retention_size,
        retention_age=ticks.to_unix_seconds(embedded.retention_age),
        host=embedded.host,
        port=embedded.port,
    )
    try:
        await hub.start()
    except OSError as error:
        raise StreamDetectorError(
            f"the embedded hub cannot listen on {embedded.host} port {embedded.port}: {error.strerror}"
        ) from error
    path = settings.state.directory / "embedded-hub.connection-string"
    try:
        try:
            write_secret(path, hub.connection_string(settings.hub.name))
            logger.info("embedded hub listens; its connection string is in a file", extra={"file": str(path)})
        except InputError as error:
            logger.warning("the connection string could not be left in a file", extra={"reason": str(error)})
        yield hub
    finally:
        text = hub.connection_string(settings.hub.name)
        await hub.stop()
        _remove_if_ours(path, text)


def _remove_if_ours(path: Path, text: str) -> None:
    """Another process with the same state directory may have written its own since."""
    try:
        if path.read_text("utf-8").strip() == text:
            path.unlink()
    except OSError:
        return
