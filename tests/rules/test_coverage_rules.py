"""The shipped rules: their cases hold, every attack is paged once, and ordinary days are silent.

`attacks/` holds one incident per file and `attacks.yaml` what opens for it. The rules are run as the
service runs them: decoder, correlation, all rules together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import permutations
from pathlib import Path

import orjson
import pytest
import yaml
from services.program import ROOT, run_program

from stream_detector.activity.decode import BodyDecoder
from stream_detector.activity.times import parse_time
from stream_detector.cli.rules_judging import judge
from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.detect.operation import UNFINISHED
from stream_detector.detect.positions import Positions
from stream_detector.errors import Problem
from stream_detector.generate.ordinary import ordinary_bodies
from stream_detector.generate.ordinary_operations import AGENTS, ORDINARY
from stream_detector.pipeline import EventClock, Pipeline, ReceivedEvent
from stream_detector.rules.cases import Case, read_cases
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.load import load_rules, open_yaml
from stream_detector.rules.model import Rule, wanted_operations
from stream_detector.ticks import HOUR, MINUTE, SECOND

RULES = ROOT / "config" / "rules"
ATTACKS = Path(__file__).parent / "attacks"
NAMES = sorted(path.stem for path in RULES.glob("*.kql"))
STORIES = yaml.safe_load((ATTACKS / "attacks.yaml").read_text("utf-8"))
KEYS = ("Caller", "ResourceGroup", "SubscriptionId")

OPERATIONS = (
    "microsoft.compute/virtualmachines/extensions/write",
    "microsoft.compute/virtualmachines/runcommand/action",
    "microsoft.compute/virtualmachines/runcommands/write",
    "microsoft.compute/virtualmachinescalesets/virtualmachines/runcommand/action",
    "microsoft.compute/virtualmachinescalesets/virtualmachines/runcommands/write",
    "microsoft.compute/virtualmachinescalesets/extensions/write",
    "microsoft.compute/virtualmachinescalesets/virtualmachines/extensions/write",
    "microsoft.hybridcompute/machines/extensions/write",
    "microsoft.hybridcompute/machines/runcommands/write",
    "microsoft.compute/galleries/applications/versions/write",
    "microsoft.containerservice/managedclusters/runcommand/action",
    "microsoft.serialconsole/serialports/connect/action",
    "microsoft.compute/virtualmachines/extensions/delete",
    "microsoft.insights/diagnosticsettings/delete",
    "microsoft.eventhub/namespaces/eventhubs/delete",
)
"""Those that execute code on a machine, clean up after it or switch the feed off; see docs/coverage.md."""


@cache
def shipped() -> tuple[Rule, ...]:
    return load_rules(RULES, None)


def rule_named(name: str) -> KqlRule:
    rule = next(rule for rule in shipped() if rule.info.id == name)
    assert isinstance(rule, KqlRule)
    return rule


def text_of(name: str) -> str:
    return (RULES / f"{name}.kql").read_text("utf-8")


def metadata_of(name: str) -> dict[str, object]:
    found = yaml.safe_load((RULES / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@cache
def cases_of(name: str) -> tuple[Case, ...]:
    problems: list[Problem] = []
    path = RULES / f"{name}.cases.yaml"
    node = open_yaml(path, problems, "a list of cases")
    assert node is not None
    cases = read_cases(str(path), node, problems, rule_named(name))
    assert problems == []
    return cases


def bodies_of(attack: str) -> list[bytes]:
    return (ATTACKS / f"{attack}.ndjson").read_bytes().splitlines()


def records_in(bodies: Iterable[bytes]) -> list[dict[str, str]]:
    return [record for body in bodies for record in orjson.loads(body)["records"]]


def operation_of(record: dict[str, str]) -> str:
    return (record.get("operationName") or record["OperationNameValue"]).lower()


def time_of(record: dict[str, str]) -> int:
    ticks = parse_time(record.get("time") or record["TimeGenerated"])
    assert ticks is not None
    return ticks


class Live:
    """The detector as the service runs it: the clock comes to every time at which something is due."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._detector = Detector(rules)
        self._clock = EventClock()
        decoder = BodyDecoder(wanted_operations(rules))
        self._pipeline = Pipeline(decoder, self._detector, Positions(), self._clock)
        self._number = 0
        self.told: list[Alert] = []

    def receive(self, body: bytes) -> None:
        self.wait_until(time_of(records_in([body])[0]))
        processed = self._pipeline.process(ReceivedEvent("0", self._number, "", None, body))
        assert processed.body is not None
        assert processed.body.problems == ()
        assert processed.failures == ()
        self._number += 1
        self.told += processed.alerts

    def wait_until(self, time: int) -> None:
        now = self._clock.now
        while now < time:
            due = self._detector.next_due()
            now = min(time, time if due is None else max(due, now + SECOND))
            self.told += self._detector.advance(now)

    def wait(self, ticks: int) -> None:
        self.wait_until(self._clock.now + ticks)

    def opened(self) -> list[Alert]:
        return [alert for alert in self.told if alert.event is AlertEvent.OPENED]


