"""Builds the request that creates a task, or says everything that is wrong with the arguments, before it is sent."""

from __future__ import annotations

import inspect
import json
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypedDict

from meshapi_video._create.content import Media
from meshapi_video._create.items import LARGEST_BODY, content_items, too_large
from meshapi_video._create.mistakes import A_TEXT, Mistakes, is_text, shown
from meshapi_video._create.models import CreateWarning, doubts
from meshapi_video._text import one_line
from meshapi_video._urls import parse_http_url
from meshapi_video_generated.models import VideoContentItem, VideoGenerationRequest

_PACKAGE: Final = os.path.join(Path(__file__).parents[1], "")  # noqa: PTH118 - with the separator at its end
SEEDS: Final = 2**32
"""A seed is from 0 to one less than this."""

KnownResolution: TypeAlias = Literal["480p", "720p", "1080p", "4k"]
KnownRatio: TypeAlias = Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"]
KnownServiceTier: TypeAlias = Literal["default", "flex"]


class CreateOptions(TypedDict, total=False):
    """The fields of a request beside the model and the content. None leaves a field out."""

    callback_url: str | None
    """The URL to which Mesh posts the task when its status changes."""
    return_last_frame: bool | None
    """Whether the task also has the last frame of the video as a picture."""
    service_tier: KnownServiceTier | str | None
    """`flex` costs less, and takes longer."""
    execution_expires_after: int | None
    """Seconds after which a task that is not finished expires: 3,600 to 259,200."""
    generate_audio: bool | None
    """Whether the video has sound. The price depends on it."""
    draft: bool | None
    """Whether to make a cheap preview."""
    resolution: KnownResolution | str | None
    """The height of the video."""
    ratio: KnownRatio | str | None
    """The width to the height; `adaptive` lets the server choose."""
    duration: int | None
    """Seconds of the video; -1 lets the server choose. Not together with `frames`."""
    frames: int | None
    """The number of frames. Not together with `duration`."""
    seed: int | None
    """From 0 to 2**32 - 1; -1 lets the server choose. Without it, a random one is sent."""
    camera_fixed: bool | None
    """Whether the camera stands still."""
    watermark: bool | None
    """Whether the video has a watermark."""
    safety_identifier: str | None
    """A hash that stands for your user, at most 64 characters."""
    priority: int | None
    """0 to 9; a higher one is more urgent."""


def _is_whole(value: object, least: int, most: int) -> bool:
    # A bool is an int to Python, but `duration=True` is a mistake.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_callback(value: object) -> bool:
    try:
        return isinstance(value, str) and not parse_http_url(value).userinfo
    except ValueError:
        return False


_Check: TypeAlias = tuple[str, Callable[[object], bool]]
_TEXT: Final[_Check] = (A_TEXT, is_text)
_FLAG: Final[_Check] = ("True or False", lambda value: isinstance(value, bool))
_LONGEST: Final = 10**9

_CHECKS: Final[dict[str, _Check]] = {
    "callback_url": ("a URL with http or https and a host, without a user name or a password", _is_callback),
    "return_last_frame": _FLAG,
    "service_tier": _TEXT,
    "execution_expires_after": (
        "a whole number of seconds from 3600 to 259200",
        lambda value: _is_whole(value, 3600, 259_200),
    ),
    "generate_audio": _FLAG,
    "draft": _FLAG,
    "resolution": _TEXT,
    "ratio": _TEXT,
    "duration": (
        "a whole number of seconds of at least 1, or -1 to let the server choose",
        lambda value: _is_whole(value, 1, _LONGEST) or _is_whole(value, -1, -1),
    ),
    "frames": ("a whole number of at least 1", lambda value: _is_whole(value, 1, _LONGEST)),
    "seed": (
        "a whole number from 0 to 4294967295, or -1 to let the server choose",
        lambda value: _is_whole(value, -1, SEEDS - 1),
    ),
    "camera_fixed": _FLAG,
    "watermark": _FLAG,
    "safety_identifier": (
        "a text of 1 to 64 characters: a hash that stands for your user",
        lambda value: is_text(value) and len(str(value)) <= 64,
    ),
    "priority": ("a whole number from 0 to 9", lambda value: _is_whole(value, 0, 9)),
}
_ELSEWHERE: Final = {
    "aspect_ratio": "ratio",
    "audio": "generate_audio",
    "size": "resolution",
    "seconds": "duration",
    "length": "duration",
    "webhook": "callback_url",
    "webhook_url": "callback_url",
    "user": "safety_identifier",
    "image": "content",
    "images": "content",
    "image_url": "content",
    "text": "prompt",
}
"""What other APIs call a field, and its name here."""
_ARGUMENTS: Final = ("model", "prompt", "content", *_CHECKS, "extra_body", "journal")


