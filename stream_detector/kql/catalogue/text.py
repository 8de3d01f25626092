"""Overloads of the operators and functions on text. Tables only; the meaning: `kql.text`, `words`, `regex`.

A dynamic on the left of a string operator counts as its text, as Kusto's binder allows and its engine does
(second-hand). On the right it is accepted in lists only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stream_detector.kql import text
from stream_detector.kql.catalogue.lists import list_tests, no_empty_texts
from stream_detector.kql.dynamic import Dynamic, split, to_text
from stream_detector.kql.function import Function
from stream_detector.kql.text import TextTest, fold
from stream_detector.kql.types import Type
from stream_detector.kql.values import regex, words
from stream_detector.kql.values.compare import texts_of

BOOL, LONG, STRING, DYNAMIC, INT = Type.BOOL, Type.LONG, Type.STRING, Type.DYNAMIC, Type.INT

Compile = Callable[[str], TextTest]
_EQUALS = ("=~", "!~")

_TESTS: dict[str, tuple[Callable[[str, str], bool], Compile]] = {
    "=~": (text.equals, lambda value: text.compile_equals_any((value,))),
    "has": (text.has, lambda needle: text.compile_has_any((needle,))),
    "has_cs": (text.has_exactly, text.compile_has_exactly),
    "hasprefix": (text.has_prefix, words.compile_has_prefix),
    "hasprefix_cs": (text.has_prefix_exactly, words.compile_has_prefix_exactly),
    "hassuffix": (text.has_suffix, words.compile_has_suffix),
    "hassuffix_cs": (text.has_suffix_exactly, words.compile_has_suffix_exactly),
    "contains": (text.contains, words.compile_contains),
    "contains_cs": (text.contains_exactly, lambda part: lambda value: part in value),
    "startswith": (text.starts_with, lambda prefix: text.compile_starts_with_any((prefix,))),
    "startswith_cs": (text.starts_exactly, lambda prefix: lambda value: value.startswith(prefix)),
    "endswith": (text.ends_with, words.compile_ends_with),
    "endswith_cs": (text.ends_exactly, lambda suffix: lambda value: value.endswith(suffix)),
    "matches regex": (regex.matches, regex.compile_matches),
}
"""For each operator without a `!`: the test, and the test compiled for its right side."""

_INLINE = {
    "contains_cs": "({1} in {0})",
    "!contains_cs": "({1} not in {0})",
    "startswith_cs": "{0}.startswith({1})",
    "!startswith_cs": "(not {0}.startswith({1}))",
    "endswith_cs": "{0}.endswith({1})",
    "!endswith_cs": "(not {0}.endswith({1}))",
}


def text_entries() -> Iterator[Function]:
    """Every overload of the operators and functions on text."""
    for name, (test, compiled) in _TESTS.items():
        yield from _string_operator(name, test, compiled)
        if name != "matches regex":
            negated = "!~" if name == "=~" else f"!{name}"
            yield from _string_operator(negated, _negated(test), _compiled_negation(compiled))
    yield from _lists()
    yield from _plain()
    yield from _with_expressions()


def _string_operator(name: str, test: Callable[[str, str], bool], compiled: Compile) -> Iterator[Function]:
    is_regex = name == "matches regex"
    constants = (1,) if is_regex else ()
    check = _regex_check(1) if is_regex else None
    yield Function(
        name,
        (STRING, STRING),
        BOOL,
        test,
        constants=constants,
        check=check,
        prepare=compiled,
        inline=_INLINE.get(name, ""),
    )

    def on_dynamic(value: Dynamic, needle: str) -> bool:
        return test(to_text(value), needle)

    def prepare(needle: str) -> Callable[[Dynamic], bool]:
        of_text = compiled(needle)
        return lambda value: of_text(to_text(value))

    yield Function(
        name,
        (DYNAMIC, STRING),
        BOOL,
        on_dynamic,
        is_strict=False,
        constants=constants,
        check=no_empty_texts if name in _EQUALS else check,
        prepare=prepare,
    )


def _negated(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda value, needle: not test(value, needle)


def _compiled_negation(compiled: Compile) -> Compile:
    def compile_negation(needle: str) -> TextTest:
        test = compiled(needle)
        return lambda value: not test(value)

    return compile_negation


def _lists() -> Iterator[Function]:
    for left in (STRING, DYNAMIC):
        for right in (STRING, DYNAMIC):
            yield from list_tests(
                "in~", left, right, _list_of(left, right, text.compile_equals_any, is_in=True)
            )
            for name, compiled in (("has_any", text.compile_has_any), ("has_all", text.compile_has_all)):
                has, _ = list_tests(name, left, right, _list_of(left, right, compiled, is_in=False))
                yield has if left is STRING else _without_check(has)


def _without_check(function: Function) -> Function:
    return Function(
        function.name,
        function.parameters,
        function.result,
        function.implementation,
        is_strict=False,
        repeats=True,
        prepare=function.prepare,
    )


def _list_of(
    left: Type, right: Type, compiled: Callable[[Sequence[str]], TextTest], *, is_in: bool
) -> Callable[..., Callable[..., bool]]:
    """A function of the list that compiles a test of the value, dynamics taken as their texts."""

    def compile_test(items: Sequence[Dynamic]) -> Callable[..., bool]:
        of_text = compiled(_needles(items, right, is_in=is_in))
        if left is STRING:
            return of_text
        # Nothing is among the values for null; it is "" for the others, as for `has`.
        return lambda value: of_text(to_text(value)) if value is not None or not is_in else False

    return compile_test


def _needles(items: Sequence[Dynamic], right: Type, *, is_in: bool) -> list[str]:
    if right is STRING:
        return [str(item) for item in items]
    # Second-hand: a null needle of has_any and has_all is found in every text, as "" is.
    return texts_of(items) if is_in else words.needles_of(items)


def _regex_check(place: int) -> Callable[..., str | None]:
    def check(*constants: object) -> str | None:
        pattern = constants[place] if place < len(constants) else None
        return regex.problem(pattern) if isinstance(pattern, str) else None

    return check


def _plain() -> Iterator[Function]:
    for source, of in ((STRING, None), (DYNAMIC, to_text)):
        rows: tuple[tuple[str, tuple[Type, ...], Type, Callable[..., object], str], ...] = (
            ("tolower", (source,), STRING, text.lower, "{0}.lower()"),
            ("toupper", (source,), STRING, words.upper, ""),
            ("strlen", (source,), LONG, len, "len({0})"),
            ("substring", (source, LONG), STRING, words.substring, ""),
            ("substring", (source, LONG, LONG), STRING, words.substring_of, ""),
            ("indexof", (source, STRING), LONG, words.index_of, ""),
        )
        for name, parameters, result, implementation, inline in rows:
            yield Function(
                name,
                parameters,
                result,
                _of_text(implementation) if of else implementation,
                is_strict=of is None and name != "substring",
                inline="" if of else inline,
            )
        yield from _splits(source)
    yield Function("indexof", (STRING, STRING, LONG), LONG, words.index_of)
    yield Function("strcat", (STRING,), STRING, words.join, repeats=True)
    yield Function("strcat_delim", (STRING, STRING, STRING), STRING, words.join_with, repeats=True)
    yield Function("strcmp", (STRING, STRING), LONG, words.order)
    yield Function("reverse", (STRING,), STRING, words.reverse, inline="{0}[::-1]")
    yield Function(
        "replace_string",
        (STRING, STRING, STRING),
        STRING,
        words.replace,
        constants=(1, 2),
        check=_no_empty(1, "the text that is replaced"),
    )
    yield Function("countof", (STRING, STRING), LONG, words.count, constants=(1,))
    yield Function(
        "countof",
        (STRING, STRING, STRING),
        LONG,
        lambda value, part, _: words.count(value, part),
        constants=(1, 2),
        check=_count_check,
    )
    yield Function("hash_sha256", (STRING,), STRING, words.sha256)
    yield Function("base64_decode_tostring", (STRING,), STRING, words.base64_decode)
    yield Function("base64_decodestring", (STRING,), STRING, words.base64_decode)


def _of_text(function: Callable[..., object]) -> Callable[..., object]:
    return lambda value, *others: function(to_text(value), *others)


def _splits(source: Type) -> Iterator[Function]:
    check = _no_empty(1, "the delimiter")
    for parameters, implementation in (
        ((source, STRING), split),
        ((source, STRING, LONG), words.split_part),
    ):
        of = _of_text(implementation) if source is DYNAMIC else implementation
        strict = source is STRING or LONG in parameters
        yield Function("split", parameters, DYNAMIC, of, is_strict=strict, check=check)


def _no_empty(place: int, what: str) -> Callable[..., str | None]:
    return lambda *constants: f"{what} is empty" if constants[place : place + 1] == ("",) else None


def _with_expressions() -> Iterator[Function]:
    for name, trim in (
        ("trim", regex.trim),
        ("trim_start", regex.trim_start),
        ("trim_end", regex.trim_end),
    ):
        yield Function(name, (STRING, STRING), STRING, trim, constants=(0,), check=_trim_check)
    yield Function(
        "extract",
        (STRING, LONG, STRING),
        STRING,
        regex.extract,
        is_strict=False,
        constants=(0, 1),
        check=_extract_check,
    )


def _trim_check(*constants: object) -> str | None:
    return regex.trim_problem(constants[0]) if isinstance(constants[0], str) else None


def _extract_check(*constants: object) -> str | None:
    pattern, group = constants[:2]
    if not isinstance(pattern, str):
        return None
    return regex.extract_problem(pattern, group if isinstance(group, int) else None)


def _count_check(*constants: object) -> str | None:
    kind = constants[2]
    if not isinstance(kind, str) or fold(kind) == "normal":
        return None
    if fold(kind) == "regex":
        return (
            "countof of a regular expression is not supported: every match takes time in the square of the"
            " text's length; write matches regex, or countof(...) of a plain text"
        )
    return f"the kind {kind!r} of countof is not normal"
