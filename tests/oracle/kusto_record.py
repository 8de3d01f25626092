"""Writes what Microsoft's binder says about the corpus to kusto_verdicts.jsonl, when run as a program.

With it our parser and checker are compared with Microsoft's where there is no node; test_kusto_corpus
checks that the file is what the binder says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from corpus_files import EXPRESSIONS, QUERIES, Entry, expressions, queries, values  # noqa: E402
from kusto_binder import Answer, ask  # noqa: E402

VERDICTS = HERE / "kusto_verdicts.jsonl"


def asked() -> list[tuple[Entry, str]]:
    """Every text of the corpus once, with the query that the binder is asked about."""
    found = [(entry, entry.projected) for name in EXPRESSIONS for entry in expressions(name)]
    found += [(entry, entry.text) for name in QUERIES for entry in queries(name)]
    known = {entry.text for entry, _ in found}
    return found + [(entry, entry.projected) for entry, _ in values() if entry.text not in known]


def recorded() -> Mapping[str, Answer]:
    """The answer to each text of the corpus, as it was when the file was written."""
    found = {}
    for line in VERDICTS.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        columns = tuple((name, type_) for name, type_ in told["columns"])
        found[told["text"]] = Answer(tuple(told["errors"]), columns)
    return found


def as_lines(entries: Sequence[Entry], answers: Sequence[Answer]) -> str:
    """The content of the file; columns only of what is accepted."""
    told = (
        {
            "text": entry.text,
            "errors": answer.errors,
            "columns": answer.columns if answer.accepted else (),
        }
        for entry, answer in zip(entries, answers, strict=True)
    )
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in told)


if __name__ == "__main__":
    entries, texts = zip(*asked(), strict=True)
    VERDICTS.write_text(as_lines(entries, ask(texts)), encoding="utf-8")
