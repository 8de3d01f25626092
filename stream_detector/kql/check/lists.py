"""`in`, `has_any` and their kin: what a list may hold, and constant arrays spread into their members."""

from __future__ import annotations

from stream_detector.kql.catalogue import overloads
from stream_detector.kql.check.overload import apply
from stream_detector.kql.check.scope import Context
from stream_detector.kql.tree import ListTest
from stream_detector.kql.typed import Constant, Typed
from stream_detector.kql.types import Type

_OF_NO_ITEMS = {"in": False, "in~": False, "has_any": False, "!in": True, "!in~": True}
"""What each says of an empty list. has_all is left out: nothing tells what Kusto says."""

_TEXT_ONLY = frozenset({"in~", "!in~", "has_any", "has_all"})


def check_list_test(test: ListTest, left: Typed, items: tuple[Typed, ...], context: Context) -> Typed | None:
    """`left operator (items)`, typed; None after a problem was told."""
    spread = [member for item in items for member in _members(test, item, context)]
    known = [member for member in spread if member is not None]
    if len(known) < len(spread):
        return None
    wanted = Type.STRING if test.operator in _TEXT_ONLY else left.type
    wrong = [member for member in known if not _fits(test, member, wanted, context)]
    if wrong:
        return None
    if not known:
        return _of_no_items(test, context)
    functions = overloads(test.operator)
    if not functions:
        return context.refuse(test.operator_span, f"`{test.operator}` is not supported")
    return apply(functions, (left, *known), test.span, test.operator_span, context)


def _members(test: ListTest, item: Typed, context: Context) -> list[Typed | None]:
    """The item itself, or the members of a constant array, nested ones flattened as Kusto does."""
    if item.type is not Type.DYNAMIC:
        return [item]
    if not isinstance(item, Constant):
        source = context.source(item.span)
        cure = f"set_has_element({source}, {context.source(test.left.span)})"
        context.refuse(
            item.span,
            f"the list of `{test.operator}` must be known before any record, {source} is a dynamic value of"
            f" the record: for a test of its members write {cure}",
        )
        return [None]
    found: list[Typed | None] = []
    stack = [item.value]
    while stack:
        value = stack.pop()
        if isinstance(value, list | tuple):
            stack += reversed(value)
            continue
        kind = _kind(value)
        if kind is None:
            context.refuse(
                item.span, f"the list of `{test.operator}` must hold text or numbers, not null or a bag"
            )
            return [None]
        found.append(Constant(kind, value, item.span))
    return found


def _kind(value: object) -> Type | None:
    if isinstance(value, bool):
        return Type.BOOL
    if isinstance(value, str):
        return Type.STRING
    if isinstance(value, int):
        return Type.LONG
    return Type.REAL if isinstance(value, float) else None


def _fits(test: ListTest, member: Typed, wanted: Type, context: Context) -> bool:
    """Whether a member can be compared with the left side. A dynamic one takes what its overloads take."""
    if wanted is Type.DYNAMIC or member.type is wanted or (member.type.is_number and wanted.is_number):
        return True
    # A member that came out of an array is told by its value: its span is the whole array.
    source = context.source(member.span)
    value = f" ({member.value!s:.40})" if isinstance(member, Constant) and source != str(member.value) else ""
    hint = (
        f': write "{member.value}"'
        if wanted is Type.STRING and member.type.is_number and isinstance(member, Constant)
        else ""
    )
    context.refuse(
        member.span,
        f"`{test.operator}` compares with {wanted} here, but this list holds {member.type}{value}{hint}",
    )
    return False


def _of_no_items(test: ListTest, context: Context) -> Constant | None:
    value = _OF_NO_ITEMS.get(test.operator)
    if value is None:
        return context.refuse(test.span, f"the list of `{test.operator}` is empty: leave the test out")
    return Constant(Type.BOOL, value, test.span)
