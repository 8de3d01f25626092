"""One copy of texts that many groups hold: operations, callers, subscriptions.

Every record brings its own copy of the same names. Memory only; the meaning of a text never
depends on whether it is shared.
"""

from __future__ import annotations

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

    def all_of(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """`of` for each."""
        return tuple(map(self.of, texts))
