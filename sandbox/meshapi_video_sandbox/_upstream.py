"""A simulated BytePlus ModelArk: takes a task through `queued` and `running` to its planned outcome."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from fastapi import FastAPI, Header
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._task_requests import TaskOptions
from meshapi_video_sandbox._videos import add_video_routes, signed_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._error_responses import APIError
    from meshapi_video_sandbox._faults import FaultInjector

UPSTREAM_KEY: Final = "ark_sandbox"
"""The API key of the simulated upstream."""

_FIELDS_FROM_THE_START: Final = ("model", "service_tier", "execution_expires_after", "priority", "safety_identifier")
_FIELDS_AT_THE_END: Final = (
    "seed",
    "resolution",
    "ratio",
    "duration",
    "frames",
    "framespersecond",
    "generate_audio",
    "usage",
)
# The real upstream sends fields that the document does not list.
_EXTRA_FROM_THE_START: Final[dict[str, object]] = {"subdivisionlevel": "standard", "fileformat": "mp4"}
_EXTRA_AT_THE_END: Final[dict[str, object]] = {"revised_prompt": "A sandbox, seen from above", "output_format": "mp4"}


class TaskPlan(TaskOptions, frozen=True, kw_only=True):
    """How a task runs and ends, and when it was created."""

    created_at: float
    """Seconds since 1970."""
    known_fields: tuple[str, ...] = ()
    """The fields that the task shows from the start, and not only at its end."""
    last_frame: bool = True
    """Whether a picture of the last frame belongs to the video."""


# Made here, and not at the first use: see `_task_requests`.
_plan_decoder: Final = msgspec.json.Decoder(TaskPlan)


class PlanStore:
    """The plans of all tasks, by task id. Use it from the server's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, task_id: str, plan: TaskPlan) -> None:
        """Adds a new task; a `ValueError` if the id is taken."""
        try:
            self._connection.execute("INSERT INTO plans VALUES (?, ?)", (task_id, msgspec.json.encode(plan).decode()))
        except sqlite3.IntegrityError as error:
            raise ValueError(f"task {task_id!r} already exists") from error

    def find(self, task_id: str) -> TaskPlan | None:
        """The plan of a task, or None for an unknown id."""
        row = self._connection.execute("SELECT plan FROM plans WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else _plan_decoder.decode(row[0])


def create_upstream(plans: PlanStore, clock: Clock, faults: FaultInjector, url: str) -> FastAPI:
    """The app of the upstream, which clients reach at `url`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get("/api/v3/contents/generations/tasks/{task_id}")
    async def get_task(task_id: str, authorization: Annotated[str, Header()] = "") -> Response:
        if authorization != f"Bearer {UPSTREAM_KEY}":
            return _error_response(401, "AuthenticationError", "The API key is missing or invalid")
        plan = plans.find(task_id)
        if plan is None:
            return _error_response(404, "NotFound", "The specified task is not found")

        async def normal_response() -> Response:
            return JSONResponse(task_json(task_id, plan, clock.now(), url))

        return await faults.respond(task_id, plan.faults, normal_response, _fault_response)

    add_video_routes(app, clock)
    return app


def _fault_response(error: APIError) -> Response:
    return _error_response(error.status, "InternalServiceError", error.message, error.headers)


def _error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def changes(plan: TaskPlan) -> list[tuple[str, float]]:
    """Each status of a task and the time when it begins, in order."""
    runs_at = plan.created_at + plan.queued_for
    queued = ("queued", plan.created_at)
    if plan.outcome == "cancelled":
        # A task is cancelled while it is queued, and never runs.
        return [queued, ("cancelled", runs_at)]
    return [queued, ("running", runs_at), (plan.outcome, runs_at + plan.running_for)]


def task_json(task_id: str, plan: TaskPlan, now: float, url: str) -> dict[str, object]:
    """The task at the time `now`."""
    first, *later = changes(plan)
    current = [first, *(change for change in later if change[1] <= now)][-1]
    return task_after(current, task_id, plan, url)


def task_after(change: tuple[str, float], task_id: str, plan: TaskPlan, url: str) -> dict[str, object]:
    """The task after one of its changes: a field is absent until its value is known."""
    status, updated_at = change
    defaults = {**EXAMPLE, "execution_expires_after": 172_800}
    task = {name: defaults[name] for name in _FIELDS_FROM_THE_START} | _EXTRA_FROM_THE_START
    if status == "succeeded":
        task |= {name: defaults[name] for name in _FIELDS_AT_THE_END} | _EXTRA_AT_THE_END
        content = {
            "video_url": signed_url(url, f"{task_id}.mp4", updated_at),
        }
        if plan.last_frame:
            content["last_frame_url"] = signed_url(url, f"{task_id}_last_frame.jpg", updated_at)
        task["content"] = content
    elif status == "failed":
        task["error"] = {
            "code": "OutputVideoSensitiveContentDetected",
            "message": "This task was created with the outcome `failed`.",
        }
    # The fields of the request replace the defaults, each from the moment that the upstream would know it.
    unknown_yet = {"content", "error", *_FIELDS_AT_THE_END} - task.keys() - {*plan.known_fields}
    task |= {name: value for name, value in plan.fields.items() if name not in unknown_yet}
    return {"id": task_id, **task, "status": status, "created_at": int(plan.created_at), "updated_at": int(updated_at)}
