"""The documented limits of a request that creates a task: each mistake with its path in the body."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meshapi_video_sandbox._media import FRAME_ROLES, MEDIA, Mistake, media_mistakes, role_of, roles_of
from meshapi_video_sandbox._settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshapi_video_sandbox._models import ModelLimits
    from meshapi_video_wire import VideoContentItem, VideoGenerationRequest

MAX_BODY: Final = 64 * 2**20
"""Bytes."""
_RATIOS: Final = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")


def limit_mistakes(request: VideoGenerationRequest, limits: ModelLimits) -> list[Mistake]:
    """Every limit that the request breaks."""
    return [
        *_field_mistakes(request, limits),
        *_frames_mistakes(request, limits),
        *_combinations(request, limits),
        *_content_mistakes(request, limits),
    ]


def _field_mistakes(request: VideoGenerationRequest, limits: ModelLimits) -> Iterator[Mistake]:
    if isinstance(request.callback_url, str):
        yield from _callback_mistakes(request.callback_url)
    choices = {
        "service_tier": ("default", "flex") if limits.flex else ("default",),
        "resolution": limits.resolutions,
        "ratio": _RATIOS,
    }
    for name, accepted in choices.items():
        if isinstance(value := getattr(request, name), str) and value not in accepted:
            yield (name,), f"should be one of {', '.join(accepted)}"
    ranges = {
        "execution_expires_after": (3600, 259_200),
        "priority": (0, 9),
        "seed": (-1, 2**32 - 1),
        "duration": (limits.min_duration, limits.max_duration),
    }
    for name, (lowest, highest) in ranges.items():
        value = getattr(request, name)
        is_auto = name == "duration" and value == -1 and limits.auto_duration
        if isinstance(value, int) and not is_auto and not lowest <= value <= highest:
            yield (name,), f"should be from {lowest} to {highest}"
    if request.safety_identifier and len(request.safety_identifier) > 64:
        yield ("safety_identifier",), "should have at most 64 characters"
    supported = {"generate_audio": limits.audio, "draft": limits.draft, "camera_fixed": limits.camera_fixed}
    for name, is_supported in supported.items():
        if getattr(request, name) is True and not is_supported:
            yield (name,), f"this model does not support `{name}`"


def _frames_mistakes(request: VideoGenerationRequest, limits: ModelLimits) -> Iterator[Mistake]:
    if not isinstance(request.frames, int):
        return
    if isinstance(request.duration, int):
        yield ("frames",), "give `duration` or `frames`, not both"
    if not limits.frames:
        yield ("frames",), "this model takes no `frames`: give `duration`"
    elif not (29 <= request.frames <= 289 and request.frames % 4 == 1):
        yield ("frames",), "should be 25 + 4n, from 29 to 289"


def _callback_mistakes(url: str) -> Iterator[Mistake]:
    try:
        parts = urlsplit(url)
        # A port that is no number is found only when it is read.
        is_usable = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        parts, is_usable = urlsplit(""), False
    if not (is_usable and parts.hostname):
        yield ("callback_url",), "should be a URL with http or https"
    elif not is_loopback(parts.hostname):
        yield ("callback_url",), "the sandbox posts callbacks to this machine only, such as http://127.0.0.1:8000/"


def _combinations(request: VideoGenerationRequest, limits: ModelLimits) -> Iterator[Mistake]:
    roles = {role_of(item) for item in request.content}
    if request.draft is True:
        if request.resolution and request.resolution != "480p":
            yield ("resolution",), "a draft has 480p only"
        if request.service_tier == "flex":
            yield ("service_tier",), "a draft cannot be `flex`"
        if request.return_last_frame is True:
            yield ("return_last_frame",), "a draft has no last frame"
    if request.camera_fixed is True and "reference_image" in roles:
        yield ("camera_fixed",), "cannot be combined with reference images"
    if limits.adaptive_frames and roles & {*FRAME_ROLES} and request.ratio and request.ratio != "adaptive":
        yield ("ratio",), "should be `adaptive` with a first frame"


def _content_mistakes(request: VideoGenerationRequest, limits: ModelLimits) -> list[Mistake]:
    found = list[Mistake]()
    for index, item in enumerate(request.content):
        found += [((index, *path), message) for path, message in _item_mistakes(item, limits)]
    return [(("content", *path), message) for path, message in [*found, *_count_mistakes(request.content, limits)]]


def _item_mistakes(item: VideoContentItem, limits: ModelLimits) -> Iterator[Mistake]:
    if item.type == "text":
        if not isinstance(item.text, str):
            yield ("text",), "Field required"
    elif item.type == "draft_task":
        if not item.draft_task:
            yield ("draft_task",), "Field required"
    elif item.type in {f"{kind}_url" for kind in MEDIA}:
        yield from media_mistakes(item, limits)
    else:
        yield ("type",), "should be one of text, image_url, video_url, audio_url, draft_task"
    roles = roles_of(item.type)
    if isinstance(item.role, str) and item.role not in roles:
        yield ("role",), f"should be one of {', '.join(roles)}" if roles else f"an item of type {item.type} has no role"


def _count_mistakes(content: list[VideoContentItem], limits: ModelLimits) -> Iterator[Mistake]:
    counts = Counter(role_of(item) for item in content)
    frames = counts["first_frame"] + counts["last_frame"]
    references = sum(counts[role] for role in ("reference_image", "reference_video", "reference_audio"))
    most = {
        "first_frame": int(limits.first_frame),
        "last_frame": int(limits.first_frame),
        "reference_image": limits.reference_images,
        "reference_video": limits.reference_videos,
        "reference_audio": limits.reference_audios,
    }
    for role, number in most.items():
        if counts[role] > number:
            yield (), f"this model takes at most {number} with the role {role}, not {counts[role]}"
    if references > limits.references:
        yield (), f"this model takes at most {limits.references} references, not {references}"
    if frames and references:
        yield (), "first and last frames cannot be combined with references"
    if counts["last_frame"] and not counts["first_frame"]:
        yield (), "a last frame needs a first frame"
    kinds = {item.type for item in content}
    if kinds == {"audio_url"} and not limits.audio_alone:
        yield (), "audio cannot be the only input"
    if "draft_task" in kinds and len(content) > 1:
        yield (), "a draft task should be the only item"
