"""The demo's story: quiet background, seven pages by three rules, and what must not page."""

from __future__ import annotations

from services.recompute import group_of, openings

from stream_detector.generate.facts import GeneratedRecord
from stream_detector.generate.scenario import SCENARIO_SECONDS, scenario, scenario_pages
from stream_detector.ticks import SECOND

NOW = 17_798_400_000_000_000


def test_each_step_that_promises_a_page_opens_exactly_one_group_and_no_other_does() -> None:
    before: list[GeneratedRecord] = []
    for step in scenario():
        records = step.render(NOW + int(step.after * SECOND)).records
        known = {opening.group for opening in openings(before)}
        new = {group_of(record) for record in records if record.matches} - known
        assert len(new) == int(step.pages == "rule15"), step.title
        before.extend(records)
    assert len(openings(before)) == 5
    assert scenario_pages() == 7


def test_the_first_page_comes_within_the_first_second_and_the_story_takes_ten() -> None:
    first = next(step for step in scenario() if step.pages)
    assert first.after < 1
    afters = [step.after for step in scenario()]
    assert afters == sorted(afters)
    assert afters[-1] < SCENARIO_SECONDS


def test_records_are_as_fresh_as_the_moment_they_are_rendered_for() -> None:
    for step in scenario():
        moment = NOW + int(step.after * SECOND)
        times = [record.time for record in step.render(moment).records]
        assert max(times) <= moment
        if "late" not in step.title:
            assert max(times) == moment
