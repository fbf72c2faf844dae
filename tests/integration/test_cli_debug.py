"""`--debug` prints a traceback for every error of every command, and never the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Output, exit_code_of_main
from support.clients import KEY
from support.many_tasks import respond_by_id
from support.server import Server, close, response, task

MODEL = ("--model", "byteplus/dreamina-seedance-2-0")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get", "t"], 3),
        (["list"], 3),
        (["download", "t"], 3),
        (["wait", "t"], 3),
        (["wait", "t", "u", "--json"], 3),
        (["wait", "r", "--timeout", "10"], 4),
        (["wait", "f"], 1),
        (["create", "a lake", *MODEL], 3),
        (["generate", "a lake", *MODEL], 3),
        (["create", "a lake", *MODEL, "--seed", "-7"], 2),
        (["generate", "a lake", *MODEL, "-o", "missing/x.mp4"], 74),
        (["generate", "a lake", *MODEL, "-o", "there"], 74),
        (["create", "a lake", *MODEL, "--journal", "missing/journal"], 74),
        (["wait", "t", "--private-host", "a/b"], 2),
        (["wait", "t", "--download", "there/folder"], 74),
    ],
)
def test_every_error_has_a_traceback_with_debug_and_none_without(
    env_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    arguments: list[str],
    code: int,
) -> None:
    answers = {"r": task("running", "r"), "f": task("failed", "f")}
    respond_by_id(env_server, lambda name, _poll: answers.get(name, response(404, {"error": {"message": "gone"}})))
    monkeypatch.chdir(tmp_path)
    Path("there").write_text("mine")
    assert exit_code_of_main(*arguments) == code
    assert "Traceback" not in capsys.readouterr().err
    assert exit_code_of_main(*arguments, "--debug") == code
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last):" in printed
    assert KEY not in printed
    # The sentence for the user is the last line but one of a list of mistakes.
    assert not printed.splitlines()[-1].startswith(" ")


def test_a_lost_create_has_a_traceback_with_debug(env_server: Server, capsys: Output) -> None:
    env_server.script(close)
    assert exit_code_of_main("create", "a lake", *MODEL, "--debug") == 5
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last):" in printed
    assert "the list of tasks cannot be read: " in printed
    assert "meshapi-video list prints the stored tasks" in printed
    assert "candidates()" not in printed.splitlines()[-2]


def test_the_debug_of_one_command_does_not_stay_for_the_next(env_server: Server, capsys: Output) -> None:
    env_server.script(response(404, {}))
    assert exit_code_of_main("get", "t", "--debug") == 3
    capsys.readouterr()
    assert exit_code_of_main("wait", "t") == 3
    assert "Traceback" not in capsys.readouterr().err
