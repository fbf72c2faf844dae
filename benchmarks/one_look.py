"""Figure 3: what one blocking look costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from benchmarks import looks
from benchmarks.plan import Plan, Section
from benchmarks.processes import Answer, Child, Failed, answer_questions, child, server
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

PATH: Final = "/v1/video/generations/task"
BOUND: Final = 30.0
"""Seconds that a round of looks may take."""


class Looking(msgspec.Struct):
    """Look so often; the client is the same each time."""

    contender: str
    base_url: str
    looks: int


class Cost(Answer):
    """Seconds that it took."""

    cpu: float
    wall: float


Look = Callable[[], object]


def ours(base_url: str) -> Look:
    """`VideoClient.get`."""
    from meshapi_video import VideoClient

    client = VideoClient(looks.KEY, base_url=base_url)
    return lambda: client.get("task")


def raw(base_url: str) -> Look:
    """`httpx.Client.get`, and the JSON of its answer."""
    client = _httpx(base_url)
    return lambda: client.get(PATH).json()


def prepared(base_url: str) -> Look:
    """A request that was built once."""
    client = _httpx(base_url)
    request = client.build_request("GET", PATH)
    return lambda: client.send(request).json()


def mesh(base_url: str) -> Look:
    """Mesh's own SDK."""
    client = looks.peer("meshapi").MeshAPI(base_url=base_url, token=looks.KEY)
    return lambda: client.videos.retrieve("task")


def generated(base_url: str) -> Look:
    """The generated function with the generated client, as they come."""
    from meshapi_video_generated.api.video import get_video_generation
    from meshapi_video_generated.client import AuthenticatedClient

    client = AuthenticatedClient(base_url, token=looks.KEY)
    return lambda: get_video_generation.sync_detailed("task", client=client)


def _httpx(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {looks.KEY}"})


CONTENDERS: Final[dict[str, Callable[[str], Look]]] = {
    "raw `httpx.Client.get().json()`": raw,
    "`client.send` of a request built once": prepared,
    "generated `sync_detailed`": generated,
    "Mesh's SDK": mesh,
    "`VideoClient.get`": ours,
}
RAW, _, _, MESH, OURS = CONTENDERS
_made: Final[dict[str, Look]] = {}


def run(question: Looking) -> Cost:
    """In a child that lives through all rounds."""
    if question.contender not in _made:
        _made[question.contender] = look = CONTENDERS[question.contender](question.base_url)
        for _ in range(100):
            look()
    look = _made[question.contender]
    look()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(question.looks):
        look()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def measure(plan: Plan) -> Section:
    """The table and the verdicts."""
    rounds, each = (plan.rounds or 8, 100) if plan.quick else (plan.rounds or 40, 200)
    results = Results()
    with server() as base_url, contextlib.ExitStack() as stack:
        # All alive at once and all but one asleep: nothing is started between two rounds.
        children: dict[str, Child] = {name: stack.enter_context(child("benchmarks.one_look")) for name in CONTENDERS}
        plan.say(f"figure 3: {rounds} rounds of {each} looks")
        for name in in_rounds(list(CONTENDERS), rounds):
            if name in results.problems:
                continue
            try:
                cost = children[name].ask(Looking(name, base_url, each), Cost, BOUND)
            except Failed as error:
                results.fail(name, str(error), "cpu", "wall")
            else:
                results.take(name, cpu=cost.cpu / each * 1e6, wall=cost.wall / each * 1e6)
    columns = [
        Column("CPU, µs", "cpu", "{:.0f}"),
        Column("over raw", "cpu", over=RAW),
        Column("wall, µs", "wall", "{:.0f}"),
        Column("over raw", "wall", over=RAW),
    ]
    claims = [
        Claim(f"CPU of {OURS} over {RAW}", results.ratio("cpu", OURS, RAW), at_most=1.0),
        Claim(f"CPU of {OURS} over {MESH}", results.ratio("cpu", OURS, MESH), at_most=1.0),
    ]
    heading = f"one look; rounds of {each}: {rounds}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{verdicts(claims)}")


if __name__ == "__main__":
    answer_questions(Looking, run)
