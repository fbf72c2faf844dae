"""Checks where a file is to be written: before its video is paid for, and before and after its download."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raises `OSError` if `path` can be neither a new file nor a folder for it."""
    is_folder = os.path.isdir(path) or os.fspath(path).endswith(("/", os.sep))  # noqa: PTH112 - never raises
    folder = Path(path) if is_folder else Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder cannot be written to", str(folder))
    if not is_folder and (problem := target_problem(Path(path), overwrite=overwrite)):
        raise problem


def target_problem(path: Path, *, overwrite: bool) -> OSError | None:
    """The reason why a download may not write this file, as a predicate; None if it may.

    A download replaces regular files only. To replace `/dev/null` by a file would break the system, and to replace
    a symbolic link would leave its target as it is.
    """
    if not os.path.lexists(path):
        return None
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        return OSError(errno.EINVAL, f"is {kind}, and a download writes only to regular files", str(path))
    if not overwrite:
        return FileExistsError(errno.EEXIST, "already exists, and overwrite is not set", str(path))
    if stat.S_ISLNK(mode):
        reason = "is a symbolic link, which a download does not replace: pass the path of its target"
        return OSError(errno.EINVAL, reason, str(path))
    return None


_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
