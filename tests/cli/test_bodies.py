"""Lines and documents of files, whatever the sizes of buffers and lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.cli import bodies
from stream_detector.cli.bodies import body_views, read_bodies

LINE = st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"x"))


@given(st.lists(LINE, max_size=12), st.booleans(), st.integers(1, 70))
def test_lines_are_those_of_a_plain_split_for_any_buffer_size(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool, size: int
) -> None:
    path = tmp_path_factory.mktemp("bodies") / "file"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended and lines else b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "READ_SIZE", size)
        patch.setattr(bodies, "WHOLE_LIMIT", 0)
        found = list(read_bodies(str(path)))
    assert found == [(number, line) for number, line in enumerate(lines, 1) if line and not line.isspace()]


def test_a_view_shows_the_same_as_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = b"".join(b'{"records":%d}\n' % number for number in range(200_000)) + b" \n[1]"
    path.write_bytes(content)
    seen = [(number, offset, bytes(view)) for number, offset, view in body_views(str(path))]
    assert [(number, body) for number, _, body in seen] == list(read_bodies(str(path)))
    assert all(content[offset : offset + len(body)] == body for _, offset, body in seen)


@pytest.mark.parametrize("document", [{"records": [1]}, [{"a": 1}, {"b": 2}]])
def test_a_pretty_document_is_one_body_also_when_compressed(document: object, tmp_path: Path) -> None:
    text = json.dumps(document, indent=1).encode()
    plain, packed = tmp_path / "file", tmp_path / "file.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert list(read_bodies(str(plain))) == list(read_bodies(str(packed))) == [(1, text)]


def test_broken_first_lines_do_not_make_a_file_of_lines_one_document(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"broken\n{"records":[]}\n')
    assert [number for number, _ in read_bodies(str(path))] == [1, 2]


def test_progress_is_told_every_byte_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"{}\n" * 700_000)
    told: list[int] = []
    assert sum(1 for _ in read_bodies(str(path), told.append)) == 700_000
    assert sum(told) == path.stat().st_size
