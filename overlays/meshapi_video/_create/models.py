"""What is known of the models, for warnings only: a table ages, and the server decides.

Source: the documentation of BytePlus ModelArk, the service behind Mesh, and Mesh's guide "Video Generation", as
they were in August 2026. Where they disagree, the larger range is here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from meshapi_video_generated.models import VideoContentItemImageUrl, VideoGenerationRequest

_LONGEST_TEXT: Final = 10_000
"""Characters. The service recommends prompts of at most 500 Chinese characters or 1,000 English words, and documents
no limit. A text that is far longer is probably another file than the caller meant."""
RATIOS: Final = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")


class CreateWarning(UserWarning):
    """A create that the server may refuse, or may carry out otherwise than it says. It is sent all the same."""


@frozen(kw_only=True)
class ModelFacts:
    """What one family of models takes."""

    resolutions: tuple[str, ...] = ("480p", "720p", "1080p")
    seconds: tuple[int, int]
    is_version_2: bool = False
    """Whether it takes videos and sounds, but neither `camera_fixed` nor the tier `flex`."""
    is_version_1_0: bool = False
    """Whether it takes `frames`, but no HEIC image, and no duration of -1."""
    has_sound: bool = False
    has_draft: bool = False
    needs_adaptive: bool = False
    """Whether `ratio` must be `adaptive` for a first frame."""
    most: Mapping[str, int] = MappingProxyType({})
    """The most items of a role; a role that is not named has no known limit."""
    most_references: int = 50


_NO_REFERENCE: Final = {"reference_image": 0}
_MODELS: Final[dict[str, ModelFacts]] = {
    "dreamina-seedance-2-5": ModelFacts(
        seconds=(4, 30),
        is_version_2=True,
        has_sound=True,
        needs_adaptive=True,
        most={"reference_image": 30, "reference_video": 10, "reference_audio": 10},
    ),
    **{
        f"dreamina-seedance-2-0{variant}": ModelFacts(
            resolutions=resolutions,
            seconds=(4, 15),
            is_version_2=True,
            has_sound=True,
            most={"reference_image": 9, "reference_video": 3, "reference_audio": 3},
        )
        for variant, resolutions in {
            "-fast": ("480p", "720p"),
            "-mini": ("480p", "720p"),
            "": ("480p", "720p", "1080p", "4k"),
        }.items()
    },
    "seedance-1-5-pro": ModelFacts(seconds=(4, 12), has_sound=True, has_draft=True, most=_NO_REFERENCE),
    "seedance-1-0-pro": ModelFacts(seconds=(2, 12), is_version_1_0=True, most=_NO_REFERENCE),
    "seedance-1-0-lite-i2v": ModelFacts(seconds=(2, 12), is_version_1_0=True, most={"reference_image": 4}),
    "seedance-1-0-lite-t2v": ModelFacts(
        seconds=(2, 12), is_version_1_0=True, most={**_NO_REFERENCE, "first_frame": 0, "last_frame": 0}
    ),
}
"""By the beginning of the name, the longer first."""


def facts_of(model: str) -> ModelFacts | None:
    """The facts of a model; None if it is newer than this table, or from another maker."""
    name = model.removeprefix("byteplus/")
    return next((facts for prefix, facts in _MODELS.items() if name.startswith(prefix)), None)


def takes_sound_alone(model: str) -> bool:
    """Whether the model is known to take a sound without a picture, a video or a prompt."""
    return model.removeprefix("byteplus/").startswith("dreamina-seedance-2-5")


def doubts(request: VideoGenerationRequest) -> list[str]:
    """What in the request the server may refuse or ignore, one sentence each."""
    found = [*_doubts_of_values(request)]
    facts = facts_of(request.model)
    if facts is not None:
        found += (f"{doubt}, as far as is known of {request.model}" for doubt in _doubts_of_model(request, facts))
    return found


def _doubts_of_values(request: VideoGenerationRequest) -> Iterable[str]:
    for text in (item.text for item in request.content):
        if isinstance(text, str) and len(text) > _LONGEST_TEXT:
            yield f"a text has {len(text):,} characters, and models read about a thousand words: is it the right text?"
    if request.ratio and request.ratio not in RATIOS:
        yield f"ratio is {request.ratio!r}, which is none of {', '.join(RATIOS)}"
    if request.service_tier and request.service_tier not in {"default", "flex"}:
        yield f"service_tier is {request.service_tier!r}, which is neither default nor flex"
    if request.draft:
        if request.resolution and request.resolution != "480p":
            yield f"resolution is {request.resolution!r}, but a draft is made with 480p"
        if request.return_last_frame:
            yield "return_last_frame is set, but a draft has no last frame"
        if request.service_tier == "flex":
            yield "service_tier is 'flex', but a draft is made in the tier default only"


def _doubts_of_model(request: VideoGenerationRequest, facts: ModelFacts) -> Iterable[str]:
    least, most = facts.seconds
    roles = Counter(item.role for item in request.content if isinstance(item.role, str))
    if request.resolution and request.resolution not in facts.resolutions:
        yield f"resolution is {request.resolution!r}, which is none of {', '.join(facts.resolutions)}"
    if request.duration and not (
        least <= request.duration <= most or (request.duration == -1 and not facts.is_version_1_0)
    ):
        yield f"duration is {request.duration}, which is not from {least} to {most} seconds"
    if request.frames and not facts.is_version_1_0:
        yield "frames is not supported: pass duration"
    elif request.frames and not (29 <= request.frames <= 289 and request.frames % 4 == 1):
        yield f"frames is {request.frames}, which is not 25 + 4n, from 29 to 289"
    if request.generate_audio and not facts.has_sound:
        yield "generate_audio is set, but the model makes no sound"
    if request.draft and not facts.has_draft:
        yield "draft is not supported"
    if request.service_tier == "flex" and facts.is_version_2:
        yield "service_tier 'flex' is not supported"
    if request.camera_fixed and (facts.is_version_2 or roles["reference_image"]):
        yield "camera_fixed is not supported here"
    if facts.needs_adaptive and roles["first_frame"] and request.ratio and request.ratio != "adaptive":
        yield f"ratio is {request.ratio!r}, but should be 'adaptive' with a first frame"
    yield from _doubts_of_content(request, facts, roles)


def _doubts_of_content(request: VideoGenerationRequest, facts: ModelFacts, roles: Counter[str]) -> Iterable[str]:
    types = Counter(item.type_ for item in request.content)
    if (types["video_url"] or types["audio_url"]) and not facts.is_version_2:
        yield "videos and sounds are not supported as references"
    elif types["audio_url"] and not (types["image_url"] or types["video_url"] or takes_sound_alone(request.model)):
        yield "a sound needs a picture or a video beside it"
    for role, most in facts.most.items():
        if roles[role] > most:
            yield f"content has {roles[role]} of the role {role}, more than {most}"
    references = sum(count for role, count in roles.items() if role.startswith("reference_"))
    if references > facts.most_references:
        yield f"content has {references} references, more than {facts.most_references}"
    images = (item.image_url for item in request.content)
    # An item that the caller made may have another type.
    urls = (str(image.url) for image in images if isinstance(image, VideoContentItemImageUrl))
    if facts.is_version_1_0 and any(url.startswith(("data:image/heic", "data:image/heif")) for url in urls):
        yield "HEIC and HEIF images are not supported"
