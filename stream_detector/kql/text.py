"""What Kusto's string operators mean, to the letter: has, has_any, =~, startswith and their kin.

Every choice that Kusto leaves open or that is easy to get wrong is made here and nowhere else:
case folding is ASCII only, and a term is a run of Unicode letters and numbers. Rules use these
functions rather than str methods. Nothing here raises for any text, and every test is linear in it.

Sources: Kusto's datatypes-string-operators, has-operator, has-any-operator, in-operator,
equals-operator and not-startswith-operator pages; docs/kql.md says which points are measured
on other engines only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

TextTest = Callable[[str], bool]
"""A compiled test of one text."""

_PRUNED = 100
"""Needles up to which those are looked for that need no test of their own."""


def fold(text: str) -> str:
    """`text` with A to Z lower-cased and nothing else changed.

    Kusto's case-insensitive operators fold ASCII only. str.casefold() and re.IGNORECASE would also
    make k of U+212A and s of U+017F, and so match names that Kusto does not.
    """
    if text.isascii():
        return text.lower()
    # bytes.lower() knows ASCII only, and is much faster than a translation table.
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def is_term_character(character: str) -> bool:
    """Whether one character belongs to a term: Unicode categories L* and N*.

    Everything else delimits, `_` and combining marks (M*) included.
    """
    return character.isalnum()


def equals(left: str, right: str) -> bool:
    """`left =~ right`: the same text but for ASCII case. Nothing is trimmed."""
    return fold(left) == fold(right)


def starts_with(text: str, prefix: str) -> bool:
    """`text startswith prefix`, ignoring ASCII case. Every text starts with ""."""
    return fold(text).startswith(fold(prefix))


def is_not_empty(text: str) -> bool:
    """`isnotempty(text)`: not "". A blank is not empty, and a string has no null."""
    return text != ""


def lower(text: str) -> str:
    """`tolower(text)`: Unicode lower case, unlike the folding of the operators."""
    return text.lower()


def coalesce(*texts: str) -> str:
    """`coalesce(...)` of strings: the first that is not "", else ""."""
    return next(filter(None, texts), "")


def has(text: str, needle: str) -> bool:
    """`text has needle`: `needle` stands in `text` as a whole term, ignoring ASCII case.

    A needle of several terms, such as `arm-deployment`, matches literally, its separators included;
    only its two ends must lie on term boundaries. An end that is itself a delimiter needs none.
    Every text has "".
    """
    return _found(fold(text), *_edges(fold(needle)))


def compile_has_any(needles: Sequence[str]) -> TextTest:
    """`text has_any (needles)` with the needles folded once. Without needles nothing matches.

    A needle that itself has another one is left out: a text with the longer has the shorter too.
    """
    folded_needles = dict.fromkeys(map(fold, needles))
    edged = tuple(map(_edges, _shortest(tuple(folded_needles))))

    def has_any(text: str) -> bool:
        folded = fold(text)
        for needle, opens, closes in edged:
            # Most texts hold no needle at all, and `in` is the fastest way to know.
            if needle in folded and _found(folded, needle, opens, closes):
                return True
        return False

    return has_any


def _shortest(needles: tuple[str, ...]) -> tuple[str, ...]:
    """The folded needles without those that have another one; all of a long list, where finding out costs
    more than it saves."""
    if len(needles) > _PRUNED:
        return needles
    return tuple(
        needle for needle in needles if not any(other != needle and has(needle, other) for other in needles)
    )


def compile_equals_any(values: Sequence[str]) -> TextTest:
    """`text in~ (values)`, and `text =~ value` for one value."""
    wanted = frozenset(map(fold, values))
    return lambda text: fold(text) in wanted


def compile_starts_with_any(prefixes: Sequence[str]) -> TextTest:
    """`text startswith prefix` for any of `prefixes`. Without prefixes nothing matches."""
    wanted = tuple(map(fold, prefixes))
    return lambda text: fold(text).startswith(wanted)


def _edges(needle: str) -> tuple[str, bool, bool]:
    """A folded needle, and whether its first and last character need a boundary outside of them."""
    return needle, is_term_character(needle[:1]), is_term_character(needle[-1:])


def _found(folded: str, needle: str, opens: bool, closes: bool) -> bool:
    """Whether `needle` stands in `folded` between term boundaries at those ends that need one."""
    start = folded.find(needle)
    while start >= 0:
        end = start + len(needle)
        opened = not opens or start == 0 or not is_term_character(folded[start - 1])
        if opened and not (closes and is_term_character(folded[end : end + 1])):
            return True
        start = folded.find(needle, start + 1)
    return False


def has_exactly(text: str, needle: str) -> bool:
    """`text has_cs needle`: as `has`, by case."""
    return _found(text, *_edges(needle))


def compile_has_exactly(needle: str) -> TextTest:
    """`text has_cs needle` with the needle looked at once."""
    edges = _edges(needle)
    return lambda text: needle in text and _found(text, *edges)


def has_prefix(text: str, needle: str) -> bool:
    """`text hasprefix needle`: a term of `text` begins with `needle`, ignoring ASCII case."""
    return has_prefix_exactly(fold(text), fold(needle))


def has_prefix_exactly(text: str, needle: str) -> bool:
    """`text hasprefix_cs needle`."""
    return _found(text, needle, is_term_character(needle[:1]), False)


def has_suffix(text: str, needle: str) -> bool:
    """`text hassuffix needle`: a term of `text` ends with `needle`, ignoring ASCII case."""
    return has_suffix_exactly(fold(text), fold(needle))


def has_suffix_exactly(text: str, needle: str) -> bool:
    """`text hassuffix_cs needle`."""
    return _found(text, needle, False, is_term_character(needle[-1:]))


def has_any(text: str, *needles: str) -> bool:
    """`text has_any (needles)`."""
    return any(has(text, needle) for needle in needles)


def has_all(text: str, *needles: str) -> bool:
    """`text has_all (needles)`."""
    return all(has(text, needle) for needle in needles)


def compile_has_all(needles: Sequence[str]) -> TextTest:
    """`text has_all (needles)` with the needles folded once."""
    edged = tuple(map(_edges, dict.fromkeys(map(fold, needles))))

    def has_all(text: str) -> bool:
        folded = fold(text)
        return all(_found(folded, *edges) for edges in edged)

    return has_all


def contains(text: str, part: str) -> bool:
    """`text contains part`, ignoring ASCII case."""
    return fold(part) in fold(text)


def contains_exactly(text: str, part: str) -> bool:
    """`text contains_cs part`."""
    return part in text


def starts_exactly(text: str, prefix: str) -> bool:
    """`text startswith_cs prefix`."""
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    """`text endswith suffix`, ignoring ASCII case."""
    return fold(text).endswith(fold(suffix))


def ends_exactly(text: str, suffix: str) -> bool:
    """`text endswith_cs suffix`."""
    return text.endswith(suffix)
