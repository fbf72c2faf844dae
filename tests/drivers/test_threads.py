"""The threads of `wait_many`: fewer than wanted, ctrl-C while they start, and a forked process, which has none."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient, WaitProgress, WaitStopped
from meshapi_video._sync.connections import ConnectionPool
from meshapi_video._sync.httpx_client import ChosenTransport
from support.clients import KEY, Caller
from support.many_tasks import (
    INVALID_ID,
    QUICK,
    SLOW,
    TASK_IDS,
    always_hangs,
    collect,
    eventually,
    finished_after,
    first_finish,
    never_finished,
    respond_by_id,
    thread_count,
)
from support.server import Server, finished, task


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    eventually(lambda: thread_count() == 0)


@pytest.fixture
def client(server: Server) -> Iterator[VideoClient]:
    with VideoClient(KEY, base_url=server.base_url) as client:
        yield client


def limit_threads(monkeypatch: pytest.MonkeyPatch, may_start: Callable[[int], bool]) -> None:
    """Lets the n-th thread of `wait_many` start only if `may_start(n)`, as the limit of a system does."""
    start, attempts = threading.Thread.start, list[str]()

    def start_or_refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("meshapi-video"):
            attempts.append(thread.name)
            if not may_start(len(attempts)):
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_with_fewer_threads_wait_many_goes_on_with_those_there_are(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    limit_threads(monkeypatch, lambda attempt: attempt <= threads)
    respond_by_id(server, finished_after(2))
    found = {result.task_id: result.error for result in client.wait_many(TASK_IDS, poll=QUICK)}
    assert found == dict.fromkeys(TASK_IDS)
    # One thread dispatches. It sends the polls itself if there is no other.
    assert server.max_in_flight <= max(threads - 1, 1)


def test_more_threads_are_started_as_soon_as_the_system_allows_them(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._sync.wait_many._THREAD_RETRY_INTERVAL", 0.05)
    limit_threads(monkeypatch, lambda attempt: attempt <= 3 or attempt > 5)
    # The first task ends when 20 requests are in flight.
    respond_by_id(server, first_finish(server))
    results = client.wait_many(TASK_IDS, poll=QUICK)
    assert next(results).task_id == TASK_IDS[0]
    results.close()


def test_without_any_thread_wait_many_says_so_and_takes_no_task(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(TASK_IDS)
    with monkeypatch.context() as patch:
        limit_threads(patch, lambda _attempt: False)
        with pytest.raises(MeshVideoError, match="no thread could be started: can't start new thread"):
            next(client.wait_many(ids))
    respond_by_id(server, finished_after(1))
    assert {result.task_id for result in client.wait_many(ids) if result.video} == set(TASK_IDS)


@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_poll_in_the_only_thread_can_be_ended(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    limit_threads(monkeypatch, lambda attempt: attempt == 1)
    respond_by_id(server, always_hangs)
    stop = threading.Event()
    results = client.wait_many(["t0", INVALID_ID], stop=stop)
    assert next(results).task_id == INVALID_ID
    eventually(lambda: server.in_flight)
    if end == "stop":
        stop.set()
        assert isinstance(next(results).error, WaitStopped)
    results.close()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_while_the_first_thread_starts_reaches_the_caller(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch, moment: str, *, again: bool
) -> None:
    respond_by_id(server, never_finished)
    start = threading.Thread.start

    def interrupted_start(thread: threading.Thread) -> None:
        if moment == "after":
            start(thread)
        raise KeyboardInterrupt

    results = client.wait_many(TASK_IDS, poll=SLOW)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted_start)
        if again:
            # A second ctrl-C, while the first one closes the iterator.
            patch.setattr(results._poller, "join", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            next(results)
    eventually(lambda: thread_count() == 0)
    assert list(results) == []
    assert server.requests == []


@pytest.mark.parametrize("where", ["in next", "in the loop", "in another loop"])
def test_close_in_a_callback_or_a_loop_waits_for_the_threads_where_it_can(
    client: VideoClient, server: Server, where: str
) -> None:
    respond_by_id(server, first_finish(server))

    def on_progress(progress: WaitProgress) -> None:
        if progress.ended and where == "in next":
            results.close()

    results = client.wait_many(TASK_IDS, poll=QUICK, on_progress=on_progress)
    found = list[str]()
    for result in results:
        found.append(result.task_id)
        eventually(lambda: server.in_flight == 29)
        if where == "in another loop":
            other = client.wait_many([INVALID_ID, "other"], on_progress=lambda _: results.close())
            assert next(other).task_id == INVALID_ID
        results.close()
        assert not results._poller._running
    assert not results._poller._running
    assert len(found) <= 1


def test_close_in_a_signal_handler_is_noticed_by_a_first_poll_that_opens_the_connections(
    client: VideoClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = client._session
    connect, opened = session._connect, list[object]()

    def connect_and_close() -> object:
        opened.append(transport := connect())
        # As a signal handler does in the same thread, which holds the lock of the session.
        client.close()
        return transport

    monkeypatch.setattr(session, "_connect", connect_and_close)
    with pytest.raises(RuntimeError, match="this client has been closed"):
        client.get("t0")
    [transport] = opened
    assert isinstance(transport, ChosenTransport)
    pool = transport._builtin
    assert isinstance(pool, ConnectionPool)
    assert pool._closed
    assert server.requests == []


def in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the rest of the test believe that it runs in a forked process, without threads and event loop."""
    pid = os.getpid()
    for module in ("_sync.wait_many", "_async.wait_many", "_sync.session"):
        monkeypatch.setattr(f"meshapi_video.{module}.os", SimpleNamespace(getpid=lambda: pid + 1))


def test_an_iterator_says_that_it_cannot_continue_in_a_forked_process(
    real_time_client: Caller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id) if task_id == "t0" else task("running", task_id))

    async def body(client: AsyncVideoClient) -> None:
        results = client.wait_many(TASK_IDS[:5], poll=SLOW)
        assert (await anext(results)).task_id == "t0"
        with monkeypatch.context() as patch:
            in_a_forked_process(patch)
            for _ in range(2):
                with pytest.raises(RuntimeError, match="Read its `tokens` before the fork"):
                    await anext(results)
            if real_time_client.kind == "sync":
                # Another thread may have been in the middle of a change, and may have held the lock.
                with pytest.raises(RuntimeError, match="cannot continue in a forked process"):
                    assert results.tokens
            # The end of the process closes nothing of the parent.
            results.__del__()
        # The parent goes on.
        assert {token.task_id for token in results.tokens} == set(TASK_IDS[1:5])
        assert results.progress.begun == 5
        await results.close()
        with monkeypatch.context() as patch:
            in_a_forked_process(patch)
            await results.close()
            assert await collect(client.wait_many([])) == []

    real_time_client.run(body)
