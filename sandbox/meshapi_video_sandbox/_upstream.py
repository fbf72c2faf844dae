"""A simulated BytePlus ModelArk: takes a task through `queued` and `running` to the end it was told."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from fastapi import FastAPI, Header
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._orders import Order
from meshapi_video_sandbox._videos import add_videos, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._envelope import Problem
    from meshapi_video_sandbox._faults import Faults

UPSTREAM_KEY: Final = "ark_sandbox"
"""What the simulated upstream wants of those who ask it."""

_FROM_THE_START: Final = ("model", "service_tier", "execution_expires_after", "priority", "safety_identifier")
_AT_THE_END: Final = ("seed", "resolution", "ratio", "duration", "frames", "framespersecond", "generate_audio", "usage")
# The document does not know these, and the real upstream sends such.
_EXTRA: Final[dict[str, object]] = {"subdivisionlevel": "standard", "fileformat": "mp4"}
_EXTRA_AT_THE_END: Final[dict[str, object]] = {"revised_prompt": "A sandbox, seen from above", "output_format": "mp4"}


class Plan(Order, frozen=True, kw_only=True):
    """What will become of a task."""

    created_at: float
    """When it was made, in seconds since 1970."""


class Plans:
    """All plans, by task id. To be used from the server's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, task_id: str, plan: Plan) -> None:
        """Takes in a new task; a `ValueError` if its id is taken."""
        try:
            self._connection.execute("INSERT INTO plans VALUES (?, ?)", (task_id, msgspec.json.encode(plan).decode()))
        except sqlite3.IntegrityError as error:
            raise ValueError(f"there is a task {task_id!r} already") from error

    def find(self, task_id: str) -> Plan | None:
        """A task's plan, or None for an id that is not there."""
        row = self._connection.execute("SELECT plan FROM plans WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Plan)


def create_upstream(plans: Plans, clock: Clock, faults: Faults, address: str) -> FastAPI:
    """The server, which is reached at `address`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get("/api/v3/contents/generations/tasks/{task_id}")
    async def get_task(task_id: str, authorization: Annotated[str, Header()] = "") -> Response:
        if authorization != f"Bearer {UPSTREAM_KEY}":
            return _error(401, "AuthenticationError", "The API key is missing or invalid")
        plan = plans.find(task_id)
        if plan is None:
            return _error(404, "NotFound", "The specified task is not found")

        async def rightly() -> Response:
            return JSONResponse(look(task_id, plan, clock.now(), address))

        return await faults.answer(task_id, plan.faults, rightly, _wrongly)

    add_videos(app, clock)
    return app


def _wrongly(problem: Problem) -> Response:
    return _error(problem.status, "InternalServiceError", problem.message, problem.headers)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def look(task_id: str, plan: Plan, now: float, address: str) -> dict[str, object]:
    """What is known of a task at the time `now`: fields are absent until then."""
    runs = plan.created_at + plan.queued_for
    # A task is cancelled from the queue, and never runs.
    ends = runs if plan.outcome == "cancelled" else runs + plan.running_for
    status, since = "queued", plan.created_at
    if now >= ends:
        status, since = plan.outcome, ends
    elif now >= runs:
        status, since = "running", runs
    defaults = {**EXAMPLE, "execution_expires_after": 172_800}
    answer = {name: defaults[name] for name in _FROM_THE_START} | _EXTRA
    if status == "succeeded":
        answer |= {name: defaults[name] for name in _AT_THE_END} | _EXTRA_AT_THE_END
        answer["content"] = {
            "video_url": signed(address, f"{task_id}.mp4", ends),
            "last_frame_url": signed(address, f"{task_id}_last_frame.jpg", ends),
        }
    elif status == "failed":
        answer["error"] = {
            "code": "OutputVideoSensitiveContentDetected",
            "message": "The sandbox was told to fail it.",
        }
    # What the task was told of itself, as soon as the like of it is known.
    unknown = {"content", "error", *_AT_THE_END} - answer.keys()
    answer |= {name: value for name, value in plan.fields.items() if name not in unknown}
    return {"id": task_id, **answer, "status": status, "created_at": int(plan.created_at), "updated_at": int(since)}
