"""What is wrong in a rule's text, and where: the one form in which parser, checker and planner tell it."""

from __future__ import annotations

import re

from msgspec import Struct

LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line, in a rule's text and in the YAML beside it."""


class Span(Struct, frozen=True, gc=False):
    """A part of the text: offsets in characters, `end` not included."""

    start: int
    end: int


class KqlProblem(Struct, frozen=True, gc=False):
    """One thing that cannot be accepted."""

    span: Span
    text: str
    """What is wrong and what to write instead, as a sentence without its place."""


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1. Lines end as `LINE_END` says; a column is a character."""
    line, start = 1, 0
    for end in LINE_END.finditer(text):
        if end.end() > offset:
            break
        line, start = line + 1, end.end()
    return line, offset - start + 1
