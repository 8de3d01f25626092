"""What a reader would write in an hour: parse every line in full, apply RULE 15, keep times per group.

    python plain_loop.py FILE

The yardstick for `replay`: the same rule, the same file, no scan, no dead letters, no late records,
no closing. Prints one JSON line per opening.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from datetime import datetime
from pathlib import Path

import orjson

from stream_detector.activity.record import ActivityRecord, Origin
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Match, Rule
from stream_detector.ticks import format_ticks, from_datetime

_RULES = Path(__file__).resolve().parents[2] / "config" / "rules"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

Json = dict[str, object]


def caller_of(identity: object) -> str:
    """UPN, name, or application id: the claims that the bench file's records carry."""
    claims = identity.get("claims") if isinstance(identity, dict) else None
    if not isinstance(claims, dict):
        return ""
    return str(claims.get(_CLAIMS + "upn") or claims.get(_CLAIMS + "name") or claims.get("appid") or "")


def record_of(parsed: Json) -> ActivityRecord:
    """A typed record of a stream record as the bench file has them."""
    time = str(parsed["time"])
    resource_id = str(parsed["resourceId"])
    segments = resource_id.split("/")
    address = str(parsed["callerIpAddress"])
    return ActivityRecord(
        # fromisoformat reads six digits; the seventh is added by hand.
        time=from_datetime(datetime.fromisoformat(time)) + int(time[26]),
        operation=str(parsed["operationName"]),
        status=str(parsed["resultType"]),
        status_detail=str(parsed["resultSignature"]),
        caller=caller_of(parsed["identity"]).strip(),
        caller_ip=address.split(":")[0] if address.count(":") == 1 else address.partition("]")[0].lstrip("["),
        subscription_id=segments[2],
        resource_group=segments[4],
        resource_id=resource_id,
        properties=orjson.dumps(parsed["properties"]).decode(),
        correlation_id=str(parsed["correlationId"]),
        level=str(parsed["level"]),
        category=str(parsed["category"]),
        origin=Origin("0", 0),
    )


class Openings:
    """The obvious window: sorted times of each group; a record opens when both neighbours are 2 h away."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._times: dict[tuple[str, ...], list[int]] = {}

    def add(self, record: ActivityRecord) -> dict[str, object] | None:
        """The opening that this record causes, if any. A record exported twice opens nothing again."""
        match = self._rule.evaluate(record)
        if not isinstance(match, Match):
            return None
        times = self._times.setdefault(tuple(str(part).lower() for part in match.key), [])
        at = bisect_right(times, record.time)
        near = (at > 0 and record.time - times[at - 1] < self._rule.window) or (
            at < len(times) and times[at] - record.time < self._rule.window
        )
        times.insert(at, record.time)
        if near:
            return None
        return {"group": list(match.key), "opened_at": format_ticks(record.time)}


def main(path: str) -> None:
    """Read the file and print its openings."""
    (rule,) = load_rules(_RULES, ["rule15"])
    openings, operations, loads = Openings(rule), rule.operations.names, orjson.loads
    write = sys.stdout.buffer.write
    with open(path, "rb", buffering=1 << 20) as bodies:
        for line in bodies:
            for parsed in loads(line)["records"]:
                if parsed["operationName"].lower() in operations:
                    opened = openings.add(record_of(parsed))
                    if opened is not None:
                        write(orjson.dumps(opened) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
