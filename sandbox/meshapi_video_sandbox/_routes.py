"""The routes of the documented operations."""

from __future__ import annotations

import importlib
import re
import sqlite3
import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import unquote_to_bytes

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from meshapi_video_sandbox._create_requests import read_create_body
from meshapi_video_sandbox._error_responses import APIError, InvalidRequest, error_response, validation_response
from meshapi_video_sandbox._gateway import not_found
from meshapi_video_sandbox._list import ListQuery
from meshapi_video_sandbox._openapi import BODY, CREATE_RESPONSES, GET_RESPONSES, LIST_RESPONSES, serve_openapi
from meshapi_video_sandbox._store import key_digest
from meshapi_video_wire import ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshapi_video_sandbox._gateway import Gateway

# FastAPI imports this when it makes the first route, which fails while freezegun has replaced `datetime.date`.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    importlib.import_module("pydantic.v1")

_PATH: Final = "/v1/video/generations"


def _check_date_time(text: str) -> str:
    if not _DATE_TIME.match(text):
        raise ValueError("should be a date and a time, such as 2026-01-31T12:00:00Z")
    return text


_DATE_TIME: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
# Pydantic alone would take a number as seconds since 1970, and a date without a time.
DateTime = Annotated[datetime, BeforeValidator(_check_date_time)]

# The document gives the scheme its name. FastAPI does not reject a request by itself (`auto_error`), so
# that the rejection comes in Mesh's envelope.
_bearer = HTTPBearer(auto_error=False, scheme_name="HTTPBearer")


def create_app(gateway: Gateway, keys: Collection[str]) -> FastAPI:
    """The app of the gateway, which accepts the API keys in `keys`."""
    app = FastAPI(title="Mesh API sandbox", docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_error_handlers(app)
    app.state.keys = keys
    _add_create(app, gateway)
    _add_list(app, gateway)
    _add_get(app, gateway)
    serve_openapi(app)
    return app


def _add_create(app: FastAPI, gateway: Gateway) -> None:
    @app.post(
        _PATH, operation_id="create_video_generation", tags=["video"], responses=CREATE_RESPONSES, openapi_extra=BODY
    )
    async def create_video_generation(request: Request, owner: Annotated[str, Depends(_owner)]) -> Response:
        """Create a video generation task."""
        return await gateway.create_task(await read_create_body(request.stream()), owner)


def _add_list(app: FastAPI, gateway: Gateway) -> None:
    @app.get(_PATH, operation_id="list_video_generations", tags=["video"], responses=LIST_RESPONSES)
    async def list_video_generations(
        owner: Annotated[str, Depends(_owner)],
        status: Annotated[list[str] | None, Query()] = None,
        model: Annotated[list[str] | None, Query()] = None,
        created_after: DateTime | None = None,
        created_before: DateTime | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """List stored video generation tasks."""
        return gateway.list_tasks(ListQuery(status, model, created_after, created_before, limit, offset), owner)


def _add_get(app: FastAPI, gateway: Gateway) -> None:
    @app.get(f"{_PATH}/{{task_id}}", operation_id="get_video_generation", tags=["video"], responses=GET_RESPONSES)
    async def get_video_generation(request: Request, task_id: str, owner: Annotated[str, Depends(_owner)]) -> Response:
        """Retrieve the status and result of a video generation task."""
        if not _path_is_utf8(request):
            mistake = ValidationError(
                loc=["path", "task_id"], msg="Input should be a valid UTF-8 string", type="string_unicode"
            )
            raise InvalidRequest([mistake])
        if task_id in {".", ".."}:
            # The gateway cannot poll the upstream about this id: in the path of that URL it means a folder.
            raise not_found()
        return await gateway.get_task(task_id, owner)


async def _owner(request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """The owner of what a request is about: FastAPI checks the key before the parameters."""
    if bearer is None or bearer.credentials not in request.app.state.keys:
        raise APIError(401, "Missing or invalid API key", headers={"WWW-Authenticate": "Bearer"})
    return key_digest(bearer.credentials)


def _path_is_utf8(request: Request) -> bool:
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
    except UnicodeDecodeError:
        return False
    return True


def _allowed_methods(app: FastAPI, request: Request) -> str:
    """The methods of all routes of a path: Starlette knows those of the first one only."""
    routes = [one for one in app.routes if isinstance(one, APIRoute) and one.matches(request.scope)[0] != Match.NONE]
    return ", ".join(sorted(method for route in routes for method in route.methods or ()))


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(APIError)
    async def api_error(_request: Request, error: APIError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(InvalidRequest)
    async def invalid_request(_request: Request, error: InvalidRequest) -> Response:
        return validation_response(error)

    @app.exception_handler(HTTPException)
    async def http_exception(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _allowed_methods(app, request)
        return error_response(APIError(error.status_code, error.detail, headers=headers))

    @app.exception_handler(sqlite3.Error)
    async def database_error(_request: Request, error: sqlite3.Error) -> JSONResponse:
        return error_response(APIError(500, f"The sandbox's database cannot be used: {error}"))

    @app.exception_handler(Exception)
    async def internal_error(_request: Request, error: Exception) -> JSONResponse:
        return error_response(APIError(500, f"Internal error in the sandbox: {type(error).__name__}"))
