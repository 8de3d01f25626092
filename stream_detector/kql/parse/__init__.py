"""A rule's text as a tree: lets, the table, and the operators it is piped through.

All problems of a text at once: what cannot be read is skipped to the next | (in a let to the next ;)
outside of brackets, so one mistake is one problem. What Kusto has and a stream has not is refused by
name. No names or types are looked at here.

Source: Microsoft's published grammar (microsoft/Kusto-Query-Language) and Kusto's pages on the operators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from stream_detector.kql.parse.cursor import TABLE, Stop, shown
from stream_detector.kql.parse.operators import KNOWN_OPERATORS, OperatorParser
from stream_detector.kql.parse.refusals import (
    CALLS,
    ENDED_QUERY,
    FUNCTION_LET,
    LET_AS_TABLE,
    OPERATORS,
    OTHER_TABLE,
    SECOND_QUERY,
    STATEMENTS,
    TABULAR_LET,
    VIEW_LET,
)
from stream_detector.kql.parse.tokens import BAD, END, NAME, Token, tokenize
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.tree import Let, Name, Operator, Query

MOST_CHARACTERS = 200_000
"""Of a rule's text. The longest rule of a human hand has a few thousand."""


def parse(text: str) -> tuple[Query | None, tuple[KqlProblem, ...]]:
    """The tree of a rule, or else everything that is wrong with it, in the order of the text.

    Never raises for any text: either there is a query or there is at least one problem.
    """
    if len(text) > MOST_CHARACTERS:
        too_long = f"the text has {len(text)} characters; a rule may have {MOST_CHARACTERS}"
        return None, (KqlProblem(Span(0, 0), too_long),)
    tokens, foreign = tokenize(text)
    parser = _QueryParser(text, tokens, foreign)
    query = parser.query()
    if parser.problems or query is None:
        return None, tuple(sorted(parser.problems, key=lambda problem: problem.span.start))
    return query, ()


