"""The SDK's errors in words: what happened, what to check, and whether trying again can help.

The SDK's own texts are long, repeat themselves and sometimes quote the request; ours are built from the
AMQP condition, and never hold a key or a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stream_detector.hub.connection import HubConnection


class HubErrorKind(StrEnum):
    """Bounded: the label of hub_errors_total."""

    AUTHENTICATION = "authentication"
    NOT_FOUND = "not_found"
    CONNECTION = "connection"
    STOLEN = "stolen"
    THROTTLED = "throttled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class HubTrouble:
    """One error of the SDK, understood."""

    kind: HubErrorKind
    text: str
    permanent: bool
    """True when only a change of settings or of rights can help."""


_MARKS: tuple[tuple[HubErrorKind, tuple[str, ...]], ...] = (
    # First: over WebSocket the SDK calls a refused connection a failed authentication.
    (HubErrorKind.CONNECTION, ("cannot connect to host", "proxy authentication", "clienthttpproxyerror")),
    (HubErrorKind.STOLEN, ("link:stolen", "higher epoch", "linkstolen")),
    (HubErrorKind.NOT_FOUND, ("not-found", "could not be found", "notfound")),
    (
        HubErrorKind.AUTHENTICATION,
        (
            "unauthorized",
            "401",
            "invalidsignature",
            "invalid signature",
            "put token",
            "cbs token",
            "expired",
            "credentialunavailable",
            "authentication",
        ),
    ),
    (HubErrorKind.THROTTLED, ("server-busy", "resource-limit-exceeded", "50002")),
    (
        HubErrorKind.CONNECTION,
        (
            "refused",
            "unreachable",
            "timed out",
            "timeout",
            "name or service not known",
            "temporary failure in name resolution",
            "getaddrinfo",
            "nodename",
            "certificate",
            "ssl",
            "reset",
            "socket",
            "connection",
            "detach-forced",
            "disconnected",
        ),
    ),
)


def _kind(error: BaseException) -> tuple[HubErrorKind, str]:
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        parts.append(f"{type(cause).__name__} {getattr(cause, 'condition', '')} {cause}".lower())
        cause = cause.__cause__ or cause.__context__
    text = " ".join(parts)
    for kind, marks in _MARKS:
        if any(mark in text for mark in marks):
            return kind, text
    return HubErrorKind.OTHER, text


def _connection_text(text: str, connection: HubConnection) -> str:
    where = connection.describe()
    if connection.proxy is not None and any(mark in text for mark in ("proxy authentication", "407")):
        return f"the proxy on the way to hub {where} wants another name or password: check hub.proxy"
    if connection.proxy is not None and "proxy" in text:
        return f"the proxy on the way to hub {where} cannot be used: check hub.proxy"
    if "certificate" in text:
        return f"TLS to hub {where} failed: the server's certificate is not trusted; set hub.ca_file"
    if "refused" in text or "connect call failed" in text:
        return f"hub {where} refused the connection: nothing listens there, or a firewall answers"
    if "ssl" in text:
        return f"TLS to hub {where} failed: what listens there does not speak TLS"
    if "name or service" in text or "getaddrinfo" in text or "name resolution" in text or "nodename" in text:
        return f"hub {where}: the host name does not resolve; check the namespace"
    return f"connection to hub {where} lost or not established; a proxy may need hub.transport: websocket"


def understand_kind(error: BaseException) -> HubErrorKind:
    """The kind alone, where the connection does not matter."""
    return _kind(error)[0]


def understand(error: BaseException, connection: HubConnection) -> HubTrouble:
    """What an exception of the SDK means for whoever runs the detector."""
    kind, text = _kind(error)
    where = connection.describe()
    if kind is HubErrorKind.AUTHENTICATION:
        return HubTrouble(
            kind,
            f"hub {where} did not accept the credential: check the key or the role "
            "(Azure Event Hubs Data Receiver to receive, Data Sender to send) and its expiry",
            permanent=True,
        )
    if kind is HubErrorKind.NOT_FOUND:
        return HubTrouble(
            kind,
            f"hub {where}, its partition or its consumer group {connection.consumer_group!r} does not exist: "
            "check hub.name and hub.consumer_group",
            permanent=True,
        )
    if kind is HubErrorKind.STOLEN:
        return HubTrouble(
            kind,
            f"another consumer took a partition of hub {where} in group {connection.consumer_group!r}: "
            "two detectors must not share a consumer group",
            permanent=False,
        )
    if kind is HubErrorKind.THROTTLED:
        return HubTrouble(kind, f"hub {where} is busy or at a limit of its tier", permanent=False)
    if kind is HubErrorKind.CONNECTION:
        return HubTrouble(kind, _connection_text(text, connection), permanent=False)
    return HubTrouble(kind, f"hub {where}: {type(error).__name__}", permanent=False)
