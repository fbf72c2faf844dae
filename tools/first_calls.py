"""The first calls of a fresh process, from many threads at the same moment. `nox -s stress` starts such processes.

`python -m tools.first_calls SCENARIO BASE_URL GROUP` exits with 1 and says what was wrong if a result is wrong.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import meshapi_video

THREADS: Final = 8
"""Threads of one process. The server holds its responses until so many requests of a process have arrived."""
VIDEO: Final = b"a video, in a few bytes"
ERROR: Final = {
    "error": {"code": "no_credit", "message": "no credit is left"},
    "detail": [{"loc": ["path", 1], "msg": "too long", "type": "string"}],
    "request_id": "r1",
}
"""The body of the server's error responses."""
_COUNTS: Final = {"completed": 1, "at_risk": [1.0, 1.0], "events": [0.0, 1.0]}
_POLICY: Final = json.dumps({"version": 1, "kinds": [{"kind": kind, **_COUNTS} for kind in ([], ["m", "720p", 5])]})


def task(task_id: str, url: str) -> dict[str, object]:
    """A task that has succeeded. It has a value of each kind."""
    return {
        "id": task_id,
        "status": "succeeded",
        "content": {"video_url": url, "last_frame_url": None},
        "created_at": 1_700_000_000,
        "usage": {"completion_tokens": 1, "total_tokens": 2},
        "error": None,
        "model": "m",
        "duration": 5,
    }


@dataclass(frozen=True)
class Start:
    """The start of one process."""

    base_url: str
    group: str
    """The beginning of this process's task ids: no other process uses it."""

    def client(self) -> meshapi_video.VideoClient:
        """A client of the server."""
        return meshapi_video.VideoClient("rsk_stress", base_url=self.base_url)

    def ids(self, kind: str = "task") -> list[str]:
        """A task id for each thread. The server responds with an error if `kind` is `denied`."""
        return [f"{self.group}-{kind}-{number}" for number in range(THREADS)]


def at_once(call: Callable[[str], object], arguments: list[str]) -> list[object]:
    """The results, or the exceptions, of calls in one thread each, which all start at the same moment."""
    barrier = threading.Barrier(len(arguments))
    results: list[object] = [None] * len(arguments)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = call(arguments[number])
        except Exception as error:  # noqa: BLE001 - the scenario compares it with the expected result
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def get(start: Start) -> tuple[object, object]:
    """Threads share a client."""
    with start.client() as client:
        return at_once(lambda task_id: client.get(task_id).id, start.ids()), start.ids()


def new_clients(start: Start) -> tuple[object, object]:
    """Each thread creates a client, and so imports the package."""

    def get_one(task_id: str) -> object:
        with start.client() as client:
            return client.get(task_id).id

    return at_once(get_one, start.ids()), start.ids()


def new_loops(start: Start) -> tuple[object, object]:
    """Each thread runs an event loop with an asynchronous client."""

    async def get_one(task_id: str) -> object:
        async with meshapi_video.AsyncVideoClient("rsk_stress", base_url=start.base_url) as client:
            return (await client.get(task_id)).id

    return at_once(lambda task_id: asyncio.run(get_one(task_id)), start.ids()), start.ids()


def wait_many(start: Start) -> tuple[object, object]:
    """The threads of a `wait_many`."""
    with start.client() as client:
        results = [(result.task_id, result.error) for result in client.wait_many(start.ids())]
    return sorted(results), sorted((task_id, None) for task_id in start.ids())


def error(start: Start) -> tuple[object, object]:
    """Each thread receives an error."""

    def get_one(task_id: str) -> object:
        try:
            return client.get(task_id)
        except meshapi_video.PaymentRequiredError as caught:
            return caught.code, caught.message, caught.request_id, [field.message for field in caught.errors]

    with start.client() as client:
        received = at_once(get_one, start.ids("denied"))
    return received, [("no_credit", "no credit is left", "r1", ["too long"])] * THREADS


def download(start: Start) -> tuple[object, object]:
    """Each thread downloads a file of which a part is there already."""
    with tempfile.TemporaryDirectory() as folder, start.client() as client:
        for task_id in start.ids():
            record = {"task_id": task_id, "kind": "video", "validator": '"v1"', "total": len(VIDEO)}
            Path(folder, f"{task_id}.part.json").write_text(json.dumps(record), encoding="utf-8")
            Path(folder, f"{task_id}.part").write_bytes(VIDEO[:5])
        return (
            at_once(lambda task_id: client.download(task_id, Path(folder, task_id)).read_bytes(), start.ids()),
            [VIDEO] * THREADS,
        )


def callback(start: Start) -> tuple[object, object]:
    """Each thread parses the body of a callback."""
    bodies = [json.dumps(task(task_id, "https://cdn.example/v.mp4")) for task_id in start.ids()]
    return at_once(lambda body: meshapi_video.parse_task(body).id, bodies), start.ids()


def policy(_start: Start) -> tuple[object, object]:
    """Each thread reads a policy."""
    read = at_once(lambda text: meshapi_video.AdaptivePolicy.from_json(text).completed, [_POLICY] * THREADS)
    return read, [1] * THREADS


def names(_start: Start) -> tuple[object, object]:
    """Each thread uses another name of the package first."""
    found = at_once(lambda name: getattr(meshapi_video, name) is not None, meshapi_video.__all__)
    return found, [True] * len(meshapi_video.__all__)


SCENARIOS: Final = {
    scenario.__name__: scenario
    for scenario in (get, new_clients, new_loops, wait_many, error, download, callback, policy, names)
}


def main() -> None:
    """Runs one scenario."""
    name, base_url, group = sys.argv[1:]
    # Threads take turns more often than by default (5 ms), so that a race shows itself sooner.
    sys.setswitchinterval(1e-4)
    received, expected = SCENARIOS[name](Start(base_url, group))
    if received != expected:
        sys.exit(f"received {received}\nexpected {expected}")


if __name__ == "__main__":
    main()
