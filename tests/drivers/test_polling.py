"""Both clients get and wait alike, on every event loop: real sockets, virtual time."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import anyio.lowlevel
import pytest

from meshapi_video import (
    APIError,
    ConnectionFailed,
    InvalidResponse,
    PollPolicy,
    ServerError,
    TaskCancelled,
    TaskError,
    TaskExpired,
    TaskFailed,
    VideoTaskResponse,
    WaitTimeout,
    __version__,
    _errors,
)
from support.clients import KEY, Caller, Kind
from support.many_tasks import collect
from support.marks import unclosed_generators
from support.server import Response, Server, finished, reset, response, serving, task, task_json

OUR_PACKAGE = str(Path(_errors.__file__).parent)
STEADY = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=2.0, jitter=0.0)


def test_get_returns_the_current_task(client: Caller, server: Server) -> None:
    server.script(task("running", seed=7))
    assert client.get() == VideoTaskResponse(id="task-1", status="running", seed=7)


def test_get_sends_one_documented_request(client: Caller, server: Server) -> None:
    server.script(task("running", "a?b:ä"))
    client.get("a?b:ä")
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", "/v1/video/generations/a%3Fb%3A%C3%A4")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith(f"meshapi-video/{__version__} ")
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"


def test_a_base_url_with_a_path_keeps_it(client: Caller, server: Server) -> None:
    server.script(task())
    client.base_url += "/mesh/"
    client.get()
    assert server.requests[0].target == "/mesh/v1/video/generations/task-1"


@pytest.mark.parametrize("task_id", ["", "..", "a/b"])
def test_an_id_that_changes_the_path_is_refused_before_a_request(client: Caller, server: Server, task_id: str) -> None:
    for call in (client.get, client.wait):
        with pytest.raises(ValueError, match="not a task id"):
            call(task_id)
    assert server.requests == []


def test_wait_polls_at_once_and_returns_the_video(client: Caller, server: Server) -> None:
    server.script(finished())
    video = client.wait()
    assert video.url == "https://cdn.example/v.mp4"
    assert client.clock.sleeps == []
    assert len(server.requests) == 1


def test_wait_polls_after_growing_delays_until_the_task_has_ended(client: Caller, server: Server) -> None:
    server.script(task("queued"), task("running"), task("running"), finished())
    client.wait(poll=PollPolicy(initial_delay=1.0, multiplier=2.0, max_delay=3.0, jitter=0.0))
    assert client.clock.sleeps == [1, 2, 3]
    assert len(server.requests) == 4


def test_the_default_delays_have_jitter_within_their_bounds(client: Caller, server: Server) -> None:
    server.script(*[task() for _ in range(40)], finished())
    client.wait()
    sleeps = client.clock.sleeps
    assert len(sleeps) == 40
    assert all(7.2 <= seconds <= 10.0 for seconds in sleeps)
    assert max(sleeps) > 9
    assert len(set(sleeps)) == 40


@pytest.mark.parametrize(
    ("status", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_wait_raises_for_each_end_without_a_video_and_polls_no_more(
    client: Caller, server: Server, status: str, error_type: type[TaskError]
) -> None:
    server.script(task("running"), task(status, error={"code": "c", "message": "m"} if status == "failed" else None))
    with pytest.raises(error_type) as caught:
        client.wait()
    assert caught.value.task.status == status
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "failure", [response(502), response(200, b"<html>"), reset], ids=["502", "an HTML page", "a reset"]
)
def test_get_retries_twice_and_then_raises(client: Caller, server: Server, failure: Response) -> None:
    server.script(failure, failure, task("running"))
    assert client.get().status == "running"
    server.script(failure)
    with pytest.raises((ServerError, ConnectionFailed, InvalidResponse), match=r"^task task-1: "):
        client.get()
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"id": "task-1", "status": 5}, "$.status"),
        ({"id": "task-1", "status": "running", "content": []}, "$.content"),
        ([], "$"),
        (None, "$"),
        ({"id": 1, "status": "running"}, "$.id"),
        ({"id": "task-1", "status": "succeeded"}, "$.content.video_url"),
    ],
)
def test_a_response_that_breaks_the_contract_ends_the_wait_with_the_json_path(
    client: Caller, server: Server, body: object, path: str
) -> None:
    server.script(response(200, body))
    with pytest.raises(InvalidResponse) as caught:
        client.wait()
    assert (caught.value.path, caught.value.task_id) == (path, "task-1")
    assert len(server.requests) == 1


def test_a_valid_response_that_python_cannot_parse_is_an_invalid_response(client: Caller, server: Server) -> None:
    server.script(response(200, b'{"id": "task-1", "status": "running", "x": ' + b"9" * 5000 + b"}"))
    client.settings["max_retries"] = 0
    with pytest.raises(InvalidResponse, match="cannot be parsed"):
        client.get()


def test_a_retry_after_longer_than_any_tasks_life_ends_the_wait(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="99999999"), finished())
    with pytest.raises(WaitTimeout, match="the server sent Retry-After: 604800 s"):
        client.wait(timeout=None)
    assert client.clock.sleeps == []


def test_a_redirect_to_an_invalid_address_is_an_error(client: Caller, server: Server) -> None:
    server.script(response(301, b"", location="http://["))
    with pytest.raises(APIError, match="a location that is not an HTTP URL"):
        client.wait()


def test_a_cookie_is_not_kept(client: Caller, server: Server) -> None:
    server.script(
        response(503, {}, set_cookie="seen=1; Path=/"), response(200, task_json(), set_cookie="seen=2"), finished()
    )
    client.wait()
    assert [request.headers.get("cookie") for request in server.requests] == [None] * 3


def test_retry_after_is_respected(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="9"), response(503, {"error": {"retry_after_seconds": 30}}), finished())
    client.wait(poll=STEADY)
    assert client.clock.sleeps == [9, 30]


def test_a_retry_after_beyond_the_deadline_ends_the_wait_now(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="3600"))
    with pytest.raises(
        WaitTimeout, match="the server sent Retry-After: 3600 s, longer than the 60 s left of the timeout"
    ):
        client.wait(timeout=60)
    assert client.clock.sleeps == []


def test_a_wait_ends_at_its_deadline_after_one_final_poll(client: Caller, server: Server) -> None:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=5, poll=STEADY)
    assert client.clock.sleeps == [2, 2, 1]
    assert (caught.value.polls, caught.value.elapsed, caught.value.task_id) == (4, 5.0, "task-1")
    assert caught.value.last_task == VideoTaskResponse(id="task-1", status="running")


def test_another_wait_after_a_timeout_returns_the_video(client: Caller, server: Server) -> None:
    server.script(task("running"), finished())
    with pytest.raises(WaitTimeout):
        client.wait(timeout=0)
    assert client.wait(timeout=0).id == "task-1"


def test_a_server_that_is_down_is_polled_until_the_deadline(client: Caller) -> None:
    with serving(down=True) as server:
        client.base_url = server.base_url
        with pytest.raises(WaitTimeout) as caught:
            client.wait(timeout=6, poll=STEADY)
    assert isinstance(caught.value.last_error, ConnectionFailed)
    assert f"no complete response from {server.base_url}: " in str(caught.value)
    assert caught.value.polls == 4


def test_on_update_is_called_for_the_first_response_and_each_change(client: Caller, server: Server) -> None:
    responses = [
        *(task("queued"), response(502), task("queued"), task("running")),
        *(task("running"), task("running", seed=7), task("queued"), finished()),
    ]
    server.script(*responses)
    updates = list[VideoTaskResponse]()
    client.wait(on_update=updates.append)
    assert [update.status for update in updates] == ["queued", "running", "running", "queued", "succeeded"]
    assert [update.seed for update in updates if update.seed] == [7]
    # `updates` yields the same.
    server.script(*responses)
    server.requests.clear()
    assert client.run(lambda client: collect(client.updates("task-1"))) == updates


def test_on_update_is_called_for_a_task_that_ends_without_a_video(client: Caller, server: Server) -> None:
    server.script(task("running"), task("failed"))
    updates = list[VideoTaskResponse]()
    with pytest.raises(TaskFailed):
        client.wait(on_update=updates.append)
    assert [update.status for update in updates] == ["running", "failed"]


def test_an_async_callback_is_awaited(server: Server, backend: Kind) -> None:
    server.script(task("queued"), finished())
    statuses = list[str]()

    async def on_update(update: VideoTaskResponse) -> None:
        await anyio.lowlevel.checkpoint()
        statuses.append(update.status)

    Caller(backend, server.base_url).wait(on_update=on_update)
    assert statuses == ["queued", "succeeded"]


def test_an_exception_in_a_callback_reaches_the_caller_unchanged(client: Caller, server: Server) -> None:
    server.script(task("queued"))
    error = KeyError("mine")

    def on_update(_update: VideoTaskResponse) -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        client.wait(on_update=on_update)
    assert caught.value is error


def test_each_poll_and_each_change_of_status_is_logged(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "meshapi_video")
    server.script(task("queued"), response(502, {"error": {"message": "upstream"}}), finished())
    client.wait(poll=STEADY)
    logged = [(record.name, record.levelname, re.sub(r"0\.\d+ s", "x s", record.message)) for record in caplog.records]
    assert [record for record in logged if record[0].startswith("meshapi_video")] == [
        (
            "meshapi_video.polls",
            "DEBUG",
            "poll 1 of task task-1 received the status queued, after x s; next poll in 2.0 s",
        ),
        ("meshapi_video.tasks", "INFO", "task task-1 has the status queued"),
        (
            "meshapi_video.polls",
            "INFO",
            "poll 2 of task task-1 failed after x s: HTTP 502: upstream; next poll in 2.0 s",
        ),
        ("meshapi_video.polls", "DEBUG", "poll 3 of task task-1 received the status succeeded, after x s"),
        ("meshapi_video.tasks", "INFO", "task task-1 has the status succeeded"),
    ]


def test_a_server_cannot_add_lines_to_the_log(client: Caller, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "meshapi_video")
    server.script(
        task(task_id="task-1", model="x\nCRITICAL"), response(503, {"error": {"message": "y\nCRITICAL"}}), finished()
    )
    client.wait()
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_an_unknown_status_is_logged_once(client: Caller, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.script(task("dreaming"), task("running"), task("dreaming"), finished())
    client.wait()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "task task-1 has the unknown status 'dreaming': treated as not ended"
    ]


def test_no_error_and_no_traceback_contains_the_key(client: Caller, server: Server) -> None:
    client.settings["max_retries"] = 0
    for failure in (
        reset,
        response(500, {"error": {"message": f"got Bearer {KEY}"}}),
        response(200, KEY),
        response(200, task_json("failed", error={"code": KEY, "message": KEY})),
        response(200, task_json(task_id=KEY)),
    ):
        server.script(failure)
        with pytest.raises((ServerError, ConnectionFailed, InvalidResponse)) as caught:
            client.get()
        assert KEY not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
        assert caught.value.__cause__ is None
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
        assert not [frame for frame in frames if frame.filename.startswith(OUR_PACKAGE) and KEY in str(frame.locals)]


@unclosed_generators
def test_typed_errors_do_not_keep_the_original_error(client: Caller, server: Server) -> None:
    # The frames of the original error hold the request's headers, and so the key.
    client.settings |= {"max_retries": 0, "timeout": 0.2}
    too_many_digits = b'{"id": "task-1", "status": "running", "x": ' + b"9" * 5000 + b"}"
    for failure in (
        reset,
        server.stall(),
        response(200, b"not gzip", content_encoding="gzip"),
        response(200, too_many_digits),
    ):
        server.script(failure)
        with pytest.raises((ConnectionFailed, InvalidResponse)) as caught:
            client.get()
        assert caught.value.__context__ is None or caught.value.__suppress_context__
