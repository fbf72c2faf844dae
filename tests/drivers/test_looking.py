"""Both drivers, on every event loop, look and wait alike: real sockets, virtual time."""

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
    TaskCancelled,
    TaskError,
    TaskExpired,
    TaskFailed,
    UpstreamError,
    VideoTaskResponse,
    WaitTimeout,
    __version__,
    _errors,
)
from support.clients import KEY, Caller, Kind
from support.server import (
    Answer,
    Server,
    answer,
    finished,
    reset,
    serving,
    task,
    task_json,
)

OURS = str(Path(_errors.__file__).parent)
STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)


def test_get_returns_the_task_as_it_is_now(client: Caller, server: Server) -> None:
    server.script(task("running", seed=7))
    assert client.get() == VideoTaskResponse(id="task-1", status="running", seed=7)


def test_the_generated_function_sends_one_documented_request(client: Caller, server: Server) -> None:
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
def test_an_id_that_leaves_the_path_is_refused_before_sending(client: Caller, server: Server, task_id: str) -> None:
    for call in (client.get, client.wait):
        with pytest.raises(ValueError, match="not a task id"):
            call(task_id)
    assert server.requests == []


def test_wait_looks_at_once_and_returns_the_video(client: Caller, server: Server) -> None:
    server.script(finished())
    video = client.wait()
    assert video.url == "https://cdn.example/v.mp4"
    assert client.clock.sleeps == []
    assert len(server.requests) == 1


def test_wait_looks_after_growing_delays_until_the_task_is_over(client: Caller, server: Server) -> None:
    server.script(task("queued"), task("running"), task("running"), finished())
    client.wait(poll=PollPolicy(initial_delay=1.0, growth=2.0, max_delay=3.0, jitter=0.0))
    assert client.clock.sleeps == [1, 2, 3]
    assert len(server.requests) == 4


def test_the_default_delays_are_jittered_and_stay_within_their_bounds(client: Caller, server: Server) -> None:
    server.script(*[task() for _ in range(40)], finished())
    client.wait()
    sleeps = client.clock.sleeps
    assert len(sleeps) == 40
    assert all(1.6 <= seconds <= 15.0 for seconds in sleeps)
    assert max(sleeps) > 11
    assert len(set(sleeps)) == 40


@pytest.mark.parametrize(
    ("status", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_wait_stops_at_every_end_and_never_asks_again(
    client: Caller, server: Server, status: str, error_type: type[TaskError]
) -> None:
    server.script(task("running"), task(status, error={"code": "c", "message": "m"} if status == "failed" else None))
    with pytest.raises(error_type) as caught:
        client.wait()
    assert caught.value.task.status == status
    assert len(server.requests) == 2


# httpx leaves the generators of a body that is not read to its end to the garbage collector, and trio says so.
left_by_httpx = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("miss", [answer(502), answer(200, b"<html>"), reset], ids=["502", "a page", "a reset"])
def test_get_rides_through_a_miss_or_two_and_then_tells_of_it(client: Caller, server: Server, miss: Answer) -> None:
    server.script(miss, miss, task("running"))
    assert client.get().status == "running"
    server.script(miss)
    with pytest.raises((UpstreamError, ConnectionFailed, InvalidResponse), match=r"^task task-1: "):
        client.get()
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"id": "task-1", "status": 5}, "$.status"),
        ({"id": "task-1", "status": "running", "content": []}, "$.content"),
        ([], "$"),
        (None, "$"),
        ({"id": "other", "status": "running"}, "$.id"),
        ({"id": "task-1", "status": "succeeded"}, "$.content.video_url"),
    ],
)
def test_an_answer_that_breaks_the_contract_ends_the_wait_with_its_json_path(
    client: Caller, server: Server, body: object, path: str
) -> None:
    server.script(answer(200, body))
    with pytest.raises(InvalidResponse) as caught:
        client.wait()
    assert (caught.value.path, caught.value.task_id) == (path, "task-1")
    assert len(server.requests) == 1


def test_what_is_valid_and_yet_too_much_for_python_is_an_invalid_response(client: Caller, server: Server) -> None:
    server.script(answer(200, b'{"id": "task-1", "status": "running", "x": ' + b"9" * 5000 + b"}"))
    client.settings["max_retries"] = 0
    with pytest.raises(InvalidResponse, match="cannot be read"):
        client.get()


def test_a_silence_asked_for_that_outlasts_every_task_ends_the_wait(client: Caller, server: Server) -> None:
    server.script(answer(429, {}, retry_after="99999999"), finished())
    with pytest.raises(WaitTimeout, match="604800 s of silence"):
        client.wait(timeout=None)
    assert client.clock.sleeps == []


def test_a_redirect_to_nowhere_is_a_refusal(client: Caller, server: Server) -> None:
    server.script(answer(301, b"", location="http://["))
    with pytest.raises(APIError, match="no web address"):
        client.wait()


def test_a_cookie_is_not_kept(client: Caller, server: Server) -> None:
    server.script(
        answer(503, {}, set_cookie="seen=1; Path=/"), answer(200, task_json(), set_cookie="seen=2"), finished()
    )
    client.wait()
    assert [request.headers.get("cookie") for request in server.requests] == [None] * 3


def test_retry_after_is_honoured(client: Caller, server: Server) -> None:
    server.script(answer(429, {}, retry_after="9"), answer(503, {"error": {"retry_after_seconds": 30}}), finished())
    client.wait(poll=STEADY)
    assert client.clock.sleeps == [9, 30]


