"""The names that Kusto gives to expressions without one, and that no two columns have the same.

Kusto's pages say little about it; the rules are those of Microsoft's own binder
(@kusto/language-service-next), and tests hold what it answers.
"""

from __future__ import annotations

from stream_detector.kql.check.aggregates import AGGREGATES
from stream_detector.kql.tree import Call, Expression, Index, Literal, Member, Name

_NAMED_BY_ARGUMENT = frozenset(
    {
        "abs",
        "bin",
        "floor",
        "parse_json",
        "round",
        "split",
        "startofday",
        "tobool",
        "toboolean",
        "todatetime",
        "todouble",
        "todynamic",
        "toint",
        "tolong",
        "toreal",
        "tostring",
        "totimespan",
    }
)
"""Functions whose result is named like their first argument."""


def automatic_name(expression: Expression) -> str:
    """The name of a bare expression, "" when it has none and is numbered: `Column1`."""
    # From the outside in, one level at a time, so that depth needs no recursion.
    prefix, parts = "", list[str]()
    while True:
        match expression:
            case Name(name):
                return prefix + "_".join([name, *reversed(parts)])
            case Member(of, name):
                parts.append(name)
                expression = of
            case Index(of, index):
                parts.append(_index_name(index))
                expression = of
            case Call("strlen", (first,)):
                prefix += "strlen_"
                expression = first
            case Call(name, (first, *_)) if name in _NAMED_BY_ARGUMENT:
                expression = first
            case Call("take_any", (first,)):
                expression = first
            case Call(name, arguments) if name in AGGREGATES:
                prefix += f"{AGGREGATES[name].prefix}_"
                if not arguments:
                    return prefix
                expression = arguments[0]
            case _:
                return prefix


def _index_name(index: Expression) -> str:
    is_plain = isinstance(index, Literal) and not str(index.value).startswith("-")
    return str(index.value) if is_plain and isinstance(index, Literal) else ""


class Namer:
    """Gives the columns of one operator their names."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._numbered = 0

    def claim(self, name: str) -> bool:
        """Whether a name that was written is free; it is taken from now on."""
        free = name not in self.used
        self.used.add(name)
        return free

    def automatic(self, base: str) -> str:
        """A free name: `base`, or `Column` and a number for none, with a number behind when taken."""
        if not base:
            self._numbered += 1
            base = f"Column{self._numbered}"
        name, number = base, 0
        while name in self.used:
            number += 1
            name = f"{base}{number}"
        self.used.add(name)
        return name
