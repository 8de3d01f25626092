"""The typed record: one row of the AzureActivity table, wherever it came from.

Holds values only; `activity.decode` builds it. Strings are never None: as in Kusto,
a missing text is "". Time is ticks (see `stream_detector.ticks`).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class TimeSource(StrEnum):
    """Where `ActivityRecord.time` was taken from."""

    RECORD = "record"
    """The record's own time, readable."""
    ENQUEUED = "enqueued"
    """The record's time was missing or unreadable: the hub's enqueued time stands in."""


class Origin(Struct, frozen=True, gc=False):
    """Where a record was received: enough to find it again and to see a redelivery."""

    partition: str
    sequence_number: int
    """Of the event; the line number in a replayed file."""
    index: int = 0
    """Position of the record inside the event's body, from 0."""


class ActivityRecord(Struct, frozen=True, gc=False):
    """One Activity Log record in the words of the AzureActivity table (column in brackets)."""

    time: int
    """[TimeGenerated] ticks."""
    operation: str
    """[OperationNameValue] in its own casing."""
    status: str
    """[ActivityStatusValue] Start, Accept, Success, Failure, and others."""
    status_detail: str
    """[ActivitySubstatusValue] resultSignature in the stream, such as `Accepted.Created`."""
    caller: str
    """[Caller] a UPN, an application or object id, or "" when unknown."""
    caller_ip: str
    """[CallerIpAddress] without a port in stream records."""
    subscription_id: str
    """[SubscriptionId]"""
    resource_group: str
    """[ResourceGroup] in its own casing."""
    resource_id: str
    """[ResourceId] in its own casing."""
    properties: str
    """[Properties] compact JSON text, "/" and non-ASCII letters unescaped; or the text as it was."""
    correlation_id: str
    """[CorrelationId]"""
    level: str
    """[Level]"""
    category: str
    """[CategoryValue]"""
    origin: Origin
    time_source: TimeSource = TimeSource.RECORD

    def __repr__(self) -> str:
        """Where and when; whom the record is about is not for a log."""
        return f"ActivityRecord(time={self.time}, operation={self.operation!r}, origin={self.origin!r})"


class CorrelatedRecord(ActivityRecord, frozen=True, gc=False, kw_only=True):
    """A record with what all known records of the same operation say, its own included.

    Built by `detect.correlation`; the columns that a rule with `correlation: true` sees. Each has a
    default, so that any record can stand for an operation of which nothing else is known.
    """

    operation_caller: str = ""
    """[OperationCaller] the first caller that is not ""."""
    operation_caller_ip: str = ""
    """[OperationCallerIpAddress] the first address that is not ""."""
    operation_request_body: str = ""
    """[OperationRequestBody] the first `requestbody`, a text as it is, anything else as compact JSON."""
    operation_response_body: str = ""
    """[OperationResponseBody] the last `responseBody`, likewise."""
    operation_outcome: str = ""
    """[OperationOutcome] status of the last final record as spelled; "" while none is known."""
    operation_started: int = 0
    """[OperationStarted] ticks of the earliest record."""
    operation_duration: int = 0
    """[OperationDuration] ticks from the earliest record to the latest."""
    operation_rows: int = 0
    """[OperationRows] number of distinct records; exported copies count once."""
