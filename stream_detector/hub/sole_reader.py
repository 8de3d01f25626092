"""Checkpoints from a durable store, ownership in this process alone.

Topology `single` reads every partition in one process: sharing partitions with another process would
tear groups apart. The SDK's ownership records would only delay it: after a hard kill they stay valid
until they expire, and the restarted detector would be blind for as long. So ownership is granted in
memory, and the epoch (owner level 0, set by the SDK when a store is given) makes a second reader
visible as a stolen link.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any

from azure.eventhub.aio import CheckpointStore


class SoleReader(CheckpointStore):
    """Wraps a durable store: claims always succeed, checkpoints are written through."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._ownership: dict[str, dict[str, Any]] = {}
        self._ignored: set[str] = set()

    def ignore(self, partition: str) -> None:
        """Serve no checkpoint for this partition until a new one is written: it belongs to another log."""
        self._ignored.add(partition)

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Ownership of this process, from memory."""
        return list(self._ownership.values())

    async def claim_ownership(
        self, ownership_list: Iterable[dict[str, Any]], **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Grant every claim."""
        granted = []
        for claim in ownership_list:
            claim = dict(claim, last_modified_time=time.time(), etag=str(uuid.uuid4()))
            self._ownership[claim["partition_id"]] = claim
            granted.append(claim)
        return granted

    async def update_checkpoint(self, checkpoint: dict[str, Any], **kwargs: Any) -> None:
        """Write through to the durable store."""
        await self._store.update_checkpoint(checkpoint, **kwargs)
        self._ignored.discard(str(checkpoint["partition_id"]))

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Checkpoints of the durable store, without those that were found to belong to another log."""
        found = await self._store.list_checkpoints(
            fully_qualified_namespace, eventhub_name, consumer_group, **kwargs
        )
        return [checkpoint for checkpoint in found if checkpoint["partition_id"] not in self._ignored]
