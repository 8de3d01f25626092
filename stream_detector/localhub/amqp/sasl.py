"""The SASL layer of a server (part 5, section 5.3): mechanisms out, init in, outcome out.

MSSBCBS, ANONYMOUS and EXTERNAL let the peer in without rights: rights come from tokens put to `$cbs`.
PLAIN carries a key name and a key, which `check_plain` judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream_detector.localhub.amqp.errors import AmqpError, DecodeError
from stream_detector.localhub.amqp.fields import from_bytes, to_bytes
from stream_detector.localhub.amqp.frames import SASL_FRAME, encode_frame
from stream_detector.localhub.amqp.performatives import SaslInit, SaslMechanisms, SaslOutcome

MECHANISMS = ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")
CheckPlain = Callable[[str, str], bool]
"""(key name, key) to whether they are right."""


@dataclass(frozen=True, slots=True)
class SaslResult:
    """What to answer, and what the peer is now."""

    reply: bytes
    accepted: bool
    identity: str | None
    """Key name of a peer that proved its key; None for one that has to put tokens."""


def offer() -> bytes:
    """The frame that lists the mechanisms."""
    return encode_frame(to_bytes(SaslMechanisms(MECHANISMS)), frame_type=SASL_FRAME)


def answer(body: bytes, check_plain: CheckPlain) -> SaslResult:
    """The outcome for the body of the peer's SASL frame.

    Raises:
        AmqpError: the body is not a sasl-init.
    """
    init, _ = from_bytes(body)
    if not isinstance(init, SaslInit):
        raise AmqpError("amqp:not-allowed", f"{type(init).__name__} where a sasl-init is due")
    identity = None
    accepted = init.mechanism in MECHANISMS
    if init.mechanism == "PLAIN":
        name, key = _plain_response(init.initial_response or b"")
        accepted = check_plain(name, key)
        identity = name if accepted else None
    outcome = encode_frame(to_bytes(SaslOutcome(0 if accepted else 1)), frame_type=SASL_FRAME)
    return SaslResult(outcome, accepted, identity)


def _plain_response(response: bytes) -> tuple[str, str]:
    """(name, password) of RFC 4616: authorization identity, NUL, name, NUL, password."""
    parts = response.split(b"\0")
    if len(parts) != 3:
        raise DecodeError("a PLAIN response has three parts")
    try:
        return parts[1].decode("utf-8"), parts[2].decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("a PLAIN response is not UTF-8") from None
