"""Whatever a server sends, only this package's own errors leave a public call."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshapi_video import AsyncVideoClient, MeshVideoError, Video
from support.clients import Caller, Kind
from support.files import video_at
from support.many_tasks import QUICK
from support.marks import unclosed_generators
from support.server import TASK_ID, Server, http, raw, task_json

FINISHED: Final = task_json("succeeded", content={"video_url": "https://cdn.example/v"})
NUMBERS = [0, -1, 0.5, 10**400, -(10**30), 1e308, 2**63, True]
TEXTS = [
    "",
    "\ud800",
    "\x00",
    "\x1b[31m",
    "x" * 3000,
    "javascript:1",
    "http://[",
    "//\udcff",
    "http://127.1:1/",
    "9" * 401,
]
EXAMPLES: Final = int(os.environ.get("EXAMPLES", "8"))
JSON = st.recursive(
    st.none() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FINISHED, *TEXTS]), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = ["id", "status", "content", "created_at", "execution_expires_after", "error", "usage", "model", "seed"]
TASKS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(NUMBERS) | JSON, max_size=2).map(
    lambda changed: {**FINISHED, **changed}
)
ENVELOPES = JSON.map(lambda value: {"error": value, "detail": value, "request_id": value})
BODIES = st.one_of(
    st.one_of(TASKS, TASKS, TASKS, ENVELOPES, JSON).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"\xef\xbb\xbf" + json.dumps(FINISHED).encode(), b"[" * 100_000, b"9" * 5000, b"\x1f\x8b\x00"]),
)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
URLS = ["javascript:1", "http://[", "//", "http://\xff", "/v", "http:1", "x" * 70_000, ""]
HEADERS = {
    "date": [DATE, "Wed, 32 Foo 99999", ""],
    "retry-after": ["0", "-1", "9" * 401, "1e999", "nan", DATE, "\xe9"],
    "content-encoding": ["gzip", "br", "\xff", "identity, gzip"],
    "content-type": ["text/html", "\xff\xfe", ""],
    "content-length": ["0", "-1", "9" * 401, "3"],
    "transfer-encoding": ["chunked", "gzip"],
    "connection": ["close", "upgrade"],
    "etag": ['"v"', '"\xe9"', 'W/"v"'],
    "last-modified": [DATE, "\xe9"],
    "content-range": ["bytes 0-5/6", "bytes 9-1/x", "bytes 0-0/" + "9" * 401],
    "x-request-id": ["\xff", "x" * 70_000],
}


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A whole response: valid parts in an order and with values that no client expects, and perhaps damaged bytes."""
    status = draw(st.sampled_from([200, 200, 200, 200, 206, 204, 301, 302, 404, 416, 429, 500, 100, 999]))
    names = draw(st.lists(st.sampled_from(list(HEADERS)), max_size=3))
    headers = {"date": DATE, **{name: draw(st.sampled_from(HEADERS[name])) for name in names}}
    if status in {301, 302}:
        headers["location"] = draw(st.sampled_from(URLS))
    lines = [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
    head, _, body = http(status, draw(BODIES)).partition(b"\r\n\r\n")
    sent = b"\r\n".join([head, *lines, b"", body])
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, min(len(sent), 200)))
        sent = sent[:at] + draw(st.binary(max_size=4)) + sent[at + draw(st.integers(0, 9)) :]
    return sent


async def call(body: Callable[[], Awaitable[object]]) -> None:
    try:
        await body()
    except MeshVideoError as error:
        # Its text can be printed and sent to another process.
        str(error).encode()


async def every_call(client: AsyncVideoClient, folder: Path, video: Video) -> None:
    """Each public call that sends a request."""

    async def wait_many() -> None:
        async with client.wait_many([TASK_ID, "other"], timeout=0, poll=QUICK) as results:
            assert len([result async for result in results]) == 2

    async def updates() -> None:
        async for _ in client.updates(TASK_ID, timeout=30):
            pass

    await call(lambda: client.get(TASK_ID))
    await call(lambda: client.wait(TASK_ID, timeout=30))
    await call(updates)
    await call(wait_many)
    await call(lambda: client.download(TASK_ID, folder / "of-id.mp4", timeout=30))
    await call(lambda: client.download(video, folder / "of-video.mp4", timeout=30))


@unclosed_generators
@pytest.mark.parametrize("user_client", [None, {}], ids=["own client", "user client"])
def test_only_our_own_errors_leave_a_public_call(
    kind: Kind, server: Server, user_client: dict[str, Any] | None
) -> None:
    @settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.lists(responses(), min_size=1, max_size=3))
    def check(hostile: list[bytes]) -> None:
        server.requests.clear()
        server.script(*map(raw, hostile))
        client = Caller(kind, server.base_url, settings={"max_retries": 1, "timeout": 5.0}, user_client=user_client)
        with tempfile.TemporaryDirectory() as folder:
            client.run(lambda client: every_call(client, Path(folder), video_at(server)))

    check()
