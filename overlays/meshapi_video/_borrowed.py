"""Sends through an httpx client that the user made, and neither changes its settings nor closes it."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Final

import httpx

from meshapi_video._bodies import Answer, Intake
from meshapi_video._deadline import bound, time_left

if TYPE_CHECKING:
    from meshapi_video._prepared import Prepared

_OTHER_KIND: Final = ": VideoClient takes an httpx.Client, and AsyncVideoClient an httpx.AsyncClient"


class Borrowed:
    """For a blocking client."""

    def __init__(self, prepared: Prepared, client: httpx.Client) -> None:
        if not isinstance(client, httpx.Client):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise TypeError(f"http_client should be an httpx.Client, not {type(client).__name__}{_OTHER_KIND}")
        self._prepared = prepared
        self._client = client

    def send(self, method: str, path: str) -> Answer:
        """The answer, read whole, to a look at `path`."""
        request = self._prepared.request(method, path)
        bound(request)
        try:
            answer = self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        except httpx.HTTPStatusError as error:
            # A hook that calls `raise_for_status`; which error it is is for `check_answer` to say.
            answer = error.response
        with closing(answer):
            if answer.is_closed:
                return _read_already(answer)
            intake = Intake(answer.status_code, answer.headers)
            with intake.forgiving:
                for part in answer.iter_raw():
                    time_left()
                    intake.take(part)
            return intake.answer()

    def close(self) -> None:
        """Leaves the client alone."""


class AsyncBorrowed:
    """For an asynchronous client."""

    def __init__(self, prepared: Prepared, client: httpx.AsyncClient) -> None:
        if not isinstance(client, httpx.AsyncClient):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise TypeError(f"http_client should be an httpx.AsyncClient, not {type(client).__name__}{_OTHER_KIND}")
        self._prepared = prepared
        self._client = client

    async def send(self, method: str, path: str) -> Answer:
        """The answer, read whole, to a look at `path`."""
        request = self._prepared.request(method, path)
        try:
            answer = await self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        except httpx.HTTPStatusError as error:
            answer = error.response
        async with aclosing(answer):
            if answer.is_closed:
                return _read_already(answer)
            intake = Intake(answer.status_code, answer.headers)
            with intake.forgiving:
                async for part in answer.aiter_raw():
                    intake.take(part)
            return intake.answer()

    async def aclose(self) -> None:
        """Leaves the client alone."""


def _read_already(answer: httpx.Response) -> Answer:
    """A borrowed client's answer that one of its hooks read, or a mocked transport never sent for."""
    try:
        content = answer.content
    except httpx.ResponseNotRead:
        # httpx closes what a hook raises about; its status is enough to tell a refusal.
        if answer.is_success:
            raise
        content = b""
    # Of the body as it was sent, not as it was read.
    sent = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in sent]
    return Answer(answer.status_code, httpx.Headers(headers), content)
