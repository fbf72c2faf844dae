"""The tools that read tasks and wait for them."""

from __future__ import annotations

from typing import Annotated, Final

from mcp.types import CallToolResult
from pydantic import Field

from meshapi_video._errors import TaskError, WaitTimeout
from meshapi_video._mcp.progress import LONGEST_CALL, limited, reporting
from meshapi_video._mcp.reasons import reasons_of
from meshapi_video._mcp.results import (
    LONGEST_PROBLEM,
    ListedTask,
    ListResult,
    TaskResult,
    TasksResult,
    listed_task,
    result_of,
    task_result,
)
from meshapi_video._mcp.state import ToolContext, client_of
from meshapi_video._mcp.texts import escape_text
from meshapi_video._polling.state import FINAL_POLL_TIMEOUT
from meshapi_video._tasks import KnownStatus

MOST_TASKS: Final = 15
"""The tasks of one wait: the result names each."""
PAGE_SIZE: Final = 10
"""The tasks of one page: a model reads all of them."""
MOST_PAGES: Final = 100
"""Mesh is asked for all tasks up to the page: ten requests for the last one."""

TaskId = Annotated[str, Field(description="The task's id, as create_video or list_video_tasks returned it.")]
Seconds = Annotated[float, Field(ge=0, description="How long to wait. A call ends after 55 seconds at the latest.")]


async def get_video_task(task_id: TaskId, ctx: ToolContext) -> Annotated[CallToolResult, TaskResult]:
    """Reads the current state of a video task. It does not wait."""
    client = client_of(ctx)
    async with limited(ctx, "no response yet", _no_response):
        return result_of(task_result(await client.get(task_id)))


async def wait_for_video(
    task_id: TaskId, ctx: ToolContext, seconds: Seconds = LONGEST_CALL
) -> Annotated[CallToolResult, TaskResult]:
    """Waits until a video task has ended, at most 55 seconds.

    A video takes minutes. If the task is not over then, that is no error: call again.
    """
    client, timeout = client_of(ctx), _timeout(seconds)
    async with reporting(ctx, timeout, lambda: "the task is not over yet"):
        try:
            video = await client.wait(task_id, timeout=timeout)
        except TaskError as error:
            return result_of(task_result(error.task))
        except WaitTimeout as error:
            if error.last_task is None:
                raise
            problem = None if error.last_error is None else escape_text(str(error.last_error), LONGEST_PROBLEM)
            return result_of(task_result(error.last_task, problem))
        return result_of(task_result(video.task))


async def wait_for_videos(
    task_ids: Annotated[list[str], Field(min_length=1, max_length=MOST_TASKS, description="At most 15 ids of tasks.")],
    ctx: ToolContext,
    seconds: Seconds = LONGEST_CALL,
) -> Annotated[CallToolResult, TasksResult]:
    """Waits until several video tasks have ended, at most 55 seconds.

    If some are not over then, that is no error: call again with those.
    """
    client, timeout = client_of(ctx), _timeout(seconds)
    found = TasksResult(succeeded=[], ended_without_video=[], not_over=[], unknown=[], problems=[], next="")
    errors = dict[str, Exception]()
    over = 0
    async with reporting(ctx, timeout, lambda: f"{over} of {len(task_ids)} tasks are over"):
        async for result in client.wait_many(task_ids, timeout=timeout):
            match result.error:
                case None:
                    ids = found.succeeded
                case TaskError():
                    ids = found.ended_without_video
                case WaitTimeout(last_task=task) if task is not None:
                    ids = found.not_over
                case _:
                    ids = found.unknown
            ids.append(escape_text(result.task_id))
            if result.error is not None and ids is not found.not_over:
                errors[result.task_id] = result.error
            over = len(found.succeeded) + len(found.ended_without_video)
    found.problems = reasons_of(errors)
    found.next = _next_of(found)
    return result_of(found)


def _next_of(found: TasksResult) -> str:
    advice = {
        "Call download_video for each id in succeeded.": found.succeeded,
        "Not all are over: this is normal. Call wait_for_videos again with the ids in not_over.": found.not_over,
        "The tasks in ended_without_video do not change any more.": found.ended_without_video,
        "For each id in unknown, call get_video_task: it says what to do.": found.unknown,
    }
    return " ".join(sentence for sentence, ids in advice.items() if ids)


def _timeout(seconds: float) -> float:
    # After its timeout, a wait may send one more poll.
    return min(seconds, LONGEST_CALL - FINAL_POLL_TIMEOUT)


async def list_video_tasks(
    ctx: ToolContext,
    status: Annotated[list[KnownStatus] | None, Field(description="Only tasks with one of these statuses.")] = None,
    page: Annotated[int, Field(ge=1, le=MOST_PAGES, description="The page of ten tasks, from 1 to 100.")] = 1,
) -> Annotated[CallToolResult, ListResult]:
    """Lists the video tasks that Mesh has stored, ten a page.

    A status may be older than the one that get_video_task reads.
    """
    found = client_of(ctx).list(status=status or None)
    begin, end, count = (page - 1) * PAGE_SIZE, page * PAGE_SIZE, 0
    tasks = list[ListedTask]()
    async with limited(ctx, "the list is not complete yet", _no_response):
        async for task in found:
            if begin <= count < end:
                tasks.append(listed_task(task))
            count += 1
            if count > end:
                break
    if count > end:
        advice = f"There are more: page={page + 1}." if page < MOST_PAGES else "There are more. Ask for one status."
    elif tasks or page == 1:
        advice = "This is the last page."
    else:
        advice = f"The list ends before this page: it has {count} tasks."
    return result_of(ListResult(tasks=tasks, total=found.total, next=advice))


def _no_response() -> str:
    return (
        f"Mesh has not responded completely within {LONGEST_CALL:g} seconds. Nothing was created or changed. Call "
        "again; if this goes on, the user should check the network"
    )
