"""The command line as a person and a script see it: words, streams and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from meshapi_video import DownloadError, PollPolicy, __version__
from meshapi_video._cli import main
from meshapi_video._cli._commands import run
from meshapi_video._cli._demo import run_demo
from meshapi_video._cli._exit import ExitCode
from meshapi_video_sandbox import Outcome, Sandbox
from support.by_id import by_id, never_over
from support.clients import KEY
from support.clock import Clock
from support.server import Server, answer, close, finished, task

Output = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-m", "meshapi_video"]


def test_help_and_version_help(capsys: Output) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    for command in ("get", "wait", "sandbox", "demo"):
        assert run([command, "--help"]) == 0
        assert "..." not in capsys.readouterr().out.partition("Options")[2]


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_help_and_in_the_readme(code: ExitCode, capsys: Output) -> None:
    assert run(["--help"]) == 0
    assert f"\n  {code.value} " in capsys.readouterr().out.replace("\n    ", "\n  ")
    readme = Path(__file__).parents[2] / "README.md"
    assert f"\n| {code.value} |" in readme.read_text()


def leaves_with(*arguments: str) -> int | str | None:
    """The exit code of the entry point."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["meshapi-video", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
    return caught.value.code


def video_url(sandbox: Sandbox, task_id: str) -> str:
    """The address that the sandbox's database has."""
    answer = httpx.get(f"{sandbox.base_url}/_sandbox/tasks/{task_id}").json()
    return str(answer["row"]["content"]["video_url"])


def test_get_prints_what_is_known_of_a_task(configured: Sandbox, capsys: Output) -> None:
    task_id = configured.create_task(queued_for=9)
    assert run(["get", task_id]) == 0
    out = capsys.readouterr().out
    assert f"id: {task_id}\nstatus: queued\n" in out
    assert "error" not in out


def test_get_prints_json(configured: Sandbox, capsys: Output) -> None:
    assert run(["get", "--json", configured.create_task(queued_for=9)]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "queued"


def test_wait_prints_the_address_alone_on_stdout_and_its_progress_on_stderr(
    configured: Sandbox, capsys: Output
) -> None:
    task_id = configured.create_task(running_for=20)
    assert run(["wait", task_id]) == 0
    said = capsys.readouterr()
    assert said.out == f"{video_url(configured, task_id)}\n"
    assert said.err.splitlines() == [f"task {task_id} is {status}" for status in ("queued", "running", "succeeded")]


def test_wait_prints_json_when_the_wait_ends(configured: Sandbox, capsys: Output) -> None:
    task_id = configured.create_task()
    assert run(["wait", "--json", task_id]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["task_id"], said["status"], said["error"], said["path"]) == (task_id, "succeeded", None, None)
    assert said["video_url"] == said["task"]["content"]["video_url"]


@pytest.mark.parametrize("outcome", ["failed", "expired", "cancelled"])
def test_a_task_that_ends_without_a_video_leaves_with_1(configured: Sandbox, outcome: Outcome, capsys: Output) -> None:
    task_id = configured.create_task(outcome, queued_for=0, running_for=0)
    assert run(["wait", task_id]) == 1
    assert f"meshapi-video: task {task_id}: {outcome}" in capsys.readouterr().err
    assert run(["get", task_id]) == 1


def test_a_refusal_and_a_silent_server_leave_with_3(scripted: Server, capsys: Output) -> None:
    scripted.script(answer(401, {"error": {"code": "unauthorized", "message": "Missing or invalid API key"}}))
    assert run(["wait", "t"]) == 3
    assert "meshapi-video: task t: HTTP 401 unauthorized: Missing or invalid API key" in capsys.readouterr().err
    scripted.script(close)
    assert run(["get", "t"]) == 3
    assert "meshapi-video: task t: no answer from http://127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["get", "wait"])
def test_a_terminal_obeys_nothing_that_a_server_says(scripted: Server, capsys: Output, command: str) -> None:
    words = "\x1b[31m\x07\r\nmeshapi-video: forged"
    for said in (
        answer(404, {"error": {"code": words, "message": words}}),
        task(f"succeeded{words}" if command == "get" else "failed", "t", error={"code": words, "message": words}),
        finished("t", url=f"https://x.example/{words}"),
    ):
        scripted.script(said)
        run([command, "t"])
        printed = capsys.readouterr()
        assert "forged" in printed.out + printed.err
        assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))
        assert "\nmeshapi-video: forged" not in printed.out + printed.err


def test_a_wait_that_runs_out_of_time_leaves_with_4_and_what_to_do(scripted: Server, capsys: Output) -> None:
    scripted.script(task("running", "t"))
    assert run(["wait", "t", "--timeout", "10"]) == 4
    assert "is paid for: wait again on the same id" in capsys.readouterr().err


