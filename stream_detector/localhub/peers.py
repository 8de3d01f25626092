"""What the service keeps with a connection, and what a link says of where it wants to go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stream_detector.localhub.amqp.connection import Connection
from stream_detector.localhub.amqp.fields import from_described
from stream_detector.localhub.amqp.link import IncomingLink, OutgoingLink
from stream_detector.localhub.amqp.performatives import Source, Target
from stream_detector.localhub.amqp.types import Described
from stream_detector.localhub.receivers import PartitionReceiver
from stream_detector.localhub.requests import ReplyQueue
from stream_detector.localhub.tokens import Grant


@dataclass(slots=True)
class Peer:
    """What belongs to one connection."""

    wake: Callable[[float], None]
    """Ask the shell to pump this peer after some seconds."""
    grants: dict[tuple[str, ...], Grant] = field(default_factory=dict)
    senders: dict[IncomingLink, tuple[str, ...]] = field(default_factory=dict)
    """Links to hubs, with the path that they need a grant for."""
    outgoing: dict[OutgoingLink, PartitionReceiver | ReplyQueue] = field(default_factory=dict)


def peer_of(connection: Connection) -> Peer:
    """What the shell attached to a connection."""
    peer = connection.context
    assert isinstance(peer, Peer)
    return peer


def terminus_of(value: object) -> object:
    """The source or target in an attach, None if there is none that we know."""
    return from_described(value) if isinstance(value, Described) else None


def address_of(link: IncomingLink | OutgoingLink) -> str:
    """Where the peer wants to go: the target of a sender, the source of a receiver."""
    terminus = terminus_of(link.attach.target if isinstance(link, IncomingLink) else link.attach.source)
    address = terminus.address if isinstance(terminus, Source | Target) else None
    if isinstance(address, bytes):
        return address.decode("utf-8", "replace")
    return address if isinstance(address, str) else ""


def reply_queue(link: IncomingLink, node: str, reply_to: str | None) -> ReplyQueue | None:
    """Where the reply goes: a link of the same session, the one with the target that was asked for."""
    found = None
    for other in link.session.links.values():
        queue = (
            peer_of(link.session.connection).outgoing.get(other) if isinstance(other, OutgoingLink) else None
        )
        if isinstance(queue, ReplyQueue) and queue.node == node:
            target = terminus_of(other.attach.target)
            found = queue
            if reply_to is not None and isinstance(target, Target) and target.address == reply_to:
                return queue
    return found
