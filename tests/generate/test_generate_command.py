"""`python -m stream_detector.generate` writes files that replay can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_detector.generate.__main__ import main


def test_a_file_of_about_the_size_asked_for_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bodies.ndjson"
    assert main([str(out), "--mb", "3", "--share", "0.02"]) == 0
    assert out.stat().st_size == pytest.approx(3e6, rel=0.1)
    summary = capsys.readouterr()
    records = sum(len(json.loads(line)["records"]) for line in out.read_bytes().splitlines())
    assert f"{records:,} records" in summary.err
    assert summary.out == ""


def test_every_shape_stays_on_one_line(tmp_path: Path) -> None:
    out = tmp_path / "shapes.ndjson"
    assert main([str(out), "--records", "500", "--all-shapes", "--records-per-body", "3"]) == 0
    parsed = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert {type(body) for body in parsed} == {dict, list}
    assert any("operationName" in body for body in parsed if isinstance(body, dict))


@pytest.mark.parametrize(
    "arguments",
    [["--groups", "0"], ["--share", "2"], ["--span", "soon"], ["--span", "0s"], ["--records", "0"]],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main([str(tmp_path / "x"), *arguments])
    assert refused.value.code == 2
