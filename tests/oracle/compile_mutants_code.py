"""The compiler got wrong in one place each: the Python that is made of a plan.

As in `compile_mutants`: a mutant exchanges one function or table while the query that
shows it is compiled and run.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from compile_patches import RULE_15, THRESHOLDS, Mutant, Patch, entry, exchanged
from msgspec.structs import replace

from stream_detector.kql import generate
from stream_detector.kql.generate import code as generate_code
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.generate import nodes as generate_nodes
from stream_detector.kql.generate import table as generate_table
from stream_detector.kql.generate.nodes import Kind
from stream_detector.kql.types import Type
from stream_detector.ticks import format_ticks


def _writer(method: str, wrong: Callable[..., Any]) -> Patch:
    """A method of the writer of code: wrong(right, writer, ...)."""
    return exchanged(generate_code.Writer, method, lambda right: lambda *given: wrong(right, *given))


def _evaluates(**wrong: Callable[[Any], Any]) -> Patch:
    """What decides on records is made of a plan with other attributes."""

    def wrap(right: Callable[..., Any]) -> Callable[..., Any]:
        def made(plan: Any, *others: Any) -> Any:
            return right(
                replace(plan, **{name: of(getattr(plan, name)) for name, of in wrong.items()}), *others
            )

        return made

    return exchanged(generate, "generate_evaluate", wrap)


def _keys_reversed(checked: Any) -> Any:
    return replace(checked, keys=checked.keys[::-1])


def _swapped_arms(right: Callable[..., str], writer: Any, node: Any, written: Any) -> str:
    if len(node.operands) != 3:
        return right(writer, node, written)
    condition, value, otherwise = node.operands
    return right(writer, SimpleNamespace(operands=(condition, otherwise, value)), written)


def _last_arm(right: Callable[..., str], writer: Any, node: Any, written: Any) -> str:
    *arms, otherwise = node.operands
    pairs = [arms[at : at + 2] for at in range(0, len(arms), 2)]
    flat = [part for pair in reversed(pairs) for part in pair]
    return right(writer, SimpleNamespace(operands=(*flat, otherwise)), written)


def _null_is_true(right: Callable[..., str], writer: Any, node: Any, written: Any) -> str:
    *arms, otherwise = node.operands
    pairs = [
        f"{written(arms[at + 1])} if {writer._value(arms[at])} is not False" for at in range(0, len(arms), 2)
    ]
    return f"({' else '.join([*pairs, written(otherwise)])})"


def _never_unset(right: Callable[..., str], writer: Any, node: Any) -> str:
    is_lazy = writer._states.get(node.number) is generate_code._State.PERHAPS
    return f"v{node.number}" if is_lazy and node.number not in writer._starting else right(writer, node)


def _taken_for_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # A number rather than an object of its own, so that nothing raises.
    monkeypatch.setattr(generate_code, "UNSET", 0)
    _writer("_value", _never_unset)(monkeypatch)


def _keyed(wrong: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Patch:
    """Which expressions of a rule are one: by a key that forgets something."""
    return exchanged(
        generate_nodes.Graph, "_node", lambda right: lambda graph, key, *rest, **named: right(
            graph, wrong(key), *rest, **named
        ),
    )  # fmt: skip


def _without_the_last_operand(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return key[:-1] if key[0] == "apply" and len(key) > 3 else key


def _without_the_code(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return ("source", key[1][:4]) if key[0] == "source" and key[1].startswith("r.") else key


def _in_any_case(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return ("constant", key[1], repr(key[2]).lower()) if key[0] == "constant" else key


def _with_the_operands_in_any_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*key[:2], *sorted(key[2:])) if key[0] == "apply" else key


def _sets_exchanged(right: Callable[..., Any]) -> Callable[..., Any]:
    def made(plan: Any) -> Any:
        slots = [column.slot for column in plan.checked.aggregates if column.function == "make_set"]
        places = {**plan.places, slots[0]: plan.places[slots[2]], slots[2]: plan.places[slots[0]]}
        return right(replace(plan, places=places))

    return made


def _attribute(column: str, attribute: str) -> Patch:
    return exchanged(generate_table, "ATTRIBUTES", lambda right: {**right, column: attribute})


MUTANTS: dict[str, Mutant] = {
    # What is one expression.
    "columns of similar names are one": (RULE_15, _keyed(_without_the_code)),
    "calls that differ in the last operand are one": (RULE_15, _keyed(_without_the_last_operand)),
    "constants that differ in case are one": (RULE_15, _keyed(_in_any_case)),
    "operands can be in any order": ("names", _keyed(_with_the_operands_in_any_order)),
    # Code.
    "or is and": (
        RULE_15,
        _writer("_joined", lambda right, writer, kind, operands: right(writer, Kind.AND, operands)),
    ),
    "not() of null is true": (
        "null",
        _writer("_falsity", lambda right, writer, node: f"(not {writer._value(node)})"),
    ),
    "null and true is false": (
        "null",
        exchanged(generate_code, "all_of", lambda right: lambda *given: all(given)),
    ),
    "null or false is false": (
        "null",
        exchanged(generate_code, "any_of", lambda right: lambda *given: any(given)),
    ),
    "the arms of iff are swapped": (RULE_15, _writer("_choice", _swapped_arms)),
    "case takes the last that is true": ("null", _writer("_choice", _last_arm)),
    "iff takes null for true": ("null", _writer("_choice", _null_is_true)),
    "a variable that is not set yet is read": ("shared", _taken_for_set),
    # Functions.
    "keys are in another order": (RULE_15, _evaluates(checked=_keys_reversed)),
    "inputs are in another order": (RULE_15, _evaluates(aggregates=lambda aggregates: aggregates[::-1])),
    "only the first clause is tested": (
        RULE_15,
        _evaluates(clauses=lambda clauses: clauses[:1] * len(clauses)),
    ),
    "a set is shown in the place of another": (
        RULE_15,
        exchanged(generate, "generate_row", _sets_exchanged),
    ),
    "the group's columns are in another order": (
        RULE_15,
        exchanged(
            generate,
            "generate_group",
            lambda right: lambda plan: lambda key: right(plan)(key[::-1]),
        ),
    ),
    "a threshold is to be exceeded": (
        THRESHOLDS,
        exchanged(generate, "_AT_LEAST", lambda right: replace(right, inline="{0} > {1}")),
    ),
    "the last threshold is enough": (
        THRESHOLDS,
        exchanged(
            generate,
            "generate_meets",
            lambda right: lambda plan: right(replace(plan, thresholds=plan.thresholds[1:])),
        ),
    ),
    "times are shown in milliseconds": (
        RULE_15,
        entry(
            generate_json._FUNCTIONS,
            Type.DATETIME,
            lambda right: replace(right, implementation=lambda ticks: format_ticks(ticks - ticks % 10_000)),
        ),
    ),
    "the status is read from its detail": (RULE_15, _attribute("ActivityStatusValue", "status_detail")),
    "the address is the caller": (RULE_15, _attribute("CallerIpAddress", "caller")),
}
