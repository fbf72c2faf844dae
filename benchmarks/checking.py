"""Figure 4: what checking an answer adds to decoding it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from benchmarks.plan import Plan, Section
from benchmarks.server import EXAMPLE
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts
from meshapi_video import VideoTaskResponse, parse_task
from meshapi_video._contract import check_task

BODY: Final = json.dumps(EXAMPLE).encode()


def check_and_decode() -> object:
    """What happens to every answer: the check, and then what the generated function does with what it read."""
    return VideoTaskResponse.from_dict(check_task(BODY))


CONTENDERS: Final[dict[str, Callable[[], object]]] = {
    "generated `from_dict`": lambda: VideoTaskResponse.from_dict(EXAMPLE),
    "`json.loads` and `from_dict`": lambda: VideoTaskResponse.from_dict(json.loads(BODY)),
    "the check, which decodes": lambda: check_task(BODY),
    "the check and `from_dict`": check_and_decode,
    "`parse_task`": lambda: parse_task(BODY),
}
ALONE, DECODED, _, CHECKED, PARSED = CONTENDERS


def measure(plan: Plan) -> Section:
    """The table and the verdict; all in this process, which does nothing else."""
    rounds, each = (plan.rounds or 20, 200) if plan.quick else (plan.rounds or 200, 500)
    results = Results()
    plan.say(f"figure 4: {rounds} rounds of {each}")
    for name in in_rounds(list(CONTENDERS), rounds):
        once = CONTENDERS[name]
        once()
        begun = time.perf_counter()
        for _ in range(each):
            once()
        results.take(name, wall=(time.perf_counter() - begun) / each * 1e6)
    columns = [Column("wall, µs", "wall", "{:.1f}"), Column("over `from_dict`", "wall", over=ALONE)]
    claims = [
        Claim(f"{name} over {ALONE}", results.ratio("wall", name, ALONE), at_most=1.15) for name in (CHECKED, PARSED)
    ]
    heading = f"the example's {len(BODY)} bytes; rounds of {each}: {rounds}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{verdicts(claims)}")
