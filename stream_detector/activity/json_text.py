"""Turns JSON values into the text that KQL sees: compact, "/" and non-ASCII letters unescaped.

The one place that serialises a value of a record, so that term matching in Properties does not
depend on where a record came from. Text is never parsed or changed here.
"""

from __future__ import annotations

import orjson


def compact(value: object) -> str:
    """Compact JSON text of a parsed value, at any depth of nesting."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson writes 254 levels and reads 1,024
        return _compact_deep(value)


def text_of(value: object) -> str:
    """A column's text: text as it is, null as "", an object as its compact JSON, 0 as "0", true as "true".

    An object `{"value": text, "localizedValue": ...}`, Azure's localised text, is its value.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict) and "localizedValue" in value and isinstance(value.get("value"), str):
        return str(value["value"])
    return compact(value)


def properties_text(value: object) -> str:
    """Properties as text: the very text it was, or the object serialised once; missing is ""."""
    if isinstance(value, str):
        return value
    return "" if value is None else compact(value)


def _compact_deep(value: object) -> str:
    """The same text without recursion: a stack of what is still to be written."""
    parts: list[str] = []
    rest: list[tuple[bool, object]] = [(False, value)]
    while rest:
        is_written, item = rest.pop()
        if is_written:
            parts.append(str(item))
        elif isinstance(item, dict):
            rest.append((True, "}"))
            for position, (key, member) in reversed(list(enumerate(item.items()))):
                rest.append((False, member))
                rest.append((True, ("," if position else "") + orjson.dumps(key).decode() + ":"))
            rest.append((True, "{"))
        elif isinstance(item, list):
            rest.append((True, "]"))
            for position, member in reversed(list(enumerate(item))):
                rest.append((False, member))
                if position:
                    rest.append((True, ","))
            rest.append((True, "["))
        else:
            parts.append(orjson.dumps(item).decode())
    return "".join(parts)
