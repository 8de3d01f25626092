r"""Ordinary administrative records: a stream in which no shipped rule has anything to say.

    Start -- Accept ------------- Success       an operation of three rows; the body is on the Start row
         \______\_____________________\____     arrival: seconds to minutes later, so not in order

Every operation of the catalogue comes up, the rarest too. Among them are things that look like attacks
and are none: agents installed by Azure Policy, templates and policies that name script extensions,
requests that fail. Deterministic for a seed; reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

import orjson

from stream_detector.generate.cases import extension_document
from stream_detector.generate.facts import GeneratedRecord, Purpose
from stream_detector.generate.operations import Operation, Payload
from stream_detector.generate.ordinary_operations import AGENTS, ORDINARY, Agent
from stream_detector.generate.payloads import payload
from stream_detector.generate.people import Directory, Principal, new_uuid, public_address
from stream_detector.generate.records import common_properties, stream_record
from stream_detector.generate.shapes import encode
from stream_detector.generate.stream import DEFAULT_END
from stream_detector.ticks import HOUR, MINUTE, SECOND

_AGENT_SHARE = 0.06
"""Operations that install an agent."""
_FAILURE_SHARE = 0.04
_PHASES = {1: (), 2: ("Start",), 3: ("Start", "Accept")}
_DETAILS = {
    "Start": "Started.",
    "Accept": "Accepted.Accepted",
    "Success": "Succeeded.OK",
    "Succeeded": "Succeeded.Created",
    "Failure": "Failed.Conflict",
}
_MOST_IN_A_BODY = 20


@dataclass(frozen=True, slots=True)
class _Row:
    """A record, and the time (ticks) at which it arrives."""

    arrival: int
    record: dict[str, object]


def ordinary_bodies(
    seed: int, records: int = 10_000, end: int = DEFAULT_END, span: int = 24 * HOUR
) -> Iterator[bytes]:
    """Bodies of exactly `records` records in order of arrival; operations end in the `span` before `end`.

    With 1,000 records or more every operation of ORDINARY and AGENTS occurs. Times are ticks.
    """
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    tenant = _Tenant(random)
    rows: list[_Row] = []
    for number in count():
        if len(rows) >= records:
            break
        rows += tenant.operation(number, end - int(random.random() * span))
    arrivals = sorted(rows[:records], key=lambda row: row.arrival)
    position = 0
    while position < records:
        size = 1 + int(random.random() ** 3 * _MOST_IN_A_BODY)
        yield encode([row.record for row in arrivals[position : position + size]])
        position += size


class _Tenant:
    """Who works there, and what they do. All randomness comes from the given generator."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._directory = Directory(random)
        self._policy = Principal(new_uuid(random), new_uuid(random), True)
        """The identity of a policy assignment that installs agents."""
        self._agents = count()

    def operation(self, number: int, end: int) -> list[_Row]:
        """The rows of an operation that ends at `end`: each of the catalogue once, then at random."""
        random = self._random
        if random.random() < _AGENT_SHARE:
            return self._agent(AGENTS[next(self._agents) % len(AGENTS)], end)
        if number < len(ORDINARY):
            operation = ORDINARY[number]
        else:
            operation = random.choices(ORDINARY, [each.weight for each in ORDINARY])[0]
        principal = random.choice(self._directory.background)
        resource = random.randrange(3000)
        carried = payload(operation.payload, resource, random)
        return self._rows(operation, operation.path.format(n=resource), principal, carried, end)

    def _agent(self, agent: Agent, end: int) -> list[_Row]:
        """An agent written by Azure Policy or by somebody: the type on the Start row, at times at the end."""
        random = self._random
        machine = agent.machine.rpartition("/")[2].lower()
        path = f"{agent.machine}/{machine}{random.randrange(3000)}/extensions/{agent.type}"
        person = random.choice(self._directory.background)
        principal = self._policy if random.random() < 0.6 else person
        document = orjson.dumps(extension_document(agent.publisher, agent.type)).decode()
        document = document.replace("echo generated", "").replace("commandToExecute", "workspace")
        operation = Operation(agent.operation, path, 3, Payload.REQUEST)
        return self._rows(operation, path, principal, {"requestbody": document}, end)

    def _rows(
        self, operation: Operation, path: str, principal: Principal, carried: dict[str, object], end: int
    ) -> list[_Row]:
        random = self._random
        subscription = random.choice(self._directory.subscriptions)
        group = f"rg-ordinary-{random.randrange(80)}"
        entity = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{path}"
        address = public_address(random)
        correlation_id = new_uuid(random)
        status = self._ending(operation)
        slow = (5 * MINUTE if operation.phases == 3 else SECOND) * random.random()
        begun = _PHASES[operation.phases]
        steps = [(phase, end - int(slow) + index * SECOND // 3) for index, phase in enumerate(begun)]
        # In the older shape the last row of what takes its time has no address.
        last_address = "" if operation.phases == 3 and random.random() < 0.5 else address
        rows = []
        for phase, time in [*steps, (status, end)]:
            is_first = phase == "Start" or not begun
            origin = last_address if phase == status else address
            fact = self._fact(operation, entity, phase, time, principal, origin, correlation_id)
            properties = common_properties(fact, entity, operation.name, self._directory.tenant_id)
            properties |= carried if is_first else {}
            if phase == "Success" and "requestbody" in carried and random.random() < 0.3:
                properties["responseBody"] = carried["requestbody"]
            record = stream_record(fact, principal, operation.name, properties, self._directory, random)
            rows.append(_Row(time + self._delay(), record))
        return rows

    def _ending(self, operation: Operation) -> str:
        if self._random.random() < _FAILURE_SHARE:
            return "Failure"
        return "Succeeded" if operation.phases == 2 and self._random.random() < 0.1 else "Success"

    def _delay(self) -> int:
        """Ticks between event and arrival: a minute or two, at times twenty."""
        longest = 20 * MINUTE if self._random.random() < 0.02 else 2 * MINUTE
        return int(self._random.random() * longest)

    def _fact(
        self,
        operation: Operation,
        entity: str,
        status: str,
        time: int,
        principal: Principal,
        address: str,
        correlation_id: str,
    ) -> GeneratedRecord:
        """Operation and resource id in capitals or not, each by itself: Azure keeps to neither."""
        random = self._random
        segments = entity.split("/")
        shouted = entity.upper() if random.random() < 0.6 else entity
        return GeneratedRecord(
            time=time,
            operation=operation.name.upper() if random.random() < 0.6 else operation.name,
            status=status,
            status_detail=_DETAILS[status],
            caller=principal.caller,
            caller_ip=address,
            subscription_id=segments[2],
            resource_group=segments[4],
            resource_id=shouted,
            correlation_id=correlation_id,
            category=operation.category,
            purpose=Purpose.BACKGROUND,
            case="ordinary",
            matches=False,
        )
