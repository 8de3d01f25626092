"""Regular expressions of KQL. Kusto's engine is RE2, and so is this one: a search is linear in the text.

RE2 is loaded when the first expression is compiled. Texts are matched as UTF-8; half of a surrogate pair
counts as U+FFFD. `.` does not match a line feed, `$` is the very end, as RE2 has it without flags.
Apart from `problem`, functions take only expressions that `problem` has accepted: the checker sees to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from stream_detector.kql.dynamic import mend

TRIM_BOTH, TRIM_START, TRIM_END = "^({0})|({0})$", "^({0})", "({0})$"
"""What Kusto makes of the expression of trim, trim_start and trim_end (second-hand: its error messages show
it). So one match goes at each end: `trim("a", "aaaa")` is "aa"."""

_REWRITE_MARK = "\\"


def problem(pattern: str) -> str | None:
    """Why `pattern` cannot be used, as a sentence, or None."""
    import re2  # type: ignore[import-untyped]

    try:
        compiled(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"RE2 does not accept the regular expression {pattern!r}: {told}"
    return None


def trim_problem(pattern: str) -> str | None:
    """As `problem`, of the expression of a trim."""
    if not pattern:
        return "the regular expression is empty"
    return problem(TRIM_BOTH.replace("{0}", pattern))


def extract_problem(pattern: str, group: int | None) -> str | None:
    """As `problem`, of an expression of which one group (None: not known yet) is taken."""
    found = problem(pattern)
    if found is None and group is not None and not 0 <= group <= groups(pattern):
        return f"the regular expression {pattern!r} has {groups(pattern)} groups, and no group {group}"
    return found


def rewrite_problem(pattern: str, rewrite: str) -> str | None:
    """As `problem`, of an expression and what replaces its matches."""
    found = problem(pattern)
    if found is not None:
        return found
    pieces = _pieces(rewrite)
    if pieces is None:
        return f"the rewrite {rewrite!r} has a backslash that is followed by neither a digit nor a backslash"
    highest = max((piece for piece in pieces if isinstance(piece, int)), default=0)
    if highest > groups(pattern):
        return f"the rewrite {rewrite!r} names group {highest}, and {pattern!r} has {groups(pattern)}"
    return None


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The compiled expression.

    Raises:
        re2.error: RE2 does not accept it.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(mend(pattern), options)


def groups(pattern: str) -> int:
    """How many capturing groups an expression has."""
    return int(compiled(pattern).groups)


def matches(text: str, pattern: str) -> bool:
    """`text matches regex pattern`: a match anywhere."""
    return compiled(pattern).search(_utf8(text)) is not None


def compile_matches(pattern: str) -> Callable[[str], bool]:
    """`matches` for one expression."""
    search = compiled(pattern).search
    return lambda text: search(_utf8(text)) is not None


def extract(pattern: str, group: int | None, text: str) -> str:
    """`extract(pattern, group, text)`: of the first match; "" without a match or such a group."""
    found = compiled(pattern).search(_utf8(text))
    if found is None or group is None or not 0 <= group <= groups(pattern):
        return ""
    part = found.group(group)
    return "" if part is None else str(part.decode("utf-8", "replace"))


def count(text: str, pattern: str) -> int:
    """`countof(text, pattern, "regex")`: matches that do not overlap."""
    return sum(1 for _ in compiled(pattern).finditer(_utf8(text)))


def replace(text: str, pattern: str, rewrite: str) -> str:
    """`replace_regex(text, pattern, rewrite)`: every match; `\\0` to `\\9` in `rewrite` are groups."""
    return compile_replace(pattern, rewrite)(text)


def compile_replace(pattern: str, rewrite: str) -> Callable[[str], str]:
    """`replace` for one expression and rewrite."""
    finditer = compiled(pattern).finditer
    pieces = tuple(piece.encode() if isinstance(piece, str) else piece for piece in _pieces(rewrite) or ())

    def replaced(text: str) -> str:
        source = _utf8(text)
        out: list[bytes] = []
        position, last = 0, -1
        for match in finditer(source):
            start, end = match.span()
            # As RE2 replaces: nothing is found right behind a match.
            if start == end == last:
                continue
            last = end
            out.append(source[position:start])
            out += [piece if isinstance(piece, bytes) else match.group(piece) or b"" for piece in pieces]
            position = end
        out.append(source[position:])
        return b"".join(out).decode("utf-8", "replace")

    return replaced


def trimmer(frame: str) -> Callable[[str, str], str]:
    """`trim(pattern, text)` and its kin, for one of the frames above."""

    def trim(pattern: str, text: str) -> str:
        return _framed(frame, pattern)(text)

    return trim


@lru_cache(maxsize=1024)
def _framed(frame: str, pattern: str) -> Callable[[str], str]:
    return compile_replace(frame.replace("{0}", pattern), "")


def _pieces(rewrite: str) -> list[str | int] | None:
    """A rewrite as texts and group numbers; None when a backslash means nothing."""
    pieces: list[str | int] = []
    texts = mend(rewrite).split(_REWRITE_MARK)
    pieces.append(texts[0])
    position = 1
    while position < len(texts):
        text = texts[position]
        if text[:1].isascii() and text[:1].isdigit():
            pieces += [int(text[0]), text[1:]]
            position += 1
        elif not text and position + 1 < len(texts):
            pieces.append(_REWRITE_MARK + texts[position + 1])
            position += 2
        else:
            return None
    return pieces


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mend(text).encode()
