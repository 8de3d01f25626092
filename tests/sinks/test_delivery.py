"""The queue in front of the sinks: order, back-pressure, and trying again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from stream_detector.detect.alert import Alert, AlertEvent
from stream_detector.rules.model import RuleInfo
from stream_detector.sinks import delivery as module
from stream_detector.sinks.delivery import Delivery, Route
from stream_detector.sinks.port import DeliverableAlert, Outcome

RULE = RuleInfo("r", "R", "1", "High", (), (), "")


def alert(number: int, event: AlertEvent = AlertEvent.OPENED) -> Alert:
    return Alert(f"id-{number}", "key", event, 1, RULE, {}, {}, 0, 0, False, (), "")


@dataclass
class Receiver:
    """A receiver that answers what it is told to, in order, then takes everything."""

    name: str = "receiver"
    answers: list[Outcome | Exception] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def deliver(self, alert: DeliverableAlert) -> Outcome:
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else Outcome.DELIVERED
        if isinstance(answer, Exception):
            raise answer
        if answer is Outcome.DELIVERED:
            self.taken.append(alert.alert_id)
        return answer

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass
class Seen:
    """What the observer was told."""

    attempts: list[tuple[str, Outcome]] = field(default_factory=list)
    acknowledged_ids: list[str] = field(default_factory=list)
    depth: int = 0

    def attempt(self, sink: str, outcome: Outcome) -> None:
        self.attempts.append((sink, outcome))

    def acknowledged(self, alert: Alert, received_at: float) -> None:
        self.acknowledged_ids.append(alert.alert_id)

    def outbox(self, depth: int, oldest_received_at: float | None) -> None:
        self.depth = depth


ALL = frozenset({"opened", "updated", "closed"})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)


async def test_alerts_arrive_in_the_order_in_which_they_were_put() -> None:
    receiver, seen = Receiver(), Seen()
    delivery = Delivery([Route(receiver, ALL)], seen)
    for number in range(100):
        delivery.put(alert(number), 0.0)
    worker = asyncio.create_task(delivery.run())
    await delivery.reached(delivery.mark())
    worker.cancel()
    assert receiver.taken == [f"id-{number}" for number in range(100)]
    assert seen.acknowledged_ids == receiver.taken
    assert seen.depth == 0


async def test_an_alert_that_is_not_taken_is_tried_again_before_its_successor() -> None:
    receiver, seen = Receiver(answers=[Outcome.RETRY, OSError("down"), Outcome.RETRY]), Seen()
    delivery = Delivery([Route(receiver, ALL)], seen)
    delivery.put(alert(1), 0.0)
    delivery.put(alert(2), 0.0)
    worker = asyncio.create_task(delivery.run())
    await delivery.reached(2)
    worker.cancel()
    assert receiver.taken == ["id-1", "id-2"]
    assert [outcome for _, outcome in seen.attempts].count(Outcome.RETRY) == 3


async def test_a_refused_alert_is_counted_and_does_not_hold_up_the_next() -> None:
    receiver, seen = Receiver(answers=[Outcome.REJECTED]), Seen()
    delivery = Delivery([Route(receiver, ALL)], seen)
    delivery.put(alert(1), 0.0)
    delivery.put(alert(2), 0.0)
    worker = asyncio.create_task(delivery.run())
    await delivery.reached(2)
    worker.cancel()
    assert receiver.taken == ["id-2"]
    assert (receiver.name, Outcome.REJECTED) in seen.attempts


async def test_a_sink_gets_only_the_events_it_wants() -> None:
    pager, log = Receiver("pager"), Receiver("log")
    delivery = Delivery([Route(pager, frozenset({"opened"})), Route(log, ALL)], Seen())
    delivery.put(alert(1), 0.0)
    delivery.put(alert(2, AlertEvent.CLOSED), 0.0)
    worker = asyncio.create_task(delivery.run())
    await delivery.reached(2)
    worker.cancel()
    assert pager.taken == ["id-1"]
    assert log.taken == ["id-1", "id-2"]


async def test_a_full_queue_holds_the_receivers_back_until_there_is_room() -> None:
    receiver = Receiver(gate=asyncio.Event())
    delivery = Delivery([Route(receiver, ALL)], Seen(), limit=2)
    worker = asyncio.create_task(delivery.run())
    await delivery.room()
    delivery.put(alert(1), 0.0)
    delivery.put(alert(2), 0.0)
    waiting = asyncio.create_task(delivery.room())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    assert receiver.gate is not None
    receiver.gate.set()
    await asyncio.wait_for(waiting, 5)
    worker.cancel()


async def test_a_mark_is_reached_only_when_everything_before_it_was_delivered() -> None:
    receiver = Receiver(gate=asyncio.Event())
    delivery = Delivery([Route(receiver, ALL)], Seen())
    worker = asyncio.create_task(delivery.run())
    delivery.put(alert(1), 0.0)
    mark = delivery.mark()
    reached = asyncio.create_task(delivery.reached(mark))
    done, _ = await asyncio.wait([reached], timeout=0.05)
    assert not done
    assert receiver.gate is not None
    receiver.gate.set()
    await asyncio.wait_for(reached, 5)
    worker.cancel()
