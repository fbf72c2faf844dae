"""Says after ctrl-C what is kept."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from meshapi_video._cli.output import print_error
from meshapi_video._download.partial_file import target_path

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def kept_after_ctrl_c(path: Path, task_id: str, *, last_frame: bool) -> Generator[None]:
    """Prints after ctrl-C how much of one download is kept, or that it is complete."""
    target = target_path(path, task_id, "last frame" if last_frame else "video")
    before = _stat(target)
    try:
        yield
    except KeyboardInterrupt:
        part = target.with_name(f"{target.name}.part")
        # Another download may have left it, or finish it meanwhile.
        found = _stat(part)
        if (after := _stat(target)) is not None and (before is None or not os.path.samestat(before, after)):
            print_error(f"the download of task {task_id} is complete: {target}")
        else:
            kept = f"{found.st_size:,} bytes are kept in {part}" if found and found.st_size else "nothing is kept"
            print_error(f"the download of task {task_id} is not complete, {kept}: run the same command again")
        raise


def _stat(path: Path) -> os.stat_result | None:
    """What a regular file is; None if there is none at this moment."""
    with suppress(OSError):
        found = path.stat()
        return found if stat.S_ISREG(found.st_mode) else None
    return None
