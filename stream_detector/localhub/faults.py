"""Faults on demand, for tests: what a network, a service or a redelivery can do to a client.

Holds the wishes; `service` and `server` carry them out. Without wishes a hub behaves well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from stream_detector.localhub.amqp.errors import DETACH_FORCED


class Breakable(Protocol):
    """What a running hub lets `Faults` do to it."""

    def drop_connections(self) -> int:
        """Cut every connection without a word."""

    def detach_receivers(self, hub: str, partition: str, condition: str, description: str) -> int:
        """Detach the receivers of one partition with an error."""

    def rewind_receivers(self, hub: str, partition: str, sequence_number: int) -> int:
        """Make the receivers of one partition start again at an earlier event."""

    def wake_all(self) -> None:
        """Deliver what may be delivered now."""


@dataclass(slots=True)
class _Refusal:
    address: str
    condition: str
    description: str
    remaining: int | None


@dataclass(slots=True)
class Faults:
    """Pass one to `LocalHub(faults=...)` and change it at any time, in the hub's event loop.

    >>> faults = Faults()
    >>> faults.refuse_sends("com.microsoft:server-busy", "try later", times=1)
    >>> faults.next_send_refusal("orders")
    ('com.microsoft:server-busy', 'try later')
    >>> faults.next_send_refusal("orders") is None
    True
    """

    _delivery_delay: float = 0.0
    _attaches: list[_Refusal] = field(default_factory=list)
    _sends: list[_Refusal] = field(default_factory=list)
    _hub: Breakable | None = None

    @property
    def delivery_delay(self) -> float:
        """Seconds between the arrival of an event and its delivery, at least."""
        return self._delivery_delay

    @delivery_delay.setter
    def delivery_delay(self, seconds: float) -> None:
        self._delivery_delay = seconds
        if self._hub is not None:
            self._hub.wake_all()

    def refuse_attaches(
        self, condition: str, description: str, *, address: str = "", times: int | None = None
    ) -> None:
        """Refuse links whose address contains `address` (any case), `times` times or until `clear`."""
        self._attaches.append(_Refusal(address.lower(), condition, description, times))

    def refuse_sends(
        self, condition: str, description: str, *, address: str = "", times: int | None = None
    ) -> None:
        """Reject messages sent to an address that contains `address` (any case)."""
        self._sends.append(_Refusal(address.lower(), condition, description, times))

    def clear(self) -> None:
        """Behave again. What was done stays done."""
        self._attaches.clear()
        self._sends.clear()
        self.delivery_delay = 0.0

    def drop_connections(self) -> int:
        """Cut all connections as a failing network does; how many there were."""
        return 0 if self._hub is None else self._hub.drop_connections()

    def drop_receivers(
        self,
        hub: str,
        partition: str,
        *,
        condition: str = DETACH_FORCED,
        description: str = "The link was detached by the service.",
    ) -> int:
        """Detach the receivers of one partition, as a moving partition does; how many there were."""
        return 0 if self._hub is None else self._hub.detach_receivers(hub, partition, condition, description)

    def redeliver(self, hub: str, partition: str, sequence_number: int) -> int:
        """Deliver again everything from an event on; how many receivers there were."""
        return 0 if self._hub is None else self._hub.rewind_receivers(hub, partition, sequence_number)

    def bind(self, hub: Breakable | None) -> None:
        """Called by the hub that obeys."""
        self._hub = hub

    def next_attach_refusal(self, address: str) -> tuple[str, str] | None:
        """(condition, description) if a link to `address` is to be refused; uses the wish up."""
        return _take(self._attaches, address)

    def next_send_refusal(self, address: str) -> tuple[str, str] | None:
        """(condition, description) if a message to `address` is to be rejected; uses the wish up."""
        return _take(self._sends, address)


def _take(refusals: list[_Refusal], address: str) -> tuple[str, str] | None:
    for refusal in refusals:
        if refusal.address in address.lower():
            if refusal.remaining is not None:
                refusal.remaining -= 1
                if refusal.remaining <= 0:
                    refusals.remove(refusal)
            return refusal.condition, refusal.description
    return None
