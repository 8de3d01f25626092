"""Generator and detector agree: what is decoded is what was meant, and what was made to match does.

The generator's facts are written by hand and share no code with decoder, rule or windows.
"""

from __future__ import annotations

import pytest
from services.program import ROOT
from services.recompute import folded, openings

from stream_detector.activity.decode import BodyDecoder, EventSource
from stream_detector.activity.record import ActivityRecord
from stream_detector.detect.alert import AlertEvent
from stream_detector.detect.detector import Detector
from stream_detector.generate.facts import GeneratedRecord
from stream_detector.generate.scenario import scenario
from stream_detector.generate.shapes import Shape
from stream_detector.generate.stream import StreamOptions, activity_stream
from stream_detector.rules.load import load_rules
from stream_detector.rules.model import Match, Rule, wanted_operations
from stream_detector.ticks import HOUR


@pytest.fixture(scope="module")
def rule15() -> Rule:
    (rule,) = load_rules(ROOT / "config" / "rules", ["rule15"])
    return rule


OPTIONS = {
    "stream": StreamOptions(records=3000, share=0.05, near_share=0.15, shapes=tuple(Shape), escape_share=0.3),
    "table": StreamOptions(records=3000, share=0.05, near_share=0.15, shapes=tuple(Shape), table_schema=True),
}


COLUMNS = (
    *("time", "operation", "status", "status_detail", "caller", "caller_ip"),
    *("subscription_id", "resource_group", "resource_id", "correlation_id", "category"),
)


def decoded(seed: int, options: StreamOptions) -> list[tuple[ActivityRecord, GeneratedRecord]]:
    """Every record of the stream with its facts."""
    decoder = BodyDecoder(None)
    pairs: list[tuple[ActivityRecord, GeneratedRecord]] = []
    for number, body in enumerate(activity_stream(seed, options)):
        found = decoder.decode(body.body, EventSource("0", number, None))
        assert found.problems == ()
        pairs.extend(zip(found.records, body.records, strict=True))
    return pairs


@pytest.mark.parametrize("schema", list(OPTIONS))
def test_every_column_is_decoded_as_it_was_meant(schema: str) -> None:
    pairs = decoded(21, OPTIONS[schema])
    assert len(pairs) == 3000
    for record, fact in pairs:
        for column in COLUMNS:
            assert getattr(record, column) == getattr(fact, column), (column, fact.case)


@pytest.mark.parametrize("schema", list(OPTIONS))
def test_the_rule_matches_exactly_the_records_that_were_made_to_match(schema: str, rule15: Rule) -> None:
    pairs = decoded(22, OPTIONS[schema])
    judged = {(fact.case, fact.matches, isinstance(rule15.evaluate(record), Match)) for record, fact in pairs}
    assert {case for case, meant, found in judged if meant != found} == set()
    assert {found for _, _, found in judged} == {True, False}


@pytest.mark.parametrize("span", [HOUR, 20 * HOUR])
def test_the_detector_opens_what_a_plain_recomputation_opens(span: int, rule15: Rule) -> None:
    options = StreamOptions(records=6000, share=0.08, groups=60, span=span, duplicate_share=0.05)
    pairs = decoded(23, options)
    detector = Detector([rule15])
    opened = []
    now = 0
    for record, _ in pairs:
        now = max(now, record.time)
        opened += [a for a in detector.apply(record, now).alerts if a.event is AlertEvent.OPENED]
    expected = openings(fact for _, fact in pairs)
    assert len(expected) >= 60
    found = [alert.to_dict()["group"] for alert in opened]
    assert [folded(*group.values()) for group in found if isinstance(group, dict)] == [
        opening.group for opening in expected
    ]
    assert [alert.opened_at for alert in opened] == [opening.time for opening in expected]


def test_the_story_pages_as_it_promises() -> None:
    rules = load_rules(ROOT / "config" / "rules", None)
    detector, decoder = Detector(rules), BodyDecoder(wanted_operations(rules))
    for number, step in enumerate(scenario()):
        now = 17_798_400_000_000_000 + number
        found = decoder.decode(step.render(now).body, EventSource("0", number, now))
        alerts = [alert for record in found.records for alert in detector.apply(record, now).alerts]
        opened = [alert for alert in alerts if alert.event is AlertEvent.OPENED]
        assert [alert.rule.id for alert in opened] == [step.pages][: bool(step.pages)], step.title
