"""The overload of a function or operator that fits the types of its arguments.

Numbers widen, int to long to real; a scalar becomes dynamic where Kusto takes any scalar. Nothing else is
converted silently: text and numbers never are, whatever Kusto would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream_detector.kql.catalogue import overloads
from stream_detector.kql.check.fold import applied
from stream_detector.kql.check.scope import Context
from stream_detector.kql.function import Function
from stream_detector.kql.problems import Span
from stream_detector.kql.typed import Apply, Constant, Typed
from stream_detector.kql.types import Type

_MOST_SHOWN = 3
"""Overloads that a sentence lists."""


def _same(value: object) -> object:
    return value


def _to_real(value: int) -> float:
    return float(value)


def _conversion(name: str, of: Type, to: Type) -> Function:
    if to is Type.REAL:
        return Function(name, (of,), to, _to_real, inline="float({0})")
    return Function(name, (of,), to, _same, inline="{0}")


_ANY_SCALAR = (Type.BOOL, Type.INT, Type.LONG, Type.REAL, Type.STRING)
"""What a dynamic can hold as it is; a datetime or timespan cannot be told from a number in it."""

_CONVERSIONS: dict[tuple[Type, Type], tuple[int, Function]] = {
    (Type.INT, Type.LONG): (1, _conversion("tolong", Type.INT, Type.LONG)),
    (Type.LONG, Type.REAL): (1, _conversion("toreal", Type.LONG, Type.REAL)),
    (Type.INT, Type.REAL): (2, _conversion("toreal", Type.INT, Type.REAL)),
    **{(kind, Type.DYNAMIC): (10, _conversion("dynamic", kind, Type.DYNAMIC)) for kind in _ANY_SCALAR},
}
"""By the types from and to: what it costs, so that the nearest overload wins, and what does it."""

_TAKES_ANY: dict[str, int] = {
    "pack_array": 0,
    "pack": 0,
    "bag_pack": 0,
    "set_has_element": 1,
    "array_index_of": 1,
}
"""From which argument on these functions take any scalar as a dynamic."""

CURES: Mapping[Type, str] = {
    Type.STRING: "tostring()",
    Type.BOOL: "tobool()",
    Type.INT: "tolong()",
    Type.LONG: "tolong()",
    Type.REAL: "toreal()",
    Type.DATETIME: "todatetime()",
    Type.TIMESPAN: "totimespan()",
    Type.DYNAMIC: "parse_json()",
}
"""What turns a value into one of a type."""


def widened(argument: Typed, to: Type) -> Typed:
    """`argument` as a value of `to`, which it is or converts to."""
    if argument.type is to:
        return argument
    _, conversion = _CONVERSIONS[argument.type, to]
    return applied(conversion, (argument,), argument.span)


def as_member(argument: Typed) -> Typed:
    """`argument` as a member of an array: a time becomes its text, as which Kusto shows it there too."""
    if argument.type not in (Type.DATETIME, Type.TIMESPAN):
        return argument
    tostring = choose(overloads("tostring"), [argument.type])
    assert tostring is not None
    # Not tostring itself: a null has to stay one, so that it is left out, and text has none.
    text = Function(
        "dynamic", (argument.type,), Type.DYNAMIC, tostring.implementation, may_be_null=tostring.may_be_null
    )
    return applied(text, (argument,), argument.span)


def common_type(types: Sequence[Type]) -> Type | None:
    """The one type of all, numbers widened; None when there is none."""
    distinct = set(types)
    if len(distinct) == 1:
        return types[0]
    if all(kind.is_number for kind in distinct):
        return Type.REAL if Type.REAL in distinct else Type.LONG
    return None


def takes(function: Function, count: int) -> bool:
    """Whether a call with so many arguments fits."""
    most = len(function.parameters)
    return count >= most - function.optional and (count <= most or function.repeats)


def parameter(function: Function, position: int) -> Type:
    """The type of an argument; the last parameter may be repeated."""
    return function.parameters[min(position, len(function.parameters) - 1)]


def choose(functions: Sequence[Function], types: Sequence[Type]) -> Function | None:
    """The overload that converts least; the first of equal ones."""
    best: tuple[int, Function] | None = None
    for function in functions:
        cost = _cost(function, types)
        if cost is not None and (best is None or cost < best[0]):
            best = cost, function
    return best[1] if best else None


def apply(
    functions: Sequence[Function],
    arguments: Sequence[Typed],
    span: Span,
    name_span: Span,
    context: Context,
) -> Apply | Constant | None:
    """The fitting overload applied, folded when constant. None after a problem was told.

    `functions` are the overloads of one name, at least one.
    """
    types = [argument.type for argument in arguments]
    function = choose(functions, types)
    if function is None:
        return context.refuse(name_span, _misfit(functions, arguments, context))
    fitted = tuple(
        widened(argument, parameter(function, position)) for position, argument in enumerate(arguments)
    )
    if not _are_constants_good(function, fitted, span, context):
        return None
    return applied(function, fitted, span)


def _cost(function: Function, types: Sequence[Type]) -> int | None:
    if not takes(function, len(types)):
        return None
    total = 0
    for position, kind in enumerate(types):
        cost = _cost_of(function, position, kind)
        if cost is None:
            return None
        total += cost
    return total


def _cost_of(function: Function, position: int, kind: Type) -> int | None:
    """What converting one argument costs, None when it cannot be."""
    wanted = parameter(function, position)
    if kind is wanted:
        return 0
    conversion = _CONVERSIONS.get((kind, wanted))
    if conversion is None:
        return None
    if wanted is Type.DYNAMIC and position < _TAKES_ANY.get(function.name, position + 1):
        return None
    return conversion[0]


def _are_constants_good(function: Function, arguments: Sequence[Typed], span: Span, context: Context) -> bool:
    before = len(context.problems)
    for position in function.constants:
        if position < len(arguments) and not isinstance(arguments[position], Constant):
            context.refuse(
                arguments[position].span,
                f"this argument of `{function.name}` must be a constant, the same for every record",
            )
    if len(context.problems) == before and function.check is not None:
        values = [argument.value if isinstance(argument, Constant) else None for argument in arguments]
        wrong = function.check(*values)
        if wrong is not None:
            first = next((each for each in function.constants if each < len(arguments)), None)
            context.refuse(span if first is None else arguments[first].span, wrong)
    return len(context.problems) == before


def _misfit(functions: Sequence[Function], arguments: Sequence[Typed], context: Context) -> str:
    """Why no overload takes the arguments, and what to write instead."""
    name = functions[0].name
    fitting = [function for function in functions if takes(function, len(arguments))]
    if not fitting:
        return f"`{name}` takes {_counts(functions)}, not {len(arguments)}"
    found = ", ".join(argument.type for argument in arguments)
    known = _signatures(fitting, arguments)
    listed = " or ".join(known[:_MOST_SHOWN]) + (" ..." if len(known) > _MOST_SHOWN else "")
    cure = _cure(fitting, arguments, context)
    return f"`{name}` takes {listed}, not ({found}){cure}"


def _counts(functions: Sequence[Function]) -> str:
    least = min(len(function.parameters) - function.optional for function in functions)
    most = max(len(function.parameters) for function in functions)
    if any(function.repeats for function in functions):
        return f"at least {_arguments(least)}"
    return _arguments(least) if least == most else f"{least} to {_arguments(most)}"


def _arguments(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count or 'no'} arguments"


def _signatures(fitting: Sequence[Function], arguments: Sequence[Typed]) -> list[str]:
    """What the overloads take, those first that have most in common with what was found."""
    common: dict[str, int] = {}
    for function in fitting:
        kinds = [parameter(function, position) for position in range(len(arguments))]
        same = sum(argument.type is kind for argument, kind in zip(arguments, kinds, strict=True))
        common.setdefault(f"({', '.join(kinds)})", same)
    return sorted(common, key=lambda signature: -common[signature])


def _cure(fitting: Sequence[Function], arguments: Sequence[Typed], context: Context) -> str:
    """What to convert, when an overload is off by one argument."""
    off: list[tuple[int, Type]] = []
    for function in fitting:
        wrong = [
            position
            for position, argument in enumerate(arguments)
            if _cost_of(function, position, argument.type) is None
        ]
        if len(wrong) == 1:
            off.append((wrong[0], parameter(function, wrong[0])))

    # A constant is the easiest to change, but for one that would have to become dynamic: that is the worst.
    def effort(each: tuple[int, Type]) -> int:
        if not isinstance(arguments[each[0]], Constant):
            return 1
        return 2 if each[1] is Type.DYNAMIC else 0

    for position, wanted in sorted(off, key=effort):
        cure = _rewritten(arguments[position], wanted, context)
        if cure:
            return f": {cure}"
    return ""


def _rewritten(argument: Typed, wanted: Type, context: Context) -> str:
    """What to write for an argument of another type, "" when nothing is sure to be meant."""
    source = context.source(argument.span)
    if isinstance(argument, Constant) and argument.type is not Type.DYNAMIC:
        return _rewritten_constant(argument, wanted, source)
    kinds = (argument.type, wanted)
    if Type.STRING in kinds or argument.type is Type.DYNAMIC or kinds == (Type.REAL, Type.LONG):
        return f"wrap {source} in {CURES[wanted]}"
    return ""


def _rewritten_constant(constant: Constant, wanted: Type, source: str) -> str:
    value = constant.value
    if constant.type.is_number:
        if wanted is Type.STRING:
            return f'write "{source}"'
        if wanted is Type.TIMESPAN:
            return f"write {source}s, {source}m, {source}h or {source}d"
        if wanted is Type.BOOL and value in (0, 1):
            return f"write {'true' if value else 'false'}"
    if isinstance(value, str):
        if wanted is Type.DATETIME and value[:4].isdigit():
            return f"write datetime({value})"
        if wanted.is_number and value.isdecimal() and value.isascii():
            return f"write {value}"
        if wanted is Type.BOOL and value.lower() in ("true", "false"):
            return f"write {value.lower()}"
        if wanted is Type.DYNAMIC:
            return f"wrap {source} in parse_json()"
    return ""
