"""The alerts of a generated stream, recomputed in the most obvious way from the generator's facts.

Shares no code with `stream_detector.detect` or the rules: groups are compared pair by pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from stream_detector.generate.facts import GeneratedRecord
from stream_detector.ticks import HOUR

WINDOW = 2 * HOUR
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ASCII_LOWER = str.maketrans(_UPPER, _UPPER.lower())

Group = tuple[str, str, str]
"""Caller, ResourceGroup, SubscriptionId, ASCII letters in lower case."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One page: which group, and the event time of the record that opened it."""

    group: Group
    time: int


def folded(caller: str, resource_group: str, subscription_id: str) -> Group:
    """The group as the detector compares it, whatever the casing of its spelling."""
    return (
        caller.translate(_ASCII_LOWER),
        resource_group.translate(_ASCII_LOWER),
        subscription_id.translate(_ASCII_LOWER),
    )


def group_of(record: GeneratedRecord) -> Group:
    return folded(record.caller, record.resource_group, record.subscription_id)


def group_of_alert(alert: dict[str, object]) -> Group:
    """The folded group of an alert as the program prints it."""
    group = alert["group"]
    assert isinstance(group, dict)
    return folded(group["Caller"], group["ResourceGroup"], group["SubscriptionId"])


def openings(arrivals: Iterable[GeneratedRecord], window: int = WINDOW) -> list[Opening]:
    """Openings when records arrive in the given order.

    A matching record opens its group exactly when no matching record of the group that arrived
    before lies less than `window` from it, on either side. Holds while nothing is evicted:
    streams up to the lateness horizon, or in event-time order.
    """
    seen: dict[Group, list[int]] = defaultdict(list)
    opened = []
    for record in arrivals:
        if not record.matches:
            continue
        group = group_of(record)
        if not any(abs(record.time - other) < window for other in seen[group]):
            opened.append(Opening(group, record.time))
        seen[group].append(record.time)
    return opened


def order_free_openings(records: Iterable[GeneratedRecord], window: int = WINDOW) -> dict[Group, int]:
    """How many alerts each group opens, for records whose order of arrival is not known.

    Raises:
        ValueError: some order of arrival would open more alerts than another, because a chain of
            records is longer than `window`. Choose a stream with a span below the window.
    """
    times: dict[Group, list[int]] = defaultdict(list)
    for record in records:
        if record.matches:
            times[group_of(record)].append(record.time)
    counts = {}
    for group, moments in times.items():
        moments.sort()
        chains = [[moments[0]]]
        for moment in moments[1:]:
            if moment - chains[-1][-1] < window:
                chains[-1].append(moment)
            else:
                chains.append([moment])
        if any(chain[-1] - chain[0] >= window for chain in chains):
            raise ValueError("a chain of records is longer than the window: the count depends on the order")
        counts[group] = len(chains)
    return counts


def execution_counts(records: Iterable[GeneratedRecord]) -> dict[Group, int]:
    """Distinct matching records of each group: what ExecutionCount reaches when all are in one window."""
    distinct: dict[Group, set[tuple[object, ...]]] = defaultdict(set)
    for record in records:
        if record.matches:
            identity = (
                record.time,
                record.correlation_id,
                record.operation,
                record.resource_id,
                record.status,
            )
            distinct[group_of(record)].add(identity)
    return {group: len(members) for group, members in distinct.items()}
