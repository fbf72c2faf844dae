"""The `wait` command: waits for tasks, downloads their videos, and prints the results."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Final, Self

import anyio
from attrs import define, field, frozen

from meshapi_video import AsyncVideoClient, AuthenticationError, MeshVideoError, Video, WaitResult
from meshapi_video._cli.display import Display, can_move, stderr_console
from meshapi_video._cli.exit_codes import ExitCode, exit_code_for, worst_of
from meshapi_video._cli.json_output import result_to_json
from meshapi_video._cli.output import print_error, print_exception, print_line, print_status
from meshapi_video._download.partial_file import file_name
from meshapi_video._text import printable

_MAX_DOWNLOADS: Final = 4
"""Downloads at the same time. More would only share the same bandwidth."""


@frozen(kw_only=True)
class WaitOptions:
    """The arguments and options of `wait`."""

    task_ids: list[str]
    timeout: float | None
    max_in_flight: int | None = None
    requests_per_minute: float | None = None
    folder: Path | None
    """The folder for the videos, or the file for one; None to print their URLs and download nothing."""
    overwrite: bool = False
    as_json: bool
    debug: bool
    is_generated: bool = False
    """Whether the command created the only task: to run it again would create, and pay for, another one."""


def wait_for(options: WaitOptions, client: AsyncVideoClient) -> ExitCode:
    """Waits for all tasks, prints their results, and returns the exit code."""
    console = stderr_console()
    live = can_move(console) and not options.as_json and not options.debug
    batch = Batch(options, Display(console, live=live))
    # The log of `--debug` already holds all lines of `log_output`.
    with batch, nullcontext() if options.debug else batch.display.log_output():
        anyio.run(batch.run, client)
    batch.print_summary()
    return worst_of(batch.exit_codes.values())


@define
class Batch:
    """One run of `wait`."""

    options: WaitOptions
    display: Display
    exit_codes: dict[str, ExitCode] = field(factory=dict[str, ExitCode])
    """The exit code for each task that has a result, by the task's id."""
    with_video: set[str] = field(factory=set[str])
    """The ids of the tasks whose video is to be downloaded."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Prints which tasks continue after ctrl-C, and raises an error without the groups around it."""
        first = error and first_exception(error)
        if isinstance(first, KeyboardInterrupt):
            self.print_unfinished()
        if first and first is not error:
            raise first from None

    async def run(self, client: AsyncVideoClient) -> None:
        """Waits for all tasks, and returns when all downloads have ended."""
        missing = [task_id for task_id in self.options.task_ids if not self._is_downloaded(task_id)]
        limiter = anyio.CapacityLimiter(_MAX_DOWNLOADS)
        async with client, anyio.create_task_group() as background:
            results = client.wait_many(
                missing,
                timeout=self.options.timeout,
                max_in_flight=self.options.max_in_flight,
                requests_per_minute=self.options.requests_per_minute,
                max_waiting=len(missing) or 1,
            )
            background.start_soon(self.display.refresh, results, len(missing))
            async with results, anyio.create_task_group() as downloads:
                async for result in results:
                    if result.video is not None and self.options.folder is not None:
                        self.with_video.add(result.task_id)
                        downloads.start_soon(self._download, client, result.video, self.options.folder, limiter)
                    else:
                        self._print_result(result)
                    if isinstance(result.error, AuthenticationError):
                        # The server would refuse the same key for all other tasks.
                        break
            background.cancel_scope.cancel()

    def _is_downloaded(self, task_id: str) -> bool:
        """Whether an earlier run downloaded the video; if so, prints its path."""
        if self.options.folder is None or not self.options.folder.is_dir():
            return False
        path = self.options.folder / file_name(task_id, "video")
        if not path.is_file():
            return False
        self._print_result(WaitResult(task_id, None, None), path)
        return True

    async def _download(
        self, client: AsyncVideoClient, video: Video, folder: Path, limiter: anyio.CapacityLimiter
    ) -> None:
        async with limiter:
            try:
                with self.display.downloading(video.id) as on_progress:
                    path = await client.download(
                        video, folder, overwrite=self.options.overwrite, on_progress=on_progress
                    )
            except MeshVideoError as error:
                self._print_result(WaitResult(video.id, video, error))
            else:
                self._print_result(WaitResult(video.id, video, None), path)

    def _print_result(self, result: WaitResult, path: Path | None = None) -> None:
        """Prints the result of one task: its line on stdout, and its error on stderr."""
        self.exit_codes[result.task_id] = exit_code_for(result.error)
        with self.display.paused():
            if self.options.as_json:
                print_line(result_to_json(result, path))
            elif result.error is None:
                path_or_url = path or (result.video and printable(result.video.url))
                print_line(path_or_url if len(self.options.task_ids) == 1 else f"{result.task_id}\t{path_or_url}")
            if result.error is not None:
                print_exception(result.error)

    def print_summary(self) -> None:
        """Prints the number of tasks for each kind of result, if there are several tasks."""
        total = len(self.options.task_ids)
        if total == 1:
            return
        codes = list(self.exit_codes.values())
        counts = {
            "with a video": codes.count(ExitCode.SUCCESS),
            "ended without a video": codes.count(ExitCode.NO_VIDEO),
            "timed out": codes.count(ExitCode.TIMEOUT),
            "with an API or download error": codes.count(ExitCode.API_ERROR),
            "could not be written": codes.count(ExitCode.IO_ERROR),
            "without a result": total - len(codes),
        }
        print_status(f"{total} tasks: {', '.join(f'{number} {name}' for name, number in counts.items() if number)}")

    def print_unfinished(self) -> None:
        """Prints after ctrl-C which tasks continue on the server, and which downloads are not complete."""
        unfinished = [task_id for task_id in self.options.task_ids if task_id not in self.exit_codes]
        running = [task_id for task_id in unfinished if task_id not in self.with_video]
        downloading = [task_id for task_id in unfinished if task_id in self.with_video]
        if self.options.is_generated and unfinished:
            self._print_unfinished_task(unfinished[0], has_video=bool(downloading))
            return
        if len(running) == 1:
            print_error(f"task {running[0]} continues: wait again on the same id")
        elif running:
            print_error(f"{len(running)} tasks continue: run the same command again")
        if downloading:
            which = f"task {downloading[0]}" if len(downloading) == 1 else f"{len(downloading)} tasks"
            print_error(
                f"the download of {which} is not complete, and the received bytes are kept in {self.options.folder}: "
                "run the same command again"
            )

    def _print_unfinished_task(self, task_id: str, *, has_video: bool) -> None:
        target = "" if self.options.folder is None else f" {shlex.quote(str(self.options.folder))}"
        if has_video:
            print_error(
                f"task {task_id} has a video whose download is not complete; the received bytes are kept: run "
                f"meshapi-video download {task_id}{target}"
            )
        else:
            print_error(f"task {task_id} continues, and has been paid for: run meshapi-video wait {task_id}")


def first_exception(error: BaseException) -> BaseException:
    """The first exception in nested exception groups, as task groups raise them; ctrl-C comes before all others."""
    match error:
        case BaseExceptionGroup() as group:
            return first_exception((group.subgroup(KeyboardInterrupt) or group).exceptions[0])
        case single:
            return single
