"""The commands."""

from __future__ import annotations

import itertools
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import shell_complete

from meshapi_video._cli.create_commands import create, generate, journal
from meshapi_video._cli.exit_codes import ExitCode, exit_code_for
from meshapi_video._cli.mcp_command import mcp
from meshapi_video._cli.options import (
    FileError,
    check_output,
    common_options,
    configure_logging,
    overwrite_option,
    private_host_option,
    read_api_key,
    read_task_ids,
    read_time,
    sandbox_options,
    settings_errors_are_usage_errors,
    validate_task_id,
    validate_task_ids,
    validate_timeout,
)
from meshapi_video._cli.output import (
    print_exception,
    print_interrupted,
    print_line,
    print_status,
    print_usage_error,
    set_begun,
    set_debug,
)
from meshapi_video._cli.text_files import text_file
from meshapi_video._cli.words import set_can_overwrite
from meshapi_video._text import printable
from meshapi_video._validation import MAX_IN_FLIGHT
from meshapi_video._version import __version__

# The SDK is imported inside the commands that use it, so that --help and --version are fast.
if TYPE_CHECKING:
    from meshapi_video import VideoTaskResponse
    from meshapi_video._cli.text_files import InputFile


COMPLETE_VARIABLE: Final = "_MESHAPI_VIDEO_COMPLETE"
"""The environment variable with which a shell requests completions."""

# click keeps the lines of a paragraph that begins with this character.
_KEEP_LINES: Final = "\b"
_EXIT_CODES: Final = "\n".join(
    [_KEEP_LINES, "Exit codes:", *(f"  {code.value:<4} {code.meaning}" for code in ExitCode)]
)


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code. Expected errors are printed on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        return shell_complete(cli, {}, "meshapi-video", COMPLETE_VARIABLE, instruction)
    set_debug(debug=False)
    set_begun(has_begun=False)
    set_can_overwrite(can_overwrite=False)
    try:
        # `cli.main` would exit with 1 after a broken pipe.
        with cli.make_context("meshapi-video", list(arguments)) as ctx:
            return int(cli.invoke(ctx) or 0)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.Abort):
        # click raises Abort for ctrl-C while it prompts for the key.
        print_interrupted()
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the unexpected ones are raised again
        return _print_expected(error)


def _print_expected(error: Exception) -> ExitCode:
    """Prints an error that is no mistake in this program, and returns its exit code. Raises any other one again."""
    from meshapi_video import MeshVideoError  # noqa: PLC0415

    match error:
        case FileError():
            print_exception(error)
            return ExitCode.IO_ERROR
        case click.ClickException():
            print_usage_error(error)
            return ExitCode.USAGE_ERROR
        case MeshVideoError():
            print_exception(error)
            return exit_code_for(error)
        case _:
            raise error


def _format_task(task: VideoTaskResponse) -> str:
    """The task's fields, one per line, without those that are not set. A server chooses the unknown names, too."""
    fields = {name: value for name, value in task.to_dict().items() if value is not None}
    return "\n".join(
        printable(f"{name}: {value if isinstance(value, str) else json.dumps(value)}") for name, value in fields.items()
    )


def _format_line(task: VideoTaskResponse) -> str:
    """The task on one line, with tabs between the fields."""
    created = task.created_at
    time = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(created, int) else "-"
    return "\t".join(printable(field) for field in (task.id, task.status, time, task.model or "-"))


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_CODES)
@click.version_option(__version__, prog_name="meshapi-video")
def cli() -> None:
    """Create Mesh API's video tasks, wait for them, and download the videos.

    The API key is read from the environment variable MESHAPI_API_KEY, or from --api-key-file or
    --api-key-stdin. Requests are sent to Mesh API, or to the server in the environment variable
    MESHAPI_BASE_URL. To try the command without a key, install meshapi-video[cli,sandbox], and run
    meshapi-video demo
    """


