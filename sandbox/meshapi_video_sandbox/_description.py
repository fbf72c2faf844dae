"""The served OpenAPI document: made of the wire structs, and not of the vendored document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi

from meshapi_video_wire import HTTPValidationError, VideoTaskResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

(_TASK, _INVALID), _COMPONENTS = msgspec.json.schema_components(
    (VideoTaskResponse, HTTPValidationError), ref_template="#/components/schemas/{name}"
)


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


# `Any` is FastAPI's own: this is JSON.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: _response("Task status and result when succeeded", _TASK),
    401: _response("Missing or invalid API key", {}),
    # The published page leaves this one out, and the server answers it.
    404: _response("No such task, or another key's", {}),
    422: _response("Validation Error", _INVALID),
    502: _response("BytePlus upstream error", {}),
}


def describe(app: FastAPI) -> None:
    """Lets `app` serve the document."""

    def openapi() -> dict[str, Any]:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["components"]["schemas"] = _COMPONENTS
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
