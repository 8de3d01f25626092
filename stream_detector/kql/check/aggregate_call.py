"""One call of an aggregate: its arguments checked, and the columns that it gives."""

from __future__ import annotations

from msgspec import Struct

from stream_detector.kql.check.aggregates import (
    AGGREGATES,
    LARGEST_SET,
    REFUSED_AGGREGATES,
    SEVERAL,
    AggregateForm,
    result_type,
)
from stream_detector.kql.check.expression import check_expression
from stream_detector.kql.check.names import automatic_name
from stream_detector.kql.check.overload import as_member, widened
from stream_detector.kql.check.scope import TIME, Context
from stream_detector.kql.problems import Span
from stream_detector.kql.tree import Call, Expression, Name, Star
from stream_detector.kql.typed import Column, Constant, Typed
from stream_detector.kql.types import Type


class Part(Struct, frozen=True, gc=False):
    """A column of an aggregate, before it has its name."""

    base: str
    """The name it gets when none is written, but for a number behind a taken one."""
    function: str
    arguments: tuple[Typed, ...]
    capacity: int | None
    type: Type
    span: Span
    is_wrong: bool = False
    """A problem was told: the column is known by name only."""


def check_aggregate(call: Call, context: Context, keys: frozenset[str]) -> list[Part]:
    """The columns of a call; at least one. `keys` are the columns that are keys as they are."""
    if call.name in REFUSED_AGGREGATES:
        context.refuse(call.name_span, f"`{call.name}` is not supported: {REFUSED_AGGREGATES[call.name]}")
        return [_wrong(call, f"{call.name}_{_name_of_first(call)}")]
    if call.name in SEVERAL:
        return _several(call, context, keys)
    form = AGGREGATES[call.name]
    base = f"{form.prefix}_{_name_of_first(call)}"
    return [_single(call, form, base, context) or _wrong(call, base)]


def _wrong(call: Call, base: str) -> Part:
    return Part(base, call.name, (), None, Type.DYNAMIC, call.span, is_wrong=True)


def _name_of_first(call: Call) -> str:
    return automatic_name(call.arguments[0]) if call.arguments else ""


def _single(call: Call, form: AggregateForm, base: str, context: Context) -> Part | None:
    least = form.values + form.has_predicate
    most = least + bool(form.option)
    count = len(call.arguments)
    if not least <= count <= most:
        return context.refuse(call.name_span, _arity(call.name, form, least, count))
    typed: list[Typed] = []
    for argument in call.arguments:
        each = check_expression(argument, context)
        if each is not None:
            typed.append(each)
    if len(typed) < count:
        return None
    if form.values and not _is_value(call.name, typed[0], form, context):
        return None
    if form.has_predicate and not _is_predicate(call.name, typed[form.values], context):
        return None
    if count == most and form.option and not _is_option(call.name, form.option, typed[-1], context):
        return None
    capacity = None
    if form.option == "size" and count == most:
        size = typed[-1]
        assert isinstance(size, Constant)
        assert isinstance(size.value, int)
        capacity = size.value
    kind = result_type(form, typed[0].type) if typed else Type.LONG
    arguments = tuple(typed[:least])
    if form.function in ("sum", "sumif"):
        arguments = (widened(arguments[0], kind), *arguments[1:])
    if form.gives is Type.DYNAMIC:
        arguments = (as_member(arguments[0]), *arguments[1:])
    return Part(base, form.function, arguments, capacity, kind, call.span)


def _arity(name: str, form: AggregateForm, least: int, count: int) -> str:
    if name == "count" and count:
        return "`count` takes no argument: write countif() for a condition, dcount() for distinct values"
    parts = ["a value"] * form.values + ["a condition"] * form.has_predicate
    optional = f", and perhaps a {form.option}".replace("a acc", "an acc") if form.option else ""
    return f"`{name}` takes {' and '.join(parts)}{optional}, not {count or 'no'} argument{'s' * (count != 1)}"


def _is_value(name: str, value: Typed, form: AggregateForm, context: Context) -> bool:
    if value.type in form.accepts:
        return True
    source = context.source(value.span)
    if form.function in ("sum", "sumif"):
        cure = (
            f"wrap it in tolong({source})" if value.type in (Type.STRING, Type.DYNAMIC) else "write countif()"
        )
        context.refuse(value.span, f"`{name}` adds numbers or timespans, {source} is {value.type}: {cure}")
    else:
        _refuse_dynamic(name, value, context)
    return False


def _refuse_dynamic(name: str, value: Typed, context: Context) -> None:
    source = context.source(value.span)
    context.refuse(
        value.span, f"`{name}` does not take dynamic values, {source} is one: wrap it in tostring({source})"
    )


