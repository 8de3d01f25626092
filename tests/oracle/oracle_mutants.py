"""RULE 15 got wrong in one place each, where no slip of its text can say it: see `oracle_slips` for those.

A mutant is a function of records and instant that gives rows, made of the rule written by hand, or of the
records and rows around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_columns
from oracle_engine import CAPACITIES
from oracle_slips import TERMS, TYPES
from services.rule15_by_hand import Rule15ByHand

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql import dynamic
from stream_detector.kql.text import fold, has
from stream_detector.rules.model import Match, Rejection
from stream_detector.rules.scheduled import scheduled_rows

Rows = list[dict[str, Any]]
Mutant = Callable[[Sequence[ActivityRecord], int], Rows]


def _changed(**fields: Any) -> Mutant:
    """The rule written by hand with other tests."""
    return lambda records, at: scheduled_rows(replace(Rule15ByHand(), **fields), records, at)


def _derived(rule: Rule15ByHand) -> Mutant:
    return lambda records, at: scheduled_rows(rule, records, at)


def _on_records(change: Callable[[Sequence[ActivityRecord]], Iterable[ActivityRecord]]) -> Mutant:
    return lambda records, at: scheduled_rows(Rule15ByHand(), change(records), at)


def _on_rows(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Mutant:
    return lambda records, at: [change(row) for row in scheduled_rows(Rule15ByHand(), records, at)]


def _pattern(words: Iterable[str], before: str, after: str) -> Callable[[str], bool]:
    found = re.compile(f"{before}(?:{'|'.join(map(re.escape, words))}){after}", re.IGNORECASE)
    return lambda text: found.search(text) is not None


def _ascii_terms(words: Iterable[str]) -> Callable[[str], bool]:
    return _pattern(words, "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])")


class _NestedType(Rule15ByHand):
    """Takes the type of the first bag that has one, at any depth."""

    def extension_type(self, record: ActivityRecord) -> str:
        pending = [dynamic.parse_json(record.properties)]
        while pending:
            value = pending.pop()
            shown = dynamic.to_text(dynamic.member(value, "type"))
            if shown:
                return shown
            pending += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return "RunCommand" if has(record.operation, "RUNCOMMAND") else ""


class _MachineWithoutEmptyParts(Rule15ByHand):
    def machine(self, record: ActivityRecord) -> str:
        return dynamic.part([part for part in record.resource_id.split("/") if part], 7)


class _GroupsIgnoringCase(Rule15ByHand):
    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        verdict = super().evaluate(record)
        if isinstance(verdict, Match):
            return Match(tuple(fold(str(part)) for part in verdict.key), verdict.inputs)
        return verdict


def _distinct(records: Sequence[ActivityRecord]) -> Iterable[ActivityRecord]:
    return {(r.time, r.correlation_id, r.operation, r.resource_id, r.status): r for r in records}.values()


def _in_microseconds(records: Sequence[ActivityRecord]) -> Iterable[ActivityRecord]:
    return (with_columns(record, time=record.time - record.time % 10) for record in records)


MUTANTS: dict[str, Mutant] = {
    "times are cut to microseconds": _on_records(_in_microseconds),
    "status is folded beyond ASCII": _changed(is_success=lambda text: text.casefold() == "success"),
    "types take _ for a letter": _changed(names_type=_pattern(TYPES, r"\b", r"\b")),
    "types end at letters beyond ASCII": _changed(names_type=_ascii_terms(TYPES)),
    "callers take _ for a letter": _changed(is_excluded_caller=_pattern(TERMS, r"\b", r"\b")),
    "callers end at letters beyond ASCII": _changed(is_excluded_caller=_ascii_terms(TERMS)),
    "callers end at letters only": _changed(
        is_excluded_caller=_pattern(TERMS, r"(?<![^\W\d_])", r"(?![^\W\d_])")
    ),
    "the type is read at any depth": _derived(_NestedType()),
    "empty segments are left out": _derived(_MachineWithoutEmptyParts()),
    "groups ignore case": _derived(_GroupsIgnoringCase()),
    "copies of a record count once": _on_records(_distinct),
    "first and last are swapped": _on_rows(
        lambda row: {**row, "FirstSeen": row["LastSeen"], "LastSeen": row["FirstSeen"]}
    ),
    "sets ignore case": _on_rows(
        lambda row: {
            **row,
            **{name: list({fold(member): member for member in row[name]}.values()) for name in CAPACITIES},
        }
    ),
    "the account is what precedes the last @": _on_rows(
        lambda row: {**row, "AccountName": row["Caller"].rpartition("@")[0] or row["Caller"]}
    ),
    "one group is forgotten": lambda records, at: scheduled_rows(Rule15ByHand(), records, at)[1:],
    "one group is given twice": lambda records, at: [
        *scheduled_rows(Rule15ByHand(), records, at)[:1],
        *scheduled_rows(Rule15ByHand(), records, at),
    ],
}
