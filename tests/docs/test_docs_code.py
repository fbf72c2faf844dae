"""Every piece of code in the README and in docs/ is right: type-checked, and run against the sandbox.

In it, "task-id" is a task with a video and "failed-task-id" one without; ids.txt holds both. The
comment `then: CODE`, on the line above, is run after it.
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


class Piece(NamedTuple):
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


def pieces() -> list[Piece]:
    found: list[Piece] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            then, code = match.groups()
            line = text[: match.start(2)].count("\n") + 1
            found.append(Piece(page, line, f"{code}\n\n{then}\n" if then else code))
    return found


PIECES: Final = pieces()


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        yield started


def test_no_piece_of_python_is_overlooked() -> None:
    written = sum(
        len(re.findall(r"^\s*(?:```|~~~)\s*\{?\.?py", page.read_text("utf-8"), re.MULTILINE)) for page in PAGES
    )
    assert len(PIECES) == written > 0


def test_the_types_of_every_piece_are_right(tmp_path: Path) -> None:
    for piece in PIECES:
        # Tests need no annotations. The empty lines make mypy name the line on the page.
        first = "# mypy: allow-untyped-defs, allow-incomplete-defs" if piece.is_tests else ""
        (tmp_path / piece.name).write_text(first + "\n" * (piece.line - 1) + piece.code, encoding="utf-8")
    cache = ROOT / ".mypy_cache" / "docs"
    command = ["-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *(piece.name for piece in PIECES)]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Where a piece of code runs, with all that the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHAPI_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
    handler = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: f"{piece.page.name}:{piece.line}")
def test_a_piece_runs(piece: Piece, sandbox: Sandbox, folder: Path) -> None:
    succeeded = sandbox.create_task(queued_for=0, running_for=0)
    failed = sandbox.create_task("failed", queued_for=0, running_for=0)
    (folder / "ids.txt").write_text(f"{succeeded}\n{failed}\n")
    token = WaitToken(task_id=succeeded, started=time.time(), looks=1, not_before=0)
    (folder / succeeded).write_text(token.to_json())
    code = piece.code.replace('"failed-task-id"', f'"{failed}"').replace('"task-id"', f'"{succeeded}"')
    file = folder / f"test_{piece.name}"
    file.write_text(code, encoding="utf-8")
    if piece.is_tests:
        done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", file.name], folder)
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        runpy.run_path(str(file), run_name="__main__")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
