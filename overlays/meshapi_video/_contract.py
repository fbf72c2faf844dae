"""Checks what the server sent against the contract, before anything is made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video._errors import InvalidResponse
from meshapi_video_generated.models import VideoTaskResponse
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import Mapping

_decoder: Final = msgspec.json.Decoder(WireTask)
_PLACE: Final = re.compile(r" - at `(?:key in `)?(?P<path>\$.*)`$")


def check_task(body: bytes | str) -> None:
    """Raises `InvalidResponse` unless `body` is a task as the document describes it."""
    try:
        _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _violation(error) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidResponse(f"the answer is not JSON: {error}") from None


def task_in(parsed: object) -> VideoTaskResponse:
    """The task that a generated function returned.

    Its declared type has the error bodies in it too; by the time it returns, those were raised.
    """
    if not isinstance(parsed, VideoTaskResponse):
        raise InvalidResponse(f"the generated client made {type(parsed).__name__} of the answer, not a task")
    return parsed


def parse_task(payload: bytes | str | Mapping[str, object]) -> VideoTaskResponse:
    """The task in a callback's body, checked against the contract as every answer is.

    `payload` is the body as it came, or what a web framework has already parsed from it.
    Unknown fields are kept in `additional_properties`. Raises `InvalidResponse`, with the JSON
    path of the place that is wrong. Anyone can post to a callback's address: treat the result as
    a hint, and `get` the task before acting on it.
    """
    if isinstance(payload, bytes | str):
        check_task(payload)
        return VideoTaskResponse.from_dict(json.loads(payload))
    try:
        msgspec.convert(payload, WireTask)
    except msgspec.ValidationError as error:
        raise _violation(error) from None
    return VideoTaskResponse.from_dict(payload)


def _violation(error: msgspec.ValidationError) -> InvalidResponse:
    text = str(error)
    place = _PLACE.search(text)
    return InvalidResponse(
        f"the answer breaks the contract: {text[: place.start()] if place else text}",
        path=place["path"] if place else "$",
    )
