"""The activity that creates a task on Temporal: no attempt pays for a video again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Final

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clients import KEY
from support.server import Response, Server, response, serving
from support.temporal import REQUEST, SETTLED, Temporal, refused, shut_down_at_once, until


@pytest.fixture(scope="module")
def shared_sandbox() -> Generator[Sandbox]:
    with running_sandbox(keys=(KEY, "rsk_other")) as started:
        yield started


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def creating(sandbox: Sandbox) -> Temporal:
    """The attempts of a create. Their time is the sandbox's."""

    @dataclass
    class CreatingTemporal(Temporal):
        def pass_time(self, seconds: float) -> None:
            super().pass_time(seconds)
            sandbox.advance(seconds)

    return CreatingTemporal(sandbox.base_url, timeout=0.5)


def made(sandbox: Sandbox) -> list[str]:
    return [record.id for record in sandbox.creates()]


def test_the_first_attempt_creates_a_task(creating: Temporal, sandbox: Sandbox) -> None:
    assert [creating.run("create_video", REQUEST)] == made(sandbox)
    assert creating.attempt == 1
    assert KEY not in json.dumps(creating.details)


FAULTS: Final = [
    "lost_response", "reset_before", "reset_after", "bad_gateway_before", "bad_gateway_after", "unavailable_before",
    "unavailable_after", "rate_limited", "slow_before", "slow_after", "html_before", "html_after", "truncated", "half",
    "no_id",
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_endless_retries_pay_once(creating: Temporal, sandbox: Sandbox, fault: str) -> None:
    slow = {"delay": 1.0} if fault.startswith("slow") else {}
    sandbox.plan_creates(create_faults=[{"fault": fault, "creates": [1], **slow}])
    assert [creating.run("create_video", REQUEST)] == made(sandbox)
    assert all(error.type in {"CreateUncertain", "RateLimitedError"} for error in creating.errors)


def begin(temporal: Temporal) -> None:
    """One attempt whose worker is lost after the task was made: nobody gets its result."""
    asyncio.run(temporal.start("create_video", REQUEST))
    temporal.pass_time(60)


@pytest.mark.parametrize("heartbeat_arrived", [True, False])
def test_an_attempt_after_a_lost_worker_finds_the_task(
    creating: Temporal, sandbox: Sandbox, *, heartbeat_arrived: bool
) -> None:
    begin(creating)
    if not heartbeat_arrived:
        creating.details = []
    assert [creating.run("create_video", REQUEST)] == made(sandbox)
    assert creating.attempt == 2


def test_an_activity_that_an_operator_resets_finds_the_task(creating: Temporal, sandbox: Sandbox) -> None:
    begin(creating)
    creating.details, creating.attempt = [], 0
    assert [creating.run("create_video", REQUEST)] == made(sandbox)
    assert creating.attempt == 1


def test_a_request_of_a_lost_worker_is_sent_again_when_the_list_has_settled(
    creating: Temporal, sandbox: Sandbox
) -> None:
    sandbox.plan_creates(create_faults=[{"fault": "bad_gateway_before", "creates": [1]}])
    began = creating.now
    assert [creating.run("create_video", REQUEST)] == made(sandbox)
    assert SETTLED < creating.now - began < SETTLED + 100
    assert creating.attempt < 30


def test_a_clock_that_is_ahead_settles_nothing_hours_after_the_first_attempt(
    creating: Temporal, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault, waited in {"rate_limited": 0, "bad_gateway_before": 7200}.items():
        sandbox.plan_creates(create_faults=[fault])
        creating.pass_time(waited)
        with pytest.raises(ApplicationError):
            asyncio.run(creating.start("create_video", REQUEST))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2 * SETTLED)
    with pytest.raises(ApplicationError, match="the next attempt searches again"):
        asyncio.run(creating.start("create_video", REQUEST))


@pytest.mark.parametrize("known", ["another key", "no heartbeat", "a mark of an attempt long before"])
def test_a_list_that_cannot_tell_ends_the_create_unclear(creating: Temporal, sandbox: Sandbox, known: str) -> None:
    sandbox.plan_creates(create_faults=[{"fault": "bad_gateway_before", "creates": [1]}])
    with pytest.raises(ApplicationError):
        asyncio.run(creating.start("create_video", REQUEST))
    if known == "another key":
        creating.api_key = "rsk_other"
    elif known == "no heartbeat":
        creating.details = []
    else:
        creating.details[0] |= {"attempt": 0, "made_no_task": True}
    error = refused(creating, "create_video", REQUEST)
    assert error.type == "CreateUncertain"
    assert error.details[0]["candidates"] == []
    assert f"the seed {error.details[0]['seed']}" in str(error)
    assert "client.list" in str(error)
    assert made(sandbox) == []


def test_a_task_with_the_seed_of_the_caller_is_a_candidate(creating: Temporal, sandbox: Sandbox) -> None:
    sandbox.plan_creates(create_faults=["lost_response"])
    error = refused(creating, "create_video", {**REQUEST, "seed": 7})
    assert (error.type, error.details[0]["seed"]) == ("CreateUncertain", 7)
    assert error.details[0]["candidates"] == made(sandbox)
    assert len(made(sandbox)) == 1


def test_the_request_has_one_seed_in_each_attempt_and_another_one_in_each_activity(
    temporal: Temporal, server: Server
) -> None:
    server.script(response(429, {}, retry_after="100"), response(200, {"id": "t-1"}))
    temporal.run("create_video", REQUEST)
    for changed in ({"activity_id": "2"}, {"workflow_run_id": "another"}):
        again = Temporal(server.base_url, info=changed)
        assert again.run("create_video", {**REQUEST, "seed": -1}) == "t-1"
    seeds = [json.loads(request.body)["seed"] for request in server.requests]
    assert seeds[0] == seeds[1]
    assert len({*seeds}) == 3
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_the_task_of_a_draft_has_no_seed_of_its_own(temporal: Temporal, server: Server) -> None:
    server.script(response(200, {"id": "t-1"}))
    item = {"type": "draft_task", "draft_task": {"id": "draft-1"}}
    temporal.run("create_video", {"model": REQUEST["model"], "content": [item]})
    assert "seed" not in json.loads(server.requests[0].body)
    assert json.loads(server.requests[0].body)["content"] == [item]


def test_an_attempt_that_made_no_task_is_repeated_after_the_time_that_the_server_asks_for(
    temporal: Temporal, server: Server
) -> None:
    server.script(response(429, {}, retry_after="100"), response(200, {"id": "t-1"}))
    assert temporal.run("create_video", REQUEST) == "t-1"
    assert temporal.delays == [100]


def test_an_attempt_without_a_connection_is_repeated(temporal: Temporal, server: Server) -> None:
    server.script(response(200, {"id": "t-1"}))
    with serving(down=True) as down:
        temporal.base_url, temporal.timeout = down.base_url, 0.5
        with pytest.raises(ApplicationError) as caught:
            asyncio.run(temporal.start("create_video", REQUEST))
    assert (caught.value.type, caught.value.non_retryable) == ("ConnectionFailed", False)
    # The retry policy of the workflow decides.
    assert caught.value.next_retry_delay is None
    temporal.base_url, temporal.timeout = server.base_url, 30
    assert temporal.run("create_video", REQUEST) == "t-1"


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(401, "AuthenticationError"), (402, "PaymentRequiredError"), (403, "PermissionDeniedError"),
     (404, "NotFoundError"), (422, "RequestRejectedError")],
)  # fmt: skip
def test_a_refused_create_is_not_retried(temporal: Temporal, server: Server, status: int, error_type: str) -> None:
    server.script(response(status, {}))
    error = refused(temporal, "create_video", REQUEST)
    assert (error.type, error.details[0]["status_code"]) == (error_type, status)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("request_", "error_type", "message"),
    [
        ([REQUEST], "ValueError", "request should be an object"),
        ("a lake at sunrise", "ValueError", "request should be an object"),
        (None, "ValueError", "request should be an object"),
        ({"prompt": "a lake"}, "ValueError", "model should be"),
        ({**REQUEST, "duration": -3}, "ValueError", "duration should be"),
        ({**REQUEST, "durations": 3}, "TypeError", "duration"),
        ({**REQUEST, "content": [{"url": "https://example.com/a.png"}]}, "ValueError", "content should be"),
        ({**REQUEST, "journal": "a.journal"}, "TypeError", "journal"),
    ],
)
def test_a_wrong_request_is_not_sent_and_not_retried(
    temporal: Temporal, server: Server, request_: object, error_type: str, message: str
) -> None:
    error = refused(temporal, "create_video", request_)
    assert error.type == error_type
    assert message in str(error)
    assert server.requests == []