class _QueryParser(OperatorParser):
    """Reads a whole file, and gathers its problems."""

    def __init__(self, text: str, tokens: list[Token], foreign: list[KqlProblem]) -> None:
        super().__init__(text, tokens)
        self.problems: list[KqlProblem] = []
        self.foreign = foreign
        """What the tokens themselves have against the text, in order; `passed` counts what was looked at."""
        self.passed = 0
        self.let_names: set[str] = set()
        self.last_separator = max((i for i, token in enumerate(tokens[:-2]) if token.kind == ";"), default=-1)
        """Index of the last ; that something follows."""

    def query(self) -> Query | None:
        """The file. None if there is no query in it."""
        lets: list[Let] = []
        query: Query | None = None
        while self.token.kind is not END:
            if self.token.kind == ";":
                self.at += 1
            elif query is not None:
                self._end_with(KqlProblem(self.token.span, self._after_query()))
                return None
            elif self.is_word("let"):
                self._attempt(lambda: lets.append(self._let()), self._is_end_of_statement)
            elif self._is_refused_statement():
                self._attempt(self._statement, self._is_end_of_statement)
            else:
                query = self._pipeline(tuple(lets))
        if query is None and not self.problems:
            nothing = "there is no query; begin it with AzureActivity and pipe it through |"
            self._end_with(KqlProblem(self.token.span, nothing))
        return query

    def _attempt(self, part: Callable[[], object], is_end: Callable[[], bool]) -> None:
        """Read a part of the text; when that fails, report why and skip the rest of the part.

        The rest is skipped from the beginning of the part, so that brackets are stepped over as a whole.
        """
        start = self.at
        try:
            part()
        except Stop as stop:
            failed, self.at = self.at, start
            while self.token.kind is not END and (self.at < failed or not is_end()):
                self.at = self.partners.get(self.at, self.at) + 1
            self._pass_foreign(stop.problem, self.token.start)
            if stop.problem is not None:
                self.problems.append(stop.problem)

    def _pass_foreign(self, reported: KqlProblem | None, end: int) -> None:
        """Report what is no KQL before `end`; behind a reported problem it is mostly its consequence."""
        while self.passed < len(self.foreign) and self.foreign[self.passed].span.start < end:
            problem = self.foreign[self.passed]
            self.passed += 1
            if reported is None or problem.span.start < reported.span.start:
                self.problems.append(problem)

    def _end_with(self, problem: KqlProblem) -> None:
        """Report the last problem; nothing is read any more."""
        self._pass_foreign(problem, len(self.text) + 1)
        self.problems.append(problem)

    def _after_query(self) -> str:
        if self.is_word("let"):
            return "every let stands before the query; move this one up"
        return ENDED_QUERY if self.token.kind == "|" else SECOND_QUERY

    def _is_refused_statement(self) -> bool:
        return self.token.kind is NAME and self.token.text in STATEMENTS and self.peek().kind is NAME

    def _statement(self) -> None:
        token = self.take()
        self.refuse(token.span, STATEMENTS[token.text])

    def _let(self) -> Let:
        """`let name = value;`"""
        start = self.take().start
        name = self.new_name()
        self.let_names.add(name.name)
        if self.token.kind != "=":
            self.unexpected("=")
        self.at += 1
        self._refuse_table()
        first = self.at
        value = self.expression()
        if self.token.kind == "|":
            self._unfinished_let(first)
        if isinstance(value, Name) and value.name == TABLE:
            self.refuse(value.span, TABULAR_LET)
        span = self.span_from(start)
        if self.token.kind == ";":
            self.at += 1
        elif self.begins_line(self.at) and self.token.kind is NAME:
            end = Span(self.behind, self.behind)
            self.problems.append(KqlProblem(end, "a ; is missing at the end of this let"))
        elif self.token.kind is not END:
            self.not_finished("an operator, or ; at the end of the let,")
        return Let(name.name, name.span, value, span)

    def _unfinished_let(self, first: int) -> NoReturn:
        """Give up at a | behind the value that begins with token `first`."""
        for index in range(first + 1, self.at):
            token = self.tokens[index]
            if token.kind is NAME and token.text == TABLE and self.begins_line(index):
                self.at = index
                self.refuse(
                    Span(self.behind, self.behind), "the let is not finished; write the rest of it and a ;"
                )
        self.refuse(self.tokens[first].span, TABULAR_LET)

    def _refuse_table(self) -> None:
        """Refuse what a let can hold in Kusto and is no value: a function, a view, a table."""
        token = self.token
        if self.is_word("view") and self.peek().kind == "(":
            self.refuse(token.span, VIEW_LET)
        if token.kind == "(" and (closing := self.partners.get(self.at)) is not None:
            if self.tokens[closing + 1].kind == "{":
                self.refuse(token.span, FUNCTION_LET)
            if any(inside.kind == "|" for inside in self.tokens[self.at : closing]):
                self.refuse(token.span, TABULAR_LET)
        word = self.operator_word()
        if word in OPERATORS and self.peek(1 + 2 * word.count("-")).kind is NAME:
            self.refuse(self.operator_span(), OPERATORS[word])

    def _is_end_of_statement(self) -> bool:
        """Whether a broken statement ends here: at its ;, or where plainly the next one begins."""
        if self.token.kind == ";":
            return True
        return self.begins_line(self.at) and (self.is_word("let") or self._is_last_table())

    def _is_last_table(self) -> bool:
        """Whether the query begins here, because no ; comes any more but one at the very end."""
        return self.is_word(TABLE) and self.at > self.last_separator

    def _pipeline(self, lets: tuple[Let, ...]) -> Query | None:
        """The table and its operators. None when it turns out to be no query but a broken statement."""
        table = Name(TABLE, self.token.span)
        operators: list[Operator] = []
        known = len(self.problems)
        self._attempt(self._table, self._is_end_of_operator)
        if self.token.kind == ";" and len(self.problems) > known:
            return None
        while self.token.kind == "|":
            self.at += 1
            self._attempt(lambda: operators.append(self._piped()), self._is_end_of_operator)
        return Query(lets, table, tuple(operators))

    def _is_end_of_operator(self) -> bool:
        return self.token.kind in ("|", ";")

    def _table(self) -> None:
        """AzureActivity."""
        token = self.token
        if token.kind is NAME:
            word = self.operator_word()
            refusal = OPERATORS.get(word) or CALLS.get(word)
            if refusal is not None:
                self.refuse(self.operator_span(), refusal)
        name = self.quoted_name()
        if name is None and token.kind is NAME:
            self.at += 1
            name = Name(token.text, token.span)
        if name is None:
            if token.kind is BAD:
                raise Stop(None)
            self.refuse(token.span, f"a query begins with AzureActivity, not with {shown(token)}")
        if name.name in self.let_names:
            # A table in a let is refused there, and using it is no second mistake.
            raise Stop(None if self.problems else KqlProblem(name.span, LET_AS_TABLE))
        if name.name != TABLE:
            self.refuse(name.span, _other_table(name.name))
        self._end_of_operator()

    def _piped(self) -> Operator:
        operator = self.operator()
        self._end_of_operator()
        return operator

    def _end_of_operator(self) -> None:
        if self.token.kind not in ("|", ";", END):
            if self.operator_word() in KNOWN_OPERATORS:
                self.refuse(self.operator_span(), f"a | is missing before {self.operator_word()}")
            self.not_finished("an operator, a comma, | or the end of the query")


def _other_table(name: str) -> str:
    if name.lower() == "let":
        return "KQL's words are told apart by case; write let"
    if name.lower() == TABLE.lower():
        return f"names are told apart by case; write {TABLE}"
    return f"{name} is no table of a rule: {OTHER_TABLE}"
