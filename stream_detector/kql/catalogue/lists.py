"""Overloads of `in`, `between` and their negations. Tables only; the meaning stands in `kql.compare`.

Lists of constants are compiled once, by `prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from stream_detector.kql.dynamic import Dynamic, to_text
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values import compare

BOOL, INT, LONG, REAL = Type.BOOL, Type.INT, Type.LONG, Type.REAL
STRING, DATETIME, TIMESPAN, DYNAMIC = Type.STRING, Type.DATETIME, Type.TIMESPAN, Type.DYNAMIC

NUMBERS = (INT, LONG, REAL)
EMPTY_TEXT = (
    'whether a missing value of a dynamic equals "" is not documented; '
    "write isempty(...) or isnotempty(...), or wrap the dynamic in tostring()"
)


def no_empty_texts(*constants: object) -> str | None:
    """A check of `dynamic in (...)` and its kin: no constant of the list is ""."""
    return EMPTY_TEXT if "" in constants[1:] else None


def list_entries() -> Iterator[Function]:
    """Every overload of these operators."""
    yield from _memberships()
    yield from _betweens()


def _memberships() -> Iterator[Function]:
    rows: list[tuple[Type, Type, Callable[..., Callable[..., bool]]]] = [
        *((type_, type_, _among_equals) for type_ in (STRING, BOOL, DATETIME, TIMESPAN)),
        *((*pair, _among_reals if REAL in pair else _among_equals) for pair in product(NUMBERS, NUMBERS)),
    ]
    rows.append((STRING, DYNAMIC, _among_dynamic_texts))
    rows += [(type_, DYNAMIC, _among_dynamic_numbers) for type_ in NUMBERS]
    rows.append((DYNAMIC, STRING, _dynamic_among_texts))
    rows.append((DYNAMIC, DYNAMIC, _dynamic_among_texts_of))
    rows += [(DYNAMIC, type_, _dynamic_among_numbers) for type_ in NUMBERS]
    for left, right, compile_test in rows:
        yield from list_tests("in", left, right, compile_test)


def list_tests(
    name: str, left: Type, right: Type, compile_test: Callable[..., Callable[..., bool]]
) -> Iterator[Function]:
    """A test of a value against a list and its negation, from a function of the list that compiles it."""
    check = no_empty_texts if left is DYNAMIC else None

    def test(value: object, *items: object) -> bool:
        return compile_test(items)(value)

    def opposite(value: object, *items: object) -> bool:
        return not compile_test(items)(value)

    def prepare(*items: object) -> Callable[..., bool]:
        return compile_test(items)

    def prepare_opposite(*items: object) -> Callable[..., bool]:
        compiled = compile_test(items)
        return lambda value: not compiled(value)

    for symbol, implementation, prepared in (
        (name, test, prepare),
        (f"!{name}", opposite, prepare_opposite),
    ):
        yield Function(
            symbol,
            (left, right),
            BOOL,
            implementation,
            is_strict=False,
            repeats=True,
            prepare=prepared,
            check=check,
        )


def _among_equals(items: Sequence[object]) -> Callable[[object], bool]:
    wanted = frozenset(item for item in items if item is not None)
    return wanted.__contains__


def _among_reals(items: Sequence[compare.Number | None]) -> Callable[[compare.Number | None], bool]:
    wanted = frozenset(compare.as_real(item) for item in items if item is not None and item == item)
    return lambda value: value is not None and compare.as_real(value) in wanted


def _among_dynamic_texts(items: Sequence[Dynamic]) -> Callable[[str], bool]:
    return frozenset(compare.texts_of(items)).__contains__


def _among_dynamic_numbers(items: Sequence[Dynamic]) -> Callable[[compare.Number | None], bool]:
    wanted = [item for item in compare.elements(items) if compare.is_number(item)]

    def is_among(value: compare.Number | None) -> bool:
        return value is not None and any(compare.dynamic_equals_number(item, value) for item in wanted)

    return is_among


def _dynamic_among_texts(items: Sequence[str]) -> Callable[[Dynamic], bool]:
    wanted = frozenset(items)
    return lambda value: value is not None and to_text(value) in wanted


def _dynamic_among_texts_of(items: Sequence[Dynamic]) -> Callable[[Dynamic], bool]:
    return _dynamic_among_texts(compare.texts_of(items))


def _dynamic_among_numbers(items: Sequence[compare.Number | None]) -> Callable[[Dynamic], bool]:
    wanted = [item for item in items if item is not None]

    def is_among(value: Dynamic) -> bool:
        return value is not None and any(compare.dynamic_equals_number(value, item) for item in wanted)

    return is_among


def _betweens() -> Iterator[Function]:
    triples = [
        *product(NUMBERS, NUMBERS, NUMBERS),
        (DATETIME, DATETIME, DATETIME),
        (TIMESPAN, TIMESPAN, TIMESPAN),
    ]
    for triple in triples:
        mixed = REAL in triple and triple != (REAL, REAL, REAL)
        yield from _between(triple, _is_between_mixed if mixed else _is_between, is_plain=not mixed)
    yield from _between((DATETIME, DATETIME, TIMESPAN), _is_between_and_later, is_plain=False)


def _between(
    triple: tuple[Type, Type, Type], test: Callable[..., bool], *, is_plain: bool
) -> Iterator[Function]:
    inline = "({1} <= {0} <= {2})" if is_plain else ""
    yield Function("between", triple, BOOL, test, inline=inline)
    yield Function("!between", triple, BOOL, _negated(test), inline=f"(not {inline})" if inline else "")


def _negated(test: Callable[..., bool]) -> Callable[..., bool]:
    return lambda value, low, high: not test(value, low, high)


def _is_between(value: compare.Number, low: compare.Number, high: compare.Number) -> bool:
    return low <= value <= high


def _is_between_mixed(value: compare.Number, low: compare.Number, high: compare.Number) -> bool:
    return _at_most(low, value) and _at_most(value, high)


def _at_most(left: compare.Number, right: compare.Number) -> bool:
    """`left <= right`, as reals when one of them is a real."""
    if isinstance(left, float) or isinstance(right, float):
        return compare.as_real(left) <= compare.as_real(right)
    return left <= right


def _is_between_and_later(value: int, low: int, span: int) -> bool:
    return low <= value <= low + span
