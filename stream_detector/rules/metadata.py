"""From NAME.yaml to what a rule is beside its query: who it is, how its records and alerts are treated.

Knows no files, only the `Section` that the loader has opened, and no query: what a threshold or a grouping
needs of the query's result is checked against the compiled rule. docs/rules.md describes the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from stream_detector.kql.plan import threshold_columns
from stream_detector.kql.plan.reads import resolve
from stream_detector.kql.typed import CheckedQuery, Column, Definition
from stream_detector.rules.fields import LONGEST_DURATION, Section, did_you_mean
from stream_detector.rules.kql_rule import KqlRule
from stream_detector.rules.model import Handling, RuleInfo
from stream_detector.ticks import format_duration

SEVERITIES = ("High", "Medium", "Low", "Informational")
NEEDED_BY_CORRELATION = ("SubscriptionId", "ResourceGroup")
"""Rows of one operation are in one place when groups are spread over processes only with these as keys."""

TACTICS = (
    *("Reconnaissance", "Resource Development", "Initial Access", "Execution", "Persistence"),
    *("Privilege Escalation", "Defense Evasion", "Credential Access", "Discovery", "Lateral Movement"),
    *("Collection", "Command and Control", "Exfiltration", "Impact"),
)
"""Of MITRE ATT&CK, Enterprise. Sentinel writes them without blanks."""

_GROUPINGS = ("ignore_case", "exact")
_LARGEST_COUNT = 999_999_999
_ID = r"[a-z0-9][a-z0-9_-]{0,62}"
_ID_FORM = "lower-case letters, digits, _ and -"
_TECHNIQUE = r"T\d{4}(\.\d{3})?"
_URL = r"https?://\S+"
_CASES = r"[^/\\]+\.cases\.yaml"
_GONE = "kind"
"""Chose one of the rules that were written in Python, when a rule file only configured it."""


class Metadata(Struct, frozen=True, gc=False):
    """What NAME.yaml says."""

    info: RuleInfo
    handling: Handling
    description: str = ""
    thresholds: Mapping[str, int] = {}
    """Column of the result to the least it must reach: itself, or its number of members."""
    every_record: bool = False
    """Whether the rule may look at records of every operation."""
    cases: str = ""
    """Name of the file with the rule's cases, which stands beside it; "" without one that can be used."""


class Described(Struct, frozen=True, gc=False):
    """A rule with its NAME.yaml, for what is checked across rules."""

    section: Section
    metadata: Metadata
    rule: KqlRule | None
    """None when the query cannot be accepted."""


def neutral_metadata(name: str, *, lenient: bool = False) -> Metadata:
    """What a query without a NAME.yaml is checked with.

    `lenient` allows all that only metadata could allow, so that a missing file leads to no other problem.
    """
    info = RuleInfo(
        id=name, name=name, version="0", severity="Informational", tactics=(), techniques=(), runbook_url=""
    )
    return Metadata(info, Handling(correlate=lenient), every_record=lenient)


def is_of_former_kind(section: Section) -> bool:
    """Whether this is a file of a rule in Python, as it was before rules were KQL. Then that is reported."""
    if not section.has(_GONE):
        return False
    section.report(
        _GONE,
        "is no longer known: rules are KQL now. Put the query into a .kql file of the same name and keep "
        "only what describes the rule here: id, name, version, severity, tactics, techniques, runbook_url",
    )
    return True


def read_metadata(section: Section) -> Metadata:
    """What the file says, with stand-ins for what is wrong and added to `section.problems`.

    Stand-ins allow rather than forbid, so that they lead to no problem in the query.
    """
    info = _read_info(section)
    handling = _read_handling(section)
    metadata = Metadata(
        info=info,
        handling=handling,
        description=section.text("description", default="", may_break=True),
        thresholds=_read_thresholds(section.section("thresholds", optional=True)),
        every_record=section.boolean("every_record", default=False) is not False,
        cases=_read_cases_name(section),
    )
    section.close()
    return metadata


def check_result(section: Section, metadata: Metadata, rule: KqlRule) -> None:
    """Report what NAME.yaml says about the result and the query does not give."""
    if metadata.thresholds and (thresholds := section.section("thresholds", optional=True)) is not None:
        for column, least in metadata.thresholds.items():
            wrong = _wrong_threshold(column, least, rule)
            if wrong:
                thresholds.report(column, wrong)
    if rule.window <= metadata.handling.hold <= LONGEST_DURATION:
        window = format_duration(rule.window)
        section.report("hold", f"must be shorter than the window of the query, which is {window}")
    if metadata.handling.correlate:
        lacking = [name for name in NEEDED_BY_CORRELATION if name not in rule.key_columns]
        if lacking:
            section.report(
                "correlation",
                f"needs the rows of one operation in one group: add {' and '.join(lacking)} to the keys of "
                "summarize",
            )


