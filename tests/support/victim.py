"""A program to be killed.

`victim.py ADDRESS PATH` downloads a video. `victim.py ADDRESS FOLDER STEP` does so again and
again, and each time the process is killed (SIGKILL) that many lines of `_part` later than the
last time, and the next one goes on from what it left; until one needs no more lines than that.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from meshapi_video import Video, VideoClient, VideoTaskResponse
from meshapi_video import _part as part

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def fetch(address: str, path: str, *, overwrite: bool = True) -> None:
    video = Video(url=address, last_frame_url=None, task=VideoTaskResponse(id="task-1", status="succeeded"))
    with VideoClient("rsk_test", timeout=20) as client:
        client.download(video, path, overwrite=overwrite)


def killed_before(line: int) -> TraceFunction:
    """A trace function that counts the lines of `_part`."""
    left = line

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal left
        if frame.f_code.co_filename != part.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def fetch_killed_before(line: int, address: str, path: str, *, overwrite: bool = True) -> bool:
    """Whether it was killed, which it is unless it has fewer lines than that."""
    child = os.fork()
    if child == 0:
        sys.settrace(killed_before(line))
        fetch(address, path, overwrite=overwrite)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main(address: str, folder: str, step: int) -> None:
    """Downloads to as many files, killed before another line each, and says which."""
    line, killed = 0, True
    while killed:
        line += step
        path = Path(folder, f"killed-{line}.mp4")
        killed = fetch_killed_before(line, address, str(path), overwrite=False)
        # Whatever it was killed at: a file with its final name is whole, whatever is done with what is left.
        whole = path.read_bytes() if path.exists() else None
        fetch_killed_before(line // 2 + 1, address, str(path))
        if whole is not None and path.read_bytes() != whole:
            sys.exit(f"killed before line {line}, it damaged what was whole")
        fetch(address, str(path))
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    if sys.argv[3:]:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        fetch(sys.argv[1], sys.argv[2])
