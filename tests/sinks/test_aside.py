"""Work beside the event loop: in order, with its errors, and never waited for at the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stream_detector.sinks import aside
from stream_detector.sinks.aside import Aside


async def test_calls_run_in_order_on_one_daemon_thread() -> None:
    seen: list[tuple[int, threading.Thread]] = []
    work = Aside("test")
    calls = [work.run(lambda n=n: seen.append((n, threading.current_thread()))) for n in range(50)]  # type: ignore[misc]
    await asyncio.gather(*calls)
    assert [n for n, _ in seen] == list(range(50))
    assert len({thread for _, thread in seen}) == 1
    assert seen[0][1].daemon
    assert seen[0][1] is not threading.current_thread()


async def test_the_loop_turns_while_a_call_blocks() -> None:
    release = threading.Event()
    waiting = asyncio.create_task(Aside("test").run(lambda: _wait(release)))
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    await asyncio.wait_for(waiting, 30)


async def test_an_error_reaches_the_caller_and_the_next_call_runs() -> None:
    def fail() -> None:
        raise OSError("broken")

    work = Aside("test")
    with pytest.raises(OSError, match="broken"):
        await work.run(fail)
    done: list[int] = []
    await work.run(lambda: done.append(1))
    assert done == [1]


async def test_a_call_whose_waiting_was_cancelled_still_ends_before_the_next() -> None:
    release, seen = threading.Event(), []

    def slow() -> None:
        release.wait(30)
        seen.append("slow")

    work = Aside("test")
    waiting = asyncio.create_task(work.run(slow))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    following = asyncio.create_task(work.run(lambda: seen.append("next")))
    release.set()
    await asyncio.wait_for(following, 30)
    assert seen == ["slow", "next"]


async def test_a_thread_that_ended_for_want_of_work_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "IDLE", 0.01)
    threads: list[threading.Thread] = []
    work = Aside("test")
    await work.run(lambda: threads.append(threading.current_thread()))
    await asyncio.to_thread(threads[0].join, 30)
    assert not threads[0].is_alive()
    await work.run(lambda: threads.append(threading.current_thread()))
    assert threads[1] is not threads[0]


def _wait(event: threading.Event) -> None:
    assert event.wait(30)
