"""The parts that the downloads of both clients share: options, HTTP request, and errors of the network."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from meshapi_video._download import state
from meshapi_video._download.addresses import UnsafeURL
from meshapi_video._download.headers import ResponseHead
from meshapi_video._download.partial_file import target_path
from meshapi_video._download.state import SendRequest, TransferState
from meshapi_video._errors import PROXY_ADVICE, format_seconds
from meshapi_video._http_libraries import errors_named, httpcore, httpx
from meshapi_video._tasks import CreatedTask, Video, is_terminal, task_id_of, video_or_raise
from meshapi_video._transport.exceptions import (
    CLIENT_CERTIFICATE_ADVICE,
    asks_for_certificate,
    certificate_problem,
    root_message,
)
from meshapi_video._transport.httpcore_request import NETWORK_ERRORS, named_proxy_error
from meshapi_video._transport.request import HEADERS
from meshapi_video._transport.retry_after import retry_after
from meshapi_video._urls import Route, is_loopback, parse_http_url
from meshapi_video._validation import deadline_after

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Generator
    from types import ModuleType

    from meshapi_video._download.partial_file import PartialFile
    from meshapi_video_generated.models import VideoTaskResponse


READ_SIZE: Final = 1024 * 1024
"""Bytes of one read from the network. Smaller reads need more CPU time for the same file."""


class TransferInterrupted(Exception):
    """There was no response, or it did not arrive completely."""


class ConnectionRefused(Exception):
    """The certificate of the server, or the password of the proxy, was not accepted. Another attempt would not help."""


@frozen(kw_only=True)
class DownloadRequest:
    """The options of one download."""

    task_id: str
    # Its repr shows the signed URL.
    video: Video | None = field(repr=False)
    """None if the task must be fetched first."""
    kind: str
    """`video` or `last frame`."""
    path: Path
    overwrite: bool
    deadline: float

    @classmethod
    def of(
        cls,
        video: Video | str | CreatedTask,
        path: str | os.PathLike[str],
        *,
        last_frame: bool,
        overwrite: bool,
        timeout: float | None,
        now: float,
    ) -> DownloadRequest:
        """Raises `ValueError` for a string that cannot be a task's id, and for a wrong timeout."""
        task_id = video.id if isinstance(video, Video) else task_id_of(video)
        kind = "last frame" if last_frame else "video"
        deadline = deadline_after(timeout, now)
        return cls(
            task_id=task_id,
            video=video if isinstance(video, Video) else None,
            kind=kind,
            path=target_path(path, task_id, kind),
            overwrite=overwrite,
            deadline=math.inf if deadline is None else deadline,
        )

    def start(self, task: VideoTaskResponse | None, file: PartialFile, max_retries: int, now: float) -> TransferState:
        """The first state of the download; `task` is the task if it was fetched for this download."""
        return state.start_transfer(
            self.task_id,
            self.kind,
            self.url_of(task, file),
            is_fresh=task is not None,
            record=file.record,
            kept=file.size,
            max_retries=max_retries,
            now=now,
            deadline=self.deadline,
        )

    def url_of(self, task: VideoTaskResponse | None, file: PartialFile) -> str:
        """The URL of the file, from a task that was fetched for this download, or else from the caller's video."""
        if task is not None and not is_terminal(task):
            raise file.error(f"the task is {str(task.status)!r} and has no video yet: wait for it first")
        video = self.video if task is None else video_or_raise(task)
        url = video and (video.last_frame_url if self.kind == "last frame" else video.url)
        if not url:
            raise file.error("the task has no last frame; request one when you create the task")
        return url


class _HiddenURL:
    """A request whose `repr` hides the path and the query of its URL."""

    method: str
    url: httpx.URL

    def __repr__(self) -> str:
        return f"<Request({self.method!r}, {self.url.host!r})>"


class SignedRequest(_HiddenURL, httpx.Request):
    """A request of a download."""


