"""Every Python block in the README and in docs/ is type-checked, and runs against the sandbox.

In a block, "task-id" is a task with a video, and "failed-task-id" a task without one; ids.txt holds both
ids. boat.png is a picture. The comment `then: CODE`, on the line above a block, runs after the block.
"""

from __future__ import annotations

import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from meshapi_video import WaitToken
from meshapi_video_sandbox import Sandbox, running_sandbox

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE: Final = re.compile(r"(?:^<!-- then: (.*?) -->\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class CodeBlock(NamedTuple):
    """A block of Python on a page."""

    page: Path
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.stem.replace('-', '_')}_{self.line}.py"

    @property
    def is_tests(self) -> bool:
        return "\ndef test_" in self.code

    @property
    def changes_its_process(self) -> bool:
        return "set_tracer_provider" in self.code


def code_blocks() -> list[CodeBlock]:
    found: list[CodeBlock] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            then, code = match.groups()
            line = text[: match.start(2)].count("\n") + 1
            found.append(CodeBlock(page, line, f"{code}\n\n{then}\n" if then else code))
    return found


BLOCKS: Final = code_blocks()
# test_docs_company_network.py runs these behind a proxy.
BEHIND_A_PROXY: Final = [block for block in BLOCKS if block.page.name == "company-network.md"]


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        started.plan_creates(queued_for=0, running_for=0)
        yield started


def test_every_python_block_on_the_pages_is_tested() -> None:
    number_on_pages = sum(
        len(re.findall(r"^\s*(?:```|~~~)\s*\{?\.?py", page.read_text("utf-8"), re.MULTILINE)) for page in PAGES
    )
    assert len(BLOCKS) == number_on_pages > 0


def test_every_block_passes_the_type_checker(tmp_path: Path) -> None:
    for block in BLOCKS:
        # Tests need no annotations. The empty lines make mypy name the line on the page.
        first = "# mypy: allow-untyped-defs, allow-incomplete-defs" if block.is_tests else ""
        (tmp_path / block.name).write_text(first + "\n" * (block.line - 1) + block.code, encoding="utf-8")
    cache = ROOT / ".mypy_cache" / "docs"
    command = ["-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *(block.name for block in BLOCKS)]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """The folder in which a block runs, with the environment that the pages assume."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHAPI_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
    handler = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block not in BEHIND_A_PROXY],
    ids=lambda block: f"{block.page.name}:{block.line}",
)
def test_a_block_runs(block: CodeBlock, sandbox: Sandbox, folder: Path) -> None:
    succeeded = sandbox.create_task(queued_for=0, running_for=0)
    failed = sandbox.create_task("failed", queued_for=0, running_for=0)
    (folder / "ids.txt").write_text(f"{succeeded}\n{failed}\n")
    (folder / "boat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    token = WaitToken(task_id=succeeded, started=time.time(), polls=1, not_before=0)
    (folder / succeeded).write_text(token.to_json())
    code = block.code.replace('"failed-task-id"', f'"{failed}"').replace('"task-id"', f'"{succeeded}"')
    file = folder / f"test_{block.name}"
    file.write_text(code, encoding="utf-8")
    if block.is_tests:
        done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", file.name], folder)
        assert done.returncode == 0, done.stdout + done.stderr
    elif block.changes_its_process:
        done = run([file.name], folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "meshapi.video.wait" in done.stdout
    else:
        runpy.run_path(str(file), run_name="__main__")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_python_files_that_pages_include_are_those_that_the_session_airflow_runs() -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    included = {name for text in texts for name in re.findall(r'^--8<-- "(.*\.py)"$', text, re.MULTILINE)}
    assert included == {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "examples").glob("*.py")}
    assert included
