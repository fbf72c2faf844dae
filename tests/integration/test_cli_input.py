"""Ids and API keys from arguments, files, standard input and a terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from meshapi_video._cli.commands import run
from support.cli import COMMAND, Output
from support.clients import KEY
from support.many_tasks import respond_by_id
from support.server import Server, finished, response


class Pipe(io.StringIO):
    """Standard input that is a pipe."""

    name = "<stdin>"


class Terminal(Pipe):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


def set_stdin(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(content))


def test_ids_from_arguments_and_a_file_are_polled_once_each(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    polls = respond_by_id(env_server, lambda task_id, _poll: finished(task_id, f"https://cdn.example/{task_id}"))
    file = tmp_path / "ids.txt"
    file.write_text("b\n\n  c  \na\nb\n   \n")
    assert run(["wait", "a", "b", "a", "--from", str(file)]) == 0
    captured = capsys.readouterr()
    assert sorted(captured.out.splitlines()) == [f"{task_id}\thttps://cdn.example/{task_id}" for task_id in "abc"]
    assert polls == {"a": 1, "b": 1, "c": 1}
    assert captured.err.splitlines()[-1] == "3 tasks: 3 with a video"


def test_ids_are_read_from_standard_input(env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    polls = respond_by_id(env_server, lambda task_id, _poll: finished(task_id))
    set_stdin("a\nb\n", monkeypatch)
    assert run(["wait", "--from", "-"]) == 0
    assert polls.keys() == {"a", "b"}
    set_stdin("x\na/b\n", monkeypatch)
    assert run(["wait", "--from", "-"]) == 2
    assert "line 2 of <stdin>: " in capsys.readouterr().err


def test_a_wrong_id_in_a_file_is_reported_with_its_line_before_any_request(
    env_server: Server, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("fine\n\n../up\n")
    assert run(["wait", "--from", str(file)]) == 2
    assert f"line 3 of {file}: " in capsys.readouterr().err
    assert env_server.requests == []


def test_a_wait_without_ids_is_wrong_usage(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("\n")
    for arguments in ([], ["--from", str(file)]):
        assert run(["wait", *arguments]) == 2
        assert "no task to wait for" in capsys.readouterr().err
    assert env_server.requests == []


@pytest.fixture
def keyless(env_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with scripted responses, and no API key in the environment."""
    monkeypatch.delenv("MESHAPI_API_KEY")
    env_server.script(finished("t"))
    return env_server


def sent_key(server: Server) -> str:
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("command", ["get", "wait"])
def test_the_key_is_read_from_a_file(keyless: Server, command: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert run([command, "t", "--api-key-file", str(file)]) == 0
    assert sent_key(keyless) == KEY


def test_the_key_is_read_from_a_pipe(keyless: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    set_stdin(f"{KEY}\nmore\n", monkeypatch)
    assert run(["get", "t", "--api-key-stdin"]) == 0
    assert sent_key(keyless) == KEY


def test_a_terminal_prompts_for_the_key_and_does_not_show_it(
    keyless: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    prompts = list[str]()

    def type_key(prompt: str) -> str:
        prompts.append(prompt)
        return KEY

    monkeypatch.setattr("click.termui.hidden_prompt_func", type_key)
    assert run(["get", "t", "--api-key-stdin"]) == 0
    assert sent_key(keyless) == KEY
    captured = capsys.readouterr()
    # Before 8.2, click prints the prompt itself, without the last space.
    assert "API key: " in captured.err + prompts[0]
    assert KEY not in captured.out + captured.err


def test_a_file_of_ids_that_is_not_text_is_wrong_usage(keyless: Server, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "ids"
    file.write_bytes(b"t1\n\xff\n")
    assert run(["wait", "--from", str(file)]) == 2
    assert f"{file} is not a text file in UTF-8" in capsys.readouterr().err
    assert keyless.requests == []


def test_two_sources_for_the_key_and_one_source_for_key_and_ids_are_wrong_usage(
    keyless: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    set_stdin(f"{KEY}\nt\n", monkeypatch)
    assert run(["get", "t", "--api-key-file", str(file), "--api-key-stdin"]) == 2
    assert run(["wait", "--from", "-", "--api-key-stdin"]) == 2
    assert run(["wait", "--from", "-", "--api-key-file", "-"]) == 2
    printed = capsys.readouterr().err
    assert printed.count("give --api-key-file or --api-key-stdin, not both") == 1
    assert printed.count("the ids or the API key, not both") == 2
    assert KEY not in printed
    assert keyless.requests == []


def test_ids_from_a_pipe_and_the_key_from_a_file_work_together(
    keyless: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    set_stdin("t\n", monkeypatch)
    assert run(["wait", "--from", "-", "--api-key-file", str(file)]) == 0
    assert sent_key(keyless) == KEY


def test_the_standard_input_of_a_process_is_recognized(keyless: Server) -> None:
    done = subprocess.run(
        [*COMMAND, "wait", "--from", "-", "--api-key-stdin"],
        input=f"{KEY}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "not both" in done.stderr
    assert KEY not in done.stderr
    assert keyless.requests == []


@pytest.mark.parametrize("command", ["get", "wait", "download"])
def test_a_missing_key_is_wrong_usage_that_names_the_variable_and_the_options(
    keyless: Server, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    empty = tmp_path / "key"
    empty.write_text(" \n")
    set_stdin("", monkeypatch)
    for options in ([], ["--api-key-file", str(empty)], ["--api-key-stdin"]):
        assert run([command, "t", *options]) == 2
        sentence = "no API key: set the environment variable MESHAPI_API_KEY, or give --api-key-file or --api-key-stdin"
        assert sentence in capsys.readouterr().err
    assert keyless.requests == []


def test_the_error_for_a_refused_key_names_no_argument_of_python(
    keyless: Server, tmp_path: Path, capsys: Output
) -> None:
    keyless.script(response(401, {}))
    file = tmp_path / "key"
    file.write_text(KEY)
    assert run(["get", "t", "--api-key-file", str(file)]) == 3
    printed = capsys.readouterr().err
    assert "Check the key in MESHAPI_API_KEY, or the key that --api-key-file or --api-key-stdin read" in printed
    assert "api_key=" not in printed


@pytest.mark.parametrize("command", ["wait", "download"])
def test_a_private_host_that_cannot_be_a_host_is_wrong_usage(command: str, env_server: Server, capsys: Output) -> None:
    env_server.script(finished())
    assert run([command, "task-1", "--private-host", "files.internal", "--private-host", "a/b"]) == 2
    assert "--private-host should be a name such as 'files.example', and not 'a/b'" in capsys.readouterr().err
    assert env_server.requests == []