def test_a_retry_after_beyond_the_deadline_ends_the_wait_now(client: Caller, server: Server) -> None:
    server.script(answer(429, {}, retry_after="3600"))
    with pytest.raises(WaitTimeout, match="3600 s of silence"):
        client.wait(timeout=60)
    assert client.clock.sleeps == []


def test_a_wait_ends_at_its_deadline_after_one_last_look(client: Caller, server: Server) -> None:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=5, poll=STEADY)
    assert client.clock.sleeps == [2, 2, 1]
    assert (caught.value.polls, caught.value.elapsed, caught.value.task_id) == (4, 5.0, "task-1")
    assert caught.value.last_task == VideoTaskResponse(id="task-1", status="running")


def test_waiting_again_after_a_timeout_just_works(client: Caller, server: Server) -> None:
    server.script(task("running"), finished())
    with pytest.raises(WaitTimeout):
        client.wait(timeout=0)
    assert client.wait(timeout=0).id == "task-1"


def test_a_server_that_is_down_all_the_time_is_asked_until_the_deadline(client: Caller) -> None:
    with serving(down=True) as server:
        client.base_url = server.base_url
        with pytest.raises(WaitTimeout) as caught:
            client.wait(timeout=6, poll=STEADY)
    assert isinstance(caught.value.last_error, ConnectionFailed)
    assert f"no answer from {server.base_url}: " in str(caught.value)
    assert caught.value.polls == 4


def test_every_answer_is_reported(client: Caller, server: Server) -> None:
    server.script(task("queued"), answer(502), task("running"), task("running"), finished())
    seen = list[str]()

    def on_update(update: VideoTaskResponse) -> None:
        seen.append(update.status)

    client.wait(on_update=on_update)
    assert seen == ["queued", "running", "running", "succeeded"]


def test_an_async_callback_is_awaited(server: Server, backend: Kind) -> None:
    server.script(task("queued"), finished())
    seen = list[str]()

    async def on_update(update: VideoTaskResponse) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(update.status)

    Caller(backend, server.base_url).wait(on_update=on_update)
    assert seen == ["queued", "succeeded"]


def test_an_exception_in_a_callback_reaches_the_caller_unchanged(client: Caller, server: Server) -> None:
    server.script(task("queued"))
    problem = KeyError("mine")

    def on_update(_update: VideoTaskResponse) -> None:
        raise problem

    with pytest.raises(KeyError) as caught:
        client.wait(on_update=on_update)
    assert caught.value is problem


def test_what_is_missed_and_seen_is_logged(client: Caller, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "meshapi_video")
    server.script(task("queued"), answer(502, {"error": {"message": "upstream"}}), finished())
    client.wait(poll=STEADY)
    logged = [(record.name, record.levelname, re.sub(r"0\.\d+ s", "x s", record.message)) for record in caplog.records]
    assert [record for record in logged if record[0].startswith("meshapi_video")] == [
        ("meshapi_video.looks", "DEBUG", "look 1: task task-1 is queued, after x s; the next in 2.0 s"),
        ("meshapi_video.tasks", "INFO", "task task-1 is queued"),
        ("meshapi_video.looks", "DEBUG", "look 2: task task-1 is missed, after x s; the next in 2.0 s"),
        ("meshapi_video.looks", "INFO", "look 2 missed: task task-1: HTTP 502: upstream; the next in 2.0 s"),
        ("meshapi_video.looks", "DEBUG", "look 3: task task-1 is succeeded, after x s"),
        ("meshapi_video.tasks", "INFO", "task task-1 is succeeded"),
    ]


def test_a_server_cannot_write_lines_of_its_own_into_the_log(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "meshapi_video")
    server.script(task("x\nCRITICAL"), answer(503, {"error": {"message": "y\nCRITICAL"}}), finished())
    client.wait()
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_a_status_that_nobody_has_heard_of_is_logged_once(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(task("dreaming"), task("running"), task("dreaming"), finished())
    client.wait()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "task task-1 has the unknown status 'dreaming': taken for not over yet"
    ]


def test_no_error_shows_the_key_or_what_the_request_was_made_of(client: Caller, server: Server) -> None:
    client.settings["max_retries"] = 0
    for miss in (
        reset,
        answer(500, {"error": {"message": f"got Bearer {KEY}"}}),
        answer(200, KEY),
        answer(200, task_json("failed", error={"code": KEY, "message": KEY})),
        answer(200, task_json(task_id=KEY)),
    ):
        server.script(miss)
        with pytest.raises((UpstreamError, ConnectionFailed, InvalidResponse)) as caught:
            client.get()
        assert KEY not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
        assert caught.value.__cause__ is None
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
        assert not [frame for frame in frames if frame.filename.startswith(OURS) and KEY in str(frame.locals)]


@left_by_httpx
def test_no_error_of_ours_brings_along_the_one_that_it_was_made_of(client: Caller, server: Server) -> None:
    # The frames of that one hold the request's headers, and with them the key.
    client.settings |= {"max_retries": 0, "timeout": 0.2}
    too_many_digits = b'{"id": "task-1", "status": "running", "x": ' + b"9" * 5000 + b"}"
    for miss in (
        reset,
        server.stall(),
        answer(200, b"not gzip", content_encoding="gzip"),
        answer(200, too_many_digits),
    ):
        server.script(miss)
        with pytest.raises((ConnectionFailed, InvalidResponse)) as caught:
            client.get()
        assert caught.value.__suppress_context__
