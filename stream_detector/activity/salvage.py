"""Finds the records in a body that is not valid JSON as a whole.

Walks the containers around the records (envelopes, arrays, concatenated values), takes each record
as it stands if it is sound, mends it if `activity.repair` knows its damage, and otherwise gives up
on that record alone and looks for where the next one begins. Works on text in which invalid bytes
are lone surrogates, so that every piece can be turned back into the very bytes that arrived.
Knows nothing of columns. No recursion; total work is bounded by a multiple of the length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

import orjson
from msgspec import Struct

from stream_detector.activity.body import MOST_CONTAINERS
from stream_detector.activity.extent import (
    COST_OF_MATCH,
    DEEPEST,
    Extent,
    Work,
    extent_of_value,
    misplaced_object,
)
from stream_detector.activity.repair import printable, repair_value

_WORK_FACTOR = 40
"""Times the length that may be looked at in all. Usual records cost 1 if sound, 3 if mended, 4 if lost."""
_LEAST_WORK = 3_000_000
"""So that a thousand tiny broken objects do not use up what the record behind them needs."""
_COST_OF_BRACKET = 50
"""Most characters that a bracket is charged in a scan for the end of a value."""
_USUAL_FIRST_KEYS = frozenset(
    {'"time"', '"TimeGenerated"', '"operationName"', '"OperationNameValue"', '"RoleLocation"', '"resourceId"'}
)
"""What records are known to begin with."""
_MOST_FIRST_KEYS = 16
_COST_OF_PIECE = 40
"""Characters that handing on one piece is worth, so that a million empty objects are not free."""

_WS = r"[ \t\r\n]*+"
# No possessive group: see `activity.repair`.
_STRING = r'(?:"[^"\\]*+(?:\\.[^"\\]*+)*"|\'[^\'\\]*+(?:\\.[^\'\\]*+)*\')'
_SCALAR = rf"(?:{_STRING}|[-+.A-Za-z0-9]++)"
_BETWEEN = re.compile(r"[ \t\r\n,\x00]*+")
_OPENING = re.compile(rf"\[(?:{_WS}\[)*")
_CLOSING = re.compile(r"[\]}](?:[ \t\r\n,\x00]*+[\]}])*")
_KEY = re.compile(rf"({_STRING}){_WS}:{_WS}", re.S)
_SCALAR_VALUE = re.compile(rf"{_SCALAR}(?={_WS}(?:[,\]}}]|\Z))", re.S)
_ENVELOPE = re.compile(
    rf"\{{(?:{_WS}{_STRING}{_WS}:{_WS}{_SCALAR}{_WS},)*{_WS}[\"']records[\"']{_WS}:{_WS}\[",
    re.S | re.I | re.A,
)
_LOOSE_ENVELOPE = re.compile(rf"\{{[^{{}}\[\]]{{0,2000}}?\brecords\b[\"']?{_WS}:{_WS}\[", re.I | re.A)
"""An envelope with damage among the members before its records."""
_FIRST_KEY = re.compile(rf"\{{{_WS}(\"[^\"\\\n]{{1,64}}\"|'[^'\\\n]{{1,64}}'){_WS}:")
_NO_MEMBER = re.compile(rf"\{{{_WS}[^\"'}}A-Za-z0-9_$ \t\r\n]")
"""A brace that no member and no end follows."""
_BEGINNING = re.compile(
    rf"[}}\]\"\n,]{_WS},?{_WS}(?=\{{{_WS}(\"[^\"\\\n]{{1,64}}\"|'[^'\\\n]{{1,64}}'){_WS}:)"
)
"""Where, behind another value, an object begins, and its first key."""
_NEXT_OBJECT = re.compile(rf"(?:\}}{_WS},|\n){_WS}(?=\{{{_WS}[\"'])")
_END_OF_LINE = re.compile(r"[ \t\r]*+(?:\n|\Z)")
_JUNK_END = re.compile(rf"\n|,?{_WS}(?=[{{\[]{_WS}[\"'{{\[])")


class Damage(StrEnum):
    """Why a piece of a body is lost."""

    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    TRUNCATED = "truncated"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"


class Sound(Struct, frozen=True, gc=False):
    """A value that could be read: a record, or an envelope with all its records."""

    value: object
    repaired: bool


class Lost(Struct, frozen=True, gc=False):
    """A piece that could not be read."""

    raw: bytes
    damage: Damage


def salvage(text: str) -> Iterator[Sound | Lost]:
    """The pieces of a damaged body, in order.

    `text` is the body decoded as UTF-8 with `surrogateescape`. What stands beside the records of an
    envelope is stepped over. A body that ends with containers still open, yet
    with every record whole, gives a last empty `Lost` with `Damage.TRUNCATED`.
    """
    return _Walk(text).pieces()


class Document(Struct, frozen=True, gc=False):
    """A value over several lines."""

    value: object
    repaired: bool
    size: int
    """Bytes that it arrived as."""


def document_over_lines(text: str) -> Document | None:
    """The object or array that opens at the beginning of the text, if it ends at the end of a later line."""
    work = Work(_WORK_FACTOR * len(text))
    extent = extent_of_value(text, 0, work)
    if extent is None or "\n" not in text[: extent.end] or not _END_OF_LINE.match(text, extent.end):
        return None
    document = text[: extent.end]
    value, repaired = _strict(document), False
    if value is None:
        mended = repair_value(document, 0, work)
        repaired = mended is not None and mended.end == len(document)
        value = _strict(mended.json) if mended is not None and repaired else None
    return None if value is None else Document(value, repaired, len(raw_bytes(document)))


def raw_bytes(text: str) -> bytes:
    """The bytes that a piece of the text arrived as."""
    return text.encode("utf-8", "surrogateescape")


class _Walk:
    """Position in the body, containers open around it, and the work that is left."""

    __slots__ = ("deepest", "depth", "entered", "first_keys", "position", "text", "work")

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.depth = self.deepest = 0
        self.entered = False
        """Whether an envelope was stepped into: looking for the end of the first one is free."""
        self.first_keys = set(_USUAL_FIRST_KEYS)
        """What records begin with: there the one behind a damaged one is recognised."""
        self.work = Work(_WORK_FACTOR * len(text) + _LEAST_WORK)

    def pieces(self) -> Iterator[Sound | Lost]:
        any_piece = any_lost = False
        while True:
            self._skip(_BETWEEN)
            if self.position >= len(self.text):
                break
            piece = self._next_piece() if self.work.left > 0 else self._lose(len(self.text))
            if piece is not None:
                lost = isinstance(piece, Lost)
                self.work.spend(_COST_OF_PIECE)
                self.work.adapt(lost)
                any_piece, any_lost = True, any_lost or lost
                yield piece
        if not any_piece and (self.deepest > MOST_CONTAINERS or self.deepest == 0):
            damage = Damage.TOO_DEEP if self.deepest else Damage.INVALID_JSON
            yield Lost(raw_bytes(self.text), damage)
        elif self.depth > 0 and not any_lost:
            yield Lost(b"", Damage.TRUNCATED)

    def _next_piece(self) -> Sound | Lost | None:
        head = self.text[self.position]
        if head in "]}":
            closed = self._skip(_CLOSING)
            self.depth = max(0, self.depth - closed.count("]") - closed.count("}"))
            return None
        if head == "[":
            self._enter(self._skip(_OPENING).count("["))
            return None
        if head == "{":
            return self._object()
        key = _KEY.match(self.text, self.position) if head in "\"'" and self.depth > 0 else None
        if key is not None:
            return self._sibling(key)
        scalar = _SCALAR_VALUE.match(self.text, self.position)
        if scalar is not None:
            return self._lose(scalar.end(), Damage.NOT_AN_OBJECT)
        junk = _JUNK_END.search(self.text, self.position + 1)
        return self._lose(len(self.text) if junk is None else junk.start())

    def _object(self) -> Sound | Lost | None:
        """A record or an envelope that opens here."""
        start, work_left = self.position, self.work.left
        extent = extent_of_value(self.text, start, self.work)
        if extent is not None:
            value = _strict(self.text[start : extent.end])
            if value is not None:
                self.position = extent.end
                self._remember(start)
                return Sound(value, repaired=False)
        envelope = _ENVELOPE.match(self.text, start)
        if envelope is not None:
            self.position = envelope.end()
            self._enter(2)
            if not self.entered:
                self.entered, self.work.left = True, work_left
                self.work.reach, self.work.missed = None, False
            return None
        if extent is not None and extent.levels > DEEPEST:
            # Stepped over whole, so each character of it is looked at a fixed number of times: what the
            # many brackets cost beyond that is not taken from the records behind it.
            self.work.left = work_left - 3 * (extent.end - start)
            return self._deep_object(extent)
        repaired = repair_value(self.text, start, self.work)
        mended = None if repaired is None else _strict(repaired.json)
        if repaired is not None and mended is not None:
            self.position = repaired.end
            return Sound(mended, repaired=True)
        envelope = _LOOSE_ENVELOPE.match(self.text, start)
        if envelope is not None:
            self.position = envelope.end()
            self._enter(2)
            return None
        return self._give_up(start, None if extent is None else extent.end)

    def _deep_object(self, extent: Extent) -> Sound | Lost:
        piece = self.text[self.position : extent.end]
        members = _member_by_member(piece, Work(2 * _COST_OF_BRACKET * len(piece)))
        if members is None:
            return self._lose(extent.end, Damage.TOO_DEEP)
        self.position = extent.end
        return Sound(members, repaired=True)

    def _remember(self, start: int) -> None:
        """Keep what the sound record at `start` begins with."""
        if len(self.first_keys) < _MOST_FIRST_KEYS:
            first = _FIRST_KEY.match(self.text, start)
            if first is not None:
                self.first_keys.add(first.group(1))

    def _enter(self, levels: int) -> None:
        self.depth += levels
        self.deepest = max(self.deepest, self.depth)

    def _give_up(self, start: int, end: int | None) -> Lost:
        """Lose the record that opens at `start`, up to its end or to where the next one seems to begin."""
        text = self.text
        limit = len(text) if end is None else end
        if _NO_MEMBER.match(text, start):
            # Not the beginning of a record, so that what closes it belongs to something else.
            junk = _JUNK_END.search(text, start + 1, limit)
            return self._lose(limit if junk is None else junk.start())
        misplaced = misplaced_object(text, start, limit, self.work)
        neighbour = self._alike(start, limit if misplaced is None else misplaced)
        if neighbour is not None:
            return self._lose(neighbour.end())
        if misplaced is not None:
            return self._lose(misplaced)
        neighbour = _NEXT_OBJECT.search(text, start + 1) if end is None else None
        if neighbour is not None:
            return self._lose(neighbour.end())
        if end is not None:
            return self._lose(end)
        return self._lose(len(text), Damage.TRUNCATED)

    def _alike(self, start: int, limit: int) -> re.Match[str] | None:
        """Where behind `start` an object begins as the one there does, or as records of this body do."""
        keys = self.first_keys
        first = _FIRST_KEY.match(self.text, start)
        if first is not None:
            keys = keys | {first.group(1)}
        passed = start
        for found in _BEGINNING.finditer(self.text, start + 1, limit):
            self.work.spend(found.end() - passed + COST_OF_MATCH)
            passed = found.end()
            if found.group(1) in keys or self.work.left <= 0:
                return found
        self.work.spend(limit - passed)
        return None

    def _sibling(self, key: re.Match[str]) -> Lost | None:
        """A member of an envelope beside its records: stepped over; `records` itself is stepped into."""
        text, self.position = self.text, key.end()
        if key.group(1)[1:-1].lower() == "records":
            return None
        if text[self.position : self.position + 1] in ("{", "["):
            extent = extent_of_value(text, self.position, self.work)
            if extent is None:
                return self._lose(len(text), Damage.TRUNCATED)
            self.position = extent.end
            return None
        scalar = _SCALAR_VALUE.match(text, self.position)
        if scalar is None:
            self.position = key.start()
            junk = _JUNK_END.search(text, key.end())
            return self._lose(len(text) if junk is None else junk.start())
        self.position = scalar.end()
        return None

    def _lose(self, end: int, damage: Damage = Damage.INVALID_JSON) -> Lost:
        self.work.spend(end - self.position)
        raw = self.text[self.position : end].strip(" \t\r\n,")
        self.position = end
        if damage is not Damage.NOT_AN_OBJECT and raw != printable(raw):
            damage = Damage.INVALID_UTF8
        return Lost(raw_bytes(raw), damage)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Step over what the pattern matches here, and say what it was."""
        start, self.position = self.position, _past(pattern, self.text, self.position)
        return self.text[start : self.position]


def _strict(text: str) -> object:
    """The value, or None when it is no strict JSON (no value here is null)."""
    try:
        return orjson.loads(text)
    except ValueError:  # JSONDecodeError, or surrogates that no UTF-8 can hold
        return None


def _member_by_member(text: str, work: Work) -> dict[str, object] | None:
    """An object nested deeper than a parser reads: its members one by one, what is too deep kept as text."""
    members: dict[str, object] = {}
    position = 1
    while True:
        position = _past(_BETWEEN, text, position)
        if text[position : position + 1] == "}":
            return members
        key = _KEY.match(text, position)
        if key is None:
            return None
        name = _strict(key.group(1))
        position = key.end()
        levels, end = 0, None
        if text[position : position + 1] in ("{", "["):
            extent = extent_of_value(text, position, work)
            if extent is not None:
                levels, end = extent.levels, extent.end
        else:
            scalar = _SCALAR_VALUE.match(text, position)
            end = None if scalar is None else scalar.end()
        if end is None or not isinstance(name, str):
            return None
        raw, position = text[position:end], end
        if levels > DEEPEST - 1:
            members[name] = printable(raw)
        else:
            members[name] = _strict(raw)
            if members[name] is None and raw != "null":
                return None


def _past(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return position if found is None else found.end()
