"""`python -m stream_detector.generate OUT`: writes a file of generated bodies, one per line, for `replay`.

    python -m stream_detector.generate bench.ndjson --mb 200 --share 0.002

The same arguments give the same bytes. A summary goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from stream_detector.generate.shapes import ONE_LINE_SHAPES
from stream_detector.generate.stream import DEFAULT_END, StreamOptions, activity_stream
from stream_detector.ticks import HOUR, parse_duration

_SAMPLE = 2_000
"""Records drawn to estimate bytes per record, so that `--mb` can be turned into a number of records."""


def _parser() -> argparse.ArgumentParser:
    defaults = StreamOptions()
    parser = argparse.ArgumentParser(
        prog="python -m stream_detector.generate",
        description="Write generated Activity Log bodies, one per line.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="file to write, - for standard output")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--records", type=int, help=f"number of records (default {defaults.records:,})")
    size.add_argument("--mb", type=float, help="size of the file instead, in millions of bytes, roughly")
    parser.add_argument("--seed", type=int, default=15, help="same seed, same bytes (default 15)")
    parser.add_argument(
        "--share", type=float, default=defaults.share, help="share of records that match RULE 15"
    )
    parser.add_argument("--near-share", type=float, default=defaults.near_share, help="share of near misses")
    parser.add_argument(
        "--groups", type=int, default=defaults.groups, help="distinct groups among the matches"
    )
    parser.add_argument(
        "--span", type=parse_duration, default=48 * HOUR, help="event time covered (default 48h)"
    )
    parser.add_argument(
        "--escape-share", type=float, default=0.0, help="share of bodies with escaped operations"
    )
    parser.add_argument("--records-per-body", type=int, default=defaults.records_per_body)
    parser.add_argument(
        "--table-schema", action="store_true", help="columns of the table instead of the stream"
    )
    parser.add_argument("--all-shapes", action="store_true", help="every body shape that fits on one line")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        options = _options(chosen)
    except ValueError as error:
        parser.error(str(error))
    if str(chosen.out) == "-":
        _write(sys.stdout.buffer, chosen.seed, options)
    else:
        with chosen.out.open("wb", buffering=1 << 20) as out:
            _write(out, chosen.seed, options)
    return 0


def _options(chosen: argparse.Namespace) -> StreamOptions:
    options = StreamOptions(
        records=chosen.records if chosen.records is not None else StreamOptions().records,
        share=chosen.share,
        near_share=chosen.near_share,
        groups=chosen.groups,
        span=chosen.span,
        end=DEFAULT_END,
        table_schema=chosen.table_schema,
        records_per_body=chosen.records_per_body,
        escape_share=chosen.escape_share,
        shapes=ONE_LINE_SHAPES if chosen.all_shapes else StreamOptions().shapes,
    )
    if chosen.mb is None:
        return options
    return replace(options, records=max(1, int(chosen.mb * 1e6 / _bytes_per_record(chosen.seed, options))))


def _bytes_per_record(seed: int, options: StreamOptions) -> float:
    sample = replace(options, records=_SAMPLE)
    bodies = list(activity_stream(seed, sample))
    return sum(len(body.body) + 1 for body in bodies) / _SAMPLE


def _write(out: BinaryIO, seed: int, options: StreamOptions) -> None:
    bodies = size = matches = 0
    for body in activity_stream(seed, options):
        out.write(body.body + b"\n")
        bodies += 1
        size += len(body.body) + 1
        matches += sum(record.matches for record in body.records)
    counted = f"{bodies:,} bodies, {options.records:,} records, {size / 1e6:,.1f} MB"
    sys.stderr.write(f"{counted}, {matches:,} records match RULE 15\n")


if __name__ == "__main__":
    sys.exit(main())
