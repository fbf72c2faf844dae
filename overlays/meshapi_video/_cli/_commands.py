"""The commands."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click
from click.shell_completion import shell_complete

from meshapi_video._cli._exit import ExitCode, complain, plain
from meshapi_video._cli._options import (
    asks_the_api,
    checked_id,
    checked_ids,
    checked_timeout,
    chosen_key,
    ids_in,
    log_everything,
)
from meshapi_video._version import __version__

# The SDK is imported inside the commands that use it, so that --help and --version are quick.
if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video import VideoTaskResponse


COMPLETE: Final = "_MESHAPI_VIDEO_COMPLETE"
"""The environment variable through which a shell asks for completions."""


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; every foreseen error is a sentence on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if asked := os.environ.get(COMPLETE):
        return shell_complete(cli, {}, "meshapi-video", COMPLETE, asked)
    try:
        # Not `cli.main`: when nobody reads stdout any more, that one leaves with 1 by itself.
        with cli.make_context("meshapi-video", list(arguments)) as context:
            return int(cli.invoke(context) or 0)
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        # click makes an Abort of ctrl-C while it asks for a key.
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:
        from meshapi_video import MeshVideoError  # noqa: PLC0415
        from meshapi_video._cli._batch import exit_code  # noqa: PLC0415

        if not isinstance(error, MeshVideoError):
            raise
        if "--debug" in arguments:
            traceback.print_exception(error)
        complain(str(error))
        return exit_code(error)


@contextmanager
def _settings_are_usage() -> Generator[None]:
    """Has a key or an address that cannot be used leave with 2."""
    from meshapi_video import MeshVideoError  # noqa: PLC0415

    try:
        yield
    except (MeshVideoError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _readable(task: VideoTaskResponse) -> str:
    """What is known of a task, a field a line."""
    shown: list[str] = []
    for name, value in task.to_dict().items():
        if value is not None:
            shown.append(f"{name}: {plain(value) if isinstance(value, str) else json.dumps(value)}")
    return "\n".join(shown)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="meshapi-video")
def cli() -> None:
    """Look at Mesh API's video tasks, and wait for them.

    The API key is read from the environment variable MESHAPI_API_KEY, or as --api-key-file and
    --api-key-stdin say. The server is Mesh's own, unless MESHAPI_BASE_URL names another one. Neither
    is needed for a first try: meshapi-video demo.

    \b
    Exit codes:
      0    a video; for get, any answer that is not an end without one
      1    the task ended without a video
      2    wrong usage
      3    the API refused or could not be reached
      4    the wait ran out of time; the task may still finish
      70   a crash, which says nothing of the task
      74   reading or writing failed, such as on a full disk
      130  interrupted
      141  nobody reads the output any more
    """  # noqa: D301 - click's own mark for lines to be left as they are


@cli.command()
@click.argument("task_id", callback=checked_id)
@click.option("--json", "as_json", is_flag=True, help="Print the task as JSON, on one line.")
@asks_the_api
def get(task_id: str, *, as_json: bool, api_key_file: IO[str] | None, api_key_stdin: bool, debug: bool) -> int:
    """Look at a task once and print it.

    Leaves with 1 if the task ended without a video, and with 0 if it has one or is not over yet.
    """
    from meshapi_video import VideoClient, is_terminal  # noqa: PLC0415

    log_everything(debug)
    with _settings_are_usage():
        client = VideoClient(chosen_key(api_key_file, from_stdin=api_key_stdin))
    with client:
        task = client.get(task_id)
    click.echo(json.dumps(task.to_dict()) if as_json else _readable(task))
    return ExitCode.NO_VIDEO if is_terminal(task) and task.status != "succeeded" else ExitCode.VIDEO


@cli.command()
@click.argument("task_ids", nargs=-1, callback=checked_ids, metavar="[TASK_ID]...")
@click.option(
    "--from",
    "more_ids",
    type=click.File(),
    callback=ids_in,
    metavar="FILE",
    help="Take ids from a file, one a line; - is standard input.",
)
@click.option(
    "--timeout",
    type=float,
    callback=checked_timeout,
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait in all, inf for no limit; the tasks themselves go on afterwards.",
)
@click.option(
    "--download",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Fetch each video into a folder, and print the file instead; what is there already is left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each task as its wait ends.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    metavar="N",
    help="Requests under way at once.",
)
@click.option(
    "--requests-per-minute",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Requests for all tasks together.",
)
@asks_the_api
def wait(
    task_ids: list[str],
    more_ids: list[str],
    *,
    timeout: float,
    folder: Path | None,
    as_json: bool,
    max_in_flight: int,
    requests_per_minute: float | None,
    api_key_file: IO[str] | None,
    api_key_stdin: bool,
    debug: bool,
) -> int:
    """Wait until tasks are over and print their videos' addresses.

    For one task that is the address alone, for several a line each, as they end: the id, a tab, the
    address. Meanwhile the tasks' states are shown on stderr. After several, the exit code is that of
    the worst: 3, then 4, then 1. Interrupted and run again with --download, it does what is missing.
    """
    from meshapi_video import AsyncVideoClient  # noqa: PLC0415
    from meshapi_video._cli._batch import Order, wait_for  # noqa: PLC0415

    log_everything(debug)
    ids = list(dict.fromkeys([*task_ids, *more_ids]))
    if not ids:
        raise click.UsageError("no task to wait for: give ids, or --from FILE")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with _settings_are_usage():
        client = AsyncVideoClient(chosen_key(api_key_file, from_stdin=api_key_stdin))
    return wait_for(
        Order(
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
@click.argument("task_id", callback=checked_id)
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.option("--last-frame", is_flag=True, help="Fetch the picture of the last frame instead.")
@asks_the_api
def download(
    task_id: str,
    path: Path,
    *,
    overwrite: bool,
    last_frame: bool,
    api_key_file: IO[str] | None,
    api_key_stdin: bool,
    debug: bool,
) -> None:
    """Fetch a finished task's video and print where it lies.

    PATH is a file, or a folder in which it is named after the task's id. What was fetched of it is
    kept when something goes wrong, and the same command goes on from there.
    """
    from meshapi_video import VideoClient  # noqa: PLC0415
    from meshapi_video._cli._board import shown_download  # noqa: PLC0415

    log_everything(debug)
    with _settings_are_usage():
        client = VideoClient(chosen_key(api_key_file, from_stdin=api_key_stdin))
    with client, shown_download(task_id) as show:
        fetched = client.download(task_id, path, overwrite=overwrite, last_frame=last_frame, on_progress=show)
    click.echo(fetched)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, metavar="PORT", help="0 picks a free one."
)
@click.option(
    "--upstream-port",
    type=click.IntRange(0, 65535),
    default=8788,
    show_default=True,
    metavar="PORT",
    help="Of the simulated BytePlus that it asks; 0 picks a free one.",
)
@click.option(
    "--upstream",
    metavar="URL",
    help="A BytePlus to ask instead, up to /api/v3; its key is the environment's ARK_API_KEY.",
)
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help="An SQLite file to keep the tasks in; without it they are gone at the end.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="An API key to accept; may be repeated.  [default: rsk_sandbox]"
)
def sandbox(
    host: str, port: int, upstream_port: int, upstream: str | None, db: Path | None, keys: tuple[str, ...]
) -> None:
    """Serve a local Mesh API until ctrl-C.

    It says how to reach it and how to make a task. Ctrl-C is how one ends it, and leaves with 0.
    """
    _sandbox_installed()
    from meshapi_video_sandbox import SandboxError, serve  # noqa: PLC0415

    try:
        serve(
            host=host,
            port=port,
            upstream_port=upstream_port,
            upstream=upstream,
            db=db,
            keys=keys or ("rsk_sandbox",),
            say=click.echo,
        )
    except SandboxError as error:
        raise click.UsageError(str(error)) from error


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete this command.

    For bash, in ~/.bashrc: eval "$(meshapi-video completion bash)"
    """
    shell_complete(cli, {}, "meshapi-video", COMPLETE, f"{shell}_source")


def _new_file(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.exists():
        raise click.BadParameter(f"{path} exists already")
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}")
    return path


@cli.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    callback=_new_file,
    help="The file to put the video in, not there yet; without it, one in a new temporary folder.",
)
def demo(output: Path | None) -> None:
    """Play the whole story on this machine.

    Starts a local Mesh API, makes a task there, waits for it and fetches its video: a few seconds,
    without a key and without the internet.
    """
    _sandbox_installed()
    from meshapi_video._cli._demo import run_demo  # noqa: PLC0415

    run_demo(output, say=click.echo)


def _sandbox_installed() -> None:
    import importlib.util  # noqa: PLC0415

    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise click.UsageError(f"this needs {' and '.join(missing)}: pip install 'meshapi-video[cli,sandbox]'")
