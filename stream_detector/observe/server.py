"""The HTTP side of observation: metrics and health on one port.

    /metrics    Prometheus text or OpenMetrics, as the Accept header asks; gzip when accepted
    /livez      200 or 503 with the reasons as JSON
    /readyz     the same
    /startupz   the same

Read-only, without authentication, and without anything personal in any answer.
"""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import orjson
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from stream_detector.errors import StreamDetectorError
from stream_detector.observe.health import Check, Health
from stream_detector.observe.metrics import Metrics

logger = logging.getLogger(__name__)

_INDEX = """stream-detector
  /metrics    Prometheus metrics
  /livez      is the process alive
  /readyz     does it receive
  /startupz   has it started
"""
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_Answer = Callable[[web.Request], Awaitable[web.Response]]


class ObserveServer:
    """Serves metrics and health from `start` until `aclose`; also an async context manager."""

    def __init__(self, metrics: Metrics, health: Health, host: str, port: int) -> None:
        self._metrics = metrics
        self._health = health
        self._host = host
        self._wanted_port = port
        self._runner: web.AppRunner | None = None
        self.port = 0
        """The port in use: the chosen one when 0 was asked for."""

    async def start(self) -> None:
        """Listen.

        Raises:
            StreamDetectorError: the address cannot be listened on.
        """
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if isinstance(number, int) and number > 0 else "no such address"
            raise StreamDetectorError(
                f"cannot serve metrics and health on {self._host}:{self._wanted_port}: {reason.lower()}; "
                "change observe.host or observe.port (port 0 takes any free one)"
            ) from error
        self._runner = runner
        self.port = int(runner.addresses[0][1])
        logger.info("serving metrics and health", extra={"host": self._host, "port": self.port})

    async def aclose(self) -> None:
        """Stop listening; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/", _index)
        application.router.add_get("/metrics", self._answer_metrics)
        application.router.add_get("/livez", _health_answer(self._health.live))
        application.router.add_get("/readyz", _health_answer(self._health.ready))
        application.router.add_get("/startupz", _health_answer(self._health.started))
        return application

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(self._metrics.registry)
        headers = {**_HEADERS, "Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if _accepts_gzip(request.headers.get("Accept-Encoding", "")):
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)


async def _index(_: web.Request) -> web.Response:
    return web.Response(text=_INDEX, headers=_HEADERS)


def _health_answer(ask: Callable[[], Check]) -> _Answer:
    async def answer(_: web.Request) -> web.Response:
        check = ask()
        body = orjson.dumps({"ok": check.ok, "reasons": check.reasons}, option=orjson.OPT_APPEND_NEWLINE)
        status = 200 if check.ok else 503
        return web.Response(
            body=body, status=status, headers={**_HEADERS, "Content-Type": "application/json"}
        )

    return answer


def _accepts_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "*"):
            quality = parameters.partition("q=")[2].strip()
            return quality not in ("0", "0.0", "0.00", "0.000")
    return False
