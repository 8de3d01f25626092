"""The scalar functions and operators of KQL that rules may use, and what to say of well-known others.

`SCALAR` has every overload by its name in KQL; `docs/kql-functions.md` tells what each means here and how
sure that is. Functions are told apart by case. `and`, `or`, `not`, `iff`, `case`, `now` and `ago` are no
entries: the checker has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stream_detector.kql.catalogue.dynamic import dynamic_entries
from stream_detector.kql.catalogue.lists import list_entries
from stream_detector.kql.catalogue.operators import operators
from stream_detector.kql.catalogue.refused import REFUSED, refusal
from stream_detector.kql.catalogue.text import text_entries
from stream_detector.kql.catalogue.times import time_entries
from stream_detector.kql.catalogue.values import value_entries
from stream_detector.kql.function import Function

__all__ = ["REFUSED", "SCALAR", "TAKES_ANY_AS_TEXT", "overloads", "refusal"]

TAKES_ANY_AS_TEXT = frozenset({"strcat", "strcat_delim", "hash_sha256", "reverse"})
"""Functions whose arguments of any other type Kusto turns into text first: the checker wraps such an
argument in `tostring`. Their entries take strings only."""


def _by_name() -> Mapping[str, tuple[Function, ...]]:
    entries: dict[str, list[Function]] = {}
    sources = (operators, list_entries, text_entries, value_entries, dynamic_entries, time_entries)
    for source in sources:
        for function in source():
            entries.setdefault(function.name, []).append(function)
    return MappingProxyType({name: tuple(found) for name, found in entries.items()})


SCALAR: Mapping[str, tuple[Function, ...]] = _by_name()


def overloads(name: str) -> tuple[Function, ...]:
    """The overloads of a function or operator by its name in KQL, none if it is not supported."""
    return SCALAR.get(name, ())
