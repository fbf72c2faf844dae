"""What follows an attempt to create a task: a second request only if it is certain that no task was made."""

from __future__ import annotations

import pytest

from meshapi_video import (
    APIError,
    AuthenticationError,
    CertificateError,
    ConnectionFailed,
    ConnectionTimeout,
    CreateUncertain,
    CreateVideoGenerationResponse,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    VideoContentItem,
    VideoContentItemImageUrl,
    VideoGenerationRequest,
)
from meshapi_video._create.attempts import (
    CreateState,
    attempt_failed,
    attempt_succeeded,
    note_interruption,
    start_create,
)
from meshapi_video._create.result import (
    created_task,
    errors_with_token,
    interruptions_with_id,
    new_request_id,
    request_seconds,
    require_id,
)
from meshapi_video._errors import note_response_of_proxy, proxy_refusal
from meshapi_video._tasks import CreatedTask

NOW, UNIX_NOW = 100.0, 1_800_000_000.0


def new_create(retries: int = 2) -> CreateState:
    return start_create("r-1", retries, NOW, UNIX_NOW)


def status(code: int, error_type: type[APIError] = APIError, retry_after: float | None = None) -> APIError:
    return error_type(status_code=code, message="no", retry_after=retry_after)


def failed(error: MeshVideoError, *, was_sent: bool = True, retries: int = 2, rand: float = 0) -> CreateState:
    return attempt_failed(new_create(retries), error, NOW, rand, was_sent=was_sent)


def ended(state: CreateState) -> CreatedTask:
    """The task of the create, whose list is empty."""
    return created_task(state, VideoGenerationRequest(model="m", content=[]), lambda _after: [])


UNCLEAR = [
    ConnectionFailed("reset"),
    ConnectionTimeout("too late"),
    InvalidResponse("not JSON"),
    InvalidResponse("no id", path="$.id"),
    *(status(code, ServerError) for code in (500, 502, 503, 504)),
    *(status(code) for code in (201, 202, 204, 300, 303, 304, 408)),
]
REFUSALS = [
    status(400, RequestRejectedError),
    status(401, AuthenticationError),
    status(402, PaymentRequiredError),
    status(404, NotFoundError),
    status(422, RequestRejectedError),
    status(403, PermissionDeniedError),
    *(status(code) for code in (301, 302, 307, 308, 413, 425)),
]


@pytest.mark.parametrize("error", UNCLEAR, ids=str)
def test_no_request_follows_one_that_went_out_and_has_no_clear_response(error: MeshVideoError) -> None:
    state = failed(error)
    assert isinstance(state.end, CreateUncertain)
    assert (state.end.request_id, state.end.sent_at, state.end.last_error) == ("r-1", UNIX_NOW, error)
    assert state.is_over
    with pytest.raises(CreateUncertain, match="request r-1: the create has no clear response"):
        ended(state)


@pytest.mark.parametrize("error", REFUSALS, ids=str)
def test_a_refusal_is_raised_and_says_that_no_task_was_made(error: APIError) -> None:
    state = failed(error)
    assert state.end is error
    assert error.request_id == "r-1"
    assert str(error).endswith(". No task was made")
    assert str(error).count("No task was made") == 1


@pytest.mark.parametrize(
    "error",
    [status(403, PermissionDeniedError), status(404, NotFoundError), status(422, RequestRejectedError)],
    ids=str,
)
def test_the_advice_of_a_refusal_is_about_the_create_and_not_about_a_task_id(error: APIError) -> None:
    assert "this task" not in str(failed(error).end)
    assert "task's id" not in str(failed(error).end)


@pytest.mark.parametrize("error", [ConnectionFailed("refused"), ConnectionTimeout("no connection")], ids=str)
def test_a_create_is_sent_again_after_a_backoff_if_no_byte_of_it_went_out(error: MeshVideoError) -> None:
    state = failed(error, was_sent=False)
    assert (state.end, state.next_attempt_at, state.retries_left) == (None, NOW + 0.5, 1)
    state = attempt_failed(state, error, NOW, 0, was_sent=False)
    assert (state.end, state.next_attempt_at) == (None, NOW + 1)
    assert "No task was made" not in str(error)
    assert attempt_failed(state, error, NOW, 0, was_sent=False).end is error
    assert str(error).endswith("Check the network, any proxy, and the base URL. No task was made")


def test_a_create_that_went_out_at_last_is_uncertain_whatever_came_before() -> None:
    state = failed(ConnectionFailed("refused"), was_sent=False)
    assert isinstance(attempt_failed(state, ConnectionFailed("reset"), NOW, 0, was_sent=True).end, CreateUncertain)


def test_a_429_is_sent_again_after_the_servers_retry_after() -> None:
    state = failed(status(429, RateLimitedError, retry_after=3))
    assert (state.end, state.next_attempt_at) == (None, NOW + 3)


