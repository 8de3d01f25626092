"""Overloads of the operators on numbers, times, bools and dynamics: comparison, arithmetic, [].

Tables only: what the operators mean stands in `kql.compare`, `kql.numbers` and `kql.dynamic`. Pairs that
are not here (string < string, datetime + datetime, arithmetic on dynamics) are refused by the checker.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from itertools import product

from stream_detector.kql.catalogue.lists import EMPTY_TEXT
from stream_detector.kql.dynamic import element, member
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values import compare, numbers

BOOL, INT, LONG, REAL = Type.BOOL, Type.INT, Type.LONG, Type.REAL
STRING, DATETIME, TIMESPAN, DYNAMIC = Type.STRING, Type.DATETIME, Type.TIMESPAN, Type.DYNAMIC

NUMBERS = (INT, LONG, REAL)
_PYTHON = {"==": operator.eq, "!=": operator.ne, **compare.ORDERINGS}
_ARITHMETIC: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "+": (numbers.add, numbers.add_reals),
    "-": (numbers.subtract, numbers.subtract_reals),
    "*": (numbers.multiply, numbers.multiply_reals),
    "/": (numbers.divide, numbers.divide_reals),
    "%": (numbers.modulo, numbers.modulo_reals),
}


def operators() -> Iterator[Function]:
    """Every overload, an operator's exact types before those that convert."""
    yield from _comparisons()
    yield from _dynamic_comparisons()
    yield from _arithmetic()
    yield from _times()
    yield Function("[]", (DYNAMIC, STRING), DYNAMIC, member, may_be_null=True)
    yield Function("[]", (DYNAMIC, LONG), DYNAMIC, element, may_be_null=True)
    yield Function("[]", (DYNAMIC, INT), DYNAMIC, element, may_be_null=True)


def _comparisons() -> Iterator[Function]:
    for symbol, python in _PYTHON.items():
        total = {"==": compare.equal, "!=": compare.not_equal}.get(symbol)
        kinds = (STRING, BOOL) if total else ()
        for type_ in (*kinds, DATETIME, TIMESPAN):
            yield _comparison(symbol, (type_, type_), total or python)
        for pair in product(NUMBERS, NUMBERS):
            yield _comparison(symbol, pair, _on_numbers(symbol, pair))


def _comparison(symbol: str, pair: tuple[Type, Type], implementation: Callable[..., object]) -> Function:
    first = "float({0})" if pair[0] is not REAL and pair[1] is REAL else "{0}"
    second = "float({1})" if pair[1] is not REAL and pair[0] is REAL else "{1}"
    return Function(
        symbol,
        pair,
        BOOL,
        implementation,
        is_strict=symbol not in ("==", "!=") or pair == (STRING, STRING),
        inline=f"({first} {symbol} {second})",
    )


def _on_numbers(symbol: str, pair: tuple[Type, Type]) -> Callable[..., object]:
    """A comparison of two numbers: as reals when one of them is a real."""
    mixed = REAL in pair and pair != (REAL, REAL)
    if symbol == "==":
        return compare.equal_as_reals if mixed else compare.equal
    if symbol == "!=":
        return compare.not_equal_as_reals if mixed else compare.not_equal
    ordering = compare.ORDERINGS[symbol]
    return compare.ordered_as_reals(ordering) if mixed else ordering


def _dynamic_comparisons() -> Iterator[Function]:
    for type_ in (STRING, BOOL, *NUMBERS):
        equals: Callable[..., bool | None] = (
            compare.dynamic_equals_text
            if type_ is STRING
            else compare.dynamic_equals_bool
            if type_ is BOOL
            else compare.dynamic_equals_number
        )
        for symbol, test in (("==", equals), ("!=", _opposite(equals))):
            yield from _both_ways(symbol, type_, test, is_strict=False, may_be_null=False)
    for symbol, mirrored in (("<", ">"), ("<=", ">="), (">", "<"), (">=", "<=")):
        for type_ in NUMBERS:
            pairs = ((symbol, (DYNAMIC, type_), symbol), (symbol, (type_, DYNAMIC), mirrored))
            for name, pair, ordering in pairs:
                ordered = compare.order_of_dynamic(compare.ORDERINGS[ordering])
                swapped = pair[1] is DYNAMIC
                yield Function(name, pair, BOOL, _swapped(ordered) if swapped else ordered, may_be_null=True)


