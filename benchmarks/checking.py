"""Figure 4: the cost of checking a response, beside the cost of parsing it."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, cast

import msgspec

from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import ROOT
from benchmarks.regenerating import run
from benchmarks.server import EXAMPLE
from benchmarks.tables import Column, Results, in_rounds, table
from meshapi_video import VideoTaskResponse, parse_task
from meshapi_video._transport.contract import check_body

BODY: Final = json.dumps(EXAMPLE).encode()
UNCHANGED_PACKAGE: Final = "unchanged_generated"
UNCHANGED: Final = "`from_dict` as the generator writes it"
COMMITTED: Final = "`from_dict` in `generated/`"
CHECKED: Final = "the check and `from_dict`"
PARSED: Final = "`parse_task`"


class Model(Protocol):
    """A generated model."""

    def from_dict(self, src_dict: Mapping[str, object]) -> object:
        """The generated parser."""
        ...


def measure(plan: Plan) -> Section:
    """The tables. Everything runs in this process, which does nothing else meanwhile."""
    rounds, per_round = plan.rounds_of(200, quick=20), 200 if plan.quick else 500
    unchanged = unchanged_model()
    contenders: dict[str, Callable[[], object]] = {
        "`msgspec.json.decode` alone (the limit)": lambda: msgspec.json.decode(BODY),
        UNCHANGED: lambda: unchanged.from_dict(EXAMPLE),
        COMMITTED: lambda: VideoTaskResponse.from_dict(EXAMPLE),
        "`json.loads` and the generator's `from_dict`": lambda: unchanged.from_dict(json.loads(BODY)),
        "the check, which also decodes": lambda: check_body(BODY),
        # This is what the SDK does with each response: the check, then the generated function's parser.
        CHECKED: lambda: VideoTaskResponse.from_dict(check_body(BODY)),
        PARSED: lambda: parse_task(BODY),
    }
    results = Results()
    plan.log(f"figure 4: {rounds} rounds of {per_round}")
    for name in plan.measured(in_rounds(list(contenders), rounds)):
        function = contenders[name]
        function()
        started = time.process_time()
        for _ in range(per_round):
            function()
        results.record(name, cpu=(time.process_time() - started) / per_round * 1e6)
    columns = [
        Column("CPU, µs", "cpu", "{:.1f}"),
        Column("over the generator's", "cpu", over=UNCHANGED),
    ]
    goals = [
        Goal(f"CPU, {name} over {UNCHANGED}", results.ratio("cpu", name, UNCHANGED), at_most=1.15)
        for name in (CHECKED, PARSED)
    ]
    heading = f"the example's {len(BODY)} bytes; {rounds} rounds of {per_round}"
    return Section(f"{table(heading, results, contenders, columns)}\n\n{goals_table(goals)}")


def unchanged_model() -> Model:
    """The generator's model of the same document, without the changes that `codegen` makes to generated code."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        config.write_text(f"package_name_override: {UNCHANGED_PACKAGE}\npost_hooks: []\n", encoding="utf-8")
        generator = str(Path(sys.executable).parent / "openapi-python-client")
        document, output = str(ROOT / "generated" / "openapi.json"), str(Path(folder, UNCHANGED_PACKAGE))
        paths = ["--config", str(config), "--path", document, "--output-path", output]
        run([generator, "generate", "--meta", "none", *paths], ROOT)
        sys.path.insert(0, folder)
        try:
            models = importlib.import_module(f"{UNCHANGED_PACKAGE}.models")
            # The first call imports other models.
            models.VideoTaskResponse.from_dict(EXAMPLE)
        finally:
            sys.path.remove(folder)
    return cast("Model", models.VideoTaskResponse)