@pytest.mark.parametrize(("retry_after", "retries"), [(8.1, 2), (1, 0)])
def test_a_429_is_raised_after_the_last_retry_and_if_its_retry_after_is_long(retry_after: float, retries: int) -> None:
    error = status(429, RateLimitedError, retry_after=retry_after)
    assert failed(error, retries=retries).end is error
    assert str(error).endswith("Wait before the next request. No task was made")


def test_another_error_before_anything_was_sent_is_raised_and_says_that_no_task_was_made() -> None:
    error = MeshVideoError("the certificates cannot be loaded")
    assert failed(error, was_sent=False).end is error
    assert str(error).endswith("the certificates cannot be loaded. No task was made")


@pytest.mark.parametrize("error", [CertificateError("not accepted"), proxy_refusal("407")])
def test_an_error_of_a_connection_after_the_request_went_out_is_uncertain_whatever_it_is_about(
    error: MeshVideoError,
) -> None:
    # A hook of the user's own client raises it after the response.
    assert isinstance(failed(error, was_sent=True).end, CreateUncertain)
    assert failed(error, was_sent=False).end is error


def test_a_proxy_that_refuses_a_request_in_response_to_it_made_no_task() -> None:
    error = proxy_refusal("407")
    note_response_of_proxy(error)
    assert failed(error, was_sent=True).end is error
    assert str(error).endswith("No task was made")


def test_an_error_keeps_the_request_id_that_the_server_gave_it() -> None:
    error = APIError(status_code=418, message="no", request_id="of-the-server")
    failed(error)
    assert error.request_id == "of-the-server"


def test_a_created_task_has_its_id_its_request_id_and_a_token() -> None:
    task = ended(attempt_succeeded(new_create(), "t-1"))
    assert (task.id, task.request_id, str(task)) == ("t-1", "r-1", "t-1")
    assert (task.token.task_id, task.token.started, task.token.polls) == ("t-1", UNIX_NOW, 0)


def test_a_create_that_has_not_ended_has_no_task() -> None:
    state = new_create()
    assert not state.is_over
    with pytest.raises(ValueError, match="has not ended"):
        ended(state)


@pytest.mark.parametrize("task_id", ["", "..", "a/b"])
def test_a_response_whose_id_cannot_be_a_task_id_is_invalid(task_id: str) -> None:
    with pytest.raises(InvalidResponse, match="no usable id") as caught:
        require_id(CreateVideoGenerationResponse(id=task_id))
    assert caught.value.path == "$.id"


def test_a_response_of_another_type_is_invalid() -> None:
    with pytest.raises(InvalidResponse, match="parsed the response as dict"):
        require_id({"id": "t"})


def test_a_request_id_is_new_each_time_and_one_that_mesh_accepts() -> None:
    first, second = new_request_id(), new_request_id()
    assert first != second
    assert len(first) <= 64
    assert first.replace("-", "").isalnum()


@pytest.mark.parametrize("was_sent", [True, False])
def test_an_interruption_after_the_request_went_out_says_that_a_task_may_exist(was_sent: bool) -> None:  # noqa: FBT001 - a parameter
    error = KeyboardInterrupt()
    note_interruption(new_create(), error, was_sent=was_sent)
    notes = " ".join(getattr(error, "__notes__", []))
    assert ("request id r-1" in notes) is was_sent


CREATED = CreatedTask(id="t-1", request_id="r-1", created=UNIX_NOW)


def test_an_error_after_the_create_has_the_token_of_the_task() -> None:
    with pytest.raises(ConnectionFailed, match="task t-1") as caught, errors_with_token(CREATED):
        raise ConnectionFailed("reset")
    assert caught.value.token == CREATED.token


def test_an_exception_of_the_callers_own_code_gets_a_note_with_the_id() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, errors_with_token(CREATED):
        raise KeyboardInterrupt
    assert "The task t-1 was created and has been paid for" in caught.value.__notes__[0]


def test_a_request_may_take_longer_if_it_has_files() -> None:
    text = VideoContentItem(type_="text", text="a lake")
    picture = VideoContentItem(type_="image_url", image_url=VideoContentItemImageUrl(url="x" * 500_000))
    assert request_seconds(VideoGenerationRequest(model="m", content=[text]), 30) == 30
    assert request_seconds(VideoGenerationRequest(model="m", content=[text, picture, picture]), 30) == 34


def test_an_interruption_after_the_response_has_the_id_of_the_task() -> None:
    state = attempt_succeeded(new_create(), "t-1")
    with pytest.raises(KeyboardInterrupt) as caught, interruptions_with_id(state):
        raise KeyboardInterrupt
    assert "The task t-1 was created and has been paid for" in caught.value.__notes__[0]


def test_an_interruption_before_the_response_and_an_error_stay_as_they_are() -> None:
    created = attempt_succeeded(new_create(), "t-1")
    for state, error in ((new_create(), KeyboardInterrupt()), (created, OSError("a full disk"))):
        with pytest.raises(type(error)) as caught, interruptions_with_id(state):
            raise error
        assert not hasattr(caught.value, "__notes__")
