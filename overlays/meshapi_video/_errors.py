"""The error tree.

MeshVideoError
├── APIError                  an HTTP response that is an error
│   ├── AuthenticationError   401        ├── PermissionDeniedError 403
│   ├── NotFoundError         404        ├── RequestRejectedError  400 409 422
│   ├── PaymentRequiredError  402        ├── RateLimitedError      429
│   └── ServerError           5xx
├── ConnectionFailed          no complete response: DNS, refused, reset, TLS
│   ├── CertificateError      the certificate was not accepted: the request was not sent
│   └── ConnectionTimeout     also a TimeoutError: no complete response in time
├── InvalidResponse           a response that breaks the contract
├── CreateUncertain           a task may have been made and paid for, but its id is unknown
├── TaskError                 the task ended without a video
│   ├── TaskFailed   ├── TaskExpired   └── TaskCancelled
├── WaitUnfinished            the wait ended before the task did
│   ├── WaitTimeout           also a TimeoutError: the time of the wait ran out
│   └── WaitStopped           the `stop` event was set
└── DownloadError             the file could not be downloaded
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from meshapi_video._text import LONGEST_BODY, LONGEST_MESSAGE, one_line, printable, shorten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from meshapi_video._token import WaitToken
    from meshapi_video_generated.models import VideoTaskResponse

TRUST_ADVICE: Final = (
    "If your company inspects TLS, ask its IT for the file of its certificate authority, and set SSL_CERT_FILE to the "
    "path, or pass ssl_context= (or verify= to your own http_client)"
)
"""What to do about a certificate that is not trusted."""

PROXY_ADVICE: Final = "Check the user and the password in its address"
"""What to do about a proxy that asks for its password: the message names the proxy."""

MOST_FIELD_ERRORS: Final = 20
"""The problems of a request that an error keeps."""


class MeshVideoError(Exception):
    """The base of every error that this package raises on purpose.

    This class itself is raised for a missing API key, for a proxy in the environment that cannot be
    used, for certificates that cannot be loaded, for an `http_client` whose hooks consume the
    responses, and for a `wait_many` without any thread. A wrong argument raises `ValueError`.

    The text of an error is one line that is safe to print and to log, whatever a server sent.
    """

    task_id: str | None = None
    """The id of the task, where the error concerns one task."""
    request_id: str | None = None
    """The id under which Mesh can find the request, where one is known."""
    token: WaitToken | None = None
    """The state of the wait, where the error ended a wait or a `generate` whose task exists."""
    _advice = ""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, LONGEST_MESSAGE))

    def __str__(self) -> str:
        message = super().__str__()
        text = message
        if self.task_id is not None:
            text = f"task {one_line(self.task_id)}: {message}"
        elif self.request_id is not None and self.request_id not in message:
            text = f"request {one_line(self.request_id)}: {message}"
        return printable(f"{text.rstrip('.')}. {self._advice}" if self._advice else text)

    def __reduce__(self) -> tuple[Callable[..., MeshVideoError], tuple[object, ...]]:
        # By default, unpickling calls the class with `args`, which keyword-only signatures refuse.
        # An error that cannot be unpickled hangs a process pool.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(error_type: type[MeshVideoError], args: tuple[object, ...], state: dict[str, object]) -> MeshVideoError:
    error = error_type.__new__(error_type)
    error.args = args
    error.__dict__.update(state)
    return error


class FieldError(NamedTuple):
    """One problem that the server found in a request."""

    path: str
    """The place, as the server names it, with its parts joined by dots: `path.task_id`."""
    message: str
    """The problem at that place."""
    type: str
    """The server's name for this kind of problem, such as `string_too_short`."""


