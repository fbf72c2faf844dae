"""The command line in general: help, usage errors, exit codes, completion, debugging."""

from __future__ import annotations

import logging
import re
import signal
import sys
from pathlib import Path

import pytest

from meshapi_video import PollPolicy, __version__
from meshapi_video._cli.commands import run
from meshapi_video._cli.exit_codes import WORST_FIRST, ExitCode
from meshapi_video._validation import MAX_IN_FLIGHT
from meshapi_video_sandbox import Outcome, Sandbox
from support.cli import Output, exit_code_of_main
from support.clients import KEY
from support.clock import Clock
from support.many_tasks import never_finished, respond_by_id
from support.server import Response, Server, close, finished, response, task

ROOT = Path(__file__).parents[2]


def test_help_and_version_are_printed(capsys: Output) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


COMMANDS = [
    *("create", "generate", "journal", "list", "get", "wait", "download"),
    *("sandbox", "demo", "mcp", "completion"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_cuts_no_sentence_short(command: str, capsys: Output) -> None:
    assert run([command, "--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Options")[2]


def test_the_list_of_commands_cuts_no_sentence_short(capsys: Output) -> None:
    assert run(["--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Options")[2]


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_help_and_in_both_tables(code: ExitCode, capsys: Output) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^ +{code.value} +{re.escape(code.meaning)}$", printed, re.MULTILINE)
    row = f"\n| {code.value} | {code.meaning} |\n"
    assert row in (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8").replace("`", "")
    assert row in (ROOT / "README.md").read_text(encoding="utf-8").replace("`", "")


def test_the_order_of_the_exit_codes_is_in_the_help_and_on_both_pages(capsys: Output) -> None:
    assert run(["wait", "--help"]) == 0
    # The creates of `wait` are those of other programs: it never ends with 5.
    assert f"From the worst on: {', '.join(str(code.value) for code in WORST_FIRST[1:])}." in " ".join(
        capsys.readouterr().out.split()
    )
    for page in ("docs/command-line.md", "README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"From the worst on: {', '.join(str(code.value) for code in WORST_FIRST)}." in text


def test_the_default_of_max_in_flight_is_the_default_of_the_library(capsys: Output) -> None:
    assert run(["wait", "--help"]) == 0
    assert f"[default: {MAX_IN_FLIGHT}; " in capsys.readouterr().out


@pytest.mark.parametrize("outcome", ["failed", "expired", "cancelled"])
def test_a_task_that_ended_without_a_video_exits_with_1(env_sandbox: Sandbox, outcome: Outcome, capsys: Output) -> None:
    task_id = env_sandbox.create_task(outcome, queued_for=0, running_for=0)
    assert run(["wait", task_id]) == 1
    assert f"meshapi-video: task {task_id}: {outcome}" in capsys.readouterr().err
    assert run(["get", task_id]) == 1


def test_a_refused_request_and_a_server_without_a_response_exit_with_3(env_server: Server, capsys: Output) -> None:
    env_server.script(response(401, {"error": {"code": "unauthorized", "message": "Missing or invalid API key"}}))
    assert run(["wait", "t"]) == 3
    assert "meshapi-video: task t: HTTP 401 unauthorized: Missing or invalid API key" in capsys.readouterr().err
    env_server.script(close)
    assert run(["get", "t"]) == 3
    assert "meshapi-video: task t: no complete response from http://127.0.0.1:" in capsys.readouterr().err


def test_a_wait_that_times_out_exits_with_4_and_tells_what_to_do(env_server: Server, capsys: Output) -> None:
    env_server.script(task("running", "t"))
    assert run(["wait", "t", "--timeout", "10"]) == 4
    assert "has been paid for: wait again on the same id" in capsys.readouterr().err


HOSTILE = "\x1b[31m\x07\r\nmeshapi-video: forged"
# Terminals obey these control characters, too.
HOSTILE_C1 = "\x9b31m\u2028meshapi-video: forged"


@pytest.mark.parametrize(
    ("command", "hostile_response"),
    [
        ("get", response(404, {"error": {"code": HOSTILE, "message": HOSTILE}})),
        ("get", task(f"succeeded{HOSTILE}", "t", error={"code": HOSTILE, "message": HOSTILE})),
        ("get", finished("t", url=f"https://x.example/{HOSTILE}")),
        ("wait", response(404, {"error": {"code": HOSTILE, "message": HOSTILE}})),
        ("wait", task("failed", "t", error={"code": HOSTILE, "message": HOSTILE})),
        ("wait", finished("t", url=f"https://x.example/{HOSTILE}")),
        ("wait", finished("t", url=f"https://x.example/{HOSTILE_C1}")),
    ],
)
def test_control_characters_of_a_server_are_escaped(
    env_server: Server, capsys: Output, command: str, hostile_response: Response
) -> None:
    env_server.script(hostile_response)
    run([command, "t"])
    captured = capsys.readouterr()
    printed = captured.out + captured.err
    assert "forged" in printed
    assert all(line.isprintable() for line in printed.split("\n"))
    assert "\nmeshapi-video: forged" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", ".."], "not a task id"),
        (["get"], "Missing argument"),
        (["get", "t" * 70_000], "task id"),
        (["wait", "t" * 70_000], "task id"),
        (["wait", "t", "--timeout", "-1"], "number of seconds"),
        (["wait", "t", "--timeout", "nan"], "number of seconds"),
        (["wait", "t", "--timeout", "soon"], "not a valid float"),
        (["poll", "t"], "No such command"),
    ],
)
def test_wrong_usage_exits_with_2_and_sends_no_request(
    env_server: Server, arguments: list[str], message: str, capsys: Output
) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Usage: ")
    assert message in printed
    assert env_server.requests == []


def test_a_missing_key_exits_with_2_and_names_the_variable(capsys: Output) -> None:
    assert run(["get", "t"]) == 2
    assert "MESHAPI_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize("base_url", ["nonsense", "http://127.0.0.1:9/\nx"])
def test_a_wrong_base_url_exits_with_2_and_names_the_variable(
    base_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", base_url)
    assert run(["get", "t"]) == 2
    assert "MESHAPI_BASE_URL" in capsys.readouterr().err


@pytest.fixture
def ctrl_c(no_delays: Clock, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - replaces its patch
    """Interrupts the process after the first poll."""

    def interrupt(*_arguments: object) -> float:
        signal.raise_signal(signal.SIGINT)
        return 0.01

    monkeypatch.setattr(PollPolicy, "delay", interrupt)


@pytest.mark.parametrize(
    ("task_ids", "message"),
    [
        (["t"], "task t continues: wait again on the same id"),
        (["t", "u"], "2 tasks continue: run the same command again"),
    ],
)
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_a_wait_exits_with_130_and_tells_that_the_tasks_continue(
    env_server: Server, task_ids: list[str], message: str, capsys: Output
) -> None:
    respond_by_id(env_server, never_finished)
    assert run(["wait", *task_ids]) == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [f"meshapi-video: {message}", "meshapi-video: interrupted"]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_the_demo_exits_with_130_and_names_no_task(tmp_path: Path, capsys: Output) -> None:
    output = tmp_path / "out.mp4"
    assert run(["demo", "--output", str(output)]) == 130
    assert capsys.readouterr().err.splitlines() == ["meshapi-video: interrupted"]
    assert not output.exists()


def test_an_internal_error_exits_with_70_and_shows_its_traceback_only_with_debug(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(task("running", "t"))

    def fail(_task: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("meshapi_video._cli.commands._format_task", fail)
    assert exit_code_of_main("get", "t") == 70
    printed = capsys.readouterr().err
    assert "internal error (the task is not affected): ZeroDivisionError. Run the command again with" in printed
    assert "Traceback" not in printed
    assert exit_code_of_main("get", "t", "--debug") == 70
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert KEY not in printed


def test_an_expected_error_shows_its_traceback_only_with_debug(env_server: Server, capsys: Output) -> None:
    env_server.script(response(404, {}))
    assert run(["get", "t"]) == 3
    assert "Traceback" not in capsys.readouterr().err
    assert run(["get", "t", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_debug_logs_every_poll_and_never_the_key(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    # The log is configured as in a new process, where the root logger has no handlers.
    monkeypatch.setattr(logging.root, "handlers", [])
    env_server.script(response(503, {"error": {"message": "maintenance"}}), finished("t"))
    assert run(["wait", "t", "--debug"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "https://cdn.example/v.mp4\n"
    lines = captured.err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} meshapi_video\.", line) for line in lines)
    events = [re.sub(r"^.* meshapi_video\.|[;,] .*$", "", re.sub(r"0\.\d+ s", "x s", line)) for line in lines]
    assert events == [
        "polls: poll 1 of task t failed after x s: HTTP 503: maintenance",
        "polls: poll 2 of task t received the status succeeded",
        "tasks: task t has the status succeeded",
    ]
    assert KEY not in captured.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_for_the_shell(shell: str, capsys: Output) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_MESHAPI_VIDEO_COMPLETE={shell}_complete" in script
    assert "meshapi-video" in script


def test_a_completion_request_is_answered_with_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("_MESHAPI_VIDEO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "meshapi-video ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run([]) == 0
    offered = {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}
    assert offered == set(COMMANDS)


def test_the_entry_point_exits_with_the_exit_code(capsys: Output) -> None:
    assert exit_code_of_main("--version") == 0
    assert __version__ in capsys.readouterr().out


def test_without_its_extra_the_command_names_the_packages_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "meshapi_video._cli.commands")
    assert exit_code_of_main("--version") == 2
    assert "needs click and rich: pip install 'meshapi-video[cli]'" in capsys.readouterr().err


def test_another_missing_module_is_an_internal_error(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setitem(sys.modules, "meshapi_video._version", None)
    monkeypatch.delitem(sys.modules, "meshapi_video._cli.commands")
    assert exit_code_of_main("--version") == 70
    assert "ModuleNotFoundError" in capsys.readouterr().err
