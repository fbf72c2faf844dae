"""Error responses, in the envelope that Mesh API uses."""

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


class APIError(Exception):
    """An error that is sent to the client."""

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


def error_response(error: APIError) -> JSONResponse:
    """The response for an error, in the envelope."""
    request_id = f"req_{uuid.uuid4().hex}"
    code = _CODES.get(error.status, "upstream_error" if error.status >= 500 else "error")
    content: dict[str, object] = {"code": code, "message": error.message}
    if error.provider_error is not None:
        content["provider_error"] = error.provider_error
    headers = {**(error.headers or {}), "x-request-id": request_id}
    # The body repeats the `Retry-After` header only if that is a number: not for a date, nor for nonsense.
    with suppress(KeyError, ValueError):
        content["retry_after_seconds"] = float(headers["Retry-After"])
    return JSONResponse({"error": content, "request_id": request_id}, error.status, headers)
