"""The unmodified SDK and the rights: keys, tokens, their expiry, and the receivers of one partition."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from typing import Any, cast
from urllib.parse import quote_plus

import pytest
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.eventhub import EventData
from azure.eventhub._pyamqp.error import AMQPLinkError
from azure.eventhub.aio import (
    EventHubConsumerClient,
    EventHubProducerClient,
    EventHubSharedKeyCredential,
)
from azure.eventhub.exceptions import AuthenticationError, ConnectError, ConnectionLostError, EventHubError

from stream_detector.localhub import LocalHub

pytestmark = [
    # The SDK leaves connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HUB = "activity"


def producer_with(hub: LocalHub, credential: Any, name: str = HUB) -> EventHubProducerClient:
    return EventHubProducerClient(f"localhost:{hub.port}", name, credential, retry_total=0, use_tls=False)


def sas(
    hub: LocalHub, path: str = HUB, expires_in: float = 60.0, key: str | None = None
) -> AzureSasCredential:
    resource = quote_plus(f"sb://localhost:{hub.port}/{path}")
    expiry = int(time.time() + expires_in)
    digest = hmac.new((key or hub.key).encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    token = f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={hub.key_name}"
    return AzureSasCredential(token)


async def test_the_right_key_opens_the_hub_in_every_form(hub: LocalHub) -> None:
    for credential in (
        EventHubSharedKeyCredential(hub.key_name, hub.key),
        AzureNamedKeyCredential(hub.key_name, hub.key),
        sas(hub),
        sas(hub, path=""),
    ):
        async with producer_with(hub, credential) as sender:
            await sender.send_event(EventData(b"x"))
            assert (await sender.get_eventhub_properties())["eventhub_name"] == HUB
    assert hub.received == 4


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (lambda hub: EventHubSharedKeyCredential(hub.key_name, "bm90IHRoZSBrZXk="), "InvalidSignature"),
        (lambda hub: EventHubSharedKeyCredential("AnotherName", hub.key), "InvalidSignature"),
        (lambda hub: sas(hub, key="bm90IHRoZSBrZXk="), "InvalidSignature"),
        (lambda hub: sas(hub, path="another"), "InvalidAudience"),
        (
            lambda hub: AzureSasCredential(f"SharedAccessSignature sr=x&se={int(time.time()) + 60}"),
            "Malformed",
        ),
        (lambda hub: sas(hub, expires_in=-5), "ExpiredToken"),
    ],
    ids=["wrong key", "wrong name", "wrong signature", "another hub", "malformed", "expired"],
)
async def test_a_wrong_credential_is_refused_with_the_reason(
    hub: LocalHub, credential: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "stream_detector.localhub")
    async with producer_with(hub, credential(hub)) as sender:
        with pytest.raises((AuthenticationError, ConnectError), match=r"(?i)401|expired") as refused:
            await sender.send_event(EventData(b"x"))
    if reason != "ExpiredToken":  # the SDK itself notices that one
        assert reason in str(refused.value)
    assert hub.received == 0
    told = " ".join(record.getMessage() for record in caplog.records)
    assert hub.key not in told
    assert "sig=" not in told


async def test_a_token_of_another_kind_is_refused_clearly(hub: LocalHub) -> None:
    class Identity:
        async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
            return AccessToken("header.payload.signature", int(time.time()) + 3600)

        async def close(self) -> None:
            return

        async def __aenter__(self) -> Identity:
            return self

        async def __aexit__(self, *_: object) -> None:
            return

    async with producer_with(hub, Identity()) as sender:
        with pytest.raises(AuthenticationError, match="jwt"):
            await sender.send_event(EventData(b"x"))


async def test_a_token_for_one_hub_does_not_open_another() -> None:
    async with LocalHub({"one": 1, "two": 1}) as hub:
        async with producer_with(hub, sas(hub, path="one"), "one") as sender:
            await sender.send_event(EventData(b"x"))
            assert (await sender.get_partition_properties("0"))["last_enqueued_sequence_number"] == 0
        async with producer_with(hub, sas(hub, path="one"), "two") as sender:
            with pytest.raises(EventHubError, match="InvalidAudience"):
                await sender.send_event(EventData(b"x"))


async def test_links_end_when_their_token_expires() -> None:
    ahead = 0.0

    def clock() -> float:
        return time.time() + ahead

    async with LocalHub({HUB: 1}, clock=clock) as hub:
        client = EventHubConsumerClient(
            f"localhost:{hub.port}", HUB, "$Default", sas(hub, expires_in=600), use_tls=False
        )
        receiver: Any = client._create_consumer("$Default", "0", "-1", on_event_received=cast(Any, None))

        async def work_until_it_ends() -> None:
            while True:
                await receiver._handler.do_work_async()

        async with client, asyncio.timeout(20):
            await receiver._open()
            assert hub.receivers(HUB, "0") == 1
            ahead = 601.0
            with pytest.raises(AMQPLinkError, match="ExpiredToken"):
                await work_until_it_ends()
            assert hub.receivers(HUB, "0") == 0
            await receiver.close()


async def test_the_key_is_shown_nowhere(hub: LocalHub) -> None:
    assert hub.key not in repr(hub)
    assert hub.key not in repr(vars(hub))


class Receiving:
    """One receiver of partition 0, what it got and how it ended."""

    def __init__(self, hub: LocalHub, level: int | None = None, group: str = "$Default") -> None:
        self.client = EventHubConsumerClient.from_connection_string(
            hub.connection_string(HUB), group, retry_total=0
        )
        self.received = asyncio.Event()
        self.receiver: Any = self.client._create_consumer(
            group, "0", "-1", on_event_received=cast(Any, self._event), owner_level=level
        )
        self.task = asyncio.create_task(self.receiver.receive())

    async def _event(self, _event: Any) -> None:
        self.received.set()

    async def works(self) -> None:
        await asyncio.wait_for(self.received.wait(), 20)

    async def error(self) -> Exception:
        with pytest.raises(EventHubError) as ended:
            await asyncio.wait_for(self.task, 20)
        return ended.value

    async def close(self) -> None:
        self.receiver._callback_task_run = False
        await asyncio.gather(self.task, return_exceptions=True)
        await self.receiver.close()
        await self.client.close()


async def test_a_higher_or_equal_epoch_takes_the_partition_over(hub: LocalHub) -> None:
    hub.append(HUB, "0", b"x")
    plain = Receiving(hub)
    await plain.works()
    low = Receiving(hub, 1)
    await low.works()
    assert isinstance(await plain.error(), ConnectionLostError)
    equal = Receiving(hub, 1)
    await equal.works()
    assert "amqp:link:stolen" in str(await low.error())
    high = Receiving(hub, 2)
    await high.works()
    assert "amqp:link:stolen" in str(await equal.error())
    assert hub.receivers(HUB, "0") == 1
    for receiver in (plain, low, equal, high):
        await receiver.close()


async def test_a_lower_epoch_and_none_are_refused_beside_a_higher_one(hub: LocalHub) -> None:
    hub.append(HUB, "0", b"x")
    high = Receiving(hub, 5)
    await high.works()
    for level in (4, None):
        late = Receiving(hub, level)
        assert "amqp:link:stolen" in str(await late.error())
        await late.close()
    assert not high.task.done()
    await high.close()


async def test_five_receivers_without_epoch_share_a_group_and_a_sixth_is_refused(
    hub: LocalHub, consumer: EventHubConsumerClient, refusal: Any
) -> None:
    hub.append(HUB, "0", b"x")
    five = [Receiving(hub) for _ in range(5)]
    for receiver in five:
        await receiver.works()
    condition, description = await refusal(consumer, "0")
    assert condition == "amqp:resource-limit-exceeded"
    assert "which is 5" in description
    for receiver in five:
        await receiver.close()


async def test_receivers_of_other_groups_and_partitions_are_left_alone(hub: LocalHub) -> None:
    hub.append(HUB, "0", b"x")
    hub.append(HUB, "1", b"x")
    holder = Receiving(hub, 9)
    await holder.works()
    other = Receiving(hub, 0, "second")
    await other.works()
    assert not holder.task.done()
    assert hub.receivers(HUB, "0") == 2
    await other.close()
    await holder.close()
