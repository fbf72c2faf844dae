"""Records a session of the official client with `meshapi-video mcp`, and writes it into docs/mcp.md.

The client starts the command as an AI client does, and talks to it on standard input and output. The sandbox stands for
Mesh. What the page shows of each message comes from the message itself; only ids, the folder and the key of a request
that a run chooses are replaced by fixed ones.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import textwrap
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp.shared.message import SessionMessage
from mcp.types import ElicitRequestParams, ElicitResult

from meshapi_video_sandbox import Sandbox, running_sandbox

PAGE: Final = Path(__file__).parents[1] / "docs" / "mcp.md"
BEGIN: Final = "<!-- transcript: written by nox -s mcp_transcript -->"
END: Final = "<!-- end of transcript -->"

_FOLDER: Final = "/home/ada/videos"
_TASK_ID: Final = "0b7e6a52-3d7c-4f0e-9a64-5c1f2d8e9b10"
_REQUEST: Final = {
    "model": "byteplus/dreamina-seedance-2-0",
    "prompt": "a lake at sunrise",
    "duration": 5,
    "resolution": "720p",
}
_NEW_YEAR: Final = 1_767_225_600.0
_WIDTH: Final = 110

Received = SessionMessage | Exception


class Recorder:
    """The messages of one session, as lines of text."""

    def __init__(self) -> None:
        self._entries = list[list[str]]()
        self._methods = dict[object, str]()
        """The method of each request without a response, by the side that sent it and its id."""

    def note(self, sender: str, message: dict[str, Any]) -> None:
        """Takes a message that one side sent."""
        receiver = "server" if sender == "client" else "client"
        if (method := message.get("method")) is not None:
            self._methods[sender, message.get("id")] = method
            title, body = method, message.get("params", {})
        else:
            title = f"the response to {self._methods[receiver, message['id']]}"
            body = message["result"]
        entry = [f"{sender} -> {receiver}: {title}", *_shown(title, body)]
        # A slow machine reports more progress.
        if not (title == "notifications/progress" and entry[:1] == self._entries[-1][:1]):
            self._entries.append(entry)

    def text(self, folder: str, task_id: str) -> str:
        """The lines, with fixed names in place of those of this run."""
        lines = list[str]()
        for title, *parts in self._entries:
            lines.append(title)
            for part in parts:
                fixed = re.sub(r"req_[0-9a-f]{32}", "req_1", part.replace(task_id, _TASK_ID).replace(folder, _FOLDER))
                lines += (f"    {line}" for line in textwrap.wrap(fixed, _WIDTH, break_on_hyphens=False))
        return "\n".join(lines)


def _shown(title: str, body: dict[str, Any]) -> Iterator[str]:
    """What a reader needs of a message: the arguments of a call, the question, the data of a result."""
    if title == "tools/call":
        yield f"{body['name']} {json.dumps(body['arguments'])}"
    elif title == "initialize":
        yield f"protocol {body['protocolVersion']}"
    elif title == "the response to initialize":
        yield f"protocol {body['protocolVersion']}, {body['serverInfo']['name']}"
    elif title == "the response to tools/list":
        yield ", ".join(tool["name"] for tool in body["tools"])
    elif title == "elicitation/create":
        yield from body["message"].splitlines()
    elif title == "the response to elicitation/create":
        yield json.dumps(body)
    elif title == "notifications/progress":
        yield f"{body['progress']:g} of {body['total']:g} seconds: {body['message']}"
    elif title == "the response to tools/call":
        is_error = body.get("isError")
        yield f"error: {body['content'][0]['text']}" if is_error else json.dumps(body["structuredContent"])
        for link in body["content"][1:]:
            yield f"resource link {link['uri']} ({link['mimeType']}, {link['size']} bytes)"


@asynccontextmanager
async def recorded(
    process: StdioServerParameters, recorder: Recorder
) -> AsyncGenerator[tuple[ObjectReceiveStream[Received], ObjectSendStream[SessionMessage]]]:
    """The client's transport, which notes each message on its way."""
    to_client, at_client = anyio.create_memory_object_stream[Received](100)
    from_client, at_server = anyio.create_memory_object_stream[SessionMessage](100)

    async def forward(sender: str, source: Any, target: Any) -> None:  # noqa: ANN401 - streams of two libraries
        async with source, target:
            async for each in source:
                recorder.note(sender, each.message.model_dump(mode="json", by_alias=True, exclude_unset=True))
                await target.send(each)

    async with (
        at_client,
        from_client,
        at_server,
        stdio_client(process) as (received, sent),
        anyio.create_task_group() as group,
    ):
        group.start_soon(forward, "server", received, to_client)
        group.start_soon(forward, "client", at_server, sent)
        yield at_client, from_client
        group.cancel_scope.cancel()


async def _agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001 - as the library calls it
    return ElicitResult(action="accept", content={"create": True})


async def _nothing(progress: float, total: float | None, message: str | None) -> None:
    """The recorder shows the progress."""


async def _session(sandbox: Sandbox, process: StdioServerParameters, recorder: Recorder) -> str:
    """What an AI client does to make one video. Returns the task's id."""
    async with Client(recorded(process, recorder), mode="legacy", elicitation_callback=_agree) as client:
        await client.list_tools()
        created = await client.call_tool("create_video", _REQUEST)
        assert created.structured_content is not None
        task_id: str = created.structured_content["task_id"]
        await client.call_tool("create_video", _REQUEST)
        task = {"task_id": task_id}
        await client.call_tool("wait_for_video", {**task, "seconds": 1.5}, progress_callback=_nothing)
        await anyio.to_thread.run_sync(sandbox.advance, 60)
        await client.call_tool("wait_for_video", task)
        await client.call_tool("download_video", task)
        await client.call_tool("list_video_tasks", {"status": ["succeeded"]})
        await client.call_tool("get_video_task", {"task_id": "another"})
    return task_id


def transcript() -> str:
    """The session, as it is on the page."""
    recorder = Recorder()
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory() as name:
        sandbox.set_time(_NEW_YEAR)
        sandbox.plan_creates(queued_for=0, running_for=50)
        folder = str(Path(name).resolve())
        process = StdioServerParameters(
            command=sys.executable,
            args=["-m", "meshapi_video", "mcp", "--folder", folder],
            env={**os.environ, "MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key},
        )
        task_id = anyio.run(_session, sandbox, process, recorder)
    return recorder.text(folder, task_id)


def replace(page: str, text: str) -> str:
    """The page with this transcript."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} has no place for the transcript: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n```text\n{text}\n```\n\n{END}{after}"


def main() -> None:
    """Writes the page."""
    PAGE.write_text(replace(PAGE.read_text(encoding="utf-8"), transcript()), encoding="utf-8")


if __name__ == "__main__":
    main()
