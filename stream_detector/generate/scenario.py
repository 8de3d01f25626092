"""The demo's story: ten seconds of a tenant, with five attacks and two things that RULE 15 passes over.

    seconds   0 ------ 1 ------ 2 ------ 3 ------ 4 ------ 5 ------ 6 ------ 7 ------ 8 ------ 9
    RULE 15        A                     B        C        D             E             A again
    other rules                 t        (B touches four machines,  f    one alert)

Steps say when they are due and are rendered with the time of that moment, so that their records
are as fresh as a live feed's. Reads no clock: whoever plays the story passes the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from stream_detector.generate.cases import ATTACKS, NEAR_MISSES, Case
from stream_detector.generate.executions import Author, Target, Written
from stream_detector.generate.facts import GeneratedBody
from stream_detector.generate.people import Directory, Principal, new_uuid
from stream_detector.generate.shapes import encode, escape_operations
from stream_detector.ticks import MINUTE

SCENARIO_SECONDS = 10.0
_BACKGROUND_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """One body of the story."""

    after: float
    """Seconds since the story began."""
    title: str
    """What happens, for a reader of the demo; "" for background."""
    pages: str
    """Id of the rule of which exactly one page follows this step; "" when none does."""
    render: Callable[[int], GeneratedBody]
    """Writes the body for a moment in ticks. Called once, in order."""


def scenario(seed: int = 15) -> Iterator[Step]:
    """The steps in the order they are due."""
    story = _Story(Random(seed))  # noqa: S311 - repeatable on purpose
    background = [
        Step(index * _BACKGROUND_EVERY, "", "", story.background)
        for index in range(int(SCENARIO_SECONDS / _BACKGROUND_EVERY))
    ]
    return iter(sorted([*background, *story.events()], key=lambda step: step.after))


def scenario_pages(seed: int = 15) -> int:
    """How many alerts open when the whole story is played."""
    return sum(bool(step.pages) for step in scenario(seed))


def _case(cases: tuple[Case, ...], name: str) -> Case:
    return next(case for case in cases if case.name == name)


class _Story:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._directory = Directory(random)
        self._author = Author(random, self._directory, groups=1)

    def _target(self, caller: str, resource_group: str, address: str) -> Target:
        service = "@" not in caller
        subscription = self._directory.subscriptions[0]
        principal = Principal(caller, new_uuid(self._random), service)
        return Target(principal, subscription, resource_group, address)

    def background(self, now: int) -> GeneratedBody:
        """A handful of ordinary operations."""
        return _body([written for _ in range(3) for written in self._author.background(now)])

    def _attack(self, case: Case, target: Target, late: int = 0) -> Callable[[int], GeneratedBody]:
        """The case among ordinary records of the same moment; `late` ticks between event and arrival."""

        def render(now: int) -> GeneratedBody:
            attack = self._author.execution(case, target, now - late)
            return _body([*self._author.background(now), *attack, *self._author.background(now)])

        return render

    def events(self) -> list[Step]:
        """Everything that is not background."""
        run_command = _case(ATTACKS, "run command")
        by_type = _case(ATTACKS, "type in response text")
        # A: a phished administrator runs a command on a payment server.
        phished = self._target("adele.vance@contoso.com", "rg-payments", "203.0.113.77")
        # B: a stolen service principal (a GUID to the log) pushes a script to four machines: one page.
        stolen = self._target(new_uuid(self._random), "rg-web", "198.51.100.23")
        # C: a Linux script extension under a harmless name, its operation spelled with JSON escapes.
        hidden = self._target("joni.sherman@contoso.com", "rg-batch", "192.0.2.200")
        # D: an insider at night, whose records the platform delivers four minutes late.
        insider = self._target("lee.gu@contoso.com", "rg-identity", "2001:db8::15")
        # E: an attack in the same body as a record that cannot be read.
        neighbour = self._target("diego.siciliani@contoso.com", "rg-build", "203.0.113.9")
        # t: the Terraform pipeline, which RULE 15 leaves out by its name, and nobody has listed yet.
        pipeline = self._target("svc-terraform@contoso.com", "rg-web", "192.0.2.8")
        allowed = self._attack(_case(NEAR_MISSES, "excluded caller"), pipeline)
        failed = self._attack(_case(NEAR_MISSES, "failed"), neighbour)
        again = self._attack(run_command, phished)
        return [
            Step(
                0.4, "A: Run Command by a phished administrator", "rule15", self._attack(run_command, phished)
            ),
            Step(2.1, "Terraform installs an extension: excluded-caller pages", "excluded-caller", allowed),
            Step(
                3.0, "B: a stolen service principal, four machines", "rule15", self._attack(by_type, stolen)
            ),
            *(
                Step(3.0 + 0.2 * index, "B: the next machine, same group", "", self._attack(by_type, stolen))
                for index in (1, 2, 3)
            ),
            Step(4.2, "C: Linux script, operation written with escapes", "rule15", self._escaped(hidden)),
            Step(
                5.1,
                "D: delivered four minutes late",
                "rule15",
                self._attack(run_command, insider, 4 * MINUTE),
            ),
            Step(6.0, "a script that ran and failed: script-extension pages", "script-extension", failed),
            Step(6.8, "E: next to a record that cannot be read", "rule15", self._beside_broken(neighbour)),
            Step(8.2, "A again: the same group is still open, no second page", "", again),
        ]

    def _escaped(self, target: Target) -> Callable[[int], GeneratedBody]:
        plain = self._attack(_case(ATTACKS, "linux type at the top"), target)

        def render(now: int) -> GeneratedBody:
            body = plain(now)
            return GeneratedBody(escape_operations(body.body, self._random), body.records)

        return render

    def _beside_broken(self, target: Target) -> Callable[[int], GeneratedBody]:
        def render(now: int) -> GeneratedBody:
            written = self._author.execution(_case(ATTACKS, "type at the top"), target, now)
            records = [each.record for each in written]
            broken = records[0] | {"operationName": 15}
            return GeneratedBody(encode([broken, *records]), tuple(each.fact for each in written))

        return render


def _body(written: list[Written]) -> GeneratedBody:
    return GeneratedBody(encode([each.record for each in written]), tuple(each.fact for each in written))
