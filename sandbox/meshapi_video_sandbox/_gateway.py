"""The documented endpoint."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_to_bytes

import msgspec
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response

from meshapi_video_sandbox._description import RESPONSES, describe
from meshapi_video_sandbox._envelope import Problem, envelope
from meshapi_video_sandbox._store import digest
from meshapi_video_wire import HTTPValidationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshapi_video_sandbox._asking import Asker
    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._faults import Faults
    from meshapi_video_sandbox._store import Row, Store
    from meshapi_video_sandbox._upstream import Plans

# The scheme's name is the document's. What it refuses is answered here, in the envelope.
_bearer = HTTPBearer(auto_error=False, scheme_name="HTTPBearer")


class Gateway:
    """Answers from the database what is over, and asks the upstream about the rest."""

    def __init__(self, store: Store, plans: Plans, clock: Clock, faults: Faults, asker: Asker) -> None:
        self._store, self._plans, self._clock, self._faults, self._asker = store, plans, clock, faults, asker

    async def answer(self, task_id: str, owner: str) -> Response:
        """The answer to a look at a task."""
        row = self._store.find(task_id)
        if row is not None and row.owner != owner:
            raise _not_found()
        plan = None if row is None else self._plans.find(task_id)

        async def rightly() -> Response:
            newest = await self._newest(task_id, owner)
            return Response(newest.answer, media_type="application/json")

        return await self._faults.answer(task_id, [] if plan is None else plan.faults, rightly, envelope)

    async def _newest(self, task_id: str, owner: str) -> Row:
        row = self._store.find(task_id)
        if row is not None and row.over:
            return row
        try:
            task = await self._asker.ask(task_id)
        except Problem:
            if row is not None:
                self._store.asked_in_vain(task_id)
            raise
        if task is None and row is not None:
            self._store.asked_in_vain(task_id)
            raise Problem(502, "BytePlus upstream error: it no longer knows the task")
        if task is None:
            raise _not_found()
        row = self._store.learn(task, owner, self._clock.now())
        # Two keys that ask for an unknown task at once: it is the first one's.
        if row.owner != owner:
            raise _not_found()
        return row


def _not_found() -> Problem:
    return Problem(404, "No such video task")


def create_app(gateway: Gateway, keys: Collection[str]) -> FastAPI:
    """The server, for the bearers of `keys`."""
    app = FastAPI(title="Mesh API sandbox", docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_errors(app)

    @app.get(
        "/v1/video/generations/{task_id}", operation_id="get_video_generation", tags=["video"], responses=RESPONSES
    )
    async def get_video_generation(
        request: Request,
        task_id: str,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Response:
        """Retrieve the status and result of a video generation task."""
        if bearer is None or bearer.credentials not in keys:
            raise Problem(401, "Missing or invalid API key", headers={"WWW-Authenticate": "Bearer"})
        if not _is_text(request):
            return _refused()
        if task_id in {".", ".."}:
            # In the path of another request they would lead elsewhere.
            raise _not_found()
        return await gateway.answer(task_id, digest(bearer.credentials))

    describe(app)
    return app


def _is_text(request: Request) -> bool:
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
    except UnicodeDecodeError:
        return False
    return True


def _refused() -> Response:
    wrong = ValidationError(loc=["path", "task_id"], msg="Input should be a valid UTF-8 string", type="string_unicode")
    return Response(msgspec.json.encode(HTTPValidationError(detail=[wrong])), 422, media_type="application/json")


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_request: Request, problem: Problem) -> JSONResponse:
        return envelope(problem)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return envelope(Problem(error.status_code, error.detail, headers=error.headers))

    @app.exception_handler(sqlite3.Error)
    async def database(_request: Request, error: sqlite3.Error) -> JSONResponse:
        return envelope(Problem(500, f"The tasks' database cannot be used: {error}"))

    @app.exception_handler(Exception)
    async def crashed(_request: Request, error: Exception) -> JSONResponse:
        return envelope(Problem(500, f"The sandbox itself failed: {type(error).__name__}"))
