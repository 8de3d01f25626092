"""What makes the compiler wrong in one place: the tools of the modules `compile_mutants*`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from stream_detector.kql import catalogue
from stream_detector.kql.check import calls as check_calls
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type

RULE_15 = "RULE 15"
THRESHOLDS = "RULE 15 with thresholds"

Patch = Callable[[pytest.MonkeyPatch], None]
Mutant = tuple[str, Patch]
"""The query that shows it, and what makes the compiler wrong."""


def exchanged(where: object, name: str, wrong: Callable[[Any], Any]) -> Patch:
    """An attribute replaced by what `wrong` makes of it."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(where, name, wrong(getattr(where, name)))

    return patch


def entry(table: dict[Any, Any], key: object, wrong: Callable[[Any], Any]) -> Patch:
    """One entry of a table replaced by what `wrong` makes of it."""
    return lambda monkeypatch: monkeypatch.setitem(table, key, wrong(table[key]))


def overload(name: str, parameters: tuple[Type, ...], **changes: Any) -> Patch:
    """One overload of the catalogue changed; without inline code or preparation but for those given."""

    def changed(function: Function) -> Function:
        if function.parameters != parameters:
            return function
        return replace(function, **{"inline": "", "prepare": None, **changes})

    def table(right: Any) -> dict[str, tuple[Function, ...]]:
        assert parameters in [each.parameters for each in right[name]]
        return {**right, name: tuple(map(changed, right[name]))}

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (catalogue, check_calls):
            exchanged(module, "SCALAR", table)(monkeypatch)

    return patch
