"""Calls the tools of `meshapi-video mcp` with the official client, in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, ResourceLink, TextContent

from meshapi_video import AsyncVideoClient
from meshapi_video._cli.mcp_command import rephrase
from meshapi_video._mcp.server import VideoServer
from meshapi_video._mcp.state import State

T = TypeVar("T")

MODES: Final = ("legacy", "2026-07-28")
"""The protocol with a session, whose newest revision is 2025-11-25, and the one without."""
MODEL: Final = "byteplus/dreamina-seedance-2-0"


class User:
    """A user who gives the same answer to every question."""

    def __init__(self, action: str = "accept", content: dict[str, Any] | None = None) -> None:
        self.questions: list[str] = []
        self.answer = ElicitResult.model_validate({"action": action, "content": content})

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert context.session
        self.questions.append(params.message)
        return self.answer


def agreeing() -> User:
    return User(content={"create": True})


class AIClient:
    """A client of the server, with the files and the decisions of one test."""

    def __init__(self, mode: str, folder: Path, user: User | None = None, *, allow_paid: bool = False) -> None:
        self.mode = mode
        self.folder = folder
        self.user = user
        self.allow_paid = allow_paid
        self.progress: list[tuple[float, float | None, str | None]] = []

    async def _on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total, message))

    @asynccontextmanager
    async def connected(self, state: State | None = None) -> AsyncGenerator[Client]:
        """The official client, connected to a server of its own."""
        async with AsyncExitStack() as stack:
            if state is None:
                state = self.state(await stack.enter_async_context(AsyncVideoClient()))
            client = Client(VideoServer(state), mode=self.mode, elicitation_callback=self.user, raise_exceptions=True)
            yield await stack.enter_async_context(client)

    def state(self, videos: AsyncVideoClient) -> State:
        return State(client=videos, no_client="", folder=self.folder, allow_paid=self.allow_paid, rephrase=rephrase)

    def call(self, tool: str, **arguments: object) -> CallToolResult:
        """The result of one call."""

        async def main() -> CallToolResult:
            async with self.connected() as client:
                return await client.call_tool(tool, arguments, progress_callback=self._on_progress)

        return run_in_thread(main, self.mode)

    def data(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The data of a result that is no error. The text has the same."""
        result = self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        data: dict[str, Any] = json.loads(text_of(result))
        assert result.structured_content == data
        return data

    def error(self, tool: str, **arguments: object) -> str:
        """The sentence of a tool's error."""
        result = self.call(tool, **arguments)
        assert result.is_error, text_of(result)
        assert "Traceback" not in text_of(result)
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    (text,) = (block.text for block in result.content if isinstance(block, TextContent))
    return text


def links_of(result: CallToolResult) -> list[ResourceLink]:
    return [block for block in result.content if isinstance(block, ResourceLink)]


def run_in_thread(main: Callable[[], Coroutine[Any, Any, T]], mode: str = MODES[0]) -> T:
    """Runs an event loop in a thread: asyncio for the protocol with a session, trio for the other one.

    Python 3.11 traces no call when `anyio.connect_tcp` cancels its own task on asyncio. The return then takes a frame
    too many from the stack of coverage. A thread has a stack of its own, and trio does not have this fault.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: anyio.run(main, backend="asyncio" if mode == MODES[0] else "trio")).result()
