"""Through a client of the user's, with whatever hooks and transports it has, answers are what they are."""

from __future__ import annotations

import gzip
import json
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    AuthenticationError,
    InvalidResponse,
    MeshVideoError,
    VideoClient,
    VideoTaskResponse,
    WaitTimeout,
)
from support.clients import KEY, Kind
from support.server import Server, answer, raw, serving, task, task_json


def get(
    kind: Kind,
    base_url: str,
    *,
    wait: float | None = None,
    patience: float = 30,
    **borrowed: Any,  # noqa: ANN401
) -> VideoTaskResponse:
    """One look, or a wait, through a borrowed client with these settings of httpx's."""
    if kind == "sync":
        with (
            httpx.Client(**borrowed) as http,
            VideoClient(KEY, base_url=base_url, timeout=patience, http_client=http, max_retries=0) as client,
        ):
            return client.get("task-1") if wait is None else client.wait("task-1", timeout=wait).task

    async def main() -> VideoTaskResponse:
        async with (
            httpx.AsyncClient(**borrowed) as http,
            AsyncVideoClient(KEY, base_url=base_url, timeout=patience, http_client=http, max_retries=0) as client,
        ):
            return await client.get("task-1") if wait is None else (await client.wait("task-1", timeout=wait)).task

    return anyio.run(main, backend=kind)


def hooks(kind: Kind, *does: str) -> dict[str, list[Any]]:
    """Hooks that do these things to every answer, one after the other."""

    async def use_up(response: httpx.Response) -> None:
        async for _ in response.aiter_raw():
            pass

    async def check(response: httpx.Response) -> None:
        response.raise_for_status()

    def use_up_blocking(response: httpx.Response) -> None:
        for _ in response.iter_raw():
            pass

    blocking = {"read": httpx.Response.read, "use up": use_up_blocking, "raise": httpx.Response.raise_for_status}
    awaited = {"read": httpx.Response.aread, "use up": use_up, "raise": check}
    return {"response": [(blocking if kind == "sync" else awaited)[what] for what in does]}


def test_a_mocked_transport_answers_like_a_server(kind: Kind) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=task_json("running", seed=7))

    assert get(kind, "https://api.example", transport=httpx.MockTransport(handler)).seed == 7


@pytest.mark.parametrize("does", [(), ("read",), ("raise",), ("read", "raise")])
def test_a_hook_that_reads_or_checks_an_answer_takes_nothing_away(
    kind: Kind, server: Server, does: tuple[str, ...]
) -> None:
    body = gzip.compress(json.dumps(task_json("running", seed=7)).encode())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    server.script(raw(head + chunked))
    assert get(kind, server.base_url, event_hooks=hooks(kind, *does)).seed == 7


@pytest.mark.parametrize("does", [("raise",), ("read", "raise")])
def test_a_refusal_that_a_hook_raises_about_is_the_refusal_that_it_is(
    kind: Kind, server: Server, does: tuple[str, ...]
) -> None:
    server.script(answer(401, {"error": {"code": "unauthorized", "message": "Who?"}}))
    with pytest.raises(AuthenticationError) as caught:
        get(kind, server.base_url, event_hooks=hooks(kind, *does))
    # httpx closes what was not read before the hook raised.
    assert caught.value.message == ("Who?" if "read" in does else "Unauthorized")


def test_a_hook_that_uses_up_the_answers_is_told_of(kind: Kind, server: Server) -> None:
    server.script(task())
    with pytest.raises(MeshVideoError, match=r"task task-1: a hook of the http_client used up the answer") as caught:
        get(kind, server.base_url, event_hooks=hooks(kind, "use up"))
    assert caught.value.__suppress_context__


def test_a_client_that_follows_redirects_follows_none_of_ours(kind: Kind, server: Server) -> None:
    with serving() as other:
        other.script(task())
        server.script(answer(308, b"", location=f"{other.base_url}/v1/video/generations/task-1"))
        with pytest.raises(APIError, match="which is not followed"):
            get(kind, server.base_url, follow_redirects=True)
        assert other.requests == []


# httpx leaves the generators of a body that it could not decode to the garbage collector, and trio says so.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_is_given_up_is_closed(kind: Kind, server: Server) -> None:
    server.script(answer(200, b"not gzip" * 99_999, content_encoding="gzip"))
    answers = list[httpx.Response]()

    async def keep(response: httpx.Response) -> None:
        await anyio.lowlevel.checkpoint()
        answers.append(response)

    with pytest.raises(InvalidResponse, match="cannot be unpacked"):
        get(kind, server.base_url, event_hooks={"response": [answers.append if kind == "sync" else keep]})
    # Kept in a list, it cannot have been closed by the garbage collector; and so its connection is free again.
    assert [response.is_closed for response in answers] == [True]


def test_a_deadline_that_comes_before_the_clients_timeout_bounds_a_borrowed_client_too(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._polling.LAST_LOOK", 0.2)
    server.script(server.stall())
    with pytest.raises(WaitTimeout):
        get(kind, server.base_url, wait=0.0, patience=9999)