def build_request(
    model: str,
    prompt: str | None,
    content: Iterable[Media | VideoContentItem],
    options: CreateOptions,
    extra_body: Mapping[str, object] | None,
) -> VideoGenerationRequest:
    """The request, with the files in it.

    Without a seed, it gets a random one: the task states its seed, and can be recognized by it in the list. Only
    the task of a draft gets none, because it takes the seed of the draft.

    Raises:
        TypeError: There is no option of this name.
        ValueError: There are mistakes in the arguments. The message lists all of them, a line for each.
    """
    # A plain dict: for a type checker, a TypedDict has no unknown keys.
    given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
    _refuse_unknown(options)
    mistakes = Mistakes()
    if not is_text(model):
        mistakes.add(f"model should be {A_TEXT}, such as byteplus/dreamina-seedance-2-0; it is {shown(model)}")
    for name, value in given.items():
        expected, is_valid = _CHECKS[name]
        if not is_valid(value):
            # A URL may hold a password.
            mistakes.add(f"{name} should be {expected}" + ("" if name == "callback_url" else f"; it is {shown(value)}"))
    if "frames" in given and "duration" in given:
        mistakes.add("frames and duration exclude each other: pass one of them")
    extra = _checked_extra(extra_body, mistakes)
    items = content_items(model, prompt, content, mistakes)
    mistakes.raise_any()
    request = VideoGenerationRequest.from_dict({**given, "model": model, "content": []})
    request.content = items
    request.additional_properties = extra
    if "seed" not in given and all(item.type_ != "draft_task" for item in items):
        request.seed = secrets.randbelow(SEEDS)
    _check_body(request)
    return request


def warn_of_doubts(request: VideoGenerationRequest) -> None:
    """Warns the caller of this package of all that the server may refuse or ignore."""
    for doubt in doubts(request):
        warnings.warn(doubt, CreateWarning, stacklevel=1 + _depth_in_package())


def _depth_in_package() -> int:
    """How many frames of this package called one another, from the caller of this function on."""
    # From Python 3.12 on, `warnings.warn` can skip the files of a package.
    frame, depth = inspect.currentframe(), -1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    return depth


def _refuse_unknown(options: Iterable[str]) -> None:
    unknown = [name for name in options if name not in _CHECKS]
    if not unknown:
        return
    hints = [_hint(name) for name in unknown]
    raise TypeError(
        f"unknown {'option' if len(unknown) == 1 else 'options'}: {', '.join(hints)}. "
        "Pass a field that is newer than this release in extra_body. Nothing was sent"
    )


def _hint(name: str) -> str:
    if name in _ARGUMENTS:
        # A key of a batch's line that is no option there.
        return name
    near = [_ELSEWHERE[name]] if name in _ELSEWHERE else get_close_matches(name, _ARGUMENTS, n=1)
    return f"{name} (did you mean {near[0]}?)" if near else name


def _checked_extra(extra_body: Mapping[str, object] | None, mistakes: Mistakes) -> dict[str, object]:
    if extra_body is None:
        return {}
    if not isinstance(extra_body, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add(f"extra_body should be a mapping of names to values; it is {shown(extra_body)}")
        return {}
    for name in extra_body:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            mistakes.add(f"extra_body should have only texts as names; one is {shown(name)}")
        elif name in _ARGUMENTS:
            mistakes.add(f"extra_body has {name!r}, which this release knows: pass {name}= instead")
    try:
        # The copy does not change with the caller's mapping.
        copied: dict[str, object] = json.loads(json.dumps(dict(extra_body), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        mistakes.add(f"extra_body should be JSON: {one_line(str(error), 200)}")
        return {}
    return copied


def _check_body(request: VideoGenerationRequest) -> None:
    """Raises `ValueError` if the request is too large, or no JSON."""
    body = request.to_dict()
    size = sum(_blank_urls(item) for item in body["content"])
    try:
        size += len(json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"content cannot be sent as JSON: {one_line(str(error), 200)}. Nothing was sent") from None
    if size > LARGEST_BODY:
        raise ValueError(f"{too_large('the request', size)}. Nothing was sent")


def _blank_urls(item: dict[str, Any]) -> int:
    """Replaces the URLs of an item by empty ones, and returns their bytes: a data URI is not encoded to be counted."""
    size = 0
    for field, value in item.items():
        # Not in place: `value` may belong to the request.
        match value:
            case {"url": str(url)} if url.isascii():
                item[field] = {**value, "url": ""}
                # JSON escapes no character of a URL.
                size += len(url)
            case _:
                pass
    return size
