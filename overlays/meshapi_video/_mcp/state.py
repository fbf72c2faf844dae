"""What the tools share: the client, the folder, and the decisions of the user who started the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from attrs import field, frozen
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from meshapi_video._async.client import AsyncVideoClient
from meshapi_video._mcp.creates import Creates


@frozen(kw_only=True)
class State:
    """The same for all tools, as long as the server runs."""

    client: AsyncVideoClient | None
    """None if it cannot be made: the server starts all the same, and each tool says why."""
    no_client: str
    """What is wrong with the key or the base URL, and what to do."""
    folder: Path
    """Downloads and the journal of creates are written below it, and nothing else is."""
    allow_paid: bool
    """Whether a client that cannot ask the user may create videos, which cost money."""
    rephrase: Callable[[str], str]
    """Replaces the words of Python in an error of the SDK by those of the command line."""

    creates: Creates = field(factory=Creates, init=False)
    """Runs the creates of this process."""

    @property
    def journal(self) -> Path:
        """The file that says which creates were begun, and how each ended.

        Raises the tool's error if it is a link, which could lead out of the folder.
        """
        path = self.folder / "creates.journal"
        if path.is_symlink():
            raise ToolError(
                f"The journal {path} is a symbolic link: nothing was created. The user can put the file in its place"
            )
        return path


ToolContext: TypeAlias = Context[State, Any]


def state_of(ctx: ToolContext) -> State:
    """The state, for a tool."""
    return ctx.request_context.lifespan_context


def client_of(ctx: ToolContext) -> AsyncVideoClient:
    """The client, for a tool. Raises the tool's error if there is none."""
    state = state_of(ctx)
    if state.client is None:
        raise ToolError(state.no_client)
    return state.client
