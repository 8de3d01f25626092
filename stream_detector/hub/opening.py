"""The first contact with a hub: is it there, may we in, and do our positions belong to its log?

A wrong key or name ends the program with a sentence. A hub that cannot be reached yet is tried again,
because a pod may start before its network does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, ResourceNotFoundError
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from stream_detector.errors import HubError
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import HubErrorKind, understand, understand_kind
from stream_detector.hub.sole_reader import SoleReader

logger = logging.getLogger(__name__)

ATTEMPT_TIMEOUT = 30.0
"""Seconds for one attempt, the SDK's own retries included."""
PAUSES = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class OpenedHub:
    """What the hub said of itself."""

    namespace: str
    partitions: tuple[str, ...]
    newest: dict[str, int]
    """Sequence number of the last enqueued event per partition; -1 for an empty one."""


async def open_hub(connection: HubConnection, patience: float) -> OpenedHub:
    """Ask the hub for its partitions, trying for `patience` seconds while it cannot be reached.

    Raises:
        HubError: at once when only a change of settings helps, else when the time is over.
    """
    deadline = time.monotonic() + patience
    attempt = 0
    while True:
        client = connection.consumer(None, retry_total=0)  # tried again here, and told each time
        try:
            return await asyncio.wait_for(_ask(client), ATTEMPT_TIMEOUT)
        except Exception as error:
            trouble = understand(error, connection)
        finally:
            await client.close()
        pause = PAUSES[min(attempt, len(PAUSES) - 1)]
        attempt += 1
        if trouble.permanent or time.monotonic() + pause > deadline:
            raise HubError(trouble.text)
        logger.warning(trouble.text, extra={"attempt": attempt, "pause_seconds": pause})
        await asyncio.sleep(pause)


async def _ask(client: EventHubConsumerClient) -> OpenedHub:
    partitions = tuple(await client.get_partition_ids())
    newest = {}
    for partition in partitions:
        properties = await client.get_partition_properties(partition)
        empty = properties["is_empty"]
        newest[partition] = (
            -1
            if empty and properties["last_enqueued_sequence_number"] <= 0
            else int(properties["last_enqueued_sequence_number"])
        )
    await _try_link(client, partitions[0])
    # The namespace as the SDK writes it into checkpoints.
    return OpenedHub(client._address.hostname, partitions, newest)


async def _try_link(client: EventHubConsumerClient, partition: str) -> None:
    """Attach a receiving link once, to hear why it cannot be.

    The SDK's receive loop ends without a word when its first attach is refused (a consumer group that
    does not exist, no right to listen), and its processor starts it again for ever. Its public methods
    offer no other way to see that error; the two private ones used here are pinned by a test.
    """

    async def ignore(context: PartitionContext, event: EventData) -> None: ...

    consumer = client._create_consumer(client._consumer_group, partition, "@latest", ignore)
    try:
        await consumer._open()
    except Exception as error:
        # Somebody holds the partition with an epoch: the link exists, and the takeover is another matter.
        if understand_kind(error) is not HubErrorKind.STOLEN:
            raise
    finally:
        await consumer.close()


async def forget_foreign_positions(store: SoleReader, connection: HubConnection, hub: OpenedHub) -> None:
    """Do not serve checkpoints that are ahead of the hub: it was made anew, its numbers began again.

    Such a checkpoint would hide every event until the numbers catch up.

    Raises:
        HubError: the store of positions cannot be read.
    """
    for checkpoint in await _stored_positions(store, connection, hub):
        partition = str(checkpoint["partition_id"])
        number = checkpoint.get("sequence_number")
        if number is not None and int(number) > hub.newest.get(partition, int(number)):
            store.ignore(partition)
            logger.warning(
                "checkpoint is ahead of the hub and is not used: the hub was made anew",
                extra={"partition": partition},
            )


async def _stored_positions(
    store: SoleReader, connection: HubConnection, hub: OpenedHub
) -> list[dict[str, Any]]:
    """Ask the store once, in words when it cannot answer: later the SDK would only try again for ever."""
    try:
        return list(await store.list_checkpoints(hub.namespace, connection.name, connection.consumer_group))
    except ResourceNotFoundError as error:
        raise HubError("state.blob: the container does not exist; create it, it is not made here") from error
    except AzureError as error:
        if isinstance(error, ClientAuthenticationError) or getattr(error, "status_code", None) in (401, 403):
            raise HubError(
                "state.blob: the storage account did not accept the credential: check the key, or the role "
                "Storage Blob Data Contributor on the container"
            ) from error
        raise HubError(
            f"state.blob: the storage account cannot be used ({type(error).__name__}): check account, "
            "container, rights and network"
        ) from error
