"""The sandbox as a program: how it starts and stops, its database file, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from meshapi_video_sandbox import SandboxError, Settings, running_sandbox, serve
from meshapi_video_sandbox.__main__ import main
from support.many_tasks import eventually
from support.program import PROGRAM, program
from support.sandbox_client import get, poll

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"
FREE_PORTS = ("--port", "0", "--upstream-port", "0")


def startup_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a sandbox that cannot start."""
    assert main([*FREE_PORTS, *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_ctrl_c_stops_it_silently_at_once_even_if_a_poll_waits_for_its_response() -> None:
    with program(*PROGRAM, "--key", "rsk_one", "--key", "rsk_two") as (process, sandbox), ThreadPoolExecutor() as pool:
        assert sandbox.api_key == "rsk_one"
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        task_id = sandbox.create_task(key="rsk_two")
        assert poll(sandbox, task_id, "rsk_two").status_code == 200
        assert poll(sandbox, EXAMPLE_ID, "rsk_one").json()["status"] == "succeeded"
        delayed = sandbox.create_task(faults=[{"delay": 3600}])
        in_flight = pool.submit(poll, sandbox, delayed, "rsk_one")
        eventually(in_flight.running)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert out.endswith("stopped\n")


def test_each_option_sets_its_setting_and_an_absent_one_keeps_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    served = list[Settings]()

    def serve(settings: Settings, *, print_line: object) -> None:
        assert callable(print_line)
        served.append(settings)

    monkeypatch.setattr("meshapi_video_sandbox._run.serve", serve)
    addresses = ["--host", "::1", "--port", "1", "--upstream-port", "2", "--upstream", "http://host"]
    names = ["--allowed-host", "sandbox", "--allowed-host", "mesh.test"]
    assert main([*addresses, *names, "--db", "t.db", "--key", "a", "--key", "b"]) == 0
    assert main([]) == 0
    assert served == [
        Settings(
            host="::1",
            port=1,
            upstream_port=2,
            upstream="http://host",
            db=Path("t.db"),
            keys=["a", "b"],
            allowed_hosts=["sandbox", "mesh.test"],
        ),
        Settings(),
    ]


def test_a_number_that_is_no_port_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--port", "65536"])
    assert "argument --port: 65536 is not between 0 and 65535" in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error_that_names_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        assert message in startup_error(capsys, "--port", str(port), "--db", str(tmp_path / "t.db"))
        with pytest.raises(SandboxError, match=r"\(--upstream-port 0 picks a free port\)"):
            serve(Settings(port=0, upstream_port=port), print_line=print)


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://"])
def test_a_wrong_url_of_an_upstream_is_an_error(url: str) -> None:
    message = "the upstream should be a URL like https://host/api/v3"
    with pytest.raises(SandboxError, match=message), running_sandbox(upstream=url):
        pass


def test_an_upstream_without_a_key_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARK_API_KEY", " ")
    assert "ARK_API_KEY" in startup_error(capsys, "--upstream", "http://127.0.0.1:9/api/v3")


def test_a_sandbox_without_any_key_is_an_error() -> None:
    with pytest.raises(SandboxError, match="a key should be"), running_sandbox(keys=()):
        pass


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    no_database = tmp_path / "tasks.db"
    no_database.write_text("a text, not a database" * 100)
    with pytest.raises(SandboxError, match="cannot be used"), running_sandbox(db=no_database):
        pass


def test_a_file_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be used"), running_sandbox(db=tmp_path / "none" / "t.db"):
        pass


def sqlite_file(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


TABLE_OF_CHORES = "CREATE TABLE chores (name TEXT)"


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ([TABLE_OF_CHORES], "the table 'chores'"),
        ([TABLE_OF_CHORES, "PRAGMA journal_mode = WAL"], "the table 'chores'"),
        (["CREATE TABLE tasks (chore TEXT)"], "the table 'tasks'"),
        (["CREATE TABLE plans (task_id TEXT PRIMARY KEY, plan TEXT, more TEXT)"], "the table 'plans'"),
        (["CREATE VIEW seven AS SELECT 7"], "the view 'seven'"),
        (["PRAGMA application_id = 7"], "the application_id 7"),
        (["PRAGMA user_version = 7"], "the user_version 7"),
    ],
)
def test_a_database_of_another_program_is_an_error_and_stays_byte_for_byte(
    tmp_path: Path, statements: list[str], found: str
) -> None:
    foreign = sqlite_file(tmp_path / "chores ?#%41.db", *statements)
    before = foreign.read_bytes()
    message = rf"chores .*\.db cannot be used: it is a database of another program, with {found}, and was not changed"
    with pytest.raises(SandboxError, match=message), running_sandbox(db=foreign):
        pass
    assert foreign.read_bytes() == before
    assert list(tmp_path.iterdir()) == [foreign]


@pytest.mark.parametrize(("mode", "log"), [("WAL", "chores.db-wal"), ("DELETE", "chores.db-journal")])
def test_a_log_that_another_program_left_is_found_too_and_stays(tmp_path: Path, mode: str, log: str) -> None:
    foreign = tmp_path / "chores.db"
    script = f"""
import os, sqlite3
database = sqlite3.connect({str(foreign)!r})
database.execute("PRAGMA journal_mode = {mode}")
# Its header has nothing of the program yet.
database.execute("PRAGMA user_version = 0")
# So that the changes are in the files before they are committed.
database.execute("PRAGMA cache_size = 0")
database.execute({TABLE_OF_CHORES!r})
if {mode!r} == "WAL":
    database.commit()
else:
    for _ in range(100):
        database.execute("INSERT INTO chores SELECT hex(zeroblob(500))")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    link = tmp_path / "link.db"
    link.symlink_to(foreign)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before[log]
    for path in (foreign, link):
        with pytest.raises(SandboxError, match=f"the log '{log}'"), running_sandbox(db=path):
            pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_is_not_a_regular_file_is_an_error_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "t.db"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(SandboxError, match="cannot be used: it is not a regular file"), running_sandbox(db=path):
            pass


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    empty = tmp_path / "t.db"
    empty.touch()
    for _ in range(2):
        with running_sandbox(db=empty) as sandbox:
            assert poll(sandbox, EXAMPLE_ID).status_code == 200


def test_a_file_of_an_earlier_version_is_opened_and_marked(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db) as sandbox:
        task_id = sandbox.create_task(scenario="instant")
        assert poll(sandbox, task_id).status_code == 200
    with closing(sqlite3.connect(db)) as database:
        (mark,) = database.execute("PRAGMA application_id").fetchone()
        assert mark != 0
    sqlite_file(db, "PRAGMA application_id = 0", "ANALYZE")
    with running_sandbox(db=db) as sandbox:
        assert sandbox.inspect(task_id).row["status"] == "succeeded"
    with closing(sqlite3.connect(db)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (mark,)


def test_the_tasks_of_a_killed_sandbox_are_there_again(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with program(*PROGRAM, "--db", str(db)) as (process, sandbox):
        task_id = sandbox.create_task(scenario="instant")
        process.kill()
        process.wait()
    assert db.with_name("t.db-wal").exists()
    with running_sandbox(db=db) as sandbox:
        assert poll(sandbox, task_id).json()["status"] == "succeeded"


def test_a_file_name_that_no_system_accepts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be used"), running_sandbox(db=tmp_path / ("x" * 300)):
        pass


def test_a_second_sandbox_on_the_same_file_is_an_error(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db) as sandbox:
        second = subprocess.run([*PROGRAM, "--db", str(db)], capture_output=True, text=True, check=False, timeout=60)
        assert (second.returncode, second.stdout, second.stderr.count("\n")) == (2, "", 1)
        assert f"another sandbox uses the database file {db}" in second.stderr
        with pytest.raises(SandboxError, match="another sandbox uses"), running_sandbox(db=db):
            pass
        assert poll(sandbox, sandbox.create_task()).status_code == 200


def test_tasks_in_a_file_and_their_owners_survive_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db, keys=("rsk_secret",)) as sandbox:
        terminal, queued = sandbox.create_task(scenario="instant"), sandbox.create_task()
        before = poll(sandbox, terminal, "rsk_secret").content
    assert [path.name for path in tmp_path.iterdir()] == ["t.db"]
    assert b"rsk_secret" not in db.read_bytes()
    with running_sandbox(db=db, keys=("rsk_new", "rsk_secret")) as sandbox:
        assert poll(sandbox, terminal, "rsk_secret").content == before
        assert sandbox.inspect(terminal).upstream_polls == 1
        sandbox.advance(10)
        assert poll(sandbox, queued, "rsk_secret").json()["status"] == "succeeded"
        assert poll(sandbox, EXAMPLE_ID, "rsk_new").status_code == 200


def test_a_full_disk_is_a_500_in_the_envelope_and_the_sandbox_still_responds(tmp_path: Path) -> None:
    # In blocks of 512 or 1024 bytes, depending on the shell: enough for the tables and for few tasks.
    script = 'ulimit -f 400; exec "$0" "$@"'
    with program("/bin/sh", "-c", script, *PROGRAM, "--db", str(tmp_path / "t.db")) as (_, sandbox):
        created = list[str]()

        def fill() -> None:
            while len(created) < 5000:
                created.append(sandbox.create_task(scenario="instant", safety_identifier="x" * 1000))

        with pytest.raises(httpx.HTTPStatusError) as caught:
            fill()
        assert caught.value.response.status_code == 500
        error = caught.value.response.json()["error"]
        assert error["code"] == "internal_error"
        assert error["message"].startswith("The sandbox's database cannot be used: ")
        assert sandbox.inspect(created[-1]).row["status"] == "queued"
        assert poll(sandbox, created[0]).status_code in {200, 500}
        assert poll(sandbox, EXAMPLE_ID).status_code == 200


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_it_leaves_no_port_thread_or_file_behind() -> None:
    # The first sandbox of a process imports modules, and anyio keeps some of what it opens.
    with running_sandbox():
        pass
    files, threads = open_files(), threading.enumerate()
    with running_sandbox() as sandbox:
        assert poll(sandbox, EXAMPLE_ID).status_code == 200
        video = poll(sandbox, sandbox.create_task(scenario="instant")).json()["content"]["video_url"]
        assert get(video).status_code == 200
        ports = [httpx.URL(url).port for url in (sandbox.base_url, str(sandbox.upstream_url))]
    # The threads that read files for a server need a moment to end after it.
    eventually(lambda: set(threading.enumerate()) <= set(threads))
    eventually(lambda: open_files() == files)
    for port in ports:
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port or 0))


def test_it_stops_even_if_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), running_sandbox() as sandbox:
        raise ZeroDivisionError
    with pytest.raises(httpx.ConnectError):
        get(sandbox.base_url)


def test_sandboxes_in_threads_share_nothing() -> None:
    def run(number: int) -> list[object]:
        with running_sandbox() as sandbox:
            sandbox.set_time(1_000_000_000 * (number + 1))
            task_id = sandbox.create_task(id="the task", seed=number, queued_for=0, running_for=60)
            sandbox.advance(60)
            task = poll(sandbox, task_id).json()
            return [task["seed"], task["status"], task["created_at"] // 1_000_000_000]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [[number, "succeeded", number + 1] for number in range(4)]


def test_threads_can_share_one_sandbox() -> None:
    with running_sandbox() as sandbox, ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda number: sandbox.create_task(id=f"t{number}", scenario="instant"), range(40)))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - range yields int
        responses = list(pool.map(poll, [sandbox] * 40, created))
    assert [response.json()["id"] for response in responses] == created
