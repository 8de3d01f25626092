"""Functions on arrays and bags beyond `kql.dynamic`: bag_keys, set_has_element, pack_array and their kin.

Nothing here raises, and nothing changes its arguments. Elements are compared by kind: a text with a text, a
number with a number, a bool with a bool.
"""

from __future__ import annotations

from stream_detector.kql.dynamic import Dynamic
from stream_detector.kql.values.compare import as_real
from stream_detector.kql.values.limits import is_small

Scalar = str | bool | int | float


def bag_keys(value: Dynamic) -> Dynamic:
    """`bag_keys(value)`: the keys of the top level; null unless `value` is a bag."""
    return list(value) if isinstance(value, dict) else None


def bag_has_key(value: Dynamic, key: str) -> bool:
    """`bag_has_key(value, key)`: on the top level, by case."""
    return isinstance(value, dict) and key in value


def is_same(element: Dynamic, wanted: Scalar) -> bool:
    """Whether an element is this value, in kind and content."""
    if isinstance(wanted, str | bool):
        return type(element) is type(wanted) and element == wanted
    if not isinstance(element, int | float) or isinstance(element, bool):
        return False
    if isinstance(element, float) or isinstance(wanted, float):
        return as_real(element) == as_real(wanted)
    return element == wanted


def set_has_element(value: Dynamic, wanted: Scalar) -> bool:
    """`set_has_element(value, wanted)`: false unless `value` is an array that has it."""
    return isinstance(value, list) and any(is_same(element, wanted) for element in value)


def index_of(value: Dynamic, wanted: Scalar) -> int | None:
    """`array_index_of(value, wanted)`: from 0, -1 when absent; null unless `value` is an array.

    Kusto's page says nothing of a value that is no array: null, as array_length has it, is chosen.
    """
    if not isinstance(value, list):
        return None
    return next((at for at, element in enumerate(value) if is_same(element, wanted)), -1)


def pack_array(*values: Dynamic) -> Dynamic:
    """`pack_array(...)`: an array of the values, null among them; null when it would be too large."""
    packed: Dynamic = list(values)
    return packed if is_small(packed) else None


def bag_pack(*keys_and_values: Dynamic) -> Dynamic:
    """`bag_pack(key, value, ...)`: a bag; of a key that is given twice the last value counts.

    Null when it would be too large.
    """
    keys = [str(key) for key in keys_and_values[::2]]
    packed: Dynamic = dict(zip(keys, keys_and_values[1::2], strict=True))
    return packed if is_small(packed) else None
