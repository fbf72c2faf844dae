"""The program of the Celery workers: `celery -A tools.fleet.celery_worker worker`. The adapter sets the environment."""

from __future__ import annotations

import os
import time

from celery import Celery

from meshapi_video import PollPolicy, WaitResult
from meshapi_video.celery import VideoWaits

BUDGET = float(os.environ["FLEET_BUDGET"])

app = Celery("fleet", broker=os.environ["FLEET_BROKER"])
app.conf.update(
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
if app.conf.broker_url.startswith("redis"):
    # Twice the budget, and 30 s. Redis looks for messages to deliver again each second, not every 100 s.
    app.conf.broker_transport_options = {
        "visibility_timeout": 2 * BUDGET + 30,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }


def on_end(result: WaitResult) -> None:
    """Records the call, in one write that no other process can split."""
    record = os.open(os.environ["FLEET_RECORD"], os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        os.write(record, f"{result.task_id} {time.time()}\n".encode("ascii"))
    finally:
        os.close(record)


waits = VideoWaits(
    app,
    on_end,
    poll=PollPolicy(initial_delay=1.0, multiplier=1.0, max_delay=1.0),
    chunk=int(os.environ["FLEET_CHUNK"]),
    budget=BUDGET,
)
