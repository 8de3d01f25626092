"""Blocking writes beside the event loop, on a thread that never holds the process back.

`asyncio.to_thread` would do, but for the end: its threads are waited for at exit, and a reader that
has stopped reading would keep a detector that was told to stop from ending. These threads are
daemons, and only call the system directly, so that the interpreter can end under them.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

IDLE = 60.0
"""Seconds without work after which the thread ends; the next work starts another."""


@dataclass(frozen=True, slots=True)
class _Work:
    call: Callable[[], None]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Aside:
    """Runs calls one after another, in order, on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = False

    async def run(self, call: Callable[[], None]) -> None:
        """Wait until `call` has run; raises what it raises.

        When the waiting is cancelled the call still runs to its end, and later calls after it.
        """
        loop = asyncio.get_running_loop()
        work = _Work(call, loop, loop.create_future())
        with self._lock:
            self._waiting.put(work)
            if not self._running:
                self._running = True
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        await work.done

    def _serve(self) -> None:
        while True:
            try:
                work = self._waiting.get(timeout=IDLE)
            except queue.Empty:
                with self._lock:
                    if self._waiting.empty():
                        self._running = False
                        return
                continue
            error: Exception | None = None
            try:
                work.call()
            except Exception as raised:
                error = raised
            try:
                work.loop.call_soon_threadsafe(_settle, work.done, error)
            except RuntimeError:
                pass  # the loop was closed while the call was running; nobody waits any more


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
