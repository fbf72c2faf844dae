"""The body of a request that creates a task: its types, and the fields that the task takes over from it."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Final, cast, get_args, get_origin

import msgspec
from attrs import frozen

from meshapi_video_sandbox._error_responses import APIError, InvalidRequest
from meshapi_video_sandbox._limits import MAX_BODY, limit_mistakes
from meshapi_video_sandbox._models import ANY, MODELS, PREFIX
from meshapi_video_wire import ValidationError, VideoContentItem, VideoGenerationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Collection, Iterator, Mapping, Sequence

    from meshapi_video_sandbox._media import Path
    from meshapi_video_sandbox._models import ModelLimits

_DEFAULTS: Final[dict[str, object]] = {
    "service_tier": "default",
    "execution_expires_after": 172_800,
    "priority": 0,
    "safety_identifier": None,
    "draft": False,
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
    "frames": None,
}
"""What the server chooses for a field that a request leaves out."""

# msgspec prepares a type at its first use: see `_task_requests`.
msgspec.json.Decoder(VideoGenerationRequest)


@frozen
class CreateRequest:
    """A request that names a known model and keeps the documented limits."""

    fields: Mapping[str, object]
    """The fields of the task, as far as the request and the server's defaults decide them. The seed may be absent."""
    return_last_frame: bool
    callback_url: str | None
    ignored_fields: list[str]
    """Unknown fields of the request: Mesh does not refuse them, so that a misspelled field has no effect."""


async def read_create_body(chunks: AsyncIterable[bytes]) -> bytes:
    """The whole body of a request; `InvalidRequest` if it is too large."""
    body, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        # The rest of a body that is too large is read and dropped: a client that still sends does not see a response.
        if size <= MAX_BODY:
            body += chunk
    if size > MAX_BODY:
        raise InvalidRequest([_mistake((), f"the body should have at most {MAX_BODY} bytes, not {size}", "too_large")])
    return bytes(body)


def parse_create_request(body: bytes, more_models: Collection[str]) -> CreateRequest:
    """Parses and validates a body. `more_models` are models without limits, besides those of the table.

    Raises `InvalidRequest` with all mistakes of one kind: first those of the types, then those of the limits.
    An unknown model is an `APIError` with status 404, once the types are right.
    """
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidRequest([_mistake((), f"JSON decode error: {error}", "json_invalid")]) from None
    _refuse(_type_mistakes(values, VideoGenerationRequest, ()))
    request = msgspec.convert(values, VideoGenerationRequest)
    limits = _limits_of(request.model, more_models)
    _refuse([_mistake(*mistake) for mistake in limit_mistakes(request, limits)])
    return _checked(request, limits, values)


def _refuse(mistakes: Sequence[ValidationError]) -> None:
    if mistakes:
        raise InvalidRequest(mistakes)


def _mistake(path: Path, message: str, kind: str = "value_error") -> ValidationError:
    return ValidationError(loc=["body", *path], msg=message, type=kind)


def _type_mistakes(value: Any, expected: Any, path: Path) -> list[ValidationError]:  # noqa: ANN401 - JSON, and a type
    """One error for each value of a wrong type: msgspec itself stops at the first one."""
    if found := list(_mistakes_inside(value, expected, path)):
        return found
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        return [_mistake(path, str(error).partition(" - at ")[0], "type_error")]
    return []


def _mistakes_inside(value: Any, expected: Any, path: Path) -> Iterator[ValidationError]:  # noqa: ANN401 - as above
    """The errors of the fields of an object, and of the items of a list."""
    parts = get_args(expected)
    if get_origin(expected) is Annotated:
        yield from _mistakes_inside(value, parts[0], path)
    elif isinstance(expected, types.UnionType):
        for part in parts:
            yield from _mistakes_inside(value, part, path)
    elif get_origin(expected) is list and isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _type_mistakes(item, parts[0], (*path, index))
    elif isinstance(expected, type) and issubclass(expected, msgspec.Struct) and isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        for field in msgspec.structs.fields(expected):
            if field.name in given:
                yield from _type_mistakes(given[field.name], field.type, (*path, field.name))
            elif field.required:
                yield _mistake((*path, field.name), "Field required", "missing")


def _limits_of(model: str, more_models: Collection[str]) -> ModelLimits:
    if model in more_models:
        return ANY
    limits = MODELS.get(model.removeprefix(PREFIX)) if model.startswith(PREFIX) else None
    if limits is None:
        raise APIError(404, f"Model {model[:100]!r} was not found", code="model_not_found")
    return limits


def _checked(request: VideoGenerationRequest, limits: ModelLimits, values: Mapping[str, object]) -> CreateRequest:
    given = {name: value for name, value in msgspec.to_builtins(request).items() if value is not None}
    fields: dict[str, object] = {**_DEFAULTS, "model": request.model, "generate_audio": limits.audio}
    if given.get("draft"):
        fields["resolution"] = "480p"
    fields |= {name: given[name] for name in fields if name in given}
    if "frames" in given:
        fields["duration"] = None
    elif fields["duration"] == -1:
        fields["duration"] = _DEFAULTS["duration"]
    if given.get("seed", -1) != -1:
        fields["seed"] = given["seed"]
    for item in request.content:
        if item.draft_task:
            fields["draft_task_id"] = item.draft_task.id
    return CreateRequest(
        fields=fields,
        return_last_frame=bool(given.get("return_last_frame")),
        callback_url=given.get("callback_url"),
        ignored_fields=sorted(_unknown_names(values)),
    )


def _unknown_names(values: Mapping[str, Any]) -> list[str]:
    names = [name for name in values if name not in VideoGenerationRequest.__struct_fields__]
    for index, item in enumerate(values["content"]):
        names += [f"content.{index}.{name}" for name in item if name not in VideoContentItem.__struct_fields__]
    return names
