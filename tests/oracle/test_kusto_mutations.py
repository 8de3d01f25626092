"""Texts of the corpus with a token or two changed: what we accept, Microsoft accepts with the same columns.

The other way round is by design: we refuse more. KUSTO_SEED and KUSTO_COUNT make longer runs.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator

from corpus_files import ACCEPTED, expressions, queries
from kusto_binder import ask, need_binder

from stream_detector.kql.problems import Span
from stream_detector.rules.kql_rule import compile_kql
from stream_detector.rules.model import Handling, RuleInfo

SEED = int(os.environ.get("KUSTO_SEED", "1"))
COUNT = 10 * int(os.environ.get("KUSTO_COUNT", "60"))
INFO = RuleInfo("rule", "rule", "1", "Low", (), (), "")

_TOKEN = re.compile(
    r"""//[^\n]*|@?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_][\w-]*|[0-9.]+[a-z]*|\s+|.""", re.DOTALL
)
_OTHERS = (
    *(
        "(",
        ")",
        ",",
        "|",
        ";",
        "=",
        "==",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        ".",
        "..",
        "[",
        "]",
        "{",
        "}",
        "@",
        "#",
    ),
    *(
        "$",
        ":",
        "'",
        '"',
        "\n",
        "//",
        "!=",
        "=~",
        "!in",
        "and",
        "or",
        "not",
        "in",
        "has",
        "has_any",
        "between",
    ),
    *("by", "asc", "desc", "let", "where", "summarize", "bin", "tostring", "count()", "dynamic([1])"),
    *("1", "1.5", "0x", "1e", "5m", '"a"', "null", "datetime(2026-01-01)"),
    *("Caller", "Level", "TimeGenerated", "Properties_d"),
)

_HARMLESS = re.compile(r";\s*;|\b(true|false|int|long|real|bool|string|dynamic)\s*=[^=~]")
"""What we accept more of: an empty statement, and the name of a type or a bool as that of a column."""


def _mutated(count: int) -> Iterator[str]:
    pick = random.Random(SEED)
    texts = [entry.text for entry in queries(ACCEPTED[1])]
    texts += [entry.rule for entry in expressions(ACCEPTED[0])]
    for _ in range(count):
        tokens = _TOKEN.findall(pick.choice(texts))
        for _ in range(pick.choice((1, 1, 2))):
            place = pick.randrange(len(tokens))
            change = pick.random()
            if change < 0.3:
                tokens[place] = ""
            elif change < 0.5:
                tokens[place] *= 2
            elif change < 0.8:
                tokens[place] = pick.choice(_OTHERS)
            else:
                tokens[place] += f" {pick.choice(_OTHERS)} "
        yield "".join(tokens)


def test_what_we_accept_of_changed_texts_microsoft_accepts_with_the_same_columns() -> None:
    need_binder()
    accepted = []
    for text in _mutated(COUNT):
        rule, problems = compile_kql(text, INFO, Handling(), {}, every_record=True)
        assert (rule is None) == bool(problems), text
        assert all(_lies_in(problem.span, text) for problem in problems), text
        if rule is not None and not _HARMLESS.search(text):
            accepted.append((text, tuple((name, str(kind)) for name, kind in rule.schema)))
    assert len(accepted) > COUNT / 10
    for (text, columns), answer in zip(accepted, ask([text for text, _ in accepted]), strict=True):
        assert answer.errors == (), text
        assert answer.columns == columns, text


def _lies_in(span: Span, text: str) -> bool:
    return 0 <= span.start <= span.end <= len(text)
