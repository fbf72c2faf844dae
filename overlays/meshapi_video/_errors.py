"""The error tree.

MeshVideoError
├── APIError                 an HTTP answer that is not a task
│   ├── AuthenticationError  401        ├── PermissionDeniedError 403
│   ├── NotFoundError        404        ├── RequestRejectedError  400 409 422
│   ├── PaymentRequiredError 402        ├── RateLimitedError      429
│   └── UpstreamError        5xx
├── ConnectionFailed         no answer: DNS, refused, reset, TLS, timeout
├── InvalidResponse          an answer that breaks the contract
├── TaskError                the task ended without a video
│   ├── TaskFailed   ├── TaskExpired   └── TaskCancelled
├── WaitTimeout              also a TimeoutError: the wait ended, the task perhaps not
├── WaitStopped              the same, because of the event given as `stop`
└── DownloadError            the video could not be fetched
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshapi_video._tokens import WaitToken
    from meshapi_video_generated.models import VideoTaskResponse


class MeshVideoError(Exception):
    """The base of every error that this package raises on purpose.

    Raised as this class itself: a missing API key, a proxy in the environment that cannot be
    used, certificates that cannot be loaded, an `http_client` whose hooks use up the answers. A
    wrong argument is a `ValueError`.
    """

    task_id: str | None = None
    """The task that it happened to, where there is one."""
    _advice = ""

    def __str__(self) -> str:
        message = super().__str__()
        about = message if self.task_id is None else f"task {self.task_id}: {message}"
        return f"{about.rstrip('.')}. {self._advice}" if self._advice else about

    def __reduce__(self) -> tuple[Callable[..., MeshVideoError], tuple[object, ...]]:
        # The default calls the class with `args`, which keyword-only signatures refuse; an error
        # that cannot be unpickled hangs a process pool.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(error_type: type[MeshVideoError], args: tuple[object, ...], state: dict[str, object]) -> MeshVideoError:
    error = error_type.__new__(error_type)
    error.args = args
    error.__dict__.update(state)
    return error


class FieldError(NamedTuple):
    """One thing that the server found wrong in a request."""

    path: str
    """Where, as the server names it, its parts joined by dots: `path.task_id`."""
    message: str
    """What is wrong there."""
    type: str
    """The server's word for the kind of error, such as `string_too_short`."""


class APIError(MeshVideoError):
    """The server answered, and the answer is not a task.

    Raised as one of the subclasses where the status has one, and as this class otherwise (a
    redirect, a 418).
    """

    status_code: int
    """The HTTP status."""
    code: str | None
    """The error's code in Mesh's error envelope, such as `not_found`."""
    message: str
    """What the server said, or the name of the status."""
    request_id: str | None
    """The id by which Mesh can find the request."""
    retry_after: float | None
    """Seconds for which the server asks to be left alone."""
    body: str
    """The answer's beginning as text, the API key blotted out."""
    errors: tuple[FieldError, ...]
    """What is wrong, field by field, where the server says so (422)."""

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
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body
        self.errors = errors
        known = f" {code}" if code else ""
        fields = "".join(f"; {error.path}: {error.message}" for error in errors)
        request = f" (request {request_id})" if request_id else ""
        if 300 <= status_code < 400:
            self._advice = "Check the base URL"
        super().__init__(f"HTTP {status_code}{known}: {message}{fields}{request}")


class AuthenticationError(APIError):
    """401: the API key is missing, malformed or unknown. Asking again cannot help."""

    _advice = "Check the key in MESHAPI_API_KEY or api_key="


class PaymentRequiredError(APIError):
    """402: a spending limit is reached."""

    _advice = "Raise the spending limit, then ask for the same task again"


class PermissionDeniedError(APIError):
    """403: the key may not see this."""

    _advice = "Use a key that may see this task"


class NotFoundError(APIError):
    """404: there is no such task for this key."""

    # Creating the task again would be paid for again, and is never the way out.
    _advice = "Check the task's id and the base URL"


class RequestRejectedError(APIError):
    """400, 409 or 422: the request itself is wrong; `errors` says where, if the server does."""

    _advice = "Check the task's id"


class RateLimitedError(APIError):
    """429: too many requests; `retry_after` says for how many seconds to stay away."""

    _advice = "Wait a while before asking again"


class UpstreamError(APIError):
    """5xx: Mesh, or the service behind it, could not answer just now."""

    _advice = "It may pass: ask again later"


