"""The SDK's errors in words."""

from __future__ import annotations

import pytest
from azure.eventhub.exceptions import AuthenticationError, ConnectError, ConnectionLostError, EventHubError

from stream_detector.hub.connection import HubConnection
from stream_detector.hub.errors import HubErrorKind, understand

KEY = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdA"
AUTHENTICATION = HubErrorKind.AUTHENTICATION
CONNECTION = HubConnection(
    "activity",
    connection_string=f"Endpoint=sb://ns.example.net/;SharedAccessKeyName=listen;SharedAccessKey={KEY}",
    host="ns.example.net",
)


@pytest.mark.parametrize(
    ("error", "kind", "permanent"),
    [
        (AuthenticationError("CBS Token authentication failed.\nStatus code: 401"), AUTHENTICATION, True),
        (EventHubError("amqp:unauthorized-access: Unauthorized access"), AUTHENTICATION, True),
        (ConnectError("amqp:not-found: The entity could not be found"), HubErrorKind.NOT_FOUND, True),
        (EventHubError("com.microsoft:server-busy"), HubErrorKind.THROTTLED, False),
        (ConnectionLostError("amqp:link:stolen New receiver with higher epoch"), HubErrorKind.STOLEN, False),
        (ConnectionRefusedError(111, "Connection refused"), HubErrorKind.CONNECTION, False),
        (TimeoutError(), HubErrorKind.CONNECTION, False),
        (KeyError("partition_count"), HubErrorKind.OTHER, False),
    ],
)  # fmt: skip
def test_an_error_of_the_sdk_has_a_kind_and_a_text_with_the_hub_and_without_the_key(
    error: Exception, kind: HubErrorKind, permanent: bool
) -> None:
    trouble = understand(error, CONNECTION)
    assert (trouble.kind, trouble.permanent) == (kind, permanent)
    assert "'activity' at ns.example.net" in trouble.text
    assert KEY not in trouble.text


def test_the_cause_of_an_error_counts_when_its_own_text_says_nothing() -> None:
    error = EventHubError("Failed to initiate the connection")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert "refused the connection" in understand(error, CONNECTION).text


def test_a_text_of_the_service_that_quotes_a_secret_is_not_repeated() -> None:
    trouble = understand(EventHubError(f"no luck with SharedAccessKey={KEY}"), CONNECTION)
    assert KEY not in trouble.text


def test_a_connection_does_not_show_its_secrets() -> None:
    assert KEY not in repr(CONNECTION)
    assert KEY not in CONNECTION.describe()
