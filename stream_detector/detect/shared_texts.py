"""One copy of texts that many groups hold: operations, callers, subscriptions.

Every record brings its own copy of the same names. Memory only; the meaning of a text never
depends on whether it is shared.
"""

from __future__ import annotations

from typing import Any, TypeVar

Shared = TypeVar("Shared")

_MOST_TEXTS = 4096
_LONGEST = 256
"""Together with the number a bound of a few megabytes; longer texts are rarely the same."""


class SharedTexts:
    """The copies given out most recently."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def of(self, text: str) -> str:
        """`text`, or an equal one that is in use already."""
        known = self._texts.get(text)
        if known is not None:
            return known
        if len(text) <= _LONGEST:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            self._texts[text] = text
        return text

    def all_of(self, values: tuple[Shared, ...]) -> tuple[Shared, ...]:
        """`of` for each text, also inside tuples; everything else as it is."""
        return tuple([self._of_any(value) for value in values])

    def _of_any(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.of(value)
        return tuple(map(self._of_any, value)) if isinstance(value, tuple) else value