@cli.command()
@click.argument("task_id", callback=validate_task_id)
@click.option("--json", "as_json", is_flag=True, help="Print the task as one line of JSON.")
@common_options
def get(task_id: str, *, as_json: bool, api_key_file: InputFile | None, api_key_stdin: bool, debug: bool) -> int:
    """Print a task's current state.

    The exit code is 0 if the task has a video or has not ended yet, and 1 if it ended without a
    video.
    """
    from meshapi_video import VideoClient, is_terminal  # noqa: PLC0415
    from meshapi_video._cli.json_output import task_to_json  # noqa: PLC0415

    configure_logging(debug=debug)
    with settings_errors_are_usage_errors():
        client = VideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin))
    with client:
        task = client.get(task_id)
    print_line(task_to_json(task) if as_json else _format_task(task))
    return ExitCode.NO_VIDEO if is_terminal(task) and task.status != "succeeded" else ExitCode.SUCCESS


@cli.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="STATUS",
    help="Only tasks with this status, such as queued or running. You can give the option several times.",
)
@click.option(
    "--model", "models", multiple=True, metavar="MODEL", help="Only tasks of this model. You can give it several times."
)
@click.option(
    "--since",
    callback=read_time,
    metavar="TIME",
    help="Only tasks created after this time: 2026-11-26, 2026-11-26T08:00+01:00, or 90m, 36h or 7d ago.",
)
@click.option("--until", callback=read_time, metavar="TIME", help="Only tasks created before this time.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Print at most so many tasks.")
@click.option("--json", "as_json", is_flag=True, help="Print each task as one line of JSON.")
@common_options
def list_tasks(
    *,
    statuses: tuple[str, ...],
    models: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    as_json: bool,
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
) -> None:
    """Print the tasks that Mesh has stored.

    Each line has the id, the status, the time of the create and the model, with tabs in between.

    Mesh does not ask the service behind it for this, so that a status may be older than the one that
    get prints. To continue after a crash, wait for all tasks that have not ended:

    \b
      meshapi-video list --status queued --status running | cut -f1 | meshapi-video wait --from -
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this mark
    from meshapi_video import VideoClient  # noqa: PLC0415
    from meshapi_video._cli.json_output import task_to_json  # noqa: PLC0415

    configure_logging(debug=debug)
    with settings_errors_are_usage_errors():
        client = VideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin))
    with client:
        found = client.list(status=statuses or None, model=models or None, created_after=since, created_before=until)
        for task in itertools.islice(found, limit):
            print_line(task_to_json(task) if as_json else _format_line(task))
        if found.total is not None and limit is not None and found.total > limit:
            print_status(f"{limit} of {found.total} tasks; leave --limit out to print all")


@cli.command()
@click.argument("task_ids", nargs=-1, callback=validate_task_ids, metavar="[TASK_ID]...")
@click.option(
    "--from",
    "more_ids",
    type=text_file,
    callback=read_task_ids,
    metavar="FILE",
    help="Read ids from a file, one per line; - is standard input.",
)
@click.option(
    "--timeout",
    type=float,
    callback=validate_timeout,
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for the whole wait; inf for no limit. The tasks continue after a timeout.",
)
@click.option(
    "--download",
    "folder",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    metavar="DIR",
    help="Download the videos into a folder, and print their paths instead of their URLs. Skips videos that "
    "are already there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each task when its wait ends.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(1),
    default=MAX_IN_FLIGHT,
    show_default=True,
    metavar="N",
    help="Maximum number of polls in flight at the same time.",
)
@click.option(
    "--requests-per-minute",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Maximum number of polls per minute, for all tasks together. Without it there is no maximum.",
)
@private_host_option
@common_options
def wait(
    task_ids: list[str],
    more_ids: list[str],
    *,
    timeout: float,
    folder: Path | None,
    as_json: bool,
    max_in_flight: int,
    requests_per_minute: float | None,
    private_hosts: tuple[str, ...],
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
) -> int:
    """Wait until tasks end, and print the URLs of their videos.

    For one task, stdout gets the URL alone. For several tasks, stdout gets one line per task, in the
    order in which they end: the id, a tab and the URL. The progress is shown on stderr.

    For several tasks, the exit code is that of the worst result.
    From the worst on: 3, 74, 4, 1.

    After an interruption, run the same command again. With --download, it downloads only what is
    missing.
    """
    from meshapi_video import AsyncVideoClient  # noqa: PLC0415
    from meshapi_video._cli.batch import WaitOptions, wait_for  # noqa: PLC0415

    configure_logging(debug=debug)
    ids = list(dict.fromkeys([*task_ids, *more_ids]))
    if not ids:
        raise click.UsageError("no task to wait for: give ids, or --from FILE")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with settings_errors_are_usage_errors():
        client = AsyncVideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin), private_hosts=private_hosts)
    return wait_for(
        WaitOptions(
            task_ids=ids,
            timeout=timeout,
            folder=folder,
            as_json=as_json,
            max_in_flight=max_in_flight,
            requests_per_minute=requests_per_minute,
            debug=debug,
        ),
        client,
    )


@cli.command()
@click.argument("task_id", callback=validate_task_id)
@click.argument("path", type=click.Path(readable=False, path_type=Path), default=".")
@overwrite_option
@click.option("--last-frame", is_flag=True, help="Download the picture of the last frame instead of the video.")
@private_host_option
@common_options
def download(
    task_id: str,
    path: Path,
    *,
    overwrite: bool,
    last_frame: bool,
    private_hosts: tuple[str, ...],
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
) -> None:
    """Download a finished task's video, and print its path.

    PATH is a file or a folder; the default is the current folder. In a folder, the file is named
    after the task's id. After a failure or an interruption, run the same command again: it resumes
    the download.
    """
    from meshapi_video import VideoClient  # noqa: PLC0415
    from meshapi_video._cli.display import download_progress  # noqa: PLC0415
    from meshapi_video._cli.interruption import kept_after_ctrl_c  # noqa: PLC0415

    configure_logging(debug=debug)
    with settings_errors_are_usage_errors():
        client = VideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin), private_hosts=private_hosts)
    with kept_after_ctrl_c(path, task_id, last_frame=last_frame), client, download_progress(task_id) as on_progress:
        file = client.download(task_id, path, overwrite=overwrite, last_frame=last_frame, on_progress=on_progress)
    print_line(file)


@cli.command()
@sandbox_options
def sandbox(**settings: Any) -> None:  # noqa: ANN401 - the sandbox defines its options
    """Serve a local Mesh API until ctrl-C.

    Needs the extra [sandbox]. It first prints how to use it and how to create a task. Ctrl-C stops it;
    the exit code is then 0.
    """
    _require_sandbox_extra()
    import sqlite3  # noqa: PLC0415

    from meshapi_video_sandbox import SandboxError, Settings, serve  # noqa: PLC0415

    try:
        serve(Settings(**settings), print_line=print_line)
    except SandboxError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            raise FileError(str(error)) from error
        raise click.UsageError(str(error)) from error


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    For bash, add this line to ~/.bashrc:

    \b
      eval "$(meshapi-video completion bash)"
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this mark
    shell_complete(cli, {}, "meshapi-video", COMPLETE_VARIABLE, f"{shell}_source")


for command in (create, generate, journal, mcp):
    cli.add_command(command)


@cli.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="File for the video; it must not exist yet. The default is a file in a new temporary folder.",
)
def demo(output: Path | None) -> None:
    """Run a complete example on this machine.

    Needs the extra [sandbox]. Starts a local Mesh API, creates a task there, waits for the task and
    downloads its video. This takes a few seconds, and needs no API key and no internet connection.
    """
    _require_sandbox_extra()
    from meshapi_video._cli.demo import run_demo  # noqa: PLC0415

    if output is not None:
        if output.exists():
            raise FileError(f"{output}: it already exists, and a demo overwrites nothing")
        check_output(output, overwrite=False)
    run_demo(output, print_line=lambda line: print_line(printable(line)))


def _require_sandbox_extra() -> None:
    import importlib.util  # noqa: PLC0415

    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise click.UsageError(f"this command needs {' and '.join(missing)}: pip install 'meshapi-video[cli,sandbox]'")
    # These commands send requests only to this machine.
    set_begun(has_begun=True)
