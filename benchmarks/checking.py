"""Figure 4: what checking an answer adds to decoding it."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, cast

from benchmarks.plan import Plan, Section
from benchmarks.processes import ROOT
from benchmarks.regenerating import run
from benchmarks.server import EXAMPLE
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts
from meshapi_video import VideoTaskResponse, parse_task
from meshapi_video._contract import check_task

BODY: Final = json.dumps(EXAMPLE).encode()
STOCK: Final = "stock_generated"
ALONE: Final = "`from_dict` as the generator writes it"
OURS: Final = "`from_dict` as it lies in `generated/`"
CHECKED: Final = "the check and `from_dict`"
PARSED: Final = "`parse_task`"
OVER_STOCK: Final = Column("over the generator's", "wall", over=ALONE)


class Model(Protocol):
    """A generated model."""

    def from_dict(self, src_dict: Mapping[str, object]) -> object:
        """The generated parser."""
        ...


def measure(plan: Plan) -> Section:
    """The table and the verdict; all in this process, which does nothing else."""
    rounds, each = (plan.rounds or 20, 200) if plan.quick else (plan.rounds or 200, 500)
    stock = generated_by_hand()
    contenders: dict[str, Callable[[], object]] = {
        ALONE: lambda: stock.from_dict(EXAMPLE),
        OURS: lambda: VideoTaskResponse.from_dict(EXAMPLE),
        "`json.loads` and the generator's `from_dict`": lambda: stock.from_dict(json.loads(BODY)),
        "the check, which decodes": lambda: check_task(BODY),
        # What happens to every answer: the check, and then what the generated function does with what it read.
        CHECKED: lambda: VideoTaskResponse.from_dict(check_task(BODY)),
        PARSED: lambda: parse_task(BODY),
    }
    results = Results()
    plan.say(f"figure 4: {rounds} rounds of {each}")
    for name in in_rounds(list(contenders), rounds):
        once = contenders[name]
        once()
        begun = time.perf_counter()
        for _ in range(each):
            once()
        results.take(name, wall=(time.perf_counter() - begun) / each * 1e6)
    columns = [Column("wall, µs", "wall", "{:.1f}"), OVER_STOCK, Column("over ours", "wall", over=OURS)]
    claims = [
        Claim(f"{name} over {ALONE}", results.ratio("wall", name, ALONE), at_most=1.15) for name in (CHECKED, PARSED)
    ]
    heading = f"the example's {len(BODY)} bytes; rounds of {each}: {rounds}"
    return Section(f"{table(heading, results, contenders, columns)}\n\n{verdicts(claims)}")


def generated_by_hand() -> Model:
    """The model that the generator makes of the same document without `codegen`'s last touch, as in other SDKs."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        config.write_text(f"package_name_override: {STOCK}\npost_hooks: []\n", encoding="utf-8")
        generator = str(Path(sys.executable).parent / "openapi-python-client")
        document, into = str(ROOT / "generated" / "openapi.json"), str(Path(folder, STOCK))
        run(
            [
                generator,
                "generate",
                "--meta",
                "none",
                "--config",
                str(config),
                "--path",
                document,
                "--output-path",
                into,
            ],
            ROOT,
        )
        sys.path.insert(0, folder)
        try:
            models = importlib.import_module(f"{STOCK}.models")
            # Each of them imports others when it is first called.
            models.VideoTaskResponse.from_dict(EXAMPLE)
        finally:
            sys.path.remove(folder)
    return cast("Model", models.VideoTaskResponse)
