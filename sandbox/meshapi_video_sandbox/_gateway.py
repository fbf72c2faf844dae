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

from meshapi_video_sandbox._error_responses import APIError, error_response
from meshapi_video_sandbox._openapi import RESPONSES, serve_openapi
from meshapi_video_sandbox._store import key_digest
from meshapi_video_wire import HTTPValidationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._faults import FaultInjector
    from meshapi_video_sandbox._store import TaskRow, TaskStore
    from meshapi_video_sandbox._upstream import PlanStore
    from meshapi_video_sandbox._upstream_client import UpstreamClient

# The document gives the scheme its name. FastAPI does not reject a request by itself (`auto_error`), so
# that the rejection comes in Mesh's envelope.
_bearer = HTTPBearer(auto_error=False, scheme_name="HTTPBearer")


class Gateway:
    """Reads a terminal task from the database, and polls the upstream about any other."""

    def __init__(
        self, store: TaskStore, plans: PlanStore, clock: Clock, faults: FaultInjector, upstream: UpstreamClient
    ) -> None:
        self._store, self._plans, self._clock, self._faults, self._upstream = store, plans, clock, faults, upstream

    async def get_task(self, task_id: str, owner: str) -> Response:
        """The response to a poll by `owner`."""
        row = self._store.find(task_id)
        if row is not None and row.owner != owner:
            raise _not_found()
        plan = None if row is None else self._plans.find(task_id)

        async def normal_response() -> Response:
            current = await self._current_row(task_id, owner)
            return Response(current.response, media_type="application/json")

        return await self._faults.respond(task_id, [] if plan is None else plan.faults, normal_response, error_response)

    async def _current_row(self, task_id: str, owner: str) -> TaskRow:
        row = self._store.find(task_id)
        if row is not None and row.terminal:
            return row
        try:
            task = await self._upstream.get_task(task_id)
        except APIError:
            if row is not None:
                self._store.record_failed_poll(task_id)
            raise
        if task is None and row is not None:
            self._store.record_failed_poll(task_id)
            raise APIError(502, "BytePlus upstream error: the upstream no longer has the task")
        if task is None:
            raise _not_found()
        row = self._store.record(task, owner, self._clock.now())
        # Two keys can poll an unknown task at the same time: the first one recorded owns it.
        if row.owner != owner:
            raise _not_found()
        return row


def _not_found() -> APIError:
    return APIError(404, "No such video task")


def create_app(gateway: Gateway, keys: Collection[str]) -> FastAPI:
    """The app of the gateway, which accepts the API keys in `keys`."""
    app = FastAPI(title="Mesh API sandbox", docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_error_handlers(app)

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
            raise APIError(401, "Missing or invalid API key", headers={"WWW-Authenticate": "Bearer"})
        if not _path_is_utf8(request):
            return _task_id_is_not_utf8()
        if task_id in {".", ".."}:
            # The gateway cannot poll the upstream about this id: in the path of that URL it means a folder.
            raise _not_found()
        return await gateway.get_task(task_id, key_digest(bearer.credentials))

    serve_openapi(app)
    return app


def _path_is_utf8(request: Request) -> bool:
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
    except UnicodeDecodeError:
        return False
    return True


def _task_id_is_not_utf8() -> Response:
    error = ValidationError(loc=["path", "task_id"], msg="Input should be a valid UTF-8 string", type="string_unicode")
    return Response(msgspec.json.encode(HTTPValidationError(detail=[error])), 422, media_type="application/json")


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(APIError)
    async def api_error(_request: Request, error: APIError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(HTTPException)
    async def http_exception(_request: Request, error: HTTPException) -> JSONResponse:
        return error_response(APIError(error.status_code, error.detail, headers=error.headers))

    @app.exception_handler(sqlite3.Error)
    async def database_error(_request: Request, error: sqlite3.Error) -> JSONResponse:
        return error_response(APIError(500, f"The sandbox's database cannot be used: {error}"))

    @app.exception_handler(Exception)
    async def internal_error(_request: Request, error: Exception) -> JSONResponse:
        return error_response(APIError(500, f"Internal error in the sandbox: {type(error).__name__}"))
