"""Answers to the three questions of an orchestrator."""

from __future__ import annotations

import asyncio

from stream_detector.observe.health import Health, Phase


class Clock:
    """Seconds that only move when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_process_that_loads_is_live_and_neither_ready_nor_started() -> None:
    health = Health()
    health.enter(Phase.LOADING)
    assert health.live().ok
    assert health.ready().reasons == ("the detector is loading",)
    assert not health.started().ok


def test_a_process_that_receives_is_all_three() -> None:
    health = Health()
    health.enter(Phase.RECEIVING)
    assert health.live().ok
    assert health.ready().ok
    assert health.started().ok


def test_stopping_is_final_not_ready_and_still_started() -> None:
    health = Health()
    health.enter(Phase.RECEIVING)
    health.enter(Phase.STOPPING)
    health.enter(Phase.RECEIVING)
    assert health.phase is Phase.STOPPING
    assert health.ready().reasons == ("the detector is stopping",)
    assert health.live().ok
    assert health.started().ok


def test_a_lost_hub_makes_the_process_not_ready_and_leaves_it_live() -> None:
    health = Health()
    health.enter(Phase.RECEIVING)
    health.obstacle("hub", "connection lost")
    assert health.ready().reasons == ("hub: connection lost",)
    assert health.live().ok
    health.obstacle("hub", None)
    assert health.ready().ok


def test_a_silent_event_loop_is_not_live_until_it_beats_again() -> None:
    clock = Clock()
    health = Health(clock, beat_timeout=30)
    clock.now += 30
    assert health.live().ok
    clock.now += 1
    assert health.live().reasons == ("the event loop has not turned for 31 s",)
    health.beat()
    assert health.live().ok


async def test_an_essential_task_that_ended_makes_the_process_not_live() -> None:
    health = Health()
    health.enter(Phase.RECEIVING)
    forever = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await forever

    task = asyncio.create_task(work())
    health.watch("receiver", task)
    assert health.live().ok
    forever.set_result(None)
    await task
    assert health.live().reasons == ("task receiver has ended",)
    assert "task receiver has ended" in health.ready().reasons


async def test_tasks_may_end_while_the_process_stops() -> None:
    health = Health()
    task = asyncio.create_task(asyncio.sleep(0))
    health.watch("receiver", task)
    await task
    health.enter(Phase.STOPPING)
    assert health.live().ok
