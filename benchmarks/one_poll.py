"""Figure 3: the cost of one blocking poll."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import httpx
import msgspec

from benchmarks import limit, polls
from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import Child, ContenderFailed, Reply, running_child, running_server, serve_parent
from benchmarks.tables import Column, Results, in_rounds, table

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
    client = httpx.Client(base_url=base_url, headers=polls.HEADERS)
    return lambda: client.get(PATH).json()


def raw_httpx2(base_url: str) -> Poll:
    """The same with httpx2."""
    client = polls.import_peer("httpx2").Client(base_url=base_url, headers=polls.HEADERS)
    return lambda: client.get(PATH).json()


def openai_sdk(base_url: str) -> Poll:
    """The openai package. The server has a canned answer for it."""
    client = polls.import_peer("openai").OpenAI(base_url=f"{base_url}/v1", api_key=polls.KEY)
    return lambda: client.videos.retrieve("task")


def raw_socket(base_url: str) -> Poll:
    """The limit: a request written by hand."""
    connection = limit.Socket(base_url)

    def poll() -> object:
        connection.send(limit.get(PATH, polls.KEY))
        return json.loads(connection.receive())

    return poll


def mesh_sdk(base_url: str) -> Poll:
    """Mesh's own SDK."""
    client = polls.import_peer("meshapi").MeshAPI(base_url=base_url, token=polls.KEY)
    return lambda: client.videos.retrieve("task")


LIMIT, HTTPX, HTTPX2 = "a raw socket (the limit)", "`httpx.Client.get().json()`", "`httpx2.Client.get().json()`"
OPENAI, MESH, SDK = "openai's `videos.retrieve`", "Mesh's SDK", "`VideoClient.get`"
CONTENDERS: Final[dict[str, Callable[[str], Poll]]] = {
    LIMIT: raw_socket,
    HTTPX: raw_httpx,
    HTTPX2: raw_httpx2,
    OPENAI: openai_sdk,
    MESH: mesh_sdk,
    SDK: this_sdk,
}
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
    """The tables."""
    rounds, per_round = plan.rounds_of(40, quick=8), 100 if plan.quick else 200
    results = Results()
    with running_server() as base_url, contextlib.ExitStack() as stack:
        # All children run from the start, and only one works at a time: no process starts between two rounds.
        children: dict[str, Child] = {
            name: stack.enter_context(running_child("benchmarks.one_poll")) for name in CONTENDERS
        }
        plan.log(f"figure 3: {rounds} rounds of {per_round} polls")
        for name in plan.measured(in_rounds(list(CONTENDERS), rounds)):
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
        Column("over httpx", "cpu", over=HTTPX),
        Column("wall, µs", "wall", "{:.0f}"),
        Column("over httpx", "wall", over=HTTPX),
    ]
    goals = [
        Goal(f"CPU of one blocking poll, {SDK} over {HTTPX}", results.ratio("cpu", SDK, HTTPX), at_most=0.6),
        Goal(f"CPU of one blocking poll, {SDK} over {MESH}", results.ratio("cpu", SDK, MESH), at_most=1.0),
    ]
    heading = f"one poll; {rounds} rounds of {per_round}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{goals_table(goals)}")


if __name__ == "__main__":
    serve_parent(Round, run)
