"""Positions in memory: for the embedded hub, whose log does not outlive the process either."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from azure.eventhub.aio import CheckpointStore


class MemoryPositions(CheckpointStore):
    """Checkpoints of this process; ownership is always granted."""

    def __init__(self) -> None:
        self._checkpoints: dict[str, dict[str, Any]] = {}

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Nobody owns anything: `SoleReader` keeps ownership."""
        return []

    async def claim_ownership(
        self, ownership_list: Iterable[dict[str, Any]], **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Grant every claim."""
        return list(ownership_list)

    async def update_checkpoint(self, checkpoint: dict[str, Any], **kwargs: Any) -> None:
        """Remember a position."""
        self._checkpoints[str(checkpoint["partition_id"])] = dict(checkpoint)

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Every remembered position."""
        return list(self._checkpoints.values())
