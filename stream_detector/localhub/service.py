"""Event Hubs on top of the protocol: links become senders, receivers and requests; rights are enforced.

No sockets and no timers: `server` gives every connection a `Peer`, calls `pump` when a peer may be sent
something, and `housekeep` now and then. Time is Unix seconds from the clock that is passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stream_detector.localhub.amqp.connection import Connection
from stream_detector.localhub.amqp.errors import INVALID_FIELD, NOT_FOUND, STOLEN, UNAUTHORIZED, DecodeError
from stream_detector.localhub.amqp.link import Delivery, IncomingLink, OutgoingLink
from stream_detector.localhub.amqp.performatives import Source
from stream_detector.localhub.entities import EntityError, Hub, Hubs, SendTarget
from stream_detector.localhub.events import Submission, read_submission
from stream_detector.localhub.faults import Faults
from stream_detector.localhub.partition import Partition
from stream_detector.localhub.peers import address_of, peer_of, reply_queue, terminus_of
from stream_detector.localhub.receivers import PartitionReceiver, ReceiverRefused, Receivers
from stream_detector.localhub.requests import (
    CBS,
    MANAGEMENT,
    SAS_TYPE,
    ReplyQueue,
    Request,
    encode_reply,
    management_reply,
    read_request,
)
from stream_detector.localhub.selector import SelectorError, position_in, start_at
from stream_detector.localhub.tokens import AccessKey, TokenError, entity_path

MAX_REQUEST_SIZE = 64 * 1024
"""Bytes of a request: anyone may send one, with or without rights."""
OUTPUT_LIMIT = 256 * 1024
"""Bytes put out for one connection before others and the socket have their turn."""
EPOCH = "com.microsoft:epoch"
RUNTIME_METRICS = "com.microsoft:enable-receiver-runtime-metric"
ARGUMENT_ERROR = "com.microsoft:argument-error"
_LOG = logging.getLogger("stream_detector.localhub")


@dataclass(slots=True)
class Counters:
    """Totals since the start."""

    received: int = 0
    """Events taken from senders, `append` included."""
    delivered: int = 0
    """Events sent to receivers, again or not."""
    rejected: int = 0
    """Messages of senders that were refused."""


class HubService:
    """A namespace: hubs, one key, and the peers that use them."""

    def __init__(
        self, hubs: Iterable[Hub], access_key: AccessKey, faults: Faults, clock: Callable[[], float]
    ) -> None:
        self.hubs = Hubs(hubs)
        self.faults = faults
        self.counters = Counters()
        self.receivers = Receivers()
        self._access_key = access_key
        self._clock = clock

    # What the protocol asks

    def check_plain(self, name: str, key: str) -> bool:
        """Whether a SASL PLAIN key name and key are ours."""
        return self._access_key.matches(name, key)

    def link_attached(self, link: IncomingLink | OutgoingLink) -> None:
        """Give the link its meaning, or refuse it."""
        address = address_of(link)
        refusal = self.faults.next_attach_refusal(address)
        if refusal is not None:
            link.refuse(*refusal)
            return
        path = entity_path(address)
        try:
            if path in ((CBS,), (MANAGEMENT,)):
                self._attach_node(link, path[0])
            elif isinstance(link, IncomingLink):
                self._attach_sender(link, path)
            else:
                self._attach_receiver(link, path)
        except EntityError as error:
            link.refuse(NOT_FOUND, str(error))
        except SelectorError as error:
            link.refuse(ARGUMENT_ERROR, str(error))
        except ReceiverRefused as error:
            link.refuse(error.condition, str(error))

    def message_received(self, link: IncomingLink, delivery: Delivery) -> None:
        """Store events of a sender, or answer a request."""
        if isinstance(link.context, SendTarget):
            self._submit(link, link.context, delivery)
        else:
            self._request(link, str(link.context), delivery)

    def link_detached(self, link: IncomingLink | OutgoingLink) -> None:
        """Forget a link."""
        peer = peer_of(link.session.connection)
        if isinstance(link, IncomingLink):
            peer.senders.pop(link, None)
            return
        outgoing = peer.outgoing.pop(link, None)
        if isinstance(outgoing, PartitionReceiver):
            self.receivers.remove(outgoing)

    # What the shell asks

    def pump(self, connection: Connection) -> bool:
        """Send a peer what it may be sent; whether it was only the output limit that ended it."""
        peer = peer_of(connection)
        now_ms = int(self._clock() * 1000)
        delay_ms = int(self.faults.delivery_delay * 1000)
        more = True
        while more and connection.writable and connection.output_size < OUTPUT_LIMIT:
            more = False
            for outgoing in list(peer.outgoing.values()):
                more = outgoing.pump(OUTPUT_LIMIT, now_ms, delay_ms) or more
        for outgoing in peer.outgoing.values():
            if isinstance(outgoing, PartitionReceiver):
                self.counters.delivered += outgoing.delivered
                outgoing.delivered = 0
                due = outgoing.due_ms(delay_ms) if delay_ms else None
                if due is not None and due > now_ms:
                    peer.wake((due - now_ms) / 1000)
        return connection.output_size >= OUTPUT_LIMIT

    def append(self, partition: Partition, submission: Submission) -> int:
        """Store events and wake their receivers; the sequence number of the last one."""
        count = partition.append(submission.events, submission.partition_key, int(self._clock() * 1000))
        self.counters.received += count
        self.wake(self.receivers.of(partition))
        return partition.next_sequence_number - 1

    def wake(self, receivers: Iterable[PartitionReceiver]) -> None:
        """Have their connections pumped."""
        for receiver in receivers:
            peer_of(receiver.link.session.connection).wake(0.0)

    def housekeep(self, connections: Iterable[Connection]) -> None:
        """Apply retention by age, and close the links whose tokens have expired."""
        now = self._clock()
        for hub in self.hubs:
            for partition in hub.partitions:
                partition.expire(int(now * 1000))
        for connection in connections:
            peer = peer_of(connection)
            for link, path in list(peer.senders.items()):
                self._require(link, connection, path, now)
            for outgoing_link, outgoing in list(peer.outgoing.items()):
                if isinstance(outgoing, PartitionReceiver):
                    self._require(outgoing_link, connection, entity_path(address_of(outgoing_link)), now)

    def _require(
        self, link: IncomingLink | OutgoingLink, connection: Connection, path: tuple[str, ...], now: float
    ) -> None:
        if not self._allowed(connection, path, now):
            link.detach(UNAUTHORIZED, "ExpiredToken: The token is expired.")
            self.link_detached(link)

    # Links

    def _attach_node(self, link: IncomingLink | OutgoingLink, node: str) -> None:
        link.context = node
        if isinstance(link, OutgoingLink):
            peer_of(link.session.connection).outgoing[link] = ReplyQueue(link, node)
            link.accept()
        else:
            link.accept(MAX_REQUEST_SIZE)

    def _attach_sender(self, link: IncomingLink, path: tuple[str, ...]) -> None:
        if not self._authorized(link, path, "Send"):
            return
        link.context = self.hubs.send_target(path)
        peer_of(link.session.connection).senders[link] = path
        link.accept()

    def _attach_receiver(self, link: OutgoingLink, path: tuple[str, ...]) -> None:
        if not self._authorized(link, path, "Listen"):
            return
        source = self.hubs.receive_source(path)
        terminus = terminus_of(link.attach.source)
        filters = terminus.filter if isinstance(terminus, Source) else None
        start = start_at(position_in(filters), source.partition)
        epoch = (link.attach.properties or {}).get(EPOCH)
        if epoch is not None and (not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0):
            link.refuse(INVALID_FIELD, "The epoch is not a number from 0.")
            return
        for displaced in self.receivers.admit(source, epoch):
            self._displace(displaced, epoch)
        wanted = link.attach.desired_capabilities or ()
        receiver = PartitionReceiver(link, source, start, epoch, metrics=RUNTIME_METRICS in wanted)
        self.receivers.add(receiver)
        peer_of(link.session.connection).outgoing[link] = receiver
        offered = (RUNTIME_METRICS,) if RUNTIME_METRICS in wanted else None
        link.accept(link.attach.properties, offered)

    def _displace(self, receiver: PartitionReceiver, epoch: int | None) -> None:
        link = receiver.link
        link.detach(
            STOLEN,
            f"A new receiver with epoch '{epoch}' was created: the receiver with epoch '{receiver.epoch}' "
            "is disconnected. A receiver is created again with a higher epoch only.",
        )
        self.link_detached(link)
        peer_of(link.session.connection).wake(0.0)

    def _authorized(self, link: IncomingLink | OutgoingLink, path: tuple[str, ...], claim: str) -> bool:
        if self._allowed(link.session.connection, path, self._clock()):
            return True
        link.refuse(
            UNAUTHORIZED,
            f"Unauthorized access. '{claim}' claim(s) are required to perform this operation. "
            f"Resource: '{'/'.join(path)}'.",
        )
        return False

    def _allowed(self, connection: Connection, path: tuple[str, ...], now: float) -> bool:
        if connection.identity is not None:
            return True
        return any(grant.covers(path, now) for grant in peer_of(connection).grants.values())

    # Messages

    def _submit(self, link: IncomingLink, target: SendTarget, delivery: Delivery) -> None:
        refusal = self.faults.next_send_refusal(address_of(link))
        if refusal is not None:
            self.counters.rejected += 1
            delivery.reject(*refusal)
            return
        try:
            submission = read_submission(delivery.message, delivery.message_format)
        except DecodeError as error:
            self.counters.rejected += 1
            _LOG.warning("a message for %s was rejected: %s", target.hub.name, error)
            delivery.reject(error.condition, error.description)
            return
        self.append(target.partition or target.hub.place(submission), submission)
        delivery.accept()

    def _request(self, link: IncomingLink, node: str, delivery: Delivery) -> None:
        try:
            request = read_request(delivery.message)
        except DecodeError as error:
            delivery.reject(error.condition, error.description)
            return
        delivery.accept()
        connection = link.session.connection
        reply = self._put_token(connection, request) if node == CBS else self._manage(connection, request)
        queue = reply_queue(link, node, request.reply_to)
        if queue is None:
            _LOG.warning("no link takes the reply of %s", node)
        else:
            queue.put(reply)

    def _put_token(self, connection: Connection, request: Request) -> bytes:
        if request.text("operation") != "put-token":
            return encode_reply(request, 400, "The operation is not supported.")
        kind, token, audience = request.text("type"), request.value, request.text("name")
        if kind != SAS_TYPE or not isinstance(token, str):
            return encode_reply(request, 401, f"Tokens of the type '{kind:.60}' are not accepted here.")
        try:
            grant = self._access_key.check(token, audience, self._clock())
        except TokenError as error:
            _LOG.warning("a token for %.200r was refused: %s", audience, error)
            return encode_reply(request, 401, str(error))
        peer_of(connection).grants[grant.path] = grant
        return encode_reply(request, 202, "Accepted")

    def _manage(self, connection: Connection, request: Request) -> bytes:
        if not self._allowed(connection, entity_path(request.text("name")), self._clock()):
            return encode_reply(request, 401, "Unauthorized access. A token for the entity is required.")
        return management_reply(request, self.hubs)
