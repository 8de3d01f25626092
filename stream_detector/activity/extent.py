"""Finds where a JSON value closes by its brackets and strings alone, and meters the work of doing so.

No validation and no recursion: a value of any depth has an extent. Salvage and repair share it.
"""

from __future__ import annotations

import re
from itertools import islice

from msgspec import Struct

DEEPEST = 1000
"""Levels. The strict parser reads 1,024; a deeper value is read member by member instead."""
_SHORT_REACH = 32_768
"""Characters: more than nearly every record; a longer one can still be read by the rewriter."""
_SHORTEST_REACH = 256
COST_OF_MATCH = 40
"""Characters that one step of a scan is worth: what a regular expression passes in the same time."""

_NEXT_BRACKETS = re.compile(
    # No possessive group: see `activity.repair`.
    r'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*"[^"{}\[\]]*+)*'
    r"(?:([{\[](?:[ \t\r\n]*+[{\[])*)|([}\]](?:[ \t\r\n]*+[}\]])*))",
    re.S,
)
_BLANKS_PASSED = 200
"""Most blanks between a comma and a record behind it; more than any printer indents."""
_CLOSERS = re.compile(r"[}\]]")
_OPENERS = str.maketrans("}]", "{[")


class Work:
    """Characters that may still be looked at. Keeps hostile input from costing more than its length."""

    __slots__ = ("left", "missed", "reach")

    def __init__(self, left: int) -> None:
        self.left = left
        self.reach: int | None = None
        """How far ahead the end of a value or text is looked for. None: as far as the text goes."""
        self.missed = False
        """Whether an end was missing since `adapt` was last called."""

    def spend(self, characters: int) -> None:
        """Note that this much has been looked at."""
        self.left -= characters

    def limit(self, text: str, start: int) -> int:
        """Up to where the end of what begins at `start` is looked for."""
        return len(text) if self.reach is None else min(len(text), start + self.reach)

    def miss(self) -> None:
        """Note that an end was not there; nothing is looked for that far again."""
        self.missed = True
        if self.reach is None:
            self.reach = _SHORT_REACH

    def adapt(self, lost: bool) -> None:
        """Look half as far after each record that was lost for want of an end, further after a sound one.

        Else each of many records without an end would cost the whole reach.
        """
        if self.reach is not None and self.missed == lost:
            reach = self.reach // 2 if lost else self.reach * 2
            self.reach = min(max(reach, _SHORTEST_REACH), _SHORT_REACH)
        self.missed = False


class Extent(Struct, frozen=True, gc=False):
    """Where a value closes, and how many levels it nests."""

    end: int
    levels: int


def extent_of_value(text: str, start: int, work: Work) -> Extent | None:
    """The extent of the object or array that opens at `start`, if its strings are sound; else None.

    A closing bracket of the wrong kind closes what it can: in `{"a":[1,2}` the brace closes both,
    so that one forgotten bracket does not reach into the next record.
    """
    opened: list[str] = []
    deepest, position = 0, start
    limit = work.limit(text, start)
    while work.left > 0:
        found = _NEXT_BRACKETS.match(text, position, limit)
        if found is None:
            work.spend(limit - position)
            break
        work.spend(found.end() - position + COST_OF_MATCH)
        position = found.end()
        if found.group(1) is not None:
            opened.extend(_bare(found.group(1)))
            deepest = max(deepest, len(opened))
            continue
        closers = _bare(found.group(2))
        used = _close(opened, closers, work)
        if not opened:
            return Extent(_nth_closer(found, used), deepest)
    work.miss()
    return None


def misplaced_object(text: str, start: int, limit: int, work: Work) -> int | None:
    """Where, in the object that opens at `start`, an object begins that is no value of a member.

    In an object only a colon stands before a value. So `{` behind anything else, in an object, is where the
    next record begins behind one that was cut off.
    """
    opened: list[str] = []
    position = start
    limit = min(limit, work.limit(text, start))
    while work.left > 0:
        found = _NEXT_BRACKETS.match(text, position, limit)
        if found is None:
            work.spend(limit - position)
            return None
        work.spend(found.end() - position + COST_OF_MATCH)
        position = found.end()
        if found.group(1) is None:
            _close(opened, _bare(found.group(2)), work)
            if not opened:
                return None
            continue
        before = text[max(start, found.start(1) - _BLANKS_PASSED) : found.start(1)].rstrip(" \t\r\n")
        if opened and opened[-1] == found.group(1)[0] == "{" and before and before[-1] != ":":
            return found.start(1)
        opened.extend(_bare(found.group(1)))
    return None


def _close(opened: list[str], closers: str, work: Work) -> int:
    """Take what a run of closing brackets closes off the open ones; how many of the run that took."""
    used = min(len(closers), len(opened))
    if "".join(opened[-used:]) == closers[:used][::-1].translate(_OPENERS):
        del opened[-used:]
        return used
    for used, closer in enumerate(closers, start=1):
        opener = closer.translate(_OPENERS)
        before = len(opened)
        if opener in opened:
            while opened.pop() != opener:
                pass
        work.spend(COST_OF_MATCH + before)
        if not opened:
            return used
    return len(closers)


def _bare(brackets: str) -> str:
    """A run of brackets without the blanks between them."""
    return brackets if len(brackets) == 1 else "".join(brackets.split())


def _nth_closer(found: re.Match[str], number: int) -> int:
    """Where the closing bracket of this number ends, in a run of them with blanks between."""
    start, run = found.start(2), found.group(2)
    if number == len(run) or len(_bare(run)) == len(run):
        return start + number
    return start + next(islice(_CLOSERS.finditer(run), number - 1, None)).end()
