"""Random rules as KQL text, random records, and what a rule should make of a record by the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.kql.generate import json as generate_json
from stream_detector.kql.generate.table import column_value
from stream_detector.kql.interpret import Interpreter
from stream_detector.kql.plan.aggregates import PlannedAggregate
from stream_detector.kql.typed import Condition
from stream_detector.kql.types import Type
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.model import Handling, Match, Rejection, RuleInfo, Summary

INFO = RuleInfo("sample", "Sample", "1", "High", (), (), "")
HOUR_WINDOW = "| where TimeGenerated > ago(1h)\n"


def compiled(
    text: str, thresholds: dict[str, int] | None = None, *, every_record: bool = True, **handling: Any
) -> KqlRule:
    """The rule, which must be accepted."""
    rule, problems = compile_kql(text, INFO, Handling(**handling), thresholds or {}, every_record)
    assert rule is not None, [problem.text for problem in problems]
    return rule


def rule_of(
    steps: str, summarize: str = "| summarize N = count() by Caller", after: str = "", **more: Any
) -> KqlRule:
    """A rule with a window of an hour around `steps`."""
    return compiled(f"AzureActivity\n{HOUR_WINDOW}{steps}\n{summarize}\n{after}", **more)


def sample(**columns: Any) -> ActivityRecord:
    """A record, with `columns` by attribute."""
    values: dict[str, Any] = {
        "time": 0,
        "operation": "Microsoft.Compute/virtualMachines/write",
        "status": "Success",
        "status_detail": "",
        "caller": "ann@contoso.com",
        "caller_ip": "203.0.113.7",
        "subscription_id": "s",
        "resource_group": "rg",
        "resource_id": "/subscriptions/s/resourceGroups/rg",
        "properties": "{}",
        "correlation_id": "c",
        "level": "Information",
        "category": "Administrative",
        "origin": Origin("0", 1),
    }
    return ActivityRecord(**{**values, **columns})


def expected(rule: KqlRule, record: ActivityRecord) -> Match | Rejection:
    """What the interpreter makes of a record, clause by clause."""
    plan = rule.plan
    interpreter = Interpreter(plan.definitions, lambda name: column_value(record, name))
    for clause in plan.clauses:
        if not interpreter.is_true(clause.test):
            return Rejection(clause.name)
    key: Any = tuple(interpreter.value(column.value) for column in plan.checked.keys)
    return Match(key, tuple(_input(interpreter, each) for each in plan.aggregates if each.takes_input))


def _input(interpreter: Interpreter, aggregate: PlannedAggregate) -> object:
    holds = aggregate.predicate is None or interpreter.is_true(aggregate.predicate)
    if aggregate.kind == "count_if":
        return holds
    assert aggregate.value is not None
    value = interpreter.value(aggregate.value)
    if aggregate.kind in ("greatest", "least"):
        shown = tuple(interpreter.value(each) for each in aggregate.shown)
        if value != value:  # NaN has no place in any order
            return None, tuple(None if each != each else each for each in shown)
        return value, shown
    return value if holds else None


def row_interpreter(rule: KqlRule, key: tuple[Any, ...], summary: Summary) -> Interpreter:
    """An interpreter that knows the columns of one row of summarize."""
    plan = rule.plan
    slots: dict[int, object] = {
        column.slot: value for column, value in zip(plan.checked.keys, key, strict=True)
    }
    for column in plan.checked.aggregates:
        place = plan.places[column.slot]
        aggregate = plan.aggregates[place.index]
        value: Any = summary.values[place.index]
        if aggregate.kind in ("greatest", "least"):
            value = None if value is None else value[1][place.shown or 0]
        elif aggregate.kind in ("set", "list"):
            assert aggregate.value is not None
            value = [as_json(member, aggregate.value.type) for member in value]
        if value is None and column.type is Type.STRING:
            value = ""
        slots[column.slot] = value
    return Interpreter(plan.definitions, _no_column, slots)


def _no_column(name: str) -> object:
    raise AssertionError(name)


def expected_meets(rule: KqlRule, key: tuple[Any, ...], summary: Summary) -> bool:
    """Whether every condition after summarize and every threshold holds."""
    interpreter = row_interpreter(rule, key, summary)
    tests = [step.test for step in rule.plan.checked.after if isinstance(step, Condition)]
    for column, least in rule.plan.thresholds:
        value: Any = interpreter.value(column)
        size = len(value) if isinstance(value, list) else value
        if size is None or not size >= least:
            return False
    return all(interpreter.is_true(test) for test in tests)


def expected_row(rule: KqlRule, key: tuple[Any, ...], summary: Summary) -> dict[str, object]:
    """The row, values fit for JSON."""
    interpreter = row_interpreter(rule, key, summary)
    return {
        column.name: as_json(interpreter.value(column.value), column.value.type)
        for column in rule.plan.checked.result
    }


def as_json(value: Any, type_: Type) -> object:
    """A value as the row shows it."""
    if value is None:
        return None
    function = generate_json.shown_as_json(type_)
    return value if function is None else function.implementation(value)


def shape(value: object) -> str:
    """A value as text, so that NaN equals NaN and 1 is not True."""
    return repr(value)


TEXTS = (
    "",
    "a",
    "A",
    "k",
    "\u212a",
    "\u017f",
    "ab",
    "aB",
    "a/b/k",
    "5",
    "-7",
    "1.5",
    "true",
    "2026-03-01",
    "x a y",
    '{"type":"a","n":5}',
    '{"type":null,"l":[1,"a",2.5]}',
    '{"n":1e400}',
    "[1,2,3]",
    "{",
    '"a"',
    "\u00e9a",
    "İ",
    "10.0.0.1",
)
_STRING_COLUMNS = (
    "Caller",
    "OperationNameValue",
    "ResourceGroup",
    "Properties",
    "_ResourceId",
    "Level",
    "Type",
)
_STRING_TESTS = (
    *(
        "==",
        "!=",
        "=~",
        "!~",
        "has",
        "!has",
        "contains",
        "!contains",
        "startswith",
        "!startswith",
        "endswith",
    ),
    *("!endswith", "has_cs", "contains_cs", "startswith_cs", "endswith_cs", "hasprefix", "hassuffix"),
)
_LIST_TESTS = ("in", "!in", "in~", "!in~", "has_any", "has_all")


def literal(text: str) -> str:
    """A string literal of KQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_USES = {
    "S": ("S has 'a'", "strlen(S) > 1", "S in~ ('A', 'k')", "tolower(S) == 'a' or S has 'a'"),
    "L": ("L > 0", "L != 5", "isnull(L) or L < 3"),
    "B": ("B", "not(B)", "B or Caller == 'a'", "iff(B, false, bool(null))"),
    "D": ("isnotnull(D)", "array_length(D) > 1", "tostring(D) != ''"),
    "R": ("R > 1", "not(R < 2)"),
}
_AGGREGATES = (
    *("count()", "countif(tobool(S))", "countif(not(B))", "dcount(S)", "dcountif(L, B)", "make_set(S)"),
    *("make_set(L, 3)", "make_set_if(R, B)", "make_list(S, 2)", "make_set(TimeGenerated)", "take_any(S)"),
    *("any(L)", "min(TimeGenerated)", "max(TimeGenerated)", "min(L)", "max(R)", "sum(L)", "sumif(L, B)"),
    *("sum(R)", "arg_max(TimeGenerated, S, L)", "arg_min(L, S)", "max(L)", "min(R)", "sum(strlen(S))"),
)
_KEYS = ("Caller", "S", "L", "B", "tolower(ResourceGroup)", "bin(TimeGenerated, 1h)", "R")
_AFTER = (
    "| where N > 1",
    "| where N >= 1",
    "| where N > 1 or N < 5",
    "| where not(N > 2)",
    "| where X > 1",
    "| extend More = N * 2 | where More > 2",
    "| where N > 1 and N >= 2 or N > 3",
    "| extend Sized = array_length(Seen) | where Sized >= 2",
    "| where array_length(Seen) > 1 or Distinct > 1",
    "| where Last - First > 1s",
    "| where Last > First",
    "| where Total > 3",
    "| where Total > 3 and iff(N > 2, true, false)",
    "| where set_has_element(Seen, 'a')",
    "| where Greatest > 2",
    "| where Least > 2",
    "| where Least < 2 and N > 0",
    "| where Odd == 1",
    "| where Odd >= Distinct",
    "| where Greatest >= N",
    "| where N + Distinct > 3",
    "| where N - Odd > 1",
    "| where 2 <= Odd",
    "| where isnotnull(Greatest)",
    "| project N, Seen, Span = Last - First, First, Greatest",
    "| extend Newest = strcat(tostring(N), '!') | project-away Seen",
)
_KNOWN = (
    "N = count(), Seen = make_set(S), Distinct = dcount(S), First = min(TimeGenerated), "
    "Last = max(TimeGenerated), Total = sum(strlen(S)), Greatest = max(L), Least = min(L), "
    "Odd = countif(B), X = "
)


