"""Which names an expression can see, and what is known about the place it stands in.

Names are resolved here and nowhere else, and every unknown one gets its sentence here. Expressions are
typed by `check_expression`; None stands for one that was found wrong already, so that it is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.tree import Call, Name
from stream_detector.kql.typed import Column, Constant, Now, Typed

_Wrong = TypeVar("_Wrong")

TIME = "TimeGenerated"
"""The column on which the window of a rule hangs."""

_SHORTENED = 4
"""Characters from which on a beginning of a name is taken for that name."""

Let = Constant | Now
"""What a let can be: nothing else is the same for every record."""


class Scope:
    """The names that an expression can see. Lets and columns; a column hides a let, as in Kusto."""

    def __init__(
        self,
        columns: Mapping[str, Column | None],
        lets: Mapping[str, Let | None],
        unavailable: Mapping[str, str],
    ) -> None:
        self.columns = dict(columns)
        """In the order of the result; None for one whose definition was found wrong."""
        self.lets = lets
        self.unavailable = unavailable
        """Columns of the real table that do not exist here, and what to write instead."""
        self.is_whole = True
        """Whether the real table would still show them."""
        self.gone: dict[str, str] = {}
        """Columns that were there, and the operator that dropped them."""

    def narrowed(self, columns: Mapping[str, Column | None], operator: str, *, whole: bool = False) -> Scope:
        """The scope behind an operator; `whole` when it still shows the rest of the table."""
        scope = Scope(columns, self.lets, self.unavailable)
        scope.is_whole = self.is_whole and whole
        scope.gone = {**self.gone, **dict.fromkeys(self.columns, operator)}
        return scope


class Context:
    """Where an expression stands: its scope, the text, and where problems go."""

    def __init__(self, text: str, scope: Scope, problems: list[KqlProblem]) -> None:
        self.text = text
        self.scope = scope
        self.problems = problems
        self.aggregate: Callable[[Call], Typed | None] | None = None
        """Takes a call of an aggregate, where they may stand."""
        self.no_aggregate = "it can stand in summarize only"
        """Why there is no aggregate here."""
        self.no_column: str = ""
        """Why there is no column here, when there is none."""
        self.coming: frozenset[str] = frozenset()
        """Names that the operator itself defines: its own expressions do not see them."""
        self.coming_lets: frozenset[str] = frozenset()
        """Names of lets that stand further down."""

    def refuse(self, span: Span, text: str) -> _Wrong | None:
        """Tell a problem; always returns None, which stands for whatever was found wrong."""
        self.problems.append(KqlProblem(span, text))
        return None

    def source(self, span: Span) -> str:
        """What was written there, on one line and shortened."""
        return shown(self.text[span.start : span.end])

    def resolve(self, name: Name) -> Typed | None:
        """The column or let of that name, under the span of this use."""
        found: Column | Let | None
        if name.name in self.scope.columns:
            if self.no_column:
                return self.refuse(name.span, self.no_column)
            found = self.scope.columns[name.name]
        elif name.name in self.scope.lets:
            found = self.scope.lets[name.name]
        else:
            return self.refuse(name.span, self._unknown(name.name))
        return at(found, name.span, name.name) if found is not None else None

    def _unknown(self, name: str) -> str:
        if name in self.coming_lets:
            return f"the let {shown(name)} stands further down: move it above this one"
        return self.unknown_column(name)

    def unknown_column(self, name: str) -> str:
        """The sentence about a name that nothing has."""
        scope = self.scope
        if name in self.coming:
            return f"{shown(name)} is defined by this operator itself: use it in a further `| extend`"
        if name in scope.unavailable:
            return f"the column {name} does not exist here, {scope.unavailable[name]}"
        if name in scope.gone:
            return f"there is no column {shown(name)} any more: {scope.gone[name]} did not keep it"
        candidates = [*scope.columns, *scope.lets] if not self.no_column else list(scope.lets)
        return f"there is no column or let {shown(name)}{did_you_mean(name, candidates)}"


def at(typed: Column | Let, span: Span, name: str) -> Column | Let:
    """The same under another span; a computed column under the name it has there."""
    if isinstance(typed, Column):
        return Column(typed.type, typed.name if typed.slot is None else name, typed.slot, span)
    if isinstance(typed, Now):
        return Now(typed.offset, span)
    return Constant(typed.type, typed.value, span)


def shown(text: str) -> str:
    """A piece of the rule's text, fit for a sentence: one line, at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`: did you mean ...?` or nothing."""
    # Imported here because only a wrong rule needs it, and every start pays for an import.
    from difflib import get_close_matches

    names = list(candidates)
    folded = name.lower()
    for candidate in names:
        if candidate.lower() == folded:
            return f": names are told apart by case, did you mean {candidate}?"
    if len(folded) >= _SHORTENED:
        # CallerIP is rather a shortened CallerIpAddress than a misspelled Caller.
        longer = [candidate for candidate in names if candidate.lower().startswith(folded)]
        if longer:
            return f": did you mean {min(longer, key=len)}?"
    near = get_close_matches(name, names, n=1, cutoff=0.7)
    return f": did you mean {near[0]}?" if near else ""
