"""Errors, in the envelope that Mesh sends them in."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES: Final = {
    401: "unauthorized",
    402: "spend_limit_exceeded",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "internal_error",
    504: "gateway_timeout",
}


class Problem(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        provider_error: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.provider_error, self.headers = provider_error, headers


def envelope(problem: Problem) -> JSONResponse:
    """The answer that says so."""
    request_id = f"req_{uuid.uuid4().hex}"
    code = _CODES.get(problem.status, "upstream_error" if problem.status >= 500 else "error")
    error: dict[str, object] = {"code": code, "message": problem.message}
    if problem.provider_error is not None:
        error["provider_error"] = problem.provider_error
    headers = {**(problem.headers or {}), "x-request-id": request_id}
    # Where it is a date, or nonsense, the body has nothing to say.
    with suppress(KeyError, ValueError):
        error["retry_after_seconds"] = float(headers["Retry-After"])
    return JSONResponse({"error": error, "request_id": request_id}, problem.status, headers)
