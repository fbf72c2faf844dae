"""Checks a response body against the contract, before anything is made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

import msgspec

from meshapi_video._errors import InvalidResponse
from meshapi_video._text import describe
from meshapi_video._transport.tracebacks import hidden_frames
from meshapi_video_generated.models import VideoTaskResponse
from meshapi_video_wire import CreateVideoGenerationResponse as WireCreated
from meshapi_video_wire import VideoTaskListResponse as WireList
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH: Final = re.compile(r" - at `(?P<path>\$.*)`$")


def _parse_float(text: str) -> int | float:
    # JSON Schema calls 5.0 an integer; msgspec and Python do not.
    value = float(text)
    return int(value) if value.is_integer() else value


_decoder: Final = msgspec.json.Decoder(float_hook=_parse_float)
_fast_decoder: Final = msgspec.json.Decoder()


def _fault_of(wire_type: type) -> str:
    """The reason why msgspec cannot use a type; empty if it can."""
    try:
        msgspec.json.Decoder(wire_type)
    except Exception as error:  # noqa: BLE001 - the generated type decides what may be raised
        return describe(error)
    return ""


# msgspec prepares a type at its first use, and the interpreter crashes if two threads do that at once. A decoder
# prepares its type, with all nested types. So one decoder for each type is made while this module is imported. A type
# that msgspec cannot use is never used again, because each use would prepare it again, in any thread.
_WIRE_TYPES: Final[dict[str, type[msgspec.Struct]]] = {
    "VideoTaskResponse": WireTask,
    "CreateVideoGenerationResponse": WireCreated,
    "VideoTaskListResponse": WireList,
}
_FAULTS: Final = {name: _fault_of(wire_type) for name, wire_type in _WIRE_TYPES.items()}


def check_body(body: bytes | str, wire_type: str = "VideoTaskResponse") -> dict[str, object]:
    """`body` as Python's own types. Raises `InvalidResponse` unless it is as the document says of the wire type."""
    expected = _WIRE_TYPES[wire_type]
    if fault := _FAULTS[wire_type]:
        raise InvalidResponse(f"the response cannot be checked: {fault}")
    try:
        parsed: object = _fast_decoder.decode(body)
        msgspec.convert(parsed, expected)
    except Exception:  # noqa: BLE001 - whatever it is, the careful check turns it into an InvalidResponse
        # This is rare, so that the fast decoder comes first.
        parsed = _check_carefully(body, expected)
    return cast("dict[str, object]", parsed)


def _check_carefully(body: bytes | str, expected: type[msgspec.Struct]) -> object:
    try:
        parsed: object = _decoder.decode(repair_json(body))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # This may be JSON that Python cannot handle: thousands of digits or levels.
        raise InvalidResponse(f"the response is not JSON, or cannot be parsed: {error}") from None
    try:
        msgspec.convert(parsed, expected)
    except msgspec.ValidationError as error:
        raise _violation(error) from None
    except Exception as error:  # noqa: BLE001 - the generated type decides what may be raised
        raise InvalidResponse(f"the response cannot be checked: {describe(error)}") from None
    return parsed


def repair_json(body: bytes | str) -> str:
    """The same JSON without a byte order mark, and with U+FFFD in place of each half of a surrogate pair.

    Some servers send these, and msgspec refuses them. Raises `ValueError` or `RecursionError` for other text.
    """
    text = body.decode() if isinstance(body, bytes) else body
    parsed = json.loads(text.removeprefix("\ufeff"))
    with_halves = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
    return with_halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse_task(payload: bytes | str | Mapping[str, object]) -> VideoTaskResponse:
    """The task in the body of a callback, checked against the contract like every response.

    `payload` is the body as received, or as a web framework has parsed it. Unknown fields are kept
    in `additional_properties`. Raises `InvalidResponse`, with the JSON path of the wrong value.
    Anyone can send a request to a callback's address: `get` the task before you act on the result.
    """
    with hidden_frames():
        try:
            # A parsed body is encoded again, so that the same JSON gives the same result, parsed or not.
            body = payload if isinstance(payload, bytes | str) else json.dumps(payload, allow_nan=False, default=dict)
            parsed = check_body(body)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidResponse(f"the payload is not JSON, or cannot be parsed: {error}") from None
        try:
            return VideoTaskResponse.from_dict(parsed)
        except Exception as error:  # noqa: BLE001 - the generated parser decides what may be raised
            raise InvalidResponse(f"the response cannot be parsed: {describe(error)}") from None


def _violation(error: msgspec.ValidationError) -> InvalidResponse:
    text = str(error)
    found = _PATH.search(text)
    return InvalidResponse(
        f"the response breaks the contract: {text[: found.start()] if found else text}",
        path=found["path"] if found else "$",
    )
