"""An app of Celery whose broker is kombu's memory, and its waits. tests/engines/test_celery.py has real brokers."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from celery import Celery, signals
from kombu.transport.memory import Channel

from meshapi_video.celery import VideoWaits
from support.celery_waits import (
    Ends,
    Mesh,
)


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


@pytest.fixture
def app() -> Generator[Celery]:
    app = Celery("videos", broker="memory://", set_as_current=False)
    # The brokers of all tests share one memory.
    Channel.queues.clear()
    yield app
    app.close()
    for signal in (
        signals.celeryd_init,
        signals.worker_shutting_down,
        signals.worker_process_shutdown,
        signals.worker_shutdown,
    ):
        signal.receivers = [each for each in signal.receivers or [] if "VideoWaits" not in repr(each)]


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def waits(app: Celery, ends: Ends, mesh: Mesh) -> VideoWaits:
    return VideoWaits(app, ends, client=mesh.client)
