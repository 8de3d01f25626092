"""The checkpoint store in a directory: crashes, rivals, and the SDK's own processor on top of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

from stream_detector.hub.positions import DirectoryCheckpointStore

NAMES = ("ns.servicebus.windows.net", "hub", "$Default")


def entry(partition: str = "0", names: tuple[str, str, str] = NAMES, **fields: Any) -> dict[str, Any]:
    """A checkpoint or claim as the SDK makes it."""
    namespace, hub, group = names
    identity = {"fully_qualified_namespace": namespace, "eventhub_name": hub, "consumer_group": group}
    return {**identity, "partition_id": partition, **fields}


def checkpoint(number: int, partition: str = "0", names: tuple[str, str, str] = NAMES) -> dict[str, Any]:
    return entry(partition, names, offset=f"1:{number}:0", sequence_number=number)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryCheckpointStore:
    return DirectoryCheckpointStore(tmp_path)


async def test_an_empty_directory_and_a_missing_one_hold_nothing(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        store = DirectoryCheckpointStore(directory)
        assert list(await store.list_checkpoints(*NAMES)) == []
        assert list(await store.list_ownership(*NAMES)) == []


async def test_the_newest_checkpoint_of_each_partition_is_listed(store: DirectoryCheckpointStore) -> None:
    for number in (1, 2):
        await store.update_checkpoint(checkpoint(number))
    await store.update_checkpoint(checkpoint(7, "10"))
    assert list(await store.list_checkpoints(*NAMES)) == [checkpoint(2), checkpoint(7, "10")]


async def test_a_new_process_finds_the_positions(store: DirectoryCheckpointStore) -> None:
    await store.update_checkpoint(checkpoint(5))
    assert list(await DirectoryCheckpointStore(store.directory).list_checkpoints(*NAMES)) == [checkpoint(5)]


async def test_namespaces_hubs_and_groups_do_not_mix(store: DirectoryCheckpointStore) -> None:
    others = [("other.net", "hub", "$Default"), (NAMES[0], "hub2", "$Default"), (NAMES[0], "hub", "group")]
    for number, names in enumerate([NAMES, *others]):
        await store.update_checkpoint(checkpoint(number, names=names))
    for number, names in enumerate([NAMES, *others]):
        assert list(await store.list_checkpoints(*names)) == [checkpoint(number, names=names)]


async def test_names_are_compared_without_case_as_in_blob(store: DirectoryCheckpointStore) -> None:
    await store.update_checkpoint(checkpoint(3))
    upper = (NAMES[0].upper(), "HUB", "$DEFAULT")
    (found,) = await store.list_checkpoints(*upper)
    assert (found["sequence_number"], found["eventhub_name"]) == (3, "HUB")


@pytest.mark.parametrize("name", ["../../x", "..", ".", "a/b", "/etc", "localhost:5672", ".hidden", "a\x00b"])
async def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    store = DirectoryCheckpointStore(tmp_path / "positions")
    names = (name, name, name)
    await store.update_checkpoint(checkpoint(1, name, names))
    assert list(await store.list_checkpoints(*names)) == [checkpoint(1, name, names)]
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.resolve().parent.parent.parent.parent == (tmp_path / "positions").resolve()


@pytest.mark.parametrize(
    "garbage",
    [b"", b'{"offset": "1", "seq', b"\x00\x00\x00\x00", b"[]", b"null", b'{"offset": "1"}', b"\xff"],
)
@pytest.mark.parametrize("kind", ["checkpoint", "ownership"])
async def test_a_torn_file_counts_as_absent_and_is_put_aside(
    store: DirectoryCheckpointStore, kind: str, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await store.update_checkpoint(checkpoint(1))
    (claimed,) = await store.claim_ownership([entry(owner_id="me")])
    (file,) = store.directory.rglob(f"{kind}-0.json")
    file.write_bytes(garbage)
    found = await (store.list_checkpoints(*NAMES) if kind == "checkpoint" else store.list_ownership(*NAMES))
    assert list(found) == []
    (aside,) = store.directory.rglob("*.broken")
    assert aside.read_bytes() == garbage
    assert "put aside" in caplog.text
    if kind == "checkpoint":
        await store.update_checkpoint(checkpoint(2))
        assert list(await store.list_checkpoints(*NAMES)) == [checkpoint(2)]
    else:
        assert list(await store.claim_ownership([claimed]))


async def test_a_free_partition_is_claimed_once(store: DirectoryCheckpointStore) -> None:
    before = time.time()
    (claimed,) = await store.claim_ownership([entry(owner_id="a")])
    assert claimed["owner_id"] == "a"
    assert before <= claimed["last_modified_time"] <= time.time()
    assert list(await store.claim_ownership([entry(owner_id="b")])) == []
    assert list(await store.list_ownership(*NAMES)) == [claimed]


async def test_only_the_current_etag_can_claim(store: DirectoryCheckpointStore) -> None:
    (first,) = await store.claim_ownership([entry(owner_id="a")])
    (second,) = await store.claim_ownership([first | {"owner_id": "b"}])
    assert second["etag"] != first["etag"]
    assert list(await store.claim_ownership([first])) == []
    (owner,) = await store.list_ownership(*NAMES)
    assert owner["owner_id"] == "b"


async def test_a_claim_does_not_change_what_the_caller_holds(store: DirectoryCheckpointStore) -> None:
    claim = entry(owner_id="a")
    await store.claim_ownership([claim])
    assert claim == entry(owner_id="a")


async def test_a_released_partition_has_no_owner_and_can_be_claimed(store: DirectoryCheckpointStore) -> None:
    (claimed,) = await store.claim_ownership([entry(owner_id="a")])
    await store.claim_ownership([claimed | {"owner_id": ""}])
    (released,) = await store.list_ownership(*NAMES)
    assert released["owner_id"] == ""
    assert list(await store.claim_ownership([released | {"owner_id": "b"}]))


async def test_of_many_rivals_for_one_partition_one_wins(store: DirectoryCheckpointStore) -> None:
    rivals = [
        DirectoryCheckpointStore(store.directory).claim_ownership([entry(owner_id=str(n))]) for n in range(20)
    ]
    assert sum(len(list(won)) for won in await asyncio.gather(*rivals)) == 1


async def test_concurrent_updates_leave_one_whole_checkpoint(store: DirectoryCheckpointStore) -> None:
    await asyncio.gather(*(store.update_checkpoint(checkpoint(number)) for number in range(50)))
    (found,) = await store.list_checkpoints(*NAMES)
    assert found == checkpoint(found["sequence_number"])
    assert [path.name for path in store.directory.rglob("*") if path.is_file()] == ["checkpoint-0.json"]


async def test_leftovers_of_killed_processes_are_removed_and_files_in_the_making_are_not(
    store: DirectoryCheckpointStore,
) -> None:
    await store.update_checkpoint(checkpoint(1))
    (folder,) = {path.parent for path in store.directory.rglob("*.json")}
    old, fresh = folder / ".checkpoint-0.json.1-aa", folder / ".checkpoint-0.json.2-bb"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    assert list(await store.list_checkpoints(*NAMES)) == [checkpoint(1)]
    assert (old.exists(), fresh.exists()) == (False, True)


async def test_a_directory_that_cannot_be_written_raises_for_the_sdk_to_report(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store = DirectoryCheckpointStore(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        await store.update_checkpoint(checkpoint(1))


_WRITER = """
import asyncio, sys
from pathlib import Path
from stream_detector.hub.positions import DirectoryCheckpointStore