def test_looks_that_miss_are_told_while_the_wait_goes_on(scripted: Server, capsys: Output) -> None:
    scripted.script(answer(503, {"error": {"message": "[bold]maintenance[/bold]"}}), finished("t"))
    assert run(["wait", "t"]) == 0
    missed, ended = capsys.readouterr().err.splitlines()
    assert missed.startswith("look 1 missed: task t: HTTP 503: [bold]maintenance[/bold]; the next in ")
    assert ended == "task t is succeeded"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", ".."], "not a task id"),
        (["get"], "Missing argument"),
        (["get", "t" * 70_000], "task id"),
        (["wait", "t" * 70_000], "task id"),
        (["wait", "t", "--timeout", "-1"], "number of seconds"),
        (["wait", "t", "--timeout", "nan"], "number of seconds"),
        (["wait", "t", "--timeout", "soon"], "not a valid float"),
        (["look", "t"], "No such command"),
    ],
)
def test_wrong_usage_leaves_with_2(scripted: Server, arguments: list[str], said: str, capsys: Output) -> None:
    assert run(arguments) == 2
    heard = capsys.readouterr().err
    assert heard.startswith("Usage: ")
    assert said in heard
    assert scripted.requests == []


def test_a_missing_key_leaves_with_2_and_names_the_variable(capsys: Output) -> None:
    assert run(["get", "t"]) == 2
    assert "MESHAPI_API_KEY" in capsys.readouterr().err


