"""Qpid Proton, a client that shares no code with the SDK nor with uamqp, where it is installed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream_detector.localhub import LocalHub

proton: Any = pytest.importorskip("proton", reason="python-qpid-proton is not installed: it needs a compiler")
utils: Any = pytest.importorskip("proton.utils", reason="python-qpid-proton is not installed")
HUB = "activity"


def connect(hub: LocalHub, key: str | None = None) -> Any:
    return utils.BlockingConnection(
        f"amqp://localhost:{hub.port}",
        timeout=10,
        allowed_mechs="PLAIN",
        allow_insecure_mechs=True,
        user=hub.key_name,
        password=key or hub.key,
    )


async def test_proton_sends_and_receives_small_and_large_messages(hub: LocalHub) -> None:
    bodies = [b"small", bytes(n % 251 for n in range(900_000)), b""]

    def use() -> list[tuple[bytes, Any]]:
        connection = connect(hub)
        sender = connection.create_sender(f"{HUB}/Partitions/2")
        for body in bodies:
            sender.send(proton.Message(body=body, inferred=True, properties={"k": 1}))
        receiver = connection.create_receiver(f"{HUB}/ConsumerGroups/$Default/Partitions/2", credit=2)
        found = []
        for _ in bodies:
            message = receiver.receive(timeout=10)
            assert message.properties == {"k": 1}
            found.append((bytes(message.body), message.annotations["x-opt-sequence-number"]))
            receiver.flow(1)
        connection.close()
        return found

    assert await asyncio.to_thread(use) == [(body, number) for number, body in enumerate(bodies)]


async def test_proton_is_told_what_does_not_exist_and_what_is_too_large(hub: LocalHub) -> None:
    def use() -> None:
        connection = connect(hub)
        with pytest.raises(utils.LinkDetached, match="not-found"):
            connection.create_receiver(f"{HUB}/ConsumerGroups/nogroup/Partitions/0")
        sender = connection.create_sender(HUB)
        with pytest.raises(utils.LinkDetached, match="message-size-exceeded"):
            sender.send(proton.Message(body=b"x" * 1_100_000, inferred=True))
        connection.create_sender(HUB).send(proton.Message(body=b"x", inferred=True))
        connection.close()

    await asyncio.to_thread(use)
    assert hub.received == 1


async def test_proton_drains_a_link_and_gets_its_credit_back(hub: LocalHub) -> None:

    hub.append(HUB, "0", b"only")

    def use() -> int:
        connection = connect(hub)
        receiver = connection.create_receiver(f"{HUB}/ConsumerGroups/$Default/Partitions/0")
        receiver.link.drain(5)
        connection.wait(lambda: receiver.link.credit == 0, timeout=10)
        connection.close()
        return int(receiver.link.queued)

    assert await asyncio.to_thread(use) == 0
    assert hub.delivered == 1


async def test_proton_with_a_wrong_key_does_not_get_in(hub: LocalHub) -> None:
    with pytest.raises(proton.ConnectionException):
        await asyncio.to_thread(connect, hub, "wrong")
