"""The sliding window of a rule: `TimeGenerated > ago(2h)`, and the refusal of now() anywhere else.

TimeGenerated >  ago(X)    t > now - X        window X
TimeGenerated >= ago(X)    t > now - X - 1    window X + 1 tick
"""

from __future__ import annotations

from collections.abc import Iterable

from stream_detector.kql.plan.reads import Definitions, parts, relative_times, resolve
from stream_detector.kql.problems import KqlProblem, Span
from stream_detector.kql.typed import Apply, CheckedQuery, Column, Condition, Definition, Now, Step, Typed

TIME = "TimeGenerated"

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

_NO_WINDOW = (
    "the rule has no window: write a condition like TimeGenerated > ago(1h) before summarize, "
    "outside of or and not()"
)
_UPPER = (
    "a record counts as soon as it arrives, also one stamped ahead of the clock, so TimeGenerated cannot "
    "have an upper bound that moves with now(); write only the lower one, TimeGenerated > ago(...)"
)
_ELSEWHERE = (
    "now() and ago() can stand only in TimeGenerated > ago(...), as a condition of its own before summarize; "
    "compare with TimeGenerated of the record instead"
)
_AFTER = (
    "after summarize now() and ago() are not supported: the stream cannot know when the condition would come "
    "true; compare times of the records, such as max(TimeGenerated) - min(TimeGenerated) > 10m"
)
LONGEST_DAYS = 366
"""Days of the longest window; a scheduled rule of Sentinel looks back 14 at most."""

_LONGEST = LONGEST_DAYS * 24 * 3600 * 10_000_000
_TOO_LONG = (
    f"the window is longer than {LONGEST_DAYS} days, and records have to be kept for as long: write a shorter"
    " ago(...), of 14 days at most if the rule shall run in Sentinel too"
)
_EMPTY = "the window is empty: write ago(...) with a time span above zero"


def window_of(test: Typed, definitions: Definitions) -> int | None:
    """Length in ticks when `test` is a lower bound of TimeGenerated relative to now; may be below 1."""
    found = _bound(test, definitions)
    if found is None:
        return None
    operator, now = found
    if operator == ">":
        return -now.offset
    return 1 - now.offset if operator == ">=" else None


def windows(
    steps: Iterable[Step], definitions: Definitions
) -> tuple[tuple[tuple[Condition, int], ...], tuple[KqlProblem, ...]]:
    """The window conditions with their lengths, and what is wrong with other uses of now()."""
    found: list[tuple[Condition, int]] = []
    problems: list[KqlProblem] = []
    for step in steps:
        if isinstance(step, Definition):
            problems += _refused(step.value, _ELSEWHERE)
            continue
        length = window_of(step.test, definitions)
        if length is None:
            problems += _refused(step.test, _UPPER if _bounds_above(step.test, definitions) else _ELSEWHERE)
        elif length < 1:
            problems.append(KqlProblem(step.span, _EMPTY))
        elif length > _LONGEST + 1:
            # One tick more is what `>=` adds.
            problems.append(KqlProblem(step.span, _TOO_LONG))
        else:
            found.append((step, length))
    return tuple(found), tuple(problems)


def problems_elsewhere(checked: CheckedQuery) -> tuple[KqlProblem, ...]:
    """Uses of now() in summarize and after it."""
    problems: list[KqlProblem] = []
    for key in checked.keys:
        problems += _refused(key.value, _ELSEWHERE)
    for aggregate in checked.aggregates:
        for argument in aggregate.arguments:
            problems += _refused(argument, _ELSEWHERE)
    for step in checked.after:
        problems += _refused(step.test if isinstance(step, Condition) else step.value, _AFTER)
    return tuple(dict.fromkeys(problems))


def no_window(span: Span) -> KqlProblem:
    """The problem of a rule without a window."""
    return KqlProblem(span, _NO_WINDOW)


def is_time(expression: Typed, definitions: Definitions) -> bool:
    """Whether it is the record's TimeGenerated, under whatever name."""
    found = resolve(expression, definitions)
    return isinstance(found, Column) and found.slot is None and found.name == TIME


def _bound(test: Typed, definitions: Definitions) -> tuple[str, Now] | None:
    """The comparison of TimeGenerated (on the left) with a time relative to now."""
    if not isinstance(test, Apply) or test.function.name not in _FLIPPED or len(test.arguments) != 2:
        return None
    left, right = test.arguments
    if isinstance(right, Now) and is_time(left, definitions):
        return test.function.name, right
    if isinstance(left, Now) and is_time(right, definitions):
        return _FLIPPED[test.function.name], left
    return None


def _bounds_above(test: Typed, definitions: Definitions) -> bool:
    for part in parts(test):
        found = _bound(part, definitions)
        if found is not None and found[0] in ("<", "<="):
            return True
        if (
            isinstance(part, Apply)
            and part.function.name == "between"
            and is_time(part.arguments[0], definitions)
        ):
            return True
    return False


def _refused(expression: Typed, text: str) -> list[KqlProblem]:
    return [KqlProblem(span, text) for span in relative_times(expression)]
