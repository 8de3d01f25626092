"""Every function and operator of the catalogue, asked of Microsoft's binder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kusto_binder import ask, need_binder

from stream_detector.kql.catalogue import SCALAR
from stream_detector.kql.function import Function
from stream_detector.kql.types import Type

COLUMNS = {f"{kind}_column": str(kind) for kind in Type}

CONSTANTS: Mapping[tuple[str, int], str] = {
    ("trim", 0): '"a+"',
    ("trim_start", 0): '"a+"',
    ("trim_end", 0): '"a+"',
    ("extract", 0): '"a(b)"',
    ("matches regex", 1): '"a"',
    ("countof", 2): '"normal"',
    ("datetime_diff", 0): '"hour"',
    ("array_index_of", 4): "1",
}
"""Arguments that stand for a text or number of a certain shape."""

LISTS = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})

_SECONDS = "the documentation gives parts of a second as a real; the binder wants whole ones"
NOT_IN_KUSTO: Mapping[str, str] = {
    "make_timespan(long_column, long_column, real_column)": _SECONDS,
    "make_timespan(long_column, long_column, long_column, real_column)": _SECONDS,
}
"""Calls that the binder refuses, and why they are here."""


def _calls() -> list[tuple[str, Function]]:
    """Each overload with its least and its most arguments, as an expression over columns of every type."""
    found = {}
    for name, overloads in SCALAR.items():
        for function in overloads:
            most = len(function.parameters)
            for count in {most - function.optional, most}:
                found[_call(name, function, count)] = function
    return list(found.items())


def _call(name: str, function: Function, count: int) -> str:
    values = [
        CONSTANTS.get((name, position), f"{kind}_column")
        for position, kind in enumerate(function.parameters[:count])
    ]
    if name == "[]":
        return f"{values[0]}[{values[1]}]"
    if name in LISTS:
        return f"{values[0]} {name} ({', '.join(values[1:])})"
    if name in ("between", "!between"):
        return f"{values[0]} {name} ({values[1]} .. {values[2]})"
    if name[0].isalpha() and name not in _INFIX:
        return f"{name}({', '.join(values)})"
    return f"{name}{values[0]}" if len(values) == 1 else f"{values[0]} {name} {values[1]}"


_INFIX = frozenset(
    f"{word}{ending}"
    for word in ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith", "matches regex")
    for ending in ("", "_cs")
)


def _types(calls: Sequence[str]) -> list[str]:
    """The binder's type of each call, or its complaint. One query for all unless one is refused."""
    (together,) = ask(
        ["AzureActivity | project " + ", ".join(f"x{n} = {call}" for n, call in enumerate(calls))],
        columns=COLUMNS,
    )
    if together.accepted:
        return [kind for _, kind in together.columns]
    alone = ask([f"AzureActivity | project x = {call}" for call in calls], columns=COLUMNS)
    return [answer.columns[0][1] if answer.accepted else answer.errors[0] for answer in alone]


def test_every_overload_is_one_that_microsoft_has_with_the_same_result() -> None:
    need_binder()
    calls = _calls()
    assert len(calls) > 300
    kusto = _types([call for call, _ in calls if call not in NOT_IN_KUSTO])
    known = [(call, function) for call, function in calls if call not in NOT_IN_KUSTO]
    wrong = [
        f"{call}: {function.result}, not {found}"
        for (call, function), found in zip(known, kusto, strict=True)
        if found != function.result
    ]
    assert wrong == []


def test_what_only_we_have_is_not_in_kusto() -> None:
    need_binder()
    assert NOT_IN_KUSTO.keys() <= dict(_calls()).keys()
    answers = ask([f"AzureActivity | project x = {call}" for call in NOT_IN_KUSTO], columns=COLUMNS)
    assert [call for call, answer in zip(NOT_IN_KUSTO, answers, strict=True) if answer.accepted] == []
