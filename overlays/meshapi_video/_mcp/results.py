"""The results of the tools. Each is small, because a model reads all of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from meshapi_video._errors import MeshVideoError
from meshapi_video._mcp.texts import escape_text
from meshapi_video._tasks import is_terminal, outcome

if TYPE_CHECKING:
    from mcp.types import ResourceLink

    from meshapi_video_generated.models import VideoTaskResponse

_LONGEST_NAME = 60
"""The characters of a status, a model or an id in a list. The ids of the service have 36."""
LONGEST_PROBLEM = 300
"""The characters of the reason why a task has no video, or why a poll failed."""

READY = "The video is ready: call download_video."
NOT_OVER = (
    "Not over yet: this is normal, and the task continues. To go on waiting, call wait_for_video again with this "
    "task_id. Do not create the video again."
)
NO_VIDEO = "The task ended without a video. It does not change any more."


class TaskResult(BaseModel):
    """The state of one task."""

    task_id: str
    status: str = Field(description="queued, running, succeeded, failed, expired or cancelled.")
    is_over: bool = Field(description="Whether the task has ended, with a video or without.")
    model: str | None = None
    created: str | None = Field(default=None, description="When the task was created, in UTC.")
    duration: int | None = Field(default=None, description="Seconds of the video.")
    resolution: str | None = None
    problem: str | None = Field(default=None, description="Why there is no video, or why the last poll failed.")
    next: str = Field(description="What to do next.")


class TasksResult(BaseModel):
    """The states of several tasks, by their ids."""

    succeeded: list[str] = Field(description="Tasks whose video is ready for download_video.")
    ended_without_video: list[str]
    not_over: list[str]
    unknown: list[str] = Field(description="Tasks whose state could not be read.")
    problems: list[str] = Field(description="The first reasons, each with its first task.")
    next: str = Field(description="What to do next.")


class ListedTask(BaseModel):
    """One line of a list."""

    task_id: str
    status: str
    created: str | None = Field(default=None, description="When the task was created, in UTC.")


class ListResult(BaseModel):
    """One page of the stored tasks."""

    tasks: list[ListedTask]
    total: int | None = Field(default=None, description="The number of tasks on all pages.")
    next: str = Field(description="What to do next.")


class DownloadResult(BaseModel):
    """A file, or how much of it is there."""

    task_id: str
    is_complete: bool
    path: str | None = Field(default=None, description="The file, on the machine of this server.")
    received_bytes: int
    total_bytes: int | None = None
    next: str = Field(description="What to do next.")


class CreateResult(BaseModel):
    """The task of a request."""

    task_id: str | None = Field(default=None, description="None if no task was created.")
    is_new: bool = Field(description="Whether this call created the task, which costs money.")
    next: str = Field(description="What to do next.")


def result_of(result: BaseModel, *links: ResourceLink) -> CallToolResult:
    """A result for the client: as data, and as the same JSON for clients that show only text."""
    return CallToolResult(
        content=[TextContent(type="text", text=result.model_dump_json(exclude_none=True)), *links],
        structured_content=result.model_dump(mode="json", exclude_none=True),
    )


def task_result(task: VideoTaskResponse, problem: str | None = None) -> TaskResult:
    """The state of a task. `problem` is why the last poll failed."""
    ended = outcome(task) if is_terminal(task) else None
    if isinstance(ended, MeshVideoError):
        problem = escape_text(str(ended), LONGEST_PROBLEM)
    advice = NOT_OVER if ended is None else NO_VIDEO if isinstance(ended, MeshVideoError) else READY
    return TaskResult(
        task_id=escape_text(task.id),
        status=escape_text(task.status, _LONGEST_NAME),
        is_over=ended is not None,
        model=escape_text(task.model, _LONGEST_NAME) if isinstance(task.model, str) else None,
        created=_time(task),
        duration=task.duration if isinstance(task.duration, int) else None,
        resolution=escape_text(task.resolution, _LONGEST_NAME) if isinstance(task.resolution, str) else None,
        problem=problem,
        next=advice,
    )


def listed_task(task: VideoTaskResponse) -> ListedTask:
    """A task in a list."""
    return ListedTask(
        task_id=escape_text(task.id, _LONGEST_NAME), status=escape_text(task.status, _LONGEST_NAME), created=_time(task)
    )


def _time(task: VideoTaskResponse) -> str | None:
    created = task.created_at
    if not isinstance(created, int):
        return None
    # A calendar ends with the year 9999, and each system has limits of its own.
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%MZ")
    return None
