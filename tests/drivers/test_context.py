"""Every thread and task that works for a caller has the caller's context variables, as its log and its traces need."""

from __future__ import annotations

import ast
import logging
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import freezegun
import pytest

import meshapi_video
from meshapi_video import AsyncVideoClient, PollPolicy
from meshapi_video._threads import start_timer
from support.clients import Caller, Kind
from support.http_library import httpx
from support.many_tasks import QUICK, TASK_IDS, collect, eventually, finished_after, respond_by_id
from support.server import Server

OVERLAY: Final = Path(meshapi_video.__file__).parent
request_id: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)


@pytest.fixture
def seen() -> Iterator[list[str | None]]:
    """The value of the variable where each log line was logged."""
    seen = list[str | None]()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - of the class
            seen.append(request_id.get())

    logger, handler = logging.getLogger("meshapi_video"), Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield seen
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def test_each_log_line_of_wait_many_has_the_callers_context(
    real_time_client: Caller, server: Server, seen: list[str | None]
) -> None:
    respond_by_id(server, finished_after(2))

    async def body(client: AsyncVideoClient) -> None:
        request_id.set("of the caller")
        assert len(await collect(client.wait_many(TASK_IDS, poll=QUICK))) == len(TASK_IDS)

    real_time_client.run(body)
    assert len(seen) > 2 * len(TASK_IDS)
    assert set(seen) == {"of the caller"}


def test_two_loops_over_wait_many_have_each_its_own_context(
    real_time_client: Caller, server: Server, seen: list[str | None]
) -> None:
    respond_by_id(server, finished_after(1))

    async def body(client: AsyncVideoClient) -> None:
        for name in ("first", "second"):
            request_id.set(name)
            await collect(client.wait_many([f"{name}-{number}" for number in range(5)], poll=QUICK))
            assert set(seen) == {name}
            seen.clear()

    real_time_client.run(body)


def test_a_policy_of_the_caller_runs_in_the_callers_context(real_time_client: Caller, server: Server) -> None:
    respond_by_id(server, finished_after(2))
    values = list[str | None]()

    class Policy(PollPolicy):
        def delay(self, age: float, rand: float, failures: int = 0, task: object = None) -> float:  # noqa: ARG002 - of the class
            values.append(request_id.get())
            return 0.01

    async def body(client: AsyncVideoClient) -> None:
        request_id.set("of the caller")
        await collect(client.wait_many(TASK_IDS[:3], poll=Policy()))

    real_time_client.run(body)
    assert values == ["of the caller"] * 3


def test_a_hook_of_the_users_client_runs_in_the_callers_context(
    real_time_client: Caller, server: Server, kind: Kind
) -> None:
    respond_by_id(server, finished_after(1))
    values = list[str | None]()

    def hook(_request: httpx.Request) -> None:
        values.append(request_id.get())

    async def hook_async(_request: httpx.Request) -> None:
        values.append(request_id.get())

    real_time_client.user_client = {"event_hooks": {"request": [hook if kind == "sync" else hook_async]}}

    async def body(client: AsyncVideoClient) -> None:
        request_id.set("of the caller")
        await collect(client.wait_many(TASK_IDS[:3], poll=QUICK))

    real_time_client.run(body)
    assert values == ["of the caller"] * 3


def test_the_timer_that_keeps_deadlines_while_the_time_is_frozen_has_the_callers_context() -> None:
    values = list[str | None]()
    request_id.set("of the caller")
    with freezegun.freeze_time():
        timer = start_timer(0.001, lambda: values.append(request_id.get()))
    timer.join()
    assert values == ["of the caller"]
    request_id.set(None)


def test_a_timer_of_many_days_is_a_daemon_that_can_be_cancelled() -> None:
    timer = start_timer(threading.TIMEOUT_MAX * 2, lambda: None)
    assert timer.daemon
    timer.cancel()
    eventually(lambda: not timer.is_alive())


def test_only_one_module_starts_threads() -> None:
    # Threads that other code starts would begin without the caller's context. anyio's `to_thread` passes it on.
    starters = set[str]()
    for path in OVERLAY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in {"Thread", "Timer", "ThreadPoolExecutor", "run_in_executor", "start_new_thread"}:
                    starters.add(path.name)
    assert starters == {"_threads.py"}
