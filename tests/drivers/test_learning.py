"""Both drivers, on every event loop, look where a policy has learned to look, and tell it what they saw."""

from __future__ import annotations

import email.utils
import socket

import pytest

from meshapi_video import AdaptivePolicy, PollPolicy, TaskFailed, VideoTaskResponse
from support.by_id import NAMES, QUICK, Loop, by_id
from support.clients import Caller, Kind
from support.server import TASK_ID, Answer, Server, answer, finished, task, task_json

MADE = 1_800_000_000
KIND = {"model": "m", "resolution": "720p", "duration": 5}


def learned(seconds: float, n: int = 30) -> AdaptivePolicy:
    """A policy that has seen tasks of the kind take about so long."""
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.0))
    for number in range(n):
        known = VideoTaskResponse(id=f"known-{number}", status="running", model="m", resolution="720p", duration=5)
        policy.saw(known, 0, seconds * (0.9 + 0.2 * number / n), ended=True)
    return policy


def taking(seconds: float, client: Caller, end: str = "succeeded", task_id: str = TASK_ID) -> Answer:
    """A task that is made now, and takes so long by a server's clock that goes as the client's."""
    begun = client.clock.now

    def write(connection: socket.socket) -> bool:
        age = client.clock.now - begun
        content = {"content": {"video_url": "https://cdn.example/v.mp4"}, "updated_at": MADE + int(seconds)}
        fields = {"created_at": MADE, **KIND, **(content if age >= seconds else {})}
        body = task_json(end if age >= seconds else "running", task_id, **fields)
        return answer(200, body, date=email.utils.formatdate(MADE + age, usegmt=True))(connection)

    return write


def test_a_wait_looks_where_tasks_of_its_kind_were_seen_to_end(client: Caller, server: Server) -> None:
    server.script(taking(100, client))
    policy = learned(100)
    client.wait(poll=policy)
    sleeps = client.clock.sleeps
    # By the bounds of the policy at first, and then closer and closer.
    assert sleeps[0] == pytest.approx(13.6)
    assert min(sleeps[5:]) < 3
    assert client.clock.now - 1000 - 100 < 3


def test_a_wait_tells_the_policy_when_its_task_ended(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy()
    server.script(taking(100, client))
    client.wait(poll=policy)
    assert policy.ends == 1
    server.script(finished())
    client.wait(poll=policy)
    assert policy.ends == 1


def test_a_task_that_failed_has_ended_too(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy()
    server.script(taking(30, client, "failed"))
    with pytest.raises(TaskFailed):
        client.wait(poll=policy)
    assert policy.ends == 1


def test_after_ten_waits_the_eleventh_looks_elsewhere(client: Caller, server: Server) -> None:
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.0))
    sleeps = list[list[float]]()
    for number in range(11):
        client.clock.sleeps.clear()
        server.script(taking(100, client, task_id=f"task-{number}"))
        client.wait(f"task-{number}", poll=policy)
        sleeps.append(list(client.clock.sleeps))
    assert policy.ends == 11
    assert sleeps[:10] == [sleeps[0]] * 10
    assert sleeps[0][:2] == pytest.approx([8, 8.8])
    assert sleeps[10][:2] == pytest.approx([13.6, 14.4], rel=0.01)


class Counting(AdaptivePolicy):
    """Counts the ends that it is told of."""

    told = 0

    def saw(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        super().saw(task, since, until, ended=ended)
        self.told += ended


def test_many_waits_teach_one_policy(kind: Kind, server: Server) -> None:
    looks = by_id(server, lambda task_id, look: finished(task_id) if look > 2 else task("running", task_id))
    policy = Counting(fallback=QUICK)
    assert len(Loop(kind, server)(NAMES, poll=policy)) == 30
    assert policy.told == 30
    assert set(looks.values()) == {3}
