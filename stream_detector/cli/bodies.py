"""Event bodies from files: one per line, or one whole JSON document.

`replay`, `rows` and `send` read their input here, so that a file means the same to each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from itertools import islice
from typing import cast

import orjson

from stream_detector.errors import InputError

READ_SIZE = 1 << 20
"""Bytes asked of the system at once. Python's line reading with its 8 KB costs three times as much."""
WHOLE_LIMIT = 64 << 20
"""A file larger than this is never read as one document."""
DAMAGED_LIMIT = 16 << 20
"""The same for a file that is JSON neither by lines nor as a whole: taking it apart costs seconds."""
_BOM = b"\xef\xbb\xbf"
_OPENINGS = (b"{", b"[", _BOM, b"\xff\xfe", b"\xfe\xff")
_LINES_TRIED = 100

Told = Callable[[int], object] | None
"""Told how many bytes were read, for a progress bar."""


def read_bodies(path: str, progress: Told = None) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, body) of a file, as bytes of their own. See `body_views`."""
    for number, _, view in body_views(path, progress):
        yield number, bytes(view)


def body_views(path: str, progress: Told = None) -> Iterator[tuple[int, int, memoryview]]:
    """(line number from 1, offset in bytes, body) of a file; `-` is stdin, `*.gz` is decompressed.

    A file whose first line is not JSON by itself, but which is JSON as a whole (a pretty-printed
    document), or of whose first lines none is JSON (such a document, damaged), is one body. Blank lines are
    skipped. A view is good until the next one is asked for.

    Raises:
        InputError: the file cannot be opened or read.
    """
    with told_as_input_error(path), open_bodies(path) as stream:
        yield from views(stream, progress)


def views(stream: RawIOBase, progress: Told = None) -> Iterator[tuple[int, int, memoryview]]:
    """The same of an open file. Raises OSError and EOFError as they come."""
    whole = _whole_document(stream) if stream.seekable() else None
    if whole is None:
        yield from lines(stream, progress)
        return
    if progress is not None:
        progress(len(whole))
    yield 1, 0, memoryview(whole)


@contextmanager
def told_as_input_error(path: str) -> Iterator[None]:
    """Raise InputError, with the reason and the name of the file, when it cannot be read."""
    try:
        yield
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: {reason}") from error


def open_bodies(path: str) -> RawIOBase:
    """The file, unbuffered. Raises OSError."""
    if path == "-":
        return cast(RawIOBase, open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
    if path.endswith(".gz"):
        import gzip

        return cast(RawIOBase, gzip.open(path, "rb"))
    return open(path, "rb", buffering=0)


def lines(
    stream: RawIOBase, progress: Told = None, number: int = 0, offset: int = 0
) -> Iterator[tuple[int, int, memoryview]]:
    """Lines as views of one buffer that is filled again and again, so that nothing is copied.

    The buffer doubles when a line does not fit. The stream stands at `offset`, behind `number` lines.
    """
    buffer = bytearray(READ_SIZE)
    kept = 0
    """Bytes at the buffer's beginning that are the beginning of a line."""
    while True:
        if kept == len(buffer):
            buffer = buffer + bytes(len(buffer))
        view = memoryview(buffer)
        size = stream.readinto(view[kept:]) or 0
        if progress is not None:
            progress(size)
        end, start, searched = kept + size, 0, kept
        while start < end:
            newline = buffer.find(b"\n", max(start, searched), end)
            if newline < 0 and size:
                break
            stop = end if newline < 0 else newline
            number += 1
            if stop > start and (buffer[start] > 0x20 or not bytes(view[start:stop]).isspace()):
                yield number, offset + start, view[start:stop]
            start = stop + 1
        if not size:
            return
        kept = max(0, end - start)
        offset += end - kept
        buffer[:kept] = buffer[start:end]


def _whole_document(stream: RawIOBase) -> bytes | None:
    """The file as one JSON document, or None, with the stream at its beginning, when it is lines."""
    first = _read(stream, lambda chunk: b"\n" in chunk)
    line = first.partition(b"\n")[0]
    whole = None
    if not _is_json(line) and first.lstrip().startswith(_OPENINGS):
        document = first + _read(stream, lambda chunk: False, WHOLE_LIMIT + 1 - len(first))
        if len(document) <= WHOLE_LIMIT and (_is_json(document.removeprefix(_BOM)) or _is_damaged(document)):
            whole = document
    stream.seek(0)
    return whole


def _is_damaged(document: bytes) -> bool:
    """Whether this is a document over several lines, though no sound one: none of its lines is a body."""
    if len(document) > DAMAGED_LIMIT:
        return False
    lines = (line.strip() for line in document.split(b"\n"))
    tried = islice((line for line in lines if line), _LINES_TRIED)
    return not any(line[:1] in (b"{", b"[") and len(line) > 2 and _is_json(line) for line in tried)


def _read(stream: RawIOBase, enough: Callable[[bytes], bool], limit: int = WHOLE_LIMIT) -> bytes:
    """Read until a chunk is `enough`, the end, or `limit` bytes."""
    chunks: list[bytes] = []
    size = 0
    while size < limit:
        chunk = stream.read(min(READ_SIZE, limit - size)) or b""
        chunks.append(chunk)
        size += len(chunk)
        if not chunk or enough(chunk):
            break
    return b"".join(chunks)


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True
