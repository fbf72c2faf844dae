"""Many tasks, files and keys on the command line: what is done, said, kept and left with."""

from __future__ import annotations

import functools
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from meshapi_video import PollPolicy, Waiting, WaitProgress
from meshapi_video._cli._board import Board, Fetching, clock, picture
from meshapi_video._cli._commands import run
from meshapi_video._logging import LOOKS, TASKS
from meshapi_video_sandbox import Sandbox
from support.by_id import AnswerTo, by_id
from support.clients import KEY
from support.clock import Clock
from support.files import names
from support.server import Answer, Server, answer, finished, http, raw, task

Output = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-m", "meshapi_video"]
VIDEO = b"a video" * 1000


class Piped(io.StringIO):
    """Standard input that is a pipe."""

    name = "<stdin>"


class Typed(Piped):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


def sends(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(content))


def with_videos(server: Server, **others: Answer) -> AnswerTo:
    """Every task has a video on the same server, but for those of whom, or of whose file, others are told."""

    def answer_to(name: str, _look: int) -> Answer:
        name = name.partition("?")[0]
        if (other := others.get(name.replace(".", "_"))) is not None:
            return other
        if name.endswith((".mp4", ".jpg")):
            return raw(http(200, name.encode() + VIDEO), stays_open=True)
        url = f"{server.base_url}/{name}"
        return task("succeeded", name, content={"video_url": f"{url}.mp4?s=1", "last_frame_url": f"{url}.jpg?s=1"})

    return answer_to


