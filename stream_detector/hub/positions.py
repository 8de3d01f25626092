"""Positions in a local directory: the SDK's checkpoint store when no Blob container is configured.

    DIRECTORY/HOST/HUB/GROUP/checkpoint-0.json     position of partition 0
    DIRECTORY/HOST/HUB/GROUP/ownership-0.json      who receives partition 0

Every file is written beside its place, flushed to the disk and renamed, so that a crash at any
instant leaves the old file or the new one. A file that cannot be read is put aside as `.broken`
and counts as absent. Claims compare etags under a lock file, so that processes on one machine
can share the directory; it is not meant for network file systems.

Blocking work runs in a thread. Names are lower-cased as the Blob store does.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson
from azure.eventhub.aio import CheckpointStore

logger = logging.getLogger(__name__)

_CHECKPOINT = "checkpoint"
_OWNERSHIP = "ownership"
_ABANDONED = 600.0
"""Seconds after which a file beside its place is taken for the leftover of a crash."""


class DirectoryCheckpointStore(CheckpointStore):
    """Ownership and checkpoints of any number of hubs and consumer groups under one directory.

    Raises (from every method): OSError when the directory cannot be used. The SDK reports it to
    its error callback and tries again.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Ownership of every partition that was ever claimed; `last_modified_time` in Unix seconds."""
        names = (fully_qualified_namespace, eventhub_name, consumer_group)
        return await asyncio.to_thread(self._list, names, _OWNERSHIP, _ownership)

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """Position of every partition that has one."""
        names = (fully_qualified_namespace, eventhub_name, consumer_group)
        return await asyncio.to_thread(self._list, names, _CHECKPOINT, _checkpoint)

    async def claim_ownership(
        self, ownership_list: Iterable[dict[str, Any]], **kwargs: Any
    ) -> Iterable[dict[str, Any]]:
        """The claims that succeeded: the partition was free, or the claim's etag is the current one."""
        return await asyncio.to_thread(self._claim_all, [dict(claim) for claim in ownership_list])

    async def update_checkpoint(self, checkpoint: dict[str, Any], **kwargs: Any) -> None:
        """Store a position; on the disk when this returns."""
        await asyncio.to_thread(self._write, self._path(checkpoint, _CHECKPOINT), _checkpoint(checkpoint))

    def _claim_all(self, claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [claimed for claim in claims if (claimed := self._claim(claim)) is not None]

    def _claim(self, claim: dict[str, Any]) -> dict[str, Any] | None:
        path = self._path(claim, _OWNERSHIP)
        with _locked(path.parent):
            current = _read(path, _ownership)
            if current is not None and current["etag"] != claim.get("etag"):
                return None
            claimed = claim | {"etag": str(uuid.uuid4()), "last_modified_time": time.time()}
            self._write(path, _ownership(claimed))
        return claimed

    def _list(
        self, names: tuple[str, str, str], kind: str, check: Callable[[Any], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        namespace, hub, group = names
        identity = {"fully_qualified_namespace": namespace, "eventhub_name": hub, "consumer_group": group}
        _clear(self._folder(names))
        found = []
        for path in sorted(self._folder(names).glob(f"{kind}-*.json")):
            stored = _read(path, check)
            if stored is not None:
                partition = unquote(path.stem.removeprefix(f"{kind}-"))
                found.append(identity | {"partition_id": partition} | stored)
        return found

    def _folder(self, names: tuple[str, str, str]) -> Path:
        return self.directory.joinpath(*(_file_name(name) for name in names))

    def _path(self, entry: dict[str, Any], kind: str) -> Path:
        names = (entry["fully_qualified_namespace"], entry["eventhub_name"], entry["consumer_group"])
        return self._folder(names) / f"{kind}-{_file_name(str(entry['partition_id']))}.json"

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A name of its own: two threads or processes may write the same position at once.
        beside = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex}")
        try:
            with beside.open("wb") as file:
                file.write(orjson.dumps(content))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_directory(path.parent)


def _ownership(stored: Any) -> dict[str, Any]:
    """The fields of an ownership that are kept; KeyError, TypeError or ValueError when one is wrong."""
    return {
        "owner_id": _text(stored["owner_id"]),
        "etag": _text(stored["etag"]),
        "last_modified_time": float(stored["last_modified_time"]),
    }


def _checkpoint(stored: Any) -> dict[str, Any]:
    """As `_ownership`, of a checkpoint. An offset is an opaque text: newer services write `1:143:0`."""
    return {"offset": str(stored["offset"]), "sequence_number": int(stored["sequence_number"])}


def _clear(folder: Path) -> None:
    """Remove what killed processes left half-written; a file in the making is seconds old."""
    for path in folder.glob(".*.json.*-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _read(path: Path, check: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return check(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError):
        aside = path.with_name(f"{path.name}.{time.time_ns()}.broken")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            path.replace(aside)
            logger.warning("position file cannot be read and was put aside", extra={"file": str(aside)})
        return None


def _file_name(name: str) -> str:
    """`name` in lower case as one file name: no separator, never hidden, never `..`."""
    encoded = quote(name.lower(), safe="$", errors="replace")
    return encoded.replace(".", "%2E", 1) if encoded.startswith(".") else encoded or "%"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Exclude other threads and processes; the kernel releases the lock when a process dies."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_directory(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
