"""Refuses to replace anything but a regular file."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


def problem_of_target(path: Path, *, overwrite: bool) -> OSError | None:
    """The reason why a new file may not get this path, as a predicate of a sentence; None if it may.

    Only regular files are replaced. To replace `/dev/null` by a file would break the system, and to replace
    a symbolic link would leave its target as it is.
    """
    if not os.path.lexists(path):
        return None
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        return OSError(errno.EINVAL, f"is {kind}, and only a regular file is replaced: choose another path", str(path))
    if not overwrite:
        return FileExistsError(errno.EEXIST, "already exists, and overwrite is not set", str(path))
    if stat.S_ISLNK(mode):
        reason = "is a symbolic link, and only a regular file is replaced: pass the path of its target"
        return OSError(errno.EINVAL, reason, str(path))
    return None


_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
