"""The sandbox as a program: starting, ending, its file, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from meshapi_video_sandbox import SandboxError, running_sandbox, serve
from support import looks
from support.by_id import eventually
from support.program import PROGRAM, program

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"


def complaint(*command: str, **environment: str) -> str:
    """What a sandbox that cannot start says."""
    left = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    assert left.returncode == 2
    assert left.stdout == ""
    assert left.stderr.count("\n") == 1
    return left.stderr


def test_it_serves_until_ctrl_c_and_leaves_without_a_word() -> None:
    with program(*PROGRAM, "--key", "rsk_one", "--key", "rsk_two") as (process, sandbox):
        assert sandbox.api_key == "rsk_one"
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        task_id = sandbox.create_task(key="rsk_two")
        assert looks.look(sandbox, task_id, "rsk_two").status_code == 200
        assert looks.look(sandbox, EXAMPLE_ID, "rsk_one").json()["status"] == "succeeded"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert out.endswith("stopped\n")


def test_ctrl_c_does_not_wait_for_those_who_still_wait() -> None:
    with program(*PROGRAM) as (process, sandbox), ThreadPoolExecutor() as pool:
        waiting = pool.submit(looks.look, sandbox, sandbox.create_task(faults=[{"delay": 3600}]))
        while not process.poll() and not waiting.running():
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_two_at_once_on_one_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        assert said in complaint(*PROGRAM, "--port", port, "--db", str(tmp_path / "t.db"))
        with pytest.raises(SandboxError, match=r"\(--upstream-port 0 picks a free port\)"):
            serve(
                host="127.0.0.1",
                port=0,
                upstream_port=int(port),
                upstream=None,
                db=None,
                keys=["rsk_sandbox"],
                say=print,
            )


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://"])
def test_an_upstream_that_cannot_be_one_is_said(url: str) -> None:
    said = "the upstream should look like https://host/api/v3"
    with pytest.raises(SandboxError, match=said), running_sandbox(upstream=url):
        pass


def test_an_upstream_without_a_key_is_said_and_the_variable_named() -> None:
    assert "ARK_API_KEY" in complaint(*PROGRAM, "--upstream", "http://127.0.0.1:9/api/v3", ARK_API_KEY=" ")


def test_no_key_at_all_is_said() -> None:
    with pytest.raises(SandboxError, match="a key should be"), running_sandbox(keys=()):
        pass


def test_a_file_that_is_no_database_is_said_to_be_wrong(tmp_path: Path) -> None:
    no_database = tmp_path / "tasks.db"
    no_database.write_text("a text, not a database" * 100)
    with pytest.raises(SandboxError, match="cannot be used"), running_sandbox(db=no_database):
        pass


def test_a_file_in_a_folder_that_is_not_there_is_said_to_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be used"), running_sandbox(db=tmp_path / "none" / "t.db"):
        pass


def test_a_database_of_somebody_else_is_said_to_be_wrong_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "chores.db"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE tasks (chore TEXT)")
    database.close()
    with pytest.raises(SandboxError, match=r"chores\.db cannot be used: .*column"), running_sandbox(db=foreign):
        pass
    with sqlite3.connect(foreign) as database:
        assert database.execute("SELECT * FROM tasks").fetchall() == []
    database.close()


def test_a_second_sandbox_on_the_same_file_says_why_not(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db) as sandbox:
        assert f"another sandbox uses the tasks' file {db}" in complaint(*PROGRAM, "--db", str(db))
        with pytest.raises(SandboxError, match="another sandbox uses"), running_sandbox(db=db):
            pass
        assert looks.look(sandbox, sandbox.create_task()).status_code == 200


def test_tasks_in_a_file_are_there_again_after_a_restart_whoever_has_the_key(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db, keys=("rsk_secret",)) as sandbox:
        over, waiting = sandbox.create_task(scenario="instant"), sandbox.create_task()
        before = looks.look(sandbox, over, "rsk_secret").content
    assert [path.name for path in tmp_path.iterdir()] == ["t.db"]
    assert b"rsk_secret" not in db.read_bytes()
    with running_sandbox(db=db, keys=("rsk_new", "rsk_secret")) as sandbox:
        assert looks.look(sandbox, over, "rsk_secret").content == before
        assert sandbox.inspect(over).upstream_asked == 1
        sandbox.advance(10)
        assert looks.look(sandbox, waiting, "rsk_secret").json()["status"] == "succeeded"
        assert looks.look(sandbox, EXAMPLE_ID, "rsk_new").status_code == 200


def test_a_full_disk_is_a_500_in_the_envelope_and_the_sandbox_goes_on(tmp_path: Path) -> None:
    # In blocks of 512 bytes or of 1024, by the shell: room for the tables and for little else.
    script = 'ulimit -f 400; exec "$0" "$@"'
    with program("/bin/sh", "-c", script, *PROGRAM, "--db", str(tmp_path / "t.db")) as (_, sandbox):
        made = list[str]()

        def fill() -> None:
            while len(made) < 5000:
                made.append(sandbox.create_task(scenario="instant", safety_identifier="x" * 1000))

        with pytest.raises(httpx.HTTPStatusError) as caught:
            fill()
        assert caught.value.response.status_code == 500
        error = caught.value.response.json()["error"]
        assert error["code"] == "internal_error"
        assert error["message"].startswith("The tasks' database cannot be used: ")
        assert sandbox.inspect(made[-1]).row["status"] == "queued"
        assert looks.look(sandbox, made[0]).status_code in {200, 500}
        assert looks.look(sandbox, EXAMPLE_ID).status_code == 200


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_it_leaves_no_port_thread_or_file_behind() -> None:
    # Once before, for what Python imports and anyio keeps.
    with running_sandbox():
        pass
    files, threads = open_files(), threading.enumerate()
    with running_sandbox() as sandbox:
        assert looks.look(sandbox, EXAMPLE_ID).status_code == 200
        video = looks.look(sandbox, sandbox.create_task(scenario="instant")).json()["content"]["video_url"]
        assert looks.get(video).status_code == 200
        ports = [httpx.URL(url).port for url in (sandbox.base_url, str(sandbox.upstream_url))]
    # What reads files for a server is told to end with it, and needs a moment for that.
    eventually(lambda: set(threading.enumerate()) <= set(threads))
    eventually(lambda: open_files() == files)
    for port in ports:
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port or 0))


def test_it_ends_as_well_when_what_uses_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), running_sandbox() as sandbox:
        raise ZeroDivisionError
    with pytest.raises(httpx.ConnectError):
        looks.get(sandbox.base_url)


def test_sandboxes_run_side_by_side_in_threads_and_know_nothing_of_each_other() -> None:
    def story(number: int) -> list[object]:
        with running_sandbox() as sandbox:
            sandbox.set_time(1_000_000_000 * (number + 1))
            task_id = sandbox.create_task(id="the task", seed=number, queued_for=0, running_for=60)
            sandbox.advance(60)
            answer = looks.look(sandbox, task_id).json()
            return [answer["seed"], answer["status"], answer["created_at"] // 1_000_000_000]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(story, range(4))) == [[number, "succeeded", number + 1] for number in range(4)]


def test_threads_may_share_one_sandbox() -> None:
    with running_sandbox() as sandbox, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: sandbox.create_task(id=f"t{number}", scenario="instant"), range(40)))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - range yields int
        answers = list(pool.map(looks.look, [sandbox] * 40, made))
    assert [answer.json()["id"] for answer in answers] == made
