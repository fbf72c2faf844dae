"""Builds the request that creates a task, or says everything that is wrong with the arguments, before it is sent."""

from __future__ import annotations

import copy
import json
import secrets
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias, TypedDict

from meshapi_video._create.content import Media
from meshapi_video._create.media import MEGABYTE, Inspected, check_address, data_uri, inspect
from meshapi_video._create.models import CreateWarning, doubts, takes_sound_alone
from meshapi_video._text import one_line
from meshapi_video._urls import parse_http_url
from meshapi_video_generated.models import (
    VideoContentItem,
    VideoContentItemAudioUrl,
    VideoContentItemImageUrl,
    VideoContentItemVideoUrl,
    VideoGenerationRequest,
)

LARGEST_BODY: Final = 64 * MEGABYTE
"""Bytes of a whole request, as the API documents it."""
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


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_whole(value: object, least: int, most: int) -> bool:
    # A bool is an int to Python, but `duration=True` is a mistake.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_callback(value: object) -> bool:
    try:
        return isinstance(value, str) and not parse_http_url(value).userinfo
    except ValueError:
        return False


_Check: TypeAlias = tuple[str, Callable[[object], bool]]
_TEXT: Final[_Check] = ("a text that is not empty", _is_text)
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
        lambda value: _is_text(value) and len(str(value)) <= 64,
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

    Warns:
        CreateWarning: The server may refuse the request, as far as is known of the model.
    """
    # A plain dict: for a type checker, a TypedDict has no unknown keys.
    given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
    _refuse_unknown(options)
    mistakes = _Mistakes()
    if not _is_text(model):
        mistakes.add(f"model should be {_TEXT[0]}, such as byteplus/dreamina-seedance-2-0; it is {_shown(model)}")
    for name, value in given.items():
        expected, is_valid = _CHECKS[name]
        if not is_valid(value):
            # A URL may hold a password.
            mistakes.add(
                f"{name} should be {expected}" + ("" if name == "callback_url" else f"; it is {_shown(value)}")
            )
    if "frames" in given and "duration" in given:
        mistakes.add("frames and duration exclude each other: pass one of them")
    extra = _checked_extra(extra_body, mistakes)
    items = _content_items(model, prompt, content, mistakes)
    mistakes.raise_any()
    request = VideoGenerationRequest.from_dict({**given, "model": model, "content": []})
    request.content = items
    request.additional_properties = extra
    if "seed" not in given and all(item.type_ != "draft_task" for item in items):
        request.seed = secrets.randbelow(SEEDS)
    _check_body(request)
    for doubt in doubts(request):
        # The caller of the client's method that called this function.
        warnings.warn(doubt, CreateWarning, stacklevel=3)
    return request


class _Mistakes:
    """The mistakes in the arguments of one create."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, mistake: str) -> None:
        self._found.append(mistake)

    def raise_any(self) -> None:
        if len(self._found) == 1:
            raise ValueError(f"{self._found[0]}. Nothing was sent")
        if self._found:
            lines = "".join(f"\n- {mistake}" for mistake in self._found)
            raise ValueError(f"the arguments have {len(self._found)} mistakes, and nothing was sent:{lines}")


def _shown(value: object) -> str:
    return one_line(repr(value), 80)


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
    near = [_ELSEWHERE[name]] if name in _ELSEWHERE else get_close_matches(name, _ARGUMENTS, n=1)
    return f"{name} (did you mean {near[0]}?)" if near else name


