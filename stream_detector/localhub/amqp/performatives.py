"""The performatives and the composite types that they carry (part 2, sections 2.7 and 2.8; part 3; part 5).

Fields, their order and their defaults are those of the specification. Values only: what follows from a
performative is decided in `connection`, `session` and `link`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stream_detector.localhub.amqp.fields import (
    ANY,
    BINARY,
    BOOLEAN,
    FIELDS,
    STRING,
    SYMBOL,
    SYMBOLS,
    UBYTE,
    UINT,
    ULONG,
    USHORT,
    composite,
    nested,
)

Properties = dict[Any, Any]

SENDER, RECEIVER = False, True
"""Values of `role`."""
UNSETTLED, SETTLED, MIXED = 0, 1, 2
"""Values of `snd_settle_mode`."""


@composite(0x1D, "amqp:error:list", SYMBOL, STRING, FIELDS)
@dataclass(frozen=True, slots=True)
class Error:
    """Why something ended."""

    condition: str
    description: str | None = None
    info: Properties | None = None


_ERROR = nested((0x1D,))


@composite(0x23, "amqp:received:list", UINT, ULONG)
@dataclass(frozen=True, slots=True)
class Received:
    """Partial receipt of a delivery."""

    section_number: int
    section_offset: int


@composite(0x24, "amqp:accepted:list")
@dataclass(frozen=True, slots=True)
class Accepted:
    """The delivery is ours."""


@composite(0x25, "amqp:rejected:list", _ERROR)
@dataclass(frozen=True, slots=True)
class Rejected:
    """The delivery is invalid."""

    error: Error | None = None


@composite(0x26, "amqp:released:list")
@dataclass(frozen=True, slots=True)
class Released:
    """The delivery was not and will not be processed."""


@composite(0x27, "amqp:modified:list", BOOLEAN, BOOLEAN, FIELDS)
@dataclass(frozen=True, slots=True)
class Modified:
    """As released, with changes."""

    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: Properties | None = None


_STATE = ANY
"""Delivery states may be of a transaction or of an extension: kept as they come."""


@composite(
    0x28, "amqp:source:list", ANY, UINT, SYMBOL, UINT, BOOLEAN, FIELDS, SYMBOL, FIELDS, ANY, SYMBOLS, SYMBOLS
)
@dataclass(frozen=True, slots=True)
class Source:
    """Where a link takes messages from."""

    address: object = None
    durable: int = 0
    expiry_policy: str = "session-end"
    timeout: int = 0
    dynamic: bool = False
    dynamic_node_properties: Properties | None = None
    distribution_mode: str | None = None
    filter: Properties | None = None
    default_outcome: object = None
    outcomes: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None


@composite(0x29, "amqp:target:list", ANY, UINT, SYMBOL, UINT, BOOLEAN, FIELDS, SYMBOLS)
@dataclass(frozen=True, slots=True)
class Target:
    """Where a link brings messages to."""

    address: object = None
    durable: int = 0
    expiry_policy: str = "session-end"
    timeout: int = 0
    dynamic: bool = False
    dynamic_node_properties: Properties | None = None
    capabilities: tuple[str, ...] | None = None


@composite(
    0x10, "amqp:open:list", STRING, STRING, UINT, USHORT, UINT, SYMBOLS, SYMBOLS, SYMBOLS, SYMBOLS, FIELDS
)
@dataclass(frozen=True, slots=True)
class Open:
    """Negotiates a connection."""

    container_id: str
    hostname: str | None = None
    max_frame_size: int = 4_294_967_295
    channel_max: int = 65_535
    idle_timeout: int | None = None
    """Milliseconds."""
    outgoing_locales: tuple[str, ...] | None = None
    incoming_locales: tuple[str, ...] | None = None
    offered_capabilities: tuple[str, ...] | None = None
    desired_capabilities: tuple[str, ...] | None = None
    properties: Properties | None = None


@composite(0x11, "amqp:begin:list", USHORT, UINT, UINT, UINT, UINT, SYMBOLS, SYMBOLS, FIELDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Begins a session on a channel."""

    remote_channel: int | None = None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int
    handle_max: int = 4_294_967_295
    offered_capabilities: tuple[str, ...] | None = None
    desired_capabilities: tuple[str, ...] | None = None
    properties: Properties | None = None


