"""Ownership in memory, checkpoints in the store behind."""

from __future__ import annotations

from typing import Any

from stream_detector.hub.memory_positions import MemoryPositions
from stream_detector.hub.sole_reader import SoleReader

WHERE = ("namespace", "hub", "$default")


def claim(partition: str, owner: str = "me") -> dict[str, Any]:
    return {"partition_id": partition, "owner_id": owner, "last_modified_time": None, "etag": None}


def checkpoint(partition: str, number: int) -> dict[str, Any]:
    return {"partition_id": partition, "sequence_number": number, "offset": str(number)}


async def test_every_claim_is_granted_and_listed_with_a_time() -> None:
    store = SoleReader(MemoryPositions())
    granted = list(await store.claim_ownership([claim("0"), claim("1")]))
    listed = list(await store.list_ownership(*WHERE))
    assert [entry["partition_id"] for entry in granted] == ["0", "1"]
    assert granted == listed
    assert all(entry["last_modified_time"] and entry["etag"] for entry in listed)


async def test_ownership_of_another_process_is_never_seen() -> None:
    behind = MemoryPositions()
    await SoleReader(behind).claim_ownership([claim("0", "dead process")])
    assert list(await SoleReader(behind).list_ownership(*WHERE)) == []


async def test_checkpoints_are_written_through_and_outlive_the_reader() -> None:
    behind = MemoryPositions()
    await SoleReader(behind).update_checkpoint(checkpoint("0", 7))
    (found,) = await SoleReader(behind).list_checkpoints(*WHERE)
    assert (found["partition_id"], found["sequence_number"]) == ("0", 7)


async def test_an_ignored_checkpoint_is_not_served_until_a_new_one_is_written() -> None:
    store = SoleReader(MemoryPositions())
    await store.update_checkpoint(checkpoint("0", 700))
    await store.update_checkpoint(checkpoint("1", 3))
    store.ignore("0")
    assert [entry["partition_id"] for entry in await store.list_checkpoints(*WHERE)] == ["1"]
    await store.update_checkpoint(checkpoint("0", 2))
    assert {entry["partition_id"] for entry in await store.list_checkpoints(*WHERE)} == {"0", "1"}
