"""Publishes event bodies in batches of the SDK, one open batch per partition."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.exceptions import EventDataSendError

from stream_detector.errors import HubError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import understand

BATCH_EVENTS = 200
"""Events per batch at most, so that a stream spreads over the partitions instead of filling one."""


class Publisher:
    """Sends bodies to one partition, by key, or to all partitions in turn.

    Raises HubError from `__aenter__`, `add` and `flush`; `usable` tells whether the next body may succeed.
    """

    def __init__(
        self, connection: HubConnection, *, partition: str | None = None, partition_key: str | None = None
    ) -> None:
        self._connection = connection
        self._partition = partition
        self._key = partition_key
        self._targets: tuple[str | None, ...] = ()
        self._open: dict[str | None, EventDataBatch] = {}
        self._turn = 0
        self.events = 0
        self.size = 0
        self.usable = True

    async def __aenter__(self) -> Self:
        partitions = await self._partitions()
        if self._partition is not None and self._partition not in partitions:
            raise HubError(
                f"hub {self._connection.describe()} has no partition {self._partition!r}; "
                f"it has {', '.join(partitions)}"
            )
        if self._partition is not None:
            self._targets = (self._partition,)
        else:
            self._targets = (None,) if self._key is not None else tuple(partitions)
        self._client = self._connection.producer()
        return self

    async def _partitions(self) -> list[str]:
        """Ask without retries: at the start, a wrong key should be told at once."""
        client = self._connection.producer(retry_total=0)
        try:
            return list(await client.get_partition_ids())
        except Exception as error:
            raise HubError(understand(error, self._connection).text) from error
        finally:
            await client.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def add(self, body: bytes) -> None:
        """Queue one body; a full batch is sent.

        Raises:
            HubError: the body is larger than the hub takes, or a batch was refused.
        """
        target = self._targets[self._turn % len(self._targets)]
        self._turn += 1
        event = EventData(body)
        batch = self._open.get(target)
        if batch is not None and (len(batch) >= BATCH_EVENTS or not _fits(batch, event)):
            await self._flush(target)
            batch = None
        if batch is None:
            batch = await self._new_batch(target)
            if len(batch) == 0 and not _fits(batch, event):
                raise HubError(f"a body of {len(body):,} bytes is larger than the hub takes")
            self._open[target] = batch
        self.events += 1
        self.size += len(body)

    async def flush(self) -> None:
        """Send what is queued."""
        for target in list(self._open):
            await self._flush(target)

    async def _new_batch(self, target: str | None) -> EventDataBatch:
        try:
            if target is not None:
                return await self._client.create_batch(partition_id=target)
            return await self._client.create_batch(partition_key=self._key)
        except Exception as error:
            self.usable = False
            raise HubError(understand(error, self._connection).text) from error

    async def _flush(self, target: str | None) -> None:
        batch = self._open.pop(target)
        try:
            await self._client.send_batch(batch)
        except EventDataSendError as error:
            self.usable = False
            raise HubError(
                f"hub {self._connection.describe()} refused a batch of {len(batch)} events"
            ) from error
        except Exception as error:
            self.usable = False
            raise HubError(understand(error, self._connection).text) from error


def _fits(batch: EventDataBatch, event: EventData) -> bool:
    try:
        batch.add(event)
    except ValueError:
        return False
    return True
