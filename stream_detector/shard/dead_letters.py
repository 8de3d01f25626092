"""Dead letters: what could not be decoded, kept as raw bytes so that nothing received is lost.

One dead letter is two files in a directory per partition, named by sequence number and index, so
that a redelivered event overwrites its dead letter instead of adding one:

    DIRECTORY/partition-0/00000000000000001234-0007.bin     the bytes as they were received
    DIRECTORY/partition-0/00000000000000001234-0007.json    why, and where they came from

Writing never raises and never grows past its bounds: a stream of garbage must cost disk space
only up to a limit, and a full disk must not stop detection. The bytes may hold personal data:
files are readable by their owner only. Must not log or count; the caller knows the context.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import orjson

_NAME = re.compile(r"(-?\d{1,20})-(body|\d{1,9})")
_LONGEST_NAME = 100
"""File systems allow 255 bytes; hub partitions are called "0" to "1023"."""
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not be decoded, and what is known of them."""

    partition: str
    sequence_number: int
    index: int | None
    """Position of the record in its event's body; None when the body as a whole is meant."""
    reason: str
    """From a closed set: the label of undecodable_total."""
    detail: str
    """What is wrong, without content of the record."""
    enqueued: int | None
    """Ticks at which the hub took the event."""
    raw: bytes


class DirectoryDeadLetters:
    """Keeps dead letters in a directory, at most `max_bytes` and `max_files` dead letters of them.

    The directory is measured once, at the first `keep`, and counted from then on; it belongs to
    one process at a time.
    """

    def __init__(self, directory: Path, max_bytes: int, max_files: int) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self.max_files = max_files
        self._sizes: dict[Path, int] | None = None
        self._bytes = 0

    def keep(self, letter: DeadLetter) -> bool:
        """Write one dead letter; False when it was not kept: full, or the directory cannot be written."""
        try:
            sizes = self._measured()
            path = self._path(letter)
            description = _describe(letter)
            size = len(letter.raw) + len(description)
            before = sizes.get(path)
            if before is None and len(sizes) >= self.max_files:
                return False
            if self._bytes - (before or 0) + size > self.max_bytes:
                return False
            self._write(path, letter.raw, description, new=before is None)
            sizes[path] = size
            self._bytes += size - (before or 0)
        except (OSError, ValueError, TypeError):
            return False
        return True

    def read_back(self) -> Iterator[DeadLetter]:
        """Every dead letter that is complete, ordered by partition, sequence number and index."""
        for path in sorted(self.directory.glob("partition-*/*.json")):
            try:
                described = orjson.loads(path.read_bytes())
                raw = path.with_suffix(".bin").read_bytes()
                yield DeadLetter(**described, raw=raw)
            except (OSError, ValueError, TypeError):
                continue  # half of a pair, or a file of somebody else

    def _measured(self) -> dict[Path, int]:
        if self._sizes is None:
            sizes: dict[Path, int] = {}
            for path in self.directory.glob("partition-*/*"):
                if path.suffix in (".bin", ".json") and _NAME.fullmatch(path.stem):
                    stem = path.with_suffix("")
                    sizes[stem] = sizes.get(stem, 0) + path.stat().st_size
            self._bytes = sum(sizes.values())
            self._sizes = sizes
        return self._sizes

    def _path(self, letter: DeadLetter) -> Path:
        """Where the letter lies, without suffix. No partition name can lead out of the directory."""
        index = "body" if letter.index is None else f"{letter.index:04d}"
        name = f"{letter.sequence_number:020d}-{index}"
        return self.directory / f"partition-{_file_name(letter.partition)}" / name

    def _write(self, path: Path, raw: bytes, description: bytes, new: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The description comes last: a pair without it is incomplete and not read back.
        try:
            _replace(path.with_suffix(".bin"), raw)
            _replace(path.with_suffix(".json"), description)
        except OSError:
            if new:  # what a full disk left behind is not counted, so it must not stay
                path.with_suffix(".bin").unlink(missing_ok=True)
            raise


def _file_name(partition: str) -> str:
    """A partition's name as one file name: letters, digits, `_` and `-` as they are, all else encoded."""
    plain = "".join(c if c in _PLAIN else quote(c, safe="", errors="replace") for c in partition)
    plain = plain.replace(".", "%2E") or "%"
    if len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.blake2b(partition.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{plain[: _LONGEST_NAME - len(digest)]}{digest}"


def _describe(letter: DeadLetter) -> bytes:
    described = asdict(letter)
    del described["raw"]
    return orjson.dumps(described)


def _replace(path: Path, content: bytes) -> None:
    """Write beside and rename, so that a reader never sees half a file."""
    beside = path.with_suffix(path.suffix + ".new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
