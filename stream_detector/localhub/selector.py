"""The filter that says where a receiver starts: offset, sequence number or enqueued time.

The grammar is what the SDKs send, such as `amqp.annotation.x-opt-offset > '100'`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stream_detector.errors import HubError
from stream_detector.localhub.amqp.types import Described
from stream_detector.localhub.partition import Partition

FILTER_NAME = "apache.org:selector-filter:string"
FILTER_CODE = 0x0000_468C_0000_0004
START_OF_STREAM = "-1"
END_OF_STREAM = "@latest"

_EXPRESSION = re.compile(
    r"\s*amqp\.annotation\.(x-opt-offset|x-opt-sequence-number|x-opt-enqueued-time)\s*(>=?)\s*'?([^']*?)'?\s*"
)
_GEO_OFFSET = re.compile(r"-?\d+:(-?\d+):-?\d+")
_NUMBER = re.compile(r"-?\d{1,19}")


class SelectorError(HubError):
    """A filter that cannot be understood, or a position that the partition does not have."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where to start: `value` of `annotation`, itself included or not."""

    annotation: str
    value: str
    inclusive: bool


def position_in(filters: Mapping[object, object] | None) -> Position:
    """The position in the filter set of a source; the start of the stream if it holds none.

    Raises:
        SelectorError: a selector of another form.
    """
    for name, value in (filters or {}).items():
        descriptor = value.descriptor if isinstance(value, Described) else None
        if str(name) == FILTER_NAME or descriptor in (FILTER_NAME, FILTER_CODE):
            expression = value.value if isinstance(value, Described) else value
            return parse_selector(expression)
    return Position("x-opt-offset", START_OF_STREAM, True)


def parse_selector(expression: object) -> Position:
    """The position that a selector names.

    Raises:
        SelectorError: another form.
    """
    if isinstance(expression, bytes):
        expression = expression.decode("utf-8", "replace")
    match = _EXPRESSION.fullmatch(expression) if isinstance(expression, str) else None
    if match is None:
        raise SelectorError(
            "The filter is not a comparison with an offset, sequence number or enqueued time."
        )
    annotation, operator, value = match.groups()
    return Position(annotation, value, operator == ">=")


def start_at(position: Position, partition: Partition) -> int:
    """Sequence number of the first event to deliver. A position before retention is its first event.

    Raises:
        SelectorError: no number, or a position that is still to come.
    """
    if position.value == END_OF_STREAM:
        return partition.next_sequence_number
    if position.value == START_OF_STREAM:
        return partition.first_sequence_number
    text = position.value
    if position.annotation == "x-opt-offset" and (geo := _GEO_OFFSET.fullmatch(text)):
        text = geo.group(1)
    if not _NUMBER.fullmatch(text):
        raise SelectorError(f"The supplied value of {position.annotation} is not a number.")
    number = int(text)
    if position.annotation == "x-opt-enqueued-time":
        return partition.first_by_time(number, inclusive=position.inclusive)
    if position.annotation == "x-opt-offset":
        return _by_offset(number, partition, position.inclusive)
    first = number if position.inclusive else number + 1
    if number > partition.next_sequence_number:
        raise SelectorError(
            f"The supplied sequence number '{number}' is invalid. "
            f"The last sequence number in the system is '{partition.next_sequence_number - 1}'"
        )
    return max(first, partition.first_sequence_number)


def _by_offset(offset: int, partition: Partition, inclusive: bool) -> int:
    if offset > partition.next_offset:
        raise SelectorError(
            f"The supplied offset '{offset}' is invalid. "
            f"The last offset in the system is '{partition.last_offset}'"
        )
    return partition.first_by_offset(offset, inclusive=inclusive)
