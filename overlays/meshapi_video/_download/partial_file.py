"""The partial file of a download, beside the final name of the file, until it is complete.

`video.mp4.part` holds the bytes. `video.mp4.part.json` holds the `ResumeRecord` that says which file
they belong to, and is locked while a download writes. After a kill at any moment, the record describes
the bytes that are there: it is emptied before they are deleted, and written before new bytes follow.

In a folder where everybody may write, another user could create these names first, for example as a link
to an important file. A download writes only to files that are no links, have no other name, and belong to
its own user. It deletes everything else with these names.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import sys
import threading
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from meshapi_video._download.content import Content, content_of
from meshapi_video._download.file_lock import try_lock
from meshapi_video._download.headers import ResumeRecord
from meshapi_video._errors import DownloadError
from meshapi_video._files import problem_of_target

if TYPE_CHECKING:
    from collections.abc import Generator

_SAFE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9_-])?")
_WINDOWS_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
# Made here, and not at the first use: see `_transport.contract`.
_record_decoder: Final = msgspec.json.Decoder(ResumeRecord)
_SUFFIXES: Final = {"video": ".mp4", "last frame": ".jpg"}
_LARGEST_RECORD: Final = 1024 * 1024
"""Bytes. A larger `.part.json` is no record of ours."""


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
        # Every file that was opened, so that `close` finds it after an interruption at any moment.
        self._opened: list[FileIO] = []
        self._is_open = False
        self._is_closed = False
        # After the cancellation of an asyncio task, a thread may still run for it. Reentrant, because ctrl-C can
        # interrupt the blocking client right after it took the lock, and then `close` takes it again.
        self._lock = threading.RLock()

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
                raise self.error(f"there is no folder {self.path.parent}") from _os_error(errno.ENOENT)
            self._check_target()
            self._record_file = self._open_and_lock_record()
            try:
                # Another download may have finished before this one got the lock.
                self._check_target()
                self._data_file = self._open_own(self._data_path)
            except BaseException:
                self._delete_record()
                raise
            self._is_open = True
            self.size = self._data_file.seek(0, os.SEEK_END)
            record = _decode(self._record_file.read(_LARGEST_RECORD))
            is_own = record is not None and (record.task_id, record.kind) == (self._task_id, self._kind)
            # Earlier releases kept an error page whose type was that of a video.
            if is_own and content_of(self._data_file) is not Content.PAGE:
                self.record = record

    def prepare(self, record: ResumeRecord, kept: int) -> None:
        """Prepares for the bytes that follow the first `kept` bytes of the file that `record` describes."""
        with self._map_os_errors(f"{self._data_path} cannot be written"):
            if record.total is not None:
                self._check_space(record.total - self.size)
            if kept == 0:
                self.restart(record)
            self.record = record

    def restart(self, record: ResumeRecord) -> None:
        """Deletes the kept bytes: the next bytes belong to `record`."""
        with self._map_os_errors("the partial file cannot be emptied"):
            self.discard()
            self.record = record
            self._record_file.write(msgspec.json.encode(record))

    def content(self) -> Content:
        """What the kept bytes are."""
        with self._map_os_errors("the partial file cannot be read"):
            return content_of(self._data_file)

    def discard(self) -> None:
        """Deletes the kept bytes."""
        with self._map_os_errors("the partial file cannot be emptied"):
            self._record_file.truncate(0)
            self._data_file.truncate(0)
            self._record_file.seek(0)
            self.record, self.size = None, self._data_file.seek(0)

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
                # Another program may have replaced the file since the download began.
                self._check_target()
                self._data_path.replace(self.path)
            else:
                _rename_without_overwrite(self._data_path, self.path)
            self._delete_record()
        return self.path

    def close(self) -> None:
        """Closes the files, and deletes them if no bytes are kept."""
        with self._lock:
            self._is_closed = True
            if self._is_open and self.size == 0:
                # Some systems cannot delete an open file.
                self._data_file.close()
                with suppress(OSError):
                    self._data_path.unlink(missing_ok=True)
                    self._delete_record()
            for file in self._opened:
                file.close()

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

    def _check_target(self) -> None:
        if problem := problem_of_target(self.path, overwrite=self._overwrite):
            raise self.error(f"{self.path} {problem.strerror}") from problem

    def _check_space(self, needed: int) -> None:
        usage = shutil.disk_usage(self.path.parent)
        # Some file systems do not know their size.
        if usage.total and needed > usage.free:
            raise self.error(
                f"the {self._kind} needs {needed:,} bytes more, but the disk has {usage.free:,} bytes free"
            ) from _os_error(errno.ENOSPC)

    def _open_and_lock_record(self) -> FileIO:
        while True:
            file = self._open_own(self._record_path)
            if not try_lock(file.fileno()):
                raise self.error(f"another download to {self.path} is running") from _os_error(errno.EAGAIN)
            file.seek(0)
            # Another download may have finished before the lock, and deleted this file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self._record_path.lstat()):
                    return file
            file.close()

    def _open_own(self, path: Path) -> FileIO:
        """Opens the file if it is a download's own, and else deletes it and creates a new one."""
        # `FileIO` opens the file itself: after an interruption, nobody would close a bare descriptor of `os.open`.
        while True:
            with suppress(FileExistsError):
                self._opened.append(file := FileIO(path, "x+"))
                return file
            with suppress(FileNotFoundError):
                found = path.lstat()
                if not _is_own(found):
                    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
                        raise OSError(errno.EINVAL, f"{path} is a device")
                    path.unlink()
                    continue
                self._opened.append(file := FileIO(path, "r+"))
                # Between the two calls, another user may have replaced the file by a link.
                if os.path.samestat(os.fstat(file.fileno()), found):
                    return file
                file.close()

    def _delete_record(self) -> None:
        if sys.platform == "win32":
            # Windows cannot delete an open file.
            self._record_file.close()
        # Elsewhere the lock is kept until the file is deleted: otherwise another download could lock it first.
        self._record_path.unlink(missing_ok=True)
        self._record_file.close()


def _os_error(number: int) -> OSError:
    """The cause of an error that is found before the system reports it: each fault of the disk has an `OSError`."""
    return OSError(number, os.strerror(number))


def _is_own(found: os.stat_result) -> bool:
    """Whether nobody but a download of this user can have created the file."""
    # A killed download may leave a second name as well: it was about to rename the complete file.
    is_plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return is_plain and (sys.platform == "win32" or found.st_uid == os.geteuid())


def _decode(content: bytes) -> ResumeRecord | None:
    """The record in a `.part.json`; None if it is damaged, or not one that a download writes."""
    try:
        record = _record_decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record if record.is_usable else None


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
