"""Ctrl-C and SIGTERM: what is kept, and what continues on the server, at each moment of each command."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from unittest import mock

import anyio
import pytest

from meshapi_video import PollPolicy
from meshapi_video.__main__ import program
from meshapi_video._cli.commands import run
from meshapi_video._cli.interruption import kept_after_ctrl_c
from meshapi_video._download.partial_file import PartialFile
from support.cli import Output, exit_code_of_main, video_tasks
from support.clock import Clock
from support.many_tasks import respond_by_id
from support.server import Server, close, response, task

CREATED = response(200, {"id": "t"})
MODEL = ("--model", "byteplus/dreamina-seedance-2-0")


# An interrupted event loop ends before its transports have told their protocols that they are closed, and before the
# connections of creates and downloads have closed their second descriptor. The end of the program closes both.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in.*(_SelectorTransport|<socket\.socket):pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _collect_transports() -> Generator[None]:
    """Deletes the transports within the test that left them."""
    yield
    gc.collect()


def interrupt(*_arguments: object, **_options: object) -> float:
    signal.raise_signal(signal.SIGINT)
    return 0.01


def terminate(*_arguments: object, **_options: object) -> float:
    signal.raise_signal(signal.SIGTERM)
    return 0.01


async def interrupt_async(*_arguments: object, **_options: object) -> None:
    signal.raise_signal(signal.SIGINT)
    await anyio.sleep_forever()


@pytest.fixture
def ctrl_c(no_delays: Clock, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - replaces its patch
    """Interrupts the process after the first poll that finds a task that has not ended."""
    monkeypatch.setattr(PollPolicy, "delay", interrupt)


@pytest.mark.usefixtures("ctrl_c")
def test_after_generate_the_task_continues_and_is_waited_for_on_its_id(env_server: Server, capsys: Output) -> None:
    env_server.script(CREATED, task("running", "t"))
    assert run(["generate", "a lake", *MODEL]) == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "meshapi-video: task t continues, and has been paid for: run meshapi-video wait t",
        "meshapi-video: interrupted",
    ]


@pytest.mark.usefixtures("ctrl_c")
def test_after_a_batch_the_same_command_goes_on(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    batch = tmp_path / "videos.jsonl"
    batch.write_text('{"prompt": "a lake", "model": "m/1"}\n')
    env_server.script(CREATED, task("running", "t"))
    assert run(["generate", "--batch", str(batch)]) == 130
    assert "task t continues: wait again on the same id" in capsys.readouterr().err


def interrupt_download(server: Server, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Interrupts the process in the middle of each video, after so many bytes."""
    respond_by_id(server, video_tasks(server, generations=CREATED))
    write = PartialFile.write

    def write_and_interrupt(file: PartialFile, *chunks: bytes) -> None:
        write(file, b"".join(chunks)[:after])
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PartialFile, "write", write_and_interrupt)


