"""Waiting for a condition of another process, by looking again until it holds or time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_INTERVAL = 0.05
"""Seconds between looks."""


async def wait_until(holds: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
    """Return when `holds()`, asked in a thread so that servers in this loop go on.

    Raises:
        AssertionError: it did not hold within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(LOOK_INTERVAL)
