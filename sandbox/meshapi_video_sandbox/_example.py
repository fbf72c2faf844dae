"""The example task of the published page; every sandbox has it, with a video of its own."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec

from meshapi_video_sandbox._clock import LATEST
from meshapi_video_sandbox._videos import signed_url
from meshapi_video_wire import VideoTaskResponse as WireTask

# msgspec prepares a type at its first use: see `_task_requests`.
msgspec.json.Decoder(WireTask)

_CONTENT: Final = {
    "video_url": "https://cdn.byteplus.com/videos/generated/abc123def456.mp4",
    "last_frame_url": "https://cdn.byteplus.com/videos/generated/abc123def456_last_frame.jpg",
}

EXAMPLE: Final[dict[str, object]] = {
    "id": "a1b2c3d4-e5f6-7890-ab12-cd34ef567890",
    "status": "succeeded",
    "model": "byteplus-video-gen-v2",
    "error": None,
    "created_at": 1685600000,
    "updated_at": 1685603600,
    "content": _CONTENT,
    "seed": 987654321,
    "resolution": "1920x1080",
    "ratio": "16:9",
    "duration": 30,
    "frames": 900,
    "framespersecond": 30,
    "generate_audio": True,
    "safety_identifier": "safe_content_001",
    "priority": 5,
    "draft": False,
    "draft_task_id": None,
    "service_tier": "premium",
    "execution_expires_after": 3600,
    "usage": {"completion_tokens": 1500, "total_tokens": 3000},
}


def example_task(files_url: str | None) -> WireTask:
    """The example. Its files are at the simulated upstream, if there is one, and their links do not expire."""
    content = _CONTENT
    if files_url is not None:
        content = {
            name: signed_url(files_url, urlsplit(url).path.rpartition("/")[2], 0, valid_seconds=int(LATEST))
            for name, url in _CONTENT.items()
        }
    return msgspec.convert({**EXAMPLE, "content": content}, WireTask)