def _both_ways(
    symbol: str, type_: Type, test: Callable[..., bool | None], *, is_strict: bool, may_be_null: bool
) -> Iterator[Function]:
    for pair, implementation, place in (
        ((DYNAMIC, type_), test, 1),
        ((type_, DYNAMIC), _swapped(test), 0),
    ):
        yield Function(
            symbol,
            pair,
            BOOL,
            implementation,
            is_strict=is_strict,
            may_be_null=may_be_null,
            check=_no_empty_text(place) if type_ is STRING else None,
        )


def _no_empty_text(place: int) -> Callable[..., str | None]:
    """A check that no constant from this place on is "", beside a dynamic."""
    return lambda *constants: EMPTY_TEXT if "" in constants[place : place + 1] else None


def _opposite(test: Callable[..., bool | None]) -> Callable[..., bool | None]:
    def opposite(left: object, right: object) -> bool | None:
        outcome = test(left, right)
        return None if outcome is None else not outcome

    return opposite


def _swapped(test: Callable[..., bool | None]) -> Callable[..., bool | None]:
    return lambda left, right: test(right, left)


def _arithmetic() -> Iterator[Function]:
    for symbol, (on_whole, on_reals) in _ARITHMETIC.items():
        for pair in product(NUMBERS, NUMBERS):
            if REAL in pair:
                inline = f"({{0}} {symbol} {{1}})" if symbol in "+-*" and pair == (REAL, REAL) else ""
                yield Function(symbol, pair, REAL, on_reals, inline=inline)
            else:
                yield Function(symbol, pair, LONG, on_whole, may_be_null=True)
    for type_ in (INT, LONG):
        yield Function("-", (type_,), LONG, numbers.negate, may_be_null=True)
        yield Function("+", (type_,), LONG, operator.pos, inline="({0})")
    yield Function("-", (REAL,), REAL, operator.neg, inline="(-{0})")
    yield Function("+", (REAL,), REAL, operator.pos, inline="({0})")
    yield Function("-", (TIMESPAN,), TIMESPAN, numbers.negate, may_be_null=True)


def _times() -> Iterator[Function]:
    rows: tuple[tuple[str, Type, Type, Type, Callable[..., object]], ...] = (
        ("+", DATETIME, TIMESPAN, DATETIME, numbers.shift),
        ("+", TIMESPAN, DATETIME, DATETIME, numbers.shifted_by),
        ("-", DATETIME, TIMESPAN, DATETIME, numbers.shift_back),
        ("+", TIMESPAN, TIMESPAN, TIMESPAN, numbers.add),
        ("-", TIMESPAN, TIMESPAN, TIMESPAN, numbers.subtract),
        ("%", TIMESPAN, TIMESPAN, TIMESPAN, numbers.modulo),
        ("*", TIMESPAN, REAL, TIMESPAN, numbers.scale),
        ("*", REAL, TIMESPAN, TIMESPAN, numbers.scaled_by),
        ("/", TIMESPAN, REAL, TIMESPAN, numbers.scale_down),
        *(("*", TIMESPAN, whole, TIMESPAN, numbers.multiply) for whole in (INT, LONG)),
        *(("*", whole, TIMESPAN, TIMESPAN, numbers.multiply) for whole in (INT, LONG)),
        *(("/", TIMESPAN, whole, TIMESPAN, numbers.divide) for whole in (INT, LONG)),
    )
    for symbol, left, right, result, implementation in rows:
        yield Function(symbol, (left, right), result, implementation, may_be_null=True)
    # Both instants lie in the years 1 to 9999, so the difference always fits.
    yield Function("-", (DATETIME, DATETIME), TIMESPAN, operator.sub, inline="({0} - {1})")
    yield Function("/", (TIMESPAN, TIMESPAN), REAL, numbers.divide_reals)
