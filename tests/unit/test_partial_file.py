"""The partial file of a download: its name, its lock, and what it leaves behind."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from meshapi_video import DownloadError
from meshapi_video._download import partial_file as partial_file_module
from meshapi_video._download.headers import ResumeRecord
from meshapi_video._download.partial_file import PartialFile, file_name, target_path
from support.files import names

if TYPE_CHECKING:
    from _typeshed import TraceFunction

RECORD = ResumeRecord(task_id="task-1", kind="video", validator='"v1"', total=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


def partial_file(path: Path, *, overwrite: bool = False) -> PartialFile:
    return PartialFile(path, "task-1", "video", overwrite=overwrite)


def complete_partial_file(path: Path, *, overwrite: bool = False) -> PartialFile:
    """A partial file with all its bytes, not renamed yet."""
    file = partial_file(path, overwrite=overwrite)
    file.open()
    file.restart(RECORD)
    file.write(b"whole")
    return file


# The name.


@pytest.mark.parametrize("task_id", ["task-1", "a1b2c3d4-e5f6-7890-ab12-cd34ef567890", "cgt-20251103_5", "0.5"])
def test_a_plain_id_is_the_name_of_the_file(task_id: str) -> None:
    assert file_name(task_id, "video") == f"{task_id}.mp4"
    assert file_name(task_id, "last frame") == f"{task_id}.jpg"


ODD_IDS = [
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


@pytest.mark.parametrize("task_id", ODD_IDS, ids=ascii)
def test_an_odd_id_gives_a_name_that_every_system_accepts(task_id: str) -> None:
    name = file_name(task_id, "video")
    assert name.isascii()
    assert len(name) < 90
    assert name[0].isalnum()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert name.count(".") == 1
    assert name.partition(".")[0].lower() not in {"con", "nul", "lpt9"}


def test_no_two_ids_share_a_name_even_if_the_system_ignores_case() -> None:
    file_names = {file_name(task_id, "video").lower() for task_id in [*ODD_IDS, "task", "task-1"]}
    assert len(file_names) == len(ODD_IDS) + 2


def test_a_path_is_a_folder_if_the_folder_exists_or_the_path_ends_with_a_slash(tmp_path: Path) -> None:
    assert target_path(tmp_path, "task-1", "video") == tmp_path / "task-1.mp4"
    assert target_path(f"{tmp_path}/new/", "task-1", "video") == tmp_path / "new" / "task-1.mp4"
    assert target_path(tmp_path / "new", "task-1", "video") == tmp_path / "new"


def test_a_page_that_an_earlier_release_kept_is_not_resumed(path: Path) -> None:
    with partial_file(path) as file:
        file.open()
        file.restart(RECORD)
        file.write(b"<err>")
    with partial_file(path) as file:
        file.open()
        assert file.record is None


# The lock.


def test_only_one_download_at_a_time_has_the_partial_file(path: Path) -> None:
    with partial_file(path) as first:
        first.open()
        with partial_file(path) as second, pytest.raises(DownloadError, match=r"another download to .* is running"):
            second.open()
    with partial_file(path) as third:
        third.open()
    assert names(path.parent) == []


@pytest.fixture
def lock_attempts(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The locks that a download tries while another download finishes just before the first attempt."""
    first = complete_partial_file(path)
    attempts = list[int]()

    def lock_after_the_first_download(descriptor: int) -> bool:
        if not attempts:
            first.finish()
            first.close()
        attempts.append(descriptor)
        return True

    monkeypatch.setattr("meshapi_video._download.partial_file.try_lock", lock_after_the_first_download)
    return attempts


def test_a_lock_on_a_deleted_file_is_not_enough(path: Path, lock_attempts: list[int]) -> None:
    with partial_file(path, overwrite=True) as second:
        second.open()
        assert len(lock_attempts) == 2
        assert names(path.parent) == ["out.mp4", "out.mp4.part", "out.mp4.part.json"]
        assert second.size == 0
    assert path.read_bytes() == b"whole"


def test_a_file_that_another_download_finished_during_the_lock_is_not_downloaded_again(
    path: Path, lock_attempts: list[int]
) -> None:
    with partial_file(path) as second, pytest.raises(DownloadError, match="already exists, and overwrite is not set"):
        second.open()
    assert len(lock_attempts) == 2
    assert names(path.parent) == ["out.mp4"]


def test_a_download_works_on_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with complete_partial_file(path) as file:
        assert file.finish() == path


# The files that are kept.


def test_a_download_without_bytes_leaves_no_files(path: Path) -> None:
    with partial_file(path) as file:
        file.open()
        assert names(path.parent) == ["out.mp4.part", "out.mp4.part.json"]
    assert names(path.parent) == []
    # A second `close`, and a `close` before `open`, do nothing.
    file.close()
    partial_file(path).close()
    with pytest.raises(DownloadError, match="the download has ended"):
        file.write(b"late")