@pytest.mark.parametrize(("after", "kept"), [(100, "100 bytes are kept in {}.part"), (0, "nothing is kept")])
def test_after_a_download_the_bytes_are_kept(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, after: int, kept: str
) -> None:
    interrupt_download(env_server, monkeypatch, after=after)
    path = tmp_path / "lake.mp4"
    assert run(["download", "t", str(path)]) == 130
    assert capsys.readouterr().err.splitlines() == [
        f"meshapi-video: the download of task t is not complete, {kept.format(path)}: run the same command again",
        "meshapi-video: interrupted",
    ]


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_ctrl_c_after_the_last_byte_of_a_download_says_that_it_is_complete(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, options: list[str]
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    path = tmp_path / "lake.mp4"
    if options:
        path.write_text("an older video")
    finish = PartialFile.finish

    def finish_and_interrupt(file: PartialFile) -> Path:
        finish(file)
        raise KeyboardInterrupt

    monkeypatch.setattr(PartialFile, "finish", finish_and_interrupt)
    assert run(["download", "t", str(path), *options]) == 130
    assert capsys.readouterr().err.splitlines() == [
        f"meshapi-video: the download of task t is complete: {path}",
        "meshapi-video: interrupted",
    ]


def test_ctrl_c_stays_ctrl_c_when_another_download_finishes_at_this_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    part = tmp_path / "lake.mp4.part"
    part.write_text("received")
    find = os.stat

    def find_and_finish(path: Path, **options: bool) -> os.stat_result:
        found = find(path, **options)
        if path == part:
            part.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(os, "stat", find_and_finish)
    with pytest.raises(KeyboardInterrupt), kept_after_ctrl_c(tmp_path / "lake.mp4", "t", last_frame=False):
        raise KeyboardInterrupt
    assert f"8 bytes are kept in {part}" in capsys.readouterr().err


# It may also end while a thread opens the partial file of the other download. The end of the program closes this file.
@pytest.mark.filterwarnings(r"ignore:Exception ignored in.*FileIO.*\.part:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wait", "t"], "the download of task t is not complete, and the received bytes are kept in {folder}"),
        (["wait", "t", "u"], "is not complete, and the received bytes are kept in {folder}"),
        (["generate", "a lake", *MODEL], "run meshapi-video download t {quoted}"),
    ],
)
def test_ctrl_c_in_the_download_of_a_wait_names_the_download_and_no_running_task(
    env_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    arguments: list[str],
    message: str,
) -> None:
    interrupt_download(env_server, monkeypatch, after=100)
    folder = tmp_path / "my videos"
    folder.mkdir()
    option = "-o" if arguments[0] == "generate" else "--download"
    assert run([*arguments, option, str(folder)]) == 130
    printed = capsys.readouterr().err
    assert message.format(folder=folder, quoted=shlex.quote(str(folder))) in printed
    assert "continue" not in printed.replace("1 tasks continue", "")


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        ("after", "was interrupted after it was sent: a task may have been made and paid for"),
        ("before", "no task was created"),
    ],
)
def test_ctrl_c_in_a_create_says_whether_a_task_may_exist(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output, moment: str, message: str
) -> None:
    if moment == "after":

        def interrupted(connection: socket.socket) -> bool:
            os.kill(os.getpid(), signal.SIGINT)
            # Until the client closes the connection.
            connection.recv(1)
            return False

        env_server.script(interrupted)
    else:
        monkeypatch.setattr("meshapi_video._async.client.AsyncVideoClient.create", interrupt_async)
    assert run(["create", "a lake", *MODEL]) == 130
    printed = capsys.readouterr().err
    assert message in printed
    assert ("no task was created" in printed) is (moment == "before")


