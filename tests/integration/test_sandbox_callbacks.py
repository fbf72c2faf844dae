"""Callbacks: the sandbox posts each change of a task to the `callback_url` of its request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from meshapi_video import AsyncVideoClient, PollPolicy, is_terminal, parse_task
from meshapi_video_sandbox import Outcome, Sandbox, running_sandbox
from support.clients import Caller, Kind
from support.many_tasks import LONG, RealClock, eventually
from support.sandbox_client import create, get, poll


@dataclass
class Receiver:
    """A server that takes callbacks."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    statuses: deque[int] = field(default_factory=deque[int])
    """The statuses of the next responses; 204 after them. 0 closes the connection without a response."""
    hold: threading.Event = field(default_factory=threading.Event)
    """While this is not set, there is no response."""
    on_callback: Callable[[bytes], object] = lambda _body: None
    """Called with the body of each callback, before the response."""

    @property
    def seen(self) -> list[str]:
        return [parse_task(body).status for body in self.bodies]


@contextmanager
def receiving() -> Generator[Receiver]:
    receiver = Receiver()
    receiver.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.bodies.append(body)
            receiver.hold.wait()
            receiver.on_callback(body)
            status = receiver.statuses.popleft() if receiver.statuses else 204
            if status:
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Prints nothing."""

    class ReceivingServer(ThreadingHTTPServer):
        # The default is 5: the system would drop connections of a burst, and clients try again after a second.
        request_queue_size = 128

    with ReceivingServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook?secret=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        receiver.hold.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def sandbox() -> Generator[Sandbox]:
    """A sandbox of its own: its clock runs, and the test moves it."""
    with running_sandbox() as started:
        started.plan_creates(queued_for=1000, running_for=1000)
        yield started


def create_with_callback(sandbox: Sandbox, receiver: Receiver) -> str:
    task_id: str = create(sandbox, callback_url=receiver.url).json()["id"]
    return task_id


def listed_status(sandbox: Sandbox, task_id: str) -> str:
    response = get(f"{sandbox.base_url}/v1/video/generations", headers={"Authorization": "Bearer rsk_sandbox"})
    (task,) = (one for one in response.json()["data"] if one["id"] == task_id)
    status: str = task["status"]
    return status


def wait_for_attempts(sandbox: Sandbox, task_id: str, number: int) -> list[int | None]:
    """The responses to the attempts of a task, once there are so many."""
    eventually(lambda: len(sandbox.inspect(task_id).callbacks) >= number)
    return [attempt.response for attempt in sandbox.inspect(task_id).callbacks]


def let_due_callbacks_begin(sandbox: Sandbox) -> None:
    """Waits for a callback that becomes due after all others that are due."""
    with receiving() as other:
        create_with_callback(sandbox, other)
        eventually(lambda: other.bodies)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "expired"])
def test_each_change_is_posted_when_it_happens(sandbox: Sandbox, receiver: Receiver, outcome: Outcome) -> None:
    sandbox.plan_creates(outcome, queued_for=1000, running_for=1000)
    task_id = create_with_callback(sandbox, receiver)
    statuses = ["queued", "running", outcome]
    for number in (1, 2, 3):
        assert wait_for_attempts(sandbox, task_id, number) == [204] * number
        sandbox.advance(900)
        let_due_callbacks_begin(sandbox)
        assert receiver.seen == statuses[:number]
        sandbox.advance(100)
    assert receiver.bodies[-1] == poll(sandbox, task_id).content


def test_a_cancelled_task_is_not_reported(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.plan_creates("cancelled", queued_for=1000)
    create_with_callback(sandbox, receiver)
    sandbox.advance(5000)
    sandbox.plan_creates(queued_for=0, running_for=0)
    create_with_callback(sandbox, receiver)
    eventually(lambda: len(receiver.bodies) == 4)
    assert sorted(receiver.seen) == ["queued", "queued", "running", "succeeded"]


def test_changes_that_happen_at_once_are_posted_in_their_order(sandbox: Sandbox, receiver: Receiver) -> None:
    create_with_callback(sandbox, receiver)
    sandbox.advance(2000)
    eventually(lambda: len(receiver.bodies) == 3)
    assert receiver.seen == ["queued", "running", "succeeded"]


def test_a_callback_has_the_whole_task_as_json_and_no_signature_and_no_key(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    task_id = create_with_callback(sandbox, receiver)
    eventually(lambda: receiver.bodies)
    assert parse_task(receiver.bodies[0]).id == task_id
    assert receiver.bodies[0] == poll(sandbox, task_id).content
    (headers,) = receiver.headers
    assert headers["content-type"] == "application/json"
    assert headers.keys() <= {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length"
    }  # fmt: skip


def test_a_callback_updates_the_list_without_a_poll(sandbox: Sandbox, receiver: Receiver) -> None:
    task_id = create_with_callback(sandbox, receiver)
    sandbox.advance(2000)
    eventually(lambda: len(receiver.bodies) == 3)
    assert listed_status(sandbox, task_id) == "succeeded"
    assert sandbox.inspect(task_id).upstream_polls == 0


def test_a_task_without_a_callback_url_posts_nothing_and_stays_as_it_is_in_the_list(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    task_id = create(sandbox).json()["id"]
    create_with_callback(sandbox, receiver)
    sandbox.advance(2000)
    eventually(lambda: len(receiver.bodies) == 3)
    assert listed_status(sandbox, task_id) == "queued"


@pytest.mark.parametrize("status", [500, 404, 301, 0])
def test_a_callback_that_is_not_acknowledged_is_sent_again_after_5_seconds_3_times_at_most(
    sandbox: Sandbox, receiver: Receiver, status: int
) -> None:
    receiver.statuses.extend([status] * 9)
    task_id = create_with_callback(sandbox, receiver)
    for number in range(1, 5):
        assert wait_for_attempts(sandbox, task_id, number) == [status or None] * number
        sandbox.advance(4)
        let_due_callbacks_begin(sandbox)
        assert len(receiver.bodies) == number
        sandbox.advance(1)
    sandbox.advance(500)
    let_due_callbacks_begin(sandbox)
    assert receiver.seen == ["queued"] * 4
    assert len(set(receiver.bodies)) == 1


def test_a_callback_is_not_sent_again_once_it_was_acknowledged(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses.extend([500, 500, 200])
    task_id = create_with_callback(sandbox, receiver)
    for number in range(1, 4):
        wait_for_attempts(sandbox, task_id, number)
        sandbox.advance(6)
    sandbox.advance(1000)
    assert wait_for_attempts(sandbox, task_id, 4) == [500, 500, 200, 204]
    assert receiver.seen == ["queued", "queued", "queued", "running"]


def test_a_retry_may_come_after_a_later_change(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses.append(500)
    sandbox.plan_creates(queued_for=4, running_for=1000)
    task_id = create_with_callback(sandbox, receiver)
    wait_for_attempts(sandbox, task_id, 1)
    sandbox.advance(4)
    wait_for_attempts(sandbox, task_id, 2)
    sandbox.advance(4)
    wait_for_attempts(sandbox, task_id, 3)
    assert receiver.seen == ["queued", "running", "queued"]


def test_a_receiver_that_does_not_respond_in_5_seconds_has_not_acknowledged(
    sandbox: Sandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold.clear()
    with monkeypatch.context() as patch:
        patch.setattr("meshapi_video_sandbox._callbacks._ACKNOWLEDGED_WITHIN", 0.05)
        task_id = create_with_callback(sandbox, receiver)
        wait_for_attempts(sandbox, task_id, 1)
    receiver.hold.set()
    sandbox.advance(5)
    assert wait_for_attempts(sandbox, task_id, 2) == [None, 204]


def test_a_receiver_that_is_down_harms_nothing(sandbox: Sandbox) -> None:
    task_id = create(sandbox, callback_url="http://127.0.0.1:1/").json()["id"]
    sandbox.advance(2000)
    assert poll(sandbox, task_id).json()["status"] == "succeeded"


def test_a_sandbox_that_stops_does_not_wait_for_callbacks(receiver: Receiver) -> None:
    receiver.hold.clear()
    with running_sandbox() as sandbox:
        create_with_callback(sandbox, receiver)
        eventually(lambda: receiver.bodies)


def test_callbacks_that_become_due_after_a_restart_are_sent(tmp_path: Path, receiver: Receiver) -> None:
    with running_sandbox(db=tmp_path / "t.db") as sandbox:
        sandbox.plan_creates(queued_for=1000, running_for=1000)
        create_with_callback(sandbox, receiver)
        eventually(lambda: receiver.bodies)
    with running_sandbox(db=tmp_path / "t.db") as sandbox:
        sandbox.advance(2001)
        eventually(lambda: len(receiver.bodies) == 3)
    assert receiver.seen == ["queued", "running", "succeeded"]


def test_many_callbacks_arrive_each_once(sandbox: Sandbox, receiver: Receiver) -> None:
    made = {create_with_callback(sandbox, receiver) for _ in range(30)}
    sandbox.advance(2001)
    eventually(lambda: len(receiver.bodies) == 90)
    tasks = [parse_task(body) for body in receiver.bodies]
    assert {(task.id, task.status) for task in tasks} == {
        (task_id, status) for task_id in made for status in ("queued", "running", "succeeded")
    }


def test_with_callbacks_about_ended_tasks_as_hints_each_task_is_polled_twice(
    kind: Kind, sandbox: Sandbox, receiver: Receiver
) -> None:
    task_ids = [create_with_callback(sandbox, receiver) for _ in range(20)]
    created_at = sandbox.inspect(task_ids[0]).history[0].at

    async def body(client: AsyncVideoClient) -> tuple[int, float]:
        results = client.wait_many(task_ids, poll=PollPolicy(initial_delay=150.0, max_delay=150.0), timeout=None)

        def hint(callback: bytes) -> None:
            task = parse_task(callback)
            if is_terminal(task):
                results.poll_now(task.id)

        def run_tasks() -> None:
            eventually(lambda: results.progress.polls == len(task_ids))
            sandbox.advance(1000)
            # The callbacks about queued and running tasks are no hints.
            eventually(lambda: len(receiver.bodies) == 2 * len(task_ids))
            sandbox.advance(1000)

        receiver.on_callback = hint
        thread = threading.Thread(target=run_tasks)
        thread.start()
        found = [result.task_id async for result in results if result.video]
        ended_for = sandbox.now() - created_at - 2000
        thread.join()
        assert sorted(found) == sorted(task_ids)
        return results.progress.polls, ended_for

    caller = Caller(kind, sandbox.base_url, RealClock(), {"api_key": sandbox.api_key})
    polls, lag = caller.run(body)
    assert polls == 2 * len(task_ids)
    # The next poll of the schedule would come more than two minutes later.
    assert lag < LONG
