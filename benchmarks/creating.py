"""Figure 9: the cost of a create, and its memory with a large reference."""

from __future__ import annotations

import contextlib
import gc
import json
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

from benchmarks import limit, polls
from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    Child,
    ContenderFailed,
    Reply,
    peak_memory,
    resident_memory,
    running_child,
    running_server,
    serve_parent,
)
from benchmarks.tables import Column, Results, in_rounds, table

URL: Final = "/v1/video/generations"
MODEL, PROMPT, SEED = "byteplus/dreamina-seedance-2-0", "a lake at sunrise, seen from above", 987654321
BODY: Final[dict[str, object]] = {"model": MODEL, "content": [{"type": "text", "text": PROMPT}], "seed": SEED}
START_OF_MP4: Final = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
TYPE: Final = "data:video/mp4;base64,"
PIECE: Final = 3 * 2**18
SIZE: Final = 50_000_000
"""The bytes of the reference."""
TIMEOUT: Final = 60.0


class Creates(msgspec.Struct):
    """The request to create so many tasks. With the path of a reference, each has it as a data URI."""

    contender: str
    base_url: str
    creates: int
    reference: str | None = None


class Cost(Reply):
    """The cost of the creates."""

    cpu: float
    wall: float
    memory: int
    """The maximum of resident bytes, minus those before."""


@dataclass(frozen=True)
class Contender:
    """Two ways to create a task with the same client."""

    create: Callable[[], object]
    create_with_reference: Callable[[str], object]


def raw_socket(base_url: str) -> Contender:
    """The limit: the request is written by hand. A reference is encoded and sent in pieces."""
    connection = limit.Socket(base_url)

    def create() -> object:
        body = json.dumps(BODY).encode()
        connection.send(limit.head_of_post(URL, polls.KEY, len(body)) + body)
        return json.loads(connection.receive())

    def create_with_reference(path: str) -> object:
        start, end = json.dumps(_body_with_reference(TYPE)).encode().split(TYPE.encode())
        length = len(start) + len(TYPE) + (Path(path).stat().st_size + 2) // 3 * 4 + len(end)
        connection.send(limit.head_of_post(URL, polls.KEY, length) + start + TYPE.encode())
        with Path(path).open("rb") as file:
            while piece := file.read(PIECE):
                connection.send(b64encode(piece))
        connection.send(end)
        return json.loads(connection.receive())

    return Contender(create, create_with_reference)


def raw_httpx(base_url: str) -> Contender:
    """`httpx.Client.post`."""
    return _with_client(httpx.Client(base_url=base_url, headers=polls.HEADERS))


def raw_httpx2(base_url: str) -> Contender:
    """The same with httpx2."""
    return _with_client(polls.import_peer("httpx2").Client(base_url=base_url, headers=polls.HEADERS))


def mesh_sdk(base_url: str) -> Contender:
    """Mesh's own SDK, whose user makes the data URI."""
    meshapi = polls.import_peer("meshapi")
    client, parameters = meshapi.MeshAPI(base_url=base_url, token=polls.KEY), meshapi.VideoGenerationParams

    return Contender(
        lambda: client.videos.generate(parameters(**BODY)),
        lambda path: client.videos.generate(parameters(**_body_with_reference(_data_uri(path)))),
    )


def this_sdk(base_url: str) -> Contender:
    """`VideoClient.create`."""
    from meshapi_video import VideoClient, reference_video

    client = VideoClient(polls.KEY, base_url=base_url)
    return Contender(
        lambda: client.create(MODEL, PROMPT, seed=SEED),
        lambda path: client.create(MODEL, PROMPT, content=[reference_video(Path(path))], seed=SEED),
    )


def _with_client(client: httpx.Client) -> Contender:
    return Contender(
        lambda: client.post(URL, json=BODY).json(),
        lambda path: client.post(URL, json=_body_with_reference(_data_uri(path))).json(),
    )


