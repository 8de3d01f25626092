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

_PREFIXES = {
    "strlen": "strlen_",
    "any": "any_",
    **{name: f"{form.prefix}_" for name, form in AGGREGATES.items()},
}
"""What stands before the name of their first argument. take_any has no name inside of an expression."""


def automatic_name(expression: Expression) -> str:
    """The name of a bare expression, "" when it has none and is numbered: `Column1`."""
    # From the outside in, one level at a time, so that depth needs no recursion.
    around: list[tuple[str, bool]] = []
    name = ""
    while True:
        match expression:
            case Name(name):
                break
            case Member(of, member):
                around.append((member, True))
                expression = of
            case Index(of, index):
                around.append((_index_name(index), True))
                expression = of
            case Call(function, (first, *_)) if function in _PREFIXES:
                around.append((_PREFIXES[function], False))
                expression = first
            case Call(function, ()) if function in _PREFIXES:
                name = _PREFIXES[function]
                break
            case Call(function, (first, *_)) if function in _NAMED_BY_ARGUMENT:
                expression = first
            case _:
                break
    for part, is_behind in reversed(around):
        # What has no name of its own is named by its member alone.
        name = (f"{name}_{part}" if name else part) if is_behind else part + name
    return name


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

    def wanted(self, base: str) -> str:
        """`base`, or `Column` and the next number for none, whether taken or not."""
        if not base:
            self._numbered += 1
            base = f"Column{self._numbered}"
        return base

    def automatic(self, base: str) -> str:
        """A free name: `base`, or `Column` and a number for none, with a number behind when taken."""
        base = self.wanted(base)
        name, number = base, 0
        while name in self.used:
            number += 1
            name = f"{base}{number}"
        self.used.add(name)
        return name
