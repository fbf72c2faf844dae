"""Figure 3: the cost of one blocking poll."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import httpx
import msgspec

from benchmarks import polls
from benchmarks.plan import Plan, Section
from benchmarks.processes import Child, ContenderFailed, Reply, running_child, running_server, serve_parent
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

PATH: Final = "/v1/video/generations/task"
TIMEOUT: Final = 30.0
"""Seconds for one round of polls."""


class Round(msgspec.Struct):
    """The request to poll so many times. The client is the same in each round."""

    contender: str
    base_url: str
    polls: int


class Cost(Reply):
    """The seconds that a round took."""

    cpu: float
    wall: float


Poll: TypeAlias = Callable[[], object]


def this_sdk(base_url: str) -> Poll:
    """`VideoClient.get`."""
    from meshapi_video import VideoClient

    client = VideoClient(polls.KEY, base_url=base_url)
    return lambda: client.get("task")


def raw_httpx(base_url: str) -> Poll:
    """`httpx.Client.get`, and the JSON of the response."""
    client = _httpx_client(base_url)
    return lambda: client.get(PATH).json()


def httpx_with_one_request(base_url: str) -> Poll:
    """`httpx.Client.send` of a request that is built once."""
    client = _httpx_client(base_url)
    request = client.build_request("GET", PATH)
    return lambda: client.send(request).json()


def mesh_sdk(base_url: str) -> Poll:
    """Mesh's own SDK."""
    client = polls.import_peer("meshapi").MeshAPI(base_url=base_url, token=polls.KEY)
    return lambda: client.videos.retrieve("task")


def generated(base_url: str) -> Poll:
    """The generated function with the generated client, unchanged."""
    from meshapi_video_generated.api.video import get_video_generation
    from meshapi_video_generated.client import AuthenticatedClient

    client = AuthenticatedClient(base_url, token=polls.KEY)
    return lambda: get_video_generation.sync_detailed("task", client=client)


def _httpx_client(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {polls.KEY}"})


CONTENDERS: Final[dict[str, Callable[[str], Poll]]] = {
    "raw `httpx.Client.get().json()`": raw_httpx,
    "`client.send` of a request built once": httpx_with_one_request,
    "generated `sync_detailed`": generated,
    "Mesh's SDK": mesh_sdk,
    "`VideoClient.get`": this_sdk,
}
RAW, _, _, MESH, SDK = CONTENDERS
_poll_functions: Final[dict[str, Poll]] = {}


def run(request: Round) -> Cost:
    """Runs a round in a child, which lives for all rounds."""
    if request.contender not in _poll_functions:
        _poll_functions[request.contender] = poll = CONTENDERS[request.contender](request.base_url)
        for _ in range(100):
            poll()
    poll = _poll_functions[request.contender]
    poll()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(request.polls):
        poll()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def measure(plan: Plan) -> Section:
    """The table and the verdicts."""
    rounds, per_round = (plan.rounds or 8, 100) if plan.quick else (plan.rounds or 40, 200)
    results = Results()
    with running_server() as base_url, contextlib.ExitStack() as stack:
        # All children run from the start, and only one works at a time: no process starts between two rounds.
        children: dict[str, Child] = {
            name: stack.enter_context(running_child("benchmarks.one_poll")) for name in CONTENDERS
        }
        plan.log(f"figure 3: {rounds} rounds of {per_round} polls")
        for name in in_rounds(list(CONTENDERS), rounds):
            if name in results.problems:
                continue
            try:
                cost = children[name].call(Round(name, base_url, per_round), Cost, TIMEOUT)
            except ContenderFailed as error:
                results.record_failure(name, str(error), "cpu", "wall")
            else:
                results.record(name, cpu=cost.cpu / per_round * 1e6, wall=cost.wall / per_round * 1e6)
    columns = [
        Column("CPU, µs", "cpu", "{:.0f}"),
        Column("over raw", "cpu", over=RAW),
        Column("wall, µs", "wall", "{:.0f}"),
        Column("over raw", "wall", over=RAW),
    ]
    claims = [
        Claim(f"CPU of {SDK} over {RAW}", results.ratio("cpu", SDK, RAW), at_most=1.0),
        Claim(f"CPU of {SDK} over {MESH}", results.ratio("cpu", SDK, MESH), at_most=1.0),
    ]
    heading = f"one poll; {rounds} rounds of {per_round}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{verdicts(claims)}")


if __name__ == "__main__":
    serve_parent(Round, run)
