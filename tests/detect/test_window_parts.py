"""The parts below the windows: positions, schedule, times, names, memory."""

from __future__ import annotations

import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import NOON, detector, machine, record

from stream_detector.detect import identity
from stream_detector.detect import times as remembered
from stream_detector.detect.positions import Position, Positions
from stream_detector.detect.schedule import Schedule
from stream_detector.detect.shared_texts import SharedTexts


def test_an_event_at_or_before_the_last_applied_one_is_not_new() -> None:
    positions = Positions()
    assert positions.is_new("0", 0)
    positions.advance("0", 599, "9000")
    assert [positions.is_new("0", number) for number in (550, 599, 600)] == [False, False, True]
    assert positions.is_new("1", 0)


def test_positions_never_move_back() -> None:
    positions = Positions({"0": Position(599, "9000")})
    positions.advance("0", 550, "8000")
    assert positions.last("0") == Position(599, "9000")


def test_a_reset_partition_starts_anew() -> None:
    positions = Positions({"0": Position(599, "9000"), "1": Position(1, "1:143:0")})
    positions.reset("0")
    assert positions.is_new("0", 0)
    assert positions.snapshot() == {"1": Position(1, "1:143:0")}


@given(st.integers(1, 7), st.lists(st.tuples(st.booleans(), st.integers(-50, 50)), max_size=60))
def test_the_schedule_gives_every_entry_in_time_and_none_late(
    slot: int, steps: list[tuple[bool, int]]
) -> None:
    schedule, waiting, now = Schedule(slot), dict[bytes, int](), 0
    for number, (is_put, change) in enumerate(steps):
        if is_put:
            name = str(number).encode()
            waiting[name] = now + change
            assert schedule.put(now + change, name) <= now + change
        else:
            now += abs(change)
        assert set(schedule.coming(now)) >= {name for name, due in waiting.items() if due <= now}
        first = schedule.next()
        assert (first is None) == (not waiting)
        assert first is None or first <= min(waiting.values())
        while (entry := schedule.pop(now)) is not None:
            time, name = entry
            assert time <= waiting[name]
            if waiting[name] > now:
                assert schedule.put(waiting[name], name) > now, (
                    "an early entry must not come up at once again"
                )
            else:
                del waiting[name]
        assert all(due > now for due in waiting.values())


_records = st.tuples(st.integers(-20, 20), st.integers(-(2**63), 2**63 - 1))


@given(st.lists(_records, max_size=40), st.integers(-25, 25))
def test_times_are_a_sorted_list_of_pairs(records: list[tuple[int, int]], instant: int) -> None:
    times, plain = array("q"), list[tuple[int, int]]()
    for time, mark in records:
        assert remembered.holds(times, time, mark) == ((time, mark) in plain)
        position = remembered.insert(times, time, mark)
        plain = sorted([*plain, (time, mark)])
        assert plain[position] == (time, mark)
    assert list(zip(times[::2], times[1::2], strict=True)) == plain
    assert remembered.count_through(times, instant) == sum(time <= instant for time, _ in plain)
    assert remembered.size(times) == len(plain)


def test_fields_of_a_fingerprint_cannot_run_together() -> None:
    one = record(NOON, correlation_id="ab", resource_id="c")
    other = record(NOON, correlation_id="a", resource_id="bc")
    assert identity.fingerprint(one) != identity.fingerprint(other)


def test_half_a_surrogate_pair_in_a_name_is_no_error() -> None:
    assert identity.group_digest("r", ("\ud800",), ignore_case=True) != identity.group_digest(
        "r", ("?",), ignore_case=True
    )
    assert detector().apply(record(NOON, caller="\ud800"), NOON).alerts


def test_a_digest_tells_rules_apart() -> None:
    assert identity.group_digest("r1", ("a",), ignore_case=True) != identity.group_digest(
        "r2", ("a",), ignore_case=True
    )


def test_shared_texts_are_equal_and_bounded() -> None:
    texts = SharedTexts()
    first = texts.of("operation " + "x")
    assert texts.of("operation " + "".join(["x"])) is first
    for number in range(10_000):
        assert texts.of(f"caller {number}") == f"caller {number}"
    assert texts.all_of(("a", "b" * 10_000)) == ("a", "b" * 10_000)


def _traced(groups: int, first: int) -> int:
    """Bytes held for `groups` new groups of one record each, the texts of the records included."""
    windows = detector()
    windows.apply(record(NOON), NOON)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(first, first + groups):
            group = f"rg-application-{number:05}"
            columns = {
                "caller": f"user{number:06}@contoso.example",
                "resource_group": group,
                "subscription_id": f"00000000-0000-4000-8000-{number:012}",
                "resource_id": machine(f"vm{number:05}").replace("RG-App", group),
                "correlation_id": f"00000000-0000-4000-9000-{number:012}",
                "caller_ip": f"203.0.113.{number % 250}",
            }
            windows.apply(record(NOON + number * 1009, **columns), NOON + number * 1009 + 7)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_a_group_with_one_record_takes_less_than_one_and_a_half_kilobytes() -> None:
    assert _traced(groups=4000, first=1) / 4000 < 1536


def test_a_further_record_takes_sixteen_bytes() -> None:
    windows = detector()
    hot = [record(NOON + number, f"vm{number % 5}", correlation_id="c") for number in range(9000)]
    held = []
    tracemalloc.start()
    try:
        for number, each in enumerate(hot):
            if number in (4999, 8999):  # by then the interpreter's lists of spare tuples are full
                held.append(tracemalloc.get_traced_memory()[0])
            windows.apply(each, NOON)
    finally:
        tracemalloc.stop()
    assert (held[1] - held[0]) / 4000 < 20  # an array grows by a sixteenth at a time


@pytest.mark.parametrize("count", [1, 3])
def test_the_oldest_times_are_dropped_first(count: int) -> None:
    times = array("q", (1, 10, 2, 20, 3, 30, 4, 40))
    remembered.drop_oldest(times, count)
    assert times[0] == count + 1
