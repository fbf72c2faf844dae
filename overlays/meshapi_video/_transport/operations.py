"""The operations of the API, as the clients use them: a new operation is a line in this table.

The generated functions send. What they return has been checked as the wire type first.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, ParamSpec, TypeVar

from meshapi_video._transport.generated import ExpectedResponse, Route
from meshapi_video_generated.api.video import (
    create_video_generation,
    get_video_generation,
    list_video_generations,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from meshapi_video_generated.types import Response

P = ParamSpec("P")
T = TypeVar("T")


class Operation(NamedTuple, Generic[P, T]):
    """One operation of the API."""

    blocking: Callable[P, Response[T]]
    """The generated function that blocks."""
    awaited: Callable[P, Coroutine[object, object, Response[T]]]
    """The generated function that is awaited."""
    route: Route
    """The method and the path of its requests."""
    expected: ExpectedResponse
    """The wire type that the response must pass, and whether the operation may be asked again."""


@cache
def _check_body() -> Callable[[bytes, str], object]:
    from meshapi_video._transport.contract import check_body  # noqa: PLC0415 - creating a client does not need it

    return check_body


def _check(wire_type: str, body: bytes) -> object:
    return _check_body()(body, wire_type)


GET: Final = Operation(
    get_video_generation.sync_detailed,
    get_video_generation.asyncio_detailed,
    Route("GET", "/v1/video/generations/{task_id}"),
    ExpectedResponse(partial(_check, "VideoTaskResponse"), has_id_in_path=True, repeat="safe"),
)
CREATE: Final = Operation(
    create_video_generation.sync_detailed,
    create_video_generation.asyncio_detailed,
    Route("POST", "/v1/video/generations"),
    ExpectedResponse(partial(_check, "CreateVideoGenerationResponse"), repeat="once"),
)
LIST: Final = Operation(
    list_video_generations.sync_detailed,
    list_video_generations.asyncio_detailed,
    Route("GET", "/v1/video/generations"),
    ExpectedResponse(partial(_check, "VideoTaskListResponse"), repeat="safe"),
)
