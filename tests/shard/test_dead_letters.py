"""Dead letters on a real file system: kept, bounded, and never in the way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from stream_detector.shard.dead_letters import DeadLetter, DirectoryDeadLetters

LETTER = DeadLetter("0", 1234, 7, "invalid_json", "expected value at column 3", 16_000_000_000, b'{"a": \xff')


@pytest.fixture
def letters(tmp_path: Path) -> DirectoryDeadLetters:
    return DirectoryDeadLetters(tmp_path / "dead-letters", 100_000, 100)


def files(letters: DirectoryDeadLetters) -> list[str]:
    return sorted(str(path.relative_to(letters.directory)) for path in letters.directory.rglob("*.*"))


def test_a_dead_letter_is_read_back_as_it_was_kept(letters: DirectoryDeadLetters) -> None:
    whole = replace(LETTER, index=None, enqueued=None, raw=b"")
    assert letters.keep(LETTER)
    assert letters.keep(whole)
    assert list(letters.read_back()) == [LETTER, whole]


def test_the_raw_bytes_lie_in_a_file_of_their_own(letters: DirectoryDeadLetters) -> None:
    letters.keep(LETTER)
    name = "partition-0/00000000000000001234-0007"
    assert files(letters) == [f"{name}.bin", f"{name}.json"]
    assert (letters.directory / f"{name}.bin").read_bytes() == LETTER.raw


def test_a_redelivered_event_overwrites_its_dead_letter(letters: DirectoryDeadLetters) -> None:
    letters.keep(LETTER)
    again = replace(LETTER, reason="too_deep", raw=b"other")
    assert letters.keep(again)
    assert list(letters.read_back()) == [again]


def test_letters_come_back_in_the_order_of_the_hub(letters: DirectoryDeadLetters) -> None:
    for number in (1000, 9, 80):
        letters.keep(replace(LETTER, sequence_number=number))
    assert [letter.sequence_number for letter in letters.read_back()] == [9, 80, 1000]


@pytest.mark.parametrize(
    "partition",
    ["../../escaped", "/etc/passwd", "..", ".", "", "a/b", "a\x00b", "ü" * 500, "\ud800", "C:\\x"],
)
def test_no_partition_name_leads_out_of_the_directory(
    letters: DirectoryDeadLetters, tmp_path: Path, partition: str
) -> None:
    kept = letters.keep(replace(LETTER, partition=partition))
    inside = [path for path in letters.directory.glob("partition-*/*") if path.is_file()]
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(inside) == sorted(everything)
    assert len(inside) == (2 if kept else 0)
    assert kept or partition == "\ud800"


def test_different_long_partition_names_do_not_share_files(letters: DirectoryDeadLetters) -> None:
    for name in ("x" * 300 + "1", "x" * 300 + "2"):
        assert letters.keep(replace(LETTER, partition=name))
    assert len(list(letters.read_back())) == 2


def test_too_many_letters_are_refused_and_those_kept_stay(tmp_path: Path) -> None:
    letters = DirectoryDeadLetters(tmp_path, 100_000, max_files=2)
    kept = [letters.keep(replace(LETTER, sequence_number=number)) for number in range(4)]
    assert kept == [True, True, False, False]
    assert letters.keep(replace(LETTER, sequence_number=0, raw=b"again"))
    assert [letter.sequence_number for letter in letters.read_back()] == [0, 1]


def test_too_many_bytes_are_refused_and_a_smaller_letter_still_fits(tmp_path: Path) -> None:
    letters = DirectoryDeadLetters(tmp_path, max_bytes=2_000, max_files=100)
    assert letters.keep(replace(LETTER, raw=b"x" * 1_000))
    assert not letters.keep(replace(LETTER, sequence_number=2, raw=b"x" * 1_000))
    assert letters.keep(replace(LETTER, sequence_number=3, raw=b"x" * 100))
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert total <= 2_000


def test_limits_count_what_an_earlier_process_kept(tmp_path: Path) -> None:
    assert DirectoryDeadLetters(tmp_path, 100_000, 1).keep(LETTER)
    later = DirectoryDeadLetters(tmp_path, 100_000, 1)
    assert not later.keep(replace(LETTER, sequence_number=2))
    assert later.keep(replace(LETTER, raw=b"again"))
    small = DirectoryDeadLetters(tmp_path, 10, 100)
    assert not small.keep(replace(LETTER, sequence_number=2, raw=b""))


def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    assert not DirectoryDeadLetters(tmp_path, 100_000, 0).keep(LETTER)
    assert not DirectoryDeadLetters(tmp_path, 0, 100).keep(LETTER)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_refuses_and_does_not_raise(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    letters = DirectoryDeadLetters(tmp_path / "file" / "below", 100_000, 100)
    assert not letters.keep(LETTER)
    assert list(letters.read_back()) == []


def test_keeping_works_again_once_the_directory_does(tmp_path: Path) -> None:
    obstacle = tmp_path / "dead"
    obstacle.write_text("in the way")
    letters = DirectoryDeadLetters(obstacle, 100_000, 100)
    assert not letters.keep(LETTER)
    obstacle.unlink()
    assert letters.keep(LETTER)


def test_a_letter_that_fails_halfway_leaves_nothing_that_is_not_counted(tmp_path: Path) -> None:
    letters = DirectoryDeadLetters(tmp_path, 100_000, 100)
    letters.keep(replace(LETTER, sequence_number=1))
    # A directory stands where the description should go: its rename fails after the bytes were written.
    (tmp_path / "partition-0" / "00000000000000001234-0007.json").mkdir()
    assert not letters.keep(LETTER)
    assert [path.name for path in tmp_path.rglob("*1234*") if path.is_file()] == []


def test_half_a_pair_and_foreign_files_are_passed_over(letters: DirectoryDeadLetters) -> None:
    letters.keep(LETTER)
    folder = letters.directory / "partition-0"
    (folder / "notes.txt").write_text("x")
    (folder / "other.json").write_text("[1]")
    (folder / "00000000000000000001-0000.json").write_text('{"partition": "0"')
    (folder / "00000000000000000002-body.bin").write_bytes(b"no description")
    assert list(letters.read_back()) == [LETTER]


def test_files_are_readable_by_their_owner_only(letters: DirectoryDeadLetters) -> None:
    before = os.umask(0)
    try:
        letters.keep(LETTER)
    finally:
        os.umask(before)
    for path in letters.directory.rglob("*.*"):
        assert path.stat().st_mode & 0o077 == 0


def test_an_enormous_index_or_number_is_no_error(letters: DirectoryDeadLetters) -> None:
    assert letters.keep(replace(LETTER, sequence_number=-1, index=123_456))
    assert letters.keep(replace(LETTER, sequence_number=2**63 - 1))
    assert len(list(letters.read_back())) == 2
