"""A `stop` event, ctrl-C or the end of the program end a wait at once: real threads, signals and processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from meshapi_video import PollPolicy, VideoClient, WaitResult, WaitStopped
from support.clients import KEY
from support.http_library import httpx
from support.many_tasks import (
    INVALID_ID,
    LONG,
    QUICK,
    SLOW,
    TASK_IDS,
    ResponseTo,
    always_hangs,
    eventually,
    hang,
    never_finished,
    respond_by_id,
    thread_count,
)
from support.server import Server, finished, task


@pytest.fixture(params=["plain", "TLS"])
def plain_or_tls(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server, with TLS and without."""
    if request.param == "plain":
        return server
    chosen: Server = request.getfixturevalue("tls_server")
    return chosen


@contextmanager
def stop_when(stop: threading.Event, condition: Callable[[], object]) -> Generator[None]:
    """Sets the event in another thread as soon as the condition is true."""

    def set_stop() -> None:
        eventually(condition)
        stop.set()

    stopper = threading.Thread(target=set_stop)
    stopper.start()
    yield
    stopper.join()


@pytest.mark.parametrize("phase", ["before the first poll", "during a sleep", "during a poll"])
def test_an_event_stops_a_wait_from_another_thread(plain_or_tls: Server, phase: str) -> None:
    plain_or_tls.script(task("running"), hang)
    polls = {"before the first poll": 0, "during a sleep": 1, "during a poll": 2}[phase]
    stop, updated = threading.Event(), threading.Event()
    if not polls:
        stop.set()

    def phase_reached() -> bool:
        return updated.is_set() if polls == 1 else len(plain_or_tls.requests) == polls

    with (
        VideoClient(KEY, base_url=plain_or_tls.base_url) as client,
        stop_when(stop, phase_reached),
        pytest.raises(WaitStopped) as caught,
    ):
        client.wait(
            "task-1", poll=SLOW if polls == 1 else QUICK, timeout=3 * LONG, stop=stop, on_update=lambda _: updated.set()
        )
    assert (caught.value.token.task_id, caught.value.polls) == ("task-1", min(polls, 1))
    assert (caught.value.last_task is None) == (polls == 0)
    assert len(plain_or_tls.requests) == polls


def test_an_event_that_is_not_set_changes_nothing(plain_or_tls: Server) -> None:
    # Longer than the interval at which a read checks the event.
    plain_or_tls.script(plain_or_tls.slow(task("running"), 0.15), plain_or_tls.slow(finished(), 0.15))
    with VideoClient(KEY, base_url=plain_or_tls.base_url) as client:
        assert client.wait("task-1", poll=QUICK, timeout=LONG, stop=threading.Event()).id == "task-1"
    assert len(plain_or_tls.requests) == 2