def test_a_wait_may_have_no_limit(configured: Sandbox) -> None:
    assert run(["wait", configured.create_task(running_for=1000), "--timeout", "inf"]) == 0


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:9/\nx"])
def test_a_wrong_address_leaves_with_2(address: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", address)
    assert run(["get", "t"]) == 2
    assert "MESHAPI_BASE_URL" in capsys.readouterr().err


@pytest.fixture
def ctrl_c(hurried: Clock, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it comes after that one
    """Somebody who interrupts a wait as soon as it would sleep."""

    def interrupted(*_arguments: object) -> float:
        signal.raise_signal(signal.SIGINT)
        return 0.01

    monkeypatch.setattr(PollPolicy, "delay", interrupted)


@pytest.mark.parametrize(
    ("task_ids", "said"),
    [(["t"], "task t goes on: wait again on the same id"), (["t", "u"], "2 tasks go on: run the same command again")],
)
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_a_wait_leaves_with_130_and_says_that_the_tasks_go_on(
    scripted: Server, task_ids: list[str], said: str, capsys: Output
) -> None:
    by_id(scripted, never_over)
    assert run(["wait", *task_ids]) == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [f"meshapi-video: {said}", "meshapi-video: interrupted"]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_the_demo_leaves_with_130_and_promises_nothing(tmp_path: Path, capsys: Output) -> None:
    output = tmp_path / "out.mp4"
    assert run(["demo", "--output", str(output)]) == 130
    assert capsys.readouterr().err.splitlines() == ["meshapi-video: interrupted"]
    assert not output.exists()


def test_a_crash_leaves_with_70_and_keeps_its_traceback_for_who_asks(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    scripted.script(task("running", "t"))

    def broken(_task: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("meshapi_video._cli._commands._readable", broken)
    assert leaves_with("get", "t") == 70
    said = capsys.readouterr().err
    assert "says nothing of the task: ZeroDivisionError" in said
    assert "Traceback" not in said
    assert leaves_with("get", "t", "--debug") == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert KEY not in said


def test_an_error_shows_its_traceback_where_that_is_asked_for(scripted: Server, capsys: Output) -> None:
    scripted.script(answer(404, {}))
    assert run(["get", "t"]) == 3
    assert "Traceback" not in capsys.readouterr().err
    assert run(["get", "t", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.fixture
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that is still there to be written when Python ends."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.mark.usefixtures("buffered")
@pytest.mark.parametrize("arguments", [["get", "t"], ["get", "t", "--json"], ["wait", "t"], ["--help"]])
def test_when_nobody_reads_the_output_it_leaves_quietly_with_141(scripted: Server, arguments: list[str]) -> None:
    scripted.script(finished("t"))
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as nobody:  # noqa: PTH123 - it is a descriptor
        left = subprocess.run(
            [*COMMAND, *arguments], stdout=nobody, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert left.returncode == 141
    assert left.stderr in {"", "task t is succeeded\n"}


def shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a shell does with that redirection."""
    script = f'exec "$0" "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, *COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.usefixtures("buffered")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_output_on_a_full_disk_leaves_with_74_and_a_sentence(scripted: Server) -> None:
    scripted.script(finished("t"))
    left = shell(">/dev/full", "get", "t")
    assert left.returncode == 74
    assert left.stderr == "meshapi-video: reading or writing failed: [Errno 28] No space left on device\n"
    assert shell(">/dev/full 2>/dev/full", "get", "t").returncode == 74


def test_closed_output_leaves_with_74_before_anything_is_asked(scripted: Server) -> None:
    left = shell(">&-", "get", "t")
    assert left.returncode == 74
    assert left.stderr == "meshapi-video: stdout is closed; to see nothing, send it to /dev/null\n"
    assert shell(">&- 2>&-", "get", "t").returncode == 74
    assert scripted.requests == []


@pytest.mark.usefixtures("clock")
def test_the_demo_plays_the_whole_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["demo"]) == 0
    said = capsys.readouterr()
    (video,) = tmp_path.rglob("*.mp4")
    assert video.read_bytes()[4:8] == b"ftyp"
    assert f"The video lies in {video}" in said.out
    assert f"It is an MP4 video (brand isom), {video.stat().st_size:,} bytes" in said.out
    assert [line for line in said.out.splitlines() if line.startswith("  ")] == ["  queued", "  running", "  succeeded"]
    assert said.out.endswith("The server is stopped.\n")
    base_url = said.out.split()[6]
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url)


@pytest.mark.usefixtures("clock")
def test_the_demo_puts_the_video_where_it_is_told(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert run(["demo", "--output", str(output)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("output", "said"),
    [("there.mp4", "exists already"), (".", "exists already"), ("no/folder/out.mp4", "there is no folder")],
)
def test_the_demo_notices_where_it_cannot_write_before_it_starts(
    output: str, said: str, tmp_path: Path, capsys: Output
) -> None:
    tmp_path.joinpath("there.mp4").write_text("mine")
    assert run(["demo", "--output", str(tmp_path / output)]) == 2
    heard = capsys.readouterr()
    assert said in heard.err
    assert heard.out == ""
    assert tmp_path.joinpath("there.mp4").read_text() == "mine"


@pytest.mark.usefixtures("clock")
def test_a_demo_that_cannot_write_after_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="there is no folder"):
        run_demo(tmp_path / "removed-meanwhile" / "out.mp4", say=print)


@pytest.mark.usefixtures("clock")
def test_a_video_that_is_none_is_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("meshapi_video_sandbox._videos._MEDIA", tmp_path)
    tmp_path.joinpath("video.mp4").write_text("no video at all")
    assert run(["demo", "--output", str(tmp_path / "out.mp4")]) == 3
    assert "is not an MP4 file" in capsys.readouterr().err


def test_the_sandbox_command_serves_until_ctrl_c(tmp_path: Path) -> None:
    command = [*COMMAND, "sandbox", "--port", "0", "--upstream-port", "0", "--db", str(tmp_path / "t.db")]
    with subprocess.Popen[str](
        [*command, "--key", "rsk_mine"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = ""
        while "  export" not in line:
            line = process.stdout.readline()
        settings = {name: value for name, _, value in (setting.partition("=") for setting in line.split()[1:])}
        base_url = settings["MESHAPI_BASE_URL"]
        assert settings["MESHAPI_API_KEY"] == "rsk_mine"
        task_id = Sandbox(base_url).create_task(queued_for=0, running_for=0)
        get = [*COMMAND, "get", "--json", task_id]
        looked = subprocess.run(
            get, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=60
        )
        assert json.loads(looked.stdout)["status"] == "succeeded"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read().endswith("stopped\n")
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_leaves_with_2(configured: Sandbox, capsys: Output) -> None:
    assert run(["sandbox", "--port", configured.base_url.rpartition(":")[2]]) == 2
    assert "cannot listen on 127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["", " ", "rsk one", "rsk\n", "schlüssel"])
def test_a_key_that_nobody_could_send_leaves_with_2(key: str, capsys: Output) -> None:
    assert run(["sandbox", "--port", "0", "--key", "rsk_good", "--key", key]) == 2
    assert "a key should be" in capsys.readouterr().err


def test_the_entry_point_leaves_with_the_exit_code(capsys: Output) -> None:
    assert leaves_with("--version") == 0
    assert __version__ in capsys.readouterr().out


def test_without_its_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "meshapi_video._cli._commands")
    assert leaves_with("--version") == 2
    assert "needs click and rich: pip install 'meshapi-video[cli]'" in capsys.readouterr().err


def test_another_missing_module_is_a_crash(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setitem(sys.modules, "meshapi_video._version", None)
    monkeypatch.delitem(sys.modules, "meshapi_video._cli._commands")
    assert leaves_with("--version") == 70
    assert "ModuleNotFoundError" in capsys.readouterr().err


def test_without_the_sandbox_its_commands_say_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def find_spec(name: str) -> object:
        return None if name == "fastapi" else object()

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    for command in ("demo", "sandbox"):
        assert run([command]) == 2
        assert "this needs fastapi: pip install 'meshapi-video[cli,sandbox]'" in capsys.readouterr().err
