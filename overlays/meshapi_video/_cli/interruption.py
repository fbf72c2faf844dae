"""Says after ctrl-C what is kept."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshapi_video._cli.output import print_error
from meshapi_video._download.partial_file import target_path

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def kept_after_ctrl_c(path: Path, task_id: str, *, last_frame: bool) -> Generator[None]:
    """Prints after ctrl-C how much of one download is kept."""
    try:
        yield
    except KeyboardInterrupt:
        target = target_path(path, task_id, "last frame" if last_frame else "video")
        part = target.with_name(f"{target.name}.part")
        # Another download may have left it, or finish it meanwhile.
        size = part.stat().st_size if part.is_file() else 0
        kept = f"{size:,} bytes are kept in {part}" if size else "nothing is kept"
        print_error(f"the download of task {task_id} is not complete, {kept}: run the same command again")
        raise
