"""What is allowed in a rule and yet hardly meant: told by `rules lint`, and never a reason to refuse.

Reads the checked query. A warning must be right whenever it is given; what cannot be told is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from stream_detector.errors import Problem
from stream_detector.kql.parse.tokens import STRING, tokenize
from stream_detector.kql.parse.words import LISTS
from stream_detector.kql.problems import Span, line_and_column
from stream_detector.kql.typed import (
    Apply,
    CheckedQuery,
    Choice,
    Column,
    Condition,
    Constant,
    Definition,
    Logic,
    Not,
    Typed,
)
from stream_detector.rules.fields import did_you_mean
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.load import RuleFiles
from stream_detector.rules.metadata import NEEDED_BY_CORRELATION, TACTICS

_BY_CASE = ("==", "in", "contains_cs", "has_cs", "startswith_cs", "endswith_cs")
"""Operators that tell case apart; their opposites are the same with `!`, and != for ==."""
_OPPOSITES = {"!=": "==", **{f"!{name}": name for name in _BY_CASE if name != "=="}}
_FOUND_IN_ALL = (
    "has",
    "has_cs",
    "contains",
    "contains_cs",
    "startswith",
    "startswith_cs",
    "endswith",
    "endswith_cs",
)
_LISTS_OF_TERMS = ("has_any", "has_all")
_CASINGS: Mapping[str, tuple[Callable[[str], str], str]] = {
    "tolower": (str.lower, "lower"),
    "toupper": (str.upper, "upper"),
}


_OTHER_TACTICS = ("ImpairProcessControl", "InhibitResponseFunction", "PreAttack")
"""That Sentinel has beside those of ATT&CK for enterprises."""
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_BEFORE_ARRAY = ("(", "[", ",", ":")


class _Doubt(Struct, frozen=True, gc=False):
    span: Span
    text: str


def warnings_of(files: RuleFiles) -> list[Problem]:
    """The warnings about a rule without problems. Texts begin with `warning: `."""
    if files.rule is None:
        return []
    source = str(files.query)
    found = [Problem(source, None, "", f"warning: {text}") for text in _about_the_rule(files, files.rule)]
    found += _about_tactics(files)
    checked = files.rule.plan.checked
    for doubt in (
        *_about_joined_texts(files.text),
        *_about_keys(checked, files.rule),
        *_about_capacities(checked),
        *_about_texts(checked),
    ):
        line, column = line_and_column(files.text, doubt.span.start)
        found.append(Problem(source, line, "", f"warning: {doubt.text}", column))
    return found


def _about_the_rule(files: RuleFiles, rule: KqlRule) -> Iterator[str]:
    # A rule that names a file of cases has it, or a problem with it.
    if files.section is not None and not files.section.has("cases"):
        yield f"has no cases; write some into {files.query.stem}.cases.yaml and `cases:` into the .yaml"
    if rule.operations.tests:
        cost = (
            "every record is decoded for it"
            if files.metadata.every_record
            else "the operation of every record is tested for it; `in~ (...)` with whole names is faster"
        )
        yield f"names its operations by a part, or none: {cost}"


def _about_tactics(files: RuleFiles) -> Iterator[Problem]:
    known = (*TACTICS, *(tactic.title().replace(" ", "") for tactic in TACTICS), *_OTHER_TACTICS)
    for tactic in files.metadata.info.tactics:
        if files.section is not None and tactic not in known:
            hint = did_you_mean(tactic, TACTICS)
            text = f"warning: {tactic[:40]!r} is no tactic of MITRE ATT&CK{hint}"
            yield Problem(files.section.source, files.section.line("tactics"), "tactics", text)


def _about_joined_texts(text: str) -> Iterator[_Doubt]:
    """Two texts in a list with no comma between them: they are one text to KQL, and hardly meant so."""
    tokens, _ = tokenize(text)
    lists: list[bool] = []
    before = tokens[0]
    for at, token in enumerate(tokens):
        if token.kind in _OPENING:
            # Brackets of a list behind `in` and its kin, and of an array in dynamic([...]).
            is_array = token.kind == "[" and before.kind in _BEFORE_ARRAY
            lists.append(is_array or (token.kind == "(" and before.text in LISTS))
        elif token.kind in _CLOSING and lists:
            lists.pop()
        elif token.kind is before.kind is STRING and lists and lists[-1]:
            is_first = tokens[max(at - 2, 0)].kind is not STRING
            if is_first:
                yield _Doubt(
                    before.span,
                    "these texts are one, since no comma stands between them; write a comma, or one text",
                )
        before = token


def _about_keys(checked: CheckedQuery, rule: KqlRule) -> Iterator[_Doubt]:
    lacking = [name for name in NEEDED_BY_CORRELATION if name not in rule.key_columns]
    if lacking:
        yield _Doubt(
            checked.summarize_span,
            f"does not group by {' and '.join(lacking)}: where groups are spread over processes by these "
            "(topology `keyed`), each process that sees a part of a group opens an alert of its own",
        )


def _about_capacities(checked: CheckedQuery) -> Iterator[_Doubt]:
    """`array_length(set) > n` of a set that never holds more than n."""
    capacities = {each.slot: each.capacity for each in checked.aggregates if each.capacity is not None}
    definitions = _definitions(checked)
    for step in checked.after:
        for test in _parts(step.test if isinstance(step, Condition) else step.value):
            if (
                not isinstance(test, Apply)
                or test.function.name not in (">", ">=", "==")
                or len(test.arguments) != 2
            ):
                continue
            size, least = (_resolved(part, definitions) for part in test.arguments)
            if not isinstance(least, Constant) or not isinstance(least.value, int):
                continue
            if not isinstance(size, Apply) or size.function.name != "array_length":
                continue
            array = _resolved(size.arguments[0], definitions)
            capacity = (
                capacities.get(array.slot) if isinstance(array, Column) and array.slot is not None else None
            )
            if capacity is not None and capacity < least.value + (test.function.name == ">"):
                yield _Doubt(
                    test.span, f"can never be true: {array_name(array)} holds at most {capacity} members"
                )


def array_name(column: Typed) -> str:
    """Name of a column for a message."""
    return column.name if isinstance(column, Column) else "the array"


def _about_texts(checked: CheckedQuery) -> Iterator[_Doubt]:
    definitions = _definitions(checked)
    for step in (*checked.steps, *checked.after):
        for test in _parts(step.test if isinstance(step, Condition) else step.value):
            if isinstance(test, Apply) and test.arguments:
                yield from _about_casing(test, definitions)
                yield from _about_blanks(test)


def _about_casing(test: Apply, definitions: Mapping[int, Definition]) -> Iterator[_Doubt]:
    """`tolower(x) == "ABC"`: never true."""
    name = _OPPOSITES.get(test.function.name, test.function.name)
    if name not in _BY_CASE:
        return
    outcome = "can never be true" if name == test.function.name else "is always true"
    sides = [(test.arguments[0], test.arguments[1:])]
    if name == "==":
        sides.append((test.arguments[1], test.arguments[:1]))
    for left, needles in sides:
        cased = _resolved(left, definitions)
        casing = _CASINGS.get(cased.function.name) if isinstance(cased, Apply) else None
        if casing is None or not isinstance(cased, Apply):
            continue
        change, word = casing
        for needle in needles:
            if (
                isinstance(needle, Constant)
                and isinstance(needle.value, str)
                and change(needle.value) != needle.value
            ):
                which = "" if len(needles) == 1 else f" for {needle.value[:40]!r}"
                yield _Doubt(
                    test.span, f"{outcome}{which}: {cased.function.name} leaves {word}-case letters only"
                )


def _about_blanks(test: Apply) -> Iterator[_Doubt]:
    name = test.function.name.removeprefix("!")
    if name not in (*_FOUND_IN_ALL, *_LISTS_OF_TERMS):
        return
    for needle in test.arguments[1:]:
        if not isinstance(needle, Constant) or not isinstance(needle.value, str) or needle.value.strip():
            continue
        if needle.value == "":
            yield _Doubt(needle.span, f'every text passes `{name} ""`; take it out')
        elif name.startswith("has"):
            yield _Doubt(needle.span, f"`{name}` looks for words, and this is only blanks; take it out")


def _definitions(checked: CheckedQuery) -> dict[int, Definition]:
    return {step.slot: step for step in (*checked.steps, *checked.after) if isinstance(step, Definition)}


def _resolved(typed: Typed, definitions: Mapping[int, Definition]) -> Typed:
    """What a computed column stands for; anything else is itself."""
    while isinstance(typed, Column) and typed.slot is not None and typed.slot in definitions:
        typed = definitions[typed.slot].value
    return typed


def _parts(typed: Typed) -> Iterator[Typed]:
    """An expression and everything in it."""
    waiting = [typed]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Apply):
            waiting += part.arguments
        elif isinstance(part, Logic):
            waiting += part.operands
        elif isinstance(part, Not):
            waiting.append(part.operand)
        elif isinstance(part, Choice):
            waiting += [inner for arm in part.arms for inner in arm]
            waiting.append(part.otherwise)
