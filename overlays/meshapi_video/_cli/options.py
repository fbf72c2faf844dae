"""The options that several commands share, and the checks of options and arguments."""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from meshapi_video._cli.exit_codes import ExitCode
from meshapi_video._cli.output import set_begun, set_debug
from meshapi_video._cli.text_files import decode, read_stdin, text_file
from meshapi_video._cli.words import in_terminal_words, set_can_overwrite
from meshapi_video._text import printable
from meshapi_video_sandbox import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from meshapi_video._cli.text_files import InputFile
    from meshapi_video_sandbox import OptionKind

F = TypeVar("F", bound="Callable[..., Any]")

_COMMON_OPTIONS: Final = (
    # The first two are eager: `read_task_ids` needs their values.
    click.option(
        "--api-key-file",
        type=text_file,
        is_eager=True,
        metavar="FILE",
        help="Read the API key from a file instead of MESHAPI_API_KEY.",
    ),
    click.option(
        "--api-key-stdin",
        is_flag=True,
        is_eager=True,
        help="Read the API key from standard input. On a terminal, prompt for the key and do not show it.",
    ),
    click.option(
        "--debug",
        is_flag=True,
        help="Log every poll and download request, and print a traceback for every error.",
    ),
)

_SANDBOX_TYPES: Final[dict[OptionKind, click.ParamType[Any]]] = {
    "text": click.STRING,
    "port": click.IntRange(0, 65535),
    "file": click.Path(dir_okay=False, path_type=Path),
}


private_host_option: Final = click.option(
    "--private-host",
    "private_hosts",
    multiple=True,
    metavar="HOST",
    help="Allow downloads from this host inside your network. You can give the option several times.",
)


def _note_overwrite(_ctx: click.Context, _param: click.Parameter, value: bool) -> bool:  # noqa: FBT001 - as click calls it
    set_can_overwrite(can_overwrite=True)
    return value


overwrite_option: Final = click.option(
    "--overwrite",
    is_flag=True,
    # click calls it also when the option is not given.
    callback=_note_overwrite,
    help="Replace an existing file.",
)


class FileError(click.ClickException):
    """A file or a folder that cannot be read or written, found before a request is sent."""

    exit_code = ExitCode.IO_ERROR


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raises `FileError` if `path` can be neither a new file nor a folder for it."""
    from meshapi_video._download.target import check_target  # noqa: PLC0415 - `--help` does not need it

    try:
        check_target(path, overwrite=overwrite)
    except OSError as error:
        raise FileError(in_terminal_words(f"{error.filename} {error.strerror}")) from error


def common_options(command: F) -> F:
    """Adds the options that all commands share that send requests to the API."""
    for option in reversed(_COMMON_OPTIONS):
        command = option(command)
    return command


def sandbox_options(command: F) -> F:
    """Adds the options that the sandbox defines. Their definition needs none of its dependencies."""
    for option in reversed(OPTIONS):
        command = click.option(
            option.flag,
            option.name,
            type=_SANDBOX_TYPES[option.kind],
            multiple=option.multiple,
            default=option.default,
            show_default=True,
            metavar=option.metavar,
            help=option.help,
        )(command)
    return command


@contextmanager
def settings_errors_are_usage_errors() -> Generator[None]:
    """Turns the error for a missing API key or a wrong base URL into a usage error."""
    from meshapi_video import MeshVideoError  # noqa: PLC0415

    try:
        yield
    except (MeshVideoError, ValueError) as error:
        raise click.UsageError(in_terminal_words(str(error))) from error
    # The clients are made: requests follow.
    set_begun(has_begun=True)


def read_api_key(file: InputFile | None, *, from_stdin: bool) -> str:
    """The API key from `--api-key-file`, `--api-key-stdin` or the environment."""
    from meshapi_video._settings import KEY_VARIABLE  # noqa: PLC0415 - `--help` does not need it

    if file is not None and from_stdin:
        raise click.UsageError("give --api-key-file or --api-key-stdin, not both")
    if file is not None:
        key = file.text()
    elif from_stdin:
        key = _key_from_stdin()
    else:
        key = os.environ.get(KEY_VARIABLE, "")
    if not key.strip():
        raise click.UsageError(
            f"no API key: set the environment variable {KEY_VARIABLE}, or give --api-key-file or --api-key-stdin"
        )
    return key.strip()


def _key_from_stdin() -> str:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: --api-key-stdin reads the API key from it")
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True))
    return decode(read_stdin(first_line=True), "standard input")


def validate_task_id(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """`value` if it can be a task's id; a usage error otherwise."""
    from meshapi_video._tasks import check_task_id  # noqa: PLC0415

    try:
        return check_task_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def validate_task_ids(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """`values` if each can be a task's id; a usage error otherwise."""
    return [validate_task_id(ctx, param, value) for value in values]


def read_task_ids(ctx: click.Context, param: click.Parameter, file: InputFile | None) -> list[str]:
    """The ids in a file, one per line."""
    if file is None:
        return []
    key_file: InputFile | None = ctx.params["api_key_file"]
    if file.is_stdin and (ctx.params["api_key_stdin"] or (key_file and key_file.is_stdin)):
        # The key would be read as an id, sent to the server in a path, and shown.
        raise click.UsageError("standard input can hold the ids or the API key, not both")
    return list(_parse_task_ids(ctx, param, file))


def _parse_task_ids(ctx: click.Context, param: click.Parameter, file: InputFile) -> Iterator[str]:
    for number, line in enumerate(file.lines(), 1):
        # A `#` begins a comment at the beginning of a line, and after a space.
        if task_id := re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip():
            try:
                yield validate_task_id(ctx, param, task_id)
            except click.BadParameter as error:
                raise click.BadParameter(f"line {number} of {file.name}: {error.message}") from None


def read_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A point in time, or a time ago such as `36h`. A time without an offset is local time."""
    if value is None:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", value.strip()):
        seconds = int(ago[1]) * {"m": 60, "h": 3600, "d": 86_400}[ago[2]]
        return datetime.now(UTC) - timedelta(seconds=seconds)
    try:
        return datetime.fromisoformat(value.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{value!r} is not a time: write 2026-11-26, 2026-11-26T08:00+01:00, or 90m, 36h or 7d for a time ago"
        ) from None


def validate_timeout(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    """`value` if it is a number of seconds; a usage error otherwise."""
    from meshapi_video._validation import check_seconds  # noqa: PLC0415

    try:
        return check_seconds("timeout", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


class _Formatter(logging.Formatter):
    # Other libraries log their warnings here as well.
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in `logging`
        return printable(super().formatMessage(record))


def configure_logging(*, debug: bool, always: bool = False) -> None:
    """Logs every poll, with the time of day, and prints tracebacks, if `--debug` is given.

    With `always`, the warnings of all libraries get the same form, and no library chooses one that shows more.
    """
    set_debug(debug=debug)
    if debug or always:
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(name)s: %(message)s"))
        logging.basicConfig(handlers=[handler])
    if debug:
        # Only the SDK's own loggers: httpx logs the signed URLs of videos.
        logging.getLogger("meshapi_video").setLevel(logging.DEBUG)