async def main():
    store, number = DirectoryCheckpointStore(Path(sys.argv[1])), 0
    while True:
        number += 1
        await store.update_checkpoint({"fully_qualified_namespace": "ns", "eventhub_name": "hub",
            "consumer_group": "g", "partition_id": "0", "offset": str(number), "sequence_number": number})
        print(number, flush=True)

asyncio.run(main())
"""


async def test_a_process_killed_at_any_instant_leaves_its_last_acknowledged_position(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    for acknowledged in (1, 3, 20):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
        )
        assert writer.stdout is not None
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last == acknowledged:
                break
        os.kill(writer.pid, signal.SIGKILL)
        # Not communicate(): with a timeout it reads past the lines that the iteration has buffered.
        with writer.stdout:
            rest = writer.stdout.read()
        writer.wait(timeout=30)
        last = max([last, *(int(line) for line in rest.split())])
        (found,) = await DirectoryCheckpointStore(tmp_path).list_checkpoints("ns", "hub", "g")
        assert found["sequence_number"] in (last, last + 1)
        assert list(tmp_path.rglob("*.broken")) == []


async def _publish(connection: str, bodies: dict[str, list[bytes]]) -> None:
    async with EventHubProducerClient.from_connection_string(connection) as producer:
        for partition, texts in bodies.items():
            batch = await producer.create_batch(partition_id=partition)
            for text in texts:
                batch.add(EventData(text))
            await producer.send_batch(batch)


class Reader:
    """The unmodified SDK on the store: receives, checkpoints each event, remembers what it saw."""

    def __init__(self, connection: str, directory: Path) -> None:
        self.seen: dict[str, list[bytes]] = {}
        self.owned: set[str] = set()
        self._connection = connection
        self._directory = directory
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Reader:
        self._client = EventHubConsumerClient.from_connection_string(
            self._connection,
            "$Default",
            checkpoint_store=DirectoryCheckpointStore(self._directory),
            load_balancing_interval=0.3,
        )
        self._task = asyncio.create_task(
            self._client.receive(
                on_event=self._on_event,
                on_partition_initialize=self._on_open,
                on_partition_close=self._on_close,
                starting_position="-1",
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._task

    async def _on_event(self, context: PartitionContext, event: EventData | None) -> None:
        assert event is not None
        body: Any = event.body
        # Seen means that its position is written: closing the client cancels this at the await.
        await context.update_checkpoint(event)
        self.seen.setdefault(context.partition_id, []).append(b"".join(body))
        self._changed.set()

    async def _on_open(self, context: PartitionContext) -> None:
        self.owned.add(context.partition_id)
        self._changed.set()

    async def _on_close(self, context: PartitionContext, _: object) -> None:
        self.owned.discard(context.partition_id)
        self._changed.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


async def test_the_sdk_goes_on_where_it_stopped(tmp_path: Path) -> None:
    localhub = pytest.importorskip("stream_detector.localhub")
    async with localhub.LocalHub({"hub": 2}) as hub:
        connection = hub.connection_string("hub")
        await _publish(connection, {"0": [b"a", b"b"], "1": [b"c"]})
        async with Reader(connection, tmp_path) as first:
            await first.until(lambda: sum(map(len, first.seen.values())) == 3)
        assert first.seen == {"0": [b"a", b"b"], "1": [b"c"]}
        await _publish(connection, {"0": [b"d"], "1": [b"e"]})
        async with Reader(connection, tmp_path) as second:
            await second.until(lambda: sum(map(len, second.seen.values())) == 2)
        assert second.seen == {"0": [b"d"], "1": [b"e"]}


async def test_two_processors_on_one_directory_share_the_partitions(tmp_path: Path) -> None:
    localhub = pytest.importorskip("stream_detector.localhub")
    async with localhub.LocalHub({"hub": 4}) as hub:
        connection = hub.connection_string("hub")
        async with Reader(connection, tmp_path) as first:
            await first.until(lambda: len(first.owned) == 4)
            async with Reader(connection, tmp_path) as second:
                await second.until(lambda: len(second.owned) == 2)
                await first.until(lambda: len(first.owned) == 2)
                assert first.owned | second.owned == {"0", "1", "2", "3"}
