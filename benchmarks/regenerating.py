"""Figure 7: `codegen.regenerate` against its two generators run by hand."""

from __future__ import annotations

import filecmp
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.plan import Plan, Section
from benchmarks.processes import ROOT, Failed, environment
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

BOUND: Final = 120.0
NEEDED: Final = ["codegen", "generated", "overlays", "generator-config.yml", "openapi.lock.yml", "openapi.yaml"]
BY_HAND: Final = "the two generators by hand"
SESSION: Final = "`python -m codegen.regenerate`"
"""What `nox -s regenerate` runs, once it has seen that its packages are installed."""


def measure(plan: Plan) -> Section:
    """The table and the verdict."""
    rounds = plan.rounds or (1 if plan.quick else 7)
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder, "checkout")
        checkout.mkdir()
        for name in NEEDED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, checkout / name)
        # The first round writes byte code and fills the file cache.
        for number, name in enumerate(in_rounds([BY_HAND, SESSION], rounds + 1)):
            plan.say(f"figure 7: {name}")
            into = Path(folder, f"by-hand-{number}")
            begun = time.perf_counter()
            try:
                if name == BY_HAND:
                    by_hand(checkout, into)
                else:
                    run([sys.executable, "-m", "codegen.regenerate"], checkout)
            except Failed as error:
                results.fail(name, str(error), "wall")
                continue
            if number >= 2:
                results.take(name, wall=time.perf_counter() - begun)
            if name == BY_HAND and not same(into, checkout / "generated"):
                results.problems[name] = "it wrote something else"
    columns = [Column("wall, s", "wall"), Column("over by hand", "wall", over=BY_HAND)]
    claims = [Claim(f"{SESSION} over {BY_HAND}", results.ratio("wall", SESSION, BY_HAND), at_most=1.2)]
    heading = f"rounds: {rounds}"
    return Section(f"{table(heading, results, [BY_HAND, SESSION], columns)}\n\n{verdicts(claims)}")


def by_hand(checkout: Path, into: Path) -> None:
    """The commands that a person would type to get the same files."""
    document, config = checkout / "generated" / "openapi.json", checkout / "generator-config.yml"
    client, wire = into / "meshapi_video_generated", into / "meshapi_video_wire" / "__init__.py"
    wire.parent.mkdir(parents=True)
    kept = checkout / "generated" / "meshapi_video_wire" / "__init__.py"
    header = kept.read_text(encoding="utf-8").partition("\n")[0]
    commands = f"""
openapi-python-client generate --meta none --config {config} --path {document} --output-path {client}
datamodel-codegen --input {document} --input-file-type openapi --output {wire} \
    --output-model-type msgspec.Struct --target-python-version 3.11 --no-formatters \
    --strict-refs --no-allow-remote-refs --custom-file-header {shlex.quote(header)}
ruff check --fix --select=F401,I,TC006 --isolated --no-cache --quiet --target-version=py311 {into}
ruff format --isolated --no-cache --quiet --target-version=py311 {into}
"""
    for line in commands.replace("\\\n", "").strip().splitlines():
        program, *rest = shlex.split(line)
        run([str(Path(sys.executable).parent / program), *rest], checkout)


def same(made: Path, kept: Path) -> bool:
    """Whether all files of `made` are in `kept`, with the same content."""
    names = [str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()]
    equal, _, _ = filecmp.cmpfiles(made, kept, names, shallow=False)
    return len(equal) == len(names)


def run(command: list[str], folder: Path) -> None:
    """Runs a command in a copy of the checkout; raises `Failed` with its last words."""
    # The copy's own codegen, not the checkout's.
    surroundings = {**environment(), "PYTHONPATH": str(folder)}
    try:
        done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, timeout=BOUND, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().rpartition("\n")[2]
        raise Failed(f"{Path(command[0]).name}: {words or done.returncode}")