def test_ids_come_from_arguments_and_from_a_file_each_once(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    asked = by_id(scripted, lambda task_id, _look: finished(task_id, f"https://cdn.example/{task_id}"))
    file = tmp_path / "ids.txt"
    file.write_text("b\n\n  c  \na\nb\n   \n")
    assert run(["wait", "a", "b", "a", "--from", str(file)]) == 0
    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == [f"{task_id}\thttps://cdn.example/{task_id}" for task_id in "abc"]
    assert asked == {"a": 1, "b": 1, "c": 1}
    assert said.err.splitlines()[-1] == "3 tasks: 3 with a video"


def test_ids_come_from_standard_input(scripted: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    asked = by_id(scripted, lambda task_id, _look: finished(task_id))
    sends("a\nb\n", monkeypatch)
    assert run(["wait", "--from", "-"]) == 0
    assert asked.keys() == {"a", "b"}
    sends("x\na/b\n", monkeypatch)
    assert run(["wait", "--from", "-"]) == 2
    assert "line 2 of <stdin>: " in capsys.readouterr().err


def test_a_bad_id_in_a_file_is_named_with_its_line_before_anything_is_asked(
    scripted: Server, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("fine\n\n../up\n")
    assert run(["wait", "--from", str(file)]) == 2
    assert f"line 3 of {file}: " in capsys.readouterr().err
    assert scripted.requests == []


def test_a_wait_for_nothing_is_wrong_usage(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("\n")
    for arguments in ([], ["--from", str(file)]):
        assert run(["wait", *arguments]) == 2
        assert "no task to wait for" in capsys.readouterr().err
    assert scripted.requests == []


def test_mixed_outcomes_are_a_line_of_json_each_and_the_worst_is_the_exit_code(
    configured: Sandbox, capsys: Output
) -> None:
    ends = {configured.create_task(outcome): outcome for outcome in ("succeeded", "failed", "expired", "cancelled")}
    assert run(["wait", "--json", *ends]) == 1
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert {line["task_id"]: line["status"] for line in lines} == ends
    errors = {line["status"]: line["error"] and line["error"]["type"] for line in lines}
    assert errors == {
        "succeeded": None,
        "failed": "TaskFailed",
        "expired": "TaskExpired",
        "cancelled": "TaskCancelled",
    }
    assert said.err.splitlines()[-1] == "4 tasks: 1 with a video, 3 ended without one"
    assert sum(line.startswith("meshapi-video: task ") for line in said.err.splitlines()) == 3


@pytest.mark.parametrize(
    ("others", "code", "said"),
    [
        ({"b": task("failed", "b")}, 1, "1 with a video, 1 ended without one"),
        ({"b": task("failed", "b"), "c": task("running", "c")}, 4, "1 ended without one, 1 not over in time"),
        ({"c": task("running", "c"), "d": answer(404, {})}, 3, "1 not over in time, 1 refused or not fetched"),
    ],
)
def test_what_a_second_run_may_mend_stands_above_what_it_will_not(
    scripted: Server, others: dict[str, Answer], code: int, said: str, capsys: Output
) -> None:
    by_id(scripted, with_videos(scripted, **others))
    assert run(["wait", "--timeout", "30", "a", *others]) == code
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_task_that_was_never_seen_has_json_too(scripted: Server, capsys: Output) -> None:
    scripted.script(answer(404, {}))
    assert run(["wait", "--json", "t"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["status"], said["video_url"], said["task"]) == (None, None, None)
    assert said["error"]["type"] == "NotFoundError"


def test_a_wrong_key_ends_a_batch_at_the_first_refusal(scripted: Server, capsys: Output) -> None:
    scripted.script(answer(401, {"error": {"code": "unauthorized", "message": "Missing or invalid API key"}}))
    ids = [f"t{number}" for number in range(200)]
    assert run(["wait", "--max-in-flight", "5", *ids]) == 3
    assert len(scripted.requests) < 50
    refused, said = capsys.readouterr().err.splitlines()
    assert "HTTP 401 unauthorized" in refused
    assert said == "200 tasks: 1 refused or not fetched, 199 not waited for"


def test_videos_are_fetched_into_a_folder_that_need_not_be_there(
    configured: Sandbox, tmp_path: Path, capsys: Output
) -> None:
    ids = [configured.create_task() for _ in range(6)]
    folder = tmp_path / "new" / "videos"
    assert run(["wait", "--download", str(folder), *ids]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        f"{task_id}\t{folder / task_id}.mp4" for task_id in ids
    )
    assert names(folder) == sorted(f"{task_id}.mp4" for task_id in ids)


def test_what_is_there_already_is_not_asked_for(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    by_id(scripted, with_videos(scripted))
    arguments = ["wait", "--download", str(tmp_path), "a", "b"]
    assert run([*arguments, "--json"]) == 0
    before = capsys.readouterr()
    scripted.requests.clear()
    assert run([*arguments, "--json"]) == 0
    again = capsys.readouterr()
    assert scripted.requests == []
    lines = [
        [(line["task_id"], line["path"]) for line in map(json.loads, said.out.splitlines())] for said in (before, again)
    ]
    assert sorted(lines[0]) == lines[1] == [("a", f"{tmp_path}/a.mp4"), ("b", f"{tmp_path}/b.mp4")]
    assert again.err.splitlines() == ["2 tasks: 2 with a video"]


def test_a_batch_that_was_interrupted_does_what_is_missing(
    scripted: Server, hurried: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    by_id(scripted, with_videos(scripted, b=task("running", "b")))

    def interrupted_after_a_file(*_arguments: object) -> float:
        hurried.now += 1
        if (tmp_path / "a.mp4").exists():
            signal.raise_signal(signal.SIGINT)
        return 0

    arguments = ["wait", "--download", str(tmp_path), "a", "b"]
    with monkeypatch.context() as patch:
        patch.setattr(PollPolicy, "delay", interrupted_after_a_file)
        assert run(arguments) == 130
    assert "task b goes on" in capsys.readouterr().err
    asked = by_id(scripted, with_videos(scripted))
    assert run(arguments) == 0
    assert asked == {"b": 1, "b.mp4?s=1": 1}
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


@pytest.mark.usefixtures("hurried")
def test_an_interruption_after_every_end_promises_nothing(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    scripted.script(finished("t"))
    printed = print

    def pressed(text: object) -> None:
        printed(text)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("meshapi_video._cli._batch.click.echo", pressed)
    assert run(["wait", "t"]) == 130
    said = capsys.readouterr()
    assert said.out == "https://cdn.example/v.mp4\n"
    assert said.err.splitlines()[-1] == "meshapi-video: interrupted"
    assert "goes on" not in said.err


def test_a_download_that_fails_is_its_tasks_error(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    by_id(scripted, with_videos(scripted, b_mp4=answer(404, {})))
    assert run(["wait", "--json", "--download", str(tmp_path), "a", "b"]) == 3
    said = capsys.readouterr()
    lines = {line["task_id"]: line for line in map(json.loads, said.out.splitlines())}
    assert lines["a"]["path"] == f"{tmp_path}/a.mp4"
    assert (lines["b"]["status"], lines["b"]["path"], lines["b"]["error"]["type"]) == (
        "succeeded",
        None,
        "DownloadError",
    )
    assert said.err.splitlines()[-1] == "2 tasks: 1 with a video, 1 refused or not fetched"
    assert "task b" in said.err
    assert names(tmp_path) == ["a.mp4"]


def test_when_nobody_reads_a_batch_it_leaves_quietly_with_141(scripted: Server, tmp_path: Path) -> None:
    by_id(scripted, with_videos(scripted))
    for arguments in (["a", "b"], ["a", "b", "--download", str(tmp_path)]):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as nobody:  # noqa: PTH123 - it is a descriptor
            left = subprocess.run(
                [*COMMAND, "wait", *arguments],
                stdout=nobody,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
        assert left.returncode == 141
        assert all(line.endswith(" is succeeded") for line in left.stderr.splitlines())


@pytest.mark.parametrize("arguments", [["a"], ["a", "b"], ["a", "--download", "."]])
def test_what_goes_wrong_with_the_output_is_raised_as_it_is(
    scripted: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    def full(_text: object) -> None:
        raise OSError(28, "No space left on device")

    by_id(scripted, with_videos(scripted))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meshapi_video._cli._batch.click.echo", full)
    with pytest.raises(OSError, match="No space left"):
        run(["wait", *arguments])


def test_download_names_a_file_in_a_folder_after_its_task(
    scripted: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    by_id(scripted, with_videos(scripted))
    monkeypatch.chdir(tmp_path)
    assert run(["download", "t"]) == 0
    assert capsys.readouterr().out == "t.mp4\n"
    assert run(["download", "--last-frame", "t"]) == 0
    assert capsys.readouterr().out == "t.jpg\n"
    assert run(["download", "t", "mine.mp4"]) == 0
    assert capsys.readouterr().out == "mine.mp4\n"
    assert (tmp_path / "mine.mp4").read_bytes() == b"t.mp4" + VIDEO
    assert names(tmp_path) == ["mine.mp4", "t.jpg", "t.mp4"]


def test_download_replaces_a_file_only_when_told_to(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    by_id(scripted, with_videos(scripted))
    path = tmp_path / "t.mp4"
    path.write_text("mine")
    assert run(["download", "t", str(path)]) == 3
    said = capsys.readouterr()
    assert "meshapi-video: " in said.err
    assert "t.mp4" in said.err
    assert said.out == ""
    assert path.read_text() == "mine"
    assert run(["download", "--overwrite", "t", str(path)]) == 0
    assert path.read_bytes() == b"t.mp4" + VIDEO


def test_download_of_what_is_not_over_says_so(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    scripted.script(task("running", "t"))
    assert run(["download", "t", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert "task t" in said
    assert "running" in said
    scripted.script(task("failed", "t"))
    assert run(["download", "t", str(tmp_path)]) == 1
    assert names(tmp_path) == []


@pytest.fixture
def keyless(scripted: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A scripted server, and no key in the environment."""
    monkeypatch.delenv("MESHAPI_API_KEY")
    scripted.script(finished("t"))
    return scripted


def sent_key(server: Server) -> str:
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("command", ["get", "wait"])
def test_the_key_comes_from_a_file(keyless: Server, command: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert run([command, "t", "--api-key-file", str(file)]) == 0
    assert sent_key(keyless) == KEY


def test_the_key_comes_from_a_pipe(keyless: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sends(f"{KEY}\nmore\n", monkeypatch)
    assert run(["get", "t", "--api-key-stdin"]) == 0
    assert sent_key(keyless) == KEY


def test_the_key_is_asked_for_on_a_terminal_and_not_shown(
    keyless: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed())

    prompts = list[str]()

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        return KEY

    monkeypatch.setattr("click.termui.hidden_prompt_func", typed)
    assert run(["get", "t", "--api-key-stdin"]) == 0
    assert sent_key(keyless) == KEY
    said = capsys.readouterr()
    # Before 8.2 click prints all of it but the last space itself.
    assert "API key: " in said.err + prompts[0]
    assert KEY not in said.out + said.err


def test_ids_in_a_file_that_is_no_text_are_wrong_usage(keyless: Server, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "ids"
    file.write_bytes(b"t1\n\xff\n")
    assert run(["wait", "--from", str(file)]) == 2
    assert f"{file} is no text in UTF-8" in capsys.readouterr().err
    assert keyless.requests == []


def test_a_key_and_ids_from_the_same_place_are_wrong_usage(
    keyless: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    sends(f"{KEY}\nt\n", monkeypatch)
    assert run(["get", "t", "--api-key-file", str(file), "--api-key-stdin"]) == 2
    assert run(["wait", "--from", "-", "--api-key-stdin"]) == 2
    assert run(["wait", "--from", "-", "--api-key-file", "-"]) == 2
    said = capsys.readouterr().err
    assert said.count("not from both") == 1
    assert said.count("not both") == 2
    assert KEY not in said
    assert keyless.requests == []


def test_ids_may_come_from_a_pipe_and_the_key_from_a_file(
    keyless: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    sends("t\n", monkeypatch)
    assert run(["wait", "--from", "-", "--api-key-file", str(file)]) == 0
    assert sent_key(keyless) == KEY


def test_the_real_standard_input_is_known_for_what_it_is(keyless: Server) -> None:
    left = subprocess.run(
        [*COMMAND, "wait", "--from", "-", "--api-key-stdin"],
        input=f"{KEY}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert left.returncode == 2
    assert "not both" in left.stderr
    assert KEY not in left.stderr
    assert keyless.requests == []


def test_debug_logs_each_look_and_never_the_key(scripted: Server) -> None:
    scripted.script(answer(503, {"error": {"message": "maintenance"}}), finished("t"))
    left = subprocess.run([*COMMAND, "wait", "t", "--debug"], capture_output=True, text=True, check=False, timeout=60)
    assert left.returncode == 0
    assert left.stdout == "https://cdn.example/v.mp4\n"
    lines = [line.partition("meshapi_video.")[2] for line in left.stderr.splitlines()]
    said = [line.split(" task ")[0] for line in lines]
    assert said == ["looks: look 1:", "looks: look 1 missed:", "looks: look 2:", "tasks:"]
    assert KEY not in left.stderr


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_completion_is_a_script_for_the_shell(name: str, capsys: Output) -> None:
    assert run(["completion", name]) == 0
    said = capsys.readouterr().out
    assert f"_MESHAPI_VIDEO_COMPLETE={name}_complete" in said
    assert "meshapi-video" in said


def test_a_shell_that_asks_is_told_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("_MESHAPI_VIDEO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "meshapi-video ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run([]) == 0
    offered = {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}
    assert offered == {"completion", "demo", "download", "get", "sandbox", "wait"}


# What follows is what a person sees.


def drawn(progress: WaitProgress, waiting: list[Waiting], files: dict[str, Fetching], width: int = 100) -> list[str]:
    """The lines of a picture of as many tasks as were begun."""
    console = Console(file=io.StringIO(), width=width, height=24)
    with console.capture() as capture:
        console.print(picture(progress, waiting, files, progress.begun))
    return [line.rstrip() for line in capture.get().splitlines()]


def waits(count: int) -> list[Waiting]:
    return [Waiting(f"task-{number}", "running", 3723.0, 4.4) for number in range(count)]


def test_one_task_is_one_line() -> None:
    progress = WaitProgress(1, 0, 3, {"running": 1})
    assert drawn(progress, waits(1), {}) == ["task-0  running  1:02:03  next look in 5 s"]
    assert drawn(progress, [Waiting("t", None, 0.0, 0.0)], {}) == ["t  asking  0:00  looking"]


def test_several_tasks_have_a_line_above_that_counts_them() -> None:
    waiting = [*waits(1), Waiting("u", "queued", 1.0, 0.0)]
    counted, *lines = drawn(WaitProgress(5, 3, 9, {"running": 1, "queued": 1}), waiting, {})
    assert counted == "3 of 5 over, 1 queued, 1 running; 9 looks"
    assert [line.split()[0] for line in lines] == ["task-0", "u"]


def test_a_status_that_a_terminal_would_obey_is_spelled_out() -> None:
    lines = drawn(WaitProgress(2, 0, 2, {"\x1b[2J": 2}), [Waiting("t", "\x1b[2J", 1.0, 1.0)], {})
    assert "\x1b" not in "".join(lines)
    assert lines[1].split()[:2] == ["t", r"\x1b[2J"]


def test_what_there_is_no_room_for_is_counted() -> None:
    lines = drawn(WaitProgress(1000, 0, 1000, {"running": 1000}), waits(15), {})
    assert lines[-1] == "and 985 more"
    assert len(lines) == 17


def test_a_line_never_wraps() -> None:
    long = [Waiting("a-very-long-id-indeed" * 3, "running", 3723.0, 4.4)] * 2
    assert len(drawn(WaitProgress(2, 0, 2, {"running": 2}), long, {}, width=40)) == 3


def test_a_download_has_a_bar_a_speed_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr("meshapi_video._cli._board.time", SimpleNamespace(monotonic=lambda: now))
    known, unknown = Fetching(begun=now), Fetching(begun=now)
    # Half of it was there before, and counts for no speed.
    known.took(5_000_000, 10_000_000)
    unknown.took(0, None)
    now = 52.0
    known.took(6_000_000, 10_000_000)
    unknown.took(3_000, None)
    _counted, first, second = drawn(WaitProgress(2, 2, 9, {}), [], {"a": known, "b": unknown})
    assert first.startswith("a  fetching")
    assert first.endswith("6.0 MB, 500.0 kB/s, 0:08 left")
    assert second.endswith("3.0 kB, 1.5 kB/s")


def test_a_clock_has_hours_only_where_there_are_some() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3599, 3600)] == ["0:00", "0:59", "1:00", "59:59", "1:00:00"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stderr that is a terminal of 20 lines."""
    console = functools.partial(Console, force_terminal=True, width=100, height=20, legacy_windows=False)
    monkeypatch.setattr("meshapi_video._cli._batch.Console", console)
    monkeypatch.setattr("meshapi_video._cli._board.Console", console)


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_picture_moves_and_the_output_stays_plain(
    scripted: Server, tmp_path: Path, capsys: Output
) -> None:
    by_id(scripted, with_videos(scripted, b=task("failed", "b")))
    assert run(["wait", "--download", str(tmp_path), "a", "b"]) == 1
    said = capsys.readouterr()
    assert "\x1b[" in said.err
    assert "0 of 2 over" in said.err
    assert "meshapi-video: task b: failed" in said.err
    assert said.out == f"a\t{tmp_path}/a.mp4\n"


@pytest.mark.usefixtures("terminal")
def test_with_json_and_with_debug_nothing_moves(scripted: Server, capsys: Output) -> None:
    scripted.script(finished("t"))
    for option in ("--json", "--debug"):
        assert run(["wait", "t", option]) == 0
        assert "\x1b[" not in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_a_thousand_tasks_are_no_taller_than_the_terminal(scripted: Server, capsys: Output) -> None:
    by_id(scripted, with_videos(scripted))
    assert run(["wait", *(f"t{number}" for number in range(1000))]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1000
    # Each picture begins by going to the top of the one before.
    assert "and 9" in said.err
    # What is said of a look that missed, on a busy machine, stands above the picture.
    pictures = [
        "\n".join(line for line in part.split("\n") if "meshapi-video: " not in line)
        for part in said.err.split("\x1b[1A")
    ]
    tallest = max(pictures, key=lambda picture: picture.count("\n"))
    assert tallest.count("\n") < 20, tallest


@pytest.mark.usefixtures("terminal")
def test_a_single_download_shows_its_progress_on_a_terminal(scripted: Server, tmp_path: Path, capsys: Output) -> None:
    by_id(scripted, with_videos(scripted))
    assert run(["download", "t", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "\x1b[" in said.err
    assert "0 bytes, 0 bytes/s" in said.err
    assert said.out == f"{tmp_path}/t.mp4\n"


@pytest.mark.parametrize("moving", [False, True])
def test_hearing_leaves_the_loggers_as_they_were(moving: bool) -> None:  # noqa: FBT001 - a parameter of the test
    loggers = [logging.getLogger(name) for name in (LOOKS, TASKS)]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with Board(Console(file=io.StringIO()), moving=moving).hearing():
        assert loggers[0].isEnabledFor(logging.INFO)
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before
