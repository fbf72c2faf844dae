"""A Celery worker: its main process, its children, and the client of each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from mmap import mmap
from typing import TYPE_CHECKING, Any

from celery import bootsteps

from meshapi_video._celery import copies
from meshapi_video._celery.settings import uses_redis
from meshapi_video._clock import monotonic
from meshapi_video._sync.client import VideoClient
from meshapi_video._sync.deadline import STOP_CHECK_INTERVAL

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer


def consumer_step(
    name: str, check_settings: Callable[[int], None], send_lost: Callable[[], None], shut_down: Callable[[], None]
) -> type[bootsteps.StartStopStep]:
    """Runs in the main process of a worker, when it has connected to the broker and when it shuts down.

    Celery makes the object itself, and knows the class by its name.
    """
    step_name = name

    class ConsumerStep(bootsteps.StartStopStep):
        name = step_name
        requires = ("celery.worker.consumer.connection:Connection",)
        _timer: Any = None  # an entry of kombu's timer, which has no types

        def start(self, parent: Any) -> None:  # noqa: ANN401 - a Consumer, whose attributes celery-types lacks
            check_settings(parent.prefetch_multiplier)
            if self._timer is not None:
                # The worker connects again.
                self._timer.cancel()
            if uses_redis(parent.app.conf):
                self._timer = parent.timer.call_repeatedly(copies.SEARCH_INTERVAL, send_lost)

        def close(self, parent: Consumer) -> None:
            # Also after the remote command `shutdown`, which sends no signal.
            del parent
            shut_down()

    return ConsumerStep


class WorkerState:
    """What the processes of one worker know of each other. Made before the fork."""

    def __init__(self) -> None:
        self._main_process = 0
        self._shared = mmap(-1, 1)
        """One byte of memory that the main process shares with its children: whether the worker shuts down."""

    def start(self) -> None:
        self._main_process = os.getpid()
        self._shared[0] = 0

    def stop(self) -> None:
        self._shared[0] = 1

    def is_stopping(self) -> bool:
        return self._shared[0] == 1

    def is_orphan(self) -> bool:
        """Whether this is a child whose main process was killed: the broker delivers its message again."""
        return self._main_process not in {0, os.getpid(), os.getppid()}

    def check_main_process(self) -> None:
        """Raises `RuntimeError` in a child whose main process was killed."""
        if self.is_orphan():
            raise RuntimeError("the main process of this worker was killed")


class Stop(threading.Event):
    """Is set when the budget is over, when the worker shuts down, and when its main process was killed."""

    def __init__(self, worker: WorkerState, budget: float) -> None:
        super().__init__()
        self._worker = worker
        self._budget = budget
        self._ends_at = monotonic() + budget

    def is_set(self) -> bool:
        return monotonic() >= self._ends_at or self.is_late()

    def wait_until_set(self) -> None:
        """Sleeps until it is set."""
        while not self.is_set():
            time.sleep(STOP_CHECK_INTERVAL)

    def is_late(self) -> bool:
        """Whether `on_end` should not be called any more: it was slow, or the worker ends."""
        return monotonic() >= self._ends_at + self._budget or self._worker.is_stopping() or self._worker.is_orphan()


class ProcessClient:
    """The client of this process, which its threads share."""

    def __init__(self, new_client: Callable[[], VideoClient]) -> None:
        self._new_client = new_client
        self._lock = threading.Lock()
        self._client: VideoClient | None = None
        self._process = 0

    def get(self) -> VideoClient:
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._new_client(), os.getpid()
            return self._client

    def close(self) -> None:
        with self._lock:
            if self._client is not None and self._process == os.getpid():
                self._client.close()
                self._client = None
