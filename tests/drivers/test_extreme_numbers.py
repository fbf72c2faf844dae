"""No number that the server sends can break a wait: a wrong number is as good as none."""

from __future__ import annotations

import json

import pytest

from meshapi_video import AdaptivePolicy, AsyncVideoClient, PollPolicy
from support.cli import exit_code_of_main
from support.clients import KEY, Caller
from support.many_tasks import collect
from support.server import Response, Server, response, task_json

DIGITS_401 = 10**400
NUMBERS = [DIGITS_401, -DIGITS_401, 2**63, -(2**63), 10**12, -1, 0]
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
POLL = PollPolicy(initial_delay=1.0, max_delay=1.0)


def task_with(number: int, status: str, task_id: str = "task-1") -> Response:
    numbers = dict.fromkeys(
        ("created_at", "updated_at", "execution_expires_after", "duration", "seed", "framespersecond", "priority"),
        number,
    )
    content = {"video_url": "https://cdn.example/v.mp4"} if status == "succeeded" else None
    return response(200, task_json(status, task_id, content=content, **numbers), date=DATE)


def rate_limited(number: int) -> Response:
    body = {"error": {"code": "slow_down", "message": "…", "retry_after_seconds": number}}
    return response(429, body, retry_after=str(number), date=DATE)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number:.0e}" if abs(number) < 2**64 else "401 digits")
@pytest.mark.parametrize("policy", [POLL, "adaptive"])
def test_a_wait_ends_with_the_video_whatever_numbers_the_server_sends(
    client: Caller, server: Server, number: int, policy: PollPolicy | str
) -> None:
    poll = AdaptivePolicy(fallback=POLL) if isinstance(policy, str) else policy
    running, succeeded = task_with(number, "running"), task_with(number, "succeeded")

    async def body(client: AsyncVideoClient) -> None:
        server.script(running, running, succeeded)
        assert (await client.wait("task-1", poll=poll, timeout=None)).id == "task-1"
        server.requests.clear()
        server.script(running, succeeded)
        assert [task.status for task in await collect(client.updates("task-1", poll=poll))] == ["running", "succeeded"]
        assert (await client.get("task-1")).created_at == number

    client.run(body)
    if isinstance(poll, AdaptivePolicy):
        assert AdaptivePolicy.from_json(poll.to_json()).completed == 1


@pytest.mark.parametrize("number", [DIGITS_401, -DIGITS_401], ids=["large", "negative"])
def test_wait_many_has_a_video_for_each_task_whatever_numbers_the_server_sends(
    real_time_client: Caller, server: Server, number: int
) -> None:
    policy = AdaptivePolicy(fallback=PollPolicy(initial_delay=0.01, max_delay=0.01))
    server.script(rate_limited(-number), task_with(number, "running"), task_with(number, "succeeded"))

    async def body(client: AsyncVideoClient) -> None:
        results = client.wait_many(["task-1"], poll=policy, timeout=None)
        [result] = [result async for result in results]
        assert result.video is not None

    real_time_client.run(body)


def test_the_command_prints_a_number_of_401_digits(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    server.script(task_with(DIGITS_401, "succeeded"))
    assert exit_code_of_main("get", "task-1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["created_at"] == DIGITS_401
    assert exit_code_of_main("get", "task-1") == 0
    assert exit_code_of_main("wait", "task-1", "--json") == 0
    assert exit_code_of_main("wait", "task-1") == 0
