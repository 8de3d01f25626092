"""Requests and replies over a pair of links: `$cbs` takes tokens, `$management` tells properties.

A reply goes to the link, in the same session, whose source is the node that was asked. What a request
means is a function of its message; sending the reply and keeping the grant is left to `service`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stream_detector.localhub.amqp.decoder import decode
from stream_detector.localhub.amqp.encoder import encode, encode_described, encode_items
from stream_detector.localhub.amqp.errors import DecodeError
from stream_detector.localhub.amqp.link import OutgoingLink
from stream_detector.localhub.amqp.sections import (
    APPLICATION_PROPERTIES,
    DATA,
    PROPERTIES,
    VALUE,
    data_bounds,
    list_items,
    split_sections,
)
from stream_detector.localhub.amqp.types import Array, Int, Timestamp
from stream_detector.localhub.entities import EntityError, Hub, Hubs
from stream_detector.localhub.partition import Partition

CBS, MANAGEMENT = "$cbs", "$management"
SAS_TYPE = "servicebus.windows.net:sastoken"
HUB_TYPE, PARTITION_TYPE = "com.microsoft:eventhub", "com.microsoft:partition"
MAX_WAITING_REPLIES = 100
"""Replies kept for a link that grants no credit; more are dropped, the oldest first."""

_PROPERTY_COUNT, _MESSAGE_ID, _REPLY_TO, _CORRELATION_ID = 13, 0, 4, 5
_NULL = b"\x40"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `repr` hides `value`: it may be a token."""

    properties: dict[str, object]
    value: object
    message_id: bytes
    """As encoded by the peer, so that the reply repeats its type."""
    reply_to: str | None

    def __repr__(self) -> str:
        return f"Request(operation={self.text('operation')!r}, type={self.text('type')!r})"

    def text(self, name: str) -> str:
        """An application property that is a text; "" if it is not."""
        value = self.properties.get(name)
        return value if isinstance(value, str) else ""


def read_request(message: bytes) -> Request:
    """The request in a message.

    Raises:
        DecodeError: not a message.
    """
    properties: dict[str, object] = {}
    value: object = None
    message_id, reply_to = _NULL, None
    for section in split_sections(message):
        content = message[section.value : section.end]
        if section.code == PROPERTIES:
            items = list_items(message, section)
            message_id = items[_MESSAGE_ID] if items else _NULL
            if len(items) > _REPLY_TO and items[_REPLY_TO] != _NULL:
                reply_to = str(decode(items[_REPLY_TO]))
        elif section.code == APPLICATION_PROPERTIES:
            found = decode(content)
            if not isinstance(found, dict):
                raise DecodeError("application properties are no map")
            properties = {str(key): item for key, item in found.items()}
        elif section.code == VALUE:
            value = decode(content)
        elif section.code == DATA:
            first, last = data_bounds(message, section)
            value = message[first:last]
    return Request(properties, value, message_id, reply_to)


def encode_reply(request: Request, status: int, description: str, value: object = None) -> bytes:
    """The message that answers a request."""
    items = [_NULL] * _PROPERTY_COUNT
    items[_CORRELATION_ID] = request.message_id
    # Clients look for either spelling.
    properties: dict[object, object] = {
        "status-code": Int(status),
        "status-description": description,
        "statusCode": Int(status),
        "statusDescription": description,
    }
    return (
        encode_described(PROPERTIES, encode_items(items))
        + encode_described(APPLICATION_PROPERTIES, encode(properties))
        + encode_described(VALUE, encode(value))
    )


def management_reply(request: Request, hubs: Hubs) -> bytes:
    """Properties of a hub or partition, or 404 when there is none, or 400 for another operation."""
    try:
        hub = hubs.hub(request.text("name"))
        match request.text("type"):
            case "com.microsoft:eventhub":
                return encode_reply(request, 200, "OK", _hub_properties(hub))
            case "com.microsoft:partition":
                partition = hub.partition(request.text("partition"))
                return encode_reply(request, 200, "OK", _partition_properties(hub, partition))
    except EntityError as error:
        return encode_reply(request, 404, str(error))
    return encode_reply(request, 400, "The operation is not supported.")


def _hub_properties(hub: Hub) -> dict[object, object]:
    return {
        "name": hub.name,
        "type": HUB_TYPE,
        "created_at": Timestamp(hub.created_ms),
        "partition_count": Int(len(hub.partitions)),
        "partition_ids": Array(str, tuple(partition.id for partition in hub.partitions)),
        "georeplication_factor": Int(1),
    }


def _partition_properties(hub: Hub, partition: Partition) -> dict[object, object]:
    return {
        "name": hub.name,
        "type": PARTITION_TYPE,
        "partition": partition.id,
        "begin_sequence_number": partition.first_sequence_number,
        "last_enqueued_sequence_number": partition.next_sequence_number - 1,
        "last_enqueued_offset": partition.last_offset,
        "last_enqueued_time_utc": Timestamp(partition.last_enqueued_ms),
        "is_partition_empty": partition.is_empty,
    }


class ReplyQueue:
    """Replies on their way to one link."""

    def __init__(self, link: OutgoingLink, node: str) -> None:
        self.link = link
        self.node = node
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING_REPLIES)

    def put(self, reply: bytes) -> None:
        """Send a reply as soon as the link has credit."""
        self._waiting.append(reply)

    def pump(self, output_limit: int, _now_ms: int, _delay_ms: int) -> bool:
        """Send what waits; False: there is nothing left that could be sent."""
        connection = self.link.session.connection
        while self._waiting and self.link.ready and connection.output_size < output_limit:
            self.link.deliver(self._waiting.popleft())
        if not self._waiting:
            self.link.finish_drain()
        return False
