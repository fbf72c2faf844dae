"""A program that downloads a video, and that is killed meanwhile.

`killed_download.py URL PATH` downloads a video. `killed_download.py URL FOLDER STEP` starts many
downloads. Each is killed (SIGKILL) STEP lines of `partial_file.py` later than the one before, and
then resumed, until a download ends before its line is reached.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from meshapi_video import Video, VideoClient, VideoTaskResponse
from meshapi_video._download import partial_file

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def download(url: str, path: str, *, overwrite: bool = True) -> None:
    video = Video(url=url, last_frame_url=None, task=VideoTaskResponse(id="task-1", status="succeeded"))
    with VideoClient("rsk_test", base_url="http://127.0.0.1:1", timeout=20) as client:
        client.download(video, path, overwrite=overwrite)


def kill_before(line: int) -> TraceFunction:
    """A trace function that counts the executed lines of `partial_file.py`, and kills the process at `line`."""
    left = line

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal left
        if frame.f_code.co_filename != partial_file.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def download_killed_before(line: int, url: str, path: str, *, overwrite: bool = True) -> bool:
    """Downloads in a child process that is killed before `line`. Returns whether it reached that line."""
    child = os.fork()
    if child == 0:
        sys.settrace(kill_before(line))
        download(url, path, overwrite=overwrite)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main(url: str, folder: str, step: int) -> None:
    """Downloads one file for each line at which a download is killed, and prints the lines."""
    line, was_killed = 0, True
    while was_killed:
        line += step
        path = Path(folder, f"killed-{line}.mp4")
        was_killed = download_killed_before(line, url, str(path), overwrite=False)
        # A file with its final name is complete at any time, and the next download must not damage it.
        complete = path.read_bytes() if path.exists() else None
        download_killed_before(line // 2 + 1, url, str(path))
        if complete is not None and path.read_bytes() != complete:
            sys.exit(f"a download killed before line {line} damaged a complete file")
        download(url, str(path))
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    if sys.argv[3:]:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        download(sys.argv[1], sys.argv[2])
