"""IPv4 addresses and ranges as texts (Kusto's ipv4_* pages): masks, private networks, comparison.

An address is four decimal numbers without leading zeros (second-hand), blanks around it allowed, perhaps
with a prefix of 0 to 32 (`10.0.0.0/8`). Any other text, IPv6 included, is no address: the answer is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from stream_detector.kql.dynamic import Dynamic
from stream_detector.kql.values.compare import texts_of

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = re.compile(rf"\s*{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/(3[0-2]|[12]?[0-9]))?\s*", re.ASCII)
_BITS = 32
_ALL = 0xFFFF_FFFF

_Range = tuple[int, int]
"""Network and mask."""


def mask_of(prefix: int) -> int:
    """The mask of a prefix of 0 to 32."""
    return _ALL ^ _ALL >> prefix


def _parse(text: str) -> tuple[int, int] | None:
    """Address, not masked, and prefix (32 when it has none); None for another text."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    first, second, third, fourth, prefix = found.groups()
    number = int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
    return number, _BITS if prefix is None else int(prefix)


def _network(text: str) -> _Range | None:
    parsed = _parse(text)
    if parsed is None:
        return None
    mask = mask_of(parsed[1])
    return parsed[0] & mask, mask


_PRIVATE = tuple(filter(None, map(_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))))


def range_problem(text: str) -> str | None:
    """Why a text is no range, as a sentence, or None."""
    return None if _parse(text) else f"{text!r} is no IPv4 address or range such as 10.0.0.0/8"


def parse(text: str) -> int | None:
    """`parse_ipv4(text)`: the address as a number, masked by its prefix."""
    network = _network(text)
    return None if network is None else network[0]


def is_private(text: str) -> bool | None:
    """`ipv4_is_private(text)`: in 10/8, 172.16/12 or 192.168/16. A prefix masks the address first."""
    network = _network(text)
    return None if network is None else _is_within(network[0], _PRIVATE)


def _is_within(address: int, ranges: Sequence[_Range]) -> bool:
    return any(address & mask == network for network, mask in ranges)


def is_in_range(text: str, wanted: str) -> bool | None:
    """`ipv4_is_in_range(text, wanted)`. A prefix of `text` masks the address first."""
    address, network = _network(text), _network(wanted)
    if address is None or network is None:
        return None
    return _is_within(address[0], (network,))


def compile_is_in_range(wanted: str) -> Callable[[str], bool | None]:
    """`is_in_range` for one range."""
    return compile_is_in_any_range(wanted)


def is_in_any_range(text: str, *wanted: str) -> bool | None:
    """`ipv4_is_in_any_range(text, wanted, ...)`: true in one of them; else null if one is no range."""
    return compile_is_in_any_range(*wanted)(text)


def compile_is_in_any_range(*wanted: str) -> Callable[[str], bool | None]:
    """`is_in_any_range` for these ranges."""
    networks = [_network(each) for each in wanted]
    ranges = [network for network in networks if network is not None]
    otherwise = False if len(ranges) == len(networks) else None

    def is_in(text: str) -> bool | None:
        address = _network(text)
        if address is None:
            return None
        return True if _is_within(address[0], ranges) else otherwise

    return is_in


def is_in_any_of(text: str, wanted: Dynamic) -> bool | None:
    """`ipv4_is_in_any_range(text, array)`."""
    return compile_is_in_any_of(wanted)(text)


def compile_is_in_any_of(wanted: Dynamic) -> Callable[[str], bool | None]:
    """`is_in_any_of` for one array."""
    return compile_is_in_any_range(*texts_of([wanted]))


def compare(left: str, right: str, prefix: int = _BITS) -> int | None:
    """`ipv4_compare(left, right, prefix)`: -1, 0 or 1 under the shortest of the three prefixes."""
    one, other = _parse(left), _parse(right)
    if one is None or other is None or not 0 <= prefix <= _BITS:
        return None
    mask = mask_of(min(one[1], other[1], prefix))
    first, second = one[0] & mask, other[0] & mask
    return (first > second) - (first < second)


def is_match(left: str, right: str, prefix: int = _BITS) -> bool | None:
    """`ipv4_is_match(left, right, prefix)`: equal under the shortest of the three prefixes."""
    order = compare(left, right, prefix)
    return None if order is None else order == 0
