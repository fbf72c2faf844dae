"""Figure 5: the time from process start to a client, and to the command's first output."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import child_environment
from benchmarks.tables import Column, Results, in_rounds, table

CLIENT: Final = "import meshapi_video; meshapi_video.VideoClient('rsk_benchmark', base_url='https://api.meshapi.ai')"
MODELS: Final = "import attrs, httpx, msgspec, meshapi_video_generated.models, meshapi_video_wire"
HIDE_CLI: Final = "import sys; sys.modules['click'] = sys.modules['rich'] = None; "
"""Makes click and rich look uninstalled: httpx imports both if it finds them."""
COMMAND: Final = str(Path(sys.executable).parent / "meshapi-video")
TIMEOUT: Final = 60.0


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


CONTENDERS: Final = {
    "Python alone (the limit)": _python(""),
    "`import httpx`": _python("import httpx"),
    "httpx, attrs, msgspec and the generated models": _python(MODELS),
    "`import meshapi`": _python("import meshapi"),
    "`import meshapi_video` and a client": _python(CLIENT),
    "`import httpx`, without click and rich": _python(HIDE_CLI + "import httpx"),
    "`import meshapi`, without click and rich": _python(HIDE_CLI + "import meshapi"),
    "`import meshapi_video` and a client, without click and rich": _python(HIDE_CLI + CLIENT),
    "`meshapi-video --version`": [COMMAND, "--version"],
    "`meshapi-video --help`": [COMMAND, "--help"],
}
_, HTTPX, _, MESH, SDK, HTTPX_BASE, MESH_BASE, SDK_BASE, VERSION, HELP = CONTENDERS


def measure(plan: Plan) -> Section:
    """The tables."""
    rounds = plan.rounds_of(25, quick=3)
    results = Results()
    plan.log(f"figure 5: {rounds} rounds")
    # The first round writes byte code and fills the file cache; it does not count.
    for number, name in enumerate(plan.measured(in_rounds(list(CONTENDERS), rounds + 1))):
        started = time.perf_counter()
        problem = _run(CONTENDERS[name])
        if problem:
            results.record_failure(name, problem, "wall")
        elif number >= len(CONTENDERS):
            results.record(name, wall=(time.perf_counter() - started) * 1000)
    columns = [Column("wall, ms", "wall", "{:.0f}"), Column(f"over {HTTPX}", "wall", over=HTTPX)]

    def goal(name: str, by: str, at_most: float) -> Goal:
        return Goal(f"start, {name} over {by}", results.ratio("wall", name, by), at_most=at_most)

    goals = [
        goal(SDK, HTTPX, 1.35),
        goal(SDK, MESH, 0.6),
        goal(SDK_BASE, HTTPX_BASE, 1.35),
        goal(SDK_BASE, MESH_BASE, 0.6),
        goal(VERSION, SDK, 0.5),
        goal(HELP, SDK, 0.5),
    ]
    imports = "; ".join(f"{name} {_imports_httpx(CONTENDERS[name])}" for name in (VERSION, HELP))
    heading = f"one process each; {rounds} rounds"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{goals_table(goals)}\n\n{imports}.")


def _run(command: list[str]) -> str:
    """Runs a command. Returns the error, or nothing."""
    try:
        process = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, env=child_environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if process.returncode:
        last_line = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return last_line or f"exit code {process.returncode}"
    return ""


def _imports_httpx(command: list[str]) -> str:
    """Whether a command imports httpx, according to `python -X importtime`."""
    timed = [sys.executable, "-X", "importtime", *command]
    process = subprocess.run(
        timed, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=child_environment()
    )
    lines = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    return "imports httpx" if "httpx" in imported else "does not import httpx"
