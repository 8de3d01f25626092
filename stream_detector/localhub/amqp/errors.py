"""Errors of the protocol, each with its AMQP condition and the scope that it ends.

Texts go to the peer and into logs: they name addresses, sizes and conditions, never a key or a body.
"""

from __future__ import annotations

from stream_detector.errors import StreamDetectorError

INTERNAL_ERROR = "amqp:internal-error"
NOT_FOUND = "amqp:not-found"
UNAUTHORIZED = "amqp:unauthorized-access"
DECODE_ERROR = "amqp:decode-error"
RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded"
NOT_ALLOWED = "amqp:not-allowed"
INVALID_FIELD = "amqp:invalid-field"
NOT_IMPLEMENTED = "amqp:not-implemented"
ILLEGAL_STATE = "amqp:illegal-state"
CONNECTION_FORCED = "amqp:connection:forced"
FRAMING_ERROR = "amqp:connection:framing-error"
WINDOW_VIOLATION = "amqp:session:window-violation"
HANDLE_IN_USE = "amqp:session:handle-in-use"
UNATTACHED_HANDLE = "amqp:session:unattached-handle"
DETACH_FORCED = "amqp:link:detach-forced"
TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded"
MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded"
STOLEN = "amqp:link:stolen"


class AmqpError(StreamDetectorError):
    """The peer broke the protocol, or asked for what it cannot have; ends the connection."""

    def __init__(self, condition: str, description: str) -> None:
        self.condition = condition
        self.description = description
        super().__init__(f"{condition}: {description}")


class DecodeError(AmqpError):
    """Bytes that are not a value of the AMQP type system, or not the value that belongs there."""

    def __init__(self, description: str) -> None:
        super().__init__(DECODE_ERROR, description)


class FramingError(AmqpError):
    """A byte stream in which no frame can be found."""

    def __init__(self, description: str) -> None:
        super().__init__(FRAMING_ERROR, description)


class SessionError(AmqpError):
    """Ends one session; the connection goes on."""


class LinkError(AmqpError):
    """Ends one link; its session goes on."""
