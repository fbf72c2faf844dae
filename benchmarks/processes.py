"""Child processes: each contender runs in one of its own, and is asked by a line of JSON each way."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import httpx
import msgspec

ROOT: Final = Path(__file__).parents[1]
PATIENCE: Final = 30.0
"""Seconds beyond its own bound after which a child is given up."""

T = TypeVar("T", bound="Answer")
Question = TypeVar("Question")


class Failed(Exception):
    """A contender could not do it; the message goes into its row."""


class Answer(msgspec.Struct, tag=True):
    """What a child says."""


class Refusal(Answer):
    """What it says instead."""

    refusal: str


def environment() -> dict[str, str]:
    """That of this process, without what would lead a client elsewhere than to the server on this machine."""
    # Nor what would have Python compile everything anew at each start.
    dropped = ("_PROXY", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(dropped)}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [kept.get("PYTHONPATH"), str(ROOT)]))}


class Child:
    """A process that answers questions."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            cwd=ROOT,
            env=environment(),
            # A ctrl-C is this process's to deal with, which then ends the children.
            start_new_session=True,
        )

    def ask(self, question: object, kind: type[T], within: float) -> T:
        """The answer; raises `Failed` with what the child says instead, or with how it ended."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with contextlib.suppress(BrokenPipeError):  # its last words tell more
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
        line = self.line(within + PATIENCE)
        answer: T | Refusal = msgspec.json.decode(line, type=kind | Refusal)
        if isinstance(answer, Refusal):
            raise Failed(answer.refusal)
        return answer

    def line(self, within: float) -> bytes:
        """The next line that the child writes; raises `Failed` when none comes."""
        out = self._process.stdout
        assert out is not None  # noqa: S101 - a pipe was asked for
        ready, _, _ = select.select([out], [], [], within)
        line = out.readline() if ready else b""
        if not line:
            raise Failed(self._last_words() if ready else f"nothing came within {within:.0f} s")
        return line

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        written = self._errors.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(written) if line.strip()), f"ended with {code}")

    def end(self) -> None:
        """Ends it at once, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def child(module: str, *arguments: str) -> Generator[Child]:
    """A child that ends with the block."""
    one = Child(module, *arguments)
    try:
        yield one
    finally:
        one.end()


@contextlib.contextmanager
def server(*, delay: float = 0.0, looks: int = 1) -> Generator[str]:
    """The canned server's address, while it runs."""
    with child("benchmarks.server", "--delay", str(delay), "--looks", str(looks)) as one:
        yield f"http://127.0.0.1:{int(one.line(PATIENCE))}"


def used(base_url: str) -> tuple[int, float]:
    """The requests that the canned server has answered, and the seconds of CPU it has used."""
    requests, seconds = json.loads(httpx.get(f"{base_url}/used", trust_env=False).content)
    return requests, seconds


def answer_questions(kind: type[Question], answer: Callable[[Question], Answer]) -> None:
    """A child's whole life: it ends when its stdin does."""
    for line in sys.stdin.buffer:
        try:
            said: Answer = answer(msgspec.json.decode(line, type=kind))
        except Exception as error:  # noqa: BLE001 - the table has a row for it, of whatever kind
            said = Refusal(_in_short(error))
        say(said)


def say(answer: Answer) -> None:
    """Writes a line to whoever asked."""
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def leave(answer: Answer) -> NoReturn:
    """Says it and ends this process where it stands: closing a jammed pool would take longer than filling it."""
    try:
        say(answer)
    finally:
        # Whoever asked may be gone.
        os._exit(0)


def _in_short(error: BaseException) -> str:
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}"[:160]


def without(*packages: str) -> None:
    """Makes this process one where these packages are not installed: importing them raises `ImportError`."""
    for package in packages:
        if package in sys.modules:
            raise Failed(f"{package} was imported already")
        # What Python itself keeps for "there is none"; also what `importlib.util.find_spec` goes by.
        sys.modules[package] = None  # type: ignore[assignment]  # pyright: ignore[reportArgumentType] - typed as if there always were one


def resident() -> int:
    """Bytes of memory that this process has in use; on other systems than Linux the most it ever had."""
    with contextlib.suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def watched(bound: float, every: float, look: Callable[[], object], end: Callable[[], object]) -> threading.Event:
    """Calls `look` so often and, after so many seconds, `end`, whatever the event loop is busy with.

    From a thread: the loop of a client that has collapsed may not turn once in all that time. Set
    the event that comes back to have it stop.
    """
    over, until = threading.Event(), time.monotonic() + bound

    def watch() -> None:
        # By the clock: a busy loop gives a thread its turn late, each time.
        while (left := until - time.monotonic()) > 0:
            if over.wait(min(every, left)):
                return
            look()
        end()

    threading.Thread(target=watch, daemon=True).start()
    return over
