"""The operators behind |: where, extend, project and its kin, summarize, sort.

Everything else that Kusto has is refused by name, at its own place.

Source: the operator rules of Microsoft's published grammar, and Kusto's page on each operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from stream_detector.kql.parse.expression import ExpressionParser
from stream_detector.kql.parse.refusals import CALLS, COMPOUND_NAME, HINT, NOT_A_NAME, OPERATORS
from stream_detector.kql.parse.tokens import END, LONG, NAME
from stream_detector.kql.parse.words import similar
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import (
    Expression,
    Extend,
    Name,
    Named,
    Operator,
    Ordered,
    Project,
    ProjectAway,
    ProjectRename,
    Summarize,
    Where,
)

_Item = TypeVar("_Item")


class OperatorParser(ExpressionParser):
    """Reads one operator of the pipeline."""

    def operator(self) -> Operator:
        """The operator that stands here, up to the next |."""
        start = self.token.start
        word = self.operator_word()
        if word not in _OPERATORS:
            self._refuse_operator(word)
        self.at += 1 + 2 * word.count("-")
        if self.is_word("hint") and self.peek().kind == ".":
            self.refuse(self.token.span, HINT)
        return _OPERATORS[word](self, start)

    def operator_word(self) -> str:
        """The name of the operator that may stand here, such as project-away; "" for anything but a name."""
        if self.token.kind is not NAME:
            return ""
        span = self.operator_span()
        return self.text[span.start : span.end]

    def operator_span(self) -> Span:
        """Its place: names that hang together by dashes without a blank."""
        at = self.at
        tokens = self.tokens
        while (
            tokens[at + 1].kind == "-"
            and tokens[at + 2].kind is NAME
            and tokens[at].end == tokens[at + 1].start
            and tokens[at + 1].end == tokens[at + 2].start
        ):
            at += 2
        return Span(self.token.start, tokens[at].end)

    def _refuse_operator(self, word: str) -> NoReturn:
        token = self.token
        if not word:
            if token.kind in ("|", ";", END):
                self.refuse(token.span, "an operator such as where or summarize is missing behind |")
            self.unexpected("an operator such as where or summarize")
        refusal = OPERATORS.get(word) or CALLS.get(word)
        if refusal is None and word.lower() in _OPERATORS:
            refusal = f"KQL's words are told apart by case; write {word.lower()}"
        if refusal is None:
            meant = similar(word, _OPERATORS, f"; it can have {', '.join(_OPERATORS)}")
            refusal = f"{word} is no operator that a rule can have{meant}"
        self.refuse(self.operator_span(), refusal)

    def new_name(self) -> Name:
        """A name that is given here: a word or `['quoted']`."""
        quoted = self.quoted_name()
        if quoted is not None:
            return quoted
        token = self.token
        if token.kind is not NAME:
            self.unexpected("a name")
        if token.text in NOT_A_NAME:
            self.refuse(
                token.span, f"{token.text} is a word of KQL; as a name it is written ['{token.text}']"
            )
        self.at += 1
        return Name(token.text, token.span)

    def named(self) -> Named:
        """`name = value` or a value."""
        start = self.token.start
        name = None
        if self._is_name_given():
            name = self.new_name()
            self.at += 1
        elif self.token.kind == "(":
            closing = self.partners.get(self.at)
            if closing is not None and self.tokens[closing + 1].kind == "=":
                self.refuse(Span(start, self.tokens[closing].end), COMPOUND_NAME)
        value = self.expression()
        span = self.span_from(start)
        return Named(None, None, value, span) if name is None else Named(name.name, name.span, value, span)

    def _is_name_given(self) -> bool:
        if self.token.kind == "[":
            closing = self.partners.get(self.at)
            return closing is not None and self.tokens[closing + 1].kind == "="
        return self.token.kind is NAME and self.peek().kind == "="

    def several(self, read: Callable[[], _Item]) -> tuple[_Item, ...]:
        """One or more of something, with commas between."""
        items = [read()]
        while self.token.kind == ",":
            self.at += 1
            items.append(read())
        return tuple(items)

    def _where(self, start: int) -> Operator:
        condition = self.expression()
        if self.token.kind == ",":
            self.refuse(self.token.span, "conditions are not joined with a comma; write `and`")
        return Where(condition, self.span_from(start))

    def _extend(self, start: int) -> Operator:
        columns = self.several(self.named)
        return Extend(columns, self.span_from(start))

    def _project(self, start: int) -> Operator:
        columns = self.several(self.named)
        return Project(columns, self.span_from(start))

    def _project_away(self, start: int) -> Operator:
        patterns = self.several(self._pattern)
        return ProjectAway(patterns, self.span_from(start))

    def _pattern(self) -> Name:
        """A column, or a pattern with `*`, whose parts stand side by side without a blank."""
        quoted = self.quoted_name()
        if quoted is not None:
            if "*" in quoted.name:
                self.refuse(
                    quoted.span, "a quoted name with * is not supported; write the pattern without quotes"
                )
            return quoted
        token = self.token
        if token.kind not in (NAME, "*"):
            self.unexpected("the name of a column, perhaps with *,")
        self.at += 1
        while self.token.kind in (NAME, LONG, "*") and self.token.start == self.behind:
            self.at += 1
        span = self.span_from(token.start)
        return Name(self.text[span.start : span.end], span)

    def _project_rename(self, start: int) -> Operator:
        columns = self.several(self._renamed)
        return ProjectRename(columns, self.span_from(start))

    def _renamed(self) -> Named:
        column = self.named()
        if column.name is None or not isinstance(column.value, Name):
            self.refuse(column.span, "project-rename takes names only; write New = Old")
        return column

    def _summarize(self, start: int) -> Operator:
        aggregates: tuple[Named, ...] = ()
        keys: tuple[Named, ...] = ()
        if not self.is_word("by"):
            aggregates = self.several(self.named)
        if self.is_word("by"):
            self.at += 1
            keys = self.several(self.named)
        return Summarize(aggregates, keys, self.span_from(start))

    def _sort(self, start: int) -> Operator:
        if not self.is_word("by"):
            self.unexpected("`by`, as in `sort by TimeGenerated desc`,")
        self.at += 1
        items = self.several(self._ordered)
        return Ordered(items, self.span_from(start))

    def _ordered(self) -> Expression:
        """An expression with `asc` or `desc`, `nulls first` or `nulls last`, which have no effect here."""
        value = self.expression()
        if self.is_word("asc") or self.is_word("desc"):
            self.at += 1
        if self.is_word("nulls"):
            self.at += 1
            if not (self.is_word("first") or self.is_word("last")):
                self.unexpected("`first` or `last`")
            self.at += 1
        return value


_OPERATORS: dict[str, Callable[[OperatorParser, int], Operator]] = {
    "where": OperatorParser._where,
    "filter": OperatorParser._where,
    "extend": OperatorParser._extend,
    "project": OperatorParser._project,
    "project-away": OperatorParser._project_away,
    "project-rename": OperatorParser._project_rename,
    "summarize": OperatorParser._summarize,
    "sort": OperatorParser._sort,
    "order": OperatorParser._sort,
}
KNOWN_OPERATORS = frozenset({*_OPERATORS, *OPERATORS})
