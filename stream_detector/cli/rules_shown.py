"""How `rules` commands show things on a terminal: tables, and problems with the line that they are in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from stream_detector.errors import Problem
from stream_detector.kql.problems import LINE_END

_WIDEST = 120
"""Characters of a source line that are shown; longer ones are cut around the column."""
_INDENT = "    "


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with aligned columns."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


class Sources:
    """The texts that problems are about; files are read when they are first needed."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, source: str, text: str) -> None:
        """Give the text of something that is no file."""
        self._lines[source] = LINE_END.split(text)

    def shown(self, problem: Problem) -> Iterator[str]:
        """The problem, its source line, and a caret below the character where it is."""
        yield printable(str(problem))
        line = self._line(problem.source, problem.line)
        if line is None:
            return
        start = len(line) - len(line.lstrip())
        offset = min(max(0, (problem.column or start + 1) - 1), len(line))
        cut = max(0, offset - _WIDEST // 2) if len(line) > _WIDEST else 0
        before, after = printable(line[cut:offset]), printable(line[offset : cut + _WIDEST])
        yield f"{_INDENT}{before}{after}".rstrip()
        yield f"{_INDENT}{' ' * _width(before)}^"

    def _line(self, source: str, number: int | None) -> str | None:
        if number is None:
            return None
        if source not in self._lines:
            try:
                text = Path(source).read_bytes().decode("utf-8-sig", "replace")
            except OSError:
                text = ""
            self.add(source, text)
        lines = self._lines[source]
        return lines[number - 1] if number <= len(lines) and lines[number - 1].strip() else None


def printable(text: str) -> str:
    """`text` with a blank for each character that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _width(text: str) -> int:
    """Cells on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
