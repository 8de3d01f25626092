"""The event loop's lag, measured on a loop that is really blocked."""

from __future__ import annotations

import asyncio
import contextlib
import time

from stream_detector.observe.loop_lag import measure_loop_lag


async def test_a_blocked_loop_is_seen() -> None:
    lags: asyncio.Queue[float] = asyncio.Queue()
    task = asyncio.create_task(measure_loop_lag(lags.put_nowait, interval=0.02))
    await lags.get()
    time.sleep(0.3)  # blocks the loop: this is what is measured
    assert await asyncio.wait_for(lags.get(), 5) > 0.2
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
