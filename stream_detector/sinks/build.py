"""Makes the sinks that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterable

from stream_detector.settings.model import FileSinkSettings, SinkSettings
from stream_detector.sinks.delivery import Route
from stream_detector.sinks.file import FileSink
from stream_detector.sinks.port import Sink
from stream_detector.sinks.stdout import StdoutSink


def build_routes(settings: Iterable[SinkSettings]) -> tuple[Route, ...]:
    """A route for each entry, in the order of the settings. Opens nothing."""
    routes = []
    for entry in settings:
        sink: Sink
        if isinstance(entry, FileSinkSettings):
            sink = FileSink(entry.path, entry.name)
        else:
            sink = StdoutSink(entry.name)
        routes.append(Route(sink, frozenset(entry.events)))
    return tuple(routes)
