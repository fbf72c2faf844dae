"""The OpenAPI document that the sandbox serves: made from the wire structs, not from the vendored document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi

from meshapi_video_wire import HTTPValidationError, VideoTaskResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

(_TASK, _VALIDATION_ERROR), _COMPONENTS = msgspec.json.schema_components(
    (VideoTaskResponse, HTTPValidationError), ref_template="#/components/schemas/{name}"
)


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


# FastAPI itself uses `Any` here: the values are JSON.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: _response("Task status and result when succeeded", _TASK),
    401: _response("Missing or invalid API key", {}),
    # The real server sends this response, and the published page does not list it.
    404: _response("No such task, or another key's", {}),
    422: _response("Validation Error", _VALIDATION_ERROR),
    502: _response("BytePlus upstream error", {}),
}


def serve_openapi(app: FastAPI) -> None:
    """Makes `app` serve the document at `/openapi.json`."""

    def openapi() -> dict[str, Any]:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["components"]["schemas"] = _COMPONENTS
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this
