"""The `demo` command: a complete example against the sandbox."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from meshapi_video import PollPolicy, VideoClient
from meshapi_video._errors import DownloadError
from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_demo(output: Path | None, *, print_line: Callable[[str], None]) -> None:
    """Starts a sandbox, creates a task there, waits, downloads its video, and stops the sandbox."""
    with running_sandbox() as sandbox:
        print_line(f"A local Mesh API runs at {sandbox.base_url}")
        with VideoClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            created = client.create("byteplus/dreamina-seedance-2-0", "a lake at sunrise", duration=5)
            print_line(f"Created a video task: {created.id}")
            for task in client.updates(created, poll=PollPolicy(initial_delay=1.0)):
                print_line(f"  {task.status}")
            video = client.wait(created)
            print_line(f"The video's URL is {video.url}")
            path = client.download(video, output or tempfile.mkdtemp(prefix="meshapi-video-demo-"))
        print_line(f"Downloaded to {path}")
        print_line(f"The file is {_describe(path, created.id)}")
    print_line("The local Mesh API has stopped.")


def _describe(path: Path, task_id: str) -> str:
    content = path.read_bytes()
    # An MP4 file begins with a box of type `ftyp`, which names its brand.
    if content[4:8] != b"ftyp":
        raise DownloadError(f"the downloaded file {path} is not an MP4 file", task_id=task_id, path=path)
    return f"an MP4 video (brand {content[8:12].decode('ascii', 'replace')}), {len(content):,} bytes"
