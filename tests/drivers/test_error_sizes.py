"""A server that sends long texts does not fill the memory with errors."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError
from support.clients import Caller
from support.server import Response, Server, response

SIZE = 300_000
LONG = "x" * SIZE


@pytest.mark.parametrize(
    "long_response",
    [
        response(500, {"error": {"code": LONG, "message": LONG}, "request_id": LONG}),
        response(200, LONG.encode()),
        response(200, {"id": 5, "status": LONG}),
    ],
    ids=["error", "not JSON", "broken contract"],
)
def test_an_error_holds_nothing_of_a_large_response(client: Caller, server: Server, long_response: Response) -> None:
    # A wait keeps its last error, and the frames of its traceback keep their local variables.
    client.settings["max_retries"] = 0
    server.script(long_response)
    errors = list[MeshVideoError]()

    async def fail(sdk: AsyncVideoClient) -> None:
        with pytest.raises(MeshVideoError) as caught:
            await sdk.get("task-1")
        errors.append(caught.value)

    async def body(sdk: AsyncVideoClient) -> None:
        await fail(sdk)
        tracemalloc.start()
        try:
            await fail(sdk)
            await fail(sdk)
            gc.collect()
            held, _peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < SIZE

    client.run(body)
