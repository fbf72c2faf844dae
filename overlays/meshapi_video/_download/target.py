"""Checks where a file is to be written: before its video is paid for, and before and after its download."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from meshapi_video._files import problem_of_target


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raises `OSError` if `path` can be neither a new file nor a folder for it.

    The text of the error is a predicate of a sentence about its path.
    """
    is_folder = os.path.isdir(path) or os.fspath(path).endswith(("/", os.sep))  # noqa: PTH112 - never raises
    folder = Path(path) if is_folder else Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "does not exist, or is no folder", str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "is a folder that cannot be written to", str(folder))
    if not is_folder and (problem := problem_of_target(Path(path), overwrite=overwrite)):
        raise problem
