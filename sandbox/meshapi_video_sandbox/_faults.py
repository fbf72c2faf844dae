"""Looks that go wrong as they were told to."""

from __future__ import annotations

import asyncio
import http
from collections import Counter
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, Response

from meshapi_video_sandbox._connections import break_off
from meshapi_video_sandbox._envelope import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from meshapi_video_sandbox._orders import Fault

_PAGE: Final = "<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>\n"


class Faults:
    """The faults of all tasks at one place, and how far each task's looks have come."""

    def __init__(self, at: str, stopping: asyncio.Event) -> None:
        self._at, self._stopping = at, stopping
        self._looks = Counter[str]()

    async def answer(
        self,
        task_id: str,
        faults: list[Fault],
        rightly: Callable[[], Awaitable[Response]],
        wrongly: Callable[[Problem], Response],
    ) -> Response:
        """What this look is answered with: `rightly`'s answer, unless a fault is about it."""
        here = [fault for fault in faults if fault.at == self._at]
        if not here:
            return await rightly()
        self._looks[task_id] += 1
        fault = next((one for one in here if one.looks is None or self._looks[task_id] in one.looks), None)
        if fault is None:
            return await rightly()
        await self._pause(fault.delay)
        if fault.reset:
            return _Reset()
        problem = _problem(fault)
        if fault.body == "html":
            return _page(problem)
        response = await rightly() if problem is None else wrongly(problem)
        if fault.body == "truncated":
            return _Truncated(response)
        if fault.body == "half":
            response = _first_half(response)
        return response

    async def _pause(self, seconds: float) -> None:
        if seconds:
            # A sandbox that ends does not wait for those who wait.
            done = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([done], timeout=seconds)
            done.cancel()


def _problem(fault: Fault) -> Problem | None:
    if fault.status is None and fault.retry_after is None:
        return None
    status = fault.status or 429
    headers = None if fault.retry_after is None else {"Retry-After": _header(fault.retry_after)}
    return Problem(status, "The sandbox was told to answer so", headers=headers)


def _header(retry_after: float | str) -> str:
    return retry_after if isinstance(retry_after, str) else f"{retry_after:g}"


def _page(problem: Problem | None) -> Response:
    status = 200 if problem is None else problem.status
    phrase = {one.value: one.phrase for one in http.HTTPStatus}.get(status, "Error")
    title = f"{status} {phrase}"
    return HTMLResponse(_PAGE.format(title=title), status, headers=None if problem is None else problem.headers)


def _first_half(response: Response) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(_half(response), response.status_code, headers)


def _half(response: Response) -> bytes:
    return bytes(response.body)[: len(response.body) // 2]


class _Reset(Response):
    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        await break_off(scope, receive, reset=True)


class _Truncated(Response):
    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = self._whole
        await send({"type": "http.response.start", "status": whole.status_code, "headers": whole.raw_headers})
        await send({"type": "http.response.body", "body": _half(whole), "more_body": True})
        await break_off(scope, receive, reset=False)
