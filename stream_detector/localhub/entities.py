"""Event hubs, their partitions and consumer groups, and the addresses that name them.

Names are compared without case, as the service does, and shown as they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from stream_detector.errors import HubError
from stream_detector.localhub.events import Submission
from stream_detector.localhub.partition import Partition, Retention, plain_offset
from stream_detector.localhub.placement import partition_for_key

DEFAULT_GROUP = "$Default"


MAX_PARTITIONS = 1024
"""Partitions of one hub, the most that any tier of the service has."""


def check_hubs(hubs: Mapping[str, int]) -> None:
    """Names and partition counts that a namespace can have.

    Raises:
        ValueError: an empty name or one with a slash, a count outside 1 to 1024, or a name twice.
    """
    for name, partitions in hubs.items():
        if not name or "/" in name:
            raise ValueError(f"{name!r} is not a name for a hub")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise ValueError(f"{name}: a hub has 1 to {MAX_PARTITIONS} partitions, not {partitions}")
    if len({name.lower() for name in hubs}) != len(hubs):
        raise ValueError("two hubs have the same name: case is ignored")


class EntityError(HubError):
    """An address that leads nowhere. The text is meant for the peer."""


class Hub:
    """One event hub."""

    def __init__(
        self,
        name: str,
        partitions: int,
        consumer_groups: Iterable[str],
        created_ms: int,
        retention: Retention,
        *,
        first_sequence_number: int = 0,
        offset_text: Callable[[int], str] = plain_offset,
    ) -> None:
        self.name = name
        self.created_ms = created_ms
        self.partitions = tuple(
            Partition(
                str(index),
                retention,
                first_sequence_number=first_sequence_number,
                offset_text=offset_text,
            )
            for index in range(partitions)
        )
        self.consumer_groups = frozenset(group.lower() for group in (*consumer_groups, DEFAULT_GROUP))
        self._turn = 0

    def partition(self, partition_id: str) -> Partition:
        """The partition with this id.

        Raises:
            EntityError: there is none.
        """
        for partition in self.partitions:
            if partition.id == partition_id:
                return partition
        last = len(self.partitions) - 1
        raise EntityError(f"Partition '{partition_id}' of '{self.name}' does not exist: 0 to {last} do.")

    def place(self, submission: Submission) -> Partition:
        """Where events go that name no partition: by their key, or in turn."""
        if submission.partition_key is not None:
            return self.partitions[partition_for_key(submission.partition_key, len(self.partitions))]
        self._turn = (self._turn + 1) % len(self.partitions)
        return self.partitions[self._turn]


@dataclass(frozen=True, slots=True)
class SendTarget:
    """Where a sender's link leads: a hub, or one of its partitions."""

    hub: Hub
    partition: Partition | None


@dataclass(frozen=True, slots=True)
class ReceiveSource:
    """Where a receiver's link starts."""

    hub: Hub
    partition: Partition
    consumer_group: str
    """Lower case."""


class Hubs:
    """All hubs of a namespace, by name."""

    def __init__(self, hubs: Iterable[Hub]) -> None:
        self._hubs: Mapping[str, Hub] = {hub.name.lower(): hub for hub in hubs}

    def __iter__(self) -> Iterator[Hub]:
        return iter(self._hubs.values())

    def hub(self, name: str) -> Hub:
        """The hub with this name.

        Raises:
            EntityError: there is none.
        """
        hub = self._hubs.get(name.lower())
        if hub is None:
            raise EntityError(f"The messaging entity '{name}' could not be found.")
        return hub

    def send_target(self, path: tuple[str, ...]) -> SendTarget:
        """What `hub` or `hub/Partitions/id` names. Segments are in lower case.

        Raises:
            EntityError: another form, or something that does not exist.
        """
        match path:
            case (name,):
                return SendTarget(self.hub(name), None)
            case (name, "partitions", partition_id):
                hub = self.hub(name)
                return SendTarget(hub, hub.partition(partition_id))
        raise EntityError(f"The messaging entity '{'/'.join(path)}' could not be found.")

    def receive_source(self, path: tuple[str, ...]) -> ReceiveSource:
        """What `hub/ConsumerGroups/group/Partitions/id` names. Segments are in lower case.

        Raises:
            EntityError: another form, or something that does not exist.
        """
        match path:
            case (name, "consumergroups", group, "partitions", partition_id):
                hub = self.hub(name)
                if group not in hub.consumer_groups:
                    raise EntityError(f"The consumer group '{group}' of '{hub.name}' could not be found.")
                return ReceiveSource(hub, hub.partition(partition_id), group)
        raise EntityError(f"The messaging entity '{'/'.join(path)}' could not be found.")