class APIError(MeshVideoError):
    """The server responded with an error.

    Statuses with a subclass raise that subclass. All others raise this class (a redirect, a 418). The texts
    of the server are kept as it sent them, up to 1,000 characters each.
    """

    status_code: int
    """The HTTP status."""
    code: str | None
    """The code in Mesh's error envelope, such as `not_found`."""
    message: str
    """The server's message, or the name of the status."""
    retry_after: float | None
    """The server's `Retry-After`, in seconds."""
    body: str
    """The beginning of the response body as text, with the API key redacted."""
    errors: tuple[FieldError, ...]
    """The problems field by field, where the server lists them (422): the first 20."""

    def __init__(
        self,
        *,
        status_code: int,
        message: str,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str = "",
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        self.status_code = status_code
        self.code = shorten(code) if code else code
        self.message = shorten(message)
        self.request_id: str | None = shorten(request_id) if request_id else request_id
        self.retry_after = retry_after
        self.body = shorten(body, LONGEST_BODY)
        self.errors = tuple(FieldError(*map(shorten, error)) for error in errors[:MOST_FIELD_ERRORS])
        code_part = f" {one_line(code)}" if code else ""
        fields = "".join(f"; {one_line(error.path)}: {one_line(error.message)}" for error in self.errors)
        more = f"; and {len(errors) - MOST_FIELD_ERRORS} more" if len(errors) > MOST_FIELD_ERRORS else ""
        request = f" (request {one_line(request_id)})" if request_id else ""
        if 300 <= status_code < 400:
            self._advice = "Check the base URL"
        super().__init__(f"HTTP {status_code}{code_part}: {one_line(message)}{fields}{more}{request}")


class AuthenticationError(APIError):
    """401: the API key is missing, malformed or unknown. A retry cannot help."""

    _advice = "Check the key in MESHAPI_API_KEY, or the key that was given instead of it"


class PaymentRequiredError(APIError):
    """402: a spending limit is reached."""

    _advice = "Raise the spending limit, then wait for the same task again"


class PermissionDeniedError(APIError):
    """403: the key has no access."""

    _advice = "Use a key that has access to this task"


class NotFoundError(APIError):
    """404: the key has no task with this id."""

    # Never advise to create the task again: that costs money again.
    _advice = "Check the task's id and the base URL"


class RequestRejectedError(APIError):
    """400, 409 or 422: the request is wrong. `errors` names the fields if the server does."""

    _advice = "Check the task's id"


class RateLimitedError(APIError):
    """429: too many requests. `retry_after` is the number of seconds to wait."""

    _advice = "Wait before the next request"


class ServerError(APIError):
    """5xx: Mesh, or the service behind it, could not answer the request."""

    _advice = "This may be temporary: try again later"


class ConnectionFailed(MeshVideoError):
    """No complete response arrived, or no request could be sent: DNS, refused, reset, TLS, no free connection."""

    _advice = "Check the network, any proxy, and the base URL"
    _is_refusal = False
    _is_response_of_proxy = False


class CertificateError(ConnectionFailed):
    """The certificate of the server, or of a proxy, was not accepted: the request was not sent.

    It ends a wait in which no poll has succeeded. Later, it counts as a failed poll: a computer may have moved into the
    network of a hotel, where it must log in first.
    """

    _advice = TRUST_ADVICE
    _is_refusal = True


class ConnectionTimeout(ConnectionFailed, TimeoutError):
    """No complete response arrived within the time of one request."""


class InvalidResponse(MeshVideoError):
    """A response that breaks the contract, so that the SDK cannot return a correct value."""

    path: str | None
    """The JSON path of the wrong value (`$.content.video_url`). None if the body is not JSON
    (an HTML page, a truncated response), is about another task, or cannot be parsed."""
    body: str
    """The beginning of the response body as text, with the API key redacted."""

    def __init__(self, message: str, *, path: str | None = None, body: str = "") -> None:
        self.path = path if path is None else shorten(path)
        self.body = shorten(body, LONGEST_BODY)
        super().__init__(one_line(message) if path is None else f"{one_line(message)} (at {one_line(path)})")


class Candidates(Protocol):
    """The tasks that a create may have made. Iterate over it with `for`, or with `async for` on an async client."""

    def __iter__(self) -> Iterator[VideoTaskResponse]: ...

    def __aiter__(self) -> AsyncIterator[VideoTaskResponse]: ...


class CreateUncertain(MeshVideoError):
    """A task may have been made and paid for: the request went out, and no clear response came back.

    Never create the task again because of this error. Look for it first: in `candidates()`, or in the list at
    Mesh. If the create had a journal, `meshapi-video journal` looks for it.
    """

    request_id: str
    """The id of the request, which Mesh can find in its logs."""
    sent_at: float
    """When the request without a clear response was sent, in seconds since 1970."""
    last_error: MeshVideoError
    """The failure of the request."""
    _advice = "A task may have been made and paid for: look for it before you create it again (`candidates()`)"

    def __init__(self, last_error: MeshVideoError, *, request_id: str, sent_at: float) -> None:
        self.request_id = request_id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.sent_at = sent_at
        self.last_error = last_error
        self._find: Callable[[], Candidates] | None = None
        reason = one_line(str(last_error.args[0])).rstrip(".")
        super().__init__(f"the create has no clear response: {reason}")

    def candidates(self) -> Candidates:
        """The tasks in the list at Mesh that may be this one, compared by model, time and stated fields.

        A task that does not state its seed may be another program's. The client that raised this error asks for
        the list while you iterate, and the iteration can raise any `MeshVideoError` of `client.list`. Raises
        `RuntimeError` if the error comes from another process: there, compare `client.list(created_after=...)`
        yourself.
        """
        if self._find is None:
            raise RuntimeError(
                "this error comes from another process, and has no client: look in "
                "client.list(created_after=...) for a task that was created after `sent_at`"
            )
        return self._find()

    def __reduce__(self) -> tuple[Callable[..., MeshVideoError], tuple[object, ...]]:
        return _restore, (type(self), self.args, {**self.__dict__, "_find": None})


def set_advice(error: MeshVideoError, advice: str) -> None:
    """Gives an error other advice than its class has."""
    error._advice = advice  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module


def add_advice(error: MeshVideoError, advice: str, *, first: bool = False) -> None:
    """Adds a sentence to the advice of an error, at its end or at its beginning."""
    present = error._advice  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module
    sentences = [advice, present] if first else [present, advice]
    set_advice(error, ". ".join(filter(None, sentences)))


def is_refusal(error: MeshVideoError) -> bool:
    """Whether the request was refused on its way, so that another attempt would not help.

    It may have been sent before: the user's own client can raise such an error after the response.
    """
    return isinstance(error, ConnectionFailed) and error._is_refusal  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module


def proxy_refusal(message: str) -> ConnectionFailed:
    """The error for a proxy that asks for another user and password."""
    error = ConnectionFailed(message)
    error._is_refusal = True  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module
    set_advice(error, PROXY_ADVICE)
    return error


def note_response_of_proxy(error: ConnectionFailed) -> None:
    """Notes that the proxy sent this refusal in response to the request: the server has not seen the request."""
    error._is_response_of_proxy = True  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module


def is_response_of_proxy(error: MeshVideoError) -> bool:
    """Whether the proxy refused the request in response to it."""
    return isinstance(error, ConnectionFailed) and error._is_response_of_proxy  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module


def set_candidates(error: CreateUncertain, find: Callable[[], Candidates]) -> None:
    """Gives an error the client's way to list the tasks that may be the one."""
    error._find = find  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same module


class TaskError(MeshVideoError):
    """The task ended without a video. Another wait raises the same error."""

    task_id: str
    """The task's id."""
    task: VideoTaskResponse
    """The last response."""
    code: str | None
    """The code of the task's own error; None if the server gave none."""
    message: str | None
    """The message of the task's own error; None if the server gave none."""

    def __init__(self, task: VideoTaskResponse, *, code: str | None = None, message: str | None = None) -> None:
        self.task = task
        self.task_id = task.id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.code = code
        self.message = message
        super().__init__(": ".join(one_line(part) for part in (task.status, code, message) if part))


class TaskFailed(TaskError):
    """The task's status is `failed`."""


class TaskExpired(TaskError):
    """The task's status is `expired`: it did not finish before its expiry."""


class TaskCancelled(TaskError):
    """The task's status is `cancelled`."""


class WaitUnfinished(MeshVideoError):
    """The wait ended before the task did. The task continues: it may still finish and has been paid for."""

    task_id: str
    """The task's id."""
    last_task: VideoTaskResponse | None
    """The newest response; None if there was none."""
    last_error: MeshVideoError | None
    """Why the last poll failed; None if it succeeded."""
    elapsed: float
    """Seconds waited, including the time before a resume."""
    polls: int
    """The number of polls, including those before a resume."""
    token: WaitToken
    """The state of the wait, to resume it in this or another process."""

    def __init__(
        self,
        *,
        token: WaitToken,
        last_task: VideoTaskResponse | None,
        last_error: MeshVideoError | None,
        elapsed: float,
        reason: str = "",
    ) -> None:
        self.token = token  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.task_id = token.task_id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.last_task = last_task
        self.last_error = last_error
        self.elapsed = elapsed
        self.polls = token.polls
        status = last_task.status if last_task else None
        polls = "1 poll" if self.polls == 1 else f"{self.polls} polls"
        failure = f"; the last poll failed: {one_line(str(last_error.args[0])).rstrip('.')}" if last_error else ""
        super().__init__(
            f"{self._summary(status)} after {format_seconds(elapsed)} ({polls}){failure}{reason}. "
            "The task may still finish and has been paid for: wait again on the same id"
        )

    def _summary(self, status: str | None) -> str:
        return f"still {one_line(status)}" if status else "no status received"


class WaitTimeout(WaitUnfinished, TimeoutError):
    """The time of the wait ran out before the task ended.

    The task continues: it may still finish and has been paid for. Wait again on the same id or on
    `token`. Never create the task again because of this error.
    """


class WaitStopped(WaitUnfinished):
    """The `stop` event was set, and ended the wait.

    The task continues: it may still finish and has been paid for.
    """

    def _summary(self, status: str | None) -> str:
        return f"the wait was stopped, {super()._summary(status)}"


def format_seconds(seconds: float) -> str:
    """`900 s`, `0.5 s` or `0.04 s`."""
    return (f"{seconds:.2g}" if 0 < seconds < 1 else f"{seconds:.1f}".removesuffix(".0")) + " s"


class DownloadError(MeshVideoError):
    """The file could not be downloaded. The message says why, and which bytes are kept for the next call."""

    task_id: str
    """The task's id."""
    path: Path
    """The final name of the file. This download left nothing there."""
    part: Path | None
    """The partial file with the bytes received so far; None if there are none."""
    received: int
    """The size of the partial file, in bytes."""
    total: int | None
    """The size of the whole file, in bytes; None if the server did not state it."""

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        path: Path,
        part: Path | None = None,
        received: int = 0,
        total: int | None = None,
        can_resume: bool = False,
    ) -> None:
        self.task_id = task_id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.path = path
        self.part = part
        self.received = received
        self.total = total
        if part is not None:
            of_total = "" if total is None else f" of {total:,}"
            next_call = "resumes there" if can_resume else "starts from the beginning"
            self._advice = f"{received:,}{of_total} bytes are kept in {part}: the next download {next_call}"
        super().__init__(message)
