"""Health: what the orchestrator and people are told about this process.

    starting -> loading -> receiving -> stopping

Live means that the event loop turns and every essential task runs; it says nothing of Azure,
because restarting a healthy process does not repair a network. Ready means that it receives.
Started means that it has received once. Every "no" comes with its reasons.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

BEAT_TIMEOUT = 30.0
"""Seconds without a beat of the event loop after which it counts as blocked."""


class Phase(StrEnum):
    """Where the process stands in its life."""

    STARTING = "starting"
    LOADING = "loading"
    RECEIVING = "receiving"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Check:
    """Answer to one question; `reasons` is empty when the answer is yes."""

    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


class Health:
    """Collects what the parts of the process say about themselves.

    `clock` gives seconds that never go back. The first beat counts from construction.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, beat_timeout: float = BEAT_TIMEOUT
    ) -> None:
        self._clock = clock
        self._beat_timeout = beat_timeout
        self._last_beat = clock()
        self._phase = Phase.STARTING
        self._received_once = False
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._obstacles: dict[str, str] = {}

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self._phase

    def enter(self, phase: Phase) -> None:
        """Go to another phase. Stopping is final."""
        if self._phase is not Phase.STOPPING:
            self._phase = phase
            self._received_once = self._received_once or phase is Phase.RECEIVING

    def beat(self) -> None:
        """The event loop turns; called by a task at least every few seconds."""
        self._last_beat = self._clock()

    def watch(self, name: str, task: asyncio.Task[object]) -> None:
        """From now on the process is not live once `task` has ended, unless it is stopping."""
        self._tasks[name] = task

    def obstacle(self, part: str, reason: str | None) -> None:
        """What keeps `part` from working, such as a lost connection; None when it works again.

        Makes the process not ready, never not live.
        """
        if reason is None:
            self._obstacles.pop(part, None)
        else:
            self._obstacles[part] = reason

    def live(self) -> Check:
        """Whether a restart could not help."""
        reasons = []
        silent = self._clock() - self._last_beat
        if silent > self._beat_timeout:
            reasons.append(f"the event loop has not turned for {silent:.0f} s")
        if self._phase is not Phase.STOPPING:
            reasons += [f"task {name} has ended" for name, task in self._tasks.items() if task.done()]
        return Check(tuple(reasons))

    def ready(self) -> Check:
        """Whether the process receives and decides."""
        reasons = []
        if self._phase is not Phase.RECEIVING:
            reasons.append(f"the detector is {self._phase}")
        reasons += [f"{part}: {reason}" for part, reason in sorted(self._obstacles.items())]
        return Check((*reasons, *self.live().reasons))

    def started(self) -> Check:
        """Whether the process has got as far as receiving."""
        return Check(() if self._received_once else (f"the detector is {self._phase}",))
