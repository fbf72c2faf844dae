"""The OpenAPI document that the sandbox serves: made from the wire structs, not from the vendored document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
from fastapi.openapi.utils import get_openapi

from meshapi_video_wire import (
    CreateVideoGenerationResponse,
    HTTPValidationError,
    VideoGenerationRequest,
    VideoTaskListResponse,
    VideoTaskResponse,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

(_TASK, _VALIDATION_ERROR, _REQUEST, _CREATED, _LIST), _COMPONENTS = msgspec.json.schema_components(
    (
        VideoTaskResponse,
        HTTPValidationError,
        VideoGenerationRequest,
        CreateVideoGenerationResponse,
        VideoTaskListResponse,
    ),
    ref_template="#/components/schemas/{name}",
)

# The wire structs keep no defaults.
_COMPONENTS["VideoTaskListResponse"]["properties"]["object"]["default"] = "list"


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **_json(schema)}


# FastAPI itself uses `Any` here: the values are JSON.
Responses: TypeAlias = dict[int | str, dict[str, Any]]

_COMMON: Final[Responses] = {
    401: _response("Missing or invalid API key", {}),
    422: _response("Validation Error", _VALIDATION_ERROR),
}
CREATE_RESPONSES: Final[Responses] = {
    **_COMMON,
    200: _response("Task created; poll the returned id for its status", _CREATED),
    402: _response("Spend limit exceeded", {}),
    # The real server sends this response, and its page does not list it.
    404: _response("No such model", {}),
    429: _response("Rate limit exceeded", {}),
    502: _response("BytePlus upstream error", {}),
}
LIST_RESPONSES: Final[Responses] = {**_COMMON, 200: _response("Stored tasks", _LIST)}
GET_RESPONSES: Final[Responses] = {
    **_COMMON,
    200: _response("Task status and result when succeeded", _TASK),
    # As above.
    404: _response("No such task, or another key's", {}),
    502: _response("BytePlus upstream error", {}),
}
BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, **_json(_REQUEST)}}
"""The body of a create, which FastAPI does not parse."""


def serve_openapi(app: FastAPI) -> None:
    """Makes `app` serve the document at `/openapi.json`."""

    def openapi() -> dict[str, Any]:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["components"]["schemas"] = _COMPONENTS
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this