def signed_request(request: httpx.Request, library: ModuleType) -> httpx.Request:
    """The same request as one of `library`: httpx, or its fork httpx2, whose requests have the same interface."""
    if library is httpx:
        return request
    base: type[httpx.Request] = library.Request
    of_library = type("SignedRequest", (_HiddenURL, base), {})
    signed: httpx.Request = of_library(
        request.method, str(request.url), headers=request.headers.raw, extensions=request.extensions
    )
    return signed


def build_request(action: SendRequest, timeout: float, plain_http_hosts: Collection[str] = ()) -> SignedRequest:
    """The HTTP request, without a key, cookie or password. Raises `UnsafeURL`."""
    return SignedRequest(
        "GET",
        _check_url(action.url, plain_http_hosts),
        headers={**HEADERS, "Accept": "*/*", **action.headers},
        extensions={"timeout": httpx.Timeout(min(timeout, action.seconds)).as_dict()},
    )


def host_of(request: httpx.Request) -> str:
    """The host of the request's URL, in ASCII."""
    return request.url.raw_host.decode("ascii")


def _check_url(text: str, plain_http_hosts: Collection[str]) -> httpx.URL:
    try:
        url = parse_http_url(text)
    except ValueError as error:
        raise UnsafeURL(f"the URL of the file is not usable: {error}") from None
    host = url.raw_host.decode("ascii")
    if url.userinfo:
        raise UnsafeURL(f"the URL of the file on {host} contains a user name or a password")
    if url.scheme == "http" and not is_loopback(host) and host not in plain_http_hosts:
        allowed = f"http://[{host}]" if ":" in host else f"http://{host}"
        raise UnsafeURL(
            f"the URL of the file on {host} is plain http, which anybody on the way can change. If you trust the "
            f"network, as that of a sandbox, allow it: private_hosts=[{allowed!r}], or --private-host {allowed} on the "
            "command line"
        )
    return url


def head_of(response: httpx.Response) -> ResponseHead:
    """The part of the response that decides what happens with the body."""
    return ResponseHead(
        status=response.status_code,
        headers=response.headers,
        version=response.http_version,
        retry_after=retry_after(response.headers),
    )


@contextlib.contextmanager
def map_network_errors(route: Route, seconds: float) -> Generator[None]:
    """Raises `TransferInterrupted` for errors of the network, and if no data arrives for `seconds`."""
    handled, host = sys.exception(), route.server
    # `from None`: the original error holds the request, and so the signed URL.
    try:
        yield
    except (*errors_named("TimeoutException"), httpcore.TimeoutException, TimeoutError):
        raise TransferInterrupted(f"no data from {route} for {format_seconds(max(seconds, 0))}") from None
    except errors_named("HTTPStatusError") as error:
        # Its text has the URL.
        raise TransferInterrupted(f"{host} responded {error.response.status_code}") from None
    except (*errors_named("ProxyError"), httpcore.ProxyError) as error:
        named = named_proxy_error(route.proxy or "of the http_client", error)
        if named.needs_password:
            raise ConnectionRefused(f"the connection to {host} failed: {named}. {PROXY_ADVICE}") from None
        raise TransferInterrupted(f"the connection to {host} failed: {named}") from None
    except (*errors_named("HTTPError"), *NETWORK_ERRORS) as error:
        if problem := certificate_problem(error, handled):
            raise ConnectionRefused(f"the connection to {route} failed: {problem}") from None
        message = root_message(error)
        advice = f". {CLIENT_CERTIFICATE_ADVICE}" if asks_for_certificate(message) else ""
        raise TransferInterrupted(f"the connection to {route} failed: {message}{advice}") from None


def after_failure(
    transfer: TransferState,
    error: TransferInterrupted | ConnectionRefused | UnsafeURL,
    kept: int,
    now: float,
    rand: float,
) -> TransferState:
    """The state after an error of `build_request` or `map_network_errors`."""
    if isinstance(error, UnsafeURL | ConnectionRefused):
        return state.give_up(transfer, str(error))
    return state.attempt_failed(transfer, str(error), kept if transfer.accepts_body else transfer.kept, now, rand)
