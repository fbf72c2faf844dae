"""Waits for tasks, fetches their videos, and says how each ended: what `wait` does."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Final, Self

import anyio
import click
from attrs import define, field, frozen
from rich.console import Console

from meshapi_video import (
    AsyncVideoClient,
    AuthenticationError,
    MeshVideoError,
    TaskError,
    Video,
    VideoTaskResponse,
    WaitResult,
    WaitTimeout,
)
from meshapi_video._cli._board import Board
from meshapi_video._cli._exit import ExitCode, complain, plain, say
from meshapi_video._part import file_name

_DOWNLOADS: Final = 4
"""Files that are fetched at once: more would share the same line."""


@frozen(kw_only=True)
class Order:
    """What is to be waited for, and what is to be done then."""

    task_ids: list[str]
    timeout: float | None
    max_in_flight: int
    requests_per_minute: float | None
    folder: Path | None
    """Where the videos go; None leaves them where they are."""
    as_json: bool
    debug: bool


def wait_for(order: Order, client: AsyncVideoClient) -> ExitCode:
    """Waits for every task, says how each ended, and what to leave with."""
    console = Console(stderr=True)
    batch = Batch(order, Board(console, moving=console.is_terminal and not order.as_json and not order.debug))
    # What `--debug` logs says all that is heard, and more.
    with batch, nullcontext() if order.debug else batch.board.hearing():
        anyio.run(batch.run, client)
    batch.sum_up()
    return batch.code


@define
class Batch:
    """One run of `wait`."""

    order: Order
    board: Board
    codes: dict[str, ExitCode] = field(factory=dict[str, ExitCode])
    """What each task ended with, by its id."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Says what an interruption did not end, and raises what task groups wrap as it was."""
        match error:
            case BaseExceptionGroup():
                raise _first(error) from None
            case KeyboardInterrupt():
                self.say_what_goes_on()
            case _:
                pass

    async def run(self, client: AsyncVideoClient) -> None:
        """Waits for every task, and ends when all files are there."""
        missing = [task_id for task_id in self.order.task_ids if not self._is_there(task_id)]
        turns = anyio.CapacityLimiter(_DOWNLOADS)
        async with client, anyio.create_task_group() as beside:
            results = client.wait_many(
                missing,
                timeout=self.order.timeout,
                max_in_flight=self.order.max_in_flight,
                requests_per_minute=self.order.requests_per_minute,
                max_waiting=len(missing) or 1,
            )
            beside.start_soon(self.board.follow, results, len(missing))
            async with results, anyio.create_task_group() as downloads:
                async for result in results:
                    if result.video is not None and self.order.folder is not None:
                        downloads.start_soon(self._fetch, client, result.video, self.order.folder, turns)
                    else:
                        self._tell(result)
                    if isinstance(result.error, AuthenticationError):
                        # The same key would be refused for each of the others.
                        break
            beside.cancel_scope.cancel()

    def _is_there(self, task_id: str) -> bool:
        """Whether the task's video was fetched before; if so, says it."""
        if self.order.folder is None:
            return False
        path = self.order.folder / file_name(task_id, "video")
        if not path.exists():
            return False
        self._tell(WaitResult(task_id, None, None), path)
        return True

    async def _fetch(self, client: AsyncVideoClient, video: Video, folder: Path, turns: anyio.CapacityLimiter) -> None:
        async with turns:
            try:
                with self.board.fetching(video.id) as show:
                    path = await client.download(video, folder, on_progress=show)
            except MeshVideoError as error:
                self._tell(WaitResult(video.id, video, error))
            else:
                self._tell(WaitResult(video.id, video, None), path)

    def _tell(self, result: WaitResult, path: Path | None = None) -> None:
        """Says how it ended with one task."""
        self.codes[result.task_id] = exit_code(result.error)
        with self.board.aside():
            if self.order.as_json:
                click.echo(json.dumps(described(result, path)))
            elif result.error is None:
                found = path or (result.video and plain(result.video.url))
                click.echo(found if len(self.order.task_ids) == 1 else f"{result.task_id}\t{found}")
            if result.error is not None:
                complain(str(result.error))

    @property
    def code(self) -> ExitCode:
        """What to leave with: what a second run may mend stands above what it will not."""
        worst = (ExitCode.API, ExitCode.TIMEOUT, ExitCode.NO_VIDEO)
        return next((code for code in worst if code in self.codes.values()), ExitCode.VIDEO)

    def sum_up(self) -> None:
        """Says how many tasks ended how, where they were several."""
        if len(self.order.task_ids) == 1:
            return
        ends = list(self.codes.values())
        left = len(self.order.task_ids) - len(ends)
        counts = {
            "with a video": ends.count(ExitCode.VIDEO),
            "ended without one": ends.count(ExitCode.NO_VIDEO),
            "not over in time": ends.count(ExitCode.TIMEOUT),
            "refused or not fetched": ends.count(ExitCode.API),
            "not waited for": left,
        }
        said = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        say(f"{len(self.order.task_ids)} tasks: {said}")

    def say_what_goes_on(self) -> None:
        """Says what an interruption did not end."""
        left = [task_id for task_id in self.order.task_ids if task_id not in self.codes]
        if len(left) == 1:
            complain(f"task {left[0]} goes on: wait again on the same id")
        elif left:
            complain(f"{len(left)} tasks go on: run the same command again")


def exit_code(error: MeshVideoError | None) -> ExitCode:
    """What to leave with after that."""
    match error:
        case None:
            return ExitCode.VIDEO
        case TaskError():
            return ExitCode.NO_VIDEO
        case WaitTimeout():
            return ExitCode.TIMEOUT
        case _:
            return ExitCode.API


def described(result: WaitResult, path: Path | None) -> dict[str, object]:
    """A result as JSON has it."""
    error, video, task = result.error, result.video, _last_task(result)
    return {
        "task_id": result.task_id,
        "status": task and task.status,
        "video_url": video and video.url,
        "last_frame_url": video and video.last_frame_url,
        "path": path and str(path),
        "error": error and {"type": type(error).__name__, "message": str(error)},
        "task": task and task.to_dict(),
    }


def _last_task(result: WaitResult) -> VideoTaskResponse | None:
    if result.video is not None:
        return result.video.task
    match result.error:
        case TaskError(task=task) | WaitTimeout(last_task=task):
            return task
        case _:
            return None


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """What happened, out of what task groups wrap it in."""
    match several.exceptions[0]:
        case BaseExceptionGroup() as inner:
            return _first(inner)
        case first:
            return first