def _is_predicate(name: str, predicate: Typed, context: Context) -> bool:
    if predicate.type is Type.BOOL:
        return True
    cure = "wrap it in tobool()" if predicate.type is Type.DYNAMIC else "compare it with something"
    context.refuse(
        predicate.span, f"the condition of `{name}` must be bool, this is {predicate.type}: {cure}"
    )
    return False


def _is_option(name: str, option: str, value: Typed, context: Context) -> bool:
    """Whether a size or accuracy is one. The accuracy is without effect: dcount is exact."""
    least, most = (1, LARGEST_SET) if option == "size" else (0, 4)
    is_whole = isinstance(value, Constant) and value.type in (Type.INT, Type.LONG)
    if (
        is_whole
        and isinstance(value, Constant)
        and isinstance(value.value, int)
        and least <= value.value <= most
    ):
        return True
    context.refuse(
        value.span, f"the {option} of `{name}` must be a constant whole number from {least} to {most:,}"
    )
    return False


def _several(call: Call, context: Context, keys: frozenset[str]) -> list[Part]:
    """take_any, arg_max, arg_min: a column for each value."""
    function = SEVERAL[call.name]
    is_any = function == "take_any"
    if not call.arguments:
        what = "a value" if is_any else "a value to compare, and what to show"
        context.refuse(call.name_span, f"`{call.name}` takes {what}")
        return [_wrong(call, f"{call.name}_")]
    before = len(context.problems)
    shown = _shown(call, context, keys, first=0 if is_any else 1)
    if is_any:
        compared: Typed | None = Column(Type.DATETIME, TIME, None, call.span)
        if len(shown) > 1:
            # Values of several expressions come from one record: the newest is as good as any.
            function = "arg_max"
    else:
        compared = _value(call, call.arguments[0], context)
    parts = []
    if not is_any:
        base = automatic_name(call.arguments[0]) or f"{function.removeprefix('arg_')}_"
        parts.append(_part(call, base, function, compared, compared))
    for base, value in shown:
        parts.append(_part(call, base, function, compared, value))
    if not parts:
        if len(context.problems) == before:
            context.refuse(call.span, f"`{call.name}(*)` has no column to show: every one is a key")
        parts.append(_wrong(call, f"{call.name}_"))
    return parts


def _part(call: Call, base: str, function: str, compared: Typed | None, value: Typed | None) -> Part:
    if compared is None or value is None:
        return _wrong(call, base)
    arguments = (value,) if function == "take_any" else (compared, value)
    return Part(base, function, arguments, None, value.type, call.span)


def _shown(call: Call, context: Context, keys: frozenset[str], first: int) -> list[tuple[str, Typed | None]]:
    """Names and values of the columns that are shown, `*` being all that are no keys."""
    found: list[tuple[str, Typed | None]] = []
    for position, argument in enumerate(call.arguments[first:], first):
        if isinstance(argument, Star):
            if len(call.arguments) > first + 1:
                context.refuse(argument.span, "write either `*` or the columns, not both")
            else:
                found += _all_columns(call, argument, context, keys)
            continue
        name = _shown_name(call, argument, position)
        found.append((name, _value(call, argument, context)))
    return found


def _shown_name(call: Call, argument: Expression, position: int) -> str:
    name = automatic_name(argument)
    if call.name == "any" and (name or len(call.arguments) == 1):
        return f"any_{name}"
    if name:
        return name
    if SEVERAL[call.name] == "take_any":
        return f"any_arg{position}"
    return f"{call.name.removeprefix('arg_')}_{_name_of_first(call)}_arg{position}"


def _value(call: Call, argument: Expression, context: Context) -> Typed | None:
    typed = check_expression(argument, context)
    if typed is not None and typed.type is Type.DYNAMIC:
        _refuse_dynamic(call.name, typed, context)
        return None
    return typed


def _all_columns(
    call: Call, star: Star, context: Context, keys: frozenset[str]
) -> list[tuple[str, Typed | None]]:
    left_out = set(keys)
    if SEVERAL[call.name] != "take_any" and isinstance(call.arguments[0], Name):
        left_out.add(call.arguments[0].name)
    found: list[tuple[str, Typed | None]] = []
    for name, column in context.scope.columns.items():
        if name in left_out:
            continue
        if column is not None and column.type is Type.DYNAMIC:
            if not _is_properties(name, column, context):
                context.refuse(
                    star.span,
                    f"`*` would hand on {name}, which is dynamic: wrap it in tostring(), or put"
                    f" `| project-away {name}` before summarize",
                )
            continue
        prefix = "any_" if call.name == "any" else ""
        found.append((prefix + name, context.resolve(Name(name, star.span)) if column else None))
    return found


def _is_properties(name: str, column: Column, context: Context) -> bool:
    """Whether it is the table's own Properties_d beside its Properties, which says the same as text."""
    beside = context.scope.columns.get("Properties")
    return (
        name == column.name == "Properties_d"
        and column.slot is None
        and beside is not None
        and beside.slot is None
        and beside.name == "Properties"
    )
