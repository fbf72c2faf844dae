"""Output that cannot be written: a broken pipe, a full disk, a closed stdout.

Most of these tests run the entry point in this process, and then flush the output once more, as Python
does at exit. The others run the cheapest commands in processes of their own.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from meshapi_video._cli.commands import run
from support.cli import COMMAND, Output, exit_code_of_main, video_tasks
from support.many_tasks import respond_by_id
from support.server import Server, finished

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no device that is always full")


@pytest.fixture
def broken_pipe() -> Generator[io.TextIOWrapper]:
    """A pipe that no process reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        yield pipe


@pytest.fixture
def _buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the processes of a test buffered output, which Python writes at exit."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.mark.parametrize(
    "arguments",
    [["get", "t"], ["get", "t", "--json"], ["wait", "t"], ["wait", "a", "b"], ["wait", "a", "b", "--download"]],
)
def test_a_broken_pipe_exits_with_141_and_prints_no_error(
    env_server: Server,
    broken_pipe: io.TextIOWrapper,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    if arguments[-1] == "--download":
        arguments = [*arguments, str(tmp_path)]
    monkeypatch.setattr(sys, "stdout", broken_pipe)
    assert exit_code_of_main(*arguments) == 141
    broken_pipe.flush()
    assert all(line.endswith(" has the status succeeded") for line in capsys.readouterr().err.splitlines())


@pytest.mark.usefixtures("_buffered")
@pytest.mark.parametrize("arguments", [["--help"], ["completion", "bash"]])
def test_a_process_with_a_broken_pipe_exits_with_141_and_prints_no_error(
    broken_pipe: io.TextIOWrapper, arguments: list[str]
) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments], stdout=broken_pipe, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert done.returncode == 141
    assert done.stderr == ""


@needs_full_disk
@pytest.mark.parametrize("full", [["stdout"], ["stdout", "stderr"]])
def test_a_full_disk_exits_with_74_and_one_sentence(
    env_server: Server, full: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(finished("t"))
    with ExitStack() as stack:
        streams = [stack.enter_context(FULL_DISK.open("w")) for _name in full]
        for name, stream in zip(full, streams, strict=True):
            monkeypatch.setattr(sys, name, stream)
        assert exit_code_of_main("get", "t") == 74
        for stream in streams:
            stream.flush()
    sentence = "meshapi-video: reading or writing failed: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == ("" if "stderr" in full else sentence)


def run_in_shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a shell does with this redirection."""
    script = f'exec "$0" "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, *COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@needs_full_disk
@pytest.mark.usefixtures("_buffered")
def test_a_process_with_its_output_on_a_full_disk_exits_with_74() -> None:
    done = run_in_shell(">/dev/full", "completion", "zsh")
    assert done.returncode == 74
    assert done.stderr == "meshapi-video: reading or writing failed: [Errno 28] No space left on device\n"
    assert run_in_shell(">/dev/full 2>/dev/full", "completion", "zsh").returncode == 74


def test_a_closed_stdout_exits_with_74_before_any_request(env_server: Server) -> None:
    done = run_in_shell(">&-", "get", "t")
    assert done.returncode == 74
    assert done.stderr == "meshapi-video: stdout is closed; to discard the output, redirect it to /dev/null\n"
    assert run_in_shell(">&- 2>&-", "get", "t").returncode == 74
    assert env_server.requests == []


@pytest.mark.parametrize("arguments", [["a"], ["a", "b"], ["a", "--download", "."]])
def test_an_output_error_in_a_wait_is_raised_without_the_groups_around_it(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    def fail(_text: object) -> None:
        raise OSError(28, "No space left on device")

    respond_by_id(env_server, video_tasks(env_server))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meshapi_video._cli.batch.print_line", fail)
    with pytest.raises(OSError, match="No space left"):
        run(["wait", *arguments])
