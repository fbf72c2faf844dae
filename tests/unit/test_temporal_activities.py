"""The activities for Temporal: a wait survives its worker, and no retry pays for a video again. Without a server."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, get_type_hints

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

import meshapi_video.temporal
from meshapi_video import AsyncVideoClient, PollPolicy, WaitToken
from meshapi_video.temporal import VideoActivities, VideoResult
from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clients import KEY
from support.server import Response, Server, finished, reset, response, serving, task

QUICK: Final = PollPolicy(initial_delay=0.01, max_delay=0.01)
REQUEST: Final = {"model": "byteplus/dreamina-seedance-2-0", "prompt": "a lake at sunrise"}
SETTLED: Final = 60.0
"""Short, so that few attempts search the list."""

T = TypeVar("T")


@dataclass
class Temporal:
    """Runs the attempts of one activity as Temporal does, with the heartbeats of the attempt before. No time passes."""

    base_url: str
    api_key: str = KEY
    poll: PollPolicy = QUICK
    timeout: float = 30.0
    details: list[Any] = field(default_factory=list[Any])
    """What the last heartbeat of any attempt said."""
    attempt: int = 0
    delays: list[float | None] = field(default_factory=list[float | None])
    errors: list[ApplicationError] = field(default_factory=list[ApplicationError])
    # The fields of the activity's `Info`. Each test knows their types.
    info: dict[str, Any] = field(default_factory=lambda: {"heartbeat_timeout": timedelta(seconds=30)})
    now: float = field(default_factory=time.time)

    async def start(
        self, name: str, argument: object, meanwhile: Callable[[ActivityEnvironment], Awaitable[None]] | None = None
    ) -> Any:  # noqa: ANN401 - the result of any activity
        """One attempt, on a worker of its own."""
        self.attempt += 1
        started = datetime.fromtimestamp(self.now, UTC)
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info, attempt=self.attempt, heartbeat_details=self.details, started_time=started,
            start_to_close_timeout=timedelta(minutes=2),
            **{
                "scheduled_time": started if self.attempt == 1 else environment.info.scheduled_time,
                "current_attempt_scheduled_time": started, **self.info,
            },
        )  # fmt: skip
        self.info["scheduled_time"] = environment.info.scheduled_time
        environment.on_heartbeat = self._heartbeat
        async with AsyncVideoClient(self.api_key, base_url=self.base_url, timeout=self.timeout) as client:
            activities = VideoActivities(client, poll=self.poll, settled_after=SETTLED)
            [function] = [each for each in activities.activities if each.__name__ == name]
            running = asyncio.ensure_future(environment.run(function, await self._converted(argument, function)))
            if meanwhile is not None:
                await meanwhile(environment)
            return await running

    async def _converted(self, argument: object, function: Callable[..., object]) -> object:
        """The argument as Temporal passes it: an error here would be retried for ever."""
        [hint] = [hint for name, hint in get_type_hints(function).items() if name != "return"]
        payloads = await DataConverter.default.encode([argument])
        [converted] = await DataConverter.default.decode(payloads, [hint])
        return converted

    def _heartbeat(self, *details: object) -> None:
        # Temporal stores JSON.
        self.details = json.loads(json.dumps(details))

    def run(self, name: str, argument: object) -> Any:  # noqa: ANN401 - the result of any activity
        """The result of the activity, after as many attempts as it takes. Raises an error that is not retried."""
        for _ in range(100):
            try:
                return asyncio.run(self.start(name, argument))
            except ApplicationError as error:
                self.errors.append(error)
                if error.non_retryable:
                    raise
                delay = error.next_retry_delay
                self.delays.append(None if delay is None else delay.total_seconds())
                self.pass_time(self.delays[-1] or 1.0)
        raise AssertionError("100 attempts have not ended the activity")

    def pass_time(self, seconds: float) -> None:
        """Lets time pass for the creates."""
        self.now += seconds


@pytest.fixture
def temporal(server: Server) -> Temporal:
    return Temporal(server.base_url)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the condition is about another thread
        await asyncio.sleep(0.001)


def refused(temporal: Temporal, name: str, argument: object) -> ApplicationError:
    """The error by which the activity ends, and which is not retried."""
    with pytest.raises(ApplicationError) as caught:
        temporal.run(name, argument)
    assert caught.value.non_retryable
    return caught.value


# The waits.

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


async def shut_down(environment: ActivityEnvironment) -> None:
    environment.worker_shutdown()


async def shut_down_at_once(environment: ActivityEnvironment) -> None:
    environment.cancel(ActivityCancellationDetails(worker_shutdown=True))


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


# The creates.


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


# The module.


def test_the_time_after_which_a_list_has_settled_is_a_number_of_seconds() -> None:
    client = AsyncVideoClient(KEY, base_url="http://127.0.0.1:1")
    with pytest.raises(ValueError, match="settled_after"):
        VideoActivities(client, settled_after=-1)


def test_without_the_extra_the_import_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("temporalio")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'meshapi-video\[temporal\]'"):
        importlib.reload(meshapi_video.temporal)


def test_a_workflow_imports_the_module_without_an_http_client() -> None:
    code = (
        "import sys, meshapi_video; assert 'temporalio' not in sys.modules; import meshapi_video.temporal; "
        "assert not {'httpx', 'httpcore', 'msgspec'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
