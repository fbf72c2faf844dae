"""Figure 7: the time of `codegen.regenerate`, beside its two generators run by hand."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import ROOT, ContenderFailed, child_environment
from benchmarks.tables import Column, Results, in_rounds, table

TIMEOUT: Final = 120.0
NEEDED: Final = ["codegen", "generated", "overlays", "generator-config.yml", "openapi.lock.yml", "openapi.yaml"]
BY_HAND: Final = "the two generators by hand (the limit)"
COMMAND: Final = "`python -m codegen.regenerate`"
"""The command that `nox -s regenerate` runs after it has installed the packages."""


def measure(plan: Plan) -> Section:
    """The tables."""
    rounds = plan.rounds_of(7)
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder, "checkout")
        checkout.mkdir()
        for name in NEEDED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, checkout / name)
        # The first round writes byte code and fills the file cache; it does not count.
        for number, name in enumerate(plan.measured(in_rounds([BY_HAND, COMMAND], rounds + 1))):
            plan.log(f"figure 7: {name}")
            output = Path(folder, f"by-hand-{number}")
            started = time.perf_counter()
            try:
                if name == BY_HAND:
                    by_hand(checkout, output)
                else:
                    run([sys.executable, "-m", "codegen.regenerate"], checkout)
            except ContenderFailed as error:
                results.record_failure(name, str(error), "wall")
                continue
            if number >= 2:
                results.record(name, wall=time.perf_counter() - started)
    columns = [Column("wall, s", "wall"), Column("over by hand", "wall", over=BY_HAND)]
    goals = [Goal(f"seconds, {COMMAND} over {BY_HAND}", results.ratio("wall", COMMAND, BY_HAND), at_most=1.2)]
    heading = f"{rounds} rounds"
    return Section(f"{table(heading, results, [BY_HAND, COMMAND], columns)}\n\n{goals_table(goals)}")


def by_hand(checkout: Path, output: Path) -> None:
    """Runs the commands that a person would type to get such files."""
    document, config = checkout / "generated" / "openapi.json", checkout / "generator-config.yml"
    client, wire = output / "meshapi_video_generated", output / "meshapi_video_wire" / "__init__.py"
    wire.parent.mkdir(parents=True)
    committed = checkout / "generated" / "meshapi_video_wire" / "__init__.py"
    header = committed.read_text(encoding="utf-8").partition("\n")[0]
    commands = f"""
openapi-python-client generate --meta none --config {config} --path {document} --output-path {client}
datamodel-codegen --input {document} --input-file-type openapi --output {wire} \
    --output-model-type msgspec.Struct --target-python-version 3.11 --no-formatters \
    --strict-refs --no-allow-remote-refs --custom-file-header {shlex.quote(header)}
ruff check --fix --select=F401,I,TC006 --isolated --no-cache --quiet --target-version=py311 {output}
ruff format --isolated --no-cache --quiet --target-version=py311 {output}
"""
    for line in commands.replace("\\\n", "").strip().splitlines():
        program, *rest = shlex.split(line)
        run([str(Path(sys.executable).parent / program), *rest], checkout)


def run(command: list[str], folder: Path) -> None:
    """Runs a command in a folder. Raises `ContenderFailed` with its last line of output."""
    # So that the copy of the checkout uses its own codegen.
    environment = {**child_environment(), "PYTHONPATH": str(folder)}
    try:
        process = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ContenderFailed(f"{Path(command[0]).name}: {error}") from error
    if process.returncode:
        last_line = (process.stderr or process.stdout).decode(errors="replace").strip().rpartition("\n")[2]
        raise ContenderFailed(f"{Path(command[0]).name}: {last_line or process.returncode}")
