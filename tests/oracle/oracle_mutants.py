"""RULE 15 got wrong in one place each: what the comparison with the engine must notice.

A mutant is a function from (rule, records, instant) to rows, like `scheduled_rows`. Most exchange one
compiled test of the rule; some derive from it; the rest change records or rows around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from stream_detector.activity.record import ActivityRecord
from stream_detector.kql import dynamic
from stream_detector.kql.text import fold, has
from stream_detector.rules.model import Match, Rejection, SetColumn
from stream_detector.rules.rule15 import Rule15
from stream_detector.rules.scheduled import scheduled_rows

Rows = list[dict[str, Any]]
Mutant = Callable[[Rule15, Sequence[ActivityRecord], int], Rows]


def _changed(**changes: Callable[[Rule15], Any]) -> Mutant:
    """The rule with some of its fields replaced."""

    def rows(rule: Rule15, records: Sequence[ActivityRecord], at: int) -> Rows:
        mutated = replace(rule, **{name: change(rule) for name, change in changes.items()})
        return scheduled_rows(mutated, records, at)

    return rows


def _derived(kind: type[Rule15]) -> Mutant:
    """The rule as an instance of a subclass."""

    def rows(rule: Rule15, records: Sequence[ActivityRecord], at: int) -> Rows:
        values = {name: getattr(rule, name) for name in rule.__struct_fields__}
        return scheduled_rows(kind(**values), records, at)

    return rows


def _on_records(change: Callable[[Sequence[ActivityRecord], int], Iterable[ActivityRecord]]) -> Mutant:
    return lambda rule, records, at: scheduled_rows(rule, change(records, at), at)


def _on_rows(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Mutant:
    return lambda rule, records, at: [change(row) for row in scheduled_rows(rule, records, at)]


def _pattern(words: Iterable[str], before: str, after: str, flags: int = 0) -> Callable[[str], bool]:
    found = re.compile(f"{before}(?:{'|'.join(map(re.escape, words))}){after}", re.IGNORECASE | flags)
    return lambda text: found.search(text) is not None


def _ascii_terms(words: Iterable[str]) -> Callable[[str], bool]:
    return _pattern(words, "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])")


def _never(_: Rule15) -> Callable[[str], bool]:
    return lambda _: False


def _always(_: Rule15) -> Callable[[str], bool]:
    return lambda _: True


class _NestedType(Rule15, frozen=True, gc=False):
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


class _TypeInAnyCase(Rule15, frozen=True, gc=False):
    def extension_type(self, record: ActivityRecord) -> str:
        value = dynamic.parse_json(record.properties)
        bag = {fold(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}
        return dynamic.to_text(bag.get("type")) or super().extension_type(record)


class _TypeOfStringsOnly(Rule15, frozen=True, gc=False):
    def extension_type(self, record: ActivityRecord) -> str:
        value = dynamic.parse_top_level(record.properties, "type")
        default = "RunCommand" if has(record.operation, "RUNCOMMAND") else ""
        return value or default if isinstance(value, str) else default


class _NoDefaultType(Rule15, frozen=True, gc=False):
    def extension_type(self, record: ActivityRecord) -> str:
        return dynamic.to_text(dynamic.parse_top_level(record.properties, "type"))


class _DefaultTypeAlways(Rule15, frozen=True, gc=False):
    def extension_type(self, record: ActivityRecord) -> str:
        return super().extension_type(record) or "RunCommand"


class _MachineBefore(Rule15, frozen=True, gc=False):
    def machine(self, record: ActivityRecord) -> str:
        return dynamic.part(record.resource_id.split("/"), 7)


class _MachineAfter(Rule15, frozen=True, gc=False):
    def machine(self, record: ActivityRecord) -> str:
        return dynamic.part(record.resource_id.split("/"), 9)


class _MachineWithoutEmptyParts(Rule15, frozen=True, gc=False):
    def machine(self, record: ActivityRecord) -> str:
        return dynamic.part([part for part in record.resource_id.split("/") if part], 7)


class _MachineByName(Rule15, frozen=True, gc=False):
    """Looks for the segment after virtualMachines rather than counting."""

    def machine(self, record: ActivityRecord) -> str:
        found = re.search("/virtualMachines/([^/]*)", record.resource_id)
        return found.group(1) if found else ""


class _GroupsIgnoringCase(Rule15, frozen=True, gc=False):
    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        verdict = super().evaluate(record)
        if isinstance(verdict, Match):
            return replace(verdict, key=tuple(map(fold, verdict.key)))
        return verdict


class _DropsUnknownCallers(Rule15, frozen=True, gc=False):
    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        return super().evaluate(record) if record.caller else Rejection("caller")


class _TrimsAddresses(Rule15, frozen=True, gc=False):
    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        trimmed = replace(record, caller_ip=record.caller_ip.strip())
        return super().evaluate(trimmed)


def _distinct(records: Sequence[ActivityRecord], _: int) -> Iterable[ActivityRecord]:
    return {(r.time, r.correlation_id, r.operation, r.resource_id, r.status): r for r in records}.values()


def _not_after(records: Sequence[ActivityRecord], at: int) -> Iterable[ActivityRecord]:
    return (record for record in records if record.time <= at)


def _in_microseconds(records: Sequence[ActivityRecord], _: int) -> Iterable[ActivityRecord]:
    return (replace(record, time=record.time - record.time % 10) for record in records)


def _sets_of(rule: Rule15, change: Callable[[int], int]) -> tuple[SetColumn, ...]:
    return tuple(SetColumn(column.name, change(column.capacity)) for column in rule.sets)


_SETS = ("AffectedVMs", "ExtensionTypes", "AffectedResources", "SourceIPs")

MUTANTS: dict[str, Mutant] = {
    "the window includes its edge": _changed(window=lambda rule: rule.window + 1),
    "the window is a tick short": _changed(window=lambda rule: rule.window - 1),
    "future rows do not count": _on_records(_not_after),
    "times are cut to microseconds": _on_records(_in_microseconds),
    "operations are compared by case": _changed(
        is_operation=lambda rule: lambda text: text in rule.settings.operations
    ),
    "operations are compared by beginning": _changed(
        is_operation=lambda rule: lambda text: fold(text).startswith(tuple(rule.operations))
    ),
    "operations are trimmed": _changed(
        is_operation=lambda rule: lambda text: fold(text.strip()) in rule.operations
    ),
    "run command needs a type": _changed(passes_without_type=_never),
    "no operation needs a type": _changed(passes_without_type=_always),
    "Succeeded is a success": _changed(
        is_wanted_status=lambda _: lambda text: fold(text) in ("success", "succeeded")
    ),
    "status is compared by case": _changed(is_wanted_status=lambda _: lambda text: text == "Success"),
    "status is folded beyond ASCII": _changed(
        is_wanted_status=lambda _: lambda text: text.casefold() == "success"
    ),
    "status is trimmed": _changed(is_wanted_status=lambda _: lambda text: fold(text.strip()) == "success"),
    "types are found inside words": _changed(names_type=lambda rule: _pattern(rule.settings.types, "", "")),
    "types are compared by case": _changed(
        names_type=lambda rule: (
            lambda text: any(
                re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) for name in rule.settings.types
            )
        )
    ),
    "types take _ for a letter": _changed(
        names_type=lambda rule: _pattern(rule.settings.types, r"\b", r"\b")
    ),
    "types end at letters beyond ASCII": _changed(names_type=lambda rule: _ascii_terms(rule.settings.types)),
    "types are found at the start of words": _changed(
        names_type=lambda rule: _pattern(rule.settings.types, r"(?<![^\W_])", "")
    ),
    "callers are found inside words": _changed(
        is_excluded_caller=lambda rule: _pattern(rule.settings.caller_terms, "", "")
    ),
    "callers take _ for a letter": _changed(
        is_excluded_caller=lambda rule: _pattern(rule.settings.caller_terms, r"\b", r"\b")
    ),
    "callers end at letters beyond ASCII": _changed(
        is_excluded_caller=lambda rule: _ascii_terms(rule.settings.caller_terms)
    ),
    "callers match with other separators": _changed(
        is_excluded_caller=lambda rule: lambda text: rule.is_excluded_caller(re.sub("[_.]", "-", text))
    ),
    "callers are compared whole": _changed(
        is_excluded_caller=lambda rule: lambda text: fold(text) in rule.settings.caller_terms
    ),
    "callers are judged without their domain": _changed(
        is_excluded_caller=lambda rule: lambda text: rule.is_excluded_caller(text.partition("@")[0])
    ),
    "no caller is excluded": _changed(is_excluded_caller=_never),
    "one caller term is forgotten": _changed(
        is_excluded_caller=lambda rule: _pattern(
            [term for term in rule.settings.caller_terms if term != "dsc"], r"(?<![^\W_])", r"(?![^\W_])"
        )
    ),
    "unknown callers are dropped": _derived(_DropsUnknownCallers),
    "no address is excluded": _changed(is_excluded_address=_never),
    "prefixes lack their dot": _changed(
        is_excluded_address=lambda _: lambda text: text.startswith(("168.63", "169.254"))
    ),
    "prefixes match anywhere": _changed(
        is_excluded_address=lambda _: lambda text: "168.63." in text or "169.254." in text
    ),
    "addresses are trimmed": _derived(_TrimsAddresses),
    "the type is read at any depth": _derived(_NestedType),
    "the type's name is read in any case": _derived(_TypeInAnyCase),
    "only a string is a type": _derived(_TypeOfStringsOnly),
    "run command has no type of its own": _derived(_NoDefaultType),
    "every operation is a run command": _derived(_DefaultTypeAlways),
    "the machine is one segment early": _derived(_MachineBefore),
    "the machine is one segment late": _derived(_MachineAfter),
    "empty segments do not count": _derived(_MachineWithoutEmptyParts),
    "the machine is looked up by name": _derived(_MachineByName),
    "groups ignore case": _derived(_GroupsIgnoringCase),
    "duplicates count once": _on_records(_distinct),
    "the count is of resources": _on_rows(
        lambda row: {**row, "ExecutionCount": len(row["AffectedResources"])}
    ),
    "first and last are swapped": _on_rows(
        lambda row: {**row, "FirstSeen": row["LastSeen"], "LastSeen": row["FirstSeen"]}
    ),
    "sets hold one more": _changed(sets=lambda rule: _sets_of(rule, lambda size: size + 1)),
    "sets hold one less": _changed(sets=lambda rule: _sets_of(rule, lambda size: size - 1)),
    "sets drop the empty text": _on_rows(
        lambda row: {**row, **{name: [member for member in row[name] if member] for name in _SETS}}
    ),
    "sets ignore case": _on_rows(
        lambda row: {
            **row,
            **{name: list({fold(member): member for member in row[name]}.values()) for name in _SETS},
        }
    ),
    "the account is what precedes the last @": _on_rows(
        lambda row: {**row, "AccountName": row["Caller"].rpartition("@")[0] or row["Caller"]}
    ),
    "the suffix is what follows the first @": _on_rows(
        lambda row: {**row, "AccountUPNSuffix": row["Caller"].partition("@")[2]}
    ),
    "one group is forgotten": lambda rule, records, at: scheduled_rows(rule, records, at)[1:],
    "one group is given twice": lambda rule, records, at: (
        scheduled_rows(rule, [*records], at)[:1] + scheduled_rows(rule, records, at)
    ),
}
