"""The options that several commands share, and the checks of options and arguments."""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click

from meshapi_video._text import printable
from meshapi_video_sandbox import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from meshapi_video_sandbox import OptionKind

F = TypeVar("F", bound="Callable[..., Any]")

_STDIN_NAME: Final = "<stdin>"
"""The name that click gives to standard input."""
_COMMON_OPTIONS: Final = (
    # The first two are eager: `read_task_ids` needs their values.
    click.option(
        "--api-key-file",
        type=click.File(),
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
        raise click.UsageError(str(error)) from error


def read_api_key(file: IO[str] | None, *, from_stdin: bool) -> str:
    """The API key from `--api-key-file`, `--api-key-stdin` or the environment."""
    from meshapi_video._settings import KEY_VARIABLE  # noqa: PLC0415 - `--help` does not need it

    if file is not None and from_stdin:
        raise click.UsageError("give --api-key-file or --api-key-stdin, not both")
    if file is not None:
        key = file.read()
    elif from_stdin:
        key = click.prompt("API key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    else:
        key = os.environ.get(KEY_VARIABLE, "")
    if not key.strip():
        raise click.UsageError(
            f"no API key: set the environment variable {KEY_VARIABLE}, or give --api-key-file or --api-key-stdin"
        )
    return key.strip()


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


def read_task_ids(ctx: click.Context, param: click.Parameter, file: IO[str] | None) -> list[str]:
    """The ids in a file, one per line."""
    if file is None:
        return []
    key_file: IO[str] | None = ctx.params["api_key_file"]
    if file.name == _STDIN_NAME and (ctx.params["api_key_stdin"] or (key_file and key_file.name == _STDIN_NAME)):
        # The key would be read as an id, sent to the server in a path, and shown.
        raise click.UsageError("standard input can hold the ids or the API key, not both")
    try:
        lines = file.readlines()
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file.name} is not a text file in UTF-8") from None
    finally:
        if file.name != _STDIN_NAME:
            # click does not close the file after an error.
            file.close()
    return list(_parse_task_ids(ctx, param, file.name, lines))


def _parse_task_ids(ctx: click.Context, param: click.Parameter, file_name: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield validate_task_id(ctx, param, line.strip())
            except click.BadParameter as error:
                raise click.BadParameter(f"line {number} of {file_name}: {error.message}") from None


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


def configure_logging(*, debug: bool) -> None:
    """Logs every poll, with the time of day, if `--debug` is given."""
    if debug:
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(name)s: %(message)s"))
        logging.basicConfig(handlers=[handler])
        # Only the SDK's own loggers: httpx logs the signed URLs of videos.
        logging.getLogger("meshapi_video").setLevel(logging.DEBUG)
