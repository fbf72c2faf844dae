"""The commands and their exit codes."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshapi_video._version import __version__

# The SDK is imported inside the commands that use it, so that --help and --version are quick.
if TYPE_CHECKING:
    from meshapi_video import VideoClient, VideoTaskResponse


class ExitCode(enum.IntEnum):
    """What the command leaves with."""

    VIDEO = 0
    NO_VIDEO = 1
    USAGE = 2
    API = 3
    TIMEOUT = 4
    INTERRUPTED = 130


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; every error is a sentence on stderr."""
    try:
        return int(cli.main(arguments, prog_name="meshapi-video", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "meshapi-video: interrupted. A task that was waited for goes on: wait again on the same id.", err=True
        )
        return ExitCode.INTERRUPTED
    except Exception as error:
        from meshapi_video import MeshVideoError  # noqa: PLC0415

        if not isinstance(error, MeshVideoError):
            raise
        click.echo(f"meshapi-video: {error}", err=True)
        return _exit_code(error)


def _exit_code(error: Exception) -> ExitCode:
    from meshapi_video import TaskError, WaitTimeout  # noqa: PLC0415

    match error:
        case TaskError():
            return ExitCode.NO_VIDEO
        case WaitTimeout():
            return ExitCode.TIMEOUT
        case _:
            return ExitCode.API


def _checked_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    from meshapi_video._config import check_task_id  # noqa: PLC0415

    try:
        return check_task_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _client() -> VideoClient:
    from meshapi_video import MeshVideoError, VideoClient  # noqa: PLC0415

    try:
        return VideoClient()
    except (MeshVideoError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _readable(task: VideoTaskResponse) -> str:
    """What is known of a task, a field a line."""
    shown: list[str] = []
    for name, value in task.to_dict().items():
        if value is not None:
            shown.append(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
    return "\n".join(shown)


_task_id = click.argument("task_id", callback=_checked_id)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print tasks as JSON, one a line, on stdout.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="meshapi-video")
def cli() -> None:
    """Look at Mesh API's video tasks, and wait for them.

    The key is read from MESHAPI_API_KEY and the server, unless it is Mesh's own, from
    MESHAPI_BASE_URL.

    Exit codes: 0 a video, 1 the task ended without one, 2 wrong usage, 3 the API refused or
    could not be reached, 4 the wait ran out of time, 130 interrupted.
    """


@cli.command()
@_task_id
@_as_json
def get(task_id: str, *, as_json: bool) -> int:
    """Look at a task once and print it."""
    from meshapi_video import is_terminal  # noqa: PLC0415

    with _client() as client:
        task = client.get(task_id)
    click.echo(json.dumps(task.to_dict()) if as_json else _readable(task))
    return ExitCode.NO_VIDEO if is_terminal(task) and task.status != "succeeded" else ExitCode.VIDEO


@cli.command()
@_task_id
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=900.0,
    show_default=True,
    help="Seconds to wait; the task goes on after them.",
)
@_as_json
def wait(task_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait until a task is over and print its video's address.

    The state of the task is shown on stderr. With --json each change of it is a line on stdout.
    """
    from meshapi_video._cli._progress import shown_wait  # noqa: PLC0415

    with _client() as client, shown_wait(task_id) as show:
        printed = ""

        def on_update(task: VideoTaskResponse) -> None:
            nonlocal printed
            show(task)
            if as_json and task.status != printed:
                printed = task.status
                click.echo(json.dumps(task.to_dict()))

        video = client.wait(task_id, timeout=timeout, on_update=on_update)
    if not as_json:
        click.echo(video.url)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="The port; 0 picks a free one."
)
@click.option(
    "--db", type=click.Path(dir_okay=False, path_type=Path), help="The tasks' SQLite file; memory if not given."
)
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A key to accept; may be repeated. [default: rsk_sandbox]"
)
def sandbox(host: str, port: int, db: Path | None, keys: tuple[str, ...]) -> None:
    """Serve a local Mesh API until ctrl-C."""
    _sandbox_installed()
    from meshapi_video_sandbox import SandboxError, serve  # noqa: PLC0415

    try:
        serve(host=host, port=port, db=db, keys=keys or ("rsk_sandbox",), say=click.echo)
    except SandboxError as error:
        raise click.UsageError(str(error)) from error


@cli.command()
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where the video goes; a new temporary folder if not given."
)
def demo(output: Path | None) -> None:
    """Play the whole story on this machine."""
    _sandbox_installed()
    from meshapi_video._cli._demo import run_demo  # noqa: PLC0415

    run_demo(output, say=click.echo)


def _sandbox_installed() -> None:
    import importlib.util  # noqa: PLC0415

    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise click.UsageError(f"this needs {' and '.join(missing)}: pip install 'meshapi-video[cli,sandbox]'")
