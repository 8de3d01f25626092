"""The words of a rule's text: names, literals, operators and brackets, each with its place.

One regular expression finds them all. Literals are only delimited here; `kql.parse_literals` reads their
values. What is no KQL becomes a token of kind BAD together with a problem, so that the parser can step
over it without a second complaint. Nothing here raises for any text.

Source: the token rules of Microsoft's published grammar (microsoft/Kusto-Query-Language, KqlTokens.g4)
and Kusto's pages on the string, timespan and dynamic types. As there, no-break and zero-width spaces and
the byte order mark are white space, so what was pasted from a web page or a mail reads as it does in Kusto.
"""

from __future__ import annotations

import re

from msgspec import Struct

from stream_detector.kql.problems import KqlProblem, Span

NAME, STRING, LONG, REAL, TIMESPAN, TYPED, OPERATOR, BAD, END = (
    "name",
    "string",
    "long",
    "real",
    "timespan",
    "typed",
    "operator",
    "bad",
    "end",
)
"""Kinds of tokens. TYPED is `int(5)` or `datetime(...)`, OPERATOR is `in~` and `!has` and their kin; every
symbol is a kind of its own, so that `(` has kind `(`."""


class Token(Struct, frozen=True, gc=False):
    """A word of the text."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.start, self.end)


_BREAKS = "\\r\\n"
"""What ends a line: neither a comment nor a string in quotes goes on behind it. Kusto's own readers differ
over U+2028 and U+2029, so these end a comment and are no KQL behind it; in a string they are characters."""
_SPACES = " \\t\\r\\n\\f\\u00a0\\u1680\\u180e\\u2000-\\u200b\\u202f\\u205f\\u3000\\ufeff"
_CURLY = "“”„‟‘’‚‛«»‹›"
_SUFFIX = (
    "(?:d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?|ms"
    "|(?:milli|micro|nano)(?:s(?:ec(?:onds?)?)?)?|ticks?)"
)
_HEX = "[0-9A-Fa-f]"
_TOKEN = re.compile(
    rf"""
      (?P<blank>[{_SPACES}]+|//[^{_BREAKS}\u2028\u2029]*)
    | (?P<string>[hH]?"(?:[^"\\{_BREAKS}]|\\[^{_BREAKS}])*"
        |[hH]?'(?:[^'\\{_BREAKS}]|\\[^{_BREAKS}])*'
        |[hH]?@"(?:[^"{_BREAKS}]|"")*"|[hH]?@'(?:[^'{_BREAKS}]|'')*'
        |[hH]?```[\s\S]*?```)
    | (?P<unclosed>[hH]?@?["'][^{_BREAKS}]*|[hH]?```[\s\S]*)
    | (?P<guid>{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}(?![0-9A-Za-z_]))
    | (?P<typed>(?:datetime|date|timespan|time|long|int|real|double|bool|decimal|guid)\([^){_BREAKS}]*\)?)
    | (?P<operator>in~|!(?:in~|[A-Za-z_]+))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<real>[0-9]+(?:\.(?!\.)[0-9]*(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)(?![A-Za-z0-9_]))
    | (?P<timespan>[0-9]+(?:\.[0-9]+)?{_SUFFIX}(?![A-Za-z0-9_]))
    | (?P<long>(?:0[xX]{_HEX}+|[0-9]+)(?![A-Za-z0-9_]))
    | (?P<number>[0-9]+(?:\.[0-9]+)?[A-Za-z0-9_]*)
    | (?P<curly>[{_CURLY}](?:[^{_BREAKS}{_CURLY}]*[{_CURLY}])?)
    | (?P<tick>`[^`{_BREAKS}]*`?)
    | (?P<foreign>&&?|\|\||/\*(?:[\s\S]*?\*/|[\s\S]*)|\#[^{_BREAKS}]*|\$[A-Za-z0-9_]*)
    | (?P<symbol>==|=~|!=|!~|<=|>=|<>|\.\.|[-()\[\]{{}},;:|.+*/%<>=])
    | (?P<stray>[^\x00-\x7f{_BREAKS}{_SPACES}{_CURLY}]+[0-9A-Za-z_]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MOST_SHOWN = 400
_SURROGATE = re.compile("[\ud800-\udfff]")
_FOREIGN = {
    "&": "KQL has no &; write `and`",
    "|": "KQL has no ||; write `or`",
    "/": "KQL has no /* comments */; begin every line of a comment with //",
    "#": "# begins no comment in KQL; write //",
    "$": "a name cannot begin with $; names like $left belong to join, which a rule cannot have",
}
_KINDS = {"string": STRING, "typed": TYPED, "operator": OPERATOR, "name": NAME, "real": REAL}
_KINDS |= {"timespan": TIMESPAN, "long": LONG}


def tokenize(text: str) -> tuple[list[Token], list[KqlProblem]]:
    """Every token of `text`, the last of kind END behind the last word, and what is no KQL."""
    tokens: list[Token] = []
    problems: list[KqlProblem] = []
    end = 0
    for match in _TOKEN.finditer(text):
        group = match.lastgroup
        if group == "blank":
            continue
        start, end = match.span()
        word = match.group()
        kind = word if group == "symbol" else _KINDS.get(group or "", BAD)
        if not word.isascii() and _SURROGATE.search(word):
            kind = BAD
            problems.append(
                KqlProblem(Span(start, end), "half of a surrogate pair is no character; remove it")
            )
        elif kind is BAD:
            problems.append(problem_at(start, end, _complaint(group or "", word)))
        tokens.append(Token(kind, word, start, end))
    tokens.append(Token(END, "", end, end))
    return tokens, problems


def _complaint(group: str, word: str) -> str:
    """What is wrong with a word that is no KQL, and what to write instead."""
    if group == "unclosed":
        return _unclosed(word)
    if group == "guid":
        return f'a GUID must stand in quotes: "{word}"'
    if group == "curly":
        return f"{word[0]} is a typographic quote, which KQL does not know; write \" or '"
    if group == "foreign":
        return _FOREIGN[word[0]]
    if group == "number":
        return (
            f"{word} is neither a number nor a timespan such as 10m, 2h or 1.5d; "
            f"a name that begins with a digit is written ['{word}']"
        )
    if word == "!":
        return "KQL has no ! before a condition; write not(...)"
    if group == "tick":
        return "` quotes nothing in KQL; a name is quoted as ['name'], a text of several lines stands in ```"
    if len(word) > 1:
        return f"{word} is no part of KQL; a name with letters beyond a to z is quoted, as in ['name']"
    shown = f"{word} (U+{ord(word):04X})" if word.isprintable() else f"U+{ord(word):04X}"
    return f"the character {shown} is no part of KQL"


def _unclosed(word: str) -> str:
    if word.lstrip("hH").startswith("`"):
        return "the string that begins with ``` is never closed; write ``` at its end"
    quote = word.lstrip("hH@")[0]
    before, _, _ = word.partition(quote)
    if "@" not in before and "\\" + quote in word:
        return (
            f"the string is not closed: \\{quote} is a quote inside of it; for a backslash write \\\\, "
            f"or put @ before the string"
        )
    return (
        f"the string is not closed on its line; write {quote} at its end, or put a text of several lines "
        f"between ``` and ```"
    )


def problem_at(start: int, end: int, text: str) -> KqlProblem:
    """A problem whose sentence is fit for one line of a terminal, whatever the rule's text holds."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "?" for character in text)
    if len(text) > _MOST_SHOWN:
        text = f"{text[:_MOST_SHOWN]}..."
    return KqlProblem(Span(start, end), text)
