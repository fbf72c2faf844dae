"""Standard streams of other systems: code pages, closed streams, and files that Windows wrote."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cli import COMMAND, exit_code_of_main, video_tasks
from support.many_tasks import respond_by_id
from support.server import Server, response, task

CODE_PAGES = ["cp1252", "cp437", "latin-1", "ascii"]
FOREIGN = "видео-🎬"
"""Characters that no code page of the West has."""


class Streams:
    """A stdout and a stderr with an encoding of their own."""

    def __init__(self, encoding: str, errors: str) -> None:
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.stdout = io.TextIOWrapper(self.out, encoding, errors)
        # Python gives stderr this handler whatever PYTHONIOENCODING says; a program that starts this one may not.
        self.stderr = io.TextIOWrapper(self.err, encoding, errors)


@contextmanager
def streams(encoding: str, errors: str = "strict") -> Generator[Streams]:
    made = Streams(encoding, errors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", made.stdout)
        patch.setattr(sys, "stderr", made.stderr)
        # As in a new process.
        patch.setattr(logging.root, "handlers", [])
        yield made


COMMANDS = [
    ["get", "t"],
    ["get", "t", "--json"],
    ["list"],
    ["list", "--json"],
    ["wait", "t"],
    ["wait", "t", "u", "--debug"],
    ["wait", "t", "u", "--json"],
    ["wait", "t", "u", "--download", FOREIGN],
    ["wait", "t", "u", "--download", FOREIGN, "--json"],
    ["download", "t", f"{FOREIGN}.mp4"],
    ["create", FOREIGN, "--model", FOREIGN, "--dry-run"],
    ["generate", FOREIGN, "--model", FOREIGN, "--dry-run"],
]
FAILING = [
    (["get", FOREIGN + "/"], 2),
    (["wait", "--from", FOREIGN], 2),
    (["get", "t", "--" + FOREIGN], 2),
    (["journal", FOREIGN], 2),
    (["download", "t", f"{FOREIGN}/{FOREIGN}.mp4"], 74),
    (["download", FOREIGN, "x.mp4"], 3),
    (["wait", "t", FOREIGN, "u", "--debug"], 3),
    (["wait", "t", FOREIGN, "u", "--json"], 3),
]


@pytest.fixture
def foreign(env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose texts have foreign characters, and a folder of its own."""
    listed = {
        "data": [{"id": "t", "status": FOREIGN, "model": FOREIGN, "created_at": 1}],
        "has_more": False,
        "total": 1,
    }
    videos = video_tasks(
        env_server,
        generations=response(200, {**listed, "limit": 100, "offset": 0}),
        t=task("succeeded", "t", model=FOREIGN, content={"video_url": f"{env_server.base_url}/t.mp4"}),
    )
    missing = response(404, {"error": {"message": FOREIGN}})
    respond_by_id(env_server, lambda name, poll: missing if name.startswith("%") else videos(name, poll))
    monkeypatch.chdir(tmp_path)
    return env_server


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("encoding", CODE_PAGES)
@pytest.mark.parametrize("errors", ["strict", "surrogateescape", "surrogatepass"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_code_page_changes_neither_the_end_nor_the_encoding_of_a_command(
    encoding: str, errors: str, arguments: list[str]
) -> None:
    with streams(encoding, errors) as made:
        code = exit_code_of_main(*arguments)
    printed, messages = made.out.getvalue().decode(encoding), made.err.getvalue().decode(encoding)
    assert code == 0, messages
    assert printed
    assert "internal error" not in messages


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("encoding", CODE_PAGES)
@pytest.mark.parametrize(("arguments", "expected"), FAILING)
def test_an_error_keeps_its_exit_code_in_a_code_page(encoding: str, arguments: list[str], expected: int) -> None:
    with streams(encoding) as made:
        code = exit_code_of_main(*arguments)
    messages = made.err.getvalue().decode(encoding)
    assert code == expected, messages
    assert r"\u0432\u0438\u0434\u0435\u043e" in messages
    assert "internal error" not in messages


@pytest.mark.skipif(sys.platform != "linux", reason="file names are no bytes elsewhere")
def test_the_path_of_a_file_whose_name_is_no_text_is_printed_byte_for_byte(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    respond_by_id(env_server, video_tasks(env_server))
    name = os.fsdecode(b"caf\xe9.mp4")
    with streams("utf-8") as made:
        assert exit_code_of_main("download", "t", name) == 0
    assert made.out.getvalue() == b"caf\xe9.mp4\n"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are no bytes elsewhere")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "U16"])
def test_the_path_of_a_file_whose_name_is_no_text_is_escaped_where_a_byte_is_no_character(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    respond_by_id(env_server, video_tasks(env_server))
    with streams(encoding) as made:
        assert exit_code_of_main("download", "t", os.fsdecode(b"caf\xe9.mp4")) == 0
    assert made.out.getvalue().decode(encoding) == "caf\\udce9.mp4\n"


@pytest.mark.parametrize("errors", ["backslashreplace", "replace", "ignore", "xmlcharrefreplace", "namereplace"])
def test_an_error_handler_that_cannot_fail_stays(foreign: Server, errors: str) -> None:
    assert foreign
    with streams("cp437", errors) as made:
        assert exit_code_of_main("list") == 0
    assert made.stdout.errors == errors


def run_in_shell(redirection: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the command as a shell does with this redirection."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *COMMAND, *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, **variables},
    )


@pytest.mark.usefixtures("foreign")
def test_a_process_in_a_code_page_downloads_every_video_of_a_batch() -> None:
    done = run_in_shell("", "wait", "t", "u", "--download", FOREIGN, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    shown = r"\u0432\u0438\u0434\u0435\u043e-\U0001f3ac"
    assert sorted(done.stdout.decode("cp1252").splitlines()) == [f"{name}\t{shown}/{name}.mp4" for name in "tu"]
    assert sorted(path.name for path in Path(FOREIGN).iterdir()) == ["t.mp4", "u.mp4"]


def test_a_process_with_its_streams_closed_neither_crashes_nor_takes_a_file_for_a_stream(
    env_server: Server, tmp_path: Path
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    for redirection in ("2>&-", "<&- 2>&-", "2>&- --debug"):
        done = run_in_shell(redirection, "wait", "t", "u", "--download", str(tmp_path))
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.split()) == 4
    assert run_in_shell("<&-", "wait", "--from", "-").returncode == 2
    assert run_in_shell("<&- >&- 2>&-", "wait", "t").returncode == 74
    assert run_in_shell("2>&-", "wait", "--nonsense").returncode == 2