def _checked_extra(extra_body: Mapping[str, object] | None, mistakes: _Mistakes) -> dict[str, object]:
    if extra_body is None:
        return {}
    if not isinstance(extra_body, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add(f"extra_body should be a mapping of names to values; it is {_shown(extra_body)}")
        return {}
    for name in extra_body:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            mistakes.add(f"extra_body should have only texts as names; one is {_shown(name)}")
        elif name in _ARGUMENTS:
            mistakes.add(f"extra_body has {name!r}, which this release knows: pass {name}= instead")
    try:
        # The copy does not change with the caller's mapping.
        copied: dict[str, object] = json.loads(json.dumps(dict(extra_body), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        mistakes.add(f"extra_body should be JSON: {one_line(str(error), 200)}")
        return {}
    return copied


def _content_items(
    model: str, prompt: str | None, content: Iterable[Media | VideoContentItem], mistakes: _Mistakes
) -> list[VideoContentItem]:
    """The content of the request: the prompt first. Files are read only if there is no mistake anywhere."""
    items: list[VideoContentItem] = []
    if prompt is not None and not _is_text(prompt):
        mistakes.add(f"prompt should be {_TEXT[0]}, or left out; it is {_shown(prompt)}")
    elif prompt is not None:
        items.append(VideoContentItem(type_="text", text=prompt))
    given = _checked_content(prompt, content, mistakes)
    _check_together(model, prompt, [*given.values()], mistakes)
    inspected = _inspect_all(given, mistakes)
    if mistakes:
        return items
    for index, item in given.items():
        if isinstance(item, Media):
            try:
                source = item.source
                url = source if isinstance(source, str) else data_uri(source, inspected[index])
                items.append(_as_item(item, url))
            except ValueError as error:
                mistakes.add(f"content[{index}], {item!r}: {error}")
        else:
            # The caller may change the original while the request waits for its next attempt.
            items.append(copy.deepcopy(item))
    return items


def _checked_content(
    prompt: str | None, content: Iterable[Media | VideoContentItem], mistakes: _Mistakes
) -> dict[int, Media | VideoContentItem]:
    """The items by their index, without those that are none."""
    # Not its contents, which may be many megabytes.
    kind = type(content).__name__
    if isinstance(content, str | bytes | Mapping | Media | VideoContentItem) or not isinstance(content, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add(f"content should be a list, such as [first_frame('cat.png')]; it is of the type {kind}")
        return {}
    given = dict(enumerate(content))
    if prompt is None and not given:
        mistakes.add("prompt and content are both missing: pass at least one of them")
    for index, item in [*given.items()]:
        if not isinstance(item, Media | VideoContentItem):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            mistakes.add(
                f"content[{index}] should come from first_frame, last_frame, reference_image, reference_video or "
                f"reference_audio, or be a VideoContentItem; it is {type(item).__name__}"
            )
            del given[index]
        elif isinstance(item, VideoContentItem) and not _is_text(item.type_):
            mistakes.add(f"content[{index}].type_ should be {_TEXT[0]}, such as 'text'; it is {_shown(item.type_)}")
    return given


def _check_together(model: str, prompt: str | None, given: list[Media | VideoContentItem], mistakes: _Mistakes) -> None:
    """Adds the mistakes in what stands together."""
    roles = Counter(str(item.role) for item in given)
    types = Counter(f"{item.kind}_url" if isinstance(item, Media) else str(item.type_) for item in given)
    frames = roles["first_frame"] + roles["last_frame"]
    references = sum(count for role, count in roles.items() if role.startswith("reference_"))
    for role in ("first_frame", "last_frame"):
        if roles[role] > 1:
            mistakes.add(f"content has {roles[role]} items that are a {role}: pass one")
    if roles["last_frame"] and not roles["first_frame"]:
        mistakes.add("content has a last_frame without a first_frame: pass both, or only a first_frame")
    if frames and references:
        mistakes.add("content has first or last frames and references, which exclude each other: pass one sort")
    if types["draft_task"] and (prompt is not None or len(given) > 1):
        mistakes.add("content has a draft_task, which stands alone: leave out the prompt and the other items")
    is_sound_alone = types["audio_url"] > 0 and types["audio_url"] == len(given) and prompt is None
    if is_sound_alone and not (isinstance(model, str) and takes_sound_alone(model)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add("content has sounds alone: add a picture, a video or a prompt")


def _inspect_all(given: dict[int, Media | VideoContentItem], mistakes: _Mistakes) -> dict[int, Inspected]:
    """The sizes and types of files and bytes, by the index of the item. Reads only the beginning of each file."""
    inspected: dict[int, Inspected] = {}
    size = 0
    for index, item in given.items():
        if not isinstance(item, Media):
            continue
        try:
            if isinstance(item.source, str):
                check_address(item.source, item.kind)
                size += len(item.source)
            else:
                inspected[index] = inspect(item.source, item.kind)
                size += inspected[index].encoded_size
        except ValueError as error:
            mistakes.add(f"content[{index}], {item!r}: {error}")
    if size > LARGEST_BODY:
        mistakes.add(_too_large("content", size))
    return inspected


def _too_large(name: str, size: int) -> str:
    return (
        f"{name} needs {size:,} bytes as JSON, more than the {LARGEST_BODY:,} that the API allows for a request: "
        "make the files smaller, or pass URLs"
    )


def _as_item(media: Media, url: str) -> VideoContentItem:
    item = VideoContentItem(type_=f"{media.kind}_url", role=media.role)
    match media.kind:
        case "image":
            item.image_url = VideoContentItemImageUrl(url=url)
        case "video":
            item.video_url = VideoContentItemVideoUrl(url=url)
        case "audio":
            item.audio_url = VideoContentItemAudioUrl(url=url)
    return item


def _check_body(request: VideoGenerationRequest) -> None:
    """Raises `ValueError` if the request is too large, or no JSON."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
    try:
        # In pieces, so that a large request is not in memory once more.
        size = sum(len(piece.encode()) for piece in encoder.iterencode(request.to_dict()))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"content cannot be sent as JSON: {one_line(str(error), 200)}. Nothing was sent") from None
    if size > LARGEST_BODY:
        raise ValueError(f"{_too_large('the request', size)}. Nothing was sent")
