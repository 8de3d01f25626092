"""Microsoft's own parser and binder of KQL, asked by kusto_bind.js in one process for many queries.

It types queries and finds mistakes; it executes nothing. It is more lenient than the engine in places
(it compares a text with a number), so its refusal is certain and its acceptance is not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from services.need import need

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "node_modules" / "@kusto" / "language-service-next"


class Answer(Struct, frozen=True, gc=False):
    """What the binder says about one query."""

    errors: tuple[str, ...]
    """Messages of severity Error; none when the query is accepted."""
    columns: tuple[tuple[str, str], ...]
    """Name and type of the result's columns, in order; without meaning when there are errors."""

    @property
    def accepted(self) -> bool:
        return not self.errors


def need_binder() -> None:
    """Skip the calling test where node or the package is missing; on CI fail."""
    need(shutil.which("node"), "node is not installed")
    need(PACKAGE.is_dir(), "Microsoft's KQL parser is not installed: run make test once, or make node")


def ask(queries: Sequence[str], **options: Any) -> list[Answer]:
    """An answer for each query.

    Args:
        queries: whole query texts.
        options: `correlation=True` for the correlated columns too, or `columns={name: type}` instead
            of those of AzureActivity.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    lines = [
        json.dumps({"id": number, "query": query, **options}) + "\n" for number, query in enumerate(queries)
    ]
    ran = subprocess.run(
        ["node", str(HERE / "kusto_bind.js")],
        input="".join(lines),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(len(queries)))
    return [_answer(answer) for answer in answers]


def _answer(told: Mapping[str, Any]) -> Answer:
    return Answer(
        errors=tuple(found["message"] for found in told["diagnostics"] if found["severity"] == "Error"),
        columns=tuple((column["name"], column["type"]) for column in told["columns"]),
    )
