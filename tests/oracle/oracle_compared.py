"""RULE 15 and generated rows in the shapes that are compared: bodies, records and a table of the engine.

ORACLE_SEED and ORACLE_ROWS change what is generated: a failure is repeated with its seed, and a long
run takes more rows than the default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from oracle_engine import Row, oracle_rows, table_of
from oracle_rows import AT, generate

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.rules.kql_rule import KqlRule, compile_kql
from stream_detector.rules.load import load_rules
from stream_detector.ticks import format_ticks

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("ORACLE_SEED", "1"))
ROWS = int(os.environ.get("ORACLE_ROWS", "50000"))
MUTANT_ROWS = min(ROWS, 16_000)
"""Rows that a mutant is run on; enough for each to show."""
RECORDS_IN_A_BODY = 40


@dataclass(frozen=True, slots=True)
class Comparison:
    """One generated table in the three shapes that are compared."""

    bodies: Sequence[bytes]
    records: Sequence[ActivityRecord]
    """As the decoder reads them from `bodies`."""
    engine: duckdb.DuckDBPyConnection
    expected: Sequence[Row]
    """What the engine returns at AT."""


def comparison(count: int) -> Comparison:
    """The first `count` generated rows."""
    rows = list(generate(SEED, count))
    table = [{"TimeGenerated": format_ticks(time), **columns} for time, columns in rows]
    bodies = [
        json.dumps({"records": table[start : start + RECORDS_IN_A_BODY]}).encode()
        for start in range(0, len(table), RECORDS_IN_A_BODY)
    ]
    decoder = BodyDecoder(None)
    records: list[ActivityRecord] = []
    for number, body in enumerate(bodies):
        decoded = decoder.decode(body, EventSource("0", number, None))
        assert not decoded.problems
        records += decoded.records
    assert len(records) == len(rows)
    engine = table_of(rows)
    return Comparison(bodies, records, engine, oracle_rows(engine, AT))


def shipped() -> KqlRule:
    """RULE 15 as it is shipped."""
    (rule,) = load_rules(ROOT / "config" / "rules", ["rule15"])
    assert isinstance(rule, KqlRule)
    return rule


RULE = shipped()


def recompiled(text: str = RULE.text, thresholds: Mapping[str, int] | None = None) -> KqlRule:
    """RULE 15 with another text, or with other thresholds than none."""
    rule, problems = compile_kql(text, RULE.info, RULE.handling, thresholds or {}, every_record=False)
    assert rule is not None, problems
    return rule
