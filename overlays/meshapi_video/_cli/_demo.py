"""`meshapi-video demo`: the whole story, against the sandbox."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from meshapi_video import VideoClient
from meshapi_video._cli._progress import shown_wait
from meshapi_video._errors import DownloadError
from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable


def run_demo(output: Path | None, *, say: Callable[[str], None]) -> None:
    """Starts a sandbox, waits for a task, fetches its video, and stops the sandbox."""
    with running_sandbox() as sandbox:
        say(f"A local Mesh API runs at {sandbox.base_url}")
        task_id = sandbox.create_task(queued_for=2, running_for=4)
        say(f"A video task was made there: {task_id}")
        with (
            VideoClient(sandbox.api_key, base_url=sandbox.base_url) as client,
            shown_wait(task_id) as show,
        ):
            video = client.wait(task_id, on_update=show)
        say(f"It is over; its video is at {video.url}")
        path = output or Path(tempfile.mkdtemp(prefix="meshapi-video-demo-"), f"{task_id}.mp4")
        _fetch(video.url, path)
        say(f"The video lies in {path}")
        say(f"It is {_describe(path)}")
    say("The server is stopped.")


def _fetch(url: str, path: Path) -> None:
    """Streams `url` to `path`, whole or not at all, and without the API key."""
    part = path.with_name(f"{path.name}.part")
    try:
        with httpx.stream("GET", url, trust_env=False) as answer, part.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                file.write(piece)
        part.rename(path)
    except (httpx.HTTPError, OSError) as error:
        part.unlink(missing_ok=True)
        raise DownloadError(f"the video could not be fetched to {path}: {error}") from None


def _describe(path: Path) -> str:
    content = path.read_bytes()
    # An MP4 file begins with a box of type `ftyp`, which names its brand.
    if content[4:8] != b"ftyp":
        raise DownloadError(f"what was fetched to {path} is not an MP4 file")
    return f"an MP4 video (brand {content[8:12].decode('ascii', 'replace')}), {len(content):,} bytes"
