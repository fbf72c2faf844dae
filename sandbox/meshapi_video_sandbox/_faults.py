"""Injects faults: makes the responses to chosen requests fail."""

from __future__ import annotations

import asyncio
import http
from collections import Counter
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, Response

from meshapi_video_sandbox._connections import close_connection
from meshapi_video_sandbox._error_responses import APIError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from meshapi_video_sandbox._task_requests import Fault, FaultEffect

_PAGE: Final = "<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>\n"


class Delays:
    """The delays of responses, by the machine's real clock."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Waits, and returns whether the whole time has passed."""
        if not seconds:
            return True
        ended = asyncio.ensure_future(self._ended.wait())
        done, _ = await asyncio.wait([ended], timeout=seconds)
        ended.cancel()
        return not done

    def end(self) -> None:
        """Ends the delays that have begun."""
        if not self._ended.is_set():
            self._ended.set()
            self._ended = asyncio.Event()

    def end_for_good(self) -> None:
        """Ends the delays that have begun, and at once each that would begin later."""
        self._ended.set()


class FaultInjector:
    """Applies the faults of all tasks at one server (`gateway` or `upstream`), and counts each task's polls there."""

    def __init__(self, at: str, delays: Delays) -> None:
        self._at, self._delays = at, delays
        self._polls = Counter[str]()

    def reset(self) -> None:
        """Counts the polls of each task from 1 again."""
        self._polls.clear()

    async def respond(
        self,
        task_id: str,
        faults: list[Fault],
        normal_response: Callable[[], Awaitable[Response]],
        fault_response: Callable[[APIError], Response],
    ) -> Response:
        """The response to this poll: `normal_response()`, changed by the first fault that is about this poll."""
        faults_here = [fault for fault in faults if fault.at == self._at]
        if not faults_here:
            return await normal_response()
        self._polls[task_id] += 1
        poll = self._polls[task_id]
        fault = next((one for one in faults_here if one.polls is None or poll in one.polls), None)
        if fault is None:
            return await normal_response()
        return await failing_response(fault, self._delays, normal_response, fault_response)


async def failing_response(
    fault: FaultEffect,
    delays: Delays,
    normal_response: Callable[[], Awaitable[Response]],
    fault_response: Callable[[APIError], Response],
) -> Response:
    """The response that a fault gives; `normal_response` is called only if the fault leaves a part of it."""
    if not await delays.wait(fault.delay):
        return fault_response(APIError(503, "The sandbox was stopped or reset during this delay"))
    if fault.reset or fault.close:
        return _NoResponse(reset=fault.reset)
    error = _error(fault)
    if fault.body == "html":
        return _html_page(error)
    response = await normal_response() if error is None else fault_response(error)
    if fault.body == "truncated":
        return _TruncatedResponse(response)
    if fault.body == "half":
        response = _half_response(response)
    return response


def _error(fault: FaultEffect) -> APIError | None:
    if fault.status is None and fault.retry_after is None:
        return None
    status = fault.status or 429
    headers = None if fault.retry_after is None else {"Retry-After": _header(fault.retry_after)}
    return APIError(status, "The sandbox injected this fault", headers=headers)


def _header(retry_after: float | str) -> str:
    return retry_after if isinstance(retry_after, str) else f"{retry_after:g}"


def _html_page(error: APIError | None) -> Response:
    status = 200 if error is None else error.status
    phrase = {one.value: one.phrase for one in http.HTTPStatus}.get(status, "Error")
    title = f"{status} {phrase}"
    return HTMLResponse(_PAGE.format(title=title), status, headers=None if error is None else error.headers)


def _half_response(response: Response) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(_first_half(response), response.status_code, headers)


def _first_half(response: Response) -> bytes:
    return bytes(response.body)[: len(response.body) // 2]


class _NoResponse(Response):
    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        await close_connection(scope, receive, reset=self._reset)


class _TruncatedResponse(Response):
    def __init__(self, complete: Response) -> None:
        super().__init__()
        self._complete = complete

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        complete = self._complete
        await send({"type": "http.response.start", "status": complete.status_code, "headers": complete.raw_headers})
        await send({"type": "http.response.body", "body": _first_half(complete), "more_body": True})
        await close_connection(scope, receive, reset=False)
