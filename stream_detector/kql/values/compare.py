"""Comparisons as Kusto makes them: what null does, mixed numbers, and dynamic against a plain type.

`==` with one null is false and `!=` true; with two nulls both are null; an ordering with a null is null.
A long beside a real is compared as a real. Nothing here raises.

A dynamic beside a string counts as its text (`kql.dynamic.to_text`), so the number 5 equals "5"; beside a
number only a number inside counts, beside a bool only a bool: anything else differs and has no order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt

from stream_detector.kql.dynamic import Dynamic, to_text

Number = int | float
Ordering = Callable[[Number, Number], bool]

ORDERINGS: dict[str, Ordering] = {"<": lt, "<=": le, ">": gt, ">=": ge}
"""Python's for KQL's, for values of one type."""


def equal(left: object, right: object) -> bool | None:
    """`left == right` of one type."""
    if left is None or right is None:
        return None if left is right else False
    return left == right


def not_equal(left: object, right: object) -> bool | None:
    """`left != right` of one type."""
    if left is None or right is None:
        return None if left is right else True
    return left != right


def equal_as_reals(left: Number | None, right: Number | None) -> bool | None:
    """`left == right` where one side is a real."""
    if left is None or right is None:
        return None if left is right else False
    return as_real(left) == as_real(right)


def not_equal_as_reals(left: Number | None, right: Number | None) -> bool | None:
    """`left != right` where one side is a real."""
    outcome = equal_as_reals(left, right)
    return None if outcome is None else not outcome


def ordered_as_reals(test: Ordering) -> Ordering:
    """An ordering of two numbers of which one is a real."""
    return lambda left, right: test(as_real(left), as_real(right))


def as_real(number: Number) -> float:
    """A number as a real; a whole number beyond doubles, which only JSON could hold, is infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def is_number(value: Dynamic) -> bool:
    """Whether a dynamic holds a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def dynamic_equals_text(value: Dynamic, text: str) -> bool:
    """`value == text`: null equals no text, not even ""."""
    return value is not None and to_text(value) == text


def dynamic_equals_number(value: Dynamic, number: Number | None) -> bool | None:
    """`value == number`: null for two nulls, and false unless `value` holds a number."""
    if value is None or number is None:
        return None if value is number else False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) or isinstance(number, float):
        return as_real(value) == as_real(number)
    return value == number


def dynamic_equals_bool(value: Dynamic, flag: bool | None) -> bool | None:
    """`value == flag`: null for two nulls, and false unless `value` holds a bool."""
    if value is None or flag is None:
        return None if value is flag else False
    return value is flag


def order_of_dynamic(test: Ordering) -> Callable[[Dynamic, Number], bool | None]:
    """An ordering of a dynamic and a number: null unless the dynamic holds a number."""
    as_reals = ordered_as_reals(test)

    def ordered(value: Dynamic, number: Number) -> bool | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, float) or isinstance(number, float):
            return as_reals(value, number)
        return test(value, number)

    return ordered


def elements(items: Sequence[Dynamic]) -> list[Dynamic]:
    """The values of a list that is given as dynamics: of an array its elements, else the value itself."""
    flat: list[Dynamic] = []
    for item in items:
        if isinstance(item, list):
            flat += item
        else:
            flat.append(item)
    return flat


def texts_of(items: Sequence[Dynamic]) -> list[str]:
    """The texts of a list that is given as dynamics; nulls are left out."""
    return [to_text(item) for item in elements(items) if item is not None]
