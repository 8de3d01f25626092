"""The test services themselves: a process is watched as it is, Azurite stores blobs, skips fail on CI."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError

# The storage client that ships inside the checkpoint store: the only one among our dependencies.
from azure.eventhub.extensions.checkpointstoreblobaio._vendor.storage.blob.aio import ContainerClient

from services import need as need_module
from services.program import NeverCame, Program
from services.recompute import Opening, execution_counts, group_of, openings, order_free_openings
from stream_detector.generate.facts import GeneratedRecord, Purpose
from stream_detector.ticks import HOUR, MINUTE

PYTHON = (sys.executable, "-u", "-c")

STOPPABLE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready"); print("to err", file=sys.stderr)
signal.pause()
"""


def test_lines_and_signals_and_the_exit_code_of_a_process_are_seen() -> None:
    with Program([STOPPABLE], command=PYTHON) as program:
        assert program.wait_for("ready") == "ready"
        assert program.wait_for(lambda line: line.endswith("err"), stream="stderr") == "to err"
        program.terminate()
        assert program.wait() == 7
    assert program.stdout == ["ready"]


def test_what_is_fed_is_read_and_a_killed_process_says_so() -> None:
    with Program(["print(input()); input()"], command=PYTHON, feed=b"line\n") as program:
        program.wait_for("line")
        assert program.wait() == 1
    with Program([STOPPABLE], command=PYTHON) as killed:
        killed.wait_for("ready")
    assert killed.wait() == -9


def test_a_line_that_never_comes_is_reported_with_what_came_instead() -> None:
    program = Program(["print('something else')"], command=PYTHON)
    with program, pytest.raises(NeverCame, match="something else"):
        program.wait_for("wanted", timeout=20)


async def test_azurite_refuses_a_write_whose_condition_no_longer_holds(
    azurite_connection_string: str,
) -> None:
    async with ContainerClient.from_connection_string(azurite_connection_string, "services") as container:
        await container.create_container()
        blob = container.get_blob_client("shard")
        first = await blob.upload_blob(b"one")
        await blob.upload_blob(b"two", overwrite=True)
        with pytest.raises(ResourceModifiedError):
            await blob.upload_blob(
                b"three", overwrite=True, etag=first["etag"], match_condition=MatchConditions.IfNotModified
            )
        assert await (await blob.download_blob()).readall() == b"two"


def test_a_missing_need_skips_here_and_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    need_module.need(True, "never said")
    monkeypatch.setattr(need_module, "ON_CI", False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        need_module.need(False, "no such thing")
    monkeypatch.setattr(need_module, "ON_CI", True)
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        need_module.need(False, "no such thing")
    with pytest.raises(pytest.skip.Exception):
        need_module.need(None, "no wheel", optional_on_ci=True)


def record(time: int, caller: str = "lee.gu@contoso.com") -> GeneratedRecord:
    return GeneratedRecord(
        time=time,
        operation="op",
        status="Success",
        status_detail="",
        caller=caller,
        caller_ip="192.0.2.1",
        subscription_id="s",
        resource_group="rg",
        resource_id="/r",
        correlation_id=f"c{time}",
        category="Administrative",
        purpose=Purpose.ATTACK,
        case="run command",
        matches=True,
    )


def test_a_group_opens_again_exactly_when_two_hours_are_empty() -> None:
    edge = [record(0), record(2 * HOUR)]
    assert [opening.time for opening in openings(edge)] == [0, 2 * HOUR]
    assert openings([record(0), record(2 * HOUR - 1)]) == [Opening(group_of(record(0)), 0)]
    assert openings([record(5), replace(record(0), matches=False), record(0)]) == [
        Opening(group_of(record(0)), 5)
    ]


def test_casing_makes_no_second_group_but_another_letter_does() -> None:
    assert len(openings([record(0), record(1, "LEE.GU@contoso.com")])) == 1
    assert len(openings([record(0, "jos\u00e9@contoso.com"), record(1, "jos\u00c9@contoso.com")])) == 2


def test_counts_that_depend_on_the_order_of_arrival_are_refused() -> None:
    bridged = [record(0), record(90 * MINUTE), record(180 * MINUTE)]
    assert len(openings(bridged)) == 1
    assert len(openings([bridged[0], bridged[2], bridged[1]])) == 2
    with pytest.raises(ValueError, match="longer than the window"):
        order_free_openings(bridged)
    assert order_free_openings([record(0), record(MINUTE), record(9 * HOUR)]) == {group_of(record(0)): 2}


def test_a_record_exported_twice_is_one_execution() -> None:
    assert execution_counts([record(0), record(0), record(1)]) == {group_of(record(0)): 2}
