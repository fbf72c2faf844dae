"""The command `mcp`: a server for AI clients."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meshapi_video._cli.options import configure_logging, private_host_option
from meshapi_video._cli.output import print_status
from meshapi_video._cli.text_files import text_file
from meshapi_video._cli.words import in_terminal_words

if TYPE_CHECKING:
    from meshapi_video._cli.text_files import InputFile
    from meshapi_video._mcp.state import State

_PORT: Final = 8765
"""The port of `--http` without a number."""


@click.command("mcp")
@click.option(
    "-o",
    "--folder",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    default=".",
    show_default="the current folder",
    metavar="DIR",
    help="Write the downloaded videos into this folder, and the journal of creates. Nothing is written elsewhere.",
)
@click.option(
    "--allow-paid",
    is_flag=True,
    help="Let a client that cannot ask its user create videos, which costs money. A client that can ask always asks.",
)
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=_PORT,
    metavar="[PORT]",
    help=f"Serve HTTP on this port of 127.0.0.1 in place of standard input and output. Without a number: {_PORT}.",
)
@private_host_option
@click.option(
    "--api-key-file",
    type=text_file,
    metavar="FILE",
    help="Read the API key from a file instead of MESHAPI_API_KEY.",
)
@click.option("--debug", is_flag=True, help="Log every poll and download request on stderr.")
def mcp(
    *,
    folder: Path,
    allow_paid: bool,
    port: int | None,
    private_hosts: tuple[str, ...],
    api_key_file: InputFile | None,
    debug: bool,
) -> None:
    """Serve AI clients that speak the Model Context Protocol.

    Needs the extra [mcp]. An AI client starts this command itself, and sends its messages on standard input. Its
    tools create videos, wait for them, download and list them. The guide has the lines for the configuration of a
    client.

    The server also starts without an API key; then each tool says which variable to set. A closed standard input or
    ctrl-C stops it; the exit code is then 0.
    """
    if importlib.util.find_spec("mcp") is None:
        raise click.UsageError("this command needs mcp: pip install 'meshapi-video[mcp]'")
    if port is None and sys.stdin is None:
        raise click.UsageError("standard input is closed: an AI client sends its messages there")
    from meshapi_video import CreateWarning  # noqa: PLC0415
    from meshapi_video._cli.batch import first_exception  # noqa: PLC0415
    from meshapi_video._mcp.serve import serve_http, serve_stdio  # noqa: PLC0415

    configure_logging(debug=debug, always=True)
    try:
        # No shell reads the configuration of a client.
        folder = folder.expanduser()
    except RuntimeError as error:
        raise click.BadParameter(f"{str(folder)!r}: there is no such home", param_hint="--folder") from error
    folder.mkdir(parents=True, exist_ok=True)
    state = _state(folder.resolve(), None if api_key_file is None else api_key_file.text(), private_hosts, allow_paid)
    with warnings.catch_warnings():
        # The question to the user has them.
        warnings.simplefilter("ignore", CreateWarning)
        try:
            if port is None:
                serve_stdio(state)
            else:
                serve_http(state, port, lambda url: print_status(f"serving {url}; ctrl-C stops it"))
        except BaseExceptionGroup as group:
            # Such as a broken pipe, which has an exit code of its own.
            raise first_exception(group) from None


def _state(folder: Path, key: str | None, private_hosts: tuple[str, ...], allow_paid: bool) -> State:  # noqa: FBT001 - the options
    """The state of the server, also without a usable key or base URL."""
    from meshapi_video import AsyncVideoClient, MeshVideoError  # noqa: PLC0415
    from meshapi_video._mcp.state import State  # noqa: PLC0415

    client, no_client = None, ""
    try:
        client = AsyncVideoClient(key, private_hosts=private_hosts)
    except (MeshVideoError, ValueError) as error:
        wrong = rephrase(str(error)).rstrip(".")
        no_client = f"{wrong}. Change this in the configuration of this server, then start it again"
    return State(client=client, no_client=no_client, folder=folder, allow_paid=allow_paid, rephrase=rephrase)


def rephrase(text: str) -> str:
    """The message of an error in the words of this command and of its tools."""
    # A model has arguments, not options; and standard input has the messages of the client.
    text = in_terminal_words(text).replace("Change the options", "Change the arguments")
    text = text.replace("delete it, or choose another path", "call download_video again, which keeps it")
    return text.replace(" or --api-key-stdin", "")