class ConnectionFailed(MeshVideoError):
    """No answer arrived: DNS, refused, reset, TLS, or the time for one request ran out."""


class InvalidResponse(MeshVideoError):
    """An answer that breaks the contract, so that nothing true can be made of it."""

    path: str | None
    """The JSON path of the place that is wrong (`$.content.video_url`); None where the body is
    no JSON at all (an HTML page, a cut-off answer)."""
    body: str
    """The answer's beginning as text, the API key blotted out."""

    def __init__(self, message: str, *, path: str | None = None, body: str = "") -> None:
        self.path = path
        self.body = body
        super().__init__(message if path is None else f"{message} (at {path})")


class TaskError(MeshVideoError):
    """The task ended without a video. Waiting again gives the same answer."""

    task_id: str
    """The task's id."""
    task: VideoTaskResponse
    """The last answer."""
    code: str | None
    """The code of the task's own error; None where the server gave none."""
    message: str | None
    """The text of the task's own error; None where the server gave none."""

    def __init__(self, task: VideoTaskResponse, *, code: str | None = None, message: str | None = None) -> None:
        self.task = task
        self.task_id = task.id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.code = code
        self.message = message
        super().__init__(": ".join(part for part in (task.status, code, message) if part))


class TaskFailed(TaskError):
    """The task's status is `failed`."""


class TaskExpired(TaskError):
    """The task's status is `expired`: it was not finished in the time that it had."""


class TaskCancelled(TaskError):
    """The task's status is `cancelled`."""


class _Unfinished(MeshVideoError):
    """A wait ended, and its task has not."""

    task_id: str
    """The task's id."""
    last_task: VideoTaskResponse | None
    """The newest answer; None if none arrived."""
    last_error: MeshVideoError | None
    """Why the last look missed; None if it did not."""
    elapsed: float
    """Seconds waited, those before a resume too."""
    polls: int
    """How many times the server was asked, before a resume too."""
    token: WaitToken
    """The wait written down, for taking it up again, in another process too."""

    def __init__(
        self,
        *,
        token: WaitToken,
        last_task: VideoTaskResponse | None,
        last_error: MeshVideoError | None,
        elapsed: float,
        reason: str = "",
    ) -> None:
        self.token = token
        self.task_id = token.task_id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.last_task = last_task
        self.last_error = last_error
        self.elapsed = elapsed
        self.polls = token.looks
        seen = f"last seen {last_task.status}" if last_task else "never seen"
        looks = "1 look" if self.polls == 1 else f"{self.polls} looks"
        missed = f"; the last look missed ({last_error.args[0]})" if last_error else ""
        super().__init__(
            f"{self._what_happened} after {elapsed:.1f} s and {looks}, {seen}{missed}{reason}. "
            "It may still finish and is paid for: wait again on the same id"
        )

    _what_happened = ""


class WaitTimeout(_Unfinished, TimeoutError):
    """The wait's time ran out before the task's did.

    The task goes on: it may still finish, and it is paid for. Wait again on the same id or on
    `token`; never create it anew because of this.
    """

    _what_happened = "not over"


class WaitStopped(_Unfinished):
    """The event that was given as `stop` ended the wait, with all that `WaitTimeout` has.

    The task goes on: it may still finish, and it is paid for.
    """

    _what_happened = "not waited for any longer"


class DownloadError(MeshVideoError):
    """The file could not be fetched; the message says why, and what is kept for the next try."""

    task_id: str
    """The task's id."""
    path: Path
    """Where the file was to be; nothing is there because of this download."""
    part: Path | None
    """The file with what was fetched so far; None if nothing was."""
    received: int
    """Its bytes."""
    total: int | None
    """The bytes of the whole file; None if the server did not say."""

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        path: Path,
        part: Path | None = None,
        received: int = 0,
        total: int | None = None,
        can_go_on: bool = False,
    ) -> None:
        self.task_id = task_id  # pyright: ignore[reportIncompatibleVariableOverride] - here it is always known
        self.path = path
        self.part = part
        self.received = received
        self.total = total
        if part is not None:
            of = "" if total is None else f" of {total:,}"
            then = "goes on from there" if can_go_on else "begins anew"
            self._advice = f"{received:,}{of} bytes are kept in {part}: downloading again {then}"
        super().__init__(message)
