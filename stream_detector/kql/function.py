"""What a scalar function or operator of KQL is to the checker and the code generator.

The catalogue (`kql.catalogue`) lists the functions; this module only says what an entry holds. One entry
is one overload: a name of KQL, the types it takes, the type it gives, and Python that computes it.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from stream_detector.kql.types import Type


class Function(Struct, frozen=True, gc=False):
    """One overload of a function or operator."""

    name: str
    """In the spelling of KQL: `strlen`, `==`, `!has`, `matches regex`, `[]` for access by index or member."""
    parameters: tuple[Type, ...]
    result: Type
    implementation: Callable[..., object]
    """Called with one Python value per argument; total: it never raises for values of the declared types."""
    is_strict: bool = True
    """Null in gives null out, and `implementation` is never called with None. When False, it may be
    called with None for arguments of types that have null."""
    may_be_null: bool = False
    """Whether the result can be None although no argument was."""
    repeats: bool = False
    """The last parameter may be given any number of times, once at least."""
    optional: int = 0
    """How many of the last parameters may be left out; `implementation` has defaults for them."""
    constants: tuple[int, ...] = ()
    """Positions of arguments that must be constants, such as a regular expression."""
    check: Callable[..., str | None] | None = None
    """Given the constant arguments (None for one that is not constant): what is wrong with them, or None."""
    prepare: Callable[..., Callable[..., object]] | None = None
    """When every argument but the first is constant: called once with those, gives a function of the
    first argument alone, for speed. Means the same as `implementation`."""
    inline: str = ""
    """Python for the same, such as `{0} == {1}`, used when no argument is null. Empty for a call."""
