"""The shapes of a body: envelopes, arrays, lines, bare records, damaged text, down to the objects.

Sorts every object of one body into needed, other and foreign, and reports what cannot be read.
Knows which objects are records, not what their columns mean.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import islice

import orjson
from msgspec import Struct

from stream_detector.activity.body import MOST_CONTAINERS, Undecodable, UndecodableReason
from stream_detector.activity.columns import (
    Operation,
    WrongOperation,
    json_type,
    operation_of,
    time_of,
)
from stream_detector.activity.json_text import compact
from stream_detector.activity.scan import scan

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BLANKS = b" \t\r\n\x00"
_EMPTY = b'{}[],:"' + _BLANKS + _UTF8_BOM
"""What an empty body may consist of."""

_LINES_TRIED = 100
_LONGER_WORK = 100_000
_MOST_PROBLEMS = 1000
"""Of one body, reported one by one; the rest of them are reported as one, with the whole body."""

Object = dict[str, object]
_Item = tuple[object, Object | None, int]
"""A value still to be walked, the envelope around it, and its depth."""


class Needed(Struct, frozen=True, gc=False):
    """A record to be kept: its fields, those of its envelope, its operation and its position."""

    fields: Object
    envelope: Object | None
    operation: Operation
    time: int | None
    """Its own time in ticks; None when that is missing or unreadable."""
    index: int

    def __repr__(self) -> str:
        """Without the fields: they are about people."""
        return f"Needed(operation={self.operation!r}, time={self.time}, index={self.index})"


class BodyReading:
    """One reading of one body: created for it, filled by `read`, then looked at.

    `operations` are the needed operation names in ASCII lower case; None means all.
    """

    __slots__ = (
        "_more_problems",
        "_next_index",
        "_operations",
        "foreign",
        "needed",
        "other",
        "parsed",
        "problems",
        "repaired",
    )

    def __init__(self, operations: Container[str] | None) -> None:
        self._operations = operations
        self._next_index = 0
        self._more_problems = 0
        self.needed: list[Needed] = []
        self.parsed: list[Object] = []
        """Every object read in full: the source of a time for a record that has none."""
        self.other = 0
        self.foreign = 0
        self.repaired = 0
        self.problems: list[Undecodable] = []

    def read(self, raw: bytes) -> None:
        """Read the whole body, whatever it is."""
        chunk = _as_utf8(raw)
        if not chunk:
            self.problems.append(Undecodable(UndecodableReason.EMPTY_BODY, None, "the body is empty", raw))
            return
        self._read_chunk(chunk)
        # What is kept of a body that cannot be read are its bytes, the blanks around them too.
        self.problems = [
            Undecodable(found.reason, found.index, found.detail, raw) if found.raw == chunk else found
            for found in self.problems
        ]
        if self.repaired and not (self.needed or self.other or self.foreign or self.problems):
            self._tell_emptied(raw)
        if self._more_problems:
            text = f"{self._more_problems} more pieces of this body"
            self.problems.append(Undecodable(self.problems[-1].reason, None, text, raw))

    def _tell_emptied(self, raw: bytes) -> None:
        """What was mended to an empty container: told, unless that is all that it was."""
        if raw.replace(b'"records"', b"").replace(b"null", b"").strip(_EMPTY):
            self.repaired = 0
            self.problems.append(
                Undecodable(
                    UndecodableReason.INVALID_JSON, None, "nothing is left of it when it is mended", raw
                )
            )

    def read_needed(self, records: Iterable[tuple[int, bytes]], total: int) -> bool:
        """Read some records of a body of `total` records that all name an operation, by position and text.

        False when one of them is no strict JSON: then this reading is of no use, and the whole body
        must be read.
        """
        for index, text in records:
            value = _loads(text)
            if not isinstance(value, dict):
                return False
            self._next_index = index
            self._read_record(value, None)
        self.other = total - len(self.needed)
        return True

    def _read_chunk(self, chunk: bytes) -> None:
        first_line, newline, _ = chunk.partition(b"\n")
        if newline and _loads(first_line) is not None:
            self._read_lines(chunk)
            return
        value = _loads(chunk)
        if value is not None or chunk == b"null":
            self._read_value(value)
        elif newline and _looks_like_lines(chunk):
            self._read_lines(chunk)
        else:
            self._read_damaged(chunk)

    def _read_lines(self, chunk: bytes) -> None:
        """Newline-delimited records or envelopes: a broken line is a matter of its own."""
        lines = chunk.split(b"\n")
        longer = 2 * len(chunk) + _LONGER_WORK
        """Bytes that may still be looked at for documents that go on over several lines."""
        position = 0
        while position < len(lines):
            line = lines[position].strip(_BLANKS)
            position += 1
            if not line:
                continue
            found = None if self._operations is None else scan(line, self._operations)
            if found is not None and not found.needed:
                self.other += found.total
                self._next_index += found.total
                continue
            value = _loads(line)
            if value is not None or line == b"null":
                self._read_value(value)
                continue
            if line[:1] in (b"{", b"[") and longer > 0:
                rest = b"\n".join(lines[position - 1 :])
                longer -= len(rest)
                document = self._document_over_lines(rest)
                if document:
                    position += rest.count(b"\n", 0, document)
                    continue
            if len(self.problems) < _MOST_PROBLEMS:
                self._read_damaged(line)
            else:
                self._more_problems += 1

    def _document_over_lines(self, rest: bytes) -> int:
        """Read the document that begins here and ends with a later line; its length; 0: none."""
        from stream_detector.activity.salvage import document_over_lines

        found = document_over_lines(rest.decode("utf-8", "surrogateescape"))
        if found is None:
            return 0
        self._read_found(found.value, found.repaired)
        return found.size

    def _read_damaged(self, chunk: bytes) -> None:
        """No strict JSON, or invalid UTF-8: read piece by piece."""
        # here, not above: few processes ever need it, and its expressions take 10 ms to compile
        from stream_detector.activity.salvage import Lost, salvage

        pieces = list(salvage(chunk.decode("utf-8", "surrogateescape")))
        if not any(isinstance(piece, Lost) or piece.repaired for piece in pieces):
            self.repaired += 1
        for piece in pieces:
            if isinstance(piece, Lost):
                index = self._take_index() if piece.raw else None
                reason = UndecodableReason(piece.damage.value)
                raw = piece.raw if piece.raw and len(pieces) > 1 else chunk
                self._report(reason, index, _DETAILS[reason], raw)
                continue
            self._read_found(piece.value, piece.repaired)

    def _read_found(self, value: object, repaired: bool) -> None:
        """Read a value out of damaged text, and count its records if it had to be mended."""
        seen = self._next_index
        self._read_value(value)
        if repaired:
            self.repaired += self._next_index - seen

    def _read_value(self, value: object) -> None:
        """Walk a parsed value in order: arrays and envelopes, however mixed, down to the records."""
        rest: list[_Item] = [(value, None, 0)]
        while rest:
            item, envelope, depth = rest.pop()
            if isinstance(item, str):
                item = _inner_json(item)
            if depth > MOST_CONTAINERS and isinstance(item, list | dict):
                self._report_value(UndecodableReason.TOO_DEEP, "containers nest too deep", item)
            elif isinstance(item, list):
                rest.extend((member, envelope, depth + 1) for member in reversed(item))
            elif isinstance(item, dict):
                held = _held_records(item)
                if held is None:
                    self._read_record(item, envelope)
                else:
                    self._read_envelope(item, held, (envelope, depth), rest)
            else:
                self._report_value(UndecodableReason.NOT_AN_OBJECT, _NOT_AN_OBJECT[json_type(item)], item)

    def _read_envelope(
        self, item: Object, held: object, around: tuple[Object | None, int], rest: list[_Item]
    ) -> None:
        """An object with `records`; should it name an operation itself, it is a record as well."""
        outer, depth = around
        if item.get("operationName") or item.get("OperationNameValue"):
            self._read_record(item, outer)
        if isinstance(held, str):
            held = _inner_json(held)
        if isinstance(held, list | dict):
            rest.append((held, item, depth + 1))
        elif not isinstance(held, str) or held.strip():
            text = f"`records` is of JSON type {json_type(held)}, not an array"
            self._report_value(UndecodableReason.WRONG_TYPE, text, item)

    def _read_record(self, item: Object, envelope: Object | None) -> None:
        index = self._take_index()
        self.parsed.append(item)
        try:
            operation = operation_of(item)
        except WrongOperation as wrong:
            self._report(UndecodableReason.WRONG_TYPE, index, str(wrong), compact(item).encode())
            return
        if operation is None:
            self.foreign += 1
        elif self._is_needed(operation.name):
            self.needed.append(Needed(item, envelope, operation, time_of(item), index))
        else:
            self.other += 1

    def _is_needed(self, name: str) -> bool:
        return self._operations is None or name in self._operations

    def _report_value(self, reason: UndecodableReason, detail: str, item: object) -> None:
        index = self._take_index()
        if len(self.problems) < _MOST_PROBLEMS:
            self._report(reason, index, detail, compact(item).encode())
        else:
            self._more_problems += 1

    def _report(self, reason: UndecodableReason, index: int | None, detail: str, raw: bytes) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Undecodable(reason, index, detail, raw))
        else:
            self._more_problems += 1

    def _take_index(self) -> int:
        self._next_index += 1
        return self._next_index - 1


_DETAILS = {
    UndecodableReason.INVALID_JSON: "neither JSON nor damage that can be mended",
    UndecodableReason.INVALID_UTF8: "bytes that are no UTF-8 text",
    UndecodableReason.TRUNCATED: "the body ends too early",
    UndecodableReason.TOO_DEEP: "nested too deep",
    UndecodableReason.NOT_AN_OBJECT: "a value that is not an object",
}
_NOT_AN_OBJECT = {
    name: f"of JSON type {name}, not an object" for name in ("null", "boolean", "number", "string")
}


def _as_utf8(raw: bytes) -> bytes:
    """The body without byte order mark and padding, UTF-16 turned into UTF-8."""
    if raw[:2] in _UTF16_BOMS:
        raw = raw.decode("utf-16", "replace").encode()
    elif raw[1:2] == b"\0" and raw[:1] in (b"{", b"["):
        raw = raw.decode("utf-16-le", "replace").encode()
    elif raw[:1] == b"\0" and raw[1:2] in (b"{", b"["):
        raw = raw.decode("utf-16-be", "replace").encode()
    return raw.strip(_BLANKS).removeprefix(_UTF8_BOM).strip(_BLANKS)


def _loads(text: bytes) -> object:
    """The value of strict JSON; None when it is none (and for null)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _inner_json(text: str) -> object:
    """The array or object that a text is the JSON of; any other text as it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    value = _loads(text.encode())
    return text if value is None else value


def _looks_like_lines(chunk: bytes) -> bool:
    """Whether a body that is no JSON is lines, at least one of them sound, rather than one document."""
    first_line = chunk.partition(b"\n")[0].rstrip()
    if first_line[-1:] in b"{[,:":
        return False
    lines = (line.strip() for line in chunk.split(b"\n"))
    candidates = (line for line in lines if line[:1] in (b"{", b"["))
    return any(isinstance(_loads(line), dict | list) for line in islice(candidates, _LINES_TRIED))


def _held_records(item: dict[str, object]) -> object:
    """What an envelope holds under `records`, "" for null; None when the object is no envelope."""
    if "records" in item:
        return "" if item["records"] is None else item["records"]
    if item.get("operationName") or item.get("OperationNameValue"):
        return None
    for key, held in item.items():
        if len(key) == len("records") and key.lower() == "records" and isinstance(held, list | dict):
            return held
    return None
