"""Error responses: in the envelope that Mesh API uses, and in the documented form for a request that is not valid."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._request_ids import request_id
from meshapi_video_wire import HTTPValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshapi_video_wire import ValidationError

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
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.code = code or _CODES.get(status, "upstream_error" if status >= 500 else "error")
        self.provider_error, self.headers = provider_error, headers


class InvalidRequest(Exception):
    """A request that breaks what the document says of it; the response lists every mistake with its path."""

    def __init__(self, mistakes: Sequence[ValidationError]) -> None:
        super().__init__()
        self.mistakes = list(mistakes)


def validation_response(error: InvalidRequest) -> Response:
    """The documented response with status 422."""
    body = msgspec.json.encode(HTTPValidationError(detail=error.mistakes))
    return Response(body, 422, media_type="application/json")


def error_response(error: APIError) -> JSONResponse:
    """The response for an error, in the envelope."""
    content: dict[str, object] = {"code": error.code, "message": error.message}
    if error.provider_error is not None:
        content["provider_error"] = error.provider_error
    headers = dict(error.headers or {})
    # The body repeats the `Retry-After` header only if that is a number: not for a date, nor for nonsense.
    with suppress(KeyError, ValueError):
        content["retry_after_seconds"] = float(headers["Retry-After"])
    return JSONResponse({"error": content, "request_id": request_id()}, error.status, headers)
