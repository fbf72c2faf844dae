"""The tool that downloads a video, below the folder of the server only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ResourceLink

from meshapi_video._download.partial_file import file_name
from meshapi_video._mcp.progress import LONGEST_CALL, reporting
from meshapi_video._mcp.results import DownloadResult, result_of
from meshapi_video._mcp.state import ToolContext, client_of, state_of
from meshapi_video._mcp.texts import escape_text
from meshapi_video._mcp.waiting import TaskId
from meshapi_video._tasks import check_task_id


async def download_video(task_id: TaskId, ctx: ToolContext) -> Annotated[CallToolResult, DownloadResult]:
    """Downloads the video of a task that has succeeded, into the folder of this server.

    The file is named after the task, and an existing one is kept. The result links to it. A download of more than 55
    seconds goes on in the next call.
    """
    client = client_of(ctx)
    # The client gets the path of the file, not of the folder: it would give a file the name of a deleted folder.
    target = state_of(ctx).folder / file_name(check_task_id(task_id), "video")
    if _is_there(target):
        return _complete(task_id, target)
    received, total = 0, None

    def on_progress(so_far: int, size: int | None) -> None:
        nonlocal received, total
        received, total = so_far, size

    async with reporting(ctx, LONGEST_CALL, lambda: f"{received:,} bytes received"):
        with anyio.move_on_after(LONGEST_CALL):
            return _complete(task_id, await client.download(task_id, target, on_progress=on_progress))
    return result_of(
        DownloadResult(
            task_id=escape_text(task_id),
            is_complete=False,
            received_bytes=received,
            total_bytes=total,
            next="Not complete yet: this is normal. Call download_video again: it goes on where it stopped.",
        )
    )


def _is_there(target: Path) -> bool:
    """Whether the file is there. Raises the tool's error if something else has its name."""
    is_file = target.is_file() and not target.is_symlink()
    if os.path.lexists(target) and not is_file:
        # The SDK would download into a folder, also through a link that leads out of this one.
        raise ToolError(
            f"{target} exists, and is no regular file: nothing was downloaded. The user can delete or rename it; then "
            "call download_video again"
        )
    return is_file


def _complete(task_id: str, path: Path) -> CallToolResult:
    size = path.stat().st_size
    link = ResourceLink(
        type="resource_link",
        uri=path.as_uri(),
        name=path.name,
        description=f"The video of task {escape_text(task_id)}",
        mime_type="video/mp4",
        size=size,
    )
    found = DownloadResult(
        task_id=escape_text(task_id),
        is_complete=True,
        path=str(path),
        received_bytes=size,
        total_bytes=size,
        next="The file is complete.",
    )
    return result_of(found, link)
