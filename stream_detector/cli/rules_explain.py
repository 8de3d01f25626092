"""`rules explain`: what each rule makes of a record, clause by clause, with the values that it saw.

Shows what the records hold: they are the user's own file on his own terminal. A correlated rule sees each
record with what all records of the file say about its operation. Records that match are put together by
group, and what stands behind summarize is shown for each group.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO, RawIOBase
from typing import cast

import msgspec
import orjson
from msgspec import Struct

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.cli.bodies import read_bodies, views
from stream_detector.cli.rules_choice import SoundRule, chosen, directory_of, sound_rules
from stream_detector.cli.rules_judging import Facts, summary_of
from stream_detector.cli.rules_shown import printable
from stream_detector.errors import InputError
from stream_detector.kql.text import fold
from stream_detector.rules.explain import ExplainedClause, Explanation
from stream_detector.rules.explain_groups import ExplainedGroup, ExplainedGroups
from stream_detector.rules.model import Match
from stream_detector.ticks import format_ticks


class Opinion(Struct, frozen=True, gc=False):
    """What one rule makes of one record."""

    rule: str
    source: str
    """The file of the query."""
    is_wanted: bool
    """Whether the rule wants the operation; a record of another one never gets to it."""
    explanation: Explanation
    returns_row: bool | None
    """Whether the query returns a row for this record alone; None without a match."""
    together: ExplainedGroup | None
    """What all records of the file that match in the same group make; None without a match."""

    @property
    def first_failed(self) -> ExplainedClause | None:
        """The clause that decides against the record."""
        return next((clause for clause in self.explanation.clauses if clause.decides), None)


class Explained(Struct, frozen=True, gc=False):
    """One record and what the rules make of it."""

    record: ActivityRecord
    opinions: tuple[Opinion, ...]
    nearest: str
    """The operation most like the record's, "" when some rule wants the record's own or none is like it."""

    @property
    def is_wanted(self) -> bool:
        """Whether any of the rules wants the operation."""
        return any(opinion.is_wanted for opinion in self.opinions)


def run(args: argparse.Namespace) -> int:
    """Explain every record of the file."""
    directory = directory_of(args)
    rules = chosen(sound_rules(directory), args.ids)
    if not args.ids:
        rules = tuple(rule for rule in rules if directory.is_enabled(rule.id))
    records = _records(args.record)
    facts = Facts(records)
    seen = [[facts.seen_by(each.rule, record) for record in records] for each in rules]
    groups = [_groups(each, own) for each, own in zip(rules, seen, strict=True)]
    explained = [
        _explain(record, [own[at] for own in seen], rules, groups) for at, record in enumerate(records)
    ]
    if args.json:
        sys.stdout.buffer.write(orjson.dumps(list(map(_as_json, explained))) + b"\n")
        return 0
    for position, each in enumerate(explained):
        if position:
            print()
        for line in _as_text(each, every_rule=bool(args.ids)):
            print(printable(line))
    for rule, own in zip(rules, groups, strict=True):
        for group in own.all:
            for line in _group_lines(rule, group):
                print(printable(line))
    return 0


def _records(path: str) -> list[ActivityRecord]:
    """The records of a file of bodies or of one record.

    Raises:
        InputError: it cannot be read, or holds none.
    """
    decoder = BodyDecoder(None)
    records: list[ActivityRecord] = []
    unreadable: list[str] = []
    for number, body in _bodies(path):
        decoded = decoder.decode(body, EventSource(path, number, None))
        unreadable += [
            f"{path}:{number}: unreadable: {problem.reason}: {problem.detail}" for problem in decoded.problems
        ]
        records += decoded.records
    for line in unreadable:
        print(line, file=sys.stderr)
    if not records:
        raise InputError(
            f"{path}: holds no activity record; write one as JSON, with operationName as the hub delivers "
            "it, or with OperationNameValue as the table has it"
        )
    return records


def _bodies(path: str) -> Iterator[tuple[int, bytes]]:
    """The bodies of a file; standard input is read to its end first, so that it may be a whole document."""
    if path != "-":
        yield from read_bodies(path)
        return
    for number, _, view in views(cast(RawIOBase, BytesIO(sys.stdin.buffer.read()))):
        yield number, bytes(view)


def _groups(sound: SoundRule, seen: Iterable[ActivityRecord]) -> ExplainedGroups:
    section = sound.files.section
    written = None if section is None else section.section("thresholds", optional=True)
    named = sound.files.metadata.thresholds
    lines = [(name, 1 if written is None else written.line(name)) for name in named]
    return ExplainedGroups(sound.rule, seen, lines)


def _explain(
    record: ActivityRecord,
    seen: Sequence[ActivityRecord],
    rules: Sequence[SoundRule],
    groups: Sequence[ExplainedGroups],
) -> Explained:
    """`seen` is the record as each of the rules sees it."""
    opinions = tuple(map(_opinion, seen, rules, groups))
    is_wanted = any(opinion.is_wanted for opinion in opinions)
    return Explained(record, opinions, "" if is_wanted else _nearest(record.operation, rules))


def _opinion(record: ActivityRecord, sound: SoundRule, groups: ExplainedGroups) -> Opinion:
    rule = sound.rule
    said = rule.evaluate(record)
    returns_row = rule.meets(said.key, summary_of(record, said, rule)) if isinstance(said, Match) else None
    return Opinion(
        sound.id,
        str(sound.files.query),
        record.operation in rule.operations,
        rule.explain(record),
        returns_row,
        groups.of(said.key) if isinstance(said, Match) else None,
    )


def _nearest(operation: str, rules: Iterable[SoundRule]) -> str:
    names = {name for each in rules for name in each.rule.operations.names}
    return next(iter(difflib.get_close_matches(fold(operation), sorted(names), n=1)), "")


def _as_json(explained: Explained) -> dict[str, object]:
    return {
        "operation": explained.record.operation,
        "time": format_ticks(explained.record.time),
        "operation_is_wanted": explained.is_wanted,
        "nearest_operation": explained.nearest or None,
        "rules": [
            {
                "rule": opinion.rule,
                "operation_is_wanted": opinion.is_wanted,
                "matches": opinion.explanation.matches,
                "returns_row": opinion.returns_row,
                "first_failed": None if opinion.first_failed is None else opinion.first_failed.name,
                "clauses": list(map(_clause_as_json, opinion.explanation.clauses)),
                "group": dict(opinion.explanation.key),
                "inputs": dict(opinion.explanation.inputs),
                "together": None if opinion.together is None else _group_as_json(opinion.together),
            }
            for opinion in explained.opinions
        ],
    }


def _clause_as_json(clause: ExplainedClause) -> dict[str, object]:
    return {**msgspec.to_builtins(clause), "values": dict(clause.values)}


def _group_as_json(group: ExplainedGroup) -> dict[str, object]:
    first = group.first_failed
    return {
        "group": dict(group.key),
        "at": format_ticks(group.at),
        "records": group.records,
        "outside": group.outside,
        "returns_row": first is None,
        "first_failed": None if first is None else first.name,
        "conditions": list(map(_clause_as_json, group.conditions)),
        "row": group.row,
    }


def _as_text(explained: Explained, every_rule: bool) -> Iterator[str]:
    record = explained.record
    yield f"{record.operation} at {format_ticks(record.time)}"
    if not explained.is_wanted:
        hint = f"; the nearest that one wants is {explained.nearest}" if explained.nearest else ""
        yield f"No rule wants this operation, so none looks at the record{hint}."
    shown = [opinion for opinion in explained.opinions if opinion.is_wanted or every_rule]
    for opinion in shown:
        yield ""
        yield f"{opinion.rule}: {_verdict(opinion)}"
        for clause in opinion.explanation.clauses:
            yield from _clause_lines(clause)
        if opinion.explanation.matches:
            yield from _pairs("group", opinion.explanation.key)
            yield from _pairs("adds", opinion.explanation.inputs)
    others = [opinion.rule for opinion in explained.opinions if opinion not in shown]
    if shown and others:
        yield ""
        yield f"Not wanted by: {', '.join(others)}"


def _verdict(opinion: Opinion) -> str:
    first = opinion.first_failed
    if first is not None:
        return f"no match: {first.name} fails first ({opinion.source}:{first.line}:{first.column})"
    if not opinion.is_wanted:
        return "every clause passes, but the rule does not want the operation: please report this"
    if opinion.returns_row:
        return "match, and this record alone makes a row"
    return "match, but this record alone makes no row: see below what its group makes"


def _group_lines(sound: SoundRule, group: ExplainedGroup) -> Iterator[str]:
    """Nothing for a record that makes a row alone: that is said of it already."""
    first = group.first_failed
    if first is None and group.records + group.outside == 1:
        return
    verdict = "a row"
    if first is not None:
        values = ", ".join(f"{name} = {value}" for name, value in first.values)
        seen = f" ({values})" if values else ""
        verdict = f"no row: `{_on_one_line(first.text)}` fails first{seen}"
    yield ""
    yield f"{sound.id}, its group of {group.records} record{'' if group.records == 1 else 's'}: {verdict}"
    for clause in group.conditions:
        source = None if clause.column is not None or sound.files.section is None else sound.files.section
        yield from _clause_lines(clause, "" if source is None else source.source)
    yield from _pairs("group", group.key)
    if first is None:
        yield from _pairs("row", [(name, orjson.dumps(value).decode()) for name, value in group.row.items()])
    if group.outside:
        others = "1 other match is" if group.outside == 1 else f"{group.outside} other matches are"
        yield f"  ({others} not counted: outside of the window that ends at {format_ticks(group.at)})"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _clause_lines(clause: ExplainedClause, source: str = "") -> Iterator[str]:
    mark = "passed" if clause.passed else "FAILED" if clause.decides else "failed"
    place = f"{source}:{clause.line}" if clause.column is None else f"{clause.line}:{clause.column}"
    yield f"  {mark}  {place}  {_on_one_line(clause.text)}"
    for name, value in clause.values:
        yield f"            {name} = {value}"
    if clause.note:
        yield f"            ({clause.note})"


def _pairs(heading: str, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for position, (name, value) in enumerate(pairs):
        yield f"  {heading if not position else '':8}{name} = {value}"
