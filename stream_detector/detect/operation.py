"""What the rows of one Azure operation say together: who, from where, what was asked, how it ended.

    rows       Start          Accept               Success
    says       caller, IP,    caller               outcome,
               requestbody                         responseBody
    time    ---|--------------|--------------------|------->
               started                             started + duration

Facts are joined two by two, and the join neither minds the order nor a row that is joined twice:
each fact is the least or the greatest of (time, text) over the rows that have one. So what is known
is a function of the set of rows, whatever order they arrived in.

Azure writes an operation's rows with one correlation id, operation and resource, in any casing.
Nothing here keeps state; `detect.correlation` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from msgspec import Struct

from stream_detector.activity.json_text import compact
from stream_detector.activity.record import ActivityRecord, CorrelatedRecord
from stream_detector.kql.dynamic import Dynamic, parse_json
from stream_detector.kql.text import fold

Known = tuple[int, str]
"""Ticks of the row that says it, and the text, which is never "" where facts hold one."""

NO_CORRELATION = frozenset({"", "00000000-0000-0000-0000-000000000000"})
"""Ids that name nothing. Joining by the nil UUID would make one operation of strangers."""

UNFINISHED = frozenset(
    {
        *("", "start", "started", "starting", "accept", "accepted", "active", "running", "pending", "queued"),
        *("in progress", "inprogress", "creating", "updated", "updating", "deleting"),
    }
)
"""Statuses (ASCII lower case, trimmed) that say the operation goes on. Every other one is final, unknown
ones too: a rule that asks for an end had better see one spelled oddly than wait for ever."""

_REQUEST = "requestbody"
_RESPONSE = "responsebody"
_NAME = re.compile('"re(?:quest|sponse)body"', re.IGNORECASE | re.ASCII)
_DIGEST_BYTES = 16


class Facts(Struct, frozen=True, gc=False):
    """What is known of an operation."""

    caller: Known | None
    caller_ip: Known | None
    request_body: Known | None
    response_body: Known | None
    outcome: Known | None
    started: int
    """Ticks of the earliest row."""
    ended: int
    """Ticks of the latest row, final or not."""


def operation_digest(record: ActivityRecord) -> bytes | None:
    """16 bytes that name the operation a record belongs to; None when it has no correlation id.

    Ids, names and resources are compared as Azure does, ignoring ASCII case only.
    """
    if record.correlation_id in NO_CORRELATION:
        return None
    correlation_id = fold(record.correlation_id).encode("utf-8", "surrogatepass")
    operation = fold(record.operation).encode("utf-8", "surrogatepass")
    resource_id = fold(record.resource_id).encode("utf-8", "surrogatepass")
    # With the lengths of the first two in front, no two triples make the same bytes.
    lengths = b"%d,%d;" % (len(correlation_id), len(operation))
    return blake2b(lengths + correlation_id + operation + resource_id, digest_size=_DIGEST_BYTES).digest()


def facts_of(record: ActivityRecord) -> Facts:
    """What one row says by itself."""
    time = record.time
    request, response = bodies(record.properties)
    return Facts(
        caller=(time, record.caller) if record.caller else None,
        caller_ip=(time, record.caller_ip) if record.caller_ip else None,
        request_body=(time, request) if request else None,
        response_body=(time, response) if response else None,
        outcome=(time, record.status) if is_final(record.status) else None,
        started=time,
        ended=time,
    )


def join(some: Facts, others: Facts) -> Facts:
    """What is known together. Commutative, associative, and `join(some, some)` is `some`."""
    return Facts(
        caller=_earlier(some.caller, others.caller),
        caller_ip=_earlier(some.caller_ip, others.caller_ip),
        request_body=_earlier(some.request_body, others.request_body),
        response_body=_later(some.response_body, others.response_body),
        outcome=_later(some.outcome, others.outcome),
        started=min(some.started, others.started),
        ended=max(some.ended, others.ended),
    )


def enriched(record: ActivityRecord, facts: Facts, rows: int) -> CorrelatedRecord:
    """The row with the facts of its operation, of which `rows` distinct ones are known."""
    return CorrelatedRecord(
        record.time,
        record.operation,
        record.status,
        record.status_detail,
        record.caller,
        record.caller_ip,
        record.subscription_id,
        record.resource_group,
        record.resource_id,
        record.properties,
        record.correlation_id,
        record.level,
        record.category,
        record.origin,
        record.time_source,
        operation_caller=_text(facts.caller),
        operation_caller_ip=_text(facts.caller_ip),
        operation_request_body=_text(facts.request_body),
        operation_response_body=_text(facts.response_body),
        operation_outcome=_text(facts.outcome),
        operation_started=facts.started,
        operation_duration=facts.ended - facts.started,
        operation_rows=rows,
    )


def alone(record: ActivityRecord) -> CorrelatedRecord:
    """A row with what it says itself, as a scheduled query sees it: Sentinel joins nothing."""
    return enriched(record, facts_of(record), 1)


def say_the_same(some: Facts, other: Facts) -> bool:
    """Whether both enrich a row equally: which row a text came from does not show."""
    return (
        _text(some.caller) == _text(other.caller)
        and _text(some.caller_ip) == _text(other.caller_ip)
        and _text(some.request_body) == _text(other.request_body)
        and _text(some.response_body) == _text(other.response_body)
        and _text(some.outcome) == _text(other.outcome)
        and some.started == other.started
        and some.ended == other.ended
    )


def is_final(status: str) -> bool:
    """Whether a row of this status ends its operation, in success or failure."""
    return fold(status).strip() not in UNFINISHED


def bodies(properties: str) -> tuple[str, str]:
    """Request body and response body in the text of Properties; "" for what is not there.

    Members of the top level are looked at, in any ASCII casing (`requestbody` and `requestBody`
    both occur); of several the first that is not null or "". A text is given as it is, anything
    else as compact JSON. Properties that is no JSON has no bodies.
    """
    # JSON can hide a letter of a name in an escape only, so most texts need not be parsed. A single
    # character is looked for many times faster than two, and most texts have no backslash.
    if _NAME.search(properties) is None and not ("\\" in properties and "\\u" in properties):
        return "", ""
    value = parse_json(properties)
    if not isinstance(value, dict):
        return "", ""
    members = [(fold(name), member) for name, member in value.items()]
    return _first_body(members, _REQUEST), _first_body(members, _RESPONSE)


def _first_body(members: Iterable[tuple[str, Dynamic]], wanted: str) -> str:
    texts = (
        member if isinstance(member, str) else compact(member)
        for name, member in members
        if name == wanted and member is not None
    )
    return next(filter(None, texts), "")


def _earlier(some: Known | None, other: Known | None) -> Known | None:
    if some is None or (other is not None and other < some):
        return other
    return some


def _later(some: Known | None, other: Known | None) -> Known | None:
    if some is None or (other is not None and other > some):
        return other
    return some


def _text(known: Known | None) -> str:
    return "" if known is None else known[1]
