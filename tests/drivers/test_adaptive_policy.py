"""Both clients poll by the plan of an `AdaptivePolicy`, and report to it when tasks end."""

from __future__ import annotations

import email.utils
import socket

import pytest

from meshapi_video import AdaptivePolicy, PollPolicy, TaskFailed, VideoTaskResponse
from support.clients import Caller, Kind
from support.many_tasks import QUICK, TASK_IDS, WaitManyCaller, respond_by_id
from support.server import TASK_ID, Response, Server, finished, response, task, task_json

CREATED_AT = 1_800_000_000
FEATURES = {"model": "m", "resolution": "720p", "duration": 5}


def trained_policy(seconds: float, n: int = 30) -> AdaptivePolicy:
    """A policy that has observed `n` similar tasks, which took about so many seconds."""
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.0))
    for number in range(n):
        known = VideoTaskResponse(id=f"known-{number}", status="running", model="m", resolution="720p", duration=5)
        policy.observe(known, 0, seconds * (0.9 + 0.2 * number / n), ended=True)
    return policy


def task_that_takes(seconds: float, client: Caller, end: str = "succeeded", task_id: str = TASK_ID) -> Response:
    """A task that is created now and takes so many seconds. The server's clock runs like the client's."""
    created_at = client.clock.now

    def write(connection: socket.socket) -> bool:
        age = client.clock.now - created_at
        content = {"content": {"video_url": "https://cdn.example/v.mp4"}, "updated_at": CREATED_AT + int(seconds)}
        fields = {"created_at": CREATED_AT, **FEATURES, **(content if age >= seconds else {})}
        body = task_json(end if age >= seconds else "running", task_id, **fields)
        return response(200, body, date=email.utils.formatdate(CREATED_AT + age, usegmt=True))(connection)

    return write


def test_a_wait_polls_most_often_at_the_age_at_which_similar_tasks_ended(client: Caller, server: Server) -> None:
    server.script(task_that_takes(100, client))
    policy = trained_policy(100)
    client.wait(poll=policy)
    sleeps = client.clock.sleeps
    # First with the longest delay that the policy allows, then with shorter and shorter delays.
    assert sleeps[0] == pytest.approx(13.6)
    assert min(sleeps[5:]) < 3
    assert client.clock.now - 1000 - 100 < 3


def test_a_wait_reports_the_end_of_its_task_to_the_policy(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy()
    server.script(task_that_takes(100, client))
    client.wait(poll=policy)
    assert policy.completed == 1
    server.script(finished())
    client.wait(poll=policy)
    assert policy.completed == 1


def test_a_failed_task_is_reported_too(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy()
    server.script(task_that_takes(30, client, "failed"))
    with pytest.raises(TaskFailed):
        client.wait(poll=policy)
    assert policy.completed == 1


def test_after_ten_waits_the_eleventh_has_other_delays(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.0))
    sleeps = list[list[float]]()
    for number in range(11):
        client.clock.sleeps.clear()
        server.script(task_that_takes(100, client, task_id=f"task-{number}"))
        client.wait(f"task-{number}", poll=policy)
        sleeps.append(list(client.clock.sleeps))
    assert policy.completed == 11
    assert sleeps[:10] == [sleeps[0]] * 10
    assert sleeps[0][:2] == pytest.approx([8, 8.8])
    assert sleeps[10][:2] == pytest.approx([13.6, 14.4], rel=0.01)


class CountingPolicy(AdaptivePolicy):
    """Counts the ended tasks that are reported to it."""

    reports = 0

    def observe(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        super().observe(task, since, until, ended=ended)
        self.reports += ended


def test_wait_many_reports_each_task_to_the_policy_once(kind: Kind, server: Server) -> None:
    polls = respond_by_id(server, lambda task_id, poll: finished(task_id) if poll > 2 else task("running", task_id))
    policy = CountingPolicy(fallback=QUICK)
    assert len(WaitManyCaller(kind, server)(TASK_IDS, poll=policy)) == 30
    assert policy.reports == 30
    assert set(polls.values()) == {3}
