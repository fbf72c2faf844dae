"""Tells a task from everything else that can come back, before the generated parser sees it."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import msgspec

from meshapi_video._contract import check_task
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
    UpstreamError,
)
from meshapi_video._times import retry_after

if TYPE_CHECKING:
    from meshapi_video._bodies import Answer
    from meshapi_video._config import ApiKey, Config

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
_SHOWN: Final = 2_000
"""Characters of a body that an error keeps."""


def check_answer(answer: Answer, config: Config) -> None:
    """Parses an answer that is a task; raises an `APIError` or `InvalidResponse` for any other."""
    if answer.status_code != http.HTTPStatus.OK:
        raise _api_error(answer, config)
    try:
        _check_silence(answer, config.api_key)
        answer.parsed = check_task(answer.content)
    except InvalidResponse as error:
        error.body = config.api_key.blot(_text_of(answer))[:_SHOWN]
        raise


def _check_silence(answer: Answer, api_key: ApiKey) -> None:
    if api_key.is_in(_text_of(answer)):
        # Refused as a whole: the key would go on to the user's logs and to whatever keeps the task.
        raise InvalidResponse("the answer gives away the API key that it was asked with", path="$")


def _text_of(answer: Answer) -> str:
    # Not kept in a local of `check_answer`: a traceback may print those, and a server may echo the key.
    return answer.content.decode("utf-8", errors="replace")


class _Details(msgspec.Struct):
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
    """The three shapes in which errors are known to come; none of them is promised."""

    error: _Details | str | None = None
    detail: list[_Problem] | str | None = None
    request_id: object = None


def _api_error(answer: Answer, config: Config) -> APIError:
    status = answer.status_code
    text = _text_of(answer)
    try:
        envelope = msgspec.json.decode(text, type=_Envelope)
    except (msgspec.DecodeError, RecursionError):
        envelope = _Envelope()
    details = envelope.error if isinstance(envelope.error, _Details) else _Details(message=envelope.error)
    problems = envelope.detail if isinstance(envelope.detail, list) else []
    detail = envelope.detail if isinstance(envelope.detail, str) else None
    kind = _BY_STATUS.get(status, UpstreamError if status >= 500 else APIError)
    blot = config.api_key.blot
    request_id = _text(envelope.request_id) or answer.headers.get("x-request-id")
    return kind(
        status_code=status,
        code=blot(_text(details.code)) or None,
        message=blot(_text(details.message) or detail or _describe(answer, config.base_url)),
        request_id=blot(request_id or "") or None,
        retry_after=retry_after(answer.headers, details.retry_after_seconds),
        body=blot(text)[:_SHOWN],
        errors=tuple(FieldError(blot(".".join(map(str, p.loc))), blot(p.msg), blot(p.type)) for p in problems),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _describe(answer: Answer, base_url: str) -> str:
    """A sentence for an answer that brings none of its own."""
    location = answer.headers.get("location")
    if location is not None and answer.status_code in _REDIRECTS:
        return f"a redirect to {_leads_to(location, base_url)}, which is not followed"
    try:
        phrase = http.HTTPStatus(answer.status_code).phrase
    except ValueError:
        phrase = "no standard status"
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return f"{phrase} ({kind} instead of a JSON error)" if kind and kind != "application/json" else phrase


def _leads_to(location: str, base_url: str) -> str:
    # No more than the host: what follows it may be meant for one pair of eyes.
    try:
        target = urlsplit(urljoin(base_url, location))
        return f"{target.scheme}://{target.hostname}" if target.hostname else "no web address"
    except ValueError:
        return "no web address"
