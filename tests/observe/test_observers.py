"""What the hub and the delivery tell reaches metrics, health and log."""

from __future__ import annotations

import logging

import pytest

from stream_detector.hub.errors import HubErrorKind, HubTrouble
from stream_detector.observe import observers
from stream_detector.observe.health import Health, Phase
from stream_detector.observe.metrics import Metrics
from stream_detector.observe.observers import DeliveryMetrics, HubMetrics
from stream_detector.sinks.port import Outcome

LOST = HubTrouble(HubErrorKind.CONNECTION, "connection to the hub was lost", permanent=False)
BUSY = HubTrouble(HubErrorKind.THROTTLED, "the hub is busy", permanent=False)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics([], ["stdout"], [], HubErrorKind)


@pytest.fixture
def health() -> Health:
    health = Health()
    health.enter(Phase.RECEIVING)
    return health


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"stream_detector_{name}", labels)


def test_a_lost_connection_makes_not_ready_until_events_arrive_again(
    metrics: Metrics, health: Health
) -> None:
    hub = HubMetrics(metrics, health, 0)
    hub.trouble("0", LOST)
    assert health.ready().reasons == ("hub: connection to the hub was lost",)
    assert value(metrics, "hub_errors_total", kind="connection") == 1
    hub.received("0", 3, 100)
    assert health.ready().ok
    assert value(metrics, "received_messages_total") == 3
    assert value(metrics, "received_bytes_total") == 100


def test_a_hub_that_answers_about_its_lag_is_well(metrics: Metrics, health: Health) -> None:
    hub = HubMetrics(metrics, health, 0)
    hub.trouble(None, LOST)
    hub.lag("0", 7, 1.5)
    assert health.ready().ok
    assert value(metrics, "lag_events", partition="0") == 7
    assert value(metrics, "lag_seconds", partition="0") == 1.5


def test_a_busy_hub_is_counted_and_leaves_the_process_ready(metrics: Metrics, health: Health) -> None:
    HubMetrics(metrics, health, 0).trouble("0", BUSY)
    assert health.ready().ok
    assert value(metrics, "hub_errors_total", kind="throttled") == 1


def test_the_same_trouble_is_logged_once_in_a_while_and_counted_always(
    metrics: Metrics, health: Health, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = HubMetrics(metrics, health, 0)
    for _ in range(5):
        hub.trouble("0", LOST)
    hub.trouble("0", BUSY)
    assert [record.getMessage() for record in caplog.records] == [LOST.text, BUSY.text]
    assert value(metrics, "hub_errors_total", kind="connection") == 5
    monkeypatch.setattr(observers, "REPEAT_INTERVAL", 0.0)
    hub.trouble("0", LOST)
    assert [record.getMessage() for record in caplog.records][2:] == [LOST.text]


def test_ready_means_that_every_partition_is_received(
    metrics: Metrics, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hub = HubMetrics(metrics, health, 2)
    assert health.ready().reasons == ("partitions: 2 of 2 are not received",)
    hub.owned(["0"])
    assert health.ready().reasons == ("partitions: 1 of 2 are not received",)
    hub.owned(["0", "1"])
    assert health.ready().ok
    assert value(metrics, "owned_partitions") == 2
    assert [record.getMessage() for record in caplog.records] == ["receiving"]


def test_a_gap_is_counted_and_logged_as_an_error(
    metrics: Metrics, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    HubMetrics(metrics, health, 0).gap("3", 17)
    assert value(metrics, "missing_events_total") == 17
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert (vars(record)["partition"], vars(record)["missing"]) == ("3", 17)


def test_delivery_counts_attempts_and_what_waits(metrics: Metrics) -> None:
    delivery = DeliveryMetrics(metrics)
    delivery.attempt("stdout", Outcome.RETRY)
    delivery.attempt("stdout", Outcome.DELIVERED)
    delivery.outbox(4, None)
    assert value(metrics, "delivery_attempts_total", sink="stdout", outcome="retry") == 1
    assert value(metrics, "delivery_attempts_total", sink="stdout", outcome="delivered") == 1
    assert value(metrics, "outbox_depth") == 4
