"""The way to the hub breaks, again and again: nothing is lost, nothing is paged twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from services.records import run_command_body
from services.stack import Detector, detector
from services.waiting import wait_until

from stream_detector.localhub import LocalHub

HUB = "insights-operational-logs"


def _body(number: int) -> bytes:
    return run_command_body(f"user{number}@contoso.example")


@pytest.fixture
async def hub() -> AsyncIterator[LocalHub]:
    async with LocalHub({HUB: 4}) as hub:
        yield hub


def _environment(hub: LocalHub) -> dict[str, str]:
    return {"STREAM_DETECTOR_HUB__CONNECTION_STRING": hub.connection_string()}


async def test_connections_that_are_cut_again_and_again_lose_and_repeat_nothing(
    hub: LocalHub, tmp_path: Path
) -> None:
    rounds, each = 6, 40
    with detector(_environment(hub), tmp_path, wait=False) as running:
        await wait_until(lambda: any("receiving" in line for line in running.program.stderr), "receiving")
        for turn in range(rounds):
            for number in range(each):
                hub.append(HUB, str(number % 4), _body(turn * each + number))
            await wait_until(lambda turn=turn: len(running.opened()) >= turn * each + 1, "some alerts")  # type: ignore[misc]
            hub.faults.drop_connections()
        await wait_until(lambda: len(running.opened()) >= rounds * each, "every alert", 90)
        opened = running.opened()
        assert len(opened) == len({alert["alert_id"] for alert in opened}) == rounds * each
        running.program.terminate()
        await wait_until(lambda: running.program.wait() == 0, "a clean end")


async def test_events_that_the_hub_sends_again_are_counted_and_skipped(hub: LocalHub, tmp_path: Path) -> None:
    with detector(_environment(hub), tmp_path, wait=False) as running:
        for number in range(20):
            hub.append(HUB, "2", _body(number))
        await wait_until(lambda: len(running.opened()) >= 20, "twenty alerts")
        assert hub.faults.redeliver(HUB, "2", 5) == 1
        await wait_until(lambda: running.metric("duplicates_total", layer="redelivery") >= 15, "repetitions")
        hub.append(HUB, "2", _body(20))
        await wait_until(lambda: len(running.opened()) >= 21, "the next alert")
        assert len(running.opened()) == 21
        assert await _metric(running, "duplicates_total", layer="content") == 0


async def test_a_partition_whose_link_is_detached_is_read_on(hub: LocalHub, tmp_path: Path) -> None:
    with detector(_environment(hub), tmp_path, wait=False) as running:
        hub.append(HUB, "0", _body(0))
        await wait_until(lambda: len(running.opened()) >= 1, "the first alert")
        for number in range(1, 6):
            hub.faults.drop_receivers(HUB, "0")
            hub.append(HUB, "0", _body(number))
            await wait_until(lambda number=number: len(running.opened()) > number, "the next alert", 40)  # type: ignore[misc]
        assert len(running.opened()) == 6


async def _metric(running: Detector, name: str, **labels: str) -> float:
    return await asyncio.to_thread(lambda: running.metric(name, **labels))
