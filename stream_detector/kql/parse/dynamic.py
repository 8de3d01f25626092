"""The inside of `dynamic(...)`: JSON with the string literals of KQL.

Other literals of KQL inside, such as datetime(...), are refused: a dynamic here holds what JSON holds.
Of a key that stands twice Kusto's choice is not documented, so that is refused too.

Source: Kusto's page on the dynamic type, and the jsonValue rule of Microsoft's published grammar.
"""

from __future__ import annotations

from stream_detector.kql.dynamic import Dynamic
from stream_detector.kql.parse.cursor import Cursor
from stream_detector.kql.parse.literals import Unreadable, bool_value, real_value, string_value, whole_value
from stream_detector.kql.parse.tokens import LONG, NAME, REAL, STRING, TIMESPAN, TYPED, Token
from stream_detector.kql.problems import Span

MOST_LEVELS = 100
"""How deep brackets, calls and operators may nest. Far beyond any rule that a person writes, and low
enough for whoever walks through the tree by recursion."""


class DynamicParser(Cursor):
    """Reads string literals, and the value of a dynamic literal."""

    def read_string(self) -> str:
        """One string literal, or several side by side, which are one text."""
        parts = []
        while self.token.kind is STRING:
            token = self.take()
            try:
                parts.append(string_value(token.text))
            except Unreadable as unreadable:
                self.refuse(token.span, str(unreadable))
        return "".join(parts)

    def read_number(self, token: Token, sign: str = "") -> int | float:
        """A whole or real number."""
        try:
            return (whole_value if token.kind is LONG else real_value)(sign + token.text)
        except Unreadable as unreadable:
            self.refuse(token.span, str(unreadable))

    def read_dynamic(self, level: int) -> Dynamic:
        """`dynamic(value)`, with the cursor on `dynamic`."""
        self.at += 1
        opening = self.at
        self.at += 1
        value = self._value(level + 1)
        self.close(opening, "")
        return value

    def _value(self, level: int) -> Dynamic:
        token = self.token
        if level > MOST_LEVELS:
            self.refuse(token.span, f"the value is nested deeper than {MOST_LEVELS} levels")
        kind = token.kind
        if kind is STRING:
            return self.read_string()
        if kind == "[":
            return self._array(level)
        if kind == "{":
            return self._bag(level)
        if kind == "-" and self.peek().kind in (LONG, REAL):
            self.at += 1
            return self.read_number(self.take(), "-")
        if kind is LONG or kind is REAL:
            return self.read_number(self.take())
        if kind is NAME:
            return self._word(token, level)
        if kind is TYPED or kind is TIMESPAN:
            text = f"{token.text} cannot stand in a dynamic value here; write it as text in quotes"
            self.refuse(token.span, text)
        return self.unexpected("a value of JSON")

    def _word(self, token: Token, level: int) -> Dynamic:
        """null, true, false or a dynamic in a dynamic."""
        if token.text == "dynamic" and self.peek().kind == "(":
            return self.read_dynamic(level)
        value = bool_value(token.text)
        if value is None and token.text != "null":
            self.unexpected("a value of JSON, with texts in quotes,")
        self.at += 1
        return value

    def _array(self, level: int) -> Dynamic:
        opening = self.at
        self.at += 1
        values: list[Dynamic] = []
        while self.token.kind != "]" or values:
            values.append(self._value(level + 1))
            if self.token.kind != ",":
                break
            self.at += 1
        self.close(opening, "a comma")
        return values

    def _bag(self, level: int) -> Dynamic:
        opening = self.at
        self.at += 1
        bag: dict[str, Dynamic] = {}
        while self.token.kind != "}" or bag:
            start = self.token.start
            if self.token.kind is not STRING:
                self.unexpected("a key in quotes")
            key = self.read_string()
            if key in bag:
                self.refuse(Span(start, self.behind), "the key stands twice in the same bag; write it once")
            if self.token.kind != ":":
                self.unexpected("a colon")
            self.at += 1
            bag[key] = self._value(level + 1)
            if self.token.kind != ",":
                break
            self.at += 1
        self.close(opening, "a comma")
        return bag
