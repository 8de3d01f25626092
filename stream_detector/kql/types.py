"""The scalar types of KQL, and how their values are held in Python.

| type | Python value | null |
|---|---|---|
| bool | bool | None |
| int, long | int (32 and 64 bits) | None |
| real | float | None |
| string | str | none: a missing string is "" |
| datetime | int, ticks since 1970-01-01 (`stream_detector.ticks`) | None |
| timespan | int, ticks | None |
| dynamic | None, bool, int, float, str, list or dict, see `kql.dynamic` | None |

guid and decimal are not supported: no column of AzureActivity has them.
"""

from __future__ import annotations

from enum import StrEnum


class Type(StrEnum):
    """A scalar type, under its name in KQL."""

    BOOL = "bool"
    INT = "int"
    LONG = "long"
    REAL = "real"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    DYNAMIC = "dynamic"

    @property
    def is_number(self) -> bool:
        """int, long or real."""
        return self in _NUMBERS

    @property
    def has_null(self) -> bool:
        """Every type but string."""
        return self is not Type.STRING


_NUMBERS = frozenset({Type.INT, Type.LONG, Type.REAL})
