"""Azurite, Microsoft's own emulator of Blob storage, as a process for the tests that need Blob."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.ports import free_port, wait_for_port
from services.program import ROOT, Program

ACCOUNT = "devstoreaccount1"
# Published in Azurite's documentation; it opens nothing but an emulator.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE = ROOT / "node_modules" / ".bin" / "azurite-blob"


def azurite_is_installed() -> bool:
    """True after `make test` on a machine with node and npm."""
    return AZURITE.exists() and shutil.which("node") is not None


@contextmanager
def azurite(directory: Path) -> Iterator[str]:
    """Start Azurite with empty in-memory storage; yields its connection string.

    Strict as the service is: no `--loose`. Only the API version check is off, since the SDK
    may be newer than the emulator.
    """
    port = free_port()
    arguments = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    arguments += ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    with Program(arguments, command=[str(AZURITE)], directory=directory) as program:
        if not wait_for_port(port):
            raise AssertionError("Azurite did not start:\n" + "\n".join(program.stdout + program.stderr))
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
