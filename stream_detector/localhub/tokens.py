"""Shared access signatures: are they signed by our key, in time, and for the entity that is asked for?

A token reads `SharedAccessSignature sr=<resource>&sig=<signature>&se=<expiry>&skn=<key name>`; the signature
is HMAC-SHA256 over the resource as encoded in the token, a line feed and the expiry (Unix seconds).
Nothing of a token or key is ever put into an error text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from stream_detector.errors import HubError

_PREFIX = "SharedAccessSignature "


class TokenError(HubError):
    """A token that grants nothing. The text is meant for the peer."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Access to everything below `path` until `expires` (Unix seconds)."""

    path: tuple[str, ...]
    expires: float

    def covers(self, path: tuple[str, ...], now: float) -> bool:
        """Whether an entity is at or below the granted path, and the grant is still good."""
        return now < self.expires and path[: len(self.path)] == self.path


def entity_path(address: str) -> tuple[str, ...]:
    """Lower-case segments of an entity's address, with or without scheme and host.

    The host is not compared: a local hub is reached under many names.
    """
    path = urlsplit(address).path if "://" in address else address
    return tuple(segment.lower() for segment in path.split("/") if segment)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One authorization rule with all rights. `repr` hides the key."""

    name: str
    key: str

    def __repr__(self) -> str:
        return f"AccessKey(name={self.name!r})"

    def matches(self, name: str, key: str) -> bool:
        """Whether a name and a key, given in the clear, are these."""
        same_key = hmac.compare_digest(key.encode(), self.key.encode())
        return same_key and name == self.name

    def check(self, token: str, audience: str, now: float) -> Grant:
        """The access that a token grants when it is put for an audience.

        Raises:
            TokenError: malformed, another key, wrong signature, expired, or for another resource.
        """
        fields = _fields(token)
        resource, expiry = fields["sr"], fields["se"]
        if fields["skn"] != self.name:
            raise TokenError("InvalidSignature: The token names a key that does not exist.")
        wanted = hmac.new(self.key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        try:
            given = base64.b64decode(unquote_plus(fields["sig"]), validate=True)
        except (binascii.Error, ValueError):
            raise TokenError("MalformedToken: The signature is not base64.") from None
        if not hmac.compare_digest(wanted, given):
            raise TokenError("InvalidSignature: The token has an invalid signature.")
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 15):
            raise TokenError("MalformedToken: The expiry is not a number of seconds.")
        if int(expiry) <= now:
            raise TokenError("ExpiredToken: The token is expired.")
        granted, asked = entity_path(unquote_plus(resource)), entity_path(audience)
        if asked[: len(granted)] != granted:
            raise TokenError("InvalidAudience: The token is for another resource than the audience.")
        return Grant(asked, float(expiry))


def _fields(token: str) -> dict[str, str]:
    if not token.startswith(_PREFIX):
        raise TokenError("MalformedToken: The token is not a shared access signature.")
    fields: dict[str, str] = {}
    for pair in token[len(_PREFIX) :].split("&"):
        name, _, value = pair.partition("=")
        if name in fields:
            raise TokenError("MalformedToken: The token holds a field twice.")
        fields[name] = value
    if not {"sr", "sig", "se", "skn"} <= fields.keys():
        raise TokenError("MalformedToken: The token lacks sr, sig, se or skn.")
    fields["skn"] = unquote_plus(fields["skn"])
    return fields
