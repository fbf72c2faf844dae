"""Turns every response that an operation does not expect into a typed error."""

from __future__ import annotations

import http
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin

import msgspec

from meshapi_video._errors import (
    APIError,
    AuthenticationError,
    FieldError,
    InvalidResponse,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    note_response_of_proxy,
)
from meshapi_video._text import LONGEST_BODY, shorten
from meshapi_video._transport.contract import repair_json
from meshapi_video._transport.exceptions import ProxyProblem, connection_failed
from meshapi_video._transport.httpcore_request import check_proxy
from meshapi_video._transport.retry_after import retry_after
from meshapi_video._urls import parse_http_url

if TYPE_CHECKING:
    from meshapi_video._settings import ApiKey, Settings
    from meshapi_video._transport.generated import ExpectedResponse
    from meshapi_video._transport.response import Response

_BY_STATUS: Final[dict[int, type[APIError]]] = {
    400: RequestRejectedError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: RequestRejectedError,
    422: RequestRejectedError,
    429: RateLimitedError,
}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def check_response(response: Response, settings: Settings, expected: ExpectedResponse, path: str) -> None:
    """Parses the response to a request for `path` if it is the expected one.

    Raises `APIError` or `InvalidResponse` otherwise, and `ConnectionFailed` for a response of the proxy.
    """
    try:
        check_proxy(response.status_code, settings.route)
    except ProxyProblem as problem:
        refused = connection_failed(settings, problem, None)
        note_response_of_proxy(refused)
        raise refused from None
    if response.status_code != expected.status:
        raise _api_error(response, settings)
    try:
        _check_key_not_echoed(response, settings.api_key)
        response.parsed = expected.check(response.content)
        if expected.has_id_in_path:
            _check_id(response.parsed, unquote(path.rpartition("/")[2]))
    except InvalidResponse as error:
        error.body = shorten(settings.api_key.redact(_text_of(response)), LONGEST_BODY)
        raise


def _check_id(parsed: object, requested: str) -> None:
    match parsed:
        case {"id": str() as found} if found == requested:
            return
        case _:
            # The server, or a proxy, has sent the response to another request.
            raise InvalidResponse("the response is about another task")


def _check_key_not_echoed(response: Response, api_key: ApiKey) -> None:
    if api_key.leaks_into(_text_of(response)):
        # The whole response is refused: otherwise the key reaches the user's logs and stored tasks.
        raise InvalidResponse("the response contains the API key of the request", path="$")


def _text_of(response: Response) -> str:
    # A function, and no local variable of `check_response`: a traceback may print local variables, and a
    # server may echo the key.
    return response.content.decode("utf-8", errors="replace")


class _ErrorDetails(msgspec.Struct):
    """Mesh's error, inside its envelope."""

    code: object = None
    message: object = None
    retry_after_seconds: object = None


class _Problem(msgspec.Struct):
    """One entry of FastAPI's list of validation errors."""

    msg: str
    loc: list[str | int] = []
    type: str = ""


class _Envelope(msgspec.Struct):
    """The three known forms of an error's body. The document promises none of them."""

    error: _ErrorDetails | str | None = None
    detail: list[_Problem] | str | None = None
    request_id: object = None


# Made here, and not at the first error: see `_transport.contract`.
_decoder: Final = msgspec.json.Decoder(_Envelope)


def _api_error(response: Response, settings: Settings) -> APIError:
    status = response.status_code
    text = _text_of(response)
    envelope = _envelope_of(text)
    details = envelope.error if isinstance(envelope.error, _ErrorDetails) else _ErrorDetails(message=envelope.error)
    problems = envelope.detail if isinstance(envelope.detail, list) else []
    detail = envelope.detail if isinstance(envelope.detail, str) else None
    error_type = _BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    redact = settings.api_key.redact
    request_id = _str_or_empty(envelope.request_id) or response.headers.get("x-request-id")
    return error_type(
        status_code=status,
        code=redact(_str_or_empty(details.code)) or None,
        message=redact(_str_or_empty(details.message) or detail or _default_message(response, settings.base_url)),
        request_id=redact(request_id or "") or None,
        retry_after=retry_after(response.headers, details.retry_after_seconds),
        body=redact(text),
        errors=tuple(FieldError(redact(".".join(map(str, p.loc))), redact(p.msg), redact(p.type)) for p in problems),
    )


def _envelope_of(text: str) -> _Envelope:
    with suppress(msgspec.DecodeError, RecursionError):
        return _decoder.decode(text)
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        return _decoder.decode(repair_json(text))
    return _Envelope()


def _str_or_empty(value: object) -> str:
    return value if isinstance(value, str) else ""


def _default_message(response: Response, base_url: str) -> str:
    """A message for a response whose body has none."""
    location = response.headers.get("location")
    if location is not None and response.status_code in _REDIRECTS:
        return f"a redirect to {_origin_of(location, base_url)}, which is not followed"
    try:
        phrase = http.HTTPStatus(response.status_code).phrase
    except ValueError:
        phrase = "not a standard status"
    media_type = response.headers.get("content-type", "").partition(";")[0]
    return f"{phrase} ({media_type} instead of a JSON error)" if media_type not in {"", "application/json"} else phrase


def _origin_of(location: str, base_url: str) -> str:
    # Without path and query, which may contain a secret.
    try:
        target = parse_http_url(urljoin(base_url, location))
    except ValueError:
        return "a location that is not an HTTP URL"
    return f"{target.scheme}://{target.netloc.decode('ascii')}"