def test_ctrl_c_that_is_raised_inside_a_create_says_that_a_task_may_exist(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(CREATED)
    monkeypatch.setattr("meshapi_video._async.create.require_id", mock.Mock(side_effect=KeyboardInterrupt))
    assert run(["create", "a lake", *MODEL]) == 130
    printed = capsys.readouterr().err
    assert "was interrupted after it was sent: a task may have been made and paid for" in printed
    assert "no task was created" not in printed


def test_ctrl_c_after_a_create_names_the_task(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(CREATED)
    monkeypatch.setattr("meshapi_video._cli.create.print_status", interrupt)
    assert run(["create", "a lake", *MODEL]) == 130
    assert "task t continues, and has been paid for: wait on this id" in capsys.readouterr().err


def test_ctrl_c_in_the_creates_of_a_batch_counts_them_and_names_the_journal(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    batch = tmp_path / "videos.jsonl"
    batch.write_text('{"prompt": "a lake", "model": "m/1"}\n')
    env_server.script(CREATED)
    monkeypatch.setattr("meshapi_video._cli.create.print_status", interrupt)
    assert run(["generate", "--batch", str(batch)]) == 130
    assert (
        f"1 tasks were created in this run and continue, and 0 videos are not created yet. The journal {batch}.journal "
        "is kept: run the same command again, which creates only the missing ones"
    ) in capsys.readouterr().err


def test_ctrl_c_in_the_search_for_the_ends_of_a_journal_says_that_it_is_kept(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(close)
    journal = tmp_path / "journal"
    assert run(["create", "a lake", *MODEL, "--journal", str(journal)]) == 5
    monkeypatch.setattr("meshapi_video._cli.journal_ends.search_list", interrupt_async)
    assert run(["journal", str(journal)]) == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"meshapi-video: the journal {journal} keeps the ends that were found so far: run the same command again",
        "meshapi-video: interrupted",
    ]


@pytest.mark.usefixtures("env_server")
@pytest.mark.parametrize("command", [["get", "t"], ["list"], ["wait", "t"], ["download", "t"], ["create", "x", *MODEL]])
def test_ctrl_c_before_the_first_request_says_so(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("meshapi_video._settings.Settings.resolve", interrupt)
    assert run(command) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "meshapi-video: interrupted before anything was sent"


@pytest.mark.parametrize("has_stderr", ["stderr", "no stderr"])
def test_a_second_ctrl_c_ends_with_130_too(has_stderr: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("meshapi_video._cli.process.flush_output", interrupt)
    if has_stderr == "no stderr":
        monkeypatch.setattr("meshapi_video._cli.process.prepare_streams", lambda: None)
        monkeypatch.setattr(sys, "stderr", None)
    assert exit_code_of_main("--version") == 130
    printed = capsys.readouterr().err
    assert printed == ("meshapi-video: interrupted\n" if has_stderr == "stderr" else "")


PROGRAM = """
import importlib.abc, os, signal, sys

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[-1]:
            os.kill(os.getpid(), getattr(signal, sys.argv[-2]))

sys.meta_path.insert(0, Interrupt())
from meshapi_video.__main__ import program
sys.argv[1:-2] = ["wait", "t"]
program()
"""


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("SIGINT", "meshapi_video._cli"),
        ("SIGINT", "meshapi_video._cli.process"),
        ("SIGINT", "click"),
        ("SIGINT", "httpx"),
        ("SIGTERM", "meshapi_video._cli"),
        ("SIGTERM", "httpx"),
    ],
)
def test_a_signal_while_the_program_is_imported_ends_it_without_a_traceback(name: str, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, module], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 130
    assert (done.stdout, done.stderr.splitlines()[1:]) == ("", [])
    assert "Traceback" not in done.stderr


def program_with(run_main: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes with which the program ends at once, if `run_main` is the command line."""
    codes = list[int]()
    monkeypatch.setattr("meshapi_video._cli.main", run_main)
    monkeypatch.setattr("os._exit", codes.append)
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with pytest.raises(SystemExit):
            program()
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    return codes


def test_the_program_waits_for_no_thread_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program_with(lambda: sys.exit(0), monkeypatch) == [130]
    assert program_with(lambda: sys.exit(130), monkeypatch) == [130, 130]
    assert program_with(lambda: signal.raise_signal(signal.SIGINT), monkeypatch) == [130, 130]
    assert program_with(lambda: signal.raise_signal(signal.SIGTERM), monkeypatch) == [130, 130]


@pytest.fixture
def _ctrl_c_is_ignored() -> Generator[None]:
    """As a shell starts a program with `&`, and `nohup` every program."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_ignored")
def test_sigterm_ends_a_program_that_ignores_ctrl_c_as_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program_with(lambda: signal.raise_signal(signal.SIGTERM), monkeypatch) == [130, 130]


@pytest.mark.usefixtures("_ctrl_c_is_ignored")
def test_a_program_that_ignores_ctrl_c_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on() -> None:
        signal.raise_signal(signal.SIGINT)
        sys.exit(0)

    assert program_with(go_on, monkeypatch) == []


@pytest.mark.usefixtures("_ctrl_c_is_ignored")
def test_sigterm_after_a_create_names_the_paid_task_also_when_ctrl_c_is_ignored(
    env_server: Server, no_delays: Clock, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    assert no_delays

    def terminate(*_arguments: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    # Inside a task: the event loop handles the signal only if it may handle ctrl-C.
    monkeypatch.setattr(PollPolicy, "delay", terminate)
    env_server.script(CREATED, task("running", "t"))
    assert program_with(lambda: sys.exit(run(["generate", "a lake", *MODEL])), monkeypatch) == [130, 130]
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "meshapi-video: task t continues, and has been paid for: run meshapi-video wait t",
        "meshapi-video: interrupted",
    ]
