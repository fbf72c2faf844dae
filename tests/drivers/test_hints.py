"""`poll_now` takes a hint, from any thread: an honest one brings the video within a round trip."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from meshapi_video import AsyncVideoClient
from support.clients import Caller, Kind
from support.many_tasks import SLOW, RealClock, eventually, finished_after, never_finished, respond_by_id
from support.server import Server


@pytest.fixture
def client(kind: Kind, server: Server) -> Caller:
    return Caller(kind, server.base_url, clock=RealClock())


def test_a_hint_from_another_thread_brings_the_video_at_once(client: Caller, server: Server) -> None:
    polls = respond_by_id(server, finished_after(2))

    async def body(each: AsyncVideoClient) -> list[str]:
        results = each.wait_many(["t0"], poll=SLOW, timeout=50)

        def hint() -> None:
            eventually(lambda: polls["t0"] == 1)
            while polls["t0"] == 1:
                results.poll_now("t0")
                threading.Event().wait(0.01)

        thread = threading.Thread(target=hint)
        thread.start()
        try:
            return [result.task_id async for result in results]
        finally:
            thread.join()

    assert client.run(body) == ["t0"]
    assert polls["t0"] == 2


def test_a_hint_about_an_unknown_task_or_after_the_end_does_nothing(client: Caller, server: Server) -> None:
    polls = respond_by_id(server, finished_after(1))

    async def body(each: AsyncVideoClient) -> None:
        results = each.wait_many(["t0"], poll=SLOW)
        results.poll_now("t0")
        results.poll_now("forged")
        assert [result.task_id async for result in results] == ["t0"]
        results.poll_now("t0")
        results.poll_now("forged")

    client.run(body)
    assert polls == {"t0": 1}


def test_hints_after_the_iterator_was_closed_do_nothing(client: Caller, server: Server) -> None:
    respond_by_id(server, never_finished)

    async def body(each: AsyncVideoClient) -> Any:  # noqa: ANN401
        results = each.wait_many(["t0"], poll=SLOW)
        await results.close()
        results.poll_now("t0")
        return results

    results = client.run(body)
    # The event loop has ended, too.
    results.poll_now("t0")
