"""`meshapi-video demo`: the whole story, against the sandbox."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from meshapi_video import PollPolicy, VideoClient
from meshapi_video._errors import DownloadError
from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_demo(output: Path | None, *, say: Callable[[str], None]) -> None:
    """Starts a sandbox, waits for a task, fetches its video, and stops the sandbox."""
    with running_sandbox() as sandbox:
        say(f"A local Mesh API runs at {sandbox.base_url}")
        task_id = sandbox.create_task(queued_for=2, running_for=4)
        say(f"A video task was made there: {task_id}")
        with VideoClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            for task in client.updates(task_id, poll=PollPolicy(initial_delay=1.0)):
                say(f"  {task.status}")
            video = client.wait(task_id)
            say(f"It is over; its video is at {video.url}")
            path = client.download(video, output or tempfile.mkdtemp(prefix="meshapi-video-demo-"))
        say(f"The video lies in {path}")
        say(f"It is {_describe(path, task_id)}")
    say("The server is stopped.")


def _describe(path: Path, task_id: str) -> str:
    content = path.read_bytes()
    # An MP4 file begins with a box of type `ftyp`, which names its brand.
    if content[4:8] != b"ftyp":
        raise DownloadError(f"what was fetched to {path} is not an MP4 file", task_id=task_id, path=path)
    return f"an MP4 video (brand {content[8:12].decode('ascii', 'replace')}), {len(content):,} bytes"
