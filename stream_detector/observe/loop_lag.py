"""Measures how late the event loop is: the time that something blocked it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.5
"""Seconds between measurements; shorter blocks are seen when they cover the instant of waking."""


async def measure_loop_lag(report: Callable[[float], None], interval: float = INTERVAL) -> None:
    """Report the lag in seconds after each interval, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        report(max(0.0, loop.time() - due))
