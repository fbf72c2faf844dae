"""Waits for tasks and says how each ended: what `wait` does."""

from __future__ import annotations

import json
import anyio
import click
from attrs import define, field, frozen
from rich.console import Console

from meshapi_video import (
    AsyncVideoClient,
    AuthenticationError,
    MeshVideoError,
    TaskError,
    VideoTaskResponse,
    WaitResult,
    WaitTimeout,
)
from meshapi_video._cli._board import Board
from meshapi_video._cli._exit import ExitCode, complain


@frozen(kw_only=True)
class Order:
    """What is to be waited for, and how."""

    task_ids: list[str]
    timeout: float | None
    max_in_flight: int
    requests_per_minute: float | None
    as_json: bool


def wait_for(order: Order, client: AsyncVideoClient) -> ExitCode:
    """Waits for every task, says how each ended, and what to leave with."""
    console = Console(stderr=True)
    batch = Batch(order, Board(console, moving=console.is_terminal and not order.as_json))
    try:
        with batch.board.hearing():
            anyio.run(batch.run, client)
    except KeyboardInterrupt:
        left = [task_id for task_id in order.task_ids if task_id not in batch.ended]
        if len(left) == 1:
            complain(f"task {left[0]} goes on: wait again on the same id")
        elif left:
            complain(f"{len(left)} tasks go on: run the same command again")
        raise
    return worst(batch.codes)


@define
class Batch:
    """One run of `wait`."""

    order: Order
    board: Board
    codes: set[ExitCode] = field(factory=set[ExitCode])
    ended: set[str] = field(factory=set[str])

    async def run(self, client: AsyncVideoClient) -> None:
        """Waits for every task."""
        async with client, anyio.create_task_group() as beside:
            results = client.wait_many(
                self.order.task_ids,
                timeout=self.order.timeout,
                max_in_flight=self.order.max_in_flight,
                requests_per_minute=self.order.requests_per_minute,
                max_waiting=len(self.order.task_ids),
            )
            beside.start_soon(self.board.follow, results)
            async with results:
                async for result in results:
                    self.take(result)
                    if isinstance(result.error, AuthenticationError):
                        # The same key would be refused for each of the others.
                        break
            beside.cancel_scope.cancel()

    def take(self, result: WaitResult) -> None:
        """Says how the wait for one task ended."""
        self.ended.add(result.task_id)
        self.codes.add(exit_code(result.error))
        with self.board.aside():
            if self.order.as_json:
                click.echo(json.dumps(described(result)))
            elif result.video is not None:
                alone = len(self.order.task_ids) == 1
                click.echo(result.video.url if alone else f"{result.task_id}\t{result.video.url}")
            if result.error is not None:
                complain(str(result.error))


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


def worst(codes: set[ExitCode]) -> ExitCode:
    """What to leave with after many: what a second run may mend stands above what it will not."""
    return next((code for code in (ExitCode.API, ExitCode.TIMEOUT, ExitCode.NO_VIDEO) if code in codes), ExitCode.VIDEO)


def described(result: WaitResult) -> dict[str, object]:
    """A result as JSON has it."""
    error = result.error
    task = _last_task(result)
    return {
        "task_id": result.task_id,
        "status": None if task is None else task.status,
        "video_url": None if result.video is None else result.video.url,
        "last_frame_url": None if result.video is None else result.video.last_frame_url,
        "error": None if error is None else {"type": type(error).__name__, "message": str(error)},
        "task": None if task is None else task.to_dict(),
    }


def _last_task(result: WaitResult) -> VideoTaskResponse | None:
    match result.error:
        case None:
            return None if result.video is None else result.video.task
        case TaskError(task=task):
            return task
        case WaitTimeout(last_task=task):
            return task
        case _:
            return None
