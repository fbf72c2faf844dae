"""The control API under `/_sandbox`: creates tasks, inspects them, makes creates fail, and sets the clock."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
from attrs import frozen
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._callbacks import CallbackAttempt
from meshapi_video_sandbox._create_faults import CREATE_FAULTS, RandomFaults, named_fault
from meshapi_video_sandbox._error_responses import APIError
from meshapi_video_sandbox._mistakes import explained, not_allowed
from meshapi_video_sandbox._scenarios import SCENARIOS
from meshapi_video_sandbox._store import key_digest
from meshapi_video_sandbox._task_requests import TASK_OPTIONS, TaskOptions, parse_task_request, with_scenario
from meshapi_video_sandbox._upstream import TaskPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from meshapi_video_sandbox._callbacks import CallbackSender
    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._create_faults import CreateFaultInjector
    from meshapi_video_sandbox._creates import TaskCreator
    from meshapi_video_sandbox._faults import Delays, FaultInjector
    from meshapi_video_sandbox._list import TaskList
    from meshapi_video_sandbox._store import TaskStore


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
    callbacks: list[CallbackAttempt]
    """The POSTs to the task's `callback_url` that have ended since the sandbox started."""


class _ClockUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    now: float | None = None
    advance: float = 0


class _CreateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tasks: dict[str, object] = {}
    fields_at_end: bool = False
    models: list[str] = []
    faults: list[object] = []
    random: RandomFaults | None = None


class _ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lag: Annotated[float, msgspec.Meta(ge=0)]


# Made here, and not at the first use: see `_task_requests`.
for _type in (_ClockUpdate, _CreateSettings, _ListSettings):
    msgspec.json.Decoder(_type)


@frozen
class Control:
    """Does the work of the control routes. Use it from the server's own thread."""

    store: TaskStore
    creator: TaskCreator
    create_faults: CreateFaultInjector
    listing: TaskList
    callbacks: CallbackSender
    clock: Clock
    keys: Sequence[str]
    delays: Delays
    polls: Sequence[FaultInjector]
    """The faults of polls, at the gateway and at the upstream."""
    add_example: Callable[[], None]

    def reset(self) -> None:
        """Makes the sandbox as new: the example is its only task, and nothing fails."""
        self.delays.end()
        self.callbacks.reset()
        self.clock.reset()
        for faults in self.polls:
            faults.reset()
        self.set_creates(b"{}")
        self.set_list(b'{"lag": 0}')
        self.store.clear()
        self.add_example()

    def create_task(self, body: bytes) -> str:
        """Creates the task that the body of a request describes, and returns its id."""
        with _refusing():
            request = parse_task_request(body)
        key = self.keys[0] if request.key is None else request.key
        if key not in self.keys:
            raise APIError(422, "the sandbox does not accept this key: start it with --key - at `$.key`")
        task_id = request.task_id or str(uuid.uuid4())
        plan = TaskPlan(**msgspec.structs.asdict(request.options), created_at=self.clock.now())
        self.creator.add(task_id, plan, key_digest(key))
        return task_id

    def set_creates(self, body: bytes) -> None:
        """Sets how later creates fail, and how their tasks run and end; what is not named gets its default."""
        with _refusing():
            values = msgspec.json.decode(body)
            with explained(values, _CreateSettings):
                settings = msgspec.convert(values, _CreateSettings)
            tasks = with_scenario(settings.tasks, "$.tasks")
            if others := tasks.keys() - {*TASK_OPTIONS}:
                problem = f"`{min(others)}` cannot be set for later creates"
                allowed = (*TASK_OPTIONS, "scenario")
                raise msgspec.ValidationError(f"{not_allowed(problem, min(others), allowed)} - at `$.tasks`")
            with explained(tasks, TaskOptions, "$.tasks"):
                options = msgspec.convert(tasks, TaskOptions)
            faults = [named_fault(fault, f"$.faults[{number}]") for number, fault in enumerate(settings.faults)]
        self.creator.options, self.creator.models = options, settings.models
        self.creator.fields_at_end = settings.fields_at_end
        self.create_faults.set(faults, settings.random)

    def set_list(self, body: bytes) -> None:
        """Sets how many seconds the list is behind the database."""
        with _refusing():
            values = msgspec.json.decode(body)
            with explained(values, _ListSettings):
                self.listing.lag = msgspec.convert(values, _ListSettings).lag

    def inspect(self, task_id: str) -> Inspection:
        """The sandbox's own data about a task."""
        row = self.store.find(task_id)
        if row is None:
            raise APIError(404, "No such task in the database")
        return Inspection(
            row=msgspec.json.decode(row.response),
            history=[StatusChange(at, status) for at, status in self.store.history(task_id)],
            upstream_polls=self.store.upstream_polls(task_id),
            callbacks=self.callbacks.attempts(task_id),
        )

    def set_clock(self, body: bytes) -> None:
        """Sets or advances the clock."""
        with _refusing():
            values = msgspec.json.decode(body)
            with explained(values, _ClockUpdate):
                update = msgspec.convert(values, _ClockUpdate)
            if update.now is not None:
                self.clock.set(update.now)
            self.clock.advance(update.advance)


@contextmanager
def _refusing() -> Generator[None]:
    """Turns what is wrong with the body of a request into a response."""
    try:
        yield
    except (ValueError, msgspec.DecodeError) as error:
        raise APIError(422, str(error)) from error


def add_control_routes(app: FastAPI, control: Control, clock: Clock) -> None:
    """Adds the routes under `/_sandbox`."""
    _add_task_routes(app, control)
    _add_state_routes(app, control, clock)


def _add_task_routes(app: FastAPI, control: Control) -> None:
    @app.post("/_sandbox/tasks", include_in_schema=False)
    async def create_task(request: Request) -> Response:
        return JSONResponse({"id": control.create_task(await request.body())}, 201)

    @app.get("/_sandbox/tasks/{task_id}", include_in_schema=False)
    async def inspect(task_id: str) -> Response:
        return Response(msgspec.json.encode(control.inspect(task_id)), media_type="application/json")

    @app.post("/_sandbox/creates", include_in_schema=False)
    async def set_creates(request: Request) -> Response:
        control.set_creates(await request.body())
        return await creates()

    @app.get("/_sandbox/creates", include_in_schema=False)
    async def creates() -> Response:
        return Response(msgspec.json.encode({"data": control.creator.records()}), media_type="application/json")


def _add_state_routes(app: FastAPI, control: Control, clock: Clock) -> None:
    @app.post("/_sandbox/reset", include_in_schema=False)
    async def reset() -> Response:
        control.reset()
        return JSONResponse({"now": clock.now()})

    @app.get("/_sandbox/create_faults", include_in_schema=False)
    async def create_faults() -> Response:
        return JSONResponse(CREATE_FAULTS)

    @app.post("/_sandbox/list", include_in_schema=False)
    async def set_list(request: Request) -> Response:
        control.set_list(await request.body())
        return JSONResponse({"lag": control.listing.lag})

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