def test_a_local_activity_creates_nothing(temporal: Temporal, server: Server) -> None:
    temporal.info["is_local"] = True
    assert "local activity" in str(refused(temporal, "create_video", REQUEST))
    assert server.requests == []


@pytest.mark.parametrize(("answer", "retried"), [(response(503), True), (response(401, {}), False)])
def test_a_list_that_cannot_be_read_creates_nothing(
    temporal: Temporal, server: Server, answer: Response, *, retried: bool
) -> None:
    server.script(response(502), answer)
    temporal.timeout = 0.5
    with pytest.raises(ApplicationError):
        asyncio.run(temporal.start("create_video", REQUEST))
    with pytest.raises(ApplicationError, match="list at Mesh cannot be read") as caught:
        asyncio.run(temporal.start("create_video", REQUEST))
    assert (caught.value.type, caught.value.non_retryable) == ("CreateUncertain", not retried)
    assert [request.method for request in server.requests].count("POST") == 1


@pytest.mark.parametrize("stop", [shut_down_at_once])
def test_a_worker_that_shuts_down_waits_for_the_id_of_a_task_that_is_paid_for(
    temporal: Temporal, server: Server, stop: Callable[[ActivityEnvironment], Awaitable[None]]
) -> None:
    server.script(server.slow(response(200, {"id": "t-1"}), 0.1))

    async def deploy(environment: ActivityEnvironment) -> None:
        await until(lambda: len(server.requests) > 0)
        await stop(environment)

    assert asyncio.run(temporal.start("create_video", REQUEST, deploy)) == "t-1"
