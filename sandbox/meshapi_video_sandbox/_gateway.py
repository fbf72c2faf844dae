"""The documented endpoint, and what a sandbox needs beside it."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from fastapi import FastAPI, Header, Request
from fastapi.responses import FileResponse, JSONResponse

from meshapi_video_sandbox._upstream import Order, Plan, look
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshapi_video_sandbox._store import Store

_MEDIA: Final = Path(__file__).parent
_OVER: Final = frozenset({"succeeded", "failed", "expired", "cancelled"})


class ApiProblem(Exception):
    """An answer in Mesh's error envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def create_app(store: Store, keys: Collection[str]) -> FastAPI:
    """The server, on a store of tasks, for the bearers of `keys`."""
    app = FastAPI(title="Mesh API sandbox", docs_url=None, redoc_url=None)

    @app.exception_handler(ApiProblem)
    async def envelope(_request: Request, problem: ApiProblem) -> JSONResponse:
        error = {"code": problem.code, "message": problem.message}
        request_id = f"req_{uuid.uuid4().hex}"
        return JSONResponse(
            {"error": error, "request_id": request_id}, problem.status, headers={"x-request-id": request_id}
        )

    _add_documented_endpoint(app, store, keys)
    _add_control(app, store)
    _add_videos(app)
    return app


def _add_documented_endpoint(app: FastAPI, store: Store, keys: Collection[str]) -> None:
    @app.get("/v1/video/generations/{task_id}")
    async def get_video_generation(
        task_id: str, request: Request, authorization: Annotated[str, Header()] = ""
    ) -> JSONResponse:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or key not in keys:
            raise ApiProblem(401, "unauthorized", "Missing or invalid API key")
        row = store.find(task_id)
        if row is None:
            raise ApiProblem(404, "not_found", "No such video task")
        plan, answer = row
        if answer is None or answer["status"] not in _OVER:
            learned = look(task_id, plan, time.time(), f"{str(request.base_url).rstrip('/')}/videos")
            # Mesh answers with every documented field, null where nothing is known, and no other.
            answer = {name: learned.get(name) for name in WireTask.__struct_fields__}
            store.update(task_id, answer)
        return JSONResponse(answer)


def _add_control(app: FastAPI, store: Store) -> None:
    @app.post("/_sandbox/tasks")
    async def create_task(request: Request) -> JSONResponse:
        try:
            order = msgspec.json.decode(await request.body() or b"{}", type=Order)
        except msgspec.DecodeError as error:
            raise ApiProblem(422, "validation_error", str(error)) from error
        task_id = str(uuid.uuid4())
        store.add(task_id, Plan(**msgspec.structs.asdict(order), created_at=time.time()))
        return JSONResponse({"id": task_id}, 201)


def _add_videos(app: FastAPI) -> None:
    @app.head("/videos/{name}", include_in_schema=False)
    @app.get("/videos/{name}")
    async def video(name: str, authorization: Annotated[str | None, Header()] = None) -> FileResponse:
        if authorization is not None:
            raise ApiProblem(400, "unexpected_key", "The API key must not be sent to where videos are kept")
        if name.endswith("_last_frame.jpg"):
            return FileResponse(_MEDIA / "last_frame.jpg", media_type="image/jpeg")
        return FileResponse(_MEDIA / "video.mp4", media_type="video/mp4")
