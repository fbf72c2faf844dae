"""The command on a terminal: an emulator makes a picture of the bytes that it writes to a pseudo-terminal."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import COMMAND
from support.many_tasks import respond_by_id
from support.server import Server, task

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals of this kind", allow_module_level=True)

import fcntl
import pty
import termios

import pyte

IDS = [f"47ffbf5e-2789-4095-8238-7f2d6cc97a6{number}" for number in range(3)]
CTRL_C = b"\x03"


class Terminal:
    """A terminal of some columns and 12 lines, and the command on it."""

    def __init__(self, columns: int, *arguments: str) -> None:
        self._screen = pyte.Screen(columns, 12)
        self._stream = pyte.ByteStream(self._screen)
        self._own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 12, columns, 0, 0))
        sizes = {"COLUMNS", "LINES"}
        variables = {name: value for name, value in os.environ.items() if name not in sizes} | {
            "TERM": "xterm-256color"
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", IN_SESSION, *COMMAND, *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env={**variables, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(other)

    @property
    def lines(self) -> list[str]:
        """The lines of the picture that are not empty."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def show_until(self, pattern: str, count: int) -> list[str]:
        """The lines of the first picture with so many lines of this pattern."""
        while sum(re.search(pattern, line) is not None for line in self.lines) < count:
            self._stream.feed(os.read(self._own, 4096))
        return self.lines

    def interrupt(self) -> tuple[int, list[str]]:
        """Presses ctrl-C. Returns the exit code, and the lines at the end."""
        os.write(self._own, CTRL_C)
        code = self._process.wait(timeout=30)
        os.set_blocking(self._own, False)
        try:
            while content := os.read(self._own, 4096):
                self._stream.feed(content)
        except OSError:
            pass
        os.close(self._own)
        return code, self.lines


# The terminal sends ctrl-C to the programs of the session that it controls.
IN_SESSION = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("columns", [40, 80])
def test_a_picture_has_the_state_the_time_and_the_countdown_of_each_task(
    server: Server, columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_test")
    monkeypatch.chdir(tmp_path)
    respond_by_id(server, lambda task_id, _poll: task("running", task_id))
    terminal = Terminal(columns, "wait", *IDS)
    lines = terminal.show_until(r"next poll in \d+ s$", len(IDS))
    code, left = terminal.interrupt()
    shown = lines[-1].split()[0]
    assert re.fullmatch(r"47f\S*7a6\d|47f…a6\d", shown)
    assert ("…" in shown) is (columns < 80)
    assert re.search(r"  running  \d:\d\d  next poll in \d+ s$", lines[-1])
    assert lines[0].startswith("0 of 3 ended, 3 running")
    # The picture is gone, and ctrl-C says what continues.
    assert code == 130
    assert "".join(left).endswith(
        "meshapi-video: 3 tasks continue: run the same command againmeshapi-video: interrupted"
    )
    assert not any("next poll" in line for line in left)
