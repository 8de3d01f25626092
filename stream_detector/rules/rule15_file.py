"""From a rule file of `kind: rule15` to RULE 15: which keys there are and what each may hold.

Knows no files, only the `Section` that the loader has opened. docs/rules.md describes the keys.
"""

from __future__ import annotations

from stream_detector.kql.text import fold
from stream_detector.rules.fields import Section, did_you_mean
from stream_detector.rules.model import Minimum, RuleInfo, SetColumn
from stream_detector.rules.rule15 import (
    COUNT_COLUMN,
    SET_COLUMNS,
    Rule15,
    Rule15Settings,
    compile_rule15,
)

_GROUPINGS = ("ignore_case", "exact")
_SEVERITIES = ("High", "Medium", "Low", "Informational")

_LARGEST_SET = 1_048_576
"""The most members that Kusto's make_set holds (make-set-aggregation-function page)."""
_LARGEST_COUNT = 999_999_999

_ID = r"[a-z0-9][a-z0-9_-]{0,62}"
_OPERATION = r"[^\s/]+(/[^\s/]+)+"
_TECHNIQUE = r"T\d{4}(\.\d{3})?"
_URL = r"https?://\S+"


def read_rule15(section: Section) -> Rule15 | None:
    """The rule that the file describes; None when `section.problems` has grown."""
    before = len(section.problems)
    info = _read_info(section)
    window = section.duration("window")
    grouping = section.text("grouping", choices=_GROUPINGS)
    operations, without_type, status, types = _read_match(section.section("match"))
    term, default_type = _read_run_command(section.section("run_command"))
    caller_terms, prefixes = _read_exclude(section.section("exclude"))
    sets = _read_sets(section.section("sets"))
    thresholds = _read_thresholds(section.section("thresholds"), sets)
    section.close()
    if len(section.problems) > before:
        return None
    return compile_rule15(
        Rule15Settings(
            info=info,
            window=window,
            ignore_case=grouping == "ignore_case",
            operations=operations,
            operations_without_type=without_type,
            status=status,
            types=types,
            run_command_term=term,
            run_command_type=default_type,
            caller_terms=caller_terms,
            address_prefixes=prefixes,
            sets=sets,
            thresholds=thresholds,
        )
    )


def _read_info(section: Section) -> RuleInfo:
    return RuleInfo(
        id=section.text("id", pattern=_ID, expected="lower-case letters, digits, _ and -"),
        name=section.text("name"),
        version=section.text("version", expected='a text such as "1.0.0"'),
        severity=section.text("severity", choices=_SEVERITIES),
        tactics=section.texts("tactics"),
        techniques=section.texts("techniques", pattern=_TECHNIQUE, expected="a technique such as T1059.009"),
        runbook_url=section.text("runbook_url", pattern=_URL, expected="a URL that starts with https://"),
    )


def _read_match(section: Section | None) -> tuple[tuple[str, ...], tuple[str, ...], str, tuple[str, ...]]:
    if section is None:
        return (), (), "", ()
    name = "an operation name such as Microsoft.Compute/virtualMachines/write"
    operations = section.texts("operations", pattern=_OPERATION, expected=name)
    without_type = section.texts("operations_without_type", may_be_none=True, expected=name)
    known = {fold(operation) for operation in operations}
    for operation in without_type:
        if operations and fold(operation) not in known:
            section.report(
                "operations_without_type",
                f"{operation!r} is not in operations{did_you_mean(operation, operations)}",
            )
    status = section.text("status")
    types = section.texts("types")
    section.close()
    return operations, without_type, status, types


def _read_run_command(section: Section | None) -> tuple[str, str]:
    if section is None:
        return "", ""
    term, default_type = section.text("term"), section.text("type")
    section.close()
    return term, default_type


def _read_exclude(section: Section | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if section is None:
        return (), ()
    terms = section.texts("caller_terms", may_be_none=True)
    prefixes = section.texts("address_prefixes", may_be_none=True)
    section.close()
    return terms, prefixes


def _read_sets(section: Section | None) -> tuple[SetColumn, ...]:
    if section is None:
        return ()
    sets = tuple(
        SetColumn(name, section.whole_number(name, at_least=1, at_most=_LARGEST_SET)) for name in SET_COLUMNS
    )
    section.close()
    return sets


def _read_thresholds(section: Section | None, sets: tuple[SetColumn, ...]) -> tuple[Minimum, ...]:
    if section is None:
        return ()
    capacities = {column.name: column.capacity for column in sets}
    columns = (COUNT_COLUMN, *SET_COLUMNS)
    minimums = []
    for name in section.names():
        if name not in columns:
            section.report(name, f"is no count or set of the row{did_you_mean(name, columns)}")
            continue
        least = section.whole_number(name, at_least=1, at_most=_LARGEST_COUNT)
        capacity = capacities.get(name, least)
        if least > capacity:
            section.report(
                name, f"is {least}, which sets.{name} can never reach: it holds at most {capacity}"
            )
        minimums.append(Minimum(name, least))
    return tuple(minimums)
