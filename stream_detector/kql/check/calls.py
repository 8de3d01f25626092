"""Calls of functions: those that the language itself defines, and those of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from stream_detector.kql.catalogue import SCALAR, TAKES_ANY_AS_TEXT, overloads, refusal
from stream_detector.kql.check import fold as check_fold
from stream_detector.kql.check.aggregates import AGGREGATES, SEVERAL
from stream_detector.kql.check.overload import CURES, apply, common_type, widened
from stream_detector.kql.check.scope import Context, did_you_mean, shown
from stream_detector.kql.plan.reads import parts
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import Call
from stream_detector.kql.typed import Choice, Constant, Now, Typed
from stream_detector.kql.types import Type

_SPECIAL = ("not", "iff", "iif", "case", "now", "ago")

MOST_CONDITIONS = 200
"""Of one case or iff, together with those inside of it: each is a level of the compiled rule's code."""
_ARMS_AT_ONCE = 50
"""Longer cases become a case of so many arms, and one of the rest for all else: compiled code is taken
apart by levels, and Python compiles some 3,000 conditional expressions inside of one another."""


def check_call(call: Call, arguments: Sequence[Typed | None], context: Context) -> Typed | None:
    """The call, typed; None after a problem was told, here or in an argument."""
    if call.name not in _SPECIAL and (not call.name[:1].isidentifier() or not SCALAR.get(call.name)):
        return context.refuse(call.name_span, _unknown(call.name))
    known = [argument for argument in arguments if argument is not None]
    if len(known) < len(arguments):
        return None
    match call.name:
        case "not":
            return _not(call, known, context)
        case "iff" | "iif" | "case":
            return _choice(call, known, context)
        case "now" | "ago":
            return _now(call, known, context)
        case _:
            if call.name in TAKES_ANY_AS_TEXT:
                known = [_as_text(argument, context) for argument in known]
            return apply(SCALAR[call.name], known, call.span, call.name_span, context)


def is_function(name: str) -> bool:
    """Whether a scalar function has exactly this name."""
    return name in _SPECIAL or bool(SCALAR.get(name))


def _unknown(name: str) -> str:
    refused = refusal(name)
    if refused is not None:
        return f"`{name}` is not supported: {refused}"
    names = [*_SPECIAL, *(each for each in SCALAR if each.isidentifier()), *AGGREGATES, *SEVERAL]
    for each in names:
        if each.lower() == name.lower():
            return f"KQL tells functions apart by case: write {each}"
    return f"there is no function {shown(name)} here{did_you_mean(name, names)}"


def _as_text(argument: Typed, context: Context) -> Typed:
    """tostring() around what is no text; Kusto does so by itself in a few functions."""
    if argument.type is Type.STRING:
        return argument
    return apply(overloads("tostring"), [argument], argument.span, argument.span, context) or argument


def _not(call: Call, arguments: Sequence[Typed], context: Context) -> Typed | None:
    if len(arguments) != 1:
        return context.refuse(call.name_span, f"`not` takes 1 argument, not {len(arguments)}")
    if not _are_bool(call, arguments, context):
        return None
    return check_fold.negated(arguments[0], call.span)


def _choice(call: Call, arguments: Sequence[Typed], context: Context) -> Typed | None:
    count = len(arguments)
    if call.name != "case" and count != 3:
        return context.refuse(call.name_span, f"`{call.name}` takes 3 arguments, not {count}")
    if count < 3 or count % 2 == 0:
        text = f"`case` takes pairs of condition and value, and a value for all else, not {count} arguments"
        return context.refuse(call.name_span, text)
    conditions, values = arguments[0:-1:2], [*arguments[1:-1:2], arguments[-1]]
    if not _are_bool(call, conditions, context):
        return None
    kind = common_type([value.type for value in values])
    if kind is None:
        return context.refuse(call.name_span, _mixed(call, values, context))
    fitted = [widened(value, kind) for value in values]
    arms = tuple(zip(conditions, fitted[:-1], strict=True))
    within = sum(
        len(part.arms) for argument in arguments for part in parts(argument) if isinstance(part, Choice)
    )
    if len(arms) + within > MOST_CONDITIONS:
        return context.refuse(call.name_span, _too_many(call, len(arms), within))
    return _chosen(arms, fitted[-1], kind, call.span)


def _too_many(call: Call, own: int, within: int) -> str:
    inner = f", and those inside of it {within}" if within else ""
    most = f"{MOST_CONDITIONS} together are" if within else f"{MOST_CONDITIONS} are"
    cure = "take an inner one out" if within else "take it apart"
    return (
        f"`{call.name}` has {own} condition{'' if own == 1 else 's'}{inner}; {most} the most: {cure} with "
        "`extend`, or test for many values at once with in (...)"
    )


def _chosen(arms: tuple[tuple[Typed, Typed], ...], otherwise: Typed, kind: Type, span: Span) -> Typed:
    """The first value whose condition is true, in levels."""
    last = len(arms) - len(arms) % _ARMS_AT_ONCE or len(arms) - _ARMS_AT_ONCE
    for start in range(max(last, 0), -1, -_ARMS_AT_ONCE):
        otherwise = check_fold.choice(arms[start : start + _ARMS_AT_ONCE], otherwise, kind, span)
    return otherwise


def _mixed(call: Call, values: Sequence[Typed], context: Context) -> str:
    found = ", ".join(dict.fromkeys(value.type for value in values))
    dynamic = next((value for value in values if value.type is Type.DYNAMIC), None)
    odd = dynamic or next(value for value in values if value.type is not Type.STRING)
    others = {value.type for value in values} - {odd.type}
    wanted = others.pop() if len(others) == 1 and dynamic else Type.STRING
    cure = f"wrap {context.source(odd.span)} in {CURES[wanted]}"
    return f"all values of `{call.name}` must have one type, not {found}: {cure}"


def _are_bool(call: Call, conditions: Sequence[Typed], context: Context) -> bool:
    right = True
    for condition in conditions:
        if condition.type is not Type.BOOL:
            cure = "wrap it in tobool()" if condition.type is Type.DYNAMIC else "compare it with something"
            context.refuse(
                condition.span, f"a condition of `{call.name}` must be bool, this is {condition.type}: {cure}"
            )
            right = False
    return right


def _now(call: Call, arguments: Sequence[Typed], context: Context) -> Typed | None:
    least, most = (0, 1) if call.name == "now" else (1, 1)
    count = len(arguments)
    if not least <= count <= most:
        wanted = "1 argument" if least else "no argument or 1"
        return context.refuse(call.name_span, f"`{call.name}` takes {wanted}, not {count}")
    if not arguments:
        return Now(0, call.span)
    offset = arguments[0]
    if offset.type is not Type.TIMESPAN:
        source = context.source(offset.span)
        cure = f", such as {source}h" if isinstance(offset, Constant) and offset.type.is_number else ""
        return context.refuse(offset.span, f"`{call.name}` takes a timespan{cure}, not {offset.type}")
    if not isinstance(offset, Constant) or not isinstance(offset.value, int):
        text = f"the argument of `{call.name}` must be a constant timespan, the same for every record"
        return context.refuse(offset.span, text)
    return Now(-offset.value if call.name == "ago" else offset.value, call.span)
