"""Every job of this project. `nox` runs the checks; `nox --list` names the rest."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
# A machine need not have every Python. Nox would otherwise fail for an absent one where CI is set.
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
# The Python that runs nox is there for sure, whatever else is.
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = list(dict.fromkeys([*nox.project.python_versions(PROJECT), THIS]))

TESTS = ["tests/unit", "tests/drivers", "tests/integration"]
# What they find is the same on every Python and with every release of what is installed: they run once.
SLOW = [
    "tests/unit/test_polling_properties.py",
    "tests/unit/test_schedule_properties.py",
    "tests/unit/test_waiting_costs.py",
    "tests/drivers/test_faults.py",
    "tests/drivers/test_killed.py",
    "tests/integration/test_batches.py",
    "tests/integration/test_sandbox_docs.py",
    "tests/integration/test_sandbox_gateway.py",
    "tests/integration/test_sandbox_holds.py",
    "tests/integration/test_sandbox_process.py",
]
QUICK = [*TESTS, *(f"--ignore={path}" for path in SLOW)]
# More than there are cores: most of a test's time is waiting for a socket.
BESIDE_EACH_OTHER = ["-n", str((os.cpu_count() or 1) * 3 // 2), "--dist", "loadfile"]

# Tests start many Pythons, and each would compile anew all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYENV_ROOT" in os.environ:
    # pyenv puts every Python it has on the path and lets only the selected ones run: select ours.
    installed = (path.name for path in Path(os.environ["PYENV_ROOT"], "versions").iterdir())
    ours = sorted(name for name in installed if name.startswith(tuple(f"{python}." for python in PYTHONS)))
    os.environ.setdefault("PYENV_VERSION", ":".join(ours))


def install_groups(session: nox.Session, *groups: str) -> None:
    """Installs what the dependency groups in pyproject.toml name."""
    session.install(*nox.project.dependency_groups(PROJECT, *groups))


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """The main job: a local server, a task, a wait with progress, and a video."""
    session.install("-e", ".[cli,sandbox]")
    session.run("meshapi-video", "demo", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, and who may import whom."""
    install_groups(session, "lint")
    session.install("-e", ".[cli,sandbox]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "."})


@nox.session
def types(session: nox.Session) -> None:
    """Types by mypy and pyright, both strict, over everything hand-written."""
    install_groups(session, "types", "test", "contract", "screenshots", "pictures")
    session.install("-e", ".[cli,sandbox,aiohttp]", "nox")
    session.run("mypy")
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The SDK, the sandbox and the command line: real sockets, virtual time, every branch covered."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    # Measuring takes as long again as the tests, and the branches are the same on every Python.
    if session.posargs or session.python != THIS:
        session.run("pytest", *(session.posargs or [*BESIDE_EACH_OTHER, *QUICK]))
        return
    coverage_file = {"COVERAGE_FILE": str(Path(session.create_tmp(), ".coverage"))}
    session.run("coverage", "erase", env=coverage_file)
    session.run("coverage", "run", "-m", "pytest", *BESIDE_EACH_OTHER, *TESTS, env=coverage_file)
    session.run("coverage", "combine", "--quiet", env=coverage_file)
    session.run("coverage", "report", env=coverage_file)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Everything that can go wrong on the wire, played for real, and a table of what the caller sees."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    session.run("pytest", "--quiet", "tests/drivers/test_faults.py", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """The same tests with the oldest dependencies that pyproject.toml admits."""
    # In one go: what is installed already would not be brought down again.
    groups = nox.project.dependency_groups(PROJECT, "test")
    session.install("--resolution=lowest-direct", *groups, "-e", ".[cli,sandbox,aiohttp]")
    session.run("pytest", *(session.posargs or [*BESIDE_EACH_OTHER, *QUICK]))


@nox.session(python=PYTHONS)
def contract(session: nox.Session) -> None:
    """Whether generated/ is what the document generates, and what its changes do to users."""
    install_groups(session, "contract")
    session.install("-e", ".[cli,sandbox]")
    # What the generators make of a mutation is the same on every Python, which the other tests show, and
    # so is what the sandbox serves.
    slow = ["tests/contract/test_mutations.py", "tests/contract/test_growth.py", "tests/contract/test_sandbox.py"]
    left_out = [] if session.python == THIS else [f"--ignore={path}" for path in slow]
    session.run("python", "-m", "pytest", *(session.posargs or [*BESIDE_EACH_OTHER, "tests/contract", *left_out]))
    session.log("the reports of the mutations lie in contract-reports/")


@nox.session
def docs(session: nox.Session) -> None:
    """The site in site/: strict, and every piece of code in it checked and run."""
    install_groups(session, "docs", "test", "types")
    session.install("-e", ".[cli,sandbox]")
    # Never with --quiet: that leaves no warning for strict mode to fail for.
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", *(session.posargs or ["tests/docs"]))


@nox.session(default=False)
def screenshots(session: nox.Session) -> None:
    """Pictures of the site in site-pictures/, wide and narrow, for a person to look at; needs Chromium."""
    install_groups(session, "docs", "screenshots")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "tests/docs/pictures.py", *session.posargs)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw docs/assets/wait.svg and demo.svg anew: terminals in which the command really ran."""
    install_groups(session, "pictures")
    session.install("-e", ".[cli,sandbox]")
    session.run("python", "tests/docs/terminals.py")


@nox.session(default=False)
def simulate(session: nox.Session) -> None:
    """What waiting costs, simulated: the tables of docs/waiting-costs.md and its picture, written anew."""
    session.install("-e", ".")
    session.run("python", "-m", "benchmarks.waiting")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Side by side with the peers: tables and a picture in docs/benchmarks.md, in 40 minutes; `-- --help`."""
    install_groups(session, "bench")
    session.install("-e", ".[cli,sandbox,aiohttp]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def load(session: nox.Session) -> None:
    """Hundreds of clients and thousands of tasks at a sandbox, with figures; `-- --clients N --tasks N --rounds N`."""
    session.install("-e", ".[sandbox]")
    session.run("python", "-m", "support.load", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def crash(session: nox.Session) -> None:
    """Kill a sandbox at random moments and see what it lost, with figures; `-- --kills N --seed N`."""
    session.install("-e", ".[sandbox]")
    session.run("python", "-m", "support.crash", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Pull the plug on a download ten times, and before every line of the code that keeps the file."""
    install_groups(session, "test")
    session.install("-e", ".[cli,sandbox]")
    session.run("pytest", "tests/drivers/test_killed.py", *session.posargs, env={"KILLS": "10", "STEP": "1"})


@nox.session(default=False)
def regenerate(session: nox.Session) -> None:
    """Write generated/ anew and report what changes for users; `-- --dry-run` only reports."""
    install_groups(session, "codegen")
    session.run("python", "-m", "codegen.regenerate", *session.posargs)


@nox.session(default=False)
def vendor(session: nox.Session) -> None:
    """Take the document from published pages or OpenAPI files: `nox -s vendor -- SOURCE...`."""
    install_groups(session, "codegen")
    session.run("python", "-m", "codegen.vendor", *session.posargs)


@nox.session(default=False)
def names(session: nox.Session) -> None:
    """Write the snapshot of the published names anew, after changing them on purpose."""
    install_groups(session, "contract")
    session.install("-e", ".")
    session.run("python", "tests/contract/test_published_names.py")


@nox.session(default=False, venv_backend="none")
def released(session: nox.Session) -> None:
    """After a release: take today's document as what importers have."""
    shutil.copy("generated/openapi.json", "released/openapi.json")
    session.log("released/openapi.json is generated/openapi.json now")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Make the sdist and the wheel in dist/."""
    session.install("build", "hatchling")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", silent=True)
    session.log("built " + " and ".join(sorted(path.name for path in Path("dist").iterdir())))


# A fresh environment each time: what an earlier run installed would hide a missing dependency.
@nox.session(requires=["build"], reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """The built wheel alone: import, a type-checked consumer, and the demo, away from the checkout."""
    (built,) = Path("dist").resolve().glob("*.whl")
    checks = Path("tests/typing").resolve()
    session.chdir(session.create_tmp())
    session.install(str(built))
    session.run("python", "-I", str(checks / "base_install.py"))
    install_groups(session, "types")
    for consumer in sorted(checks.glob("consumer*.py")):
        shutil.copy(consumer, consumer.name)
        session.run("mypy", "--strict", consumer.name)
        session.run("pyright", consumer.name)
    session.run("pyright", "--verifytypes", "meshapi_video", "--ignoreexternal")
    session.install(f"{built}[cli,sandbox]")
    session.run("meshapi-video", "demo")
