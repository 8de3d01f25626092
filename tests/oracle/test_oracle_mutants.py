"""The comparison with the engine notices every slip: each mutant of RULE 15 gives rows that it would not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from oracle_compared import MUTANT_ROWS, RULE, Comparison, comparison, recompiled
from oracle_engine import differences
from oracle_mutants import MUTANTS
from oracle_rows import AT
from oracle_slips import SLIPS
from services.rule15_by_hand import Rule15ByHand

from stream_detector.rules.scheduled import scheduled_rows


@pytest.fixture(scope="module")
def compared() -> Iterator[Comparison]:
    made = comparison(MUTANT_ROWS)
    yield made
    made.engine.close()


def test_what_is_right_is_not_caught(compared: Comparison) -> None:
    for rule in (RULE, recompiled(), Rule15ByHand()):
        assert differences(compared.expected, scheduled_rows(rule, compared.records, AT)) == []


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_the_text_is_caught(compared: Comparison, name: str) -> None:
    right, wrong = SLIPS[name]
    assert RULE.text.count(right) == 1
    rule = recompiled(RULE.text.replace(right, wrong))
    assert differences(compared.expected, scheduled_rows(rule, compared.records, AT))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_caught(compared: Comparison, name: str) -> None:
    assert differences(compared.expected, MUTANTS[name](compared.records, AT))
