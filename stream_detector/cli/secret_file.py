"""Writes a file that holds a secret."""

from __future__ import annotations

import os
from pathlib import Path

from stream_detector.errors import InputError


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text + "\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
