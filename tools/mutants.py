"""Mutation testing: changes one place of a module at a time, and checks that a test fails.

A mutant for which no test fails is a survivor. It shows a missing test, dead code, or a mutant that
behaves like the original. `mutants_equivalent.toml` lists the last kind, each with its reason.

Each mutant runs in a fork of this process, which has imported what takes long. An import hook gives
the mutated module to the tests, so that no file changes.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import resource
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import Phase, settings

from tools.mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
SDK = ROOT / "overlays" / "meshapi_video"
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
REQUIRED = 0.95
"""The part of the mutants with another behavior that the tests must kill."""

TESTS: dict[str, Sequence[str]] = {
    "_polling/state.py": ("poll_state", "resume", "poll_boundaries", "scheduler", "poll_state_properties"),
    "_polling/policy.py": ("policy", "poll_boundaries", "poll_state", "download_state"),
    "_polling/scheduler.py": ("scheduler", "rate_limit", "scheduling_boundaries", "scheduler_properties"),
    "_polling/rate_limit.py": ("rate_limit", "scheduling_boundaries", "scheduler"),
    "_polling/iteration.py": ("iteration", "scheduling_boundaries"),
    "_polling/results.py": ("scheduler",),
    "_polling/adaptive.py": ("adaptive", "waiting_costs"),
    "_polling/life_table.py": ("adaptive", "waiting_costs"),
    "_download/state.py": ("download_state", "download_headers"),
    "_download/headers.py": ("download_state", "download_headers"),
    "_transport/retry_after.py": ("http_date", "retry_after_boundaries", "api_errors"),
    "_transport/http_date.py": ("http_date", "retry_after_boundaries", "download_state"),
    "_transport/api_errors.py": ("api_errors", "error_details", "redaction"),
    "_settings.py": ("settings", "base_url", "redaction", "api_errors"),
}
"""For each module, the files in tests/unit that concern it, in the order in which they run."""

_PRELOADED = (
    "_pytest.unittest", "aiohttp", "anyio._backends._asyncio", "anyio._backends._trio", "click", "fastapi",
    "httpcore", "hypothesis.stateful", "meshapi_video_generated.models", "meshapi_video_wire", "msgspec",
    "pytest_timeout", "statistics", "trio.testing", "trustme", "unittest.mock", "uvicorn",
)  # fmt: skip
"""Packages that take long to import, and that import no mutated module."""


@dataclass
class Module:
    """A module to mutate, and its figures."""

    name: str
    source: bytes
    tests: Sequence[str]
    """The files of its tests."""
    allowed: float = 60.0
    """Seconds of processor time for the tests of one mutant."""
    seconds: float = 0.0
    """Processor time for all mutants."""
    mutants: int = 0
    survivors: list[Mutant] = field(default_factory=list[Mutant])
    equivalent: int = 0

    @classmethod
    def of_the_sdk(cls, name: str) -> Module:
        """The module at the path `name` inside the SDK."""
        tests = [str(ROOT / f"tests/unit/test_{test}.py") for test in TESTS[name]]
        return cls(name, (SDK / name).read_bytes(), tests)


@dataclass(frozen=True)
class Outcome:
    """What the tests said of one mutant, or of the original."""

    module: Module
    mutant: Mutant | None
    survived: bool
    seconds: float
    """Processor time."""


class _MutatedModule(importlib.machinery.SourceFileLoader):
    """Finds and loads one module, with other source."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        super().__init__(name, str(path))
        self._source = source

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the base class gives it
        return compile(self._source, self.path, "exec", dont_inherit=True)


def run(jobs: Iterable[tuple[Module, Mutant | None]], workers: int) -> Iterator[Outcome]:
    """Runs the tests for each mutant, or for the original if it is None; in any order."""
    running = dict[int, tuple[Module, Mutant | None]]()
    with tempfile.TemporaryDirectory() as folder:
        for job in [*jobs, None]:
            while running and (job is None or len(running) == workers):
                process_id, status, usage = os.wait3(0)
                yield Outcome(*running.pop(process_id), status == 0, usage.ru_utime + usage.ru_stime)
            if job is not None:
                process_id = os.fork()
                if process_id == 0:
                    _run_tests(*job, folder)
                running[process_id] = job