def test_a_complete_file_is_not_changed_after_a_kill_during_its_rename(path: Path) -> None:
    complete_partial_file(path).close()
    os.link(path.with_name("out.mp4.part"), path)
    with partial_file(path, overwrite=True) as file:
        file.open()
        file.restart(RECORD)
        file.write(b"half")
    assert path.read_bytes() == b"whole"


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "a link": lambda name, other: name.symlink_to(other),
    "a link to nothing": lambda name, other: name.symlink_to(other.with_name("nowhere")),
    "a second name of another file": lambda name, other: name.hardlink_to(other),
    "a pipe": lambda name, _other: os.mkfifo(name),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize("name", ["out.mp4.part", "out.mp4.part.json"])
def test_nothing_is_written_through_a_planted_partial_file(
    path: Path, name: str, plant: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("unchanged")
    plant(path.with_name(name), other)
    with complete_partial_file(path) as file:
        assert file.size == 5
        assert path.with_name(name).is_file()
        file.finish()
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == ["other", "out.mp4"]
    assert other.read_text() == "unchanged"
    assert other.stat().st_nlink == 1


@pytest.mark.parametrize("name", ["out.mp4.part", "out.mp4.part.json"])
def test_a_partial_file_of_another_user_is_not_used(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    complete_partial_file(path).close()
    planted = path.with_name(name).stat()
    is_own = partial_file_module._is_own

    def is_own_of_another_user(found: os.stat_result) -> bool:
        owner = found.st_uid + (found.st_ino == planted.st_ino)
        return is_own(os.stat_result([*found[:4], owner, *found[5:]]))

    monkeypatch.setattr(partial_file_module, "_is_own", is_own_of_another_user)
    with partial_file(path) as file:
        file.open()
        assert (file.record, file.size) == ((RECORD, 0) if name == "out.mp4.part" else (None, 5))
        assert path.with_name(name).stat().st_ino != planted.st_ino or path.with_name(name).stat().st_size == 0


def test_a_link_that_replaces_the_partial_file_while_it_is_opened_is_not_used(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete_partial_file(path).close()
    other, data = tmp_path / "other", path.with_name("out.mp4.part")
    other.write_text("unchanged")
    is_own = partial_file_module._is_own

    def replace(found: os.stat_result) -> bool:
        own = is_own(found)
        if own and not data.is_symlink() and found.st_ino == data.stat().st_ino and not planted:
            planted.append(data.rename(tmp_path / "moved"))
            data.symlink_to(other)
        return own

    planted = list[Path]()
    monkeypatch.setattr(partial_file_module, "_is_own", replace)
    with partial_file(path) as file:
        file.open()
        file.restart(RECORD)
        file.write(b"whole")
        assert data.is_file()
        assert not data.is_symlink()
    assert planted
    assert other.read_text() == "unchanged"


@pytest.mark.parametrize("exists", [False, True])
def test_a_file_system_without_links_renames_the_file(
    path: Path, *, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    with complete_partial_file(path) as file:
        if exists:
            path.write_text("other")
            with pytest.raises(
                DownloadError, match=r"the file is complete, but cannot be renamed to .*: it exists already"
            ):
                file.finish()
        else:
            file.finish()
    assert path.read_bytes() == (b"other" if exists else b"whole")
    assert names(path.parent) == (["out.mp4", "out.mp4.part", "out.mp4.part.json"] if exists else ["out.mp4"])


def test_the_error_says_that_there_is_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Not by the mode of the folder: the user that runs the tests may have all permissions.
    monkeypatch.setattr(partial_file_module, "FileIO", refuse)
    with (
        partial_file(path) as file,
        pytest.raises(DownloadError, match=r"out\.mp4 cannot be written: Permission denied"),
    ):
        file.open()


def test_a_write_that_accepts_only_some_bytes_is_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class TwoBytesAtOnce:
        def __init__(self) -> None:
            self.written = b""

        def write(self, data: memoryview) -> int:
            self.written += data[:2]
            return len(data[:2])

    slow = TwoBytesAtOnce()
    with complete_partial_file(path) as file, monkeypatch.context() as patch:
        patch.setattr(file, "_data_file", slow)
        file.write(b"hello", b" you")
        assert (slow.written, file.size) == (b"hello you", 14)
        patch.undo()


def test_the_kept_bytes_and_their_record_are_found_by_the_next_download(path: Path) -> None:
    complete_partial_file(path).close()
    with partial_file(path) as same:
        same.open()
        assert (same.record, same.size, same.total) == (RECORD, 5, 5)
        error = same.error("reset")
    assert str(error) == f"task task-1: reset. 5 of 5 bytes are kept in {path}.part: the next download resumes there"
    for task_id, kind in (("task-2", "video"), ("task-1", "last frame")):
        with PartialFile(path, task_id, kind, overwrite=False) as other:
            other.open()
            assert (other.record, other.size, other.total) == (None, 5, None)
            assert other.error("reset").part is None


UNREADABLE = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a part": b'{"task_id": "task-1"}',
    "no UTF-8": b'{"task_id": "task-\xe9", "kind": "video", "validator": null, "total": null}',
    "deep": b"[" * 100_000,
    "deep in a field that is ignored": b'{"x":' + b"[" * 100_000,
    "huge": b" " * 2_000_000 + msgspec.json.encode(RECORD),
    "a size below zero": msgspec.json.encode(evolve(RECORD, total=-1)),
    "a size that no file has": msgspec.json.encode(evolve(RECORD, total=10**18)),
    "a validator that cannot be sent": msgspec.json.encode(evolve(RECORD, validator='"v1"\r\nx: y')),
    "a validator that is no validator": msgspec.json.encode(evolve(RECORD, validator="yesterday")),
    "a date that cannot be sent": msgspec.json.encode(
        evolve(RECORD, validator="Mon, 03 Nov 2025 10:00:00 GMT (\u00e9t\u00e9)")
    ),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_damaged_record_does_not_count_and_deletes_nothing(path: Path, content: bytes) -> None:
    complete_partial_file(path).close()
    path.with_name("out.mp4.part.json").write_bytes(content)
    with partial_file(path) as file:
        file.open()
        assert (file.record, file.size) == (None, 5)
    assert path.with_name("out.mp4.part").read_bytes() == b"whole"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda noise: msgspec.json.encode(RECORD)[:-20] + noise))
def test_whatever_is_in_the_record_the_download_begins(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "out.mp4"
    path.with_name("out.mp4.part.json").write_bytes(content)
    with complete_partial_file(path) as file:
        assert file.finish().read_bytes() == b"whole"


def interrupt_at(moment: int) -> TraceFunction:
    """A trace function that interrupts before a line, or at the end of a function, of the module."""
    left = [moment]

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        if frame.f_code.co_filename != partial_file_module.__file__:
            return None
        left[0] -= event in {"line", "return"}
        if left[0] == 0:
            raise KeyboardInterrupt
        return trace

    return trace


def open_part_files() -> list[str]:
    links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [link for link in links if ".part" in link]


def test_an_interruption_at_any_moment_closes_the_files_and_blocks_nothing(path: Path) -> None:
    # Coverage uses a trace function as well.
    before, interrupted = sys.gettrace(), 0
    while True:
        try:
            sys.settrace(interrupt_at(interrupted + 1))
            with partial_file(path, overwrite=True) as file:
                file.open()
                file.restart(RECORD)
                file.write(b"whole")
                file.finish()
        except KeyboardInterrupt:
            interrupted += 1
        else:
            break
        finally:
            sys.settrace(before)
        assert open_part_files() == []
    assert interrupted > 100
    assert path.read_bytes() == b"whole"


# The size.


def test_a_file_that_the_disk_cannot_hold_is_an_error_before_its_first_byte(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete_partial_file(path).close()
    with partial_file(path) as file:
        file.open()
        with pytest.raises(DownloadError, match=r"needs \d[\d,]+ bytes more, but the disk has [\d,]+ bytes free"):
            file.prepare(evolve(RECORD, total=10**17), 0)
        assert (file.record, file.size) == (RECORD, 5)
        usage = SimpleNamespace(total=100, free=1)

        def disk_usage(_path: Path) -> SimpleNamespace:
            return usage

        monkeypatch.setattr("shutil.disk_usage", disk_usage)
        file.prepare(evolve(RECORD, total=6), 5)
        assert (file.total, file.size) == (6, 5)
        # A file system that does not know its size.
        usage.total = usage.free = 0
        file.prepare(evolve(RECORD, total=10**17), 0)
        assert (file.total, file.size) == (10**17, 0)


def test_the_error_for_a_missing_folder_names_the_folder(tmp_path: Path) -> None:
    file = partial_file(tmp_path / "missing" / "out.mp4")
    with pytest.raises(DownloadError, match=r"there is no folder .*missing"):
        file.open()


def test_the_final_name_is_replaced_only_if_overwrite_is_set(path: Path) -> None:
    with complete_partial_file(path) as file:
        path.write_text("other")
        with pytest.raises(DownloadError, match=r"the file is complete, but cannot be renamed to .*: File exists"):
            file.finish()
    assert path.read_text() == "other"
    with complete_partial_file(path, overwrite=True) as file:
        assert file.finish() == path
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["out.mp4"]
