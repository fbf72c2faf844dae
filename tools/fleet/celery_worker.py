"""The Celery app of the fleet. Its workers run `celery -A tools.fleet.celery_worker worker`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from celery import Celery

from meshapi_video import WaitResult
from meshapi_video._celery import copies
from meshapi_video.celery import VideoWaits
from tools.fleet.engine import poll_policy, record_end

BROKER: Final = "FLEET_BROKER"
BUDGET: Final = "FLEET_BUDGET"
RECORD: Final = "FLEET_RECORD"
SEARCH_INTERVAL: Final = "FLEET_SEARCH_INTERVAL"
"""Seconds between two searches for messages that Redis has lost."""
CHUNK: Final = 500


def new_waits(broker: str, budget: float, chunk: int = CHUNK) -> tuple[Celery, VideoWaits]:
    """An app, and the waits on its workers."""
    app = Celery("fleet", broker=broker, set_as_current=False)
    app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
    if broker.startswith("redis"):
        app.conf.broker_transport_options = {
            # The least that is accepted.
            "visibility_timeout": 2 * budget + 30,
            # Redis is asked each second whether there are messages to deliver again, not only every 100 s.
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        }
    return app, VideoWaits(app, on_end, poll=poll_policy(), chunk=chunk, budget=budget)


def on_end(result: WaitResult) -> None:
    """Records the call."""
    record_end(Path(os.environ[RECORD]), result.task_id)


if SEARCH_INTERVAL in os.environ:
    copies.SEARCH_INTERVAL = float(os.environ[SEARCH_INTERVAL])
if BROKER in os.environ:
    app, _ = new_waits(os.environ[BROKER], float(os.environ[BUDGET]))
