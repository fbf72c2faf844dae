"""Promises of the real servers: they keep their data, end with the test run, and name the line that installs them."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tools.fleet.servers import PostgreSQL, RabbitMQ, Redis, TemporalServer

SERVERS = [PostgreSQL, RabbitMQ, Redis, TemporalServer]


def redis_reply(server: Redis, line: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(line + b"\r\n")
        return connection.recv(1000)


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
        os.kill(int(redis_reply(server, b"INFO server").split(b"process_id:")[1].split()[0]), signal.SIGKILL)
        server.restart()
        assert redis_reply(server, b"GET task") == b"$7\r\nrunning\r\n"
