"""The playing half of the `demo` command: service and story side by side."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from stream_detector import ticks
from stream_detector.cli.serving import embedded_hub, embedded_source
from stream_detector.cli.signals import stop_on_signals
from stream_detector.generate.scenario import scenario, scenario_pages
from stream_detector.hub.publisher import Publisher
from stream_detector.rules.model import Rule
from stream_detector.service import Service, Source
from stream_detector.settings import Settings

SEED = 15
ALERT_TIMEOUT = 10.0
"""Seconds for an attack to be paged."""


def _tell(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


async def play(settings: Settings, rules: Sequence[Rule]) -> int:
    """Run service and story together; the exit code of `demo`."""
    stop = stop_on_signals()
    service = Service(settings, rules)
    expected = scenario_pages(SEED)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(embedded_hub(settings))
        source = embedded_source(settings, hub)
        _tell(f"embedded Event Hubs on port {hub.port}, {settings.hub.embedded.partitions} partitions")
        serving = asyncio.create_task(service.run(source, stop))
        telling = asyncio.create_task(_story(service, source, stop))
        await asyncio.wait((serving, telling), return_when=asyncio.FIRST_COMPLETED)
        interrupted = stop.is_set() and not telling.done()
        stop.set()
        await serving
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    opened = service.intake.opened
    _tell(f"{opened} alerts opened, {expected} expected")
    return 0 if interrupted or opened == expected else 1


async def _story(service: Service, source: Source, stop: asyncio.Event) -> None:
    """Publish each step when it is due; after an attack, wait for its page."""
    loop = asyncio.get_running_loop()
    await service.receiving.wait()
    _tell(f"metrics on http://127.0.0.1:{service.observe_port}/metrics while this runs")
    async with Publisher(source.connection) as publisher:
        began, pages = loop.time(), 0
        for step in scenario(SEED):
            await asyncio.sleep(max(0.0, began + step.after - loop.time()))
            body = step.render(ticks.from_unix_seconds(time.time()))
            if step.title:
                _tell(f"{step.after:4.1f} s  {step.title}")
            pages += bool(step.pages)
            sent = loop.time()
            await publisher.add(body.body)
            await publisher.flush()
            if step.pages and await _paged(service, pages):
                _tell(f"        paged {1000 * (loop.time() - sent):.0f} ms after it was sent")
    stop.set()


async def _paged(service: Service, count: int) -> bool:
    """Whether the alert number `count` opens in time."""
    try:
        await asyncio.wait_for(service.intake.opened_reach(count), ALERT_TIMEOUT)
    except TimeoutError:
        _tell("        no alert came")
        return False
    return True
