"""Writes executions: the one to three records that Azure emits for one operation, with their facts.

Times are counted back from the final record, so that a stream anchored at "now" holds no future.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import orjson

from stream_detector.generate.cases import ATTACKS, NEAR_MISSES, Case, extension_document
from stream_detector.generate.facts import GeneratedRecord, Purpose
from stream_detector.generate.operations import BACKGROUND, EXTENSION_WRITE
from stream_detector.generate.payloads import payload
from stream_detector.generate.people import Directory, Principal, new_uuid, public_address, user_name
from stream_detector.generate.records import common_properties, stream_record, table_record
from stream_detector.ticks import SECOND

_DETAILS = {
    "Start": "Started.",
    "Accept": "Accepted.Created",
    "Success": "Succeeded.OK",
    "Succeeded": "Succeeded.OK",
    "Failure": "Failed.Conflict",
}
_PHASES = {1: (), 2: ("Start",), 3: ("Start", "Accept")}
_WORKLOADS = ("payments", "web", "batch", "identity", "build", "reports")


@dataclass(frozen=True, slots=True)
class Written:
    """One record with its facts."""

    fact: GeneratedRecord
    record: dict[str, object]


@dataclass(frozen=True, slots=True)
class Target:
    """Who does something where: the group of the alert, and an address."""

    principal: Principal
    subscription_id: str
    resource_group: str
    address: str

    def resource(self, path: str) -> str:
        """Full resource id of what lies at `path` below `/providers/`."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/providers/{path}"


class Author:
    """Writes executions of one tenant. All randomness comes from the given generator."""

    def __init__(self, random: Random, directory: Directory, groups: int, table_schema: bool = False) -> None:
        self._random = random
        self._directory = directory
        self._groups = max(1, groups)
        self._targets: dict[int, Target] = {}
        self._attacks = 0
        self._near_misses = 0
        self._schema = table_record if table_schema else stream_record
        self._operation_weights = [operation.weight for operation in BACKGROUND]

    def target(self, group: int) -> Target:
        """The target of one group: every number gives another (Caller, ResourceGroup, SubscriptionId)."""
        if group not in self._targets:
            random = self._random
            kind = group % 10
            object_id = new_uuid(random)
            if kind == 3:
                principal = Principal(new_uuid(random), object_id, True)
            elif kind == 7:
                # Not excluded: "azuredevops" is one term, and the list says "devops".
                principal = Principal(f"azuredevops-{group}@contoso.com", object_id, False)
            elif kind == 9:
                principal = Principal("", object_id, False)
            else:
                principal = Principal(user_name(random, group), object_id, False)
            subscriptions = self._directory.subscriptions
            resource_group = f"rg-{random.choice(_WORKLOADS)}-{group:04d}"
            address = public_address(random)
            self._targets[group] = Target(
                principal, subscriptions[group % len(subscriptions)], resource_group, address
            )
        return self._targets[group]

    def attack(self, end: int, short: bool = False) -> list[Written]:
        """An execution whose final record matches RULE 15, in the next group (each once, then at random)."""
        number = self._attacks
        self._attacks += 1
        group = number if number < self._groups else self._random.randrange(self._groups)
        return self.execution(ATTACKS[number % len(ATTACKS)], self.target(group), end, short)

    def near_miss(self, end: int, short: bool = False) -> list[Written]:
        """An execution that misses RULE 15 by one clause, in the same groups as the attacks."""
        number = self._near_misses
        self._near_misses += 1
        target = self.target(self._random.randrange(self._groups))
        return self.execution(NEAR_MISSES[number % len(NEAR_MISSES)], target, end, short)

    def execution(self, case: Case, target: Target, end: int, short: bool = False) -> list[Written]:
        """The records of one case; `short` leaves only the final one."""
        number = self._random.randrange(200)
        path = case.path or f"Microsoft.Compute/virtualMachines/vm{number}"
        if case.extension:
            path += f"/extensions/{case.extension}"
        principal = target.principal
        if case.caller is not None:
            principal = Principal(case.caller, principal.object_id, False)
        address = target.address if case.address is None else case.address
        described = Target(principal, target.subscription_id, target.resource_group, address)
        started: dict[str, object] = {}
        if case.operation == EXTENSION_WRITE:
            document = extension_document("Microsoft.Compute", case.requested_type)
            started["requestbody"] = orjson.dumps(document).decode()
        slow = 20 + 70 * self._random.random()
        pending = [] if short else [("Start", slow, started), ("Accept", slow - 0.6, {})]
        final = (case.status, 0.0, dict(case.result))
        return self._write(described, case.operation, path.format(n=number), [*pending, final], end, case)

    def background(self, end: int) -> list[Written]:
        """An ordinary operation of the tenant."""
        random = self._random
        operation = random.choices(BACKGROUND, self._operation_weights)[0]
        number = random.randrange(3000)
        target = Target(
            random.choice(self._directory.background),
            random.choice(self._directory.subscriptions),
            f"rg-{_WORKLOADS[number % 6]}-{number % 60}",
            public_address(random),
        )
        seconds = random.random() * (60 if operation.phases == 3 else 1)
        carried = payload(operation.payload, number, random)
        status = "Failure" if random.random() < 0.03 else "Success"
        phases = [
            (phase, seconds - 0.3 * index, carried if index == 0 else {})
            for index, phase in enumerate(_PHASES[operation.phases])
        ]
        final = (status, 0.0, carried if operation.phases == 1 else {})
        return self._write(
            target, operation.name, operation.path.format(n=number), [*phases, final], end, operation.category
        )

    def _write(
        self,
        target: Target,
        action: str,
        path: str,
        phases: list[tuple[str, float, dict[str, object]]],
        end: int,
        origin: Case | str,
    ) -> list[Written]:
        """One record per phase: status, seconds before `end`, properties. `origin`: a case or a category."""
        entity = target.resource(path)
        correlation_id = new_uuid(self._random)
        written = []
        for status, before, carried in phases:
            time = end - max(0, int(before * SECOND))
            fact = self._fact(target, action, entity, status, time, correlation_id, origin)
            properties = common_properties(fact, entity, action, self._directory.tenant_id)
            properties["statusCode"] = "OK" if status == "Success" else "Created"
            properties["serviceRequestId"] = correlation_id
            properties |= carried
            record = self._schema(fact, target.principal, action, properties, self._directory, self._random)
            written.append(Written(fact, record))
        return written

    def _fact(
        self,
        target: Target,
        action: str,
        entity: str,
        status: str,
        time: int,
        correlation_id: str,
        origin: Case | str,
    ) -> GeneratedRecord:
        """Operation and resource id in capitals or not, each by itself: Azure keeps to neither."""
        case = origin if isinstance(origin, Case) else None
        shouted, upper = self._random.random() < 0.6, self._random.random() < 0.6
        return GeneratedRecord(
            time=time,
            operation=action.upper() if shouted else action,
            status=status,
            status_detail=_DETAILS[status],
            caller=target.principal.caller,
            caller_ip=target.address,
            subscription_id=target.subscription_id.upper() if upper else target.subscription_id,
            resource_group=target.resource_group.upper() if upper else target.resource_group,
            resource_id=entity.upper() if upper else entity,
            correlation_id=correlation_id,
            category="Administrative" if case else str(origin),
            purpose=case.purpose if case else Purpose.BACKGROUND,
            case=case.name if case else "background",
            matches=case is not None and case.matches and status == case.status,
        )