class Dice:
    """Draws texts of expressions by type. `depth` is how far they may nest."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *choices: str) -> str:
        """One of them."""
        return self.random.choice(choices)

    def literal(self) -> str:
        """A string literal."""
        return literal(self.random.choice(TEXTS))

    def of(self, *makers: Callable[[], str]) -> str:
        """What one of them makes."""
        return self.random.choice(makers)()

    def string(self, depth: int) -> str:
        """An expression of type string."""
        if depth <= 0 or self.random.random() < 0.3:
            return self.of(lambda: self.one(*_STRING_COLUMNS), self.literal)
        inner = depth - 1
        return self.of(
            lambda: f"tolower({self.string(inner)})",
            lambda: f"toupper({self.string(inner)})",
            lambda: f"strcat({self.string(inner)}, {self.string(inner)})",
            lambda: f"coalesce({self.string(inner)}, {self.string(inner)})",
            lambda: f"iff({self.bool(inner)}, {self.string(inner)}, {self.string(inner)})",
            lambda: (
                f"case({self.bool(0)}, {self.string(inner)}, {self.bool(0)}, Caller, {self.string(inner)})"
            ),
            lambda: f"tostring({self.dynamic(inner)})",
            lambda: f"tostring({self.long(inner)})",
            lambda: f"substring({self.string(inner)}, 1, 2)",
            lambda: f'replace_string({self.string(inner)}, "a", "b")',
        )

    def long(self, depth: int) -> str:
        """An expression of type long."""
        if depth <= 0 or self.random.random() < 0.3:
            numbers = ("0", "1", "5", "long(-3)", "long(null)", "9223372036854775807")
            return self.of(lambda: self.one(*numbers), lambda: f"strlen({self.one(*_STRING_COLUMNS)})")
        inner = depth - 1
        return self.of(
            lambda: f"tolong({self.string(inner)})",
            lambda: f"array_length({self.dynamic(inner)})",
            lambda: f"({self.long(inner)} {self.one(*'+-*/%')} {self.long(inner)})",
            lambda: f"iff({self.bool(inner)}, {self.long(inner)}, {self.long(inner)})",
            lambda: f"coalesce({self.long(inner)}, {self.long(inner)})",
        )

    def real(self, depth: int) -> str:
        """An expression of type real."""
        return self.of(
            lambda: self.one("1.5", "real(nan)", "real(+inf)", "real(null)"),
            lambda: f"toreal({self.string(depth - 1)})",
            lambda: f"({self.long(depth - 1)} / 2.0)",
        )

    def dynamic(self, depth: int) -> str:
        """An expression of type dynamic."""
        texts = ("Properties_d", "parse_json(Properties)", "dynamic(null)", "dynamic([1, 2])")
        members = ("Properties_d.type", 'parse_json(Properties)["type"]', "Properties_d.l[1]")
        return self.of(
            lambda: self.one(*texts),
            lambda: self.one(*members),
            lambda: f'split({self.string(depth - 1)}, "/")',
        )

    def leaf(self) -> str:
        """A simple condition."""
        plain = ("true", "false", "bool(null)", "tobool(Caller)", "isempty(Caller)")
        column = self.one(*_STRING_COLUMNS)
        return self.of(
            lambda: f"{column} {self.one(*_STRING_TESTS)} {self.literal()}",
            lambda: f"{column} {self.one(*_LIST_TESTS)} ({self.literal()}, {self.literal()})",
            lambda: self.one(*plain),
        )

    def bool(self, depth: int) -> str:
        """An expression of type bool."""
        if depth <= 0 or self.random.random() < 0.2:
            return self.leaf()
        inner = depth - 1
        return self.of(
            lambda: f"(({self.bool(inner)}) and ({self.bool(inner)}))",
            lambda: f"(({self.bool(inner)}) or ({self.bool(inner)}))",
            lambda: f"({self.bool(inner)} or ({self.leaf()} and {self.leaf()}))",
            lambda: f"not({self.bool(inner)})",
            lambda: f"({self.string(inner)} {self.one(*_STRING_TESTS)} {self.string(inner)})",
            lambda: f"({self.long(inner)} {self.one('==', '!=', '<', '<=', '>', '>=')} {self.long(inner)})",
            lambda: f"({self.real(inner)} > {self.real(inner)})",
            lambda: f"isnull({self.long(inner)})",
            lambda: f"isnotnull({self.dynamic(inner)})",
            lambda: f"iff({self.bool(inner)}, {self.bool(inner)}, {self.bool(inner)})",
            lambda: f"({self.long(inner)} between (0 .. {self.long(inner)}))",
            lambda: f"(TimeGenerated > todatetime({self.string(inner)}))",
        )

    def some(self, choices: Sequence[str], most: int, least: int = 0) -> list[str]:
        """A few of them, each once."""
        return self.random.sample(list(choices), self.random.randint(least, most))

    def rule(self) -> str:
        """The text of a rule, accepted by the compiler save for what constants in it make of it."""
        values = {
            "S": self.string(2),
            "L": self.long(2),
            "B": self.bool(2),
            "D": self.dynamic(1),
            "R": self.real(1),
        }
        steps = [f"| extend {name} = {value}" for name, value in values.items()]
        steps += self.some(["| extend S = strcat(S, Level)"], 1)
        for _ in range(self.random.randint(0, 4)):
            name = self.one(*_USES)
            condition = self.bool(2) if self.random.random() < 0.5 else self.one(*_USES[name])
            at = next(i for i, step in enumerate(steps) if step.startswith(f"| extend {name} ")) + 1
            steps.insert(self.random.randint(at, len(steps)), f"| where {condition}")
        first = self.one(*(aggregate for aggregate in _AGGREGATES if "arg_" not in aggregate))
        arg = self.some([aggregate for aggregate in _AGGREGATES if "arg_" in aggregate], 1)
        plain = self.some([aggregate for aggregate in _AGGREGATES if "arg_" not in aggregate], 3)
        others = [*arg, *(f"A{at} = {other}" for at, other in enumerate(plain))]
        # Columns of arg_max are named after what they show, which must not be a key at the same time.
        keys = ["Caller"] if arg else self.some(_KEYS, 3, 1)
        return "\n".join(
            [
                "AzureActivity",
                HOUR_WINDOW.rstrip(),
                *steps,
                f"| summarize {', '.join([_KNOWN + first, *others])} by {', '.join(keys)}",
                *self.some(_AFTER[:-2], 2),
                *self.some(_AFTER[-2:], 1),
            ]
        )

    def growing_rule(self) -> str:
        """A rule that takes every record into few groups, with conditions on the row."""
        return "\n".join(
            [
                "AzureActivity",
                HOUR_WINDOW.rstrip(),
                "| extend S = Caller, L = tolong(Caller), B = Level == 'a', R = toreal(Caller)",
                f"| summarize {_KNOWN}count() by ResourceGroup",
                *self.some([step for step in _AFTER if "project" not in step], 2),
            ]
        )

    def record(self) -> ActivityRecord:
        """A record whose texts make conditions of random rules true now and then."""
        text = self.random.choice
        return sample(
            time=self.random.randint(0, 100) * 7_000_000,
            operation=text(TEXTS),
            caller=text(TEXTS),
            resource_group=text(["a", "A", "k"]),
            resource_id=text(TEXTS),
            properties=text(TEXTS),
            level=text(["", "a", "5"]),
        )

    def records(self, most: int = 12) -> list[ActivityRecord]:
        """At least one record."""
        return [self.record() for _ in range(self.random.randint(1, most))]


def accepted(text: str, thresholds: dict[str, int] | None = None) -> Iterator[KqlRule]:
    """The rule, or nothing if the compiler refuses it."""
    rule, _ = compile_kql(text, INFO, Handling(), thresholds or {}, True)
    if rule is not None:
        yield rule
