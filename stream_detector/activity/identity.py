"""Who called, from where, and on what: Caller, CallerIpAddress, SubscriptionId, ResourceGroup.

The stream carries none of these columns as the AzureActivity table shows them; here they are
derived from `identity`, `callerIpAddress` and `resourceId`. Total functions of JSON values:
whatever type stands in a field, the answer is a text, "" when unknown. No value is ever logged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
_CLAIMS = ("claims/upn", "upn", "claims/name", "claims/emailaddress", "appid", "claims/objectidentifier")
"""Claims that name a caller, best first. The claim `name` alone is a display name and names nobody."""

_V4_WITH_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d*", re.ASCII)
_IN_BRACKETS = re.compile(r"\[([^\[\]]*[:.][^\[\]]*)\](?::\d*)?", re.ASCII)


def caller_of(identity: object) -> str:
    """The caller's UPN, name, mail address, application id, object id or principal id, trimmed.

    `identity` may be missing, {}, the JSON text of the object, or hold lists: a claim with a
    list gives its first text. A plain text is no identity. "" when nobody is named.
    """
    parts = _as_object(identity)
    if not parts:
        return ""
    claims = _as_object(_member(parts, "claims"))
    upn = _first_text(claims.get(_UPN))
    if upn:
        return upn
    found: dict[str, str] = {}
    for key, value in claims.items():
        name = "/".join(key.rsplit("/", 2)[-2:]).lower()
        if name in _CLAIMS and name not in found:
            found[name] = _first_text(value)
    for name in _CLAIMS:
        if found.get(name):
            return found[name]
    evidence = _as_object(_member(_as_object(_member(parts, "authorization")), "evidence"))
    return _first_text(_member(evidence, "principalId"))


def address_without_port(text: str) -> str:
    """`1.2.3.4:80`, `[v6]:80` and `[1.2.3.4]:80` without port and brackets; any other text trimmed only."""
    text = text.strip()
    match = _V4_WITH_PORT.fullmatch(text) or _IN_BRACKETS.fullmatch(text)
    return text if match is None else match.group(1)


def segment_after(resource_id: str, name: str) -> str:
    """The segment that follows the first one called `name` (given in lower case), whatever its casing.

    By name, not by position: ids of management groups and tenants begin differently.
    """
    if resource_id.isascii():
        slashed = f"/{resource_id}"
        at = slashed.lower().find(f"/{name}/")
        return "" if at < 0 else slashed[at + len(name) + 2 :].partition("/")[0]
    segments = resource_id.split("/")
    for position, segment in enumerate(segments[:-1]):
        if segment.lower() == name:
            return segments[position + 1]
    return ""


def _as_object(value: object) -> Mapping[str, object]:
    """The object itself, the object a text or a list holds, or an empty one."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}


def _member(parts: Mapping[str, object], name: str) -> object:
    if name in parts:
        return parts[name]
    folded = name.lower()
    return next((value for key, value in parts.items() if key.lower() == folded), None)


def _first_text(value: object) -> str:
    if isinstance(value, list):
        return next((item.strip() for item in value if isinstance(item, str) and item.strip()), "")
    return value.strip() if isinstance(value, str) else ""