def _data_uri(path: str) -> str:
    return TYPE + b64encode(Path(path).read_bytes()).decode()


def _body_with_reference(uri: str) -> dict[str, object]:
    reference = {"type": "video_url", "role": "reference_video", "video_url": {"url": uri}}
    return {**BODY, "content": [{"type": "text", "text": PROMPT}, reference]}


LIMIT, HTTPX, HTTPX2 = "a raw socket (the limit)", "`httpx.Client.post().json()`", "`httpx2.Client.post().json()`"
MESH, SDK = "Mesh's SDK", "`VideoClient.create`"
CONTENDERS: Final[dict[str, Callable[[str], Contender]]] = {
    LIMIT: raw_socket,
    HTTPX: raw_httpx,
    HTTPX2: raw_httpx2,
    MESH: mesh_sdk,
    SDK: this_sdk,
}
_contenders: Final[dict[str, Contender]] = {}


def run(request: Creates) -> Cost:
    """Runs a round in a child, which lives for all rounds."""
    if request.contender not in _contenders:
        _contenders[request.contender] = CONTENDERS[request.contender](request.base_url)
        for _ in range(20):
            _contenders[request.contender].create()
    contender = _contenders[request.contender]
    gc.collect()
    memory, cpu, wall = resident_memory(), time.process_time(), time.perf_counter()
    for _ in range(request.creates):
        if request.reference is None:
            contender.create()
        else:
            contender.create_with_reference(request.reference)
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, peak_memory() - memory)


def measure(plan: Plan) -> Section:
    """The tables."""
    rounds, per_round = plan.rounds_of(20, quick=4), 50 if plan.quick else 100
    large_rounds = plan.rounds_of(3)
    results = Results()
    with running_server() as base_url, contextlib.ExitStack() as stack:
        children: dict[str, Child] = {
            name: stack.enter_context(running_child("benchmarks.creating")) for name in CONTENDERS
        }
        plan.log(f"figure 9: {rounds} rounds of {per_round} creates")
        for name in plan.measured(in_rounds(list(CONTENDERS), rounds)):
            if cost := _call(children[name], results, Creates(name, base_url, per_round), "cpu", "wall"):
                results.record(name, cpu=cost.cpu / per_round * 1e6, wall=cost.wall / per_round * 1e6)
        plan.log(f"figure 9: a reference of {SIZE / 1e6:.0f} MB")
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "reference.mp4")
        path.write_bytes(START_OF_MP4.ljust(SIZE, b"\x55"))
        for name in plan.measured(in_rounds(list(CONTENDERS), large_rounds)):
            # The maximum of a process never goes down, so each create has its own.
            with running_child("benchmarks.creating") as child:
                if cost := _call(child, results, Creates(name, base_url, 1, str(path)), "large", "memory"):
                    results.record(name, large=cost.cpu, memory=cost.memory / SIZE)
    columns = [
        Column("CPU, µs", "cpu", "{:.0f}"),
        Column("over httpx", "cpu", over=HTTPX),
        Column("wall, µs", "wall", "{:.0f}"),
    ]
    large_columns = [Column("memory over its size", "memory"), Column("CPU, s", "large")]
    heading, large_heading = f"a create; {rounds} rounds of {per_round}", f"with a reference of {SIZE / 1e6:.0f} MB"
    return Section(f"""
{table(heading, results, CONTENDERS, columns)}

{table(large_heading, results, CONTENDERS, large_columns)}

{goals_table(_goals(results))}
""")


def _call(child: Child, results: Results, request: Creates, *figures: str) -> Cost | None:
    try:
        return child.call(request, Cost, TIMEOUT)
    except ContenderFailed as error:
        results.record_failure(request.contender, str(error), *figures)
        return None


def _goals(results: Results) -> list[Goal]:
    return [
        Goal("memory of a create over the size of its reference", results.series(SDK, "memory"), at_most=2.5),
    ]


if __name__ == "__main__":
    serve_parent(Creates, run)
