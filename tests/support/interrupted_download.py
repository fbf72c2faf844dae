"""A program that starts many downloads, interrupts each at another moment, and counts the open descriptors.

`interrupted_download.py URL FOLDER STEP` interrupts each download STEP steps of the SDK's code for downloads
later than the one before, until a download ends first. It prints the steps, and for each the number of
descriptors (files and connections) that the interrupted download left open.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import meshapi_video
from meshapi_video import Video, VideoClient, VideoTaskResponse

if TYPE_CHECKING:
    from _typeshed import TraceFunction

PACKAGE = str(Path(meshapi_video.__file__).parent)


def interrupt_at(step: int) -> TraceFunction:
    """A trace function that presses ctrl-C before a line, or at the end of a function, of a module for downloads."""
    left = step

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal left
        name = frame.f_code.co_filename.removeprefix(PACKAGE)
        if not name.startswith(("/_download/", "/_sync/download", "/_sync/network")):
            return None
        if event in {"line", "return"}:
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return trace

    return trace


def open_descriptors() -> int:
    """The number of open files and connections of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def main(url: str, folder: str, step: int) -> None:
    """Prints `moment descriptors` for each interrupted download."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    video = Video(url=url, last_frame_url=None, task=VideoTaskResponse(id="task-1", status="succeeded"))
    with VideoClient("rsk_test", base_url="http://127.0.0.1:1", timeout=20) as client:
        client.download(video, folder)
        before, moment, was_interrupted = open_descriptors(), 0, True
        while was_interrupted:
            moment, was_interrupted = moment + step, False
            try:
                sys.settrace(interrupt_at(moment))
                client.download(video, folder, overwrite=True)
            except KeyboardInterrupt:
                was_interrupted = True
            finally:
                sys.settrace(None)
            sys.stdout.write(f"{moment} {open_descriptors() - before}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
