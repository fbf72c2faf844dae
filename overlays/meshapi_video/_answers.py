"""Tells a task from everything else that can come back, before the generated parser sees it."""

from __future__ import annotations

import datetime
import email.utils
import http
import math
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
from meshapi_video._polling import LONGEST_LIFE

if TYPE_CHECKING:
    import httpx

    from meshapi_video._bodies import Answer
    from meshapi_video._config import ApiKey, Config
    from meshapi_video_generated.models import VideoTaskResponse

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


def retry_after(headers: httpx.Headers, in_body: object = None) -> float | None:
    """Seconds for which the server asks to be left alone; None if it does not, or not sensibly."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    stated = headers.get("retry-after")
    candidates = (
        None if milliseconds is None else milliseconds / 1000,
        _seconds(stated),
        _until(stated, headers.get("date")),
        _seconds(in_body),
    )
    # Longer than any task lives is as good as for ever, which clocks cannot count.
    return next((min(seconds, LONGEST_LIFE) for seconds in candidates if seconds is not None), None)


def age_of(task: VideoTaskResponse, date: str | None) -> float | None:
    """Seconds since the task was made, by the clock of the server that said so in `date`; None if it did not."""
    now = _moment(date)
    if now is None or not isinstance(task.created_at, int):
        return None
    age = now.timestamp() - task.created_at
    return max(age, 0) if age <= LONGEST_LIFE else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < math.inf else None


def _until(stated: str | None, date: str | None) -> float | None:
    """Seconds to an HTTP date, by the server's own clock where it tells the time."""
    then, now = _moment(stated), _moment(date)
    if then is None:
        return None
    return max((then - (now or datetime.datetime.now(datetime.UTC))).total_seconds(), 0)


def _moment(stated: str | None) -> datetime.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(stated or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
