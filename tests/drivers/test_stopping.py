"""An event, ctrl-C or the end of the program end a wait at once: real threads, signals and processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest

from meshapi_video import PollPolicy, VideoClient, WaitStopped
from support.by_id import (
    AT_ONCE,
    LONG,
    NAMES,
    QUICK,
    SLOW,
    AnswerTo,
    by_id,
    eventually,
    held,
    never_answered,
    never_over,
    threads,
)
from support.clients import KEY
from support.server import Server, finished, task


@pytest.fixture(params=["plain", "TLS"])
def either(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server, with TLS and without."""
    if request.param == "plain":
        return server
    chosen: Server = request.getfixturevalue("secure")
    return chosen


@contextmanager
def stopping(stop: threading.Event, when: Callable[[], object]) -> Generator[None]:
    """Sets an event in another thread, as soon as something is so."""

    def wait_and_stop() -> None:
        eventually(when)
        stop.set()

    stopper = threading.Thread(target=wait_and_stop)
    stopper.start()
    yield
    stopper.join()


@pytest.mark.parametrize("phase", ["before the first look", "during a sleep", "during a look"])
def test_an_event_stops_a_wait_from_another_thread(either: Server, phase: str) -> None:
    either.script(task("running"), held)
    looks = {"before the first look": 0, "during a sleep": 1, "during a look": 2}[phase]
    stop, seen = threading.Event(), threading.Event()
    if not looks:
        stop.set()

    def there() -> bool:
        return seen.is_set() if looks == 1 else len(either.requests) == looks

    with (
        VideoClient(KEY, base_url=either.base_url) as client,
        stopping(stop, there),
        pytest.raises(WaitStopped) as caught,
    ):
        client.wait(
            "task-1", poll=SLOW if looks == 1 else QUICK, timeout=3 * LONG, stop=stop, on_update=lambda _: seen.set()
        )
    assert (caught.value.token.task_id, caught.value.polls) == ("task-1", min(looks, 1))
    assert (caught.value.last_task is None) == (looks == 0)
    assert len(either.requests) == looks


def test_an_event_that_nobody_sets_disturbs_nothing(either: Server) -> None:
    # Longer than the reading goes on between two glances at the event.
    either.script(either.slow(task("running"), 0.15), either.slow(finished(), 0.15))
    with VideoClient(KEY, base_url=either.base_url) as client:
        assert client.wait("task-1", poll=QUICK, timeout=LONG, stop=threading.Event()).id == "task-1"
    assert len(either.requests) == 2


def test_a_sleep_that_an_event_may_end_is_cut_into_pieces_that_ctrl_c_can_end_everywhere(server: Server) -> None:
    # On Windows nothing interrupts a thread that waits for an event.
    server.script(task("running"), finished())
    asked = list[float]()

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            asked.append(timeout)
            return super().wait(timeout)

    with VideoClient(KEY, base_url=server.base_url) as client:
        client.wait("task-1", poll=PollPolicy(initial_delay=0.5, jitter=0), stop=Watched())
    assert max(asked) <= 0.2
    assert sum(asked) >= 0.4


@pytest.mark.parametrize("answer_to", [never_over, never_answered], ids=["asleep", "looking"])
def test_an_event_ends_each_of_many_waits_with_a_token(either: Server, answer_to: AnswerTo) -> None:
    by_id(either, answer_to)
    stop = threading.Event()
    with (
        VideoClient(KEY, base_url=either.base_url) as client,
        stopping(stop, lambda: len(either.requests) == 20),
    ):
        results = client.wait_many(NAMES[:20], poll=SLOW, timeout=3 * LONG, stop=stop)
        errors = {result.task_id: result.error for result in results}
        assert results.tokens == []
        eventually(lambda: threads() == 0 and either._at_once == 0)
    assert set(errors) == set(NAMES[:20])
    for name, error in errors.items():
        assert isinstance(error, WaitStopped)
        assert error.token.task_id == name


