"""The file that a download fills: kept beside its final name, with a note, until it is whole.

`video.mp4.part` holds the bytes, and `video.mp4.part.json` the note that says what they belong to,
locked for as long as somebody adds to them. Whenever the process is killed, the note speaks of
the bytes that are there: it is emptied before they go, and written before the next ones come.
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

from meshapi_video._errors import DownloadError
from meshapi_video._heads import Note
from meshapi_video._locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Generator

_PLAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9_-])?")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
_SUFFIXES: Final = {"video": ".mp4", "last frame": ".jpg"}


def file_name(task_id: str, what: str) -> str:
    """A name that every system takes, and of this task alone: its id, where that is such a name."""
    name = task_id
    # Small letters only, because two ids that differ in nothing else would meet on some systems.
    if not _PLAIN.fullmatch(task_id) or _DEVICE.fullmatch(task_id):
        kept = re.sub(r"[^A-Za-z0-9_-]+", "-", task_id)[:40].strip("-")
        name = f"{kept or 'task'}-{hashlib.sha256(task_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return name + _SUFFIXES[what]


def target(path: str | os.PathLike[str], task_id: str, what: str) -> Path:
    """The file that `path` means, which may be a folder to put it in."""
    is_folder = os.path.isdir(path) or os.fspath(path).endswith(("/", os.sep))  # noqa: PTH112 - never raises
    return Path(path, file_name(task_id, what)) if is_folder else Path(path)


class Part:
    """A file on its way. Blocks; may be used from any thread, and raises `DownloadError`."""

    def __init__(self, path: Path, task_id: str, what: str, *, overwrite: bool) -> None:
        self.path = path
        self.note: Note | None = None
        """What the bytes belong to; None where that is not known, or another file."""
        self.size = 0
        self._task_id = task_id
        self._what = what
        self._overwrite = overwrite
        self._bytes_at = path.with_name(f"{path.name}.part")
        self._note_at = path.with_name(f"{path.name}.part.json")
        self._bytes: FileIO
        self._noted: FileIO
        self._is_open = False
        self._is_closed = False
        # A cancelled asyncio task leaves a thread behind that still works for it.
        self._busy = threading.Lock()

    @property
    def total(self) -> int | None:
        """The bytes of the whole file; None if that is not known."""
        return self.note.total if self.note else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def open(self) -> None:
        """Sees that the file may be written, by nobody else, and what is left of an earlier download."""
        with self._telling(f"{self.path} cannot be written"):
            if not self.path.parent.is_dir():
                raise self.error(f"there is no folder {self.path.parent}")
            self._check_name()
            self._noted = self._locked_note()
            try:
                # Whoever had the lock may have finished meanwhile.
                self._check_name()
                self._bytes = self._opened_bytes()
            except BaseException:
                self._discard_note()
                raise
            self._is_open = True
            self.size = self._bytes.seek(0, os.SEEK_END)
            with suppress(msgspec.DecodeError):
                note = msgspec.json.decode(self._noted.read(), type=Note)
                self.note = note if (note.task_id, note.what) == (self._task_id, self._what) else None

    def begin(self, note: Note) -> None:
        """Forgets the bytes that are there: those to come belong to `note`."""
        with self._telling("it cannot be begun anew"):
            self._noted.truncate(0)
            self._bytes.truncate(0)
            self.note, self.size = note, self._bytes.seek(0)
            self._noted.seek(0)
            self._noted.write(msgspec.json.encode(note))

    def write(self, *pieces: bytes) -> None:
        """Adds bytes."""
        with self._telling(f"{self._bytes_at} cannot be written"):
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    written = self._bytes.write(left)
                    self.size += written
                    left = left[written:]

    def finish(self) -> Path:
        """Gives the file its final name, now that it is whole."""
        with self._telling(f"it is whole, and cannot be named {self.path}"):
            os.fsync(self._bytes.fileno())
            # Not every system renames an open file.
            self._bytes.close()
            if self._overwrite:
                self._bytes_at.replace(self.path)
            else:
                _rename_to_new(self._bytes_at, self.path)
            self._discard_note()
        return self.path

    def close(self) -> None:
        """Lets go of the files, and leaves none that is of no use."""
        with self._busy:
            self._is_closed = True
            if not self._is_open:
                return
            self._bytes.close()
            if self.size == 0:
                with suppress(OSError):
                    self._bytes_at.unlink(missing_ok=True)
                    self._discard_note()
            self._noted.close()

    def error(self, reason: str) -> DownloadError:
        """What went wrong, and what is kept."""
        if self.note is None or self.size == 0:
            return DownloadError(reason, task_id=self._task_id, path=self.path)
        return DownloadError(
            reason,
            task_id=self._task_id,
            path=self.path,
            part=self._bytes_at,
            received=self.size,
            total=self.total,
            can_go_on=self.note.validator is not None,
        )

    @contextmanager
    def _telling(self, failure: str) -> Generator[None]:
        with self._busy:
            if self._is_closed:
                raise self.error("the download has ended")
            try:
                yield
            except OSError as error:
                raise self.error(f"{failure}: {error.strerror or error}") from error

    def _check_name(self) -> None:
        if not self._overwrite and os.path.lexists(self.path):
            raise self.error(f"{self.path} exists already, and is replaced only when told to overwrite")

    def _locked_note(self) -> FileIO:
        while True:
            file = FileIO(self._note_at, "r+", opener=_create)
            if not try_lock(file.fileno()):
                file.close()
                raise self.error(f"another download to {self.path} is under way")
            file.seek(0)
            # Whoever had the lock may have finished meanwhile, and with it this file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self._note_at.lstat()):
                    return file
            file.close()

    def _opened_bytes(self) -> FileIO:
        with suppress(FileNotFoundError):
            found = self._bytes_at.lstat()
            # Somebody's link, or ours: killed when the file had its final name, and this one still.
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                self._bytes_at.unlink()
        return FileIO(self._bytes_at, "r+", opener=_create)

    def _discard_note(self) -> None:
        if sys.platform == "win32":
            # No open file goes away there.
            self._noted.close()
        # Elsewhere not before: as soon as it is let go of it may be somebody else's.
        self._note_at.unlink(missing_ok=True)
        self._noted.close()


def _create(path: str, flags: int) -> int:
    # Not through a link: in a folder where everybody may write, it could lead to a file of ours.
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _rename_to_new(source: Path, name: Path) -> None:
    """Renames, unless the name is taken."""
    if sys.platform == "win32":
        source.rename(name)
        return
    try:
        os.link(source, name, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, as on memory cards, where a name may be taken between the two.
        if os.path.lexists(name):
            raise FileExistsError(0, "it exists already") from None
        source.rename(name)
    else:
        source.unlink()
