"""Figure 5: from nothing to a client, and to the command's first word."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.plan import Plan, Section
from benchmarks.processes import environment
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

CLIENT: Final = "import meshapi_video; meshapi_video.VideoClient('rsk_benchmark', base_url='https://api.meshapi.ai')"
MODELS: Final = "import attrs, httpx, msgspec, meshapi_video_generated.models, meshapi_video_wire"
PLAIN: Final = "import sys; sys.modules['click'] = sys.modules['rich'] = None; "
"""httpx imports click and rich where they are; this makes them absent."""
COMMAND: Final = str(Path(sys.executable).parent / "meshapi-video")
BOUND: Final = 60.0


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


CONTENDERS: Final = {
    "Python alone": _python(""),
    "`import httpx`": _python("import httpx"),
    "httpx, attrs, msgspec and the generated models": _python(MODELS),
    "`import meshapi`": _python("import meshapi"),
    "`import meshapi_video` and a client": _python(CLIENT),
    "`import httpx`, without click and rich": _python(PLAIN + "import httpx"),
    "`import meshapi`, without click and rich": _python(PLAIN + "import meshapi"),
    "`import meshapi_video` and a client, without click and rich": _python(PLAIN + CLIENT),
    "`meshapi-video --version`": [COMMAND, "--version"],
    "`meshapi-video --help`": [COMMAND, "--help"],
}
_, HTTPX, _, MESH, OURS, HTTPX_PLAIN, MESH_PLAIN, OURS_PLAIN, VERSION, HELP = CONTENDERS


def measure(plan: Plan) -> Section:
    """The table and the verdicts."""
    rounds = plan.rounds or (3 if plan.quick else 25)
    results = Results()
    plan.say(f"figure 5: {rounds} rounds")
    # The first round writes byte code and fills the file cache.
    for number, name in enumerate(in_rounds(list(CONTENDERS), rounds + 1)):
        begun = time.perf_counter()
        problem = _run(CONTENDERS[name])
        if problem:
            results.fail(name, problem, "wall")
        elif number >= len(CONTENDERS):
            results.take(name, wall=(time.perf_counter() - begun) * 1000)
    columns = [Column("wall, ms", "wall", "{:.0f}"), Column(f"over {HTTPX}", "wall", over=HTTPX)]
    claims = [
        Claim(f"{OURS}, over {HTTPX}", results.ratio("wall", OURS, HTTPX), at_most=1.35),
        Claim(f"{OURS}, over {MESH}", results.ratio("wall", OURS, MESH), at_most=0.6),
        Claim(
            "the same over httpx without click and rich", results.ratio("wall", OURS_PLAIN, HTTPX_PLAIN), at_most=1.35
        ),
        Claim(
            "the same over meshapi without click and rich", results.ratio("wall", OURS_PLAIN, MESH_PLAIN), at_most=0.6
        ),
        Claim(f"{VERSION} over {OURS}", results.ratio("wall", VERSION, OURS), at_most=0.5),
        Claim(f"{HELP} over {OURS}", results.ratio("wall", HELP, OURS), at_most=0.5),
    ]
    imports = "; ".join(f"{name} {_imports_httpx(CONTENDERS[name])}" for name in (VERSION, HELP))
    heading = f"a process each; rounds: {rounds}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{verdicts(claims)}\n\n{imports}.")


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=BOUND, check=False, env=environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if done.returncode:
        return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {done.returncode}"
    return ""


def _imports_httpx(command: list[str]) -> str:
    """Whether that command does, by Python's own account."""
    watched = [sys.executable, "-X", "importtime", *command]
    done = subprocess.run(watched, capture_output=True, text=True, timeout=BOUND, check=False, env=environment())
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    return "imports httpx" if "httpx" in imported else "does not import httpx"
