"""Positions in Blob storage, with the SDK's own store against a real Azurite."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from services.records import run_command_body
from services.stack import detector, send, served_hub


@pytest.fixture
async def container(azurite_connection_string: str) -> str:
    """An empty container."""
    name = f"positions-{uuid.uuid4().hex[:12]}"
    store = BlobCheckpointStore.from_connection_string(azurite_connection_string, name)
    async with store:
        await store._container_client.create_container()
    return name


def _environment(connection_string: str, container: str) -> dict[str, str]:
    return {
        "STREAM_DETECTOR_STATE__BLOB__CONNECTION_STRING": connection_string,
        "STREAM_DETECTOR_STATE__BLOB__CONTAINER": container,
    }


async def test_reading_goes_on_at_positions_in_blob_storage(
    azurite_connection_string: str, container: str, tmp_path: Path
) -> None:
    blob = _environment(azurite_connection_string, container)
    with served_hub() as hub:
        with detector(hub.environment() | blob, tmp_path) as running:
            assert send(hub, "-", feed=run_command_body("one") + b"\n" + run_command_body("two"))[0] == 0
            running.wait_for_opened(2)
            running.program.terminate()
            assert running.program.wait() == 0
        assert not (tmp_path / "state" / "positions").exists()
        with detector(hub.environment() | blob, tmp_path) as again:
            assert send(hub, "-", feed=run_command_body("three"))[0] == 0
            again.program.wait_for('"three"')
            assert len(again.opened()) == 1, "an event before the position was read again"
    store = BlobCheckpointStore.from_connection_string(azurite_connection_string, container)
    async with store:
        names = [blob.name async for blob in store._container_client.list_blobs()]
    assert names
    assert names == [name.lower() for name in names], "KEDA needs lower case"


def test_a_container_that_does_not_exist_is_a_sentence(
    azurite_connection_string: str, tmp_path: Path
) -> None:
    blob = _environment(azurite_connection_string, "no-such-container")
    with served_hub() as hub, detector(hub.environment() | blob, tmp_path, wait=False) as running:
        assert running.program.wait() == 1
        text = "\n".join(running.program.stderr)
        assert "the container does not exist" in text
        assert "Traceback" not in text


def test_a_wrong_storage_key_is_a_sentence_without_the_key(
    azurite_connection_string: str, container: str, tmp_path: Path
) -> None:
    key = "d3JvbmcgaW4gZXZlcnkgbGV0dGVyIG9mIHRoaXMga2V5"
    parts = [
        f"AccountKey={key}" if part.startswith("AccountKey=") else part
        for part in azurite_connection_string.split(";")
    ]
    blob = _environment(";".join(parts), container)
    with served_hub() as hub, detector(hub.environment() | blob, tmp_path, wait=False) as running:
        assert running.program.wait() == 1
        text = "\n".join(running.program.stderr)
        assert "did not accept the credential" in text
        assert "Traceback" not in text
        assert key not in text