def check_yielding(rules: Sequence[Described], *, complete: bool) -> None:
    """Report ids in `yields_to` that are of no rule, lead in a circle, or name a rule of other groups.

    Unknown ones only when `complete`: a file that could not be read may hold them.
    """
    known = {described.metadata.info.id: described for described in rules}
    told: set[str] = set()
    for described in rules:
        section, own = described.section, described.metadata.info.id
        for other in described.metadata.handling.yields_to:
            if other == own:
                section.report("yields_to", f"names the rule itself; take {own!r} out")
            elif other in known:
                _check_groups(described, known[other])
            elif complete:
                section.report("yields_to", f"{other!r} is the id of no rule{did_you_mean(other, known)}")
        yielding = {name: each.metadata.handling.yields_to for name, each in known.items()}
        circle = next(_circles(own, yielding), ())
        if circle and not told.intersection(circle):
            told.update(circle)
            way = ", which yields to ".join((*circle[1:], own))
            section.report("yields_to", f"leads in a circle: {own} yields to {way}; take one of them out")


def _check_groups(yielding: Described, other: Described) -> None:
    """A group of the one rule must say which group of the other it lies in."""
    if yielding.rule is None or other.rule is None:
        return
    lacking = [name for name in other.rule.key_columns if name not in yielding.rule.key_columns]
    if lacking:
        name = other.metadata.info.id
        yielding.section.report(
            "yields_to",
            f"{name!r} groups by {' and '.join(lacking)} too, so that nothing tells which of its groups is "
            f"meant; add {' and '.join(lacking)} to the keys of summarize, or take {name!r} out",
        )


def _circles(start: str, known: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Ways from `start` back to it over other rules, each rule once; a rule's own mention left out."""
    waiting: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while waiting:
        way = waiting.pop(0)
        for following in known.get(way[-1], ()):
            if following == start and len(way) > 1:
                yield way
            elif following not in seen:
                seen.add(following)
                waiting.append((*way, following))


def _read_info(section: Section) -> RuleInfo:
    return RuleInfo(
        id=section.text("id", pattern=_ID, expected=_ID_FORM),
        name=section.text("name"),
        version=section.text("version", expected='a text such as "1.0.0"'),
        severity=section.text("severity", choices=SEVERITIES),
        tactics=section.texts("tactics"),
        techniques=section.texts("techniques", pattern=_TECHNIQUE, expected="a technique such as T1059.009"),
        runbook_url=section.text("runbook_url", pattern=_URL, expected="a URL that starts with https://"),
    )


def _read_handling(section: Section) -> Handling:
    grouping = section.text("grouping", choices=_GROUPINGS, default=_GROUPINGS[0])
    yields_to = section.texts("yields_to", pattern=_ID, expected=f"an id: {_ID_FORM}", optional=True)
    amends = section.boolean("amends", default=False) is True
    if amends and not section.has("yields_to"):
        section.report("amends", "is about the alerts of other rules; name them in yields_to")
    return Handling(
        ignore_case=grouping == _GROUPINGS[0],
        close_grace=section.duration("close_grace"),
        deduplicate=section.boolean("deduplicate", default=True) is not False,
        correlate=section.boolean("correlation", default=False) is not False,
        hold=section.duration("hold") or 0,
        yields_to=yields_to,
        amends=amends,
    )


def _read_cases_name(section: Section) -> str:
    """The name of a file beside the rule; "" without one and after a problem."""
    before = len(section.problems)
    name = section.text("cases", pattern=_CASES, expected="a file name such as x.cases.yaml", default="")
    return name if len(section.problems) == before else ""


def _read_thresholds(section: Section | None) -> dict[str, int]:
    if section is None:
        return {}
    return {
        name: section.whole_number(name, at_least=1, at_most=_LARGEST_COUNT)
        for name in dict.fromkeys(section.names())
    }


def _wrong_threshold(column: str, least: int, rule: KqlRule) -> str:
    """What is wrong with the threshold, "" when nothing is."""
    types = dict(rule.schema)
    fit = threshold_columns(rule.plan.checked)
    if column not in types:
        return f"is no column of the result{did_you_mean(column, fit)}"
    if column not in fit:
        return f"is a {types[column]}, and only numbers and sets have a least{_others(fit)}"
    capacity = _capacity(rule.plan.checked, fit[column])
    if capacity is not None and capacity < least:
        return f"is {least}, which it can never reach: the query keeps at most {capacity} members"
    return ""


def _capacity(checked: CheckedQuery, column: Column) -> int | None:
    """The most members that a column of the result can have, where the query says one."""
    after = {step.slot: step.value for step in checked.after if isinstance(step, Definition)}
    stands_for = resolve(column, after)
    if not isinstance(stands_for, Column):
        return None
    return next((each.capacity for each in checked.aggregates if each.slot == stands_for.slot), None)


def _others(names: Iterable[str]) -> str:
    together = ", ".join(names)
    return f"; these do: {together}" if together else "; the result has none"