@composite(
    0x12,
    "amqp:attach:list",
    STRING,
    UINT,
    BOOLEAN,
    UBYTE,
    UBYTE,
    ANY,
    ANY,
    FIELDS,
    BOOLEAN,
    UINT,
    ULONG,
    SYMBOLS,
    SYMBOLS,
    FIELDS,
)
@dataclass(frozen=True, slots=True)
class Attach:
    """Attaches a link. `source` and `target` are read with `terminus`: a target may be a coordinator."""

    name: str
    handle: int
    role: bool
    snd_settle_mode: int = MIXED
    rcv_settle_mode: int = 0
    source: object = None
    target: object = None
    unsettled: Properties | None = None
    incomplete_unsettled: bool = False
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: tuple[str, ...] | None = None
    desired_capabilities: tuple[str, ...] | None = None
    properties: Properties | None = None


@composite(0x13, "amqp:flow:list", UINT, UINT, UINT, UINT, UINT, UINT, UINT, UINT, BOOLEAN, BOOLEAN, FIELDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """State of a session, and of one of its links if `handle` is set."""

    next_incoming_id: int | None = None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False
    properties: Properties | None = None


@composite(
    0x14,
    "amqp:transfer:list",
    UINT,
    UINT,
    BINARY,
    UINT,
    BOOLEAN,
    BOOLEAN,
    UBYTE,
    _STATE,
    BOOLEAN,
    BOOLEAN,
    BOOLEAN,
)
@dataclass(frozen=True, slots=True)
class Transfer:
    """One frame of a delivery."""

    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: object = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False


@composite(0x15, "amqp:disposition:list", BOOLEAN, UINT, UINT, BOOLEAN, _STATE, BOOLEAN)
@dataclass(frozen=True, slots=True)
class Disposition:
    """State of the deliveries `first` to `last`."""

    role: bool
    first: int
    last: int | None = None
    settled: bool = False
    state: object = None
    batchable: bool = False


@composite(0x16, "amqp:detach:list", UINT, BOOLEAN, _ERROR)
@dataclass(frozen=True, slots=True)
class Detach:
    """Detaches a link, for good if `closed`."""

    handle: int
    closed: bool = False
    error: Error | None = None


@composite(0x17, "amqp:end:list", _ERROR)
@dataclass(frozen=True, slots=True)
class End:
    """Ends a session."""

    error: Error | None = None


@composite(0x18, "amqp:close:list", _ERROR)
@dataclass(frozen=True, slots=True)
class Close:
    """Ends a connection."""

    error: Error | None = None


@composite(0x40, "amqp:sasl-mechanisms:list", SYMBOLS)
@dataclass(frozen=True, slots=True)
class SaslMechanisms:
    """What the server offers."""

    sasl_server_mechanisms: tuple[str, ...]


@composite(0x41, "amqp:sasl-init:list", SYMBOL, BINARY, STRING)
@dataclass(frozen=True, slots=True)
class SaslInit:
    """What the client chose. `repr` hides the response: it may hold a password."""

    mechanism: str
    initial_response: bytes | None = None
    hostname: str | None = None

    def __repr__(self) -> str:
        return f"SaslInit(mechanism={self.mechanism!r}, hostname={self.hostname!r})"


@composite(0x44, "amqp:sasl-outcome:list", UBYTE, BINARY)
@dataclass(frozen=True, slots=True)
class SaslOutcome:
    """0: authenticated; 1: refused."""

    code: int
    additional_data: bytes | None = None
