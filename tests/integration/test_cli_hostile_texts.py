"""The command prints the texts of a server, and obeys none of them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from meshapi_video import PendingTask, WaitProgress
from meshapi_video._cli.commands import run
from meshapi_video._cli.display import render
from support.cli import Output, exit_code_of_main, video_tasks
from support.many_tasks import respond_by_id
from support.server import Response, Server, finished, http, raw, response, task

HOSTILE = "\x1b[2J\x1b]0;title\x07\r\nstatus: succeeded\nmeshapi-video: task t: forged\n\u202e\u2066\u200b\x9b\x7f\t"
MARKUP = "[red]red[/red] :smile: [link=https://x.example]y[/link]"
# No escape of a character is longer than 10 characters, and a line has a few texts.
LONGEST_LINE = 6_000

Script = Callable[[str], list[Response]]


def header(name: str, status: int, text: str) -> Response:
    """A response with a header of these bytes, as they are."""
    content = http(status).replace(b"\r\n", b"\r\n%s: %s\r\n" % (name.encode(), text.encode()[:30_000]), 1)
    return raw(content)


def forget_lines(text: str) -> str:
    """A header and a status line have no line breaks."""
    return text.replace("\r", "").replace("\n", "")


SCRIPTS: dict[str, Script] = {
    "status": lambda text: [task(text, "t"), finished("t")],
    "model": lambda text: [task("succeeded", "t", model=text, content={"video_url": "https://cdn.example/v"})],
    "unknown name": lambda text: [task("failed", "t", **{f"x{text}": 1})],
    "unknown value": lambda text: [task("failed", "t", x=text, y={text: [text]})],
    "url": lambda text: [finished("t", f"https://cdn.example/{text}")],
    "task error": lambda text: [task("failed", "t", error={"code": text, "message": text})],
    "another task": lambda text: [task("running", f"x{text}")],
    "transient error": lambda text: [response(503, {"error": {"code": text, "message": text}}), finished("t")],
    "error": lambda text: [response(404, {"error": {"code": text, "message": text}, "request_id": text})],
    "detail": lambda text: [response(403, {"detail": text})],
    "field errors": lambda text: [response(422, {"detail": [{"loc": [text, 1], "msg": text, "type": text}] * 30})],
    "wrong type": lambda text: [task("running", "t", content={"video_url": {text: text}})],
    "not JSON": lambda text: [response(200, text.encode(errors="replace")), finished("t")],
    "x-request-id": lambda text: [header("x-request-id", 404, forget_lines(text))],
    "location": lambda text: [header("location", 301, f"https://{forget_lines(text)}/")],
    "content-type": lambda text: [header("content-type", 404, f"text/{forget_lines(text)}")],
    "status line": lambda text: [raw(f"HTTP/1.1 404 {forget_lines(text)[:10_000]}\r\n\r\n".encode(errors="replace"))],
    "not HTTP": lambda text: [raw(text.encode(errors="replace")[:10_000] + b"\r\n\r\n"), finished("t")],
}
COMMANDS = [
    ["get", "t"],
    ["get", "t", "--debug"],
    ["get", "t", "--json"],
    ["wait", "t", "--timeout", "30"],
    ["wait", "t", "--debug", "--timeout", "30"],
    ["wait", "t", "--json", "--timeout", "30"],
]


@pytest.fixture
def output_of(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> Callable[[list[str], list[Response]], tuple[str, str]]:
    """Runs the command, and returns what it printed on stdout and stderr."""

    def output_of(command: list[str], script: list[Response]) -> tuple[str, str]:
        # The log is configured as in a new process, where the root logger has no handlers.
        monkeypatch.setattr(logging.root, "handlers", [])
        logging.getLogger("meshapi_video").setLevel(logging.NOTSET)
        env_server.requests.clear()
        env_server.script(*script)
        capsys.readouterr()
        run([argument.format(folder=tmp_path) for argument in command])
        return capsys.readouterr()

    return output_of


OutputOf = Callable[[list[str], list[Response]], tuple[str, str]]


def check(output_of: OutputOf, command: list[str], script: Script, *texts: str) -> None:
    expected = output_of(command, script("x"))
    for text in texts:
        printed = output_of(command, script(text))
        for stream, expected_stream in zip(printed, expected, strict=True):
            lines = stream.split("\n")
            assert all(line.isprintable() for line in lines), stream
            # The server has added no line and has removed none.
            assert len(lines) == len(expected_stream.split("\n")), (stream, expected_stream)
        out, err = printed
        assert all(len(line) < LONGEST_LINE for line in err.split("\n"))
        if "--json" in command:
            assert out.isascii()
            assert all(json.loads(line) for line in out.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_no_text_of_a_server_writes_a_line_or_commands_the_terminal(
    output_of: OutputOf, script: Script, command: list[str]
) -> None:
    check(output_of, command, script, HOSTILE, HOSTILE * 200)


@pytest.mark.parametrize("name", ["location", "content-encoding", "content-length", "etag"])
@pytest.mark.parametrize("status", [200, 302, 404])
def test_the_server_of_a_file_writes_no_line_either(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, name: str, status: int
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    respond_by_id(env_server, video_tasks(env_server, t_mp4=header(name, status, forget_lines(HOSTILE * 200))))
    run(["download", "t", str(tmp_path / "v.mp4"), "--debug"])
    lines = capsys.readouterr().err.split("\n")
    assert all(line.isprintable() and len(line) < LONGEST_LINE for line in lines)
    assert not any(line.startswith(("status", "meshapi-video: task t: forged")) for line in lines)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_random_text_writes_a_line_or_commands_the_terminal(output_of: OutputOf, text: str) -> None:
    check(output_of, ["get", "t"], SCRIPTS["unknown name"], text)


def test_the_url_of_one_of_several_tasks_stays_on_its_line(env_server: Server, capsys: Output) -> None:
    respond_by_id(env_server, lambda task_id, _poll: finished(task_id, f"https://cdn.example/{HOSTILE}"))
    assert run(["wait", "a", "b"]) == 0
    lines = sorted(capsys.readouterr().out.splitlines())
    assert [line.partition("https://")[0] for line in lines] == ["a\t", "b\t"]
    assert all(line.replace("\t", "", 1).isprintable() for line in lines)


def test_the_live_display_shows_the_texts_of_a_server_on_their_lines() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, legacy_windows=False)
    statuses = [HOSTILE, MARKUP, "x" * 4_000_000, *(f"status {number}" for number in range(1_000))]
    pending = [PendingTask(f"t{number}", status, 1.0, 1.0) for number, status in enumerate(statuses[:4])]
    progress = WaitProgress(1_003, 0, 2, dict.fromkeys(statuses, 1))
    with console.capture() as capture:
        console.print(render(progress, pending, {}, 1_003))
    # The only escape sequences are rich's own, for styles.
    lines = re.sub(r"\x1b\[[\d;]*m", "", capture.get()).split("\n")
    assert len(lines) == 1 + len(pending) + 1 + 1
    assert all(line.isprintable() and len(line) <= 80 for line in lines)
    assert r"\x1b[2J" in lines[1]
    assert "[red]red[/red] :smile: " in lines[2]


def test_an_argument_out_of_a_file_of_ids_commands_no_terminal(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "ids"
    file.write_text("--\x1b[2J\x9b\n")
    assert run(["wait", "--from", str(file)]) == 2
    assert run(["wait", *file.read_text().split()]) == 2
    err = capsys.readouterr().err
    assert "Error: " in err
    assert all(line.isprintable() for line in err.split("\n"))


def test_a_character_that_the_terminal_does_not_have_is_shown_as_its_escape(
    env_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stdout)
    env_server.script(task("running", "t", model="é湖"))
    assert exit_code_of_main("get", "t") == 0
    assert b"model: \xe9\\u6e56\n" in stdout.buffer.getvalue()


def test_the_message_of_a_crash_stays_on_its_line(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def crash(_task_id: str) -> str:
        raise RuntimeError(HOSTILE) from KeyError(HOSTILE)

    monkeypatch.setattr("meshapi_video._tasks.check_task_id", crash)
    assert exit_code_of_main("get", "t", "--debug") == 70
    lines = capsys.readouterr().err.split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith(("status", "meshapi-video"))] == [lines[-2]]
    assert sum(line.startswith(r"RuntimeError: \x1b[2J") for line in lines) == 1
    assert "The above exception was the direct cause of the following exception:" in lines


def test_the_log_of_another_library_commands_no_terminal(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    env_server.script(finished("t"))
    assert run(["get", "t", "--debug"]) == 0
    capsys.readouterr()
    logging.getLogger("another_package").warning(HOSTILE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
