"""Overloads of the functions on arrays, bags and IPv4 addresses.

Tables only; the meaning stands in `kql.arrays`, `kql.dynamic` and `kql.ipv4`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from stream_detector.kql.dynamic import Dynamic, array_length, to_text
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type
from stream_detector.kql.values import arrays, ipv4

BOOL, LONG, STRING, DYNAMIC = Type.BOOL, Type.LONG, Type.STRING, Type.DYNAMIC
NUMBERS = (Type.INT, Type.LONG, Type.REAL)

_PAIRS = 16
"""How many keys bag_pack takes; Kusto takes more."""


def dynamic_entries() -> Iterator[Function]:
    """Every overload of these functions."""
    yield from _on_dynamics()
    yield from _on_addresses()


def _on_dynamics() -> Iterator[Function]:
    yield Function("array_length", (DYNAMIC,), LONG, array_length, may_be_null=True)
    yield Function("bag_keys", (DYNAMIC,), DYNAMIC, arrays.bag_keys, may_be_null=True)
    yield Function(
        "bag_has_key", (DYNAMIC, STRING), BOOL, arrays.bag_has_key, constants=(1,), check=_key_check
    )
    for type_ in (STRING, BOOL, *NUMBERS):
        yield Function("set_has_element", (DYNAMIC, type_), BOOL, arrays.set_has_element)
        yield Function("array_index_of", (DYNAMIC, type_), LONG, arrays.index_of, may_be_null=True)
    yield Function(
        "pack_array",
        (DYNAMIC,),
        DYNAMIC,
        arrays.pack_array,
        is_strict=False,
        may_be_null=True,
        repeats=True,
    )
    for name, pairs in product(("bag_pack", "pack", "pack_dictionary"), range(1, _PAIRS + 1)):
        yield Function(
            name,
            (STRING, DYNAMIC) * pairs,
            DYNAMIC,
            arrays.bag_pack,
            is_strict=False,
            may_be_null=True,
        )


def _key_check(_: object, key: str | None) -> str | None:
    if key is None or not key.startswith("$"):
        return None
    return "paths beginning with $ are not supported; write isnotnull(...) of the nested member"


def _on_addresses() -> Iterator[Function]:
    yield Function("parse_ipv4", (STRING,), LONG, ipv4.parse, may_be_null=True)
    yield Function("ipv4_is_private", (STRING,), BOOL, ipv4.is_private, may_be_null=True)
    yield Function(
        "ipv4_is_in_range",
        (STRING, STRING),
        BOOL,
        ipv4.is_in_range,
        may_be_null=True,
        check=_range_check,
        prepare=ipv4.compile_is_in_range,
    )
    yield Function(
        "ipv4_is_in_any_range",
        (STRING, STRING),
        BOOL,
        ipv4.is_in_any_range,
        may_be_null=True,
        repeats=True,
        check=_range_check,
        prepare=ipv4.compile_is_in_any_range,
    )
    yield Function(
        "ipv4_is_in_any_range",
        (STRING, DYNAMIC),
        BOOL,
        ipv4.is_in_any_of,
        may_be_null=True,
        check=_ranges_check,
        prepare=ipv4.compile_is_in_any_of,
    )
    rows: tuple[tuple[str, Type, Callable[..., object]], ...] = (
        ("ipv4_is_match", BOOL, ipv4.is_match),
        ("ipv4_compare", LONG, ipv4.compare),
    )
    for name, result, implementation in rows:
        yield Function(
            name,
            (STRING, STRING, LONG),
            result,
            implementation,
            may_be_null=True,
            optional=1,
            check=_match_check,
        )


def _range_check(*constants: object) -> str | None:
    problems = (ipv4.range_problem(each) for each in constants[1:] if isinstance(each, str))
    return next(filter(None, problems), None)


def _ranges_check(_: object, array: Dynamic) -> str | None:
    if array is None:
        return None
    if not isinstance(array, list):
        return "the ranges are no array"
    return _range_check(None, *map(to_text, array))


def _match_check(*constants: object) -> str | None:
    prefix = constants[2] if len(constants) > 2 else None
    if isinstance(prefix, int) and not 0 <= prefix <= 32:
        return "a prefix is 0 to 32"
    return _range_check(None, *constants[:2])
