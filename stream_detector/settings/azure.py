"""The forms of Azure's connection strings, host names, entity names and URLs.

Pure text work with errors that name the part that is wrong and never repeat a value: the
text may be a secret that was put into the wrong place. Nothing is looked up or connected to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

_HOST = re.compile(
    r"(?=.{1,253}(:|$))[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?"
)
_HUB_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,254}[a-z0-9])?")
_CONSUMER_GROUP = re.compile(r"\$Default|[A-Za-z0-9]([A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", re.IGNORECASE)
_CONTAINER = re.compile(r"[a-z0-9](-?[a-z0-9]){2,62}")


@dataclass(frozen=True, slots=True)
class HubConnection:
    """What an Event Hubs connection string says, without its secret."""

    host: str
    """Host of the namespace, lower case, with its port if it has one."""
    key_name: str | None
    """SharedAccessKeyName; None when a SharedAccessSignature is used."""
    entity: str | None
    """EntityPath in lower case."""
    emulator: bool
    """UseDevelopmentEmulator=true: plain TCP, no TLS."""


def _parts(text: str, known: frozenset[str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in text.strip().rstrip(";").split(";"):
        name, equals, value = piece.partition("=")
        key = name.strip().lower()
        if not equals or not key or not value:
            raise ValueError("is not a connection string: it must be Name=value pairs joined by `;`")
        if key in parts:
            raise ValueError("is not a connection string: a part stands in it twice")
        if key not in known:
            # The unknown name is not repeated: it may be the middle of a key with a `;` in it.
            raise ValueError(f"has a part that is not known; known are {', '.join(sorted(known))}")
        parts[key] = value
    return parts


_HUB_PARTS = frozenset(
    {
        "endpoint",
        "sharedaccesskeyname",
        "sharedaccesskey",
        "sharedaccesssignature",
        "entitypath",
        "usedevelopmentemulator",
        "transporttype",
    }
)


def parse_hub_connection(text: str) -> HubConnection:
    """Read an Event Hubs connection string.

    Raises:
        ValueError: a part is missing or malformed; the text holds no value of the string.
    """
    parts = _parts(text, _HUB_PARTS)
    if "endpoint" not in parts:
        raise ValueError("has no Endpoint; it starts like Endpoint=sb://NAMESPACE.servicebus.windows.net/")
    scheme, separator, rest = parts["endpoint"].partition("://")
    host = rest.rstrip("/").lower()
    if not separator or scheme.lower() != "sb" or not _host_ok(host):
        raise ValueError("has an Endpoint that is not of the form sb://NAMESPACE.servicebus.windows.net/")
    key_name, key = parts.get("sharedaccesskeyname"), parts.get("sharedaccesskey")
    signature = parts.get("sharedaccesssignature")
    if signature and key:
        raise ValueError("has both SharedAccessKey and SharedAccessSignature; give one of them")
    if bool(key_name) != bool(key) and not signature:
        missing = "SharedAccessKey" if key_name else "SharedAccessKeyName"
        raise ValueError(f"has no {missing}; SharedAccessKeyName and SharedAccessKey belong together")
    if not key and not signature:
        raise ValueError("has no SharedAccessKeyName with SharedAccessKey, and no SharedAccessSignature")
    entity = parts.get("entitypath")
    if entity is not None:
        try:
            entity = hub_name(entity)
        except ValueError as error:
            raise ValueError(f"has an EntityPath that {error}") from None
    emulator = parts.get("usedevelopmentemulator", "").lower() == "true"
    return HubConnection(host, key_name, entity, emulator)


_BLOB_PARTS = frozenset(
    {
        "defaultendpointsprotocol",
        "accountname",
        "accountkey",
        "endpointsuffix",
        "blobendpoint",
        "queueendpoint",
        "tableendpoint",
        "fileendpoint",
        "sharedaccesssignature",
    }
)


def check_blob_connection(text: str) -> None:
    """Check the form of a storage connection string.

    Raises:
        ValueError: as `parse_hub_connection`.
    """
    parts = _parts(text, _BLOB_PARTS)
    if "accountname" not in parts and "blobendpoint" not in parts:
        raise ValueError("has neither AccountName nor BlobEndpoint")
    if "accountkey" not in parts and "sharedaccesssignature" not in parts:
        raise ValueError("has neither AccountKey nor SharedAccessSignature")
    if "accountkey" in parts and "accountname" not in parts:
        raise ValueError("has an AccountKey and no AccountName")


_SECRET_PART = re.compile(r"(?i)\b(SharedAccessKey|AccountKey|SharedAccessSignature)=[^;]*")


def masked_connection(text: str) -> str:
    """A connection string with its secret parts replaced; hosts and key names stay readable."""
    return _SECRET_PART.sub(r"\1=********", text)


def hub_name(text: str) -> str:
    """Name of an Event Hub in lower case, as Azure compares it.

    Raises:
        ValueError: a form that Azure does not allow.
    """
    name = text.strip().lower()
    if not _HUB_NAME.fullmatch(name):
        raise ValueError(
            "is not a hub name: 1 to 256 letters, digits, `.`, `-`, `_`, with a letter or digit at both ends"
        )
    return name


def consumer_group(text: str) -> str:
    """Name of a consumer group as it was written.

    Raises:
        ValueError: a form that Azure does not allow.
    """
    if not _CONSUMER_GROUP.fullmatch(text):
        raise ValueError(
            "is not a consumer group: $Default, or 1 to 50 letters, digits, `.`, `-`, `_`, "
            "with a letter or digit at both ends"
        )
    return text


def namespace_host(text: str) -> str:
    """Host name of a namespace in lower case.

    Raises:
        ValueError: a URL, a short name, or no host name at all.
    """
    host = text.strip().lower().rstrip(".")
    if "." not in host or not _host_ok(host):
        raise ValueError("must be the full host name, such as NAMESPACE.servicebus.windows.net")
    return host


def container_name(text: str) -> str:
    """Name of a Blob container in lower case.

    Raises:
        ValueError: a form that Azure does not allow.
    """
    name = text.strip().lower()
    if not _CONTAINER.fullmatch(name) or len(name) > 63:
        raise ValueError(
            "is not a container name: 3 to 63 lower-case letters, digits and single hyphens, "
            "with a letter or digit at both ends"
        )
    return name


def account_url(text: str) -> str:
    """URL of a storage account; https, or http for an emulator on this machine.

    Raises:
        ValueError: another form, or a URL with a token in it.
    """
    expected = "must be like https://ACCOUNT.blob.core.windows.net"
    try:
        url = urlsplit(text.strip())
        host, _ = url.hostname, url.port
    except ValueError:
        raise ValueError(expected) from None
    if url.query or url.fragment or url.username or url.password:
        raise ValueError(f"{expected}; a token belongs into state.blob.connection_string")
    loopback = host in ("localhost", "127.0.0.1", "::1")
    if not host or not (url.scheme == "https" or (url.scheme == "http" and loopback)):
        raise ValueError(expected)
    return text.strip().rstrip("/")


def endpoint_address(text: str) -> str:
    """Address that replaces the namespace's own: `sb://HOST[:PORT]` of a proxy or private link.

    Raises:
        ValueError: another form.
    """
    scheme, separator, rest = text.strip().partition("://")
    address = rest.rstrip("/").lower()
    if not separator or scheme.lower() not in ("sb", "https", "amqps") or not _host_ok(address):
        raise ValueError("must be like sb://HOST or sb://HOST:PORT")
    return f"{scheme.lower()}://{address}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy for AMQP over WebSocket and for token requests."""

    host: str
    port: int
    username: str | None
    password: SecretStr | None

    def __str__(self) -> str:
        """The URL with its password masked."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = "" if self.username is None else f"{self.username}@"
        if self.password is not None:
            user = f"{self.username}:********@"
        return f"http://{user}{host}:{self.port}"


def parse_proxy(text: str) -> Proxy:
    """Read `http://[USER:PASSWORD@]HOST:PORT`.

    Raises:
        ValueError: another form; the text holds no value.
    """
    expected = "must be like http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
    try:
        url = urlsplit(text.strip())
        host, port = url.hostname, url.port
    except ValueError:
        raise ValueError(expected) from None
    if url.scheme != "http" or not host or not port or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(expected)
    password = None if url.password is None else SecretStr(unquote(url.password))
    username = None if url.username is None else unquote(url.username)
    return Proxy(host, port, username, password)


def _host_ok(text: str) -> bool:
    if not _HOST.fullmatch(text):
        return False
    _, colon, port = text.partition(":")
    return not colon or 0 < int(port) <= 65535
