"""Times streaming-kql 0.0.2 on the rows that stdin gives as JSON; run by compiled_rule.py in its environment.

The part of the query about one record is run: conditions and extends, without the window and summarize.
"""

from __future__ import annotations

import json
import re
import sys
import timeit
from importlib import import_module
from typing import Any


def main() -> None:
    """Print nanoseconds per row, by the row's name, as JSON."""
    streaming_kql: Any = import_module("streaming_kql")
    given: dict[str, Any] = json.load(sys.stdin)
    text: str = given["query"]
    text = text.replace("| where TimeGenerated > ago(2h)\n", "").replace("AzureActivity", "source")
    # It knows no not(): `(x) == false` is the same for a condition that is never null.
    text = re.sub(r"not(\(tolower\(Caller\) has_any \([^)]*\)\))", r"\1 == false", text)
    text = text.partition("| summarize")[0]
    query = streaming_kql.compile(text)
    times = {}
    for name, row in given["rows"].items():
        found = query.match(row)
        assert (found is not None) == name.startswith("match"), (name, found)
        rounds = timeit.repeat("match(row)", globals={"match": query.match, "row": row}, repeat=5, number=500)
        times[name] = min(rounds) / 500 * 1e9
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
