"""From the settings of a hub to the values that this package works with."""

from __future__ import annotations

from stream_detector.hub.connection import HubConnection, Proxy
from stream_detector.settings import HubSettings


def hub_connection(settings: HubSettings) -> HubConnection:
    """The connection that `settings` describe; only for a hub that is not the embedded one."""
    secret = settings.connection_string
    proxy = settings.proxy
    return HubConnection(
        name=settings.name,
        host=settings.host or "unknown host",
        connection_string=None if secret is None else secret.get_secret_value(),
        namespace=settings.namespace,
        consumer_group=settings.consumer_group,
        websocket=settings.transport == "websocket",
        proxy=None
        if proxy is None
        else Proxy(
            proxy.host,
            proxy.port,
            proxy.username,
            None if proxy.password is None else proxy.password.get_secret_value(),
        ),
        ca_file=None if settings.ca_file is None else str(settings.ca_file),
        custom_endpoint=settings.custom_endpoint,
    )
