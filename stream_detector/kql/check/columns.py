"""The operators that add, choose, drop and rename columns.

Kusto computes all expressions of one operator from the columns before it: none sees another of the same
operator. A redefined column keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from stream_detector.kql.check.expression import check_expression
from stream_detector.kql.check.names import Namer, automatic_name
from stream_detector.kql.check.scope import TIME, Context, Scope, shown
from stream_detector.kql.tree import Extend, Name, Named, Project, ProjectAway, ProjectRename
from stream_detector.kql.typed import Column, Definition, Step

_TIME_STAYS = f"{TIME} cannot be redefined, the window of the rule hangs on it: give the column another name"


class Columns:
    """Runs one operator; definitions go to `steps`, problems to the context."""

    def __init__(
        self, context: Context, steps: list[Step], slots: Iterator[int], *, is_about_record: bool
    ) -> None:
        self._context = context
        self._steps = steps
        self._slots = slots
        self._is_about_record = is_about_record

    def extend(self, operator: Extend) -> Scope:
        """`| extend a = x, ...`"""
        defined = self._defined(operator.columns, "extend")
        scope = self._context.scope
        columns = {**scope.columns, **defined}
        return scope.narrowed(columns, "extend", whole=True)

    def project(self, operator: Project) -> Scope:
        """`| project a, b = x, ...`"""
        defined = self._defined(operator.columns, "project")
        return self._context.scope.narrowed(defined, "project")

    def project_away(self, operator: ProjectAway) -> Scope:
        """`| project-away a, b*`: what is not there here, but in the real table, is away already."""
        scope = self._context.scope
        dropped: set[str] = set()
        for pattern in operator.patterns:
            found = {name for name in scope.columns if _fits(name, pattern.name)}
            dropped |= found
            absent = scope.is_whole and any(_fits(name, pattern.name) for name in scope.unavailable)
            if not found and not absent:
                self._context.refuse(pattern.span, self._context.unknown_column(pattern.name))
        kept = {name: column for name, column in scope.columns.items() if name not in dropped}
        return scope.narrowed(kept, "project-away", whole=True)

    def project_rename(self, operator: ProjectRename) -> Scope:
        """`| project-rename new = old, ...`: columns keep their places."""
        scope = self._context.scope
        renamed: dict[str, str] = {}
        namer = Namer()
        namer.used |= scope.columns.keys()
        for named in operator.columns:
            old = self._renamed(named)
            if old is None or named.name is None:
                continue
            if not self._is_free_of_time(named, named.name, old):
                continue
            if not namer.claim(named.name):
                self._refuse_name(
                    named, f"there is a column {shown(named.name)} already: rename to another name"
                )
            elif old in renamed:
                self._refuse_name(named, f"{shown(old)} is renamed twice: copy it with `extend` instead")
            else:
                renamed[old] = named.name
        columns = {renamed.get(name, name): column for name, column in scope.columns.items()}
        for named in operator.columns:
            # Known by name, so that what reads it is no problem of its own.
            columns.setdefault(named.name or "", None)
        return scope.narrowed(columns, "project-rename", whole=True)

    def _renamed(self, named: Named) -> str | None:
        """The old name of a renaming."""
        if named.name is None or not isinstance(named.value, Name):
            return self._context.refuse(named.span, "project-rename takes `new = old`, both names of columns")
        old = named.value.name
        if old not in self._context.scope.columns:
            return self._context.refuse(named.value.span, self._context.unknown_column(old))
        return old

    def _is_free_of_time(self, named: Named, new: str, old: str) -> bool:
        if not self._is_about_record or TIME not in (new, old):
            return True
        text = f"{TIME} cannot be renamed, the window of the rule hangs on it: copy it with `extend`"
        self._refuse_name(named, text if old == TIME else _TIME_STAYS)
        return False

    def _refuse_name(self, named: Named, text: str) -> None:
        self._context.refuse(named.name_span or named.value.span, text)

    def _defined(self, columns: tuple[Named, ...], operator: str) -> dict[str, Column | None]:
        """The columns of extend or project, with definitions for those that are not just another's name."""
        context = self._context
        before = context.coming
        written = {named.name for named in columns if named.name is not None}
        context.coming = frozenset(written - context.scope.columns.keys())
        namer = Namer()
        defined: dict[str, Column | None] = {}
        for named in columns:
            value = check_expression(named.value, context)
            name = self._name(named, namer, operator)
            if name is None:
                # Known by name, so that what reads it is no problem of its own.
                defined.setdefault(named.name or automatic_name(named.value), None)
                continue
            if value is None or isinstance(value, Column):
                defined[name] = value
                continue
            slot = next(self._slots)
            self._steps.append(Definition(slot, name, value))
            defined[name] = Column(value.type, name, slot, named.value.span)
        context.coming = before
        return defined

    def _name(self, named: Named, namer: Namer, operator: str) -> str | None:
        """The name of a column, None after a problem."""
        value = named.value
        is_itself = isinstance(value, Name) and named.name in (None, value.name)
        name = named.name
        if name is None:
            if not isinstance(value, Name):
                return self._automatic(named, namer, operator)
            name = value.name
        if not namer.claim(name):
            self._refuse_name(
                named, f"{operator} has a column {shown(name)} already: give this one another name"
            )
            return None
        if name == TIME and self._is_about_record and not is_itself:
            self._refuse_name(named, _TIME_STAYS)
            return None
        return name

    def _automatic(self, named: Named, namer: Namer, operator: str) -> str | None:
        """A name that Kusto gives, unless it would quietly take the place of a column."""
        name = automatic_name(named.value)
        if operator == "extend":
            # Kusto puts no number behind a taken name here: the later column takes the earlier one's place.
            name = namer.wanted(name)
            taken = name in self._context.scope.columns or not namer.claim(name)
        else:
            name, taken = namer.automatic(name), False
        if taken or (name == TIME and self._is_about_record):
            source = self._context.source(named.value.span)
            return self._context.refuse(
                named.value.span,
                f"{source} would be named {shown(name)}, like another column: give it a name",
            )
        return name


def _fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern with `*`."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    if not name.startswith(first):
        return False
    rest = name[len(first) :]
    for part in others[:-1]:
        _, found, rest = rest.partition(part) if part else ("", "*", rest)
        if not found:
            return False
    return rest.endswith(others[-1])
