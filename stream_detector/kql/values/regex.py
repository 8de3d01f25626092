"""Regular expressions of KQL, matched by RE2 as `regex_syntax` spells them: a search is linear in the text.

RE2 is loaded when the first expression is compiled. Texts are matched as UTF-8; half of a surrogate pair
counts as U+FFFD. All matches of a text are never asked for: that takes time in the square of the text.
Apart from the `problem` functions, all take only expressions that those have accepted: the checker sees to
it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from stream_detector.kql.dynamic import mend
from stream_detector.kql.values.regex_syntax import Part, RegexRefused, parts, translated


def problem(pattern: str) -> str | None:
    """Why `pattern` cannot be used, as a sentence, or None."""
    import re2  # type: ignore[import-untyped]

    try:
        compiled(pattern)
    except RegexRefused as refused:
        return str(refused)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"RE2 does not accept the regular expression {pattern!r}: {told}"
    return None


def trim_problem(pattern: str) -> str | None:
    """As `problem`, of the expression of a trim.

    Kusto's page has every match at an end removed, what is known of its engine (second-hand) one. Both say
    the same of characters of a fixed number that repeat without bound, greedily; all else is refused.
    """
    if not pattern:
        return "the regular expression is empty"
    found = problem(pattern)
    if found is not None or _repeats_whole(parts(mend(pattern))):
        return found
    advice = next((each for each in (f"{pattern}+", f"({pattern})+") if _is_trimmed_by(each)), None)
    written = repr(advice) if advice else "such as [x]+, \\s+ or (ab)+"
    return (
        f"whether the regular expression {pattern!r} takes one match from each end or all of them is not"
        f" certain; write one that repeats as a whole, {written}"
    )


def extract_problem(pattern: str, group: int | None) -> str | None:
    """As `problem`, of an expression of which one group (None: not known yet) is taken."""
    found = problem(pattern)
    if found is None and group is not None and not 0 <= group <= groups(pattern):
        return f"the regular expression {pattern!r} has {groups(pattern)} groups, and no group {group}"
    return found


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The compiled expression.

    Raises:
        RegexRefused: it means something else in Kusto, or nothing.
        re2.error: RE2 does not accept it.
    """
    return _compile(translated(mend(pattern)))


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


def trim(pattern: str, text: str) -> str:
    """`trim(pattern, text)`: without the matches at both ends."""
    return trim_end(pattern, trim_start(pattern, text))


def trim_start(pattern: str, text: str) -> str:
    """`trim_start(pattern, text)`."""
    source = _utf8(text)
    found = _edges(pattern)[0].search(source)
    return text if found is None else str(source[found.end() :].decode("utf-8", "replace"))


def trim_end(pattern: str, text: str) -> str:
    """`trim_end(pattern, text)`."""
    source = _utf8(text)
    found = _edges(pattern)[1].search(source)
    return text if found is None else str(source[: found.start()].decode("utf-8", "replace"))


@lru_cache(maxsize=1024)
def _edges(pattern: str) -> tuple[Any, Any]:
    """The expression at the beginning and at the end of a text."""
    spelled = translated(mend(pattern))
    return _compile(rf"\A(?:{spelled})"), _compile(rf"(?:{spelled})\z")


def _compile(spelled: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(spelled, options)


def _is_trimmed_by(pattern: str) -> bool:
    return problem(pattern) is None and _repeats_whole(parts(mend(pattern)))


def _repeats_whole(found: tuple[Part, ...]) -> bool:
    """Whether it is characters of a fixed number, perhaps in a group, repeated by `+` or `*`."""
    while found and found[0].kind == "flags":
        if "U" in found[0].text:
            return False
        found = found[1:]
    if not found or found[-1].text not in ("+", "*"):
        return False
    body = found[:-1]
    if len(body) > 1:
        if (body[0].kind, body[-1].kind) != ("open", "close") or "U" in body[0].text:
            return False
        body = body[1:-1]
    return bool(body) and all(part.kind == "one" for part in body)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mend(text).encode()
