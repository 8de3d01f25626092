"""feed-switched-off reads a diagnostic setting as Azure does: what it lists as enabled, wherever that stands.

What a setting exports is computed here from the list itself, independent of the rule.
"""

from __future__ import annotations

from functools import cache
from random import Random

import orjson
import pytest
from services.program import ROOT

from stream_detector.activity.body import EventSource
from stream_detector.activity.decode import BodyDecoder
from stream_detector.detect.operation import alone
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Match, Rule

SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590"
SETTING = "/providers/microsoft.insights/diagnosticSettings/collect-activity"
VAULT = "/resourceGroups/rg-pay/providers/Microsoft.KeyVault/vaults/kv-pay"
CATEGORIES = (
    "Administrative",
    "Security",
    "ServiceHealth",
    "Alert",
    "Recommendation",
    "Policy",
    "Autoscale",
    "ResourceHealth",
)
GROUPS = ("allLogs", "audit")
SUFFICIENT = ("Administrative", *GROUPS)


@cache
def rule() -> Rule:
    return next(
        each for each in load_rules(ROOT / "config" / "rules", None) if each.info.id == "feed-switched-off"
    )


def pages(body: bytes, scope: str = SUBSCRIPTION) -> bool:
    record = {
        "time": "2026-05-04T09:00:00Z",
        "operationName": "Microsoft.Insights/diagnosticSettings/write",
        "resultType": "Start",
        "resourceId": scope + SETTING,
        "correlationId": "c-1",
        "properties": {"requestbody": body.decode()},
    }
    raw = orjson.dumps({"records": [record]})
    (decoded,) = BodyDecoder(rule().operations).decode(raw, EventSource("0", 1, None)).records
    return isinstance(rule().evaluate(alone(decoded)), Match)


def entry(random: Random, name: str, enabled: bool) -> dict[str, object]:
    """One item of a list of logs or metrics, its members in any order."""
    members: list[tuple[str, object]] = [
        ("categoryGroup" if name in GROUPS else "category", name),
        ("enabled", enabled),
    ]
    if random.random() < 0.5:
        members.append(("retentionPolicy", {"enabled": random.random() < 0.5, "days": 0}))
    if random.random() < 0.3:
        members.append(("category" if name in GROUPS else "categoryGroup", None))
    random.shuffle(members)
    return dict(members)


def written(random: Random, logs: list[dict[str, object]], metrics: list[dict[str, object]]) -> bytes:
    inner: list[tuple[str, object]] = [("logs", logs), ("metrics", metrics), ("workspaceId", "x")]
    random.shuffle(inner)
    return orjson.dumps({"properties": dict(inner)}, option=random.choice([None, orjson.OPT_INDENT_2]))


@pytest.mark.parametrize("seed", range(5))
def test_a_setting_of_the_activity_log_pages_unless_it_exports_administrative_records(seed: int) -> None:
    random = Random(seed)
    for _ in range(200):
        names = random.sample([*CATEGORIES, *GROUPS], random.randint(0, 10))
        on = {name for name in names if random.random() < 0.3}
        metrics = [entry(random, "AllMetrics", True)] if random.random() < 0.3 else []
        body = written(random, [entry(random, name, name in on) for name in names], metrics)
        assert pages(body) == on.isdisjoint(SUFFICIENT), body


@pytest.mark.parametrize("position", range(10))
@pytest.mark.parametrize("name", SUFFICIENT)
def test_what_exports_them_may_stand_anywhere_in_the_list(name: str, position: int) -> None:
    random = Random(position)
    logs = [entry(random, other, False) for other in CATEGORIES[1:] + GROUPS + ("Administrative",)]
    logs[position] = entry(random, name, True)
    assert not pages(written(random, logs, []))


@pytest.mark.parametrize("seed", range(5))
def test_a_setting_of_a_resource_pages_only_when_it_exports_nothing(seed: int) -> None:
    random = Random(seed)
    for _ in range(200):
        names = [f"Kind{number}" for number in range(random.randint(0, 10))]
        metrics = ["Transaction", "Capacity"][: random.randint(0, 2)]
        on = {name for name in [*names, *metrics] if random.random() < 0.1}
        body = written(
            random,
            [entry(random, name, name in on) for name in names],
            [entry(random, name, name in on) for name in metrics],
        )
        assert pages(body, SUBSCRIPTION + VAULT) == (not on), body
