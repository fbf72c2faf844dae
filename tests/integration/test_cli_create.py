"""The commands `create`, `generate` and `journal`: nothing is paid for twice."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshapi_video import ConnectionFailed, CreateUncertain, PermissionDeniedError, VideoTaskResponse, read_journal
from meshapi_video._cli.commands import run
from meshapi_video._cli.create import Item, read_batch
from meshapi_video._cli.text_files import InputFile
from meshapi_video._download.file_lock import try_lock
from meshapi_video_sandbox import CreateRecord, Sandbox, running_sandbox
from support.cli import COMMAND, Output
from support.clock import Clock
from support.files import names
from support.many_tasks import eventually

MODEL = ["--model", "byteplus/dreamina-seedance-2-0"]


class Stdin(io.TextIOWrapper):
    @property
    def name(self) -> str:
        return "<stdin>"


class Mesh:
    """The sandbox, with the creates of one test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.plan_creates = sandbox.plan_creates
        self._creates = sandbox.creates
        self._before = len(sandbox.creates())
        sandbox.plan_creates()

    def creates(self) -> list[CreateRecord]:
        return self._creates()[self._before :]


def run_in_thread(main: Callable[..., Coroutine[Any, Any, object]], *args: object) -> object:
    """Runs an event loop in a thread, so that the lines after it are measured.

    Python 3.11 traces no call when `anyio.connect_tcp` cancels its own task. The return then takes a frame too many
    from the stack of coverage. A thread has a stack of its own.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main(*args)).result()


@pytest.fixture
def mesh(env_sandbox: Sandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    monkeypatch.setattr("meshapi_video._cli.create.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video._cli.journal_ends.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video._cli.create.anyio.sleep", clock.sleep_async)
    monkeypatch.setattr("meshapi_video._cli.create.anyio.run", run_in_thread)
    # Each test is on its own day, so that no list has the tasks of another test.
    clock.now += 86_400 * (1 + len(env_sandbox.creates()))
    return Mesh(env_sandbox)


def test_create_prints_the_id_of_the_task(mesh: Mesh, capsys: Output) -> None:
    assert run(["create", "a lake", *MODEL, "--duration", "5"]) == 0
    (made,) = mesh.creates()
    assert capsys.readouterr().out == f"{made.id}\n"


def test_create_prints_the_id_as_json(mesh: Mesh, capsys: Output) -> None:
    assert run(["create", "a lake", *MODEL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": mesh.creates()[0].id}


@pytest.mark.parametrize("command", ["create", "generate"])
def test_a_dry_run_prints_the_body_and_sends_nothing(mesh: Mesh, capsys: Output, command: str) -> None:
    assert run([command, "a lake", *MODEL, "--ratio", "16:9", "--dry-run"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["content"] == [{"type": "text", "text": "a lake"}]
    assert (body["model"], body["ratio"]) == (MODEL[1], "16:9")
    assert mesh.creates() == []


def test_a_dry_run_cuts_the_contents_of_a_file(tmp_path: Path, capsys: Output) -> None:
    picture = tmp_path / "boat.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 1000)
    assert run(["create", *MODEL, "--first-frame", str(picture), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "data:image/png;base64," in printed
    assert len(printed) < 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a lake"], "no model: give --model"),
        (["a lake", *MODEL, "--frames", "29", "--duration", "5"], "--frames and --duration exclude each other"),
        (["a lake", *MODEL, "--priority", "11"], "priority should be a whole number from 0 to 9"),
        ([*MODEL], "PROMPT is missing: give it, or a picture"),
        (["a lake", *MODEL, "--first-frame", "none.png"], "none.png"),
        (["a lake", *MODEL, "--extra-body", "[]"], "this should be a JSON object"),
        (["a lake", *MODEL, "--extra-body", "{"], "this is not JSON"),
    ],
)
@pytest.mark.parametrize("command", ["create", "generate"])
def test_a_mistake_is_wrong_usage_and_costs_nothing(
    mesh: Mesh, capsys: Output, command: str, arguments: list[str], message: str
) -> None:
    assert run([command, *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert mesh.creates() == []


def test_the_prompt_comes_from_a_file_or_from_standard_input(
    mesh: Mesh, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompt.txt").write_text("a lake\n")
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(b"a boat\n")))
    for file, prompt in ((str(tmp_path / "prompt.txt"), "a lake"), ("-", "a boat")):
        assert run(["create", "--prompt-file", file, *MODEL, "--dry-run"]) == 0
        assert json.loads(capsys.readouterr().out)["content"][0]["text"] == prompt
    assert run(["create", "a lake", "--prompt-file", str(tmp_path / "prompt.txt"), *MODEL]) == 2
    (tmp_path / "prompt.txt").write_bytes(b"\xff\xfe")
    assert run(["create", "--prompt-file", str(tmp_path / "prompt.txt"), *MODEL]) == 2
    assert mesh.creates() == []


def test_a_refusal_exits_with_3(mesh: Mesh, capsys: Output) -> None:
    assert run(["create", "a lake", "--model", "byteplus/none"]) == 3
    assert "model_not_found" in capsys.readouterr().err
    assert mesh.creates() == []


def test_a_lost_response_exits_with_5_and_prints_the_task(mesh: Mesh, capsys: Output) -> None:
    mesh.plan_creates(create_faults=["lost_response"])
    assert run(["create", "a lake", *MODEL]) == 5
    (made,) = mesh.creates()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"tasks that may be the one: {made.id}" in captured.err


def test_a_lost_request_exits_with_5_and_says_that_no_task_is_in_the_list(mesh: Mesh, capsys: Output) -> None:
    mesh.plan_creates(create_faults=["reset_before"])
    assert run(["create", "a lake", *MODEL]) == 5
    assert "no task in the list may be the one yet" in capsys.readouterr().err
    assert mesh.creates() == []


def test_a_lost_response_and_a_list_that_cannot_be_read_are_both_said(
    mesh: Mesh, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_error: CreateUncertain) -> AsyncIterator[VideoTaskResponse]:
        raise ConnectionFailed("reset")
        yield

    monkeypatch.setattr(CreateUncertain, "candidates", fail)
    mesh.plan_creates(create_faults=["lost_response"])
    assert run(["create", "a lake", *MODEL]) == 5
    assert "the list of tasks cannot be read: reset" in capsys.readouterr().err


def test_generate_prints_the_url_of_the_video(mesh: Mesh, capsys: Output) -> None:
    assert run(["generate", "a lake", *MODEL]) == 0
    (made,) = mesh.creates()
    captured = capsys.readouterr()
    assert captured.out.startswith("http")
    assert captured.err.splitlines()[0] == f"created the task {made.id}"


def test_generate_downloads_the_video(mesh: Mesh, capsys: Output, tmp_path: Path) -> None:
    assert run(["generate", "a lake", *MODEL, "-o", str(tmp_path / "lake.mp4")]) == 0
    assert (tmp_path / "lake.mp4").read_bytes()[4:8] == b"ftyp"
    assert capsys.readouterr().out == f"{tmp_path / 'lake.mp4'}\n"
    assert run(["generate", "a lake", *MODEL, "-o", str(tmp_path / "lake.mp4")]) == 74
    assert "lake.mp4 already exists: give --overwrite to replace it" in capsys.readouterr().err
    assert len(mesh.creates()) == 1
    assert run(["generate", "a lake", *MODEL, "-o", str(tmp_path / "lake.mp4"), "--overwrite"]) == 0


def test_a_named_pipe_is_refused_in_a_sentence_before_anything_is_paid_for(
    mesh: Mesh, capsys: Output, tmp_path: Path
) -> None:
    os.mkfifo(pipe := tmp_path / "lake.mp4")
    assert run(["generate", "a lake", *MODEL, "-o", str(pipe)]) == 74
    assert capsys.readouterr().err == (
        f"meshapi-video: {pipe} is a named pipe, and only a regular file is replaced: choose another path\n"
    )
    assert mesh.creates() == []


def test_a_wrong_private_host_is_wrong_usage_before_anything_is_paid_for(mesh: Mesh, capsys: Output) -> None:
    assert run(["generate", "a lake", *MODEL, "--private-host", "a/b"]) == 2
    assert "--private-host should be a name" in capsys.readouterr().err
    assert mesh.creates() == []


def test_generate_exits_with_1_if_the_task_ends_without_a_video(mesh: Mesh) -> None:
    mesh.plan_creates("failed")
    assert run(["generate", "a lake", *MODEL]) == 1


def test_generate_exits_with_5_if_the_create_is_uncertain(mesh: Mesh) -> None:
    mesh.plan_creates(create_faults=["bad_gateway_after"])
    assert run(["generate", "a lake", *MODEL]) == 5


def test_ctrl_c_during_a_create_says_that_a_task_may_exist() -> None:
    with running_sandbox() as sandbox:
        sandbox.plan_creates(create_faults=[{"fault": "slow_after", "delay": 60}])
        environment = {**os.environ, "MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
        command = [*COMMAND, "create", "a lake", *MODEL]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            eventually(sandbox.creates)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "was interrupted after it was sent: a task may have been made and paid for" in errors


@pytest.mark.parametrize("arguments", [["create"], ["generate"], ["create", "--dry-run"], ["generate", "--dry-run"]])
def test_a_warning_is_one_line_and_the_task_is_made(mesh: Mesh, capsys: Output, arguments: list[str]) -> None:
    assert run([*arguments, "x" * 10_001, *MODEL]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert line.startswith("meshapi-video: warning: a text has 10,001 characters")
    assert len(mesh.creates()) == (0 if "--dry-run" in arguments else 1)


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    file = tmp_path / "videos.jsonl"
    lines = [{"prompt": "a lake"}, {"prompt": "a boat", "duration": 5}, {"prompt": "a lake"}]
    file.write_text("\n\n".join(json.dumps(line) for line in lines))
    return file


def generate_batch(batch: Path, *arguments: str) -> int:
    return run(["generate", "--batch", str(batch), *MODEL, *arguments])


def test_a_batch_makes_one_video_of_each_line(mesh: Mesh, batch: Path, tmp_path: Path) -> None:
    assert generate_batch(batch, "-o", str(tmp_path / "videos")) == 0
    made = {record.id for record in mesh.creates()}
    assert len(made) == 3
    assert names(tmp_path / "videos") == sorted(f"{task_id}.mp4" for task_id in made)


def test_a_batch_that_runs_again_creates_nothing_twice(mesh: Mesh, batch: Path, capsys: Output) -> None:
    assert generate_batch(batch) == 0
    first = capsys.readouterr().out
    assert generate_batch(batch) == 0
    assert len(mesh.creates()) == 3
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(first.splitlines())


def test_two_runs_of_a_batch_at_the_same_time_create_nothing_twice(
    mesh: Mesh, batch: Path, tmp_path: Path, capsys: Output
) -> None:
    journal = tmp_path / "videos.jsonl.journal"
    with journal.open("ab") as other_run:
        assert try_lock(other_run.fileno())
        assert generate_batch(batch) == 2
        assert not mesh.creates()
        assert "another run of this batch is still creating" in capsys.readouterr().err
    assert generate_batch(batch) == 0
    assert len(mesh.creates()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_batch_whose_journal_cannot_be_locked_creates_nothing_and_says_where_to_put_it(
    mesh: Mesh, batch: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert generate_batch(batch) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert f"cannot be locked: {os.strerror(number)}" in printed
    assert "Move the journal to a local disk, and name it with --journal" in printed
    assert not mesh.creates()


def test_a_batch_whose_journal_cannot_be_opened_creates_nothing(mesh: Mesh, batch: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        generate_batch(batch, "--journal", str(tmp_path / "missing" / "journal"))
    assert not mesh.creates()


def test_a_file_that_changes_during_a_batch_is_an_error_of_its_line(
    mesh: Mesh, batch: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "boat.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n")
    lines = [{"prompt": "a boat", "first_frame": os.fspath(image)}, {"prompt": "a lake"}]
    batch.write_text("\n".join(json.dumps(line) for line in lines))

    def check_and_delete(file: InputFile, model: str | None) -> list[Item]:
        found = read_batch(file, model)
        image.unlink()
        return found

    monkeypatch.setattr("meshapi_video._cli.create.read_batch", check_and_delete)
    assert generate_batch(batch) == 74
    assert len(mesh.creates()) == 1
    assert f"line 1 of {batch}: content[0], first_frame('{image}'): there is no such file" in capsys.readouterr().err


def test_a_batch_on_a_full_disk_creates_nothing(mesh: Mesh, batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("meshapi_video._create.journal.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        generate_batch(batch)
    assert not mesh.creates()


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_warning_names_the_line_of_the_batch(mesh: Mesh, batch: Path, capsys: Output, arguments: list[str]) -> None:
    batch.write_text('{"prompt": "a lake"}\n{"prompt": "%s"}\n' % ("x" * 10_001))
    assert generate_batch(batch, *arguments) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert line.startswith(f"meshapi-video: line 2 of {batch}: warning: a text has 10,001 characters")
    assert len(mesh.creates()) == (0 if arguments else 2)


def test_a_changed_line_is_another_video(mesh: Mesh, batch: Path) -> None:
    assert generate_batch(batch) == 0
    batch.write_text(batch.read_text().replace("a boat", "a ship"))
    assert generate_batch(batch) == 0
    assert len(mesh.creates()) == 4


@pytest.mark.parametrize("fault", ["lost_response", "reset_after", "bad_gateway_after", "truncated", "half"])
def test_a_batch_finds_the_task_whose_response_was_lost(mesh: Mesh, batch: Path, fault: str) -> None:
    mesh.plan_creates(create_faults=[{"fault": fault, "creates": [2]}])
    assert generate_batch(batch) == 0
    assert len(mesh.creates()) == 3


@pytest.mark.parametrize("fault", ["reset_before", "bad_gateway_before", "html_before"])
def test_a_batch_creates_a_video_again_once_it_is_certain_that_there_is_no_task(
    mesh: Mesh, batch: Path, fault: str
) -> None:
    mesh.plan_creates(create_faults=[{"fault": fault, "creates": [2]}])
    assert generate_batch(batch, "--settled-after", "0.001") == 0
    assert len(mesh.creates()) == 3


def test_a_batch_that_cannot_tell_which_task_is_the_one_creates_nothing_and_exits_with_5(
    mesh: Mesh, batch: Path, capsys: Output
) -> None:
    # The list does not show the seeds of tasks that run.
    mesh.plan_creates(running_for=1e6, fields_at_end=True, create_faults=["lost_response"])
    assert generate_batch(batch, "--settled-after", "0.001", "--timeout", "1") == 5
    assert len(mesh.creates()) == 3
    assert "Nothing was created again" in capsys.readouterr().err


def test_a_line_that_nobody_can_tell_the_end_of_stops_no_other_line(
    mesh: Mesh, batch: Path, tmp_path: Path, capsys: Output
) -> None:
    journal = Path(f"{batch}.journal")
    assert generate_batch(batch) == 0
    [sending] = [line for line in map(json.loads, journal.read_text().splitlines()) if line.get("duration") == 5]
    # As it was before the response came, but nobody knows the seed of the task.
    journal.write_text(json.dumps({**sending, "seed": -1}) + "\n")
    capsys.readouterr()
    batch.write_text("\n".join([*batch.read_text().splitlines(), '{"prompt": "a cat"}']))
    assert generate_batch(batch, "--yes", "--settled-after", "0.001", "-o", str(tmp_path / "videos")) == 5
    made = [record.id for record in mesh.creates()][3:]
    assert len(made) == 3
    assert names(tmp_path / "videos") == sorted(f"{task_id}.mp4" for task_id in made)
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"line 3 of {batch}: create {sending['request_id']} may have made" in last
    assert f"run meshapi-video journal {journal} with --made REQUEST_ID TASK_ID or --not-made REQUEST_ID" in last


def test_a_batch_waits_for_its_tasks_although_the_list_cannot_be_read(
    mesh: Mesh, batch: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_filters: object) -> None:
        raise PermissionDeniedError(status_code=403, message="no list for this key")

    monkeypatch.setattr("meshapi_video.AsyncVideoClient.list", refuse)
    mesh.plan_creates(create_faults=[{"fault": "lost_response", "creates": [2]}])
    assert generate_batch(batch) == 5
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "the list of tasks cannot be read: " in printed.err
    assert "Nothing was created again" in printed.err.splitlines()[-1]
    assert len(mesh.creates()) == 3


def test_a_batch_creates_nothing_twice_on_a_machine_whose_clock_takes_local_time_for_utc(
    mesh: Mesh, batch: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ahead() -> float:
        return clock() + 14 * 3600

    monkeypatch.setattr("meshapi_video._base_client.time", SimpleNamespace(time=ahead))
    for module in ("create", "journal_ends"):
        monkeypatch.setattr(f"meshapi_video._cli.{module}.time", SimpleNamespace(time=ahead))
    mesh.plan_creates(create_faults=["lost_response"])
    assert generate_batch(batch, "--settled-after", "0.001") == 5
    assert len(mesh.creates()) == 3


def test_a_refused_line_is_an_error_and_the_others_are_made(mesh: Mesh, batch: Path, capsys: Output) -> None:
    batch.write_text(batch.read_text() + '\n{"prompt": "a cat", "model": "byteplus/none"}\n')
    assert generate_batch(batch, "--yes") == 3
    assert len(mesh.creates()) == 3
    assert f"line 6 of {batch}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "this is not JSON"),
        ("[]", "this should be a JSON object"),
        ('{"prompt": "a", "seconds": 5}', "seconds (did you mean duration?)"),
        ('{"prompt": "a", "content": []}', "unknown option: content. Pass"),
        ('{"prompt": "a", "first_frame": 5}', "first_frame takes the path or the URL of a file, as text, not 5"),
        ('{"prompt": "a", "reference_image": [null]}', "reference_image takes the path or the URL of a file"),
        ('{"prompt": "a", "priority": 11}', "priority should be"),
    ],
)
def test_a_wrong_line_is_wrong_usage_and_nothing_is_created(
    mesh: Mesh, batch: Path, capsys: Output, line: str, message: str
) -> None:
    batch.write_text(f'{{"prompt": "a lake"}}\n{line}\n')
    assert generate_batch(batch) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert f"line 2 of {batch}: " in printed
    assert message in printed
    assert mesh.creates() == []


def test_many_videos_need_a_yes(mesh: Mesh, tmp_path: Path, capsys: Output) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text("\n".join(json.dumps({"prompt": f"a lake {number}"}) for number in range(5)))
    assert generate_batch(many) == 2
    assert "this creates 5 videos, and each is paid for: give --yes" in " ".join(capsys.readouterr().err.split())
    assert mesh.creates() == []
    assert generate_batch(many, "--yes") == 0
    assert generate_batch(many) == 0
    assert len(mesh.creates()) == 5


@pytest.mark.parametrize(("reply", "code", "made"), [("n", 130, 0), ("y", 0, 5)])
def test_many_videos_are_asked_about_at_a_terminal(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: str, code: int, made: int
) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text("\n".join(json.dumps({"prompt": f"a lake {number}"}) for number in range(5)))
    terminal = Stdin(io.BytesIO(f"{reply}\n".encode()))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert generate_batch(many) == code
    assert len(mesh.creates()) == made


def test_a_batch_that_is_not_in_utf_8_is_wrong_usage(mesh: Mesh, batch: Path, capsys: Output) -> None:
    batch.write_bytes('{"prompt": "a boat on a lake, à vélo"}'.encode("latin-1"))
    assert generate_batch(batch) == 2
    assert "is not a text file in UTF-8" in " ".join(capsys.readouterr().err.split())
    assert mesh.creates() == []


def test_a_batch_from_standard_input_needs_a_journal(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, code in (([], 2), (["--journal", str(tmp_path / "journal")], 0)):
        monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(b'{"prompt": "a lake"}\n')))
        assert run(["generate", "--batch", "-", *MODEL, *arguments]) == code
    assert len(mesh.creates()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["a lake"], ["--duration", "5"], ["--seed", "0"], ["--no-generate-audio"], ["--extra-body", '{"new": 1}']],
)
def test_a_batch_takes_no_prompt_and_no_fields(mesh: Mesh, batch: Path, arguments: list[str]) -> None:
    assert generate_batch(batch, *arguments) == 2
    assert mesh.creates() == []


def test_journal_prints_how_each_create_ended(mesh: Mesh, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "journal"
    mesh.plan_creates(create_faults=[{"fault": "lost_response", "creates": [2]}])
    for _ in range(2):
        run(["create", "a lake", *MODEL, "--journal", str(file)])
    run(["create", "a lake", "--model", "byteplus/none", "--journal", str(file)])
    assert [record.event for record in read_journal(file)] == ["created", "uncertain", "refused"]
    capsys.readouterr()
    assert run(["journal", str(file)]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows] == ["created", "created", "refused"]
    assert [row[2] for row in rows] == [*(record.id for record in mesh.creates()), "-"]


def test_journal_takes_the_word_of_a_person(mesh: Mesh, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "journal"
    mesh.plan_creates(create_faults=["reset_before"])
    for _ in range(2):
        run(["create", "a lake", *MODEL, "--journal", str(file)])
    first, second = (record.request_id for record in read_journal(file))
    assert run(["journal", str(file)]) == 5
    assert "Nothing was created again" in capsys.readouterr().err
    assert run(["journal", str(file), "--made", first, "t-1", "--not-made", second]) == 0
    assert capsys.readouterr().out == f"{first}\tcreated\tt-1\n{second}\trefused\t-\n"
    assert run(["journal", str(file), "--not-made", first]) == 2


def test_a_batch_refuses_a_journal_that_is_a_named_pipe(mesh: Mesh, batch: Path) -> None:
    os.mkfifo(f"{batch}.journal")
    # The program exits with 74 for each `OSError`.
    with pytest.raises(OSError, match="the journal should be a regular file"):
        generate_batch(batch)
    assert mesh.creates() == []


def test_a_batch_refuses_a_journal_of_another_account_and_creates_nothing(
    mesh: Mesh, batch: Path, capsys: Output
) -> None:
    mesh.plan_creates(create_faults=["lost_response"])
    assert generate_batch(batch) == 0
    sending = json.loads(Path(f"{batch}.journal").read_text().splitlines()[0])
    Path(f"{batch}.journal").write_text(json.dumps({**sending, "account": "another"}) + "\n")
    capsys.readouterr()
    assert generate_batch(batch, "--settled-after", "0.001") == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert "was written with another base URL or API key" in printed
    assert sending["request_id"] in printed
    assert len(mesh.creates()) == 3


def test_journal_says_that_a_create_is_of_another_account_and_does_not_call_it_not_made(
    mesh: Mesh, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "journal"
    mesh.plan_creates(create_faults=["reset_before"])
    for _ in range(2):
        run(["create", "a lake", *MODEL, "--journal", str(file)])
    first, *others = map(json.loads, file.read_text().splitlines())
    file.write_text("".join(json.dumps(line) + "\n" for line in ({**first, "account": "another"}, *others)))
    capsys.readouterr()
    assert run(["journal", str(file)]) == 2
    printed = capsys.readouterr()
    assert [line.split("\t")[1] for line in printed.out.splitlines()] == ["uncertain", "uncertain"]
    assert f"whether a task of {first['request_id']} exists" in " ".join(printed.err.split())
    # The other create is of this account.
    assert "Nothing was created again" in printed.err


def test_a_damaged_journal_is_wrong_usage(mesh: Mesh, batch: Path, capsys: Output) -> None:
    Path(f"{batch}.journal").write_text("not a journal\n")
    assert generate_batch(batch) == 2
    assert run(["journal", f"{batch}.journal"]) == 2
    assert "line 1 of the journal" in " ".join(capsys.readouterr().err.split())
    assert mesh.creates() == []
