"""Mutation testing: changes one place of a module at a time, and checks that a test fails.

A mutant for which no test fails is a survivor. It shows a missing test, or code that does nothing, or
it behaves like the original. `mutants_equivalent.toml` lists the last kind, each with its reason.

Each mutant runs in a fork of this process, which has imported what takes long. An import hook gives
the mutated module to the tests, so no file changes.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import Phase, settings

from tools.mutations import Change, Mutant, mutants_of

ROOT = Path(__file__).parents[1]
SDK = ROOT / "overlays" / "meshapi_video"
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
REQUIRED = 0.95
"""The part of the mutants with another behavior that the tests must kill."""

TESTS: dict[str, Sequence[str]] = {
    "_polling/state.py": (
        "poll_state",
        "poll_boundaries",
        "resume",
        "hint_schedule",
        "scheduler",
        "poll_state_properties",
    ),
    "_polling/policy.py": ("policy", "poll_boundaries", "poll_state", "download_state"),
    "_polling/scheduler.py": (
        "scheduler",
        "scheduling_boundaries",
        "rate_limit",
        "hint_schedule",
        "scheduler_properties",
    ),
    "_polling/rate_limit.py": ("rate_limit", "scheduling_boundaries", "scheduler"),
    "_polling/iteration.py": ("iteration", "scheduling_boundaries"),
    "_polling/results.py": ("wait_step", "video", "scheduler", "iteration"),
    "_polling/adaptive.py": ("adaptive_boundaries", "adaptive"),
    "_polling/life_table.py": ("life_table", "adaptive_boundaries", "adaptive"),
    "_download/state.py": ("download_state", "download_boundaries", "download_headers"),
    "_download/headers.py": ("download_state", "download_headers"),
    "_transport/retry_after.py": ("http_date", "retry_after_boundaries", "api_errors"),
    "_transport/http_date.py": ("http_date", "retry_after_boundaries"),
    "_transport/api_errors.py": ("api_errors", "error_details", "redaction"),
    "_settings.py": ("settings", "base_url", "private_hosts", "plain_http", "redaction", "api_errors"),
}
"""For each module, the files in tests/unit that concern it, in the order in which they run."""

_PRELOADED = (
    "_pytest.unittest", "aiohttp", "anyio._backends._asyncio", "anyio._backends._trio", "click", "fastapi",
    "httpcore", "hypothesis.stateful", "meshapi_video_generated.models", "meshapi_video_wire", "msgspec",
    "pytest_timeout", "statistics", "trio.testing", "trustme", "unittest.mock", "uvicorn",
)  # fmt: skip
"""Packages that take long to import, and that import no mutated module."""
# What is left out imports both clients, collects garbage several times, or writes files.
_PLUGINS = ("--noconftest", *(f"-pno:{name}" for name in ("unraisableexception", "threadexception", "cacheprovider")))

# All passed; one failed; a file of tests could not be imported; the processor time was used up.
_DECIDED = (0, 1, 2, -signal.SIGXCPU)


@dataclass
class Module:
    """A module to mutate, and its figures."""

    name: str
    import_name: str
    path: Path
    tests: Sequence[Path]
    """The files of its tests."""
    allowed: float = 60.0
    """Seconds of processor time for the tests of one mutant."""
    seconds: float = 0.0
    """Seconds of processor time for all mutants."""
    killed: int = 0
    survivors: list[Mutant] = field(default_factory=list[Mutant])
    equivalent: list[Mutant] = field(default_factory=list[Mutant])
    """Survivors that behave like the original."""

    @classmethod
    def of_the_sdk(cls, name: str) -> Module:
        """The module at the path `name` inside the SDK."""
        import_name = "meshapi_video." + name.removesuffix(".py").replace("/", ".")
        return cls(name, import_name, SDK / name, [ROOT / f"tests/unit/test_{test}.py" for test in TESTS[name]])

    @property
    def killed_part(self) -> float:
        """The part of the mutants with another behavior for which a test fails."""
        return self.killed / (self.killed + len(self.survivors))


@dataclass(frozen=True)
class Outcome:
    """The result of the tests with one mutant, or with the original if it is None."""

    module: Module
    mutant: Mutant | None
    status: int
    """The exit status of pytest, or minus the number of the signal that ended it."""
    seconds: float
    """Seconds of processor time."""

    @property
    def passed(self) -> bool:
        """Whether all tests passed. Raises `SystemExit` if neither the tests nor the limits decided."""
        if self.status not in _DECIDED:
            raise SystemExit(
                f"pytest ended with status {self.status} for {self.module.name}: this machine has a problem"
            )
        return self.status == pytest.ExitCode.OK


class _MutatedModule(importlib.machinery.SourceFileLoader):
    """Finds and loads one module, with other source."""

    def __init__(self, module: Module, source: bytes) -> None:
        super().__init__(module.import_name, str(module.path))
        self._source = source

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the base class names it
        return compile(self._source, self.path, "exec", dont_inherit=True)


def run(jobs: Iterable[tuple[Module, Mutant | None]], workers: int) -> Iterator[Outcome]:
    """Runs the tests for each mutant, or for the original if it is None. The outcomes come in any order."""
    running = dict[int, tuple[Module, Mutant | None]]()
    with tempfile.TemporaryDirectory() as folder:
        for job in [*jobs, None]:
            while running and (job is None or len(running) == workers):
                process_id, status, usage = os.wait3(0)
                status = os.waitstatus_to_exitcode(status)
                yield Outcome(*running.pop(process_id), status, usage.ru_utime + usage.ru_stime)
            if job is not None:
                process_id = os.fork()
                if process_id == 0:
                    _run_tests(*job, folder)
                running[process_id] = job


def _run_tests(module: Module, mutant: Mutant | None, folder: str) -> None:
    """Never returns: the process exits with 0 if all tests pass."""
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        # An endless loop ends by its processor time, however busy the machine is.
        resource.setrlimit(resource.RLIMIT_CPU, (int(module.allowed), int(module.allowed) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        if mutant is not None:
            sys.meta_path.insert(0, _MutatedModule(module, mutant.source))
        settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=[Phase.generate])
        settings.load_profile("mutants")
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # A test that waits for ever uses no processor time.
        options = ("-x", "--tb=no", "--assert=plain", "-ppytest_timeout", "--timeout=600")
        code = pytest.main([*_PLUGINS, *options, f"--basetemp={folder}/{os.getpid()}", *map(str, module.tests)])
    finally:
        os._exit(code)


def judge(modules: Sequence[Module], workers: int, equivalent: Collection[Change] = ()) -> None:
    """Runs all mutants, prints the survivors, and fills in the figures of the modules.

    Raises `SystemExit` if the tests fail without a mutant, before all mutants or after them.
    """
    originals = [(module, None) for module in modules]
    for outcome in run(originals, workers):
        _check_passed(outcome)
        outcome.module.allowed = 5 + 3 * outcome.seconds
    sources = {module.name: module.path.read_bytes() for module in modules}
    jobs = [(module, mutant) for module in modules for mutant in mutants_of(module.name, sources[module.name])]
    for outcome in run(jobs, workers):
        module, mutant = outcome.module, outcome.mutant
        module.seconds += outcome.seconds
        if mutant is None or not outcome.passed:
            module.killed += 1
        elif mutant.change in equivalent:
            module.equivalent.append(mutant)
        else:
            module.survivors.append(mutant)
            print(mutant.diff(sources[module.name]), flush=True)
    # Otherwise every mutant counts as killed after a change of the tests or of this machine meanwhile.
    for outcome in run(originals, workers):
        _check_passed(outcome)


def _check_passed(outcome: Outcome) -> None:
    if not outcome.passed:
        raise SystemExit(f"the tests of {outcome.module.name} fail without a mutant")


def report(modules: Sequence[Module]) -> Module:
    """Prints a table. Returns the figures of all modules together."""
    total = Module("total", "", Path(), ())
    for module in modules:
        total.killed += module.killed
        total.survivors += module.survivors
        total.equivalent += module.equivalent
        total.seconds += module.seconds
    line = "{:28} {:>7} {:>9} {:>11} {:>7} {:>8}".format
    print(line("module", "killed", "survived", "equivalent", "killed", "seconds"))
    for module in [*modules, total]:
        figures = (module.killed, len(module.survivors), len(module.equivalent))
        print(line(module.name, *figures, f"{module.killed_part:.1%}", f"{module.seconds:.0f}"))
    return total


def main() -> None:
    """Mutation testing as a command."""
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as _polling/state.py; without one, all")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="mutants that run at the same time")
    arguments = parser.parse_args()
    started = time.monotonic()
    for package in _PRELOADED:
        importlib.import_module(package)
    gc.freeze()
    modules = [Module.of_the_sdk(name) for name in arguments.modules or TESTS]
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    equivalent = {Change(m.name, entry["old"], entry["new"]) for m in modules for entry in entries.get(m.name, [])}
    judge(modules, arguments.workers, equivalent)
    total = report(modules)
    print(f"{(time.monotonic() - started) / 60:.0f} minutes with {arguments.workers} workers")
    for change in equivalent - {mutant.change for mutant in total.equivalent}:
        print(f"remove from {EQUIVALENT.name}, because a test kills it, or it does not exist: {change}")
    if total.killed_part < REQUIRED:
        raise SystemExit(f"the tests kill less than {REQUIRED:.0%} of the mutants with another behavior")


if __name__ == "__main__":
    main()
