"""Which operations a rule can match, read from its conditions on OperationNameValue.

What is found here decides which records are ever decoded, so it may be too much and never too little:
every name that some matching record can have is in it. A condition that is not understood adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import TypeVar

from stream_detector.kql.plan.reads import Definitions, columns_read, resolve
from stream_detector.kql.text import fold
from stream_detector.kql.typed import Apply, Column, Constant, Logic, Typed
from stream_detector.kql.types import Type

OPERATION = "OperationNameValue"

_MOST_KELVINS = 5
_KELVIN = "\u212a"
"""The one character beyond ASCII that tolower makes an ASCII letter of (k), and folding does not."""


Names = frozenset[str] | None
"""Folded names that include all for which a condition can be true; None when that is any name."""


def operation_names(conditions: Iterable[Typed], definitions: Definitions) -> Names:
    """Folded names of which every match has one, when the conditions leave finitely many; else None."""
    known = _by_slot(definitions, lambda value, known: _names(value, definitions, known))
    return _all_of(_names(condition, definitions, known) for condition in conditions)


def operation_tests(conditions: Iterable[Typed], definitions: Definitions) -> tuple[Typed, ...]:
    """Conditions that read OperationNameValue alone, all of them true of every matching record."""
    known = _by_slot(definitions, lambda value, known: _implied(value, definitions, known))
    tests = (_implied(condition, definitions, known) for condition in conditions)
    return tuple(test for test in tests if test is not None)


_T = TypeVar("_T")


def _by_slot(definitions: Definitions, found: Callable[[Typed, dict[int, _T]], _T]) -> dict[int, _T]:
    """What is found of each computed condition. In order, so that a long chain needs no recursion."""
    known: dict[int, _T] = {}
    for slot in sorted(definitions):
        if definitions[slot].type is Type.BOOL:
            known[slot] = found(definitions[slot], known)
    return known


def _names(test: Typed, definitions: Definitions, known: dict[int, Names]) -> Names:
    if isinstance(test, Constant):
        return None if test.value is True else frozenset()
    if isinstance(test, Column):
        return known.get(test.slot) if test.slot is not None else None
    if isinstance(test, Logic):
        found = (_names(operand, definitions, known) for operand in test.operands)
        return _all_of(found) if test.operator == "and" else _any_of(found)
    if not isinstance(test, Apply):
        return None
    name, arguments = test.function.name, test.arguments
    if name in ("in", "in~") and arguments:
        return _any_of(_equal_to(arguments[0], item, definitions) for item in arguments[1:])
    if name in ("==", "=~") and len(arguments) == 2:
        left, right = arguments
        names = _equal_to(left, right, definitions)
        return _equal_to(right, left, definitions) if names is None else names
    return None


def _all_of(found: Iterable[Names]) -> Names:
    sets = [names for names in found if names is not None]
    return frozenset.intersection(*sets) if sets else None


def _any_of(found: Iterable[Names]) -> Names:
    together: frozenset[str] = frozenset()
    for names in found:
        if names is None:
            return None
        together |= names
    return together


def _equal_to(operand: Typed, value: Typed, definitions: Definitions) -> Names:
    """Names for which `operand` can be equal to `value`, in whatever case."""
    value = resolve(value, definitions)
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        return None
    is_lowered = _is_lowered(operand, definitions)
    if is_lowered is None:
        return None
    wanted = fold(value.value)
    return _lowered_to(wanted) if is_lowered else frozenset({wanted})


def _is_lowered(operand: Typed, definitions: Definitions) -> bool | None:
    """Whether `operand` is the operation's name as tolower gives it, or as it is; None for anything else."""
    is_lowered = False
    while True:
        operand = resolve(operand, definitions)
        if isinstance(operand, Column):
            return is_lowered if operand.slot is None and operand.name == OPERATION else None
        if not isinstance(operand, Apply) or operand.function.parameters != (Type.STRING,):
            return None
        if operand.function.name not in ("tolower", "tostring"):
            return None
        is_lowered = is_lowered or operand.function.name == "tolower"
        operand = operand.arguments[0]


def _lowered_to(wanted: str) -> Names:
    """Folded names that tolower makes `wanted` of."""
    if not wanted.isascii() or wanted.count("k") > _MOST_KELVINS:
        return None
    return frozenset(map("".join, product(*_sources(wanted))))


def _sources(wanted: str) -> Iterator[tuple[str, ...]]:
    for character in wanted:
        yield (character, _KELVIN) if character == "k" else (character,)


def _implied(test: Typed, definitions: Definitions, known: dict[int, Typed | None]) -> Typed | None:
    """A condition on the operation alone that is true whenever `test` is; None when there is none."""
    if columns_read(test, definitions) == (OPERATION,):
        return test
    if isinstance(test, Column):
        return known.get(test.slot) if test.slot is not None else None
    if not isinstance(test, Logic):
        return None
    found = [_implied(operand, definitions, known) for operand in test.operands]
    implied = tuple(each for each in found if each is not None)
    if test.operator == "or" and len(implied) < len(found):
        return None
    if len(implied) < 2:
        return implied[0] if implied else None
    return Logic(test.operator, implied, test.span)
