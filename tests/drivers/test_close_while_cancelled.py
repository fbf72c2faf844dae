"""Closing a `wait_many` waits for the end of its background tasks, even while the caller is being cancelled."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest

from meshapi_video import AsyncVideoClient
from support.clients import KEY, Kind
from support.many_tasks import TASK_IDS, always_hangs, collect, eventually_async, respond_by_id, task_count
from support.server import Server


@pytest.mark.parametrize("closed_by", ["close", "the client"])
def test_after_a_cancelled_caller_has_closed_a_wait_many_no_background_task_is_left(
    server: Server, backend: Kind, closed_by: str
) -> None:
    respond_by_id(server, always_hangs)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            before = task_count()
            results = client.wait_many(TASK_IDS)

            async def take() -> None:
                # The iterator says that its client was closed.
                with suppress(RuntimeError):
                    await collect(results)

            async with anyio.create_task_group() as group:
                group.start_soon(take)
                await eventually_async(lambda: server.in_flight)
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await (results if closed_by == "close" else client).close()
                # At once, because a background task uses the client's connections. One task still takes results.
                assert task_count() <= before + 1

    anyio.run(main, backend=backend)
