"""The corpus of queries and expressions: reads corpus_*.kql, and makes whole rules of expressions."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

HERE = Path(__file__).resolve().parent

ACCEPTED = ("corpus_expressions.kql", "corpus_queries.kql")
"""Microsoft accepts these, and so do we."""
REFUSED = ("corpus_refused_expressions.kql", "corpus_refused.kql")
"""Neither does."""
BY_DESIGN = ("corpus_by_design_expressions.kql", "corpus_by_design.kql")
"""Microsoft accepts these and we do not; each says why."""
EXPRESSIONS = (ACCEPTED[0], REFUSED[0], BY_DESIGN[0])
QUERIES = (ACCEPTED[1], REFUSED[1], BY_DESIGN[1])

PREFIX = """\
AzureActivity
| where TimeGenerated > ago(1h)
| extend Bag = parse_json(Properties)
| extend Small = toint(Bag.small), Whole = tolong(Bag.whole), Ratio = toreal(Bag.ratio),
    Flag = tobool(Bag.flag), Span = TimeGenerated - datetime(2026-03-12T11:30:00Z)
"""
"""Gives an expression a column of every type."""

SUFFIX = "| summarize Rows = count() by CorrelationId\n"
"""Makes a rule of it, since a rule has exactly one summarize."""


class Entry(Struct, frozen=True, gc=False):
    """A query or an expression of the corpus."""

    place: str
    """File and line, as in `corpus_queries.kql:12`."""
    text: str
    why: str

    @property
    def _lets_and_value(self) -> tuple[str, str]:
        """The `let` statements in front of an expression, and the expression."""
        if not self.text.startswith("let "):
            return "", self.text
        lets, _, value = self.text.rpartition(";")
        return lets + ";\n", value.strip()

    @property
    def projected(self) -> str:
        """An expression as a query whose only column X it is, for its type."""
        lets, value = self._lets_and_value
        return f"{lets}{PREFIX}| extend X = {value}\n| project X\n"

    @property
    def rule(self) -> str:
        """An expression as a rule that computes it for every record."""
        lets, value = self._lets_and_value
        return f"{lets}{PREFIX}| extend X = {value}\n{SUFFIX}"

    def returning(self, shown: str) -> str:
        """An expression as a rule that returns it, as `shown` says, for every record."""
        lets, value = self._lets_and_value
        return f"{lets}{PREFIX}| extend X = {value}\n| summarize Value = take_any({shown}) by CorrelationId\n"


def expressions(name: str) -> list[Entry]:
    """Entries of a file that holds one expression a line: `expression // why`."""
    found = []
    for number, line in enumerate((HERE / name).read_text(encoding="utf-8").split("\n"), 1):
        if not line or line.startswith("//"):
            continue
        text, separator, why = line.rpartition(" // ")
        assert separator, f"{name}:{number} does not say why it is here"
        found.append(Entry(f"{name}:{number}", text, why))
    return found


def values() -> list[tuple[Entry, object]]:
    """Expressions with the value of each: `expression => JSON // why`."""
    found = []
    for entry in expressions("corpus_values.kql"):
        text, _, value = entry.text.rpartition(" => ")
        found.append((Entry(entry.place, text, entry.why), json.loads(value)))
    return found


def queries(name: str) -> list[Entry]:
    """Entries of a file of whole queries: each begins with a line `//// why`."""
    found: list[Entry] = []
    for number, line in enumerate((HERE / name).read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("//// "):
            found.append(Entry(f"{name}:{number}", "", line.removeprefix("//// ")))
        elif found:
            last = found[-1]
            found[-1] = Entry(last.place, f"{last.text}{line}\n", last.why)
    return [Entry(entry.place, entry.text.strip("\n") + "\n", entry.why) for entry in found]
