"""What a sandbox has beside the documented endpoint: making tasks, looking behind them, the clock."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._database import transaction
from meshapi_video_sandbox._envelope import Problem
from meshapi_video_sandbox._orders import read_request
from meshapi_video_sandbox._scenarios import SCENARIOS
from meshapi_video_sandbox._store import digest
from meshapi_video_sandbox._upstream import Plan, look
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._store import Store
    from meshapi_video_sandbox._upstream import Plans


class Change(msgspec.Struct, frozen=True):
    """A status that the gateway learned of."""

    at: float
    """When, in seconds since 1970 by the sandbox's clock."""
    status: str


class Inspection(msgspec.Struct, frozen=True):
    """What lies behind a task."""

    row: dict[str, object]
    """What the database holds, as a look is answered with."""
    history: list[Change]
    upstream_asked: int
    """How often the gateway asked its upstream about it."""


class _ClockOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    now: float | None = None
    advance: float = 0


class Control:
    """The other side of the control routes. To be used from the server's own thread."""

    def __init__(
        self, connection: sqlite3.Connection, store: Store, plans: Plans | None, clock: Clock, keys: Sequence[str]
    ) -> None:
        self._connection, self._store, self._plans, self._clock, self._keys = connection, store, plans, clock, keys

    def create_task(self, body: bytes) -> str:
        """Makes the task that the body of a request asks for; its id."""
        if self._plans is None:
            raise Problem(409, "Tasks are made at the real upstream that this gateway stands in front of")
        try:
            request = read_request(body)
        except (ValueError, msgspec.DecodeError) as error:
            raise Problem(422, str(error)) from error
        key = self._keys[0] if request.key is None else request.key
        if key not in self._keys:
            raise Problem(422, "this sandbox has no such key - at `$.key`")
        task_id = request.task_id or str(uuid.uuid4())
        now = self._clock.now()
        plan = Plan(**msgspec.structs.asdict(request.order), created_at=now)
        # What creating it would have told the gateway: that it waits.
        born = look(task_id, msgspec.structs.replace(plan, queued_for=1), now, "")
        try:
            with transaction(self._connection):
                self._plans.add(task_id, plan)
                self._store.learn(msgspec.convert(born, WireTask), digest(key), now, asked=0)
        except ValueError as error:
            raise Problem(409, str(error)) from error
        return task_id

    def inspect(self, task_id: str) -> Inspection:
        """What lies behind a task."""
        row = self._store.find(task_id)
        if row is None:
            raise Problem(404, "The database has no such task")
        return Inspection(
            row=msgspec.json.decode(row.answer),
            history=[Change(at, status) for at, status in self._store.history(task_id)],
            upstream_asked=self._store.times_asked(task_id),
        )

    def set_clock(self, body: bytes) -> None:
        """Sets or advances the clock."""
        try:
            order = msgspec.json.decode(body, type=_ClockOrder)
            if order.now is not None:
                self._clock.set(order.now)
            self._clock.advance(order.advance)
        except (ValueError, msgspec.DecodeError) as error:
            raise Problem(422, str(error)) from error


def add_control(app: FastAPI, control: Control, clock: Clock) -> None:
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
