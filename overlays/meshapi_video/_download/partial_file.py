"""The partial file of a download, beside the final name of the file, until it is complete.

`video.mp4.part` holds the bytes. `video.mp4.part.json` holds the `ResumeRecord` that says which file
they belong to, and is locked while a download writes. After a kill at any moment, the record describes
the bytes that are there: it is emptied before they are deleted, and written before new bytes follow.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import threading
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from meshapi_video._download.file_lock import try_lock
from meshapi_video._download.headers import ResumeRecord
from meshapi_video._errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Generator

_SAFE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9_-])?")
_WINDOWS_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
# Made here, and not at the first use: see `_transport.contract`.
_record_decoder: Final = msgspec.json.Decoder(ResumeRecord)
_SUFFIXES: Final = {"video": ".mp4", "last frame": ".jpg"}


def file_name(task_id: str, kind: str) -> str:
    """A file name that every system accepts and that no other task has: the task's id where possible."""
    name = task_id
    # Only small letters: on some systems, two ids that differ in case only would have the same file.
    if not _SAFE_NAME.fullmatch(task_id) or _WINDOWS_DEVICE.fullmatch(task_id):
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", task_id)[:40].strip("-")
        name = f"{readable or 'task'}-{hashlib.sha256(task_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return name + _SUFFIXES[kind]


def target_path(path: str | os.PathLike[str], task_id: str, kind: str) -> Path:
    """The final path of the file; `path` may be the folder for it."""
    is_folder = os.path.isdir(path) or os.fspath(path).endswith(("/", os.sep))  # noqa: PTH112 - never raises
    return Path(path, file_name(task_id, kind)) if is_folder else Path(path)


class PartialFile:
    """A file that is not complete yet. Its methods block, raise `DownloadError`, and may run in any thread."""

    def __init__(self, path: Path, task_id: str, kind: str, *, overwrite: bool) -> None:
        self.path = path
        self.record: ResumeRecord | None = None
        """Which file the bytes belong to; None if that is unknown, or another file."""
        self.size = 0
        self._task_id = task_id
        self._kind = kind
        self._overwrite = overwrite
        self._data_path = path.with_name(f"{path.name}.part")
        self._record_path = path.with_name(f"{path.name}.part.json")
        self._data_file: FileIO
        self._record_file: FileIO
        self._is_open = False
        self._is_closed = False
        # After the cancellation of an asyncio task, a thread may still run for it.
        self._lock = threading.Lock()

    @property
    def total(self) -> int | None:
        """The size of the whole file, in bytes; None if it is unknown."""
        return self.record.total if self.record else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def open(self) -> None:
        """Locks the partial file, and reads what an earlier download has kept."""
        with self._map_os_errors(f"{self.path} cannot be written"):
            if not self.path.parent.is_dir():
                raise self.error(f"there is no folder {self.path.parent}")
            self._check_not_there()
            self._record_file = self._open_and_lock_record()
            try:
                # Another download may have finished before this one got the lock.
                self._check_not_there()
                self._data_file = self._open_data()
            except BaseException:
                self._delete_record()
                raise
            self._is_open = True
            self.size = self._data_file.seek(0, os.SEEK_END)
            with suppress(msgspec.DecodeError):
                record = _record_decoder.decode(self._record_file.read())
                is_same = (record.task_id, record.kind) == (self._task_id, self._kind)
                self.record = record if is_same else None

    def restart(self, record: ResumeRecord) -> None:
        """Deletes the kept bytes: the next bytes belong to `record`."""
        with self._map_os_errors("the partial file cannot be emptied"):
            self._record_file.truncate(0)
            self._data_file.truncate(0)
            self.record, self.size = record, self._data_file.seek(0)
            self._record_file.seek(0)
            self._record_file.write(msgspec.json.encode(record))

    def write(self, *chunks: bytes) -> None:
        """Appends bytes."""
        with self._map_os_errors(f"{self._data_path} cannot be written"):
            for chunk in chunks:
                left = memoryview(chunk)
                while left:
                    written = self._data_file.write(left)
                    self.size += written
                    left = left[written:]

    def finish(self) -> Path:
        """Renames the complete file to its final name."""
        with self._map_os_errors(f"the file is complete, but cannot be renamed to {self.path}"):
            os.fsync(self._data_file.fileno())
            # Some systems cannot rename an open file.
            self._data_file.close()
            if self._overwrite:
                self._data_path.replace(self.path)
            else:
                _rename_without_overwrite(self._data_path, self.path)
            self._delete_record()
        return self.path

    def close(self) -> None:
        """Closes the files, and deletes them if no bytes are kept."""
        with self._lock:
            self._is_closed = True
            if not self._is_open:
                return
            self._data_file.close()
            if self.size == 0:
                with suppress(OSError):
                    self._data_path.unlink(missing_ok=True)
                    self._delete_record()
            self._record_file.close()

    def error(self, reason: str) -> DownloadError:
        """The error for `reason`, with what is kept."""
        if self.record is None or self.size == 0:
            return DownloadError(reason, task_id=self._task_id, path=self.path)
        return DownloadError(
            reason,
            task_id=self._task_id,
            path=self.path,
            part=self._data_path,
            received=self.size,
            total=self.total,
            can_resume=self.record.validator is not None,
        )

    @contextmanager
    def _map_os_errors(self, failure: str) -> Generator[None]:
        with self._lock:
            if self._is_closed:
                raise self.error("the download has ended")
            try:
                yield
            except OSError as error:
                raise self.error(f"{failure}: {error.strerror or error}") from error

    def _check_not_there(self) -> None:
        if not self._overwrite and os.path.lexists(self.path):
            raise self.error(f"{self.path} already exists, and overwrite is not set")

    def _open_and_lock_record(self) -> FileIO:
        while True:
            file = FileIO(self._record_path, "r+", opener=_open_or_create)
            if not try_lock(file.fileno()):
                file.close()
                raise self.error(f"another download to {self.path} is running")
            file.seek(0)
            # Another download may have finished before the lock, and deleted this file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self._record_path.lstat()):
                    return file
            file.close()

    def _open_data(self) -> FileIO:
        with suppress(FileNotFoundError):
            found = self._data_path.lstat()
            # A link: from somebody else, or from a download that was killed while it renamed the file.
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                self._data_path.unlink()
        return FileIO(self._data_path, "r+", opener=_open_or_create)

    def _delete_record(self) -> None:
        if sys.platform == "win32":
            # Windows cannot delete an open file.
            self._record_file.close()
        # Elsewhere the lock is kept until the file is deleted: otherwise another download could lock it first.
        self._record_path.unlink(missing_ok=True)
        self._record_file.close()


def _open_or_create(path: str, flags: int) -> int:
    # Never through a link: in a folder where everybody may write, a link could lead to another file of the user's.
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _rename_without_overwrite(source: Path, name: Path) -> None:
    """Renames the file unless `name` exists."""
    if sys.platform == "win32":
        source.rename(name)
        return
    try:
        os.link(source, name, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, as on memory cards. There, another process may create `name`
        # between the check and the rename.
        if os.path.lexists(name):
            raise FileExistsError(0, "it exists already") from None
        source.rename(name)
    else:
        source.unlink()
