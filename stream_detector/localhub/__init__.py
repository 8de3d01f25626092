"""An Event Hubs namespace in one process: for development, for `run` without Azure, and for tests.

It speaks AMQP 1.0 so that the unmodified SDK, producers and consumers, works with it. Events are kept
in memory. What it does not do is listed in docs/localhub.md.
"""

from __future__ import annotations

from stream_detector.localhub.entities import EntityError
from stream_detector.localhub.faults import Faults
from stream_detector.localhub.server import LocalHub
from stream_detector.localhub.service import Counters

__all__ = ["Counters", "EntityError", "Faults", "LocalHub"]