def opened(bodies: Iterable[bytes]) -> list[Alert]:
    """The alerts that open when the bodies arrive in this order and nothing more comes for three hours."""
    live = Live(shipped())
    for body in bodies:
        live.receive(body)
    live.wait(3 * HOUR)
    return live.opened()


def rules_that_open(bodies: Iterable[bytes]) -> list[str]:
    return [alert.rule.id for alert in opened(bodies)]


# --- what a rule file must have


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_groups_by_who_and_where(name: str) -> None:
    assert rule_named(name).key_columns[:3] == KEYS


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rule15"])
def test_a_rule_says_what_it_adds_to_rule_15_and_what_noise_to_expect(name: str) -> None:
    description = metadata_of(name)["description"]
    assert isinstance(description, str)
    assert "RULE 15" in description
    assert "Noise:" in description
    assert name in (ROOT / "docs" / "coverage.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("rule15", "feed-switched-off")])
def test_a_rule_is_silent_where_rule_15_has_the_group_open(name: str) -> None:
    assert "rule15" in rule_named(name).handling.yields_to


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rule15"])
def test_a_rule_that_groups_by_the_caller_of_the_operation_lists_the_callers_too(name: str) -> None:
    assert "by Caller = OperationCaller" in text_of(name)
    assert "Callers" in dict(rule_named(name).schema)


def lists_in(name: str) -> dict[str, list[str]]:
    """The lists of a rule by the name of their `let`."""
    lets = re.findall(r"let (\w+) = dynamic\(\[(.*?)\]\);", text_of(name), re.DOTALL)
    return {let: re.findall(r'"([^"]*)"', items) for let, items in lets}


@pytest.mark.parametrize(
    "shared", ["AutomationTerms", "ScriptTypes", "ShortScriptTypes", "Rule15Types", "Refusals"]
)
def test_a_list_that_several_rules_have_is_the_same_in_all(shared: str) -> None:
    found = [lists[shared] for name in NAMES if shared in (lists := lists_in(name))]
    assert len(found) > 1
    assert all(items == found[0] for items in found)


def test_the_types_of_rule_15_are_those_that_other_rules_leave_to_it() -> None:
    assert lists_in("script-extension")["Rule15Types"] == lists_in("rule15")["ExecutionTypes"]


@pytest.mark.parametrize("name", ["run-command-action", "script-extension", "execution-started"])
def test_a_row_is_unfinished_for_a_rule_when_it_is_so_for_the_correlation(name: str) -> None:
    assert {status.lower() for status in lists_in(name)["Unfinished"]} == UNFINISHED


# --- cases


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_of_a_rule_hold(name: str) -> None:
    wrong = {case.name: judge(case, rule_named(name)) for case in cases_of(name)}
    assert {case: why for case, why in wrong.items() if why} == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_of_a_rule_miss_each_of_its_clauses(name: str) -> None:
    cases = cases_of(name)
    assert len(cases) >= 6
    # A row that is unfinished has an outcome by another row only, and `why` is about a record alone.
    missed_by_several = {"OperationOutcome"}
    assert {case.why for case in cases} - {""} == set(rule_named(name).clauses) - missed_by_several


def without_each_clause(text: str) -> list[str]:
    """The rule's text with one `where` less, or one `and` or `or` of several lines; the window stays."""
    clauses = re.findall(r"^\| where (?!TimeGenerated).*\n(?:(?!\||//).*\n)*", text, re.MULTILINE)
    assert len(clauses) >= 4
    parts = re.findall(r"^ +(?:and|or) .*\n", text, re.MULTILINE)
    return [
        *(text.replace(clause, "", 1) for clause in clauses),
        *(text.replace(part, closing(part), 1) for part in parts),
    ]


def closing(part: str) -> str:
    """The brackets that a line closes for others."""
    surplus = part.count(")") - part.count("(")
    return ")" * max(0, surplus) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_no_condition_can_be_left_out_without_a_case_that_notices(name: str) -> None:
    rule = rule_named(name)
    unnoticed = []
    for text in without_each_clause(text_of(name)):
        mutant, problems = compile_kql(text, rule.info, rule.handling, {}, True)
        assert problems == ()
        assert mutant is not None
        if not any(judge(case, mutant) for case in cases_of(name)):
            unnoticed.append(text)
    assert unnoticed == []


# --- attacks


def test_the_attacks_have_every_operation_that_executes_code_or_hides_it() -> None:
    seen = {operation_of(record) for attack in STORIES for record in records_in(bodies_of(attack))}
    assert set(OPERATIONS) - seen == set()
    assert sorted(STORIES) == sorted(path.stem for path in ATTACKS.glob("*.ndjson"))


def test_each_rule_is_the_one_to_page_for_some_attack() -> None:
    assert {name for story in STORIES.values() for name in story["opens"]} == set(NAMES)


@pytest.mark.parametrize("attack", STORIES)
def test_an_attack_opens_what_its_story_says(attack: str) -> None:
    assert rules_that_open(bodies_of(attack)) == STORIES[attack]["opens"]


def test_an_incident_pages_once() -> None:
    pages = {attack: len(story["opens"]) for attack, story in STORIES.items()}
    twice = {attack for attack, number in pages.items() if number > 1}
    # Each stands in docs/coverage.md.
    assert twice == {
        "long-honest-run",
        "run-command-that-fails-after-hours",
        "run-command-without-correlation",
    }
    assert {attack for attack, number in pages.items() if not number} == {"extension-replaced"}


def quick_single_operations() -> list[str]:
    """Attacks that are one operation of at most five minutes: its rows may arrive in any order."""
    chosen = []
    for attack in STORIES:
        records = records_in(bodies_of(attack))
        operations = {record.get("correlationId") for record in records}
        times = [time_of(record) for record in records]
        if len(operations) == 1 and 1 < len(records) <= 3 and max(times) - min(times) <= 5 * MINUTE:
            chosen.append(attack)
    return chosen


def test_the_rows_of_an_operation_page_once_in_any_order() -> None:
    attacks = quick_single_operations()
    assert len(attacks) > 25
    for attack in attacks:
        for order in permutations(bodies_of(attack)):
            assert rules_that_open(order) == STORIES[attack]["opens"], attack


def test_a_record_that_opens_nothing_is_named_in_the_alert_of_rule_15() -> None:
    live = Live(shipped())
    for body in bodies_of("run-command-then-everything-else"):
        live.receive(body)
    live.wait(10 * MINUTE)
    operations = {evidence.operation.lower() for alert in live.told for evidence in alert.evidence}
    assert {alert.rule.id for alert in live.told} == {"rule15"}
    assert "microsoft.compute/virtualmachines/runcommands/write" in operations


def test_a_caller_whom_a_later_row_names_is_told_by_the_alert_that_opened_without_him() -> None:
    live = Live(shipped())
    bodies = bodies_of("caller-on-a-later-row")
    for body in bodies:
        live.receive(body)
    live.wait(10 * MINUTE)
    opened, *later = live.told
    assert (opened.row["Caller"], opened.row["Callers"]) == ("", [])
    assert {alert.alert_id for alert in later} == {opened.alert_id}
    assert later[0].event is AlertEvent.UPDATED
    identity = orjson.loads(bodies[-1])["records"][0]["identity"]
    assert later[0].row["Callers"] == [identity["claims"]["appid"]]


def expected_openings() -> Counter[str]:
    return Counter(name for story in STORIES.values() for name in story["opens"])


def all_attacks() -> list[bytes]:
    """Every body, in order of time."""
    bodies = [body for attack in STORIES for body in bodies_of(attack)]
    return sorted(bodies, key=lambda body: time_of(records_in([body])[0]))


def test_replay_of_all_attacks_prints_the_same_alerts(tmp_path: Path) -> None:
    file = tmp_path / "attacks.ndjson"
    file.write_bytes(b"\n".join(all_attacks()))
    environment = {"STREAM_DETECTOR_RULES__DIRECTORY": str(RULES)}
    code, printed, _ = run_program(["replay", str(file)], environment=environment)
    assert code == 0
    alerts = [orjson.loads(line) for line in printed]
    assert Counter(alert["rule"]["id"] for alert in alerts) == expected_openings()


# --- ordinary days


def test_ordinary_records_are_many_and_various() -> None:
    records = records_in(ordinary_bodies(1))
    assert len(records) == 10_000
    named = {each.name.lower() for each in ORDINARY} | {agent.operation.lower() for agent in AGENTS}
    assert len({operation_of(record) for record in records}) == len(named) >= 150


def test_ordinary_records_are_the_same_for_a_seed() -> None:
    assert list(ordinary_bodies(5, 500)) == list(ordinary_bodies(5, 500))
    assert list(ordinary_bodies(5, 500)) != list(ordinary_bodies(6, 500))


@pytest.mark.parametrize("seed", range(3))
def test_ten_thousand_ordinary_records_raise_nothing(seed: int) -> None:
    assert opened(ordinary_bodies(seed)) == []


def test_attacks_among_ordinary_records_page_as_they_do_alone() -> None:
    noon = parse_time("2026-05-04T12:00:00Z")
    assert noon is not None
    ordinary = list(ordinary_bodies(4, end=noon, span=8 * HOUR))
    mixed = sorted([*ordinary, *all_attacks()], key=lambda body: time_of(records_in([body])[0]))
    assert Counter(alert.rule.id for alert in opened(mixed)) == expected_openings()
