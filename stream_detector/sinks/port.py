"""What a sink is to the rest of the program, and what it needs to know of an alert.

A sink delivers one alert at a time and says how it went; whether and when to try again is the
caller's decision. Sinks do not know rules, windows or the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How a delivery ended; the label of delivery_attempts_total."""

    DELIVERED = "delivered"
    """The receiver has it."""
    RETRY = "retry"
    """Not delivered; the same alert may go through later."""
    REJECTED = "rejected"
    """Not delivered, and trying the same alert again cannot help."""


class DeliverableAlert(Protocol):
    """The part of an alert that delivery needs."""

    @property
    def alert_id(self) -> str: ...

    @property
    def event(self) -> str:
        """opened, updated or closed."""

    def to_dict(self) -> Mapping[str, object]:
        """The alert as one JSON object."""


class Sink(Protocol):
    """A receiver of alerts. Calls of one sink do not overlap."""

    @property
    def name(self) -> str:
        """Name from the settings: the metric label."""

    async def deliver(self, alert: DeliverableAlert) -> Outcome:
        """Hand over one alert.

        Raises:
            SinkClosed: the receiver has gone for good and nothing can be delivered any more.
        """

    async def aclose(self) -> None:
        """Release what the sink holds; safe to call twice."""
