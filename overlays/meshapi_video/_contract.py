"""Checks what the server sent against the contract, before anything is made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

import msgspec

from meshapi_video._errors import InvalidResponse
from meshapi_video_generated.models import VideoTaskResponse
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE: Final = re.compile(r" - at `(?P<path>\$.*)`$")


def _number(text: str) -> int | float:
    # JSON Schema calls 5.0 an integer; msgspec and Python do not.
    value = float(text)
    return int(value) if value.is_integer() else value


_reader: Final = msgspec.json.Decoder(float_hook=_number)
_quick_reader: Final = msgspec.json.Decoder()


def check_task(body: bytes | str) -> dict[str, object]:
    """What `body` says, in Python's own types. Raises `InvalidResponse` unless it is a task as the document has it."""
    try:
        parsed: object = _quick_reader.decode(body)
        msgspec.convert(parsed, WireTask)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # Seldom, and so not prepared for with every answer.
        parsed = _read_with_care(body)
    return cast("dict[str, object]", parsed)


def _read_with_care(body: bytes | str) -> object:
    try:
        parsed: object = _reader.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # Some of what comes here is JSON, and too much for Python: thousands of digits or levels.
        raise InvalidResponse(f"the answer is not JSON, or cannot be read: {error}") from None
    try:
        msgspec.convert(parsed, WireTask)
    except msgspec.ValidationError as error:
        raise _violation(error) from None
    return parsed


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
    try:
        # One way for both: the same JSON gives the same answer, parsed or not.
        body = payload if isinstance(payload, bytes | str) else json.dumps(payload, allow_nan=False, default=dict)
        parsed = check_task(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidResponse(f"the payload is not JSON, or cannot be read: {error}") from None
    return VideoTaskResponse.from_dict(parsed)


def _violation(error: msgspec.ValidationError) -> InvalidResponse:
    text = str(error)
    place = _PLACE.search(text)
    return InvalidResponse(
        f"the answer breaks the contract: {text[: place.start()] if place else text}",
        path=place["path"] if place else "$",
    )
