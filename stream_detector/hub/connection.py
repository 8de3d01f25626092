"""How a hub is reached: one value from the settings, and the SDK's clients made from it.

The only module that knows the constructor arguments of the SDK. The connection string is a secret:
it is kept out of repr and of every text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.eventhub import TransportType
from azure.eventhub.aio import CheckpointStore, EventHubConsumerClient, EventHubProducerClient

from stream_detector.errors import HubError

RETRY_TOTAL = 3
"""The SDK's own number; it is spent per consumer and never given back, so a higher one only hides trouble."""
RETRY_BACKOFF_MAX = 10.0
"""Seconds. The SDK's 120 would keep a recovered hub waiting for two minutes."""
AUTH_TIMEOUT = 15.0
"""Seconds for $cbs to answer; the SDK's 60 delays the message about a wrong key."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy for AMQP over WebSocket."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HubConnection:
    """Where the hub is and how to get in: a connection string, or a namespace with the Azure credential."""

    name: str
    host: str
    """Where messages say that the hub is."""
    connection_string: str | None = field(default=None, repr=False)
    namespace: str | None = None
    consumer_group: str = "$Default"
    websocket: bool = False
    proxy: Proxy | None = None
    ca_file: str | None = None
    custom_endpoint: str | None = None

    def describe(self) -> str:
        """Entity and host for messages; never the key."""
        return f"{self.name!r} at {self.host}"

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "retry_total": RETRY_TOTAL,
            "retry_backoff_max": RETRY_BACKOFF_MAX,
            "auth_timeout": AUTH_TIMEOUT,
        }
        if self.websocket or self.proxy is not None:
            options["transport_type"] = TransportType.AmqpOverWebsocket
        if self.proxy is not None:
            options["http_proxy"] = {
                # The SDK hands it to aiohttp as it is, which wants a URL.
                "proxy_hostname": f"http://{self.proxy.host}",
                "proxy_port": self.proxy.port,
                "username": self.proxy.username,
                "password": self.proxy.password,
            }
        if self.ca_file is not None:
            options["connection_verify"] = self.ca_file
        if self.custom_endpoint is not None:
            options["custom_endpoint_address"] = self.custom_endpoint
        return options

    def _credential(self) -> AsyncTokenCredential:
        # Imported late: it costs a quarter of a second, and a connection string does not need it.
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential()

    def consumer(self, checkpoint_store: CheckpointStore | None, **more: Any) -> EventHubConsumerClient:
        """A consumer client; `more` goes to the SDK as it is.

        Raises:
            HubError: the SDK cannot make sense of the settings.
        """
        options = self._options() | {"checkpoint_store": checkpoint_store} | more
        try:
            if self.connection_string is not None:
                return EventHubConsumerClient.from_connection_string(
                    self.connection_string, self.consumer_group, eventhub_name=self.name, **options
                )
            return EventHubConsumerClient(
                self.namespace or "", self.name, self.consumer_group, self._credential(), **options
            )
        except ValueError as error:
            raise self._misfit() from error

    def producer(self, **more: Any) -> EventHubProducerClient:
        """A producer client; `more` goes to the SDK as it is.

        Raises:
            HubError: the SDK cannot make sense of the settings.
        """
        options = self._options() | more
        try:
            if self.connection_string is not None:
                return EventHubProducerClient.from_connection_string(
                    self.connection_string, eventhub_name=self.name, **options
                )
            return EventHubProducerClient(self.namespace or "", self.name, self._credential(), **options)
        except ValueError as error:
            raise self._misfit() from error

    def _misfit(self) -> HubError:
        return HubError(f"hub {self.describe()}: the connection settings do not fit together")
