"""A place in the tokens of a rule, and what every part of the parser needs there.

`Stop` is how a part gives up: it carries the one problem that was found, or none when the token there
is no KQL and has its problem already. `kql.parse` catches it, goes on behind, and so one mistake
makes one problem. Nothing of this leaves the parser.
"""

from __future__ import annotations

from typing import NoReturn

from stream_detector.kql.parse.tokens import BAD, END, NAME, Token, problem_at
from stream_detector.kql.problems import KqlProblem, Span

TABLE = "AzureActivity"
"""The one table that a query can begin with."""

_CLOSES = {"(": ")", "[": "]", "{": "}"}
_OPENS = {closing: opening for opening, closing in _CLOSES.items()}


class Stop(Exception):
    """A part of the text cannot be read any further. `problem` is None when it is known already."""

    def __init__(self, problem: KqlProblem | None) -> None:
        super().__init__(problem)
        self.problem = problem


class Cursor:
    """The tokens, and which one is next."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.partners = pair_brackets(tokens)
        """Index of the closing bracket by that of its opening one. An opening bracket that is not
        in it is never closed."""

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    @property
    def behind(self) -> int:
        """Offset behind the last token that was taken."""
        return self.tokens[self.at - 1].end if self.at else 0

    def peek(self, distance: int = 1) -> Token:
        """A later token; the last one beyond the end."""
        return self.tokens[min(self.at + distance, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token, stepping over it. The end is never stepped over."""
        token = self.tokens[self.at]
        if token.kind is not END:
            self.at += 1
        return token

    def is_word(self, word: str) -> bool:
        """Whether the next token is this name, unquoted."""
        token = self.tokens[self.at]
        return token.kind is NAME and token.text == word

    def span_from(self, start: int) -> Span:
        """From an offset to behind the last token that was taken."""
        return Span(start, self.behind)

    def refuse(self, span: Span, text: str) -> NoReturn:
        """Give up here with a problem."""
        raise Stop(problem_at(span.start, span.end, text))

    def unexpected(self, expected: str) -> NoReturn:
        """Give up at the next token, where `expected` should stand."""
        token = self.token
        if token.kind is BAD:
            raise Stop(None)
        self.refuse(token.span, f"{expected} is expected here, not {shown(token)}")

    def close(self, opening: int, expected: str) -> None:
        """Step over the bracket that closes the one at `opening`, or say that `expected` may stand here."""
        bracket = self.tokens[opening]
        closing = _CLOSES[bracket.kind]
        if self.token.kind == closing:
            self.at += 1
        elif self.token.kind is BAD:
            raise Stop(None)
        elif opening not in self.partners:
            self.refuse(bracket.span, f"this {bracket.kind} is never closed; write {closing} at its end")
        else:
            self.unexpected(f"{expected} or {closing}" if expected else closing)

    def begins_line(self, index: int) -> bool:
        """Whether nothing but white space and comments stands before a token on its line."""
        return index == 0 or "\n" in self.text[self.tokens[index - 1].end : self.tokens[index].start]


def pair_brackets(tokens: list[Token]) -> dict[int, int]:
    """Closing index by opening index. A `;` that ends a let ends what was left open in it."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    waiting = dict.fromkeys(_CLOSES, 0)
    """How many of each kind are in `opened`."""
    for index, token in enumerate(tokens):
        kind = token.kind
        if kind in _CLOSES:
            opened.append(index)
            waiting[kind] += 1
        elif kind in _OPENS:
            # What was opened behind the bracket that closes here, and is of another kind, was forgotten.
            while waiting[_OPENS[kind]]:
                opening = opened.pop()
                waiting[tokens[opening].kind] -= 1
                if tokens[opening].kind == _OPENS[kind]:
                    partners[opening] = index
                    break
        elif kind == ";" and (tokens[index + 1].kind is END or tokens[index + 1].text in ("let", TABLE)):
            while opened and tokens[opened[-1]].kind != "{":
                waiting[tokens[opened.pop()].kind] -= 1
    return partners


def shown(token: Token) -> str:
    """A token in a sentence."""
    if token.kind is END:
        return "the end of the text"
    return token.text if len(token.text) <= 40 else f"{token.text[:40]}..."
