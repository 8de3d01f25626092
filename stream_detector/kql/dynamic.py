"""Kusto's dynamic values: parse_json, members, tostring, split and array_length.

A dynamic is None (null), bool, int, float, str, list (array) or dict (bag). Nothing here raises for
any text: what is not strict JSON is, as in Kusto, a dynamic that holds the original string.

Choices where Kusto's pages are silent (docs/kql.md): of a key that occurs twice the last value
counts; half of a surrogate pair becomes U+FFFD; a number is shown as its shortest decimal text, and
one beyond a double as it was written; a text nested deeper than 1,024 levels counts as no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite

import orjson

from stream_detector.kql.values.limits import bounded

Dynamic = None | bool | int | float | str | list["Dynamic"] | dict[str, "Dynamic"]


def parse_json(text: str) -> Dynamic:
    """`parse_json(text)`, also known as `todynamic`. Of a text that is not JSON, the text itself."""
    try:
        value: Dynamic = orjson.loads(text)
    except ValueError:
        return _parse_slowly(text)
    return value


def parse_top_level(text: str, name: str) -> Dynamic:
    """`parse_json(text)[name]`, without parsing a text that cannot hold the property.

    `name` is ASCII letters. JSON can hide a letter in `\\u0074` only, so a text with neither the
    quoted name nor `\\u` has no such property, whether it is JSON or not.
    """
    if f'"{name}"' not in text and "\\u" not in text:
        return None
    return member(parse_json(text), name)


def member(value: Dynamic, name: str) -> Dynamic:
    """`value[name]`, which is `value.name`: null unless `value` is a bag with exactly that key."""
    return value.get(name) if isinstance(value, dict) else None


def element(value: Dynamic, position: int) -> Dynamic:
    """`value[position]`: from 0, or from the end below zero; null unless `value` is an array that long."""
    return value[position] if isinstance(value, list) and -len(value) <= position < len(value) else None


def to_text(value: Dynamic) -> str:
    """`tostring(value)`: "" for null, a string as it is, a bag or array as compact JSON.

    Cut after 1,048,576 characters: escapes in escapes, or one value packed twice, can double with each call.
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else bounded(_compact(value))


def array_length(value: Dynamic) -> int | None:
    """`array_length(value)`: null for anything but an array, so that a comparison with it is not true."""
    return len(value) if isinstance(value, list) else None


def split(text: str, delimiter: str) -> list[str]:
    """`split(text, delimiter)`: empty parts are kept, and "" gives one empty part. "" splits nothing."""
    return text.split(delimiter) if delimiter else [text]


def part(parts: list[str], position: int) -> str:
    """`tostring(parts[position])`: "" beyond the end, as null becomes "". `position` counts from 0."""
    return parts[position] if position < len(parts) else ""


def _parse_slowly(text: str) -> Dynamic:
    """Read the JSON that the fast reader refuses: half a surrogate pair, a number beyond a double."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_number)
        # Written and read again, so that halves are replaced at every depth at once.
        repaired: Dynamic = orjson.loads(mend(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return text
    return repaired


def mend(text: str) -> str:
    """`text` with every half of a surrogate pair replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _refuse(constant: str) -> Dynamic:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


def _number(literal: str) -> int | float | str:
    """A number as the fast reader gives it; beyond a double its own text."""
    if literal.lstrip("-").isdigit() and len(literal) <= 19:
        return int(literal)
    number = float(literal)
    return number if isfinite(number) else literal


def _compact(value: Dynamic) -> Iterator[str]:
    """Pieces of compact JSON. A stack rather than recursion, so that depth cannot end in an error."""
    stack: list[tuple[str, Dynamic] | str] = [("", value)]
    """Punctuation still to be written, and values with the punctuation before them."""
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            yield current
            continue
        before, item = current
        yield before
        if isinstance(item, dict):
            members = [(f"{_scalar(key)}:", inner) for key, inner in item.items()]
            stack += _between("{", members, "}")
        elif isinstance(item, list):
            stack += _between("[", [("", inner) for inner in item], "]")
        else:
            yield _scalar(item)


def _between(
    opening: str, members: list[tuple[str, Dynamic]], closing: str
) -> Iterator[tuple[str, Dynamic] | str]:
    """A container as stack entries, last first."""
    yield closing
    for position in range(len(members) - 1, -1, -1):
        before, inner = members[position]
        yield (f",{before}" if position else before, inner)
    yield opening


def _scalar(value: Dynamic) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Half of a surrogate pair, or a whole number beyond 64 bits.
        return json.dumps(mend(value) if isinstance(value, str) else value, ensure_ascii=False)
