"""Receivers of partitions: who may receive beside whom, and what each is sent next.

A consumer group has, per partition, either one receiver with an epoch or up to five without. The order of
attaching decides as in the service: a higher or equal epoch takes over, a lower one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from stream_detector.errors import HubError
from stream_detector.localhub.amqp.errors import RESOURCE_LIMIT_EXCEEDED, STOLEN
from stream_detector.localhub.amqp.link import OutgoingLink
from stream_detector.localhub.amqp.sections import DELIVERY_ANNOTATIONS, symbol_map_section
from stream_detector.localhub.amqp.types import Timestamp
from stream_detector.localhub.entities import ReceiveSource
from stream_detector.localhub.partition import Partition

MAX_RECEIVERS = 5
"""Receivers without epoch per partition and consumer group, a quota of the service."""
TURN = 64
"""Events that one receiver is sent before the next of the same connection has its turn."""


class ReceiverRefused(HubError):
    """A receiver that may not attach; `condition` says why to the peer."""

    def __init__(self, condition: str, description: str) -> None:
        self.condition = condition
        super().__init__(description)


class PartitionReceiver:
    """One receiving link and its position."""

    def __init__(
        self, link: OutgoingLink, source: ReceiveSource, next_number: int, epoch: int | None, *, metrics: bool
    ) -> None:
        self.link = link
        self.source = source
        self.epoch = epoch
        self.next_number = next_number
        """Sequence number of the event to send next."""
        self.delivered = 0
        self._metrics = metrics

    def pump(self, output_limit: int, now_ms: int, delay_ms: int) -> bool:
        """Send up to TURN events while link, session and socket take them; whether there may be more.

        Events enqueued less than `delay_ms` ago stay.
        """
        link, partition = self.link, self.source.partition
        connection = link.session.connection
        number = max(self.next_number, partition.first_sequence_number)
        annotations = self._runtime_metrics(partition, now_ms) if self._metrics else b""
        sent = 0
        while sent < TURN and link.ready and connection.output_size < output_limit:
            event = partition.at(number)
            if event is None or (delay_ms and event.enqueued_ms + delay_ms > now_ms):
                if event is None:
                    link.finish_drain()
                break
            head = event.header + annotations
            link.deliver(head + event.rest if head else event.rest)
            number += 1
            sent += 1
        self.next_number = number
        self.delivered += sent
        return sent == TURN

    def due_ms(self, delay_ms: int) -> int | None:
        """When the next event may be sent, if it waits for `delay_ms` to pass."""
        event = self.source.partition.at(self.next_number)
        return None if event is None else event.enqueued_ms + delay_ms

    def _runtime_metrics(self, partition: Partition, now_ms: int) -> bytes:
        return symbol_map_section(
            DELIVERY_ANNOTATIONS,
            {
                "last_enqueued_sequence_number": partition.next_sequence_number - 1,
                "last_enqueued_offset": partition.last_offset,
                "last_enqueued_time_utc": Timestamp(partition.last_enqueued_ms),
                "runtime_info_retrieval_time_utc": Timestamp(now_ms),
            },
        )


class Receivers:
    """All receivers of a namespace, by partition and consumer group."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], list[PartitionReceiver]] = {}
        self._by_partition: dict[int, list[PartitionReceiver]] = {}

    def admit(self, source: ReceiveSource, epoch: int | None) -> list[PartitionReceiver]:
        """The receivers that a new one with this epoch displaces.

        Raises:
            ReceiverRefused: the new one may not attach.
        """
        present = self._groups.get(_group(source), [])
        highest = max((r.epoch for r in present if r.epoch is not None), default=None)
        if epoch is not None:
            if highest is not None and highest > epoch:
                raise ReceiverRefused(
                    STOLEN,
                    f"A receiver with the higher epoch '{highest}' exists already: "
                    f"a receiver with epoch '{epoch}' cannot be created.",
                )
            return list(present)
        if highest is not None:
            raise ReceiverRefused(
                STOLEN,
                f"A receiver with epoch '{highest}' exists already: "
                "a receiver without epoch is not allowed beside it.",
            )
        if len(present) >= MAX_RECEIVERS:
            raise ReceiverRefused(
                RESOURCE_LIMIT_EXCEEDED,
                "Exceeded the maximum number of allowed receivers per partition in a consumer group "
                f"which is {MAX_RECEIVERS}.",
            )
        return []

    def add(self, receiver: PartitionReceiver) -> None:
        """Count a receiver in."""
        self._groups.setdefault(_group(receiver.source), []).append(receiver)
        self._by_partition.setdefault(id(receiver.source.partition), []).append(receiver)

    def remove(self, receiver: PartitionReceiver) -> None:
        """Forget a receiver; nothing happens if it is gone already."""
        for receivers in (
            self._groups.get(_group(receiver.source), []),
            self._by_partition.get(id(receiver.source.partition), []),
        ):
            if receiver in receivers:
                receivers.remove(receiver)

    def of(self, partition: Partition) -> list[PartitionReceiver]:
        """Receivers of one partition, of all groups."""
        return list(self._by_partition.get(id(partition), ()))

    def __iter__(self) -> Iterator[PartitionReceiver]:
        for receivers in list(self._by_partition.values()):
            yield from list(receivers)


def _group(source: ReceiveSource) -> tuple[int, str]:
    return id(source.partition), source.consumer_group
