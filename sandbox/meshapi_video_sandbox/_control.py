"""The control API under `/_sandbox`: creates tasks, inspects them, and sets the clock."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._database import transaction
from meshapi_video_sandbox._error_responses import APIError
from meshapi_video_sandbox._scenarios import SCENARIOS
from meshapi_video_sandbox._store import key_digest
from meshapi_video_sandbox._task_requests import parse_task_request
from meshapi_video_sandbox._upstream import TaskPlan, task_json
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._store import TaskStore
    from meshapi_video_sandbox._upstream import PlanStore


class StatusChange(msgspec.Struct, frozen=True):
    """A status that the gateway recorded."""

    at: float
    """When, in seconds since 1970 by the sandbox's clock."""
    status: str


class Inspection(msgspec.Struct, frozen=True):
    """The sandbox's own data about a task."""

    row: dict[str, object]
    """The task in the database, as the response to a poll shows it."""
    history: list[StatusChange]
    upstream_polls: int
    """How often the gateway polled its upstream about the task."""


class _ClockUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    now: float | None = None
    advance: float = 0


# Made here, and not at the first use: see `_task_requests`.
_clock_decoder: Final = msgspec.json.Decoder(_ClockUpdate)


class Control:
    """Does the work of the control routes. Use it from the server's own thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        store: TaskStore,
        plans: PlanStore | None,
        clock: Clock,
        keys: Sequence[str],
    ) -> None:
        self._connection, self._store, self._plans, self._clock, self._keys = connection, store, plans, clock, keys

    def create_task(self, body: bytes) -> str:
        """Creates the task that the body of a request describes, and returns its id."""
        if self._plans is None:
            raise APIError(409, "This gateway uses a real upstream: create the task there")
        try:
            request = parse_task_request(body)
        except (ValueError, msgspec.DecodeError) as error:
            raise APIError(422, str(error)) from error
        key = self._keys[0] if request.key is None else request.key
        if key not in self._keys:
            raise APIError(422, "the sandbox does not accept this key - at `$.key`")
        task_id = request.task_id or str(uuid.uuid4())
        now = self._clock.now()
        plan = TaskPlan(**msgspec.structs.asdict(request.options), created_at=now)
        # The row begins as `queued`, even if the plan has no time in the queue: the gateway learns each later
        # status by a poll.
        created = task_json(task_id, msgspec.structs.replace(plan, queued_for=1), now, "")
        try:
            with transaction(self._connection):
                self._plans.add(task_id, plan)
                self._store.record(msgspec.convert(created, WireTask), key_digest(key), now, polled=False)
        except ValueError as error:
            raise APIError(409, str(error)) from error
        return task_id

    def inspect(self, task_id: str) -> Inspection:
        """The sandbox's own data about a task."""
        row = self._store.find(task_id)
        if row is None:
            raise APIError(404, "No such task in the database")
        return Inspection(
            row=msgspec.json.decode(row.response),
            history=[StatusChange(at, status) for at, status in self._store.history(task_id)],
            upstream_polls=self._store.upstream_polls(task_id),
        )

    def set_clock(self, body: bytes) -> None:
        """Sets or advances the clock."""
        try:
            update = _clock_decoder.decode(body)
            if update.now is not None:
                self._clock.set(update.now)
            self._clock.advance(update.advance)
        except (ValueError, msgspec.DecodeError) as error:
            raise APIError(422, str(error)) from error


def add_control_routes(app: FastAPI, control: Control, clock: Clock) -> None:
    """Adds the routes under `/_sandbox`."""

    @app.post("/_sandbox/tasks", include_in_schema=False)
    async def create_task(request: Request) -> Response:
        return JSONResponse({"id": control.create_task(await request.body())}, 201)

    @app.get("/_sandbox/tasks/{task_id}", include_in_schema=False)
    async def inspect(task_id: str) -> Response:
        return Response(msgspec.json.encode(control.inspect(task_id)), media_type="application/json")

    @app.get("/_sandbox/scenarios", include_in_schema=False)
    async def scenarios() -> Response:
        return JSONResponse(SCENARIOS)

    @app.get("/_sandbox/clock", include_in_schema=False)
    async def get_clock() -> Response:
        return JSONResponse({"now": clock.now()})

    @app.post("/_sandbox/clock", include_in_schema=False)
    async def set_clock(request: Request) -> Response:
        control.set_clock(await request.body())
        return await get_clock()
