"""Files that went wrong in an editor: words of YAML put where they do not belong."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st


def mangled(data: st.DataObject, lines: Sequence[str], words: st.SearchStrategy[str]) -> str:
    """The lines with one to four words written into them, over up to eight characters each."""
    changed = list(lines)
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(st.integers(0, len(changed) - 1))
        place = data.draw(st.integers(0, len(changed[line])))
        cut = data.draw(st.integers(0, 8))
        changed[line] = changed[line][:place] + data.draw(words) + changed[line][place + cut :]
    return "\n".join(changed)
