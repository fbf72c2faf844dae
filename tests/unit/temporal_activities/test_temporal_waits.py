"""The activities that wait on Temporal: a wait survives its worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from meshapi_video import AsyncVideoClient, CertificateError, PollPolicy, WaitStep, WaitToken
from meshapi_video.temporal import VideoResult
from support.clients import KEY
from support.server import Response, Server, finished, reset, response, task
from support.temporal import Temporal, refused, shut_down, shut_down_at_once, until

BOTH_WAITS: Final = pytest.mark.parametrize("name", ["wait_for_video", "poll_video"])


@BOTH_WAITS
def test_a_wait_returns_plain_data(temporal: Temporal, server: Server, name: str) -> None:
    server.script(task(), task(), finished(url="https://cdn.example/v.mp4"))
    assert temporal.run(name, "task-1") == VideoResult("task-1", "https://cdn.example/v.mp4", None)
    assert len(server.requests) == 3


@BOTH_WAITS
def test_a_wait_resumes_from_a_token_that_the_workflow_gives(temporal: Temporal, server: Server, name: str) -> None:
    server.script(task(), finished())
    token = WaitToken(task_id="task-1", started=time.time(), polls=40, not_before=0)
    temporal.run(name, token.to_json())
    assert server.requests[0].target.endswith("/task-1")
    assert WaitToken.from_json(temporal.details[0]).polls >= 41


@BOTH_WAITS
@pytest.mark.parametrize("token", ['{"version": 99, "task_id": "task-1"}', {"attempt": 1}])
def test_a_heartbeat_of_another_release_begins_the_wait_again(
    temporal: Temporal, server: Server, name: str, token: object
) -> None:
    server.script(finished())
    temporal.details = [token]
    assert temporal.run(name, "task-1").id == "task-1"


@BOTH_WAITS
def test_a_wait_goes_on_after_failures_that_pass(temporal: Temporal, server: Server, name: str) -> None:
    server.script(reset, response(503), finished())
    assert temporal.run(name, "task-1").id == "task-1"


@BOTH_WAITS
@pytest.mark.parametrize(
    ("bad", "error_type", "details"),
    [
        (task("failed", error={"code": "E1", "message": "bad"}), "TaskFailed", {"code": "E1", "message": "bad"}),
        (task("expired"), "TaskExpired", {}),
        (task("cancelled"), "TaskCancelled", {}),
        (task("succeeded"), "InvalidResponse", {"path": "$.content.video_url"}),
        (response(401, {"error": {"code": "unauthorized", "message": KEY}}), "AuthenticationError",
         {"status_code": 401, "code": "unauthorized"}),
        (response(404, {}), "NotFoundError", {"status_code": 404}),
    ],
)  # fmt: skip
def test_an_end_without_a_video_and_a_refusal_are_not_retried(
    temporal: Temporal, server: Server, name: str, bad: Response, error_type: str, details: dict[str, object]
) -> None:
    server.script(bad)
    error = refused(temporal, name, "task-1")
    assert error.type == error_type
    assert error.details[0]["task_id"] == "task-1"
    assert details.items() <= error.details[0].items()
    assert len(server.requests) == 1


@BOTH_WAITS
def test_a_worker_that_does_not_trust_the_certificate_leaves_the_wait_to_the_next_attempt(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def step(_self: AsyncVideoClient, token: WaitToken, **_poll: object) -> WaitStep:
        return WaitStep(
            task=None, video=None, error=CertificateError("no"), last_error=None, over=True, token=token, delay=0.0
        )

    monkeypatch.setattr(AsyncVideoClient, "step", step)
    with pytest.raises(ApplicationError) as caught:
        asyncio.run(temporal.start(name, "task-1"))
    assert (caught.value.type, caught.value.non_retryable) == ("CertificateError", False)


@BOTH_WAITS
@pytest.mark.parametrize(
    "argument",
    [
        "a/b",
        "",
        pytest.param("[" * 5000, id="deep"),
        '{"version": 99, "task_id": 5}',
        pytest.param("[" * 100_000, id="deep"),
        ["task-1"],
        None,
        WaitToken(task_id="a/b", started=0, polls=0, not_before=0).to_json(),
    ],
)
def test_a_wait_refuses_an_argument_that_cannot_be_a_task(
    temporal: Temporal, server: Server, name: str, argument: object
) -> None:
    error = refused(temporal, name, argument)
    assert (error.type, server.requests) == ("ValueError", [])
    assert "task id" in str(error)
    assert len(str(error)) < 1000


@BOTH_WAITS
def test_a_wait_begins_again_from_a_token_that_a_newer_release_wrote(
    temporal: Temporal, server: Server, name: str
) -> None:
    server.script(finished())
    assert temporal.run(name, '{"version": 99, "task_id": "task-1", "more": []}').id == "task-1"
    assert server.requests[0].target.endswith("/task-1")


def test_a_failure_is_short_in_the_history_and_does_not_have_the_key(temporal: Temporal, server: Server) -> None:
    server.script(response(401, {"error": {"code": "unauthorized", "message": f"no key {KEY} {'x' * 10_000}"}}))
    error = refused(temporal, "wait_for_video", "task-1")
    failure, converter = Failure(), DataConverter.default
    converter.failure_converter.to_failure(error, converter.payload_converter, failure)
    stored = failure.SerializeToString()
    assert KEY.encode() not in stored
    assert len(stored) < 5000
    assert not failure.HasField("cause")


def test_the_next_attempt_of_a_wait_resumes_on_another_worker(temporal: Temporal, server: Server) -> None:
    server.script(task())

    async def lost(environment: ActivityEnvironment) -> None:
        await until(lambda: len(server.requests) >= 3)
        environment.cancel()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(temporal.start("wait_for_video", "task-1", lost))
    polls = WaitToken.from_json(temporal.details[0]).polls
    assert polls >= 2
    server.script(finished())
    assert temporal.run("wait_for_video", "task-1").id == "task-1"
    assert WaitToken.from_json(temporal.details[0]).polls >= polls


def test_a_wait_heartbeats_while_a_poll_has_no_response(temporal: Temporal, server: Server) -> None:
    server.script(server.slow(finished(), 0.2))
    temporal.info["heartbeat_timeout"] = timedelta(seconds=0.03)
    beats = list[str]()

    async def count(environment: ActivityEnvironment) -> None:
        environment.on_heartbeat = beats.append

    asyncio.run(temporal.start("wait_for_video", "task-1", count))
    assert len(beats) > 5
    assert WaitToken.from_json(beats[0]).polls == 0


@pytest.mark.parametrize("timeout", [None, timedelta(0)])
def test_a_wait_without_a_heartbeat_timeout_is_refused(
    temporal: Temporal, server: Server, timeout: timedelta | None
) -> None:
    temporal.info["heartbeat_timeout"] = timeout
    error = refused(temporal, "wait_for_video", "task-1")
    assert (error.type, server.requests) == ("ValueError", [])
    assert "heartbeat_timeout" in str(error)


@pytest.mark.parametrize("in_a_poll", [True, False])
def test_a_cancellation_ends_a_wait_at_once(temporal: Temporal, server: Server, *, in_a_poll: bool) -> None:
    server.script(server.stall() if in_a_poll else task())
    temporal.poll = PollPolicy()
    ended = list[float]()

    async def cancel(environment: ActivityEnvironment) -> None:
        await until(lambda: len(server.requests) > 0)
        await asyncio.sleep(0.05)
        ended.append(time.monotonic())
        environment.cancel()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(temporal.start("wait_for_video", "task-1", cancel))
    assert time.monotonic() - ended[0] < 1


@pytest.mark.parametrize("stop", [shut_down, shut_down_at_once])
def test_a_worker_that_shuts_down_hands_its_wait_to_another_one(
    temporal: Temporal, server: Server, stop: Callable[[ActivityEnvironment], Awaitable[None]]
) -> None:
    server.script(task())
    temporal.poll = PollPolicy()

    async def deploy(environment: ActivityEnvironment) -> None:
        await until(lambda: bool(temporal.details) and WaitToken.from_json(temporal.details[0]).polls > 0)
        await stop(environment)

    with pytest.raises(ApplicationError) as caught:
        asyncio.run(temporal.start("wait_for_video", "task-1", deploy))
    error = caught.value
    assert (error.type, error.non_retryable, error.category) == (
        "WaitUnfinished", False, ApplicationErrorCategory.BENIGN,
    )  # fmt: skip
    # Temporal takes a delay of zero for none.
    assert error.next_retry_delay is not None
    assert timedelta(0) < error.next_retry_delay < timedelta(seconds=1)
    assert error.details[0] == {"token": temporal.details[0]}


def delay_of(error: ApplicationError) -> float:
    assert error.next_retry_delay is not None
    return error.next_retry_delay.total_seconds()


def test_a_poll_waits_as_long_as_the_server_asks_for(temporal: Temporal, server: Server) -> None:
    server.script(response(429, {}, retry_after="70"))
    with pytest.raises(ApplicationError) as caught:
        asyncio.run(temporal.start("poll_video", "task-1"))
    assert delay_of(caught.value) == pytest.approx(70, abs=1)


def test_a_poll_leaves_the_delay_until_the_next_one_to_temporal(temporal: Temporal, server: Server) -> None:
    server.script(task())
    temporal.poll = PollPolicy(jitter=0)
    with pytest.raises(ApplicationError) as first:
        asyncio.run(temporal.start("poll_video", "task-1"))
    assert delay_of(first.value) == pytest.approx(8, abs=0.5)
    assert (first.value.type, first.value.category) == ("WaitUnfinished", ApplicationErrorCategory.BENIGN)
    assert len(server.requests) == 1


def test_a_poll_that_is_not_due_is_not_sent(temporal: Temporal, server: Server) -> None:
    later = WaitToken(task_id="task-1", started=time.time(), polls=1, not_before=0, next_poll_at=time.time() + 70)
    with pytest.raises(ApplicationError) as caught:
        asyncio.run(temporal.start("poll_video", later.to_json()))
    assert delay_of(caught.value) == pytest.approx(70, abs=1)
    assert server.requests == []
