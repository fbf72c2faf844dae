"""Measures what a poll and a waiting task cost: `python -m tools.fleet.measures NAME URL`, a process for each figure.

It waits for tasks that do not end, and prints the result as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import anyio

from benchmarks.processes import resident_memory
from meshapi_video import AsyncVideoClient, ConnectionFailed, PollPolicy, VideoClient, WaitToken

KEY: Final = "rsk_sandbox"
PENDING: Final = 10_000
"""Tasks for the figures about memory."""
SECONDS: Final = 8.0
"""How long the figures about CPU wait."""
EVERY_SECOND: Final = PollPolicy(initial_delay=1, multiplier=1, max_delay=1, jitter=0)
EVERY_HOUR: Final = PollPolicy(initial_delay=3600, max_delay=3600)


def wait_many_sync(url: str, task_ids: Sequence[str]) -> float:
    """CPU seconds of a poll of the blocking `wait_many`."""
    with VideoClient(KEY, base_url=url) as client:
        client.get(task_ids[0])
        started = time.process_time()
        with client.wait_many(task_ids, timeout=SECONDS, poll=EVERY_SECOND) as results:
            for _ in results:
                pass
            return (time.process_time() - started) / results.progress.polls


async def wait_many_async(url: str, task_ids: Sequence[str]) -> float:
    """CPU seconds of a poll of the asynchronous `wait_many`."""
    async with AsyncVideoClient(KEY, base_url=url) as client:
        await client.get(task_ids[0])
        started = time.process_time()
        async with client.wait_many(task_ids, timeout=SECONDS, poll=EVERY_SECOND) as results:
            async for _ in results:
                pass
            return (time.process_time() - started) / results.progress.polls


def step_sync(url: str, task_ids: Sequence[str]) -> float:
    """CPU seconds of a blocking step, with the token's way to JSON and back."""
    with VideoClient(KEY, base_url=url) as client:
        saved = [client.step(task_id).token for task_id in task_ids]
        messages = [_due(token) for token in saved]
        started = time.process_time()
        for message in messages:
            step = client.step(WaitToken.from_json(message))
            assert step.task is not None
            step.token.to_json()
        return (time.process_time() - started) / len(messages)


async def step_async(url: str, task_ids: Sequence[str]) -> float:
    """The same with twenty asynchronous steps at once."""
    async with AsyncVideoClient(KEY, base_url=url) as client:
        limit = anyio.Semaphore(20)

        async def one(message: str) -> None:
            async with limit:
                step = await client.step(WaitToken.from_json(message))
                assert step.task is not None
                step.token.to_json()

        await client.get(task_ids[0])
        messages = [
            _due(WaitToken(task_id=task_id, started=time.time(), polls=1, not_before=0)) for task_id in task_ids
        ]
        started = time.process_time()
        async with anyio.create_task_group() as group:
            for message in messages:
                group.start_soon(one, message)
        return (time.process_time() - started) / len(messages)


def _due(token: WaitToken) -> str:
    return WaitToken(task_id=token.task_id, started=token.started, polls=token.polls, not_before=0).to_json()


async def memory(url: str, task_ids: Sequence[str]) -> float:
    """Resident bytes of a task that waits in `wait_many` and was polled once."""
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(PENDING)]
    async with AsyncVideoClient(KEY, base_url=url) as client:
        await client.get(task_ids[0])
        gc.collect()
        used = before = resident_memory()
        async with anyio.create_task_group() as group, client.wait_many(ids, timeout=None, poll=EVERY_HOUR) as results:
            group.start_soon(anext, results)
            while results.progress.polls < PENDING:  # noqa: ASYNC110 - `wait_many` has no event for a poll
                await anyio.sleep(0.1)
            used = resident_memory() - before
            group.cancel_scope.cancel()
    return used / PENDING


def token_memory(_url: str, _task_ids: Sequence[str]) -> float:
    """Bytes of a token in memory."""
    tracemalloc.start()
    tokens = [
        WaitToken(
            task_id=f"00000000-0000-4000-8000-{number:012}", started=1.8e9 + number, polls=1, not_before=2e9 + number
        )
        for number in range(PENDING)
    ]
    used, _ = tracemalloc.get_traced_memory()
    return used / len(tokens)


def token_text(_url: str, task_ids: Sequence[str]) -> float:
    """Bytes of a token as JSON."""
    now = time.time()
    return len(WaitToken(task_id=task_ids[0], started=now, polls=10, not_before=now, next_poll_at=now + 9.1).to_json())


def request_bytes(_url: str, task_ids: Sequence[str]) -> float:
    """Bytes of a request, without TLS."""
    return len(_captured_request(task_ids[0]))


def response_bytes(url: str, task_ids: Sequence[str]) -> float:
    """Bytes of a response about a running task, without TLS."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(_captured_request(task_ids[0]).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return len(b"".join(iter(lambda: connection.recv(65536), b"")))


def _captured_request(task_id: str) -> bytes:
    """The bytes that a client sends for a poll."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        received: list[bytes] = []

        def receive() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(65536))

        thread = threading.Thread(target=receive)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with VideoClient(KEY, base_url=url, max_retries=0) as client, suppress(ConnectionFailed):
            client.get(task_id)
        thread.join()
    return received[0]


CPU: Final[dict[str, Callable[[str, Sequence[str]], float]]] = {
    "`wait_many`": wait_many_sync,
    "asynchronous `wait_many`, `[aiohttp]`": lambda url, ids: asyncio.run(wait_many_async(url, ids)),
    "`step` in a loop": step_sync,
    "asynchronous `step`, `[aiohttp]`": lambda url, ids: asyncio.run(step_async(url, ids)),
}
OTHERS: Final[dict[str, Callable[[str, Sequence[str]], float]]] = {
    "memory": lambda url, ids: asyncio.run(memory(url, ids)),
    "token in memory": token_memory,
    "token as JSON": token_text,
    "request": request_bytes,
    "response": response_bytes,
}


def main() -> None:
    """Measures one figure."""
    name, url, *task_ids = sys.argv[1:]
    print(json.dumps((CPU | OTHERS)[name](url, task_ids)))


if __name__ == "__main__":
    main()
