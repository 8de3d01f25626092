"""The shared vectors of KQL semantics, each of them against the functions that rules use."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from services.rule15_by_hand import Rule15ByHand

from stream_detector import ticks
from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.kql import dynamic, text
from stream_detector.rules.model import Match
from stream_detector.rules.scheduled import scheduled_rows

RULE = Rule15ByHand()


def _time(value: str) -> int:
    whole, _, rest = value.partition(".")
    seconds = ticks.from_datetime(datetime.fromisoformat(whole.rstrip("Z") + "+00:00"))
    return seconds + int((rest.rstrip("Z") or "0").ljust(7, "0"))


def _record(**columns: Any) -> ActivityRecord:
    values: dict[str, Any] = dict.fromkeys(ActivityRecord.__struct_fields__, "") | {
        "time": 0,
        "operation": "Microsoft.Compute/virtualMachines/runCommand/action",
        "status": "Success",
        "caller": "ann@contoso.com",
        "caller_ip": "203.0.113.7",
        "origin": Origin("0", 1),
    }
    return ActivityRecord(**{**values, **columns})


def _rows(*records: ActivityRecord, at: int = 0) -> list[dict[str, Any]]:
    return scheduled_rows(RULE, records, at)


def _in_window(time: str, now: str) -> bool:
    return bool(_rows(_record(time=_time(time)), at=_time(now)))


def _set_of(values: list[str], capacity: int) -> list[str]:
    assert RULE.aggregates[3].capacity == capacity
    rows = _rows(*(_record(resource_id=value) for value in values))
    return list(rows[0]["AffectedResources"]) if rows else []


def _any_of(values: list[str]) -> str:
    return str(_rows(*(_record(caller_ip=value) for value in values))[0]["CallerIP"])


def _grouped(groups: list[str]) -> dict[str, int]:
    rows = _rows(*(_record(resource_group=group) for group in groups))
    return {row["ResourceGroup"]: row["ExecutionCount"] for row in rows}


def _extremes(times: list[str]) -> list[str]:
    (row,) = _rows(*(_record(time=_time(time)) for time in times), at=_time(times[0]))
    return [row["FirstSeen"], row["LastSeen"]]


def _type_of(properties: str) -> str:
    shown = dynamic.to_text(dynamic.member(dynamic.parse_json(properties), "type"))
    assert shown == dynamic.to_text(dynamic.parse_top_level(properties, "type"))
    verdict = RULE.evaluate(_record(properties=properties))
    assert isinstance(verdict, Match)
    assert verdict.inputs[1] == (shown or "RunCommand")
    return shown


OPERATORS: dict[str, Callable[..., object]] = {
    "has": text.has,
    "has_any": lambda value, needles: text.compile_has_any(needles)(value),
    "=~": text.equals,
    "!startswith": lambda value, prefix: not text.starts_with(value, prefix),
    "isnotempty": text.is_not_empty,
    "coalesce": text.coalesce,
    "tolower": text.lower,
    "tostring(split()[i])": lambda value, by, index: dynamic.part(dynamic.split(value, by), index),
    "array_length(split())": lambda value, by: dynamic.array_length([*dynamic.split(value, by)]),
    "type_of_properties": _type_of,
    "TimeGenerated > now-2h": _in_window,
    "make_set": _set_of,
    "any": _any_of,
    "group_by": _grouped,
    "min_max": _extremes,
}


def _agrees(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict) and "subset_of" in expected:
        distinct = set(actual)
        return distinct <= set(expected["subset_of"]) and len(actual) == len(distinct) == expected["size"]
    if isinstance(expected, dict) and "one_of" in expected:
        return actual in expected["one_of"]
    return bool(actual == expected)


def test_every_shared_vector_holds(vectors: Path) -> None:
    cases = [json.loads(line) for line in (vectors / "kql.jsonl").read_text(encoding="utf-8").splitlines()]
    wrong = []
    for vector in cases:
        actual = OPERATORS[vector["op"]](*vector["args"])
        if not _agrees(vector["expect"], actual):
            wrong.append((vector["op"], vector["args"], vector["expect"], actual))
    assert not wrong
    assert {vector["op"] for vector in cases} == OPERATORS.keys()
