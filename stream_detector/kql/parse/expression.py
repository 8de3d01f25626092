"""Scalar expressions, read by operator precedence (`kql.parse_words`).

Above every operator stand a sign, and above that `.name` and `[index]`. So `a + b has "x"` is
`a + (b has "x")`, and `-a.b` is `-(a.b)`, as in Kusto. Nothing here looks at types, and every name is taken
as it is.

Source: the expression rules of Microsoft's published grammar and parser (microsoft/Kusto-Query-Language).
"""

from __future__ import annotations

from typing import NoReturn

from stream_detector.kql.parse.dynamic import MOST_LEVELS
from stream_detector.kql.parse.literals import Unreadable, bool_value, timespan_value, typed_value
from stream_detector.kql.parse.refusals import CALLS, NOT_A_CALL, NOT_A_NAME
from stream_detector.kql.parse.tokens import BAD, LONG, NAME, OPERATOR, REAL, STRING, TIMESPAN, TYPED, Token
from stream_detector.kql.parse.words import DO_NOT_CHAIN, LISTS, LOOSEST, POWERS, TIGHTEST, WordParser
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import (
    Between,
    Binary,
    Call,
    Expression,
    Index,
    ListTest,
    Literal,
    Member,
    Name,
    Star,
    Unary,
)
from stream_detector.kql.types import Type


