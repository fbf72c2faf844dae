"""A download creates files and replaces regular ones, and nothing else."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

import pytest

from meshapi_video import DownloadError
from meshapi_video._download.partial_file import PartialFile
from meshapi_video._download.target import check_target
from support.files import names


@contextmanager
def socket_at(path: Path) -> Generator[None]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))
        yield


@contextmanager
def made(make: Callable[[Path], object], path: Path) -> Generator[None]:
    make(path)
    yield


def chain_of_links(path: Path) -> None:
    path.symlink_to("out.mp4.2")
    path.with_name("out.mp4.2").symlink_to("out.mp4")


SPECIAL: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "is a named pipe, and only a regular file is replaced: choose another path": lambda path: made(os.mkfifo, path),
    "is a socket, and only a regular file is replaced: choose another path": socket_at,
}
LINKS: dict[str, Callable[[Path], None]] = {
    "to a file": lambda path: path.symlink_to(Path(__file__)),
    "to nothing": lambda path: path.symlink_to("nowhere"),
    "to a device": lambda path: path.symlink_to(os.devnull),
    "to itself": chain_of_links,
}
LINK = "is a symbolic link, and only a regular file is replaced: pass the path of its target"


def refusal(path: Path, *, overwrite: bool) -> str:
    """The error of a download to this path, which both checks raise alike."""
    with pytest.raises(OSError, match=r".") as before:
        check_target(path, overwrite=overwrite)
    with PartialFile(path, "task-1", "video", overwrite=overwrite) as file, pytest.raises(DownloadError) as caught:
        file.open()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == before.value.errno
    assert str(caught.value) == f"task task-1: {path} {before.value.strerror}"
    return str(before.value.strerror)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("reason", SPECIAL)
def test_a_pipe_and_a_socket_are_refused_and_stay(tmp_path: Path, reason: str, *, overwrite: bool) -> None:
    path = tmp_path / "out.mp4"
    with SPECIAL[reason](path):
        kind = path.lstat().st_mode
        assert refusal(path, overwrite=overwrite) == reason
        assert path.lstat().st_mode == kind
        assert names(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("device", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_refused(tmp_path: Path, device: int, *, overwrite: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.mp4"
    path.touch()
    # Only root can create a device.
    monkeypatch.setattr(stat, "S_IFMT", mock.Mock(return_value=device))
    monkeypatch.setattr(stat, "S_ISREG", mock.Mock(return_value=False))
    assert refusal(path, overwrite=overwrite) == "is a device, and only a regular file is replaced: choose another path"


@pytest.mark.parametrize("make", LINKS.values(), ids=LINKS)
def test_a_symbolic_link_is_an_existing_file_and_is_not_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "out.mp4"
    make(path)
    before = names(tmp_path)
    assert refusal(path, overwrite=False) == "already exists, and overwrite is not set"
    assert refusal(path, overwrite=True) == LINK
    assert path.is_symlink()
    assert names(tmp_path) == before


def test_a_link_to_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "latest").symlink_to("videos")
    check_target(tmp_path / "latest", overwrite=False)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_the_name_of_the_file_is_refused(tmp_path: Path, *, overwrite: bool) -> None:
    path = tmp_path / "task-1.mp4"
    path.mkdir()
    reason = "is a folder, and only a regular file is replaced"
    with PartialFile(path, "task-1", "video", overwrite=overwrite) as file, pytest.raises(DownloadError, match=reason):
        file.open()
    assert names(tmp_path) == ["task-1.mp4"]


@pytest.mark.parametrize("make", [os.mkfifo, LINKS["to nothing"]], ids=["a pipe", "a link"])
def test_a_name_that_becomes_special_during_the_download_is_not_replaced(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "out.mp4"
    with PartialFile(path, "task-1", "video", overwrite=True) as file:
        file.open()
        file.write(b"whole")
        make(path)
        with pytest.raises(DownloadError, match=r"out\.mp4 is a (named pipe|symbolic link), "):
            file.finish()
    assert not path.is_file()
    assert path.with_name("out.mp4.part").read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["out.mp4.part", "out.mp4.part.json"])
def test_a_device_with_the_name_of_a_partial_file_is_not_deleted(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    monkeypatch.setattr(stat, "S_ISBLK", stat.S_ISFIFO)
    file = PartialFile(tmp_path / "out.mp4", "task-1", "video", overwrite=False)
    with file, pytest.raises(DownloadError, match=rf"cannot be written: .*{name} is a device"):
        file.open()
    assert names(tmp_path) == [name]
