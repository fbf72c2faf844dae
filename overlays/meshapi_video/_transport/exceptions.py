"""Turns what goes wrong with a request into this package's errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import httpx

from meshapi_video._errors import (
    ConnectionFailed,
    ConnectionTimeout,
    InvalidResponse,
    MeshVideoError,
    format_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video._settings import Settings

# `from None` everywhere: the frames of the original error hold the request's headers, and so the key.


@contextlib.contextmanager
def typed_errors(task_id: str, settings: Settings, seconds: float) -> Generator[None]:
    """Raises typed errors about a task, for a request that may take `seconds` as a whole."""
    try:
        yield
    except MeshVideoError as error:
        with_task_id(error, task_id)
        raise
    except TimeoutError:
        message = f"no complete response from {settings.base_url} within {format_seconds(seconds)}"
        raise with_task_id(ConnectionTimeout(message), task_id) from None
    except (ValueError, RecursionError) as error:
        # The body matches the contract, but is nested too deeply for the generated parser.
        message = settings.api_key.redact(f"the response cannot be parsed: {error}")
        raise with_task_id(InvalidResponse(message), task_id) from None


@contextlib.contextmanager
def map_httpx_exceptions(settings: Settings) -> Generator[None]:
    """Raises `ConnectionFailed` for httpx's errors, and `TimeoutError` for its timeouts."""
    try:
        yield
    except httpx.TimeoutException:
        raise TimeoutError from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # httpx parses the location of a redirect, even if it does not follow it.
        raise connection_failed(settings, error) from None
    except httpx.StreamError:
        raise MeshVideoError(
            "a hook of the http_client consumed the response; it should call read() or aread() to keep the body"
        ) from None


def connection_failed(settings: Settings, error: BaseException) -> ConnectionFailed:
    """The error for a request that failed because of the network."""
    message = f"no complete response from {settings.base_url}: {root_message(error)}"
    return ConnectionFailed(settings.api_key.redact(message))


def root_message(error: BaseException) -> str:
    """The first message in a chain of errors: trio has the message about a certificate at its end."""
    root = error
    while not str(root) and (cause := root.__cause__ or root.__context__):
        root = cause
    return str(root) or type(error).__name__


def with_task_id(error: MeshVideoError, task_id: str) -> MeshVideoError:
    """`error`, with the id of the task that it concerns."""
    error.task_id = task_id
    return error
