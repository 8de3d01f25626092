"""Metrics and health as an HTTP client gets them."""

from __future__ import annotations

import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from stream_detector.errors import StreamDetectorError
from stream_detector.observe.health import Health, Phase
from stream_detector.observe.metrics import Metrics
from stream_detector.observe.server import ObserveServer


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def server(health: Health) -> AsyncIterator[ObserveServer]:
    async with ObserveServer(Metrics([], ["stdout"], [], []), health, "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
async def client(server: ObserveServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", auto_decompress=False) as client:
        yield client


async def test_metrics_are_prometheus_text_by_default(client: aiohttp.ClientSession) -> None:
    async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = await answer.text()
    assert "stream_detector_late" in {family.name for family in read_text(text)}


async def test_metrics_are_openmetrics_when_asked_for(client: aiohttp.ClientSession) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    async with client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "identity"}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        text = await answer.text()
    assert text.endswith("# EOF\n")
    assert "stream_detector_late" in {family.name for family in read_openmetrics(text)}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False)],
)
async def test_metrics_are_zipped_only_for_clients_that_accept_it(
    client: aiohttp.ClientSession, accepted: str, zipped: bool
) -> None:
    async with client.get("/metrics", headers={"Accept-Encoding": accepted}) as answer:
        assert (answer.headers.get("Content-Encoding") == "gzip") is zipped
        raw = await answer.read()
    text = gzip.decompress(raw) if zipped else raw
    assert b"stream_detector_late_total 0.0" in text


async def test_health_answers_with_reasons(client: aiohttp.ClientSession, health: Health) -> None:
    async def ask(path: str) -> tuple[int, dict[str, object]]:
        async with client.get(path) as answer:
            return answer.status, json.loads(await answer.read())

    no = {"ok": False, "reasons": ["the detector is starting"]}
    yes: dict[str, object] = {"ok": True, "reasons": []}
    assert await ask("/livez") == (200, yes)
    assert await ask("/readyz") == (503, no)
    assert await ask("/startupz") == (503, no)
    health.enter(Phase.RECEIVING)
    assert [await ask(path) for path in ("/livez", "/readyz", "/startupz")] == [(200, yes)] * 3


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez"])
async def test_head_answers_without_a_body(client: aiohttp.ClientSession, path: str) -> None:
    async with client.head(path) as answer:
        assert answer.status == 200
        assert await answer.read() == b""


async def test_the_index_names_every_path(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as answer:
        text = await answer.text()
    assert all(path in text for path in ("/metrics", "/livez", "/readyz", "/startupz"))


async def test_nothing_can_be_written(client: aiohttp.ClientSession) -> None:
    async with client.post("/metrics", data=b"x") as answer:
        assert answer.status == 405
    async with client.get("/nothing") as answer:
        assert answer.status == 404


async def test_the_chosen_port_is_logged(health: Health, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with ObserveServer(Metrics([], [], [], []), health, "127.0.0.1", 0) as server:
        assert server.port > 0
        assert server.port in {vars(record).get("port") for record in caplog.records}


async def test_a_port_in_use_is_a_sentence_with_the_setting_to_change(health: Health) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            StreamDetectorError, match=rf"127\.0\.0\.1:{port}: address already in use.*observe\.port"
        ):
            await ObserveServer(Metrics([], [], [], []), health, "127.0.0.1", port).start()


async def test_a_host_that_does_not_exist_is_a_sentence(health: Health) -> None:
    with pytest.raises(StreamDetectorError, match=r"observe\.host"):
        await ObserveServer(Metrics([], [], [], []), health, "no-such-host.invalid", 0).start()


async def test_closing_twice_is_safe_and_frees_the_port(health: Health) -> None:
    server = ObserveServer(Metrics([], [], [], []), health, "127.0.0.1", 0)
    await server.start()
    port = server.port
    await server.aclose()
    await server.aclose()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