def test_a_task_that_is_taken_in_after_the_event_was_set_has_its_result_too(server: Server) -> None:
    by_id(server, never_over)
    stop = threading.Event()

    def ids() -> Iterator[str]:
        yield "early"
        eventually(lambda: server.requests)
        stop.set()
        eventually(lambda: threads() == 0)
        yield "late"
        yield "never taken"

    with VideoClient(KEY, base_url=server.base_url) as client:
        found = {result.task_id: result.error for result in client.wait_many(ids(), poll=SLOW, stop=stop)}
    assert set(found) == {"early", "late"}
    assert {type(error) for error in found.values()} == {WaitStopped}


def test_looks_that_cannot_be_cut_short_hold_up_a_close_for_one_moment_together(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Through somebody else's client a request ends when it ends.
    by_id(server, lambda _task_id, _look: server.stall())
    with httpx.Client() as borrowed, VideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
        results = client.wait_many([*NAMES[:20], AT_ONCE])
        assert next(results).task_id == AT_ONCE
        eventually(lambda: server._at_once == 20)
        given = list[float]()

        def takes_all_its_time(_thread: threading.Thread, timeout: float) -> None:
            given.append(timeout)

        with monkeypatch.context() as patch:
            patch.setattr("meshapi_video._sync_waits.time", SimpleNamespace(monotonic=lambda: sum(given)))
            patch.setattr(threading.Thread, "join", takes_all_its_time)
            results.close()
            # One that gives out the looks, and twenty that make them.
            assert (len(given), sum(given)) == (21, 1)
            results.close()
            assert len(given) == 21
        server.stopping.set()
        eventually(lambda: threads() == 0)


# What follows are whole processes.

PROLOGUE = f"""
import logging, signal, sys, threading
# Whoever runs the tests in the background may have had it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
import anyio
from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient
SLOW = PollPolicy(initial_delay=60.0, growth=1.0, max_delay=60.0)
NAMES = [f"t{{n}}" for n in range(5)]
url = sys.argv[1]
client = VideoClient({KEY!r}, base_url=url)
# A line for each look that was answered, as the last thing before it is slept.
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("meshapi_video.looks").setLevel(logging.DEBUG)
async def many(**arguments):
    async with AsyncVideoClient({KEY!r}, base_url=url) as client:
        async for _ in client.wait_many(NAMES, poll=SLOW):
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
    "wait_many": "list(client.wait_many(NAMES, poll=SLOW))",
    "wait_many on asyncio": "anyio.run(many, backend='asyncio')",
    "wait_many on trio": "anyio.run(many, backend='trio')",
}


@pytest.mark.parametrize("phase", ["asleep", "looking"])
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_a_wait_at_once(server: Server, call: str, phase: str) -> None:
    by_id(server, never_over if phase == "asleep" else never_answered)
    looks = 5 if "many" in call else 1

    with process(f"try:\n    {CALLS[call]}\nfinally:\n    client.close()", server) as running:
        if phase == "looking":
            eventually(lambda: server._at_once == looks)
        else:
            assert running.stdout is not None
            for _ in range(looks):
                assert "is running" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=LONG)
    assert running.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in said
    for complaint in ("Exception ignored", "never awaited", "ResourceWarning", "Task was destroyed", "Fatal"):
        assert complaint not in said


@pytest.mark.parametrize("answer_to", [never_over, never_answered], ids=["asleep", "looking"])
def test_a_program_that_ends_waits_for_no_wait(server: Server, answer_to: AnswerTo) -> None:
    by_id(server, answer_to)
    code = """
results = client.wait_many([*NAMES, ".."], poll=SLOW)
assert next(results).task_id == ".."
other = threading.Thread(target=lambda: client.wait("other", poll=SLOW), daemon=True)
other.start()
import warnings
sys.stdin.readline()
warnings.simplefilter("ignore", ResourceWarning)
"""
    with process(code, server) as running:
        eventually(lambda: len(server.requests) == 6)
        _, said = running.communicate("end\n", timeout=LONG)
    assert (running.returncode, said) == (0, "")
