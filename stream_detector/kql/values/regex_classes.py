"""The character classes of Kusto's regular expressions in properties that RE2 knows. Tables only.

`\\w` is documented as Alphabetic, M, Nd, Pc and Join_Control, `\\s` as White_Space. RE2 knows general
categories and scripts only, so that both are spelled out; exactly, for the version of Unicode RE2 has.
"""

from __future__ import annotations

from functools import lru_cache

_CIRCLED = r"\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
"""What is Alphabetic without being a letter, mark or letter number: circled and squared letters."""

WORD = rf"\p{{L}}\p{{M}}\p{{Nd}}\p{{Nl}}\p{{Pc}}{_CIRCLED}\x{{200C}}\x{{200D}}"
"""`\\w` between brackets."""

SPACE = r"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
"""`\\s` between brackets."""

NOT_SPACE = (
    r"\x{0}-\x{8}\x{E}-\x{1F}!-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}"
    r"\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}"
)
"""`\\S` between brackets, where RE2 cannot negate a union."""

POSIX = frozenset(
    {"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph"}
    | {"lower", "print", "punct", "space", "upper", "word", "xdigit"}
)
"""Names of ASCII classes such as `[[:alpha:]]`: the same in Kusto and RE2."""

_CATEGORIES = {
    "L": "letter",
    "Ll": "lowercaseletter",
    "Lm": "modifierletter",
    "Lo": "otherletter",
    "Lt": "titlecaseletter",
    "Lu": "uppercaseletter",
    "M": "mark",
    "Mc": "spacingmark",
    "Me": "enclosingmark",
    "Mn": "nonspacingmark",
    "N": "number",
    "Nd": "decimalnumber",
    "Nl": "letternumber",
    "No": "othernumber",
    "P": "punctuation",
    "Pc": "connectorpunctuation",
    "Pd": "dashpunctuation",
    "Pe": "closepunctuation",
    "Pf": "finalpunctuation",
    "Pi": "initialpunctuation",
    "Po": "otherpunctuation",
    "Ps": "openpunctuation",
    "S": "symbol",
    "Sc": "currencysymbol",
    "Sk": "modifiersymbol",
    "Sm": "mathsymbol",
    "So": "othersymbol",
    "Z": "separator",
    "Zl": "lineseparator",
    "Zp": "paragraphseparator",
    "Zs": "spaceseparator",
    "Cc": "control",
    "Cf": "format",
    "Co": "privateuse",
}
"""Categories by RE2's name, with the long names that Kusto takes too, spelled loosely."""
_NAMES = {name: short for short, long in _CATEGORIES.items() for name in (short.lower(), long)}
_UNASSIGNED = frozenset({"c", "other", "cn", "unassigned", "cs", "surrogate"})


def category(name: str) -> str | None:
    """RE2's name of a category or, left as it is, of a script.

    None for categories with codes that are not assigned: RE2 leaves those out.
    """
    loose = "".join(character for character in name.lower() if character not in "_- ")
    return None if loose in _UNASSIGNED else _NAMES.get(loose, name)


@lru_cache(maxsize=1)
def not_word() -> str:
    """`\\W` between brackets: RE2 cannot negate a union there, so that RE2 itself is asked for the rest."""
    import re2  # type: ignore[import-untyped]

    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000)))).encode()
    others = (match.group().decode() for match in re2.compile(f"[^{WORD}]+").finditer(every))
    return "".join(f"\\x{{{ord(run[0]):X}}}-\\x{{{ord(run[-1]):X}}}" for run in others)
