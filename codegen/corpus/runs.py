"""Runs one page through refusals, adaptation, generation and verification; and runs many pages in two processes."""

from __future__ import annotations

import contextlib
import enum
import multiprocessing
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final, NamedTuple

from codegen.corpus.pages import Page
from codegen.document import OVERLAY
from codegen.errors import CodegenError
from codegen.extensions import without_extensions
from codegen.overlay import apply_overlay
from codegen.parsing import read_mapping
from codegen.regenerate import generate_overlaid
from codegen.verification import sample_faults, verify

TIMEOUT: Final = 300.0
"""Seconds for one operation."""


class Kind(enum.StrEnum):
    """The end of one run."""

    PROVEN = "generated and proven"
    REFUSED = "refused"
    FOUND = "refused by the check"
    """Nothing was refused before generation, and the verification found wrong code."""
    BROKEN = "broken"
    """Anything else: never right."""


class Outcome(NamedTuple):
    """The end of one run, with its reason."""

    kind: Kind
    reason: str
    seconds: float = 0.0


def run_page(page: Page) -> Outcome:
    """Generates and verifies the code of one page."""
    if page.problem:
        return Outcome(Kind.REFUSED, page.problem)
    started = time.perf_counter()
    try:
        kind, reason = _run(page)
    # A defect of this project, or of a generator that hides it.
    except Exception as error:  # noqa: BLE001 - it is a row of the table
        kind, reason = Kind.BROKEN, f"{type(error).__name__}: {error}"
    return Outcome(kind, reason, time.perf_counter() - started)


def _run(page: Page) -> tuple[Kind, str]:
    with tempfile.TemporaryDirectory() as scratch:
        generated = Path(scratch, "generated")
        try:
            overlaid = apply_overlay(without_extensions(page.document), read_mapping(OVERLAY))
            generate_overlaid(generated, overlaid)
        except CodegenError as error:
            return Kind.REFUSED, str(error)
        try:
            proof = verify(generated)
        except CodegenError as error:
            return Kind.FOUND, str(error)
        faults = sample_faults(generated, [(schema, text, said) for schema, text, said in page.samples])
        if faults:
            return Kind.BROKEN, faults[0]
    unproven = [f"{pointer}: {reason}" for pointer, reason in proof.unproven.items()]
    return Kind.PROVEN, f"not tried: {'; '.join(unproven)}" if unproven else ""


def run_pages(found: Sequence[Page], *, workers: int = 2, timeout: float = TIMEOUT) -> Iterator[tuple[Page, Outcome]]:
    """The outcome of each page, in the order of the pages."""
    outcomes: list[Outcome | None] = [None] * len(found)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(found)):
        waiting.put(number)
    processes = [Worker(timeout) for _ in range(workers)]

    def work(worker: Worker) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                number = waiting.get_nowait()
                outcomes[number] = worker.run(found[number])
                done.put(number)

    try:
        for worker in processes:
            threading.Thread(target=work, args=(worker,), daemon=True).start()
        for number, page in enumerate(found):
            while (outcome := outcomes[number]) is None:
                done.get()
            yield page, outcome
    finally:
        for worker in processes:
            worker.stop()


class Worker:
    """A process that runs pages one after the other. It is ended if a page takes too long, and started again."""

    def __init__(self, timeout: float, run: Callable[[Page], Outcome] = run_page) -> None:
        self._timeout, self._run = timeout, run
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def run(self, page: Page) -> Outcome:
        """The outcome of one page."""
        started = time.perf_counter()
        try:
            pipe = self._pipe or self._start()
            pipe.send(page)
            if pipe.poll(self._timeout):
                outcome: Outcome = pipe.recv()
                return outcome
            reason = f"no end within {self._timeout:g} s"
        except (EOFError, OSError):
            reason = "the process ended before the page did"
        self._kill()
        return Outcome(Kind.BROKEN, reason, time.perf_counter() - started)

    def stop(self) -> None:
        """Ends the process."""
        self._kill()

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._run), daemon=True)
        self._process.start()
        theirs.close()
        # The time that the imports take is not the time of a page.
        self._pipe.recv()
        return self._pipe

    def _kill(self) -> None:
        process, self._process, self._pipe = self._process, None, None
        if process is None or process.pid is None:
            return
        # The process leads a group, in which mypy and the trials run.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg") and os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


def _serve(pipe: Connection, run: Callable[[Page], Outcome]) -> None:
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    pipe.send("ready")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            pipe.send(run(pipe.recv()))
