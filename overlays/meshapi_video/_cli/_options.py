"""What several commands are told alike: the key, the ids, the time."""

from __future__ import annotations

import logging
import sys
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")

_STDIN: Final = "<stdin>"
"""What click calls standard input."""
_OPTIONS: Final = (
    # Both eager, so that they are known when `--from` is read.
    click.option(
        "--api-key-file",
        type=click.File(),
        is_eager=True,
        metavar="FILE",
        help="Read the API key from a file, instead of from MESHAPI_API_KEY.",
    ),
    click.option(
        "--api-key-stdin",
        is_flag=True,
        is_eager=True,
        help="Read the API key from standard input; on a terminal, ask for it without showing it.",
    ),
    click.option("--debug", is_flag=True, help="Print a traceback with every error, and log each look."),
)


def asks_the_api(command: F) -> F:
    """Gives a command the options that all have that ask the API."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_key(file: IO[str] | None, *, from_stdin: bool) -> str | None:
    """The key that the options lead to; None leaves it to the environment."""
    if file is not None and from_stdin:
        raise click.UsageError("the API key comes from --api-key-file or from --api-key-stdin, not from both")
    if file is not None:
        return file.read().strip()
    if from_stdin:
        key: str = click.prompt("API key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
        return key.strip()
    return None


def checked_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A task's id, or wrong usage."""
    from meshapi_video._tasks import check_task_id  # noqa: PLC0415

    try:
        return check_task_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def checked_ids(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Tasks' ids, or wrong usage."""
    return [checked_id(context, parameter, value) for value in values]


def ids_in(context: click.Context, parameter: click.Parameter, file: IO[str] | None) -> list[str]:
    """The ids in a file, one a line."""
    if file is None:
        return []
    key_file: IO[str] | None = context.params["api_key_file"]
    if file.name == _STDIN and (context.params["api_key_stdin"] or (key_file and key_file.name == _STDIN)):
        # The key would be taken for an id, and be sent and shown as one.
        raise click.UsageError("standard input has either the ids or the API key, not both")
    try:
        lines = file.readlines()
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file.name} is no text in UTF-8") from None
    finally:
        if file.name != _STDIN:
            # click closes it only where all is well.
            file.close()
    return list(_ids_in(context, parameter, file.name, lines))


def _ids_in(context: click.Context, parameter: click.Parameter, name: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield checked_id(context, parameter, line.strip())
            except click.BadParameter as error:
                raise click.BadParameter(f"line {number} of {name}: {error.message}") from None


def checked_timeout(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """A number of seconds, or wrong usage."""
    from meshapi_video._policy import check_seconds  # noqa: PLC0415

    try:
        return check_seconds("timeout", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def log_everything(debug: bool) -> None:  # noqa: FBT001 - an option's value
    """Prints each look, with its time, where `--debug` asks for it."""
    if debug:
        # Of the SDK alone: what httpx logs has the signed addresses of videos.
        logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
        logging.getLogger("meshapi_video").setLevel(logging.DEBUG)
