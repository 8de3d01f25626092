"""Which operations are wanted: a set of names, or a test where a rule names them by a part only.

The scan asks once for each spelling it has not met; the answer must not depend on anything but the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from stream_detector.kql.text import fold


class WantedOperations(Struct, frozen=True, gc=False):
    """The operations that some rule can match."""

    names: frozenset[str] = frozenset()
    """ASCII lower case."""
    tests: tuple[Callable[[str], bool], ...] = ()
    """Each of a name as it is spelled in the record; any one is enough."""

    def __contains__(self, name: object) -> bool:
        """Whether records of the operation `name`, in its own spelling, are wanted."""
        if not isinstance(name, str):
            return False
        return fold(name) in self.names or any(test(name) for test in self.tests)


def union(wanted: Iterable[WantedOperations]) -> WantedOperations:
    """What any of `wanted` wants."""
    together = tuple(wanted)
    return WantedOperations(
        frozenset[str]().union(*(each.names for each in together)),
        tuple(test for each in together for test in each.tests),
    )