def _run_tests(module: Module, mutant: Mutant | None, folder: str) -> None:
    """Never returns: the process exits with 0 if all tests pass."""
    code = 1
    try:
        # An endless loop ends by its processor time, however busy the machine is.
        resource.setrlimit(resource.RLIMIT_CPU, (int(module.allowed), int(module.allowed) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        if "MUTANTS_VERBOSE" not in os.environ:
            for descriptor in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        if mutant is not None:
            name = "meshapi_video." + module.name.removesuffix(".py").replace("/", ".")
            sys.meta_path.insert(0, _MutatedModule(name, SDK / module.name, mutant.source))
        settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=[Phase.generate])
        settings.load_profile("mutants")
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # What is left out imports both clients, collects garbage several times, or writes files.
        plugins = (
            "--noconftest",
            "-ppytest_timeout",
            "-pno:unraisableexception",
            "-pno:threadexception",
            "-pno:cacheprovider",
        )
        options = ("-x", "-q", "--tb=short", "--assert=plain", "--timeout=60", f"--basetemp={folder}/{os.getpid()}")
        code = pytest.main([*plugins, *options, *module.tests])
    finally:
        os._exit(code)


def judge(modules: Sequence[Module], workers: int, equivalent: Sequence[dict[str, str]] = ()) -> None:
    """Runs all mutants, and fills in the figures of the modules. Raises `SystemExit` if the tests fail as they are."""
    for outcome in run([(module, None) for module in modules], workers):
        if not outcome.survived:
            raise SystemExit(f"the tests of {outcome.module.name} fail without a mutant")
        outcome.module.allowed = 5 + 3 * outcome.seconds
    known = {(entry["module"], entry["old"], entry["new"]) for entry in equivalent}
    jobs = [(module, mutant) for module in modules for mutant in mutants_of(module.name, module.source)]
    for outcome in run(jobs, workers):
        module, mutant = outcome.module, outcome.mutant
        assert mutant is not None
        module.mutants += 1
        module.seconds += outcome.seconds
        if not outcome.survived:
            continue
        if (module.name, mutant.old, mutant.new) in known:
            module.equivalent += 1
        else:
            module.survivors.append(mutant)
            print(mutant.diff(module.source), flush=True)


def report(modules: Sequence[Module]) -> float:
    """Prints a table. Returns the part of the mutants with another behavior that the tests kill."""
    line = "{:28} {:>8} {:>8} {:>11} {:>9} {:>8} {:>8}".format
    print(line("module", "mutants", "killed", "equivalent", "survived", "killed", "seconds"))
    total = Module("total", b"", ())
    for module in modules:
        total.mutants += module.mutants
        total.equivalent += module.equivalent
        total.survivors += module.survivors
        total.seconds += module.seconds
    for module in [*modules, total]:
        different = module.mutants - module.equivalent
        killed = different - len(module.survivors)
        figures = (module.mutants, killed, module.equivalent, len(module.survivors))
        print(line(module.name, *figures, f"{killed / different:.1%}", f"{module.seconds:.0f}"))
    return 1 - len(total.survivors) / (total.mutants - total.equivalent)


def main() -> None:
    """Mutation testing as a command."""
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as _polling/state.py; without one, all")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="mutants that run at the same time")
    arguments = parser.parse_args()
    for package in _PRELOADED:
        importlib.import_module(package)
    gc.freeze()
    names = arguments.modules or list(TESTS)
    equivalent = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    modules = [Module.of_the_sdk(name) for name in names]
    judge(modules, arguments.workers, [entry for entry in equivalent if entry["module"] in names])
    if report(modules) < REQUIRED:
        raise SystemExit(f"the tests kill less than {REQUIRED:.0%} of the mutants with another behavior")


if __name__ == "__main__":
    main()
