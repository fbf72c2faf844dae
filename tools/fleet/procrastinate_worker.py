"""The program of a worker: the module on the page, which also appends each end to the record of the harness."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from meshapi_video import WaitStep
from tools.fleet.engine import poll_policy, record_end
from tools.fleet.procrastinate_engine import MODULE, load

waits: Final = load(os.environ[MODULE])
app: Final = waits.app
_record: Final = waits.record


async def record(step: WaitStep) -> None:
    """Does what the page does, and then what the harness counts."""
    await _record(step)
    record_end(Path(os.environ["FLEET_RECORD"]), step.token.task_id)


# The functions on the page read both names when they run.
vars(waits).update(record=record, policy=poll_policy())
