"""Real servers for the tests of the engines. Each starts at its first use, once for the whole test session."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tools.fleet.servers import PostgreSQL, RabbitMQ, Redis, TemporalServer


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Generator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Generator[Redis]:
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Generator[PostgreSQL]:
    # Not in pytest's own folder: another run of pytest that starts now closes that to the user of PostgreSQL.
    with tempfile.TemporaryDirectory() as folder, PostgreSQL(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[TemporalServer]:
    with TemporalServer(tmp_path_factory.mktemp("temporal")) as server:
        yield server
