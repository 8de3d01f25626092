"""The fast look at a body: does it hold any operation that a rule needs, and where?

One typed msgspec decode checks that the body is valid JSON, counts its records and reads nothing
but their operation names, escapes included. Most bodies need no second look, and in the others
only the records pointed out here are parsed. This module may answer "don't know" for any body,
and must never leave out a record that is needed.
See docs/decisions/0001-typed-scan-instead-of-byte-prefilter.md.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType


class Scan(Struct, frozen=True, gc=False):
    """A body of activity records only: how many, and the positions of those that may be needed."""

    total: int
    needed: tuple[int, ...]


_Absent = Annotated[int, Meta(ge=1, le=0)] | UnsetType
"""A field that no value fits: where it stands, the plain decoding ends."""


class _PlainRecord(Struct, gc=False):
    """A record that has the stream's own operation name, as a text that is not empty, and no other."""

    operationName: Annotated[str, Meta(min_length=1)]  # noqa: N815 - the record's own field names
    OperationNameValue: _Absent = UNSET
    records: _Absent = UNSET


class _PlainBody(Struct, gc=False):
    """What nearly every body is: an envelope of such records."""

    records: list[_PlainRecord]
    operationName: _Absent = UNSET  # noqa: N815
    OperationNameValue: _Absent = UNSET


class _Names(Struct, gc=False):
    """A record, or at least something whose operation name is text under an exact spelling."""

    operationName: str | UnsetType = UNSET  # noqa: N815 - the record's own field names
    OperationNameValue: str | UnsetType = UNSET
    records: msgspec.Raw | UnsetType = UNSET
    """Set when this is no plain record but an envelope, or both."""


class _Body(Struct, gc=False):
    """An envelope, or one bare record."""

    records: list[_Names] | UnsetType = UNSET
    operationName: str | UnsetType = UNSET  # noqa: N815
    OperationNameValue: str | UnsetType = UNSET


class _Texts(Struct, gc=False):
    """The same envelope with its records as they stand in the body."""

    records: list[msgspec.Raw]


_decode_plain = msgspec.json.Decoder(_PlainBody).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_list = msgspec.json.Decoder(list[_Names]).decode
_decode_body_texts = msgspec.json.Decoder(_Texts).decode
_decode_list_texts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_UNEXPECTED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_MOST_OTHERS = 4096
_LONGEST_OTHER = 256
_BLANKS = b" \t\r\n"


def scan(body: bytes | memoryview, needed: Container[str], others: set[str] | None = None) -> Scan | None:
    """Where in a body the needed operations are.

    None means: don't know. The body then holds an object without a plain operation name, has
    another shape, or is no JSON. `needed` is asked with a name as the record spells it, as the
    full parse asks. `others` may be given to remember, from call to call with the
    same `needed`, spellings that are not needed: most names are one of a few.
    """
    try:
        names = [record.operationName for record in _decode_plain(body).records]
    except _UNEXPECTED:
        return _scan_odd(body, needed)
    if others and others.issuperset(names):
        return Scan(len(names), ()) if names else None
    found = tuple([index for index, name in enumerate(names) if name in needed])
    if others is not None and not found and len(others) < _MOST_OTHERS:
        others.update(name for name in names if len(name) <= _LONGEST_OTHER)
    return Scan(len(names), found) if names else None


def _scan_odd(body: bytes | memoryview, needed: Container[str]) -> Scan | None:
    """The same for a body that is more, or less, than an envelope of plain records."""
    try:
        records = _decode_list(body) if _is_list(body) else _records_of(_decode_body(body))
    except _UNEXPECTED:
        return None
    found: list[int] = []
    for index, record in enumerate(records):
        name = record.operationName
        if record.records is not UNSET:
            return None
        if record.OperationNameValue is UNSET and name:
            if name in needed:
                found.append(index)
            continue
        names = [text for text in (name, record.OperationNameValue) if text]
        if not names:
            return None
        if any(text in needed for text in names):
            found.append(index)
    return Scan(len(records), tuple(found)) if records else None


def records_at(body: bytes, found: Scan) -> Iterator[tuple[int, bytes]]:
    """Position and text of each record that `scan` pointed out in the same body."""
    if _is_list(body):
        texts = _decode_list_texts(body)
    else:
        try:
            texts = _decode_body_texts(body).records
        except msgspec.ValidationError:  # no `records`: the body is the record
            yield 0, body
            return
    for index in found.needed:
        yield index, bytes(texts[index])


def _records_of(body: _Body) -> list[_Names]:
    """The records of an envelope; the body itself when it is one; nothing when it is something else."""
    if body.records is UNSET:
        return [_Names(body.operationName, body.OperationNameValue)]
    return body.records if body.operationName is UNSET and body.OperationNameValue is UNSET else []


def _is_list(body: bytes | memoryview) -> bool:
    first = bytes(body[:1])
    return first == b"[" or (first in (b" ", b"\t", b"\r", b"\n") and bytes(body).lstrip(_BLANKS)[:1] == b"[")