def test_a_wait_with_an_event_sleeps_in_short_parts_and_never_takes_the_lock_of_the_event(server: Server) -> None:
    # A signal handler that sets the event would wait for ever for a lock that its own thread holds.
    server.script(task("running"), finished())
    sleeps = list[float]()

    class EventWithoutWait(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise AssertionError(timeout)

    with VideoClient(KEY, base_url=server.base_url) as client:
        client._clock, client._sleep = lambda: 1000 + sum(sleeps), sleeps.append
        client.wait("task-1", poll=PollPolicy(initial_delay=0.5, jitter=0), stop=EventWithoutWait())
    assert max(sleeps) <= 0.1
    assert sum(sleeps) == pytest.approx(0.5)


@pytest.mark.parametrize("response_to", [never_finished, always_hangs], ids=["asleep", "polling"])
def test_an_event_ends_each_of_many_waits_with_a_token(plain_or_tls: Server, response_to: ResponseTo) -> None:
    respond_by_id(plain_or_tls, response_to)
    stop = threading.Event()
    with (
        VideoClient(KEY, base_url=plain_or_tls.base_url) as client,
        stop_when(stop, lambda: len(plain_or_tls.requests) == 20),
    ):
        results = client.wait_many(TASK_IDS[:20], poll=SLOW, timeout=3 * LONG, stop=stop)
        errors = {result.task_id: result.error for result in results}
        assert results.tokens == []
        eventually(lambda: thread_count() == 0 and plain_or_tls.in_flight == 0)
    assert set(errors) == set(TASK_IDS[:20])
    for name, error in errors.items():
        assert isinstance(error, WaitStopped)
        assert error.token.task_id == name


def test_a_task_that_is_taken_after_the_event_was_set_has_a_result_too(server: Server) -> None:
    respond_by_id(server, never_finished)
    stop = threading.Event()

    def ids() -> Iterator[str]:
        yield "early"
        eventually(lambda: server.requests)
        stop.set()
        eventually(lambda: thread_count() == 0)
        yield "late"
        yield "not taken"

    left = ids()
    with VideoClient(KEY, base_url=server.base_url) as client:
        found = {result.task_id: result.error for result in client.wait_many(left, poll=SLOW, stop=stop)}
    assert set(found) == {"early", "late"}
    assert {type(error) for error in found.values()} == {WaitStopped}
    # The iterable may be endless, so the rest stays in it.
    assert list(left) == ["not taken"]


@pytest.mark.parametrize("when", ["before the loop", "after some results"])
def test_after_the_event_each_id_of_a_list_has_a_result_with_a_token(server: Server, when: str) -> None:
    respond_by_id(server, never_finished)
    ids = [*(INVALID_ID for _ in range(5)), *(f"task-{number}" for number in range(50))]
    stop = threading.Event()
    if when == "before the loop":
        stop.set()
    found = dict[str, WaitResult]()
    with VideoClient(KEY, base_url=server.base_url) as client:
        for result in client.wait_many(ids, poll=SLOW, stop=stop, max_waiting=10):
            found[result.task_id] = result
            if when == "after some results":
                stop.set()
                # The wait has been stopped for good.
                eventually(lambda: thread_count() == 0)
                stop.clear()
    errors = [result.error for task_id, result in found.items() if task_id != INVALID_ID]
    assert {error.token.task_id for error in errors if isinstance(error, WaitStopped)} == set(ids) - {INVALID_ID}
    assert server.requests == []


def test_close_waits_one_second_for_all_polls_that_cannot_be_ended_early(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A request through a user's client cannot be ended early.
    respond_by_id(server, lambda _task_id, _poll: server.stall())
    with httpx.Client() as http_client, VideoClient(KEY, base_url=server.base_url, http_client=http_client) as client:
        results = client.wait_many([*TASK_IDS[:20], INVALID_ID])
        assert next(results).task_id == INVALID_ID
        eventually(lambda: server.in_flight == 20)
        timeouts = list[float]()
        with monkeypatch.context() as patch:
            patch.setattr("meshapi_video._sync.wait_many.monotonic", lambda: sum(timeouts))
            patch.setattr(results._poller._exited, "wait", timeouts.append)
            results.close()
            assert sum(timeouts) == pytest.approx(1)
            # Only the thread that dispatches the polls has ended.
            eventually(lambda: thread_count() == 20)
            waits = len(timeouts)
            results.close()
            assert list(results) == []
            assert len(timeouts) == waits
        server.stopping.set()
        eventually(lambda: thread_count() == 0)


# Tests of whole processes.

PROLOGUE = f"""
import logging, signal, sys, threading
# A shell that starts the tests in the background makes them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
import anyio
from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient
SLOW = PollPolicy(initial_delay=60.0, multiplier=1.0, max_delay=60.0)
TASK_IDS = [f"t{{n}}" for n in range(5)]
url = sys.argv[1]
client = VideoClient({KEY!r}, base_url=url)
# A line for each poll with a response, written last before the sleep.
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("meshapi_video.polls").setLevel(logging.DEBUG)
# With -X dev, asyncio warns about a slow callback.
logging.getLogger("asyncio").setLevel(logging.ERROR)
async def many(**arguments):
    async with AsyncVideoClient({KEY!r}, base_url=url) as client:
        async for _ in client.wait_many(TASK_IDS, poll=SLOW):
            pass
"""


@contextmanager
def process(code: str, server: Server) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROLOGUE + code, server.base_url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


CALLS = {
    "wait": "client.wait('t0', poll=SLOW)",
    "wait with an event": "client.wait('t0', poll=SLOW, stop=threading.Event())",
    "wait_many": "list(client.wait_many(TASK_IDS, poll=SLOW))",
    "wait_many on asyncio": "anyio.run(many, backend='asyncio')",
    "wait_many on trio": "anyio.run(many, backend='trio')",
}


@pytest.mark.parametrize("phase", ["asleep", "polling"])
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_a_wait_at_once(server: Server, call: str, phase: str) -> None:
    respond_by_id(server, never_finished if phase == "asleep" else always_hangs)
    polls = 5 if "many" in call else 1

    with process(f"try:\n    {CALLS[call]}\nfinally:\n    client.close()", server) as running:
        if phase == "polling":
            eventually(lambda: server.in_flight == polls)
        else:
            assert running.stdout is not None
            for _ in range(polls):
                assert "received the status running, after" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=LONG)
    assert running.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    for warning in ("Exception ignored", "never awaited", "ResourceWarning", "Task was destroyed", "Fatal"):
        assert warning not in errors


@pytest.mark.parametrize("response_to", [never_finished, always_hangs], ids=["asleep", "polling"])
def test_the_end_of_a_program_does_not_wait_for_pending_waits(server: Server, response_to: ResponseTo) -> None:
    respond_by_id(server, response_to)
    code = """
results = client.wait_many([*TASK_IDS, ".."], poll=SLOW)
assert next(results).task_id == ".."
other = threading.Thread(target=lambda: client.wait("other", poll=SLOW), daemon=True)
other.start()
import warnings
sys.stdin.readline()
warnings.simplefilter("ignore", ResourceWarning)
"""
    with process(code, server) as running:
        eventually(lambda: len(server.requests) == 6)
        _, errors = running.communicate("end\n", timeout=LONG)
    assert (running.returncode, errors) == (0, "")
