"""`make bench`: from the call that sends a record to the line of its alert, through three processes.

`hub` and `run` are processes; the SDK's producer is this one. 10,000 generated records over four
partitions, a body at a time. Prints the percentiles of this run and whether p99 stays below the target;
ends with 1 when it does not, or when an alert is missing.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
import time
from pathlib import Path

from services.recompute import Group, group_of, group_of_alert, order_free_openings
from services.stack import Detector, ServedHub, detector, served_hub

from stream_detector import ticks
from stream_detector.generate.facts import GeneratedBody
from stream_detector.generate.stream import activity_stream, feed_options
from stream_detector.hub.connection import HubConnection
from stream_detector.hub.publisher import Publisher

RECORDS = 10_000
TARGET = 0.5
"""Seconds at p99."""
RATE = 200.0
"""Bodies per second: many times what a tenant sends, and no test of throughput."""


async def send(hub: ServedHub, bodies: list[GeneratedBody]) -> dict[Group, float]:
    """Send each body by itself at `RATE`; the monotonic time at which each group was first sent."""
    sent: dict[Group, float] = {}
    connection = HubConnection(
        "insights-operational-logs", "localhost", connection_string=hub.connection_string
    )
    async with Publisher(connection) as publisher:
        for _ in range(4):  # open the producer's links: half a second of the SDK's, once
            await publisher.add(b'{"records":[]}')
        await publisher.flush()
        began = time.monotonic()
        for number, body in enumerate(bodies):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            now = time.monotonic()
            for record in body.records:
                if record.matches:
                    sent.setdefault(group_of(record), now)
            await publisher.add(body.body)
            await publisher.flush()
    return sent


def latencies(running: Detector, sent: dict[Group, float]) -> list[float]:
    """Seconds from sending to the line of the alert, sorted."""
    found = []
    for arrived, line in running.program.timed_lines():
        alert = json.loads(line)
        if alert["event"] == "opened":
            found.append(arrived - sent[group_of_alert(alert)])
    return sorted(found)


def main() -> int:
    """Run once and print."""
    bodies = list(activity_stream(11, feed_options(RECORDS, ticks.from_unix_seconds(time.time()))))
    expected = sum(order_free_openings(record for body in bodies for record in body.records).values())
    with (
        tempfile.TemporaryDirectory() as directory,
        served_hub() as hub,
        detector(hub.environment(), Path(directory)) as running,
    ):
        sent = asyncio.run(send(hub, bodies))
        running.program.wait_until(
            lambda: len(running.opened()) >= expected, f"{expected} alerts", timeout=60
        )
        found = latencies(running, sent)
    p50, p99 = (found[math.ceil(share * len(found)) - 1] for share in (0.5, 0.99))
    met = p99 < TARGET and len(found) == expected
    print(f"send to alert line, {len(found)} alerts of {expected}, {len(bodies)} bodies at {RATE:g}/s")
    print(f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, longest {1000 * found[-1]:.0f} ms")
    print(f"p99 wanted below {1000 * TARGET:.0f} ms: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
