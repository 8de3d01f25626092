"""What is known about a generated record: the columns it shows and what it was made to be.

Tests compare the detector with these facts, so nothing here is computed by the detector's own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """Why a record was generated."""

    BACKGROUND = "background"
    NEAR_MISS = "near miss"
    """Fails exactly one clause of RULE 15, or belongs to an operation just outside it."""
    ATTACK = "attack"
    """Belongs to an execution whose final record matches RULE 15."""


@dataclass(frozen=True, slots=True)
class GeneratedRecord:
    """The columns of one record as the record itself spells them."""

    time: int
    """Ticks; see `stream_detector.ticks`."""
    operation: str
    status: str
    status_detail: str
    caller: str
    caller_ip: str
    subscription_id: str
    resource_group: str
    resource_id: str
    correlation_id: str
    category: str
    purpose: Purpose
    case: str
    """Name of the case it was made for, such as `run command` or `platform address`."""
    matches: bool
    """True when the record satisfies every clause of RULE 15, whatever the time."""


@dataclass(frozen=True, slots=True)
class GeneratedBody:
    """One Event Hubs body and the facts of its records, in the body's order."""

    body: bytes
    records: tuple[GeneratedRecord, ...]
