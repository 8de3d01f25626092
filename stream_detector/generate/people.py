"""Who calls in a generated stream: fictional users, service principals and addresses.

All users are at contoso.com and all ordinary addresses are from the documentation ranges of
RFC 5737 and RFC 3849. Holds no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_CLAIMS_2005 = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_CLAIMS_MS = "http://schemas.microsoft.com/"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_GIVEN = (
    "Adele",
    "Alex",
    "Diego",
    "Grady",
    "Isaiah",
    "Joni",
    "José",
    "Lee",
    "Lidia",
    "Lynne",
    "Megan",
    "Nestor",
)
_FAMILY = (
    "Vance",
    "Wilber",
    "Siciliani",
    "Archie",
    "Langer",
    "Sherman",
    "Gu",
    "Holloway",
    "Robbins",
    "Bowen",
)
_CONTRIBUTOR_ROLE = "b24988ac618042a0ab8820f7382dd24c"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of an operation: a user with a UPN, or a service principal known by a GUID."""

    caller: str
    """What the Caller column shows; "" for a caller the record does not name."""
    object_id: str
    is_service: bool


def new_uuid(random: Random) -> str:
    """A version 4 UUID from the given generator, so that a seed gives the same ids again."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def user_name(random: Random, number: int) -> str:
    """A UPN such as `megan.bowen17@contoso.com`; some hold a non-ASCII letter."""
    return f"{random.choice(_GIVEN)}.{random.choice(_FAMILY)}{number}@contoso.com".lower()


def public_address(random: Random) -> str:
    """An address from a documentation range: mostly IPv4, some IPv6."""
    if random.random() < 0.05:
        return f"2001:db8::{random.randrange(1, 0xFFFF):x}"
    network = random.choice(("192.0.2", "198.51.100", "203.0.113"))
    return f"{network}.{random.randrange(1, 255)}"


class Directory:
    """A tenant: its id, and ready-made identity texts that make records as long as real ones."""

    def __init__(self, random: Random) -> None:
        self.tenant_id = new_uuid(random)
        self.subscriptions = tuple(new_uuid(random) for _ in range(40))
        self._tokens = tuple("".join(random.choices(_LETTERS, k=86)) for _ in range(200))
        self._ids = tuple(new_uuid(random) for _ in range(2000))
        self._random = random
        people = [Principal(user_name(random, n), new_uuid(random), False) for n in range(40)]
        services = [Principal(new_uuid(random), new_uuid(random), True) for _ in range(30)]
        pipelines = ("svc-terraform", "github-actions", "azuredevops", "backup")
        people += [Principal(f"{name}@contoso.com", new_uuid(random), False) for name in pipelines]
        self.background = tuple(people + services)

    def identity(self, principal: Principal, address: str, scope: str, action: str) -> dict[str, object]:
        """The `identity` of a stream record: authorization with evidence, and the token's claims."""
        pick = self._random.choice
        evidence = {
            "role": "Contributor",
            "roleAssignmentScope": scope[: scope.find("/", 16)] if scope.count("/") > 2 else scope,
            "roleAssignmentId": pick(self._ids).replace("-", ""),
            "roleDefinitionId": _CONTRIBUTOR_ROLE,
            "principalId": principal.object_id.replace("-", ""),
            "principalType": "ServicePrincipal" if principal.is_service else "User",
        }
        authorization = {"scope": scope, "action": action, "evidence": evidence}
        if not principal.caller:
            # A caller that the record does not name: no evidence either, or its id would be the caller.
            return {"authorization": {"scope": scope, "action": action}, "claims": {}}
        return {"authorization": authorization, "claims": self._claims(principal, address)}

    def _claims(self, principal: Principal, address: str) -> dict[str, str]:
        pick, number = self._random.choice, self._random.randrange(10**6)
        issued = 1_760_000_000 + number
        claims = {
            "aud": "https://management.core.windows.net/",
            "iss": f"https://sts.windows.net/{self.tenant_id}/",
            "iat": str(issued),
            "nbf": str(issued),
            "exp": str(issued + 5_400),
            "aio": pick(self._tokens) + pick(self._tokens),
            "appid": principal.caller if principal.is_service else pick(self._ids),
            "appidacr": "2" if principal.is_service else "0",
            f"{_CLAIMS_MS}identity/claims/identityprovider": f"https://sts.windows.net/{self.tenant_id}/",
            f"{_CLAIMS_MS}identity/claims/objectidentifier": principal.object_id,
            f"{_CLAIMS_MS}identity/claims/tenantid": self.tenant_id,
            "idtyp": "app" if principal.is_service else "user",
            "rh": "1." + pick(self._tokens)[:54],
            f"{_CLAIMS_2005}nameidentifier": principal.object_id,
            "uti": pick(self._tokens)[:22],
            "ver": "1.0",
            "xms_tcdt": "1567112345",
        }
        if principal.is_service:
            return claims
        given, _, family = principal.caller.partition("@")[0].partition(".")
        claims |= {
            f"{_CLAIMS_MS}claims/authnclassreference": "1",
            f"{_CLAIMS_MS}claims/authnmethodsreferences": "pwd,mfa",
            f"{_CLAIMS_2005}givenname": given.title(),
            f"{_CLAIMS_2005}surname": family.rstrip("0123456789").title(),
            "groups": f"{pick(self._ids)},{pick(self._ids)},{pick(self._ids)}",
            "ipaddr": address,
            "name": f"{given} {family}".strip().title(),
            "puid": f"1003{number:012X}",
            f"{_CLAIMS_MS}identity/claims/scope": "user_impersonation",
            f"{_CLAIMS_2005}name": principal.caller,
            f"{_CLAIMS_2005}upn": principal.caller,
            "wids": pick(self._ids),
            "xms_idrel": "1 26",
        }
        return claims
