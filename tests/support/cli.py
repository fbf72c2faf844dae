"""Runs the command line, and gives it tasks with videos."""

from __future__ import annotations

import sys

import pytest

from meshapi_video._cli import main
from support.many_tasks import ResponseTo
from support.server import Response, Server, http, raw, task

Output = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-m", "meshapi_video"]
VIDEO = b"a video" * 1000


def exit_code_of_main(*arguments: str) -> int | str | None:
    """The code with which the entry point exits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["meshapi-video", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
    return caught.value.code


def video_tasks(server: Server, **exceptions: Response) -> ResponseTo:
    """Each task has succeeded, and its files are on the same server.

    `exceptions` are other responses, by task id, or by file name with `_` in place of the dot.
    """

    def response_to(name: str, _poll: int) -> Response:
        name = name.partition("?")[0]
        if (exception := exceptions.get(name.replace(".", "_"))) is not None:
            return exception
        if name.endswith((".mp4", ".jpg")):
            return raw(http(200, name.encode() + VIDEO), stays_open=True)
        url = f"{server.base_url}/{name}"
        return task("succeeded", name, content={"video_url": f"{url}.mp4?s=1", "last_frame_url": f"{url}.jpg?s=1"})

    return response_to