class ExpressionParser(WordParser):
    """Reads expressions. `height` is that of the expression read last."""

    height = 0

    def expression(self, level: int = 0, power: int = LOOSEST) -> Expression:
        """An expression whose operators bind at least as tightly as `power`."""
        if level > MOST_LEVELS:
            self.refuse(self.token.span, f"the expression is nested deeper than {MOST_LEVELS} levels")
        start = self.token.start
        left = self._path(level)
        limit = TIGHTEST
        """The tightest operator that may still come: one that does not chain ends at its own."""
        while True:
            token = self.token
            bound = POWERS.get(token.text, 0)
            if bound < power:
                return left
            if bound > limit:
                self.refuse(
                    token.span, f"{token.text} cannot follow another comparison; use `and` or brackets"
                )
            left = self._operation(left, start, bound, level)
            limit = bound - 1 if bound in DO_NOT_CHAIN else bound

    def _operation(self, left: Expression, start: int, bound: int, level: int) -> Expression:
        """An operator and what is right of it."""
        height = self.height
        token = self.take()
        operator = token.text
        result: Expression
        if operator in LISTS:
            items = self._list(token, level)
            result = ListTest(operator, left, items, self.span_from(start), token.span)
        elif operator in ("between", "!between"):
            low, high = self._bounds(token, level)
            result = Between(left, low, high, operator != "between", self.span_from(start))
        else:
            if operator == "matches":
                if not self.is_word("regex"):
                    self.unexpected("`regex`, as in `matches regex`,")
                self.at += 1
                operator = "matches regex"
            elif operator == "<>":
                operator = "!="
            operator_span = self.span_from(token.start)
            right = self.expression(level + 1, bound + 1)
            result = Binary(operator, left, right, self.span_from(start), operator_span)
        self._grow(max(height, self.height), token)
        return result

    def _grow(self, height: int, token: Token) -> None:
        self.height = height + 1
        if self.height > MOST_LEVELS:
            self.refuse(
                token.span,
                f"more than {MOST_LEVELS} operators in a row; put brackets around groups of them, or write "
                "in (...)",
            )

    def _list(self, operator: Token, level: int) -> tuple[Expression, ...]:
        """`(a, b, ...)` behind `in` and its kin."""
        if self.token.kind != "(":
            self.unexpected(f"a list in brackets, as in `{operator.text} (...)`,")
        if self.peek().kind == ")":
            self.refuse(
                Span(self.token.start, self.peek().end),
                f"{operator.text} needs at least one value in its list",
            )
        return self._arguments(level)

    def _bounds(self, operator: Token, level: int) -> tuple[Expression, Expression]:
        """`(low .. high)`."""
        opening = self.at
        if self.token.kind != "(":
            self.unexpected(f"`{operator.text} (low .. high)`, with brackets,")
        self.at += 1
        low = self.expression(level + 1)
        height = self.height
        if self.token.kind != "..":
            self.unexpected("`..` between the two bounds")
        self.at += 1
        high = self.expression(level + 1)
        self.height = max(height, self.height)
        self.close_expression(opening, "")
        return low, high

    def _arguments(self, level: int) -> tuple[Expression, ...]:
        """Expressions in brackets, perhaps none, with the cursor on `(`."""
        opening = self.at
        self.at += 1
        items: list[Expression] = []
        height = 0
        while self.token.kind != ")" or items:
            token = self.token
            if token.kind == "*" and self.peek().kind in (",", ")"):
                self.at += 1
                self.height = 1
                items.append(Star(token.span))
            else:
                items.append(self.expression(level + 1))
            height = max(height, self.height)
            if self.token.kind != ",":
                break
            self.at += 1
        self.close_expression(opening, "a comma")
        self.height = height
        return tuple(items)

    def _path(self, level: int) -> Expression:
        """A value with its sign, members and indexes. A sign binds more loosely than these."""
        start = self.token.start
        sign = self.take() if self.token.kind in ("-", "+") else None
        if sign is not None and self.token.kind in ("-", "+"):
            self.refuse(self.token.span, "a sign cannot follow a sign; use brackets")
        inner = self.token.start
        value = self._primary(level)
        while self.token.kind in (".", "["):
            token = self.token
            height = self.height
            opening = self.at
            self.at += 1
            if token.kind == "[":
                index = self.expression(level + 1)
                self.close_expression(opening, "")
                value = Index(value, index, self.span_from(inner))
                height = max(height, self.height)
            else:
                value = Member(value, self._member(), self.span_from(inner))
            self._grow(height, token)
        if sign is not None:
            self._grow(self.height, sign)
            value = Unary(sign.kind, value, self.span_from(start))
        return value

    def _member(self) -> str:
        """The name behind a dot."""
        token = self.token
        if token.kind is NAME:
            if self.peek().kind == "(":
                self.refuse(
                    token.span, f"{token.text}(...) cannot be called behind a dot; write {token.text}(value)"
                )
            self.at += 1
            return token.text
        quoted = self.quoted_name()
        if quoted is None:
            self.unexpected("the name of a member")
        return quoted.name

    def quoted_name(self) -> Name | None:
        """`['name']` if it stands here."""
        if self.token.kind != "[" or self.peek().kind is not STRING:
            return None
        opening = self.at
        self.at += 1
        name = self.read_string()
        self.close(opening, "")
        span = self.span_from(self.tokens[opening].start)
        if not name:
            self.refuse(span, "a name cannot be empty")
        return Name(name, span)

    def _primary(self, level: int) -> Expression:
        token = self.token
        self.height = 1
        kind = token.kind
        if kind is NAME:
            return self._named(token, level)
        if kind is STRING:
            text = self.read_string()
            return Literal(Type.STRING, text, self.span_from(token.start))
        if kind is LONG or kind is REAL:
            self.at += 1
            number = self.read_number(token)
            return Literal(Type.LONG if kind is LONG else Type.REAL, number, token.span)
        if kind is TIMESPAN or kind is TYPED:
            return self._typed(self.take())
        if kind == "(":
            return self._bracketed(level)
        quoted = self.quoted_name()
        if quoted is None:
            self._no_value(token)
        return quoted

    def _bracketed(self, level: int) -> Expression:
        opening = self.at
        self.at += 1
        value = self.expression(level + 1)
        if self.token.kind == ",":
            self.refuse(self.token.span, "a list cannot stand here; write it behind in, has_any or has_all")
        self.close_expression(opening, "an operator")
        return value

    def _typed(self, token: Token) -> Expression:
        try:
            if token.kind is TIMESPAN:
                return Literal(Type.TIMESPAN, timespan_value(token.text), token.span)
            type_, value = typed_value(token.text)
        except Unreadable as unreadable:
            self.refuse(token.span, str(unreadable))
        return Literal(type_, value, token.span)

    def _named(self, token: Token, level: int) -> Expression:
        """A name, a call, true, false, or a dynamic literal."""
        text = token.text
        if (truth := bool_value(text)) is not None:
            self.at += 1
            return Literal(Type.BOOL, truth, token.span)
        if text in NOT_A_NAME and not (text == "dynamic" and self.peek().kind == "("):
            self.refuse(token.span, _keyword(text))
        if self.peek().kind == "(":
            if text == "dynamic":
                value = self.read_dynamic(level)
                return Literal(Type.DYNAMIC, value, self.span_from(token.start))
            if (refusal := CALLS.get(text) or NOT_A_CALL.get(text)) is not None:
                self.refuse(token.span, refusal)
            self.at += 1
            arguments = self._arguments(level)
            self._grow(self.height, token)
            return Call(text, arguments, self.span_from(token.start), token.span)
        if text == "not":
            self.refuse(token.span, "not is a function; write not(...)")
        if text in CALLS:
            self.refuse(token.span, CALLS[text])
        if text in NOT_A_CALL:
            self.refuse(token.span, _keyword(text))
        self.at += 1
        return Name(text, token.span)

    def _no_value(self, token: Token) -> NoReturn:
        """Give up where a value should stand."""
        if token.kind == "*":
            self.refuse(token.span, "* is no value; write the name of a column")
        if token.kind == "[" and self.peek().kind is not BAD:
            self.refuse(token.span, "a list of values is written dynamic([...])")
        if token.kind == "[":
            self.at += 1
        if token.kind is OPERATOR:
            self.refuse(token.span, "KQL has no ! before a condition; write not(...)")
        self.unexpected("a value")


def _keyword(text: str) -> str:
    """Why a word of KQL is no value."""
    if text == "null":
        return "null alone is no value; test with isnull(...), or write the null of a type, as in int(null)"
    return f"{text} is a word of KQL and no value; a column of this name is written ['{text}']"
