"""Free ports of the loopback interface, and waiting until something listens there."""

from __future__ import annotations

import socket
import time


def free_port() -> int:
    """A TCP port that nothing listens on now. Another process may take it before it is used."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, timeout: float = 30.0) -> bool:
    """True as soon as a connection to the loopback port is accepted, False after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            # Nothing tells us when a foreign process listens: ask again after a moment.
            time.sleep(0.02)
    return False
