"""What is wrong in a rule's text, and where: the one form in which parser, checker and planner tell it."""

from __future__ import annotations

from msgspec import Struct


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
    """Line and column of a character, both from 1. Lines end with \\n; a column is a character."""
    before = text.count("\n", 0, offset)
    return before + 1, offset - text.rfind("\n", 0, offset)
