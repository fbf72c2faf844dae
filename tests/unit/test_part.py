"""The file on its way: its name, its lock, and what is left of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from meshapi_video import DownloadError
from meshapi_video._heads import Note
from meshapi_video._part import Part, file_name, target
from support.files import names

NOTE = Note(task_id="task-1", what="video", validator='"v1"', total=5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


def part_of(out: Path, *, overwrite: bool = False) -> Part:
    return Part(out, "task-1", "video", overwrite=overwrite)


def filled(out: Path, *, overwrite: bool = False) -> Part:
    part = part_of(out, overwrite=overwrite)
    part.open()
    part.begin(NOTE)
    part.write(b"whole")
    return part


# Its name.


@pytest.mark.parametrize("task_id", ["task-1", "a1b2c3d4-e5f6-7890-ab12-cd34ef567890", "cgt-20251103_5", "0.5"])
def test_a_plain_id_is_the_name(task_id: str) -> None:
    assert file_name(task_id, "video") == f"{task_id}.mp4"
    assert file_name(task_id, "last frame") == f"{task_id}.jpg"


ODD = [
    "",
    ".",
    "..",
    ".hidden",
    "-rf",
    "dot.",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "C:evil",
    "con",
    "nul.txt",
    "lpt9",
    "a b",
    "a\nb",
    "a\x00b",
    "Task",
    "TASK",
    "tÄsk",
    "🎬",
    "\ud800",
    "x" * 81,
    "x" * 5000,
    "a*?<>|:",
]


@pytest.mark.parametrize("task_id", ODD, ids=ascii)
def test_an_odd_id_makes_a_name_that_every_system_takes(task_id: str) -> None:
    name = file_name(task_id, "video")
    assert name.isascii()
    assert len(name) < 90
    assert name[0].isalnum()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert name.count(".") == 1
    assert name.partition(".")[0].lower() not in {"con", "nul", "lpt9"}


def test_no_two_ids_share_a_name_even_where_case_is_nothing() -> None:
    made = {file_name(task_id, "video").lower() for task_id in [*ODD, "task", "task-1"]}
    assert len(made) == len(ODD) + 2


def test_a_folder_is_one_that_is_there_or_is_written_as_one(tmp_path: Path) -> None:
    assert target(tmp_path, "task-1", "video") == tmp_path / "task-1.mp4"
    assert target(f"{tmp_path}/new/", "task-1", "video") == tmp_path / "new" / "task-1.mp4"
    assert target(tmp_path / "new", "task-1", "video") == tmp_path / "new"


# Its lock.


def test_only_one_has_it_at_a_time(out: Path) -> None:
    with part_of(out) as first:
        first.open()
        with part_of(out) as second, pytest.raises(DownloadError, match=r"another download to .* is under way"):
            second.open()
    with part_of(out) as third:
        third.open()
    assert names(out.parent) == []


@pytest.fixture
def tried(out: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Another download, which finishes just before the next one tries to lock the note."""
    first = filled(out)
    tried = list[int]()

    def lock_after_the_first_has_finished(descriptor: int) -> bool:
        if not tried:
            first.finish()
            first.close()
        tried.append(descriptor)
        return True

    monkeypatch.setattr("meshapi_video._part.try_lock", lock_after_the_first_has_finished)
    return tried


def test_a_lock_on_what_has_gone_meanwhile_is_none(out: Path, tried: list[int]) -> None:
    with part_of(out, overwrite=True) as second:
        second.open()
        assert len(tried) == 2
        assert names(out.parent) == ["out.mp4", "out.mp4.part", "out.mp4.part.json"]
        assert second.size == 0
    assert out.read_bytes() == b"whole"


def test_what_was_finished_while_the_lock_was_awaited_is_not_fetched_again(out: Path, tried: list[int]) -> None:
    with part_of(out) as second, pytest.raises(DownloadError, match="exists already"):
        second.open()
    assert len(tried) == 2
    assert names(out.parent) == ["out.mp4"]


def test_a_file_system_without_locks_is_good_enough(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with filled(out) as part:
        assert part.finish() == out


# What is left.


def test_nothing_is_left_of_nothing(out: Path) -> None:
    with part_of(out) as part:
        part.open()
        assert names(out.parent) == ["out.mp4.part", "out.mp4.part.json"]
    assert names(out.parent) == []
    # Nor does closing it before it was opened, or twice, do any harm.
    part.close()
    part_of(out).close()
    with pytest.raises(DownloadError, match="the download has ended"):
        part.write(b"late")


def test_killed_between_its_two_names_the_whole_one_is_not_written_through(out: Path) -> None:
    filled(out).close()
    os.link(out.with_name("out.mp4.part"), out)
    with part_of(out, overwrite=True) as part:
        part.open()
        part.begin(NOTE)
        part.write(b"half")
    assert out.read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["out.mp4.part", "out.mp4.part.json"])
def test_somebodys_link_in_its_place_is_not_written_through(out: Path, name: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    out.with_name(name).symlink_to(mine)
    with part_of(out) as part:
        if name == "out.mp4.part":
            part.open()
            part.begin(NOTE)
        else:
            with pytest.raises(DownloadError, match="cannot be written"):
                part.open()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_system_without_links_renames(out: Path, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    with filled(out) as part:
        if taken:
            out.write_text("mine")
            with pytest.raises(DownloadError, match=r"it is whole, and cannot be named .*: it exists already"):
                part.finish()
        else:
            part.finish()
    assert out.read_bytes() == (b"mine" if taken else b"whole")
    assert names(out.parent) == (["out.mp4", "out.mp4.part", "out.mp4.part.json"] if taken else ["out.mp4"])


def test_no_permission_is_told(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr("os.open", refuse)
    with part_of(out) as part, pytest.raises(DownloadError, match=r"out\.mp4 cannot be written: Permission denied"):
        part.open()


def test_a_write_that_takes_only_some_bytes_is_gone_on_with(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant:
        def __init__(self) -> None:
            self.took = b""

        def write(self, piece: memoryview) -> int:
            self.took += piece[:2]
            return len(piece[:2])

    reluctant = Reluctant()
    with filled(out) as part, monkeypatch.context() as patch:
        patch.setattr(part, "_bytes", reluctant)
        part.write(b"hello")
        assert (reluctant.took, part.size) == (b"hello", 10)
        patch.undo()
